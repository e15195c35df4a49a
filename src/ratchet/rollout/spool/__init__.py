"""The spool: the durable queue between the workers, who play, and the trainer, who learns."""

from ratchet.rollout.spool.counts import Counts, read_counts, written_by
from ratchet.rollout.spool.lag import ahead, lag, room
from ratchet.rollout.spool.layout import create_spool
from ratchet.rollout.spool.trainer import Claimed, Spool
from ratchet.rollout.spool.writer import SpoolWriter

__all__ = [
    "Claimed",
    "Counts",
    "Spool",
    "SpoolWriter",
    "ahead",
    "create_spool",
    "lag",
    "read_counts",
    "room",
    "written_by",
]
