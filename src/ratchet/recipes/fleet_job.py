"""What a fleet does: its job and budget, how it stands meanwhile, and what it came to."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ratchet.errors import BudgetError, RecipeError
from ratchet.evaluation.pawl import PawlSettings
from ratchet.learning.config import FleetConfig
from ratchet.learning.episode_learner import EpisodeLearner
from ratchet.learning.fleet_update import FleetSpent, FleetUpdate
from ratchet.policies.policy import Policy
from ratchet.recipes.comparing import check_metric
from ratchet.recipes.steps import SeedSet
from ratchet.rollout.demonstrations import Demonstrations
from ratchet.rollout.fit import check_fit
from ratchet.rollout.fleet.restarts import Restarts
from ratchet.rollout.fleet.status import WorkerStatus
from ratchet.rollout.plan import FleetPlan
from ratchet.rollout.spool import Counts
from ratchet.tasks.task import Task


@dataclass(frozen=True, kw_only=True)
class FleetBudget:
    """What a fleet may spend: whole batches of episodes, and seconds; None is as much as there is."""

    episodes: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        """Refuse a budget in which nothing can be learned."""
        for name in ("episodes", "seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise BudgetError(
                    f"a budget of {value} {name} is none; it must be above 0, and finite"
                )

    def stated(self) -> tuple[int, str]:
        """Return it as the ledger states it: a number, and of what."""
        if self.episodes is not None:
            return self.episodes, "episodes"
        return (
            (1, "until it is stopped")
            if self.seconds is None
            else (math.ceil(self.seconds), "seconds")
        )

    def updates(self, batch: int) -> int | None:
        """Return how many updates the episodes are enough for.

        Raises
        ------
        BudgetError
            If they are not enough for one.

        """
        if self.episodes is None:
            return None
        if self.episodes < batch:
            raise BudgetError(
                f"a budget of {self.episodes} episodes is less than one update's batch of {batch}"
            )
        return self.episodes // batch


@dataclass(frozen=True, kw_only=True)
class FleetJob:
    """What a fleet does.

    Attributes
    ----------
    plan, task, policy, config, demonstrations
        As `FleetTrainer` takes them.
    workers
        How many processes play.
    budget
        What may be spent.
    validation
        The seeds on which the pawl decides; nothing is reported on them.
    promote_every
        After how many episodes it does, each time; 0 is never.
    pawl
        How sure it must be.
    metric
        What it looks at: ``return``, or one of the task's metrics.
    restarts
        How often a worker that has crashed is started again.

    """

    plan: FleetPlan
    task: Task
    policy: Policy
    config: FleetConfig
    demonstrations: Demonstrations | None
    workers: int
    budget: FleetBudget
    validation: SeedSet
    promote_every: int = 250
    pawl: PawlSettings = field(default_factory=PawlSettings)
    metric: str = "return"
    restarts: Restarts = field(default_factory=Restarts)

    @property
    def modes(self) -> list[str]:
        """The names of the modes that are played."""
        return list(self.plan.modes or (mode.name for mode in self.task.modes))


@dataclass(frozen=True, kw_only=True)
class FleetView:
    """How a fleet stands, for those who watch it."""

    workers: list[WorkerStatus]
    counts: Counts | None
    update: FleetUpdate | None
    spent: FleetSpent
    promotions: int
    returns: tuple[float, ...]
    """Mean return of the episodes of each update so far, from this process's first on."""
    doing: str
    seconds: float
    budget: FleetBudget


@dataclass(frozen=True, kw_only=True)
class FleetOutcome:
    """What a fleet came to."""

    policy: Policy
    checkpoint: Path
    best: Policy
    spent: FleetSpent
    counts: Counts
    workers: list[WorkerStatus]
    promotions: int
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return it as ``ratchet fleet --json`` prints it."""
        return {
            "policy": str(self.checkpoint),
            "policy_id": self.policy.id,
            "best_id": self.best.id,
            **asdict(self.spent),
            "spool": asdict(self.counts),
            "promotions": self.promotions,
            "restarts": sum(worker.restarts for worker in self.workers),
            "discarded": sum(worker.discarded for worker in self.workers),
            "stopped": self.reason,
        }


def check_job(job: FleetJob) -> None:
    """Refuse a job whose parts do not fit each other, before anything is written.

    Raises
    ------
    InputError
        If one does not.

    """
    check_metric(job.task, job.metric)
    check_fit(job.policy.spec, job.task)
    job.budget.updates(job.plan.batch)
    for mode in job.modes:
        job.task.mode_index(mode)
    if job.workers < 1:
        raise RecipeError(f"{job.workers} workers are asked for; it must be at least 1")
    # Also refuses kinds of policies, and demonstrations, that cannot be learned from.
    EpisodeLearner(job.policy, job.config, seed=job.plan.seed, demonstrations=job.demonstrations)
