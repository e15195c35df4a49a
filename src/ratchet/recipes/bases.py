"""The base policies of a study: trained once for a ledger, and found again by whoever needs the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ratchet import __version__
from ratchet.ledger import queries
from ratchet.policies.checkpoint import publish, read_checkpoint
from ratchet.policies.policy import Policy
from ratchet.policies.scopes import scope_counts
from ratchet.recipes.jobs import TrainedBase, TrainJob, Workers, train_base
from ratchet.recipes.session import Session
from ratchet.recipes.steps import record_policy, record_update
from ratchet.recipes.study import BaseChoice, Study

_CURVE_POINTS = 100


@dataclass(frozen=True)
class Base:
    """A base policy of the study, and where its checkpoint is."""

    choice: BaseChoice
    seed: int
    policy: Policy
    checkpoint: Path


def train_bases(session: Session, study: Study, workers: Workers) -> list[Base]:
    """Train the base policies, or take those that a run of this ledger has trained just so."""
    jobs = [
        TrainJob(base=base, task=study.task, seed=seed)
        for seed in study.seeds()
        for base in study.bases
    ]
    session.progress.stage("training the bases", len(jobs))
    found: dict[tuple[str, int], Base] = {}
    missing = []
    for job in jobs:
        earlier = _trained_before(session, job)
        if earlier is None:
            missing.append(job)
            continue
        found[job.base.name, job.seed] = earlier
        session.progress.advance(1)
    for job, trained in workers.do(train_base, ((job, job) for job in missing)):
        found[job.base.name, job.seed] = _record_base(session, job, trained)
        session.progress.advance(1)
    return [found[job.base.name, job.seed] for job in jobs]


def _base_config(job: TrainJob) -> dict[str, Any]:
    """Return all that the trained policy depends on."""
    plan = job.plan()
    return plan.config.model_dump() | {
        "study": {"base": job.base.name, "training_seed": job.seed},
        "task": job.task,
        "choice": job.base.model_dump(),
        "routing": None if plan.routing is None else plan.routing.model_dump(mode="json"),
        "version": __version__,
    }


def _base_name(job: TrainJob) -> str:
    return f"base.{job.base.name}.seed-{job.seed}"


def _trained_before(session: Session, job: TrainJob) -> Base | None:
    start = job.plan().policy
    for row in queries.trainings_like(
        session.ledger, _base_name(job), base_policy=start.id, config=_base_config(job)
    ):
        for checkpoint in queries.checkpoints(session.ledger, row.id):
            path = session.root / checkpoint.path
            if path.is_dir():
                base = Base(job.base, job.seed, read_checkpoint(path), path.resolve())
                _measure_base(session, job.task, base, row.id)
                return base
    return None


def _record_base(session: Session, job: TrainJob, trained: TrainedBase) -> Base:
    plan, policy, ledger = job.plan(), trained.policy, session.ledger
    home = session.directory / "checkpoints" / _base_name(job)
    path = publish(policy, home)
    record_policy(session, plan.policy)
    record_policy(session, policy)
    with ledger.transaction():
        identity = ledger.start_training(
            session.name,
            _base_name(job),
            kind="train",
            scope=plan.scope,
            seed=plan.seed,
            budget=plan.budget.amount,
            budget_unit=plan.budget.unit,
            base_policy=plan.policy.id,
            parameters_total=policy.parameter_count,
            parameters_adapted=policy.parameter_count,
            frozen_before=trained.frozen[0],
            config=_base_config(job),
        )
        for update in trained.updates:
            record_update(session, identity, update)
        ledger.add_checkpoint(
            identity,
            policy_id=policy.id,
            path=path.relative_to(session.root).as_posix(),
            update_number=trained.spent.updates,
            environment_steps=trained.spent.steps,
        )
        ledger.finish_training(
            identity,
            environment_steps=trained.spent.steps,
            episodes=trained.spent.episodes,
            updates=trained.spent.updates,
            stop_reason="budget spent",
            result_policy=policy.id,
            frozen_after=trained.frozen[1],
            wall_seconds=trained.wall_seconds,
            collect_seconds=trained.spent.collect_seconds,
            learn_seconds=trained.spent.learn_seconds,
            safety=trained.safety,
        )
    base = Base(job.base, job.seed, policy, path.resolve())
    _measure_base(session, job.task, base, identity)
    return base


def _measure_base(session: Session, task: str, base: Base, training_id: int) -> None:
    """Say in this run where the base comes from, and how it learned."""
    row = queries.training(session.ledger, training_id)
    updates = queries.updates(session.ledger, training_id)
    returns, steps = updates["return_mean"], updates["environment_steps"]
    ended = np.flatnonzero(np.isfinite(returns))
    parts = np.array_split(ended, min(_CURVE_POINTS, max(1, len(ended))))
    session.ledger.add_measurement(
        session.name,
        base.policy.id,
        task=task,
        mode="",
        name="base",
        value={
            "base": base.choice.name,
            "training_seed": base.seed,
            "from_run": row.run_id,
            "parameters_total": base.policy.parameter_count,
            "scopes": scope_counts(base.policy.spec),
            "steps": row.environment_steps,
            "wall_seconds": row.wall_seconds,
            "curve": {
                "steps": [int(steps[part[-1]]) for part in parts if len(part)],
                "return_mean": [float(returns[part].mean()) for part in parts if len(part)],
            },
        },
    )
