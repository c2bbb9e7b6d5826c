"""What a user may write: one noun a file, frozen."""
