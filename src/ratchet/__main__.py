"""``python -m ratchet``."""

from ratchet.cli.main import entry

entry()
