"""What was consumed or stale and has been removed: no file any more, but counted for good.

Invariant: a file is removed only after this list says so, and the list is replaced in one step. So what
is both a file and in the list counts once, as retired.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from ratchet.errors import SpoolError
from ratchet.policies.durable import replace_file, strict_json
from ratchet.rollout.spool.layout import (
    CONSUMED,
    REASON,
    RETIRED,
    STALE,
    Key,
    files_of,
    of_update,
    read_json,
    unusable,
    updates_in,
)
from ratchet.rollout.spool.spans import Spans

RETIRES = (CONSUMED, STALE)
"""States whose files are removed in time. What is corrupt or foreign stays, to be looked at."""


class Retired:
    """The numbers that have retired, by writer, and how many there are of each state."""

    def __init__(self, spans: dict[int, Spans], counts: dict[str, int]) -> None:
        self.spans = spans
        self.counts = counts

    @classmethod
    def read(cls, directory: Path) -> Retired:
        """Return what a spool's list says.

        Raises
        ------
        SpoolError
            If the list cannot be read.

        """
        said = read_json(directory / RETIRED) or {"spans": {}, "counts": {}}
        try:
            spans = {int(writer): Spans(each) for writer, each in said["spans"].items()}
            counts = {state: int(said["counts"].get(state, 0)) for state in RETIRES}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SpoolError(f"{directory / RETIRED} is damaged: {error}") from error
        return cls(spans, counts)

    def __contains__(self, key: Key) -> bool:
        """Return whether an episode has retired."""
        if isinstance(key, str):
            return False
        writer, number = key
        return writer in self.spans and number in self.spans[writer]

    def add(self, state: str, keys: Iterable[Key]) -> None:
        """Let episodes retire that were in a state; those that have already are left out."""
        for key in keys:
            if key not in self and not isinstance(key, str):
                self.spans.setdefault(key[0], Spans()).add(key[1])
                self.counts[state] += 1

    def write(self, directory: Path) -> None:
        """Make the list durable.

        Raises
        ------
        SpoolError
            If it cannot be written; the old one is then as it was.

        """
        said = {
            "spans": {str(writer): spans.to_json() for writer, spans in self.spans.items()},
            "counts": self.counts,
        }
        try:
            replace_file(directory / RETIRED, strict_json(said, RETIRED))
        except OSError as problem:
            raise unusable(problem, directory / RETIRED) from problem


def retire(directory: Path, newest: int) -> Retired | None:
    """Let what updates up to the `newest` consumed or found stale retire, and remove it.

    Returns the list that counts it, or None where there was nothing.

    Raises
    ------
    SpoolError
        If the list cannot be read or written. Nothing is removed then.
    OSError
        If something cannot be removed. It is counted as retired all the same.

    """
    old = [
        (state, update)
        for state in RETIRES
        for update in updates_in(directory, state)
        if update <= newest
    ]
    if not old:
        return None
    retired = Retired.read(directory)
    for state, update in old:
        retired.add(state, files_of(directory, state, update).values())
    retired.write(directory)
    for state, update in old:
        place = of_update(directory, state, update)
        for name in files_of(directory, state, update):
            (place / (name + REASON)).unlink(missing_ok=True)
            (place / name).unlink()
        with contextlib.suppress(OSError):
            place.rmdir()
    return retired
