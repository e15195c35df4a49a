"""Replay: games of the reference engine, played again step by step and compared field by field."""
