"""How many episodes are where, in a sum that adds up while they move.

Everything goes forward through the states, and they are looked through in that order, the list of what
has retired last: what moves meanwhile is seen twice and not never, and counts where it was seen last.
What goes back waits until the look is over. So no episode is left out, and the numbers of each writer
say whether one is missing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from ratchet.rollout.spool.layout import (
    CLAIMED,
    CONSUMED,
    CORRUPT,
    FOREIGN,
    INCOMING,
    STALE,
    STATES,
    Key,
    check_spool,
    keys_in,
    standing,
    writers_of,
)
from ratchet.rollout.spool.retired import Retired

_LOOKS = 50
_PAUSE = 0.002


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Episodes by state, and all that were ever collected.

    `collected` is the sum of all states and `missing`, which is 0 unless somebody else has taken a file
    away.
    """

    collected: int
    waiting: int
    claimed: int
    consumed: int
    stale: int
    corrupt: int
    foreign: int
    missing: int


def read_counts(directory: Path) -> Counts:
    """Return the counts of a spool, from any process and at any moment.

    Raises
    ------
    SpoolError
        If there is no spool, or it cannot be read.

    """
    directory = Path(directory)
    check_spool(directory)
    with standing(directory):
        counts = _look(directory)
        for _ in range(_LOOKS):
            if counts.missing == 0:
                break
            # One that was put in meanwhile and not seen, while the next one was.
            time.sleep(_PAUSE)
            counts = _look(directory)
    return counts


def written_by(directory: Path, writer: int) -> int:
    """Return how many episodes a writer that has died had put in.

    Raises
    ------
    SpoolError
        If there is no spool, or it cannot be read.

    """
    directory = Path(directory)
    check_spool(directory)
    with standing(directory):
        there = [keys_in(directory, state) for state in STATES]
        spans = Retired.read(directory).spans.get(writer)
    keys = [key for each in there for key in each if not isinstance(key, str)]
    ends = [number + 1 for by, number in keys if by == writer]
    return max(ends, default=0) if spans is None else max([*ends, spans.end])


def _look(directory: Path) -> Counts:
    states: dict[Key, str] = {}
    for state in STATES:
        states |= dict.fromkeys(keys_in(directory, state), state)
    retired, writers = Retired.read(directory), writers_of(directory)
    counted = dict.fromkeys(STATES, 0) | retired.counts
    seen = {writer: len(spans) for writer, spans in retired.spans.items()}
    numbered = {writer: spans.end for writer, spans in retired.spans.items()}
    strays = 0
    for key, state in states.items():
        if key in retired:
            continue
        counted[state] += 1
        if isinstance(key, str) or key[0] not in writers:
            strays += 1
        else:
            writer, number = key
            seen[writer] = seen.get(writer, 0) + 1
            numbered[writer] = max(numbered.get(writer, 0), number + 1)
    collected = sum(numbered.values())
    return Counts(
        collected=collected + strays,
        waiting=counted[INCOMING],
        claimed=counted[CLAIMED],
        consumed=counted[CONSUMED],
        stale=counted[STALE],
        corrupt=counted[CORRUPT],
        foreign=counted[FOREIGN],
        missing=collected - sum(seen.values()),
    )
