"""What a recurrent network learns from: stretches of episodes side by side, time down the first axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Sequences:
    """`n` stretches of at most `steps` transitions.

    `inputs` ``(steps, n, input size)`` are what the network sees: normalised observation, previous action,
    previous reward. `starts` ``(n, width)`` is the GRU's state before the first step; where `begins`
    ``(steps, n)`` an episode begins, the state before is zero instead. Cells outside `valid`
    ``(steps, n)`` are padding, at the end of a stretch. `added` and `kept` ``(steps, n, slots)`` are the
    gate's noise (see `GateNoise`).

    Outputs of a network have one row for each valid cell, a step's cells together.
    """

    inputs: FloatArray
    starts: FloatArray
    begins: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    added: FloatArray | None = None
    kept: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        """Return the number of stretches."""
        return len(self.starts)

    def take(self, which: Any) -> Sequences:
        """Return the stretches that `which` indexes."""

        def columns(array: NDArray[Any]) -> NDArray[Any]:
            return np.ascontiguousarray(array[:, which])

        return Sequences(
            inputs=columns(self.inputs),
            starts=np.ascontiguousarray(self.starts[which]),
            begins=columns(self.begins),
            valid=columns(self.valid),
            added=None if self.added is None else columns(self.added),
            kept=None if self.kept is None else columns(self.kept),
        )

    def cut(self, length: int, states: FloatArray) -> Sequences:
        """Return stretches of at most `length` steps; `states` ``(steps, n, width)`` follow each step.

        The pieces of the first `length` steps come first, then those of the next, and so on; pieces without a
        valid cell are kept, so that other arrays can be cut alike (`cut_rows`).
        """
        steps = len(self.inputs)
        if length >= steps:
            return self
        starts = [self.starts]
        starts += [states[row - 1] for row in range(length, steps, length)]
        return Sequences(
            inputs=cut_rows(self.inputs, length),
            starts=np.concatenate(starts),
            begins=cut_rows(self.begins, length),
            valid=cut_rows(self.valid, length),
            added=None if self.added is None else cut_rows(self.added, length),
            # Padding keeps every slot: a softmax over none is not a number.
            kept=None if self.kept is None else ~cut_rows(~self.kept, length),
        )


def cut_rows(array: NDArray[Any], length: int) -> NDArray[Any]:
    """Return ``(steps, n, …)`` as pieces side by side, ``(length, pieces * n, …)``, padded with zeros."""
    steps, n = array.shape[:2]
    pieces = -(-steps // length)
    padded = np.zeros((pieces * length, *array.shape[1:]), dtype=array.dtype)
    padded[:steps] = array
    parts = padded.reshape(pieces, length, *array.shape[1:])
    rest = array.shape[2:]
    return np.ascontiguousarray(np.moveaxis(parts, 0, 1)).reshape(length, pieces * n, *rest)
