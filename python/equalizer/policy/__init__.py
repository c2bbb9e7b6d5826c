"""What follows from what was seen: pure functions from reports to estimates."""
