"""Inputs that are mostly zeros, and the first layer's products with them.

A wide observation is often empty: of a game's hands, decks and enemies most places are unused at any moment.
The products of a layer with such rows need the numbers that are not zero and no others: at 2.4% of 2,900
that is a tenth of the time of the dense product, which is most of a perceptron's.

Invariants: what is chosen depends on the numbers alone, so the same rows are always computed alike; every sum
runs in one fixed order. Weights stand input by input, ``(in, out)``: what an input adds to all outputs is one
piece of memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

WIDE = 512
"""Inputs from which on a first layer's weight stands input by input, and zeros are looked for."""

DENSE = 1 / 8
"""Above this share of numbers that are not zero the dense product is taken; at about 1/5 both are as fast."""

_FLAGS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "nsz"},
}

f32 = np.float32


@njit(**_FLAGS)
def _count(dense: Any, most: Any, starts: Any) -> Any:
    """Note where each row's numbers will begin; return whether there are at most so many."""
    n, width = dense.shape
    found = 0
    for r in range(n):
        row = dense[r]
        here = 0
        for c in range(width):
            here += row[c] != f32(0.0)
        found += here
        if found > most:
            return False
        starts[r + 1] = found
    return True


@njit(**_FLAGS)
def _gather(dense: Any, starts: Any, columns: Any, values: Any) -> None:
    n, width = dense.shape
    for r in range(n):
        row = dense[r]
        k = starts[r]
        for c in range(width):
            if row[c] != f32(0.0):
                columns[k] = c
                values[k] = row[c]
                k += 1


@njit(**_FLAGS)
def _spread(starts: Any, columns: Any, values: Any, which: Any, out: Any) -> None:
    for place in range(which.size):
        row = which[place]
        for k in range(starts[row], starts[row + 1]):
            out[place, columns[k]] = values[k]


@njit(**_FLAGS)
def _copy(
    starts: Any, columns: Any, values: Any, which: Any, ends: Any, to_columns: Any, to_values: Any
) -> None:
    for place in range(which.size):
        row, at = which[place], ends[place]
        for k in range(starts[row], starts[row + 1]):
            to_columns[at] = columns[k]
            to_values[at] = values[k]
            at += 1


@njit(**_FLAGS)
def _turn(
    starts: Any,
    columns: Any,
    values: Any,
    which: Any,
    to_starts: Any,
    rows: Any,
    to_values: Any,
) -> None:
    """Sort the numbers by column, and within a column by row."""
    width = to_starts.size - 1
    to_starts[:] = 0
    for place in range(which.size):
        for k in range(starts[which[place]], starts[which[place] + 1]):
            to_starts[columns[k] + 1] += 1
    for c in range(width):
        to_starts[c + 1] += to_starts[c]
    at = to_starts[:width].copy()
    for place in range(which.size):
        for k in range(starts[which[place]], starts[which[place] + 1]):
            c = columns[k]
            rows[at[c]] = place
            to_values[at[c]] = values[k]
            at[c] += 1


@njit(inline="always", **_FLAGS)
def _add_rows(starts: Any, index: Any, values: Any, row: Any, matrix: Any, out: Any) -> None:
    """Add to `out` the rows of a matrix that `index` names, each times its value."""
    # Four at a time, so that an output is loaded and stored once for four products; the sum still goes
    # from the first to the last.
    first, end = starts[row], starts[row + 1]
    whole = first + (end - first) // 4 * 4
    for k in range(first, whole, 4):
        a, b, c, d = values[k], values[k + 1], values[k + 2], values[k + 3]
        u, v = matrix[index[k]], matrix[index[k + 1]]
        w, z = matrix[index[k + 2]], matrix[index[k + 3]]
        for j in range(out.size):
            out[j] = (((out[j] + a * u[j]) + b * v[j]) + c * w[j]) + d * z[j]
    for k in range(whole, end):
        a, u = values[k], matrix[index[k]]
        for j in range(out.size):
            out[j] += a * u[j]


@njit(**_FLAGS)
def _product(starts: Any, columns: Any, values: Any, which: Any, weight: Any, out: Any) -> None:
    for place in range(which.size):
        row = out[place]
        row[:] = f32(0.0)
        _add_rows(starts, columns, values, which[place], weight, row)


@njit(**_FLAGS)
def _weight_gradient(starts: Any, rows: Any, values: Any, gradient: Any, d_weight: Any) -> None:
    for column in range(len(d_weight)):
        row = d_weight[column]
        row[:] = f32(0.0)
        _add_rows(starts, rows, values, column, gradient, row)


@dataclass(frozen=True, kw_only=True, eq=False)
class SparseRows:
    """Some rows of float32, `width` numbers each, of which those that are not zero are kept.

    Row i is row ``r = which[i]`` of what is kept: ``values[starts[r]:starts[r + 1]]`` in those ``columns``,
    which ascend. `starts` is int64, `columns` whole numbers of any type, `values` float32.
    """

    width: int
    starts: IntArray
    columns: NDArray[Any]
    values: FloatArray
    which: IntArray

    @classmethod
    def of(cls, dense: FloatArray, most: float = 1.0) -> SparseRows | None:
        """Return the rows of an array ``(n, width)``, or None if more than this share is not zero."""
        dense = np.ascontiguousarray(dense)
        starts = np.zeros(len(dense) + 1, dtype=np.int64)
        if not _count(dense, int(most * dense.size), starts):
            return None
        small = np.uint16 if dense.shape[1] <= 1 << 16 else np.uint32
        columns = np.empty(starts[-1], dtype=small)
        values = np.empty(starts[-1], dtype=np.float32)
        _gather(dense, starts, columns, values)
        return cls(
            width=dense.shape[1],
            starts=starts,
            columns=columns,
            values=values,
            which=np.arange(len(dense)),
        )

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.which)

    def __getitem__(self, rows: Any) -> SparseRows:
        """Return the rows that a slice or an array of places names; nothing is copied."""
        return SparseRows(
            width=self.width,
            starts=self.starts,
            columns=self.columns,
            values=self.values,
            which=np.ascontiguousarray(self.which[rows]),
        )

    def dense(self) -> FloatArray:
        """Return the rows as an array ``(n, width)``."""
        out = np.zeros((len(self), self.width), dtype=np.float32)
        _spread(self.starts, self.columns, self.values, self.which, out)
        return out

    def product(self, weight: FloatArray, out: FloatArray) -> None:
        """Write the products ``(n, out)`` with a weight ``(width, out)``."""
        _product(self.starts, self.columns, self.values, self.which, weight, out)

    def weight_gradient(self, gradient: FloatArray, d_weight: FloatArray) -> None:
        """Write the gradient of a weight ``(width, out)``, given that of the products ``(n, out)``."""
        starts, rows, values = self._by_column
        _weight_gradient(starts, rows, values, gradient, d_weight)

    @property
    def lengths(self) -> IntArray:
        """How many numbers each row has that are not zero ``(n,)``."""
        lengths: IntArray = self.starts[self.which + 1] - self.starts[self.which]
        return lengths

    @cached_property
    def _by_column(self) -> tuple[IntArray, NDArray[np.int32], FloatArray]:
        """The same numbers column by column: where each begins, their rows, and themselves."""
        count = int(self.lengths.sum())
        starts = np.empty(self.width + 1, dtype=np.int64)
        rows, values = np.empty(count, dtype=np.int32), np.empty(count, dtype=np.float32)
        _turn(self.starts, self.columns, self.values, self.which, starts, rows, values)
        return starts, rows, values


Rows = FloatArray | SparseRows
"""What a perceptron sees ``(n, width)``."""


def compact(x: Rows) -> Rows:
    """Return rows without their zeros, where they are wide and mostly zeros; others as they are."""
    if isinstance(x, SparseRows) or x.shape[1] < WIDE:
        return x
    sparse = SparseRows.of(x, DENSE)
    return x if sparse is None else sparse


def joined(*parts: Rows) -> Rows:
    """Return the rows of at least one part, all of one width, one part after the other."""
    sparse = [part for part in parts if isinstance(part, SparseRows)]
    if len(sparse) < len(parts):
        return np.concatenate(
            [part.dense() if isinstance(part, SparseRows) else part for part in parts]
        )
    if len(sparse) == 1:
        return sparse[0]
    ends = np.zeros(sum(map(len, sparse)) + 1, dtype=np.int64)
    np.cumsum(np.concatenate([part.lengths for part in sparse]), out=ends[1:])
    columns = np.empty(ends[-1], dtype=sparse[0].columns.dtype)
    values = np.empty(ends[-1], dtype=np.float32)
    low = 0
    for part in sparse:
        high = low + len(part)
        _copy(part.starts, part.columns, part.values, part.which, ends[low:high], columns, values)
        low = high
    return SparseRows(
        width=sparse[0].width, starts=ends, columns=columns, values=values, which=np.arange(low)
    )
