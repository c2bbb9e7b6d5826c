"""The persistence laboratory: what becomes of sessions, measured from outside."""
