"""Who plays: networks, scopes, actors, checkpoints, and the files of other libraries."""
