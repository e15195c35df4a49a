"""Stable-Baselines3's files, read without running anything of theirs, and written so that it opens them."""
