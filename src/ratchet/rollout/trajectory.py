"""A trajectory: the arrays of one collected stretch, and where they come from.

Time runs down the rows and environments across the columns. The last row may be partial (an exact budget
does not divide by the number of environments): `played` says which cells are transitions, and a column's
transitions are always its first rows. An invalid cell never reaches a loss.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class EpisodeRecord:
    """One finished training episode."""

    attempt: int
    worker: int
    episode: int
    seed: int
    mode: str
    episode_return: float
    length: int


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Who collected it: policy id and version (updates so far), task, worker, attempt, and when."""

    policy: str
    version: int
    task: str
    worker: int
    attempt: int
    collected_at: float


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """`T` rows of `N` environments.

    `observations` are raw and flat, ``(T, N, size)``; `actions` as the policy chose them (before
    clipping); `log_probs` and `masks` are the behaviour policy's. `final_observations` holds what
    followed each stretch that was cut: at ``(row, column)`` in `final_index` the episode was truncated
    there, or the collection stopped there; its value is the bootstrap.
    """

    observations: FloatArray
    actions: NDArray[Any]
    log_probs: FloatArray
    rewards: FloatArray
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    played: NDArray[np.bool_]
    masks: NDArray[np.bool_] | None
    final_index: NDArray[np.int64]
    final_observations: FloatArray
    episodes: list[EpisodeRecord] = field(default_factory=list)
    provenance: Provenance

    @property
    def transitions(self) -> int:
        """How many environment steps it holds."""
        return int(self.played.sum())
