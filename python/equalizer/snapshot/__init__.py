"""What the engine runs: the wire format, and the way there from a configuration."""
