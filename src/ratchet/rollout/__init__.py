"""Playing: trajectories and the collectors that make them."""
