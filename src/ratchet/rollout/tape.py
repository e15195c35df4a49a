"""What environments side by side have been through, each since its episode began.

One row a step of all copies, in a ring that grows with the longest episode in progress. So a step is recorded
by one copy of memory an array, however many copies there are, and an episode is cut out when it has ended.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NOT_BEGUN = np.iinfo(np.int64).max
"""The first row of a copy that is not in an episode."""

_FIRST_ROWS = 64


class Tape:
    """Named arrays of `count` copies; a copy that is in an episode moves in every row until that ends."""

    def __init__(self, count: int, rows: int = _FIRST_ROWS) -> None:
        self._count = count
        self._rows = 1 << (rows - 1).bit_length()
        self._arrays: dict[str, NDArray[Any]] = {}
        self._begun = np.full(count, NOT_BEGUN, dtype=np.int64)
        self._tick = self._oldest = self._at = 0

    def __contains__(self, name: str) -> bool:
        """Return whether anything was written under a name."""
        return name in self._arrays

    def begin(self, copies: NDArray[np.int64]) -> None:
        """Begin an episode in each of these copies: the row to come is its first."""
        self._begun[copies] = self._tick

    def write(
        self, name: str, values: NDArray[Any], copies: NDArray[np.int64] | None = None
    ) -> NDArray[Any]:
        """Put values, one a copy, into the present row; return that of all copies ``(count, …)``."""
        array = self._arrays.get(name)
        if array is None:
            shape = (self._rows, self._count, *values.shape[1:])
            array = self._arrays[name] = np.zeros(shape, dtype=values.dtype)
        row: NDArray[Any] = array[self._at]
        if copies is None:
            row[:] = values
        else:
            row[copies] = values
        return row

    def advance(self) -> None:
        """Go on to the next row; the present one now belongs to the episodes in progress."""
        self._tick += 1
        if self._tick - self._oldest >= self._rows:
            self._oldest = min(int(self._begun.min()), self._tick)
            if self._tick - self._oldest >= self._rows:
                self._grow()
        self._at = self._tick & (self._rows - 1)

    def length(self, copy: int) -> int:
        """Return how many rows a copy's episode has."""
        return self._tick - int(self._begun[copy])

    def read(self, name: str, copy: int) -> NDArray[Any]:
        """Return a copy of an array's rows ``(length, …)`` of one copy's episode."""
        array, first, length = self._arrays[name], int(self._begun[copy]), self.length(copy)
        low = first & (self._rows - 1)
        if low + length <= self._rows:
            return array[low : low + length, copy].copy()
        return np.concatenate([array[low:, copy], array[: low + length - self._rows, copy]])

    def end(self, copy: int) -> None:
        """Forget a copy's episode."""
        self._begun[copy] = NOT_BEGUN

    def _grow(self) -> None:
        ticks = np.arange(self._oldest, self._tick)
        old, new = ticks & (self._rows - 1), ticks & (2 * self._rows - 1)
        for name, array in self._arrays.items():
            grown = np.zeros((2 * self._rows, *array.shape[1:]), dtype=array.dtype)
            grown[new] = array[old]
            self._arrays[name] = grown
        self._rows *= 2
