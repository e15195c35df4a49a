"""From flat observations to the entities that are there, and to what scores which action.

A batch has tokens, row by row: first the row's own, which stands for all that is in no set, then its entities
in the order of the sets and of their places. What is not there has no token, and so no part in anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ratchet.entities import Entities
from ratchet.policies.sparse import WIDE, Rows, SparseRows

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

_FLAGS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}

f32 = np.float32


@njit(**_FLAGS)
def _number(dense: Any, sets: Any, tokens: Any, starts: Any) -> None:
    """Write the number of each place's token, -1 where nothing is, and where each row's tokens begin."""
    token = 0
    for r in range(len(dense)):
        row = dense[r]
        token += 1
        place = 0
        for s in range(len(sets)):
            for k in range(sets[s, 1]):
                first = sets[s, 0] + k * sets[s, 2]
                there = False
                for c in range(first, first + sets[s, 2]):
                    there |= row[c] != f32(0.0)
                tokens[r, place] = token if there else -1
                token += there
                place += 1
        starts[r + 1] = token


@njit(**_FLAGS)
def _take(dense: Any, tokens: Any, offset: Any, numbers: Any, at: Any, places: Any) -> None:
    """Copy the entities of a set that are there; the tokens are by its places."""
    wide, m = numbers.shape[1], 0
    for r in range(len(dense)):
        for k in range(tokens.shape[1]):
            if tokens[r, k] >= 0:
                column = offset + k * wide
                numbers[m] = dense[r, column : column + wide]
                at[m], places[m] = tokens[r, k], k
                m += 1


@njit(**_FLAGS)
def _link_singles(
    dense: Any, tokens: Any, places: Any, columns: Any, actions: Any, when: Any, out: Any, at: Any
) -> Any:
    """Write which token scores which action of a row, from `at` on; return where they end.

    The score's places are in their order; `columns` says what is not zero in each that is listed, -1 if the
    place itself counts.
    """
    for r in range(len(dense)):
        holds = when.size == 0
        for column in when:
            holds |= dense[r, column] != f32(0.0)
        if not holds:
            continue
        k = 0
        for i in range(places.size):
            token = tokens[r, places[i]]
            counts = columns[i] < 0 or dense[r, columns[i]] != f32(0.0)
            if counts and k < actions.size:
                if token >= 0:
                    out[at, 0], out[at, 1], out[at, 2] = token, r, actions[k]
                    at += 1
                k += 1
    return at


@njit(**_FLAGS)
def _link_pairs(left: Any, right: Any, actions: Any, out: Any) -> Any:
    """Write which pair scores which action of a row; return how many do. The tokens are by place."""
    count, m = 0, 0
    for r in range(len(left)):
        for i in range(left.shape[1]):
            if left[r, i] < 0:
                continue
            for j in range(right.shape[1]):
                if right[r, j] >= 0:
                    out[count, 0], out[count, 1] = m, right[r, j]
                    out[count, 2], out[count, 3] = r, actions[i * right.shape[1] + j]
                    count += 1
            m += 1
    return count


@njit(**_FLAGS)
def _restrict(
    starts: Any, columns: Any, values: Any, which: Any, to: Any, ends: Any, kept: Any, of: Any
) -> Any:
    """Copy the numbers whose column has a new place in `to`; return how many there are."""
    count = 0
    for place in range(which.size):
        row = which[place]
        for k in range(starts[row], starts[row + 1]):
            if to[columns[k]] >= 0:
                kept[count], of[count] = to[columns[k]], values[k]
                count += 1
        ends[place + 1] = count
    return count


@dataclass(frozen=True, kw_only=True, eq=False)
class Members:
    """The entities of one set that are there: their numbers ``(m, width)``, tokens and places ``(m,)``."""

    numbers: FloatArray
    tokens: IntArray
    places: IntArray

    def __len__(self) -> int:
        """Return how many they are."""
        return len(self.tokens)


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What there is in a batch of `n` rows: row r has the tokens ``starts[r] … starts[r + 1]``.

    `rest` ``(n, width)`` is what is in no set, `members` are by set's name. `singles` ``(k, 3)`` are token, row and
    action, those of score i from ``ends[i]`` to ``ends[i + 1]``. `pairs` ``(k, 4)`` are by score: which of the
    left set's entities, the token of the right one, row and action.
    """

    starts: IntArray
    rest: Rows
    members: dict[str, Members]
    singles: IntArray
    ends: IntArray
    pairs: tuple[IntArray, ...]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.starts) - 1

    @property
    def own(self) -> IntArray:
        """The tokens ``(n,)`` that stand for the rows themselves."""
        return self.starts[:-1]


class Finder:
    """Finds the entities of observations of `size` numbers."""

    def __init__(self, entities: Entities, size: int) -> None:
        self._entities = entities
        self._sets = np.array([(s.offset, s.count, s.width) for s in entities.sets], dtype=np.int64)
        self._first = np.concatenate([[0], np.cumsum(self._sets[:, 1])])
        self._index = {one.name: i for i, one in enumerate(entities.sets)}
        self._rest = entities.rest_of(size)
        self._new_place = np.full(size, -1, dtype=np.int64)
        self._new_place[self._rest] = np.arange(len(self._rest))
        self._singles = []
        for one in entities.single:
            places, columns = [], []
            for i, name in enumerate(one.sets):
                of = entities.of(name)
                first = self._first[self._index[name]]
                for k in range(of.count):
                    places.append(first + k)
                    columns.append(of.offset + k * of.width + one.listed[i] if one.listed else -1)
            tables = (places, columns, one.actions, one.when)
            self._singles.append([np.array(table, dtype=np.int64) for table in tables])
        self._pairs = [
            (self._span(one.left), self._span(one.right), np.array(one.actions, dtype=np.int64))
            for one in entities.pairs
        ]

    def find(self, x: Rows) -> Found:
        """Return what there is in the rows ``(n, size)``."""
        dense = x.dense() if isinstance(x, SparseRows) else np.ascontiguousarray(x)
        n = len(dense)
        tokens = np.empty((n, self._first[-1]), dtype=np.int64)
        starts = np.zeros(n + 1, dtype=np.int64)
        _number(dense, self._sets, tokens, starts)
        most = n * sum(places.size for places, *_ in self._singles)
        singles, ends = np.empty((most, 3), dtype=np.int64), [0]
        for tables in self._singles:
            ends.append(_link_singles(dense, tokens, *tables, singles, ends[-1]))
        return Found(
            starts=starts,
            rest=self._restrict(x, dense),
            members={name: self._members(dense, tokens, i) for name, i in self._index.items()},
            singles=singles[: ends[-1]],
            ends=np.array(ends, dtype=np.int64),
            pairs=tuple(_pairs(tokens, *tables) for tables in self._pairs),
        )

    def _span(self, name: str) -> slice:
        index = self._index[name]
        return slice(int(self._first[index]), int(self._first[index + 1]))

    def _members(self, dense: FloatArray, tokens: IntArray, index: int) -> Members:
        offset, _, wide = self._sets[index]
        own = tokens[:, self._first[index] : self._first[index + 1]]
        count = int((own >= 0).sum())
        members = Members(
            numbers=np.empty((count, wide), dtype=np.float32),
            tokens=np.empty(count, dtype=np.int64),
            places=np.empty(count, dtype=np.int64),
        )
        _take(dense, own, offset, members.numbers, members.tokens, members.places)
        return members

    def _restrict(self, x: Rows, dense: FloatArray) -> Rows:
        """Return the columns that are in no set."""
        if not isinstance(x, SparseRows) or len(self._rest) < WIDE:
            return np.ascontiguousarray(dense[:, self._rest])
        most = int(x.lengths.sum())
        ends = np.zeros(len(x) + 1, dtype=np.int64)
        columns, values = np.empty(most, dtype=x.columns.dtype), np.empty(most, dtype=np.float32)
        count = _restrict(
            x.starts, x.columns, x.values, x.which, self._new_place, ends, columns, values
        )
        return SparseRows(
            width=len(self._rest),
            starts=ends,
            columns=columns[:count],
            values=values[:count],
            which=np.arange(len(x)),
        )


def _pairs(tokens: IntArray, left: slice, right: slice, actions: IntArray) -> IntArray:
    most = len(tokens) * actions.size
    links = np.empty((most, 4), dtype=np.int64)
    return links[: _link_pairs(tokens[:, left], tokens[:, right], actions, links)]
