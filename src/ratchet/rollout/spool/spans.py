"""Sets of whole numbers that are mostly without gaps, kept as spans."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable


class Spans:
    """A set of whole numbers, as sorted spans ``[first, end)`` that do not touch each other."""

    def __init__(self, spans: Iterable[Iterable[int]] = ()) -> None:
        self._firsts: list[int] = []
        self._ends: list[int] = []
        for first, end in spans:
            self._firsts.append(int(first))
            self._ends.append(int(end))

    def add(self, number: int) -> None:
        """Put a number in, if it is not there."""
        if number in self:
            return
        after = bisect_right(self._firsts, number)
        joins_left = after > 0 and self._ends[after - 1] == number
        joins_right = after < len(self._firsts) and self._firsts[after] == number + 1
        if joins_left and joins_right:
            self._ends[after - 1] = self._ends.pop(after)
            self._firsts.pop(after)
        elif joins_left:
            self._ends[after - 1] = number + 1
        elif joins_right:
            self._firsts[after] = number
        else:
            self._firsts.insert(after, number)
            self._ends.insert(after, number + 1)

    def __contains__(self, number: int) -> bool:
        """Return whether the number is there."""
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number < self._ends[at]

    def __len__(self) -> int:
        """Return how many numbers there are."""
        return sum(self._ends) - sum(self._firsts)

    @property
    def end(self) -> int:
        """One above the largest number, 0 where there is none."""
        return self._ends[-1] if self._ends else 0

    def to_json(self) -> list[list[int]]:
        """Return the spans, as the constructor takes them."""
        return [list(span) for span in zip(self._firsts, self._ends, strict=True)]
