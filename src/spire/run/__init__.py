"""Run: what happens between combats, from Neow to the end of an act."""
