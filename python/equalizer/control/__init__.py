"""Everything that happens once a second or less."""
