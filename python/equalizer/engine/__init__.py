"""The data plane as Python sees it."""
