"""What one update of a fleet's trainer has done, for whoever keeps the books."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from ratchet.errors import PolicyError
from ratchet.learning.ppo import UpdateMetrics
from ratchet.rollout.spool import Counts
from ratchet.rollout.trajectory import EpisodeRecord


@dataclass(frozen=True, kw_only=True)
class FleetSpent:
    """What a fleet's trainer has learned from so far, and how long that took. Immutable.

    `waited` are seconds in which too few episodes were there, `reading` went into claiming and reading them,
    `learning` from then to the new policy, and `publishing` into checkpoint, version and spool. `seconds` are
    those of all attempts together, whatever they went into, up to the last update of each.
    """

    updates: int = 0
    episodes: int = 0
    transitions: int = 0
    waited: float = 0.0
    reading: float = 0.0
    learning: float = 0.0
    publishing: float = 0.0
    seconds: float = 0.0

    def plus(self, **more: float) -> FleetSpent:
        """Return what it is with so much more of each."""
        return FleetSpent(**{name: value + more.get(name, 0) for name, value in vars(self).items()})


@dataclass(frozen=True, kw_only=True)
class FleetUpdate:
    """One update: batch, metrics, coefficients, and what they were tuned by.

    Attributes
    ----------
    number
        Of the update, of its checkpoint and of the version that it published. Numbers ascend; where the
        newest checkpoint of a run was damaged, and the one before it had to do, some are left out.
    policy
        Id of the policy that it led to.
    episodes, names, lags
        Of each episode of the batch its record, its name in the spool, and how many versions had been
        published since the one that played it.
    transitions
        How many they have together.
    metrics
        Means over mini-batches; `anchor_loss` is the cross-entropy with demonstrations.
    update_kl
        Approximate KL from the policy before the update to the one after it.
    explained_variance
        Of the critic before the update.
    return_deviation
        In units of which the critic's error was measured (`ReturnScale`).
    learning_rate, entropy_coefficient, anchor_coefficient
        In this update.
    finding, reason, changes
        What the tuner found, why, and what it changed for the next; empty where nothing is tuned.
    critic_only, rolled_back
        Whether only the critic learned, and whether all was undone.
    stale, corrupt, foreign
        How many episodes were refused since the update before.
    waiting
        How many episodes were in the queue once it had learned.
    spent
        All updates together; of this one all but the publishing.
    wait_seconds, read_seconds, learn_seconds
        As in `FleetSpent`, of this update.

    """

    number: int
    policy: str
    episodes: Sequence[EpisodeRecord]
    names: Sequence[str]
    lags: Sequence[int]
    transitions: int
    metrics: UpdateMetrics
    update_kl: float
    explained_variance: float
    return_deviation: float
    learning_rate: float
    entropy_coefficient: float
    anchor_coefficient: float
    finding: str
    reason: str
    changes: Sequence[str]
    critic_only: bool
    rolled_back: bool
    stale: int
    corrupt: int
    foreign: int
    waiting: int
    spent: FleetSpent
    wait_seconds: float
    read_seconds: float
    learn_seconds: float

    @property
    def versions(self) -> tuple[int, ...]:
        """Which version played each of the batch's episodes; the newest was of the number before this one."""
        return tuple(self.number - 1 - lag for lag in self.lags)

    @property
    def mean_lag(self) -> float:
        """The mean lag of the batch's episodes."""
        return sum(self.lags) / len(self.lags)

    @property
    def max_lag(self) -> int:
        """The largest lag of the batch's episodes."""
        return max(self.lags)

    def to_text(self) -> str:
        """Return it as text, for a checkpoint (NaN among the numbers, so it is no strict JSON)."""
        said = dict(vars(self))
        said["episodes"] = [vars(one) | {"metrics": dict(one.metrics)} for one in self.episodes]
        said["metrics"], said["spent"] = asdict(self.metrics), asdict(self.spent)
        return json.dumps(said)

    @classmethod
    def from_text(cls, text: str) -> FleetUpdate:
        """Return what `to_text` wrote.

        Raises
        ------
        PolicyError
            If it is of another version, or damaged.

        """
        try:
            said = dict(json.loads(text))
            said["episodes"] = tuple(_episode(one) for one in said["episodes"])
            for name in ("names", "lags", "changes"):
                said[name] = tuple(said[name])
            said["metrics"] = UpdateMetrics(**said["metrics"])
            said["spent"] = FleetSpent(**said["spent"])
            return cls(**said)
        except (ValueError, KeyError, TypeError) as error:
            raise PolicyError(f"the record of the last update cannot be read: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Refused:
    """How many episodes a spool has refused so far, by why."""

    stale: int = 0
    corrupt: int = 0
    foreign: int = 0

    @classmethod
    def of(cls, counts: Counts) -> Refused:
        """Return what the counts of a spool say."""
        return cls(**{field.name: getattr(counts, field.name) for field in fields(cls)})

    def since(self, before: Refused) -> dict[str, int]:
        """Return how many more they are than before, by why."""
        return {name: value - getattr(before, name) for name, value in vars(self).items()}


def _episode(said: Mapping[str, Any]) -> EpisodeRecord:
    return EpisodeRecord(**{**said, "parts": tuple(said["parts"])})
