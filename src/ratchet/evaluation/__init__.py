"""Knowing it: evaluation on fixed seeds, statistics, forgetting, and the pawl."""
