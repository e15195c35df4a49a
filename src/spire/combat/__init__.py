"""Combat: the queue of effects, and everything that puts effects into it."""
