"""Adapters to the world outside: files that hold secrets (`keys`), and databases that hold state (`state`)."""
