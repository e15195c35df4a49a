"""Remembering it: one SQLite file, and the public index beside it."""
