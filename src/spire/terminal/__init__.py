"""The terminal: a game as text, played by a person, stepped through, or watched. One view for all."""
