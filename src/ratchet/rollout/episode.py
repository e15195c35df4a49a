"""One episode that a worker has played to its end: its arrays, and where they come from.

Invariant: an `Episode` whose `fault` is None is whole: every array has a row for each of its steps,
and every number that a loss is made of is finite.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ratchet.rollout.trajectory import EpisodeRecord

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where an episode comes from, beside what its record says.

    `policy` is the id of the checkpoint that played it, and `version` the number under which that was
    published. `task_hash` is `ratchet.rollout.kind.task_hash`'s. The times are seconds since 1970 on
    the worker's clock: they are for people, and nothing is ordered by them.
    """

    run: str
    task: str
    task_hash: str
    policy: str
    version: int
    begun_at: float
    ended_at: float
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Episode:
    """`T` steps, the last of which ended the episode.

    `observations` ``(T, size)`` float32 are raw and flat; `actions` ``(T,)`` or ``(T, d)`` as the policy
    chose them; `masks` ``(T, n)`` bool, or None where all actions always were legal; `log_probs`,
    `values` and `rewards` ``(T,)`` float32, the behaviour policy's own. The episode was truncated where
    it was not `terminated`. `final_observation` ``(size,)`` is what followed the last action, and
    `bootstrap` its value: 0 where the episode terminated.
    """

    observations: FloatArray
    actions: NDArray[Any]
    masks: NDArray[np.bool_] | None
    log_probs: FloatArray
    values: FloatArray
    rewards: FloatArray
    terminated: bool
    final_observation: FloatArray
    bootstrap: float
    record: EpisodeRecord
    origin: Origin

    @property
    def truncated(self) -> bool:
        """Whether it was cut, rather than over."""
        return not self.terminated

    def __len__(self) -> int:
        """Return how many steps it has."""
        return len(self.rewards)

    def fault(self) -> str | None:
        """Return what is wrong with it, or None."""
        steps = len(self.rewards)
        if steps == 0:
            return "it has no step"
        if self.observations.ndim != 2 or self.actions.ndim not in (1, 2):
            return "its observations or actions do not have one row a step"
        if self.final_observation.shape != self.observations.shape[1:]:
            return "its last observation does not have the width of the others"
        if self.observations.dtype != np.float32 or self.final_observation.dtype != np.float32:
            return "its observations are not float32"
        rows = {"observations": self.observations, "actions": self.actions}
        for name in ("log_probs", "values", "rewards"):
            rows[name] = getattr(self, name)
            if rows[name].shape != (steps,) or rows[name].dtype != np.float32:
                return f"its {name} are not one float32 a step"
            if not np.isfinite(rows[name]).all():
                return f"its {name} are not all finite"
        if self.actions.dtype.kind not in "iuf":
            return f"its actions are {self.actions.dtype}, which is no number"
        if self.masks is not None:
            rows["masks"] = self.masks
            if self.masks.ndim != 2 or self.masks.dtype != np.bool_:
                return "its masks are not one row of booleans a step"
        for name, array in rows.items():
            if len(array) != steps:
                return f"it has {len(array)} {name} and {steps} rewards"
        if self.record.length != steps:
            return f"it has {steps} steps, and its record says {self.record.length}"
        if not math.isfinite(self.record.episode_return) or not math.isfinite(self.bootstrap):
            return "its return or its bootstrap value is not finite"
        if self.terminated and self.bootstrap != 0.0:
            return "it terminated, and yet has a bootstrap value"
        if self.origin.version < 0:
            return f"it was played by version {self.origin.version}; the first is 0"
        if not (math.isfinite(self.origin.begun_at) and math.isfinite(self.origin.ended_at)):
            return "its times are not finite"
        return None
