"""A network that knows the entities of an observation: sets with attention, and actions scored by pairs."""
