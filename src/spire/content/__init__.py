"""Content: every card, monster, relic, potion and event as data that reads like its text in the game."""
