"""A trajectory: the arrays of one collected stretch, and where they come from.

Time runs down the rows and environments across the columns. The last row may be partial (an exact budget
does not divide by the number of environments): `played` says which cells are transitions, and a column's
transitions are always its first rows. An invalid cell never reaches a loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ratchet.tasks.ending import Parts

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
    metrics: Mapping[str, float] = field(default_factory=dict)
    parts: Parts = ()


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

    `seeds`, `steps` and `modes` ``(T, N)`` say of which episode each cell is, which step of it, and in which
    mode. `states` ``(N, memory)`` is what the policy remembered before the first row (see `Chooser`).
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
    seeds: NDArray[np.uint64]
    steps: NDArray[np.int64]
    modes: NDArray[np.int64]
    states: FloatArray
    episodes: list[EpisodeRecord] = field(default_factory=list)
    provenance: Provenance

    @property
    def transitions(self) -> int:
        """How many environment steps it holds."""
        return int(self.played.sum())


def joined(parts: Sequence[Trajectory]) -> Trajectory:
    """Return trajectories of the same environments, one after the other, as one.

    What only the collection cut is whole again; provenance is the first one's.
    """
    first, last = parts[0], parts[-1]
    if first is last:
        return first
    rows = np.cumsum([0, *(len(part.rewards) for part in parts)])
    index, observations = [], []
    for part, offset in zip(parts, rows, strict=False):
        for at, seen in zip(part.final_index, part.final_observations, strict=True):
            if part is last or part.truncated[tuple(at)]:
                index.append((at[0] + offset, at[1]))
                observations.append(seen)
    size = first.observations.shape[2]

    def stacked(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    names = ("observations", "actions", "log_probs", "rewards", "terminated", "truncated", "played",
             "seeds", "steps", "modes")  # fmt: skip
    return Trajectory(
        **{name: stacked(name) for name in names},
        masks=None if first.masks is None else stacked("masks"),
        final_index=np.array(index, dtype=np.int64).reshape(-1, 2),
        final_observations=np.array(observations, dtype=np.float32).reshape(-1, size),
        states=first.states,
        episodes=[episode for part in parts for episode in part.episodes],
        provenance=first.provenance,
    )
