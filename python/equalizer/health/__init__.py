"""Asks servers whether they can serve, and how busy they are."""
