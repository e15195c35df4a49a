"""The rows of a ledger as Python values.

Invariant: these are plain records, of numbers and text as the file holds them; what a number means
(an interval, a verdict) is decided on the floors above.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray


class EpisodeRow(NamedTuple):
    """One evaluated episode."""

    seed: int
    episode_return: float
    length: int
    terminated: bool
    truncated: bool
    metrics: Mapping[str, Any] = {}
    parts: Sequence[Mapping[str, Any]] = ()
    """Rows of its own, such as the fights of a game, in their order."""
    stalls_broken: int = 0
    """How often the stall-breaker chose another action than greedy play."""


class TrainingEpisodeRow(NamedTuple):
    """One episode that training played to its end."""

    attempt: int
    worker: int
    episode: int
    seed: int
    mode: str | None
    episode_return: float
    length: int
    metrics: Mapping[str, Any] = {}
    parts: Sequence[Mapping[str, Any]] = ()
    version: int | None = None
    """Of a fleet's episode: the version that played it, published by the update of that number."""
    update_number: int | None = None
    """Of a fleet's episode, as it is read: the update that learned from it."""


@dataclass(frozen=True)
class Run:
    """One invocation of a command, with what it was run with."""

    id: str
    name: str
    kind: str
    task: str | None
    recipe: Any
    seed: int
    status: str
    started_at: str
    finished_at: str | None
    wall_seconds: float
    version: str
    commit_hash: str | None
    versions: Mapping[str, str]
    machine: Mapping[str, Any]
    report: str | None


@dataclass(frozen=True)
class PolicyRow:
    """One policy, named by its content, and its parents."""

    id: str
    spec: Any
    parameter_count: int
    source: str | None
    record: Any
    parents: tuple[str, ...]


@dataclass(frozen=True)
class Training:
    """One training, fine-tuning or control arm of a run."""

    id: int
    run_id: str
    name: str
    kind: str
    mode: str | None
    scope: str
    seed: int
    budget: int
    budget_unit: str
    base_policy: str | None
    result_policy: str | None
    environment_steps: int
    replayed_steps: int
    episodes: int
    updates: int
    parameters_total: int
    parameters_adapted: int
    frozen_before: str | None
    frozen_after: str | None
    frozen_unchanged: bool | None
    wall_seconds: float
    collect_seconds: float
    learn_seconds: float
    status: str
    stop_reason: str | None
    config: Mapping[str, Any]
    safety: Mapping[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """One published checkpoint of a training."""

    id: int
    training_id: int
    policy_id: str
    path: str
    update_number: int
    environment_steps: int
    published_at: str


@dataclass(frozen=True)
class Evaluation:
    """One policy on one mode and one seed set; `done` episodes of `episodes` planned are in the file."""

    id: int
    run_id: str
    policy_id: str
    label: str
    task: str
    mode: str
    seed_set: str
    seed_hash: str
    episodes: int
    deterministic: bool
    stall_after: int
    """From which time at one observation a stall is broken; 0: never."""
    status: str
    wall_seconds: float
    done: int


@dataclass(frozen=True)
class Verdict:
    """What the pawl said about a training's result."""

    id: int
    training_id: int
    accepted: bool
    reason: str
    target: str
    bounds: Mapping[str, Any]
    created_at: str


@dataclass(frozen=True)
class Measurement:
    """Something measured on a policy beside its episodes; `mode` is empty for all modes together."""

    run_id: str
    policy_id: str
    task: str
    mode: str
    name: str
    value: Any


@dataclass(frozen=True)
class StepsSpent:
    """Environment steps that a run executed."""

    training: int
    """Steps that counted against training budgets."""
    replayed: int
    """Steps executed again because a crash had lost them; no budget pays for them."""
    evaluation: int
    """Steps of evaluated episodes."""


@dataclass(frozen=True)
class EpisodeReturns:
    """The episodes of one evaluation as arrays, in the order of their seeds."""

    seeds: NDArray[np.int64]
    returns: NDArray[np.float64]
    lengths: NDArray[np.int64]


@dataclass(frozen=True)
class TrainingEpisodes:
    """The episodes of one training as arrays, in the order (attempt, episode, worker)."""

    attempts: NDArray[np.int64]
    workers: NDArray[np.int64]
    episodes: NDArray[np.int64]
    seeds: NDArray[np.int64]
    returns: NDArray[np.float64]
    lengths: NDArray[np.int64]
    modes: tuple[str | None, ...] = field(default=())
    metrics: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True)
class EpisodePart:
    """One part of an evaluated episode: the `number`-th, from 0, of the one with that seed."""

    evaluation_id: int
    policy_id: str
    label: str
    task: str
    mode: str
    seed_set: str
    deterministic: bool
    seed: int
    number: int
    values: Mapping[str, Any]


@dataclass(frozen=True)
class TrainingEpisodePart:
    """One part of an episode that training played."""

    attempt: int
    worker: int
    episode: int
    seed: int
    mode: str | None
    number: int
    values: Mapping[str, Any]
