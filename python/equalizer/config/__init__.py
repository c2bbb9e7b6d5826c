"""TOML to model, with errors that name file, line, key and what to write instead."""
