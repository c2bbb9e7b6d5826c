"""The command `equalizer`."""
