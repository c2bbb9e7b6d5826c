"""What people and machines are told of the running system."""
