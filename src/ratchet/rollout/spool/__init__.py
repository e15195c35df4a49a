"""The spool: the durable queue between the workers, who play, and the trainer, who learns."""

from ratchet.rollout.spool.counts import Counts, read_counts
from ratchet.rollout.spool.lag import lag, room, should_wait
from ratchet.rollout.spool.layout import create_spool
from ratchet.rollout.spool.trainer import Claimed, Spool
from ratchet.rollout.spool.writer import SpoolWriter

__all__ = [
    "Claimed",
    "Counts",
    "Spool",
    "SpoolWriter",
    "create_spool",
    "lag",
    "read_counts",
    "room",
    "should_wait",
]
