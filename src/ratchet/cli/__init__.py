"""The front door: the ``ratchet`` command."""
