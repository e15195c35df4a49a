"""Rows of float32 that are mostly zeros, kept as the numbers that are not.

Invariant: what comes out is what went in, number for number (-0.0 as 0.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@njit(cache=True, nogil=True)
def _spread(starts: Any, columns: Any, values: Any, which: Any, out: Any) -> None:
    for place in range(which.size):
        row = which[place]
        for k in range(starts[row], starts[row + 1]):
            out[place, columns[k]] = values[k]


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """`n` rows of `width` numbers: row i has ``values[starts[i]:starts[i + 1]]`` in those ``columns``.

    `starts` is int64 ``(n + 1,)``, `columns` uint16 or uint32, `values` float32.
    """

    width: int
    starts: NDArray[np.int64]
    columns: NDArray[Any]
    values: FloatArray

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.starts) - 1

    @property
    def nbytes(self) -> int:
        """How much memory they take."""
        return self.starts.nbytes + self.columns.nbytes + self.values.nbytes

    @classmethod
    def of(cls, dense: FloatArray) -> Rows:
        """Return the rows of an array ``(n, width)``."""
        rows, columns = np.nonzero(dense)
        counts = np.bincount(rows, minlength=len(dense))
        small = np.uint16 if dense.shape[1] <= 1 << 16 else np.uint32
        return cls(
            width=dense.shape[1],
            starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            columns=columns.astype(small),
            values=dense[rows, columns],
        )

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """Return the rows of parts of one width, one after the other."""
        ends = np.cumsum([0, *(part.starts[-1] for part in parts)])
        starts = [part.starts[:-1] + end for part, end in zip(parts, ends, strict=False)]
        return cls(
            width=parts[0].width,
            starts=np.concatenate([*starts, ends[-1:]]).astype(np.int64),
            columns=np.concatenate([part.columns for part in parts]),
            values=np.concatenate([part.values for part in parts]),
        )

    def dense(self, which: NDArray[np.int64]) -> FloatArray:
        """Return the named rows as an array ``(len(which), width)``."""
        out = np.zeros((len(which), self.width), dtype=np.float32)
        _spread(self.starts, self.columns, self.values, which, out)
        return out
