"""How old an episode is when it is learned from, and how many may wait so that none is too old."""

from __future__ import annotations

from pathlib import Path

from ratchet.rollout.spool.layout import CLAIMED, INCOMING, check_spool, keys_in

MAX_LAG = 4
"""Above this lag an episode is stale."""


def lag(collected: int, newest: int) -> int:
    """Return how many versions have been published since the one that played an episode.

    `collected` is the number of that one, and `newest` of the last one published when an update
    begins: what the episode has waited in the queue is in it.
    """
    return newest - collected


def room(batch: int, *, max_lag: int = MAX_LAG) -> int:
    """Return how many episodes may be ahead of one that begins now, for it to be fresh in its turn.

    The trainer takes `batch` episodes at a time and then publishes a version. With `a` ahead, the episode is of
    the batch after ``a // batch`` others, and that is its lag.
    """
    return batch * (max_lag + 1)


def ahead(directory: Path) -> int:
    """Return how many episodes will be learned from before one that begins now, as far as they are written.

    Raises
    ------
    SpoolError
        If there is no spool, or it cannot be read.

    """
    check_spool(directory)
    # In this order: what moves meanwhile is seen twice, and not never.
    return len(keys_in(directory, INCOMING) | keys_in(directory, CLAIMED))
