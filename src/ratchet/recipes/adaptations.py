"""Adaptations in the ledger: every episode of their budget, what the guard decided, and how to resume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ratchet.errors import LedgerError
from ratchet.learning.trainer import TrainingPlan
from ratchet.ledger import queries
from ratchet.policies.checkpoint import publish, read_checkpoint
from ratchet.policies.policy import Policy
from ratchet.recipes.adapting import Adaptation, Adapted, adapt
from ratchet.recipes.session import Session
from ratchet.recipes.steps import Trained, record_policy, record_update, training_rows


def record_adaptation(
    session: Session,
    name: str,
    policy: Policy,
    mode: str,
    how: Adaptation,
    budget: int,
    adapted: Adapted,
    *,
    seed: int,
    config: Mapping[str, Any] | None = None,
    safety: Mapping[str, Any] | None = None,
) -> int:
    """Put an adaptation into the ledger, with every episode it played; return the training's id."""
    ledger = session.ledger
    with ledger.transaction():
        record_policy(session, policy)
        record_policy(session, adapted.policy)
        identity = ledger.start_training(
            session.name,
            name,
            kind="finetune",
            scope=how.method if how.method == "slot_search" else how.scope,
            seed=seed,
            budget=budget,
            budget_unit="episodes",
            mode=mode,
            base_policy=policy.id,
            parameters_total=policy.parameter_count,
            parameters_adapted=how.parameter_count(policy),
            frozen_before=how.frozen(policy),
            config={**how.learner(), "method": how.method, **(config or {})},
        )
        for update in adapted.updates:
            record_update(session, identity, replace(update, episodes=()))
        ledger.add_training_episodes(identity, training_rows(adapted.episodes))
        ledger.finish_training(
            identity,
            environment_steps=adapted.environment_steps,
            episodes=len(adapted.episodes),
            updates=len(adapted.updates),
            stop_reason="budget spent",
            result_policy=adapted.policy.id,
            frozen_after=how.frozen(adapted.candidate),
            wall_seconds=adapted.wall_seconds,
            collect_seconds=adapted.wall_seconds - adapted.learn_seconds,
            learn_seconds=adapted.learn_seconds,
            safety={
                **how.safety.model_dump(),
                "guard": adapted.guard_record(how.guard),
                "side_steps": adapted.side_steps,
                **(safety or {}),
            },
        )
    return identity


def train_by(
    session: Session, plan: TrainingPlan, how: Adaptation, *, name: str, preflight: str | None
) -> Trained:
    """Adapt as the plan says, with ledger rows and a checkpoint; one that was finished is read back."""
    assert plan.mode is not None
    home = session.directory / "checkpoints" / name
    budget = plan.budget.amount
    session.progress.stage(name, budget)
    rows = [r for r in queries.trainings(session.ledger, session.name) if r.name == name]
    if rows and rows[0].budget != budget:
        # An adaptation is no stretch of a longer one: what it had spent on evidence is spent.
        raise LedgerError(
            f"training {name!r} of run {session.name!r} was begun with budget {rows[0].budget}, not "
            f"{budget}; resume it with the same budget or choose another name"
        )
    finished = bool(rows) and rows[0].status == "finished" and home.is_dir()
    if finished:
        identity = rows[0].id
        policy = read_checkpoint(home)
    else:
        adapted = adapt(
            plan.policy, plan.task, plan.mode, how, budget, seed=plan.seed, deterministic=True
        )
        if adapted.verdict is not None:
            session.progress.note(f"guard: {adapted.verdict.reason}")
        policy = adapted.policy
        publish(policy, home)
        identity = record_adaptation(
            session,
            name,
            plan.policy,
            plan.mode,
            how,
            budget,
            adapted,
            seed=plan.seed,
            safety={"preflight": preflight},
        )
    session.progress.advance(budget)
    row = queries.training(session.ledger, identity)
    return Trained(
        training_id=identity,
        policy=policy,
        checkpoint=home,
        environment_steps=row.environment_steps,
        episodes=row.episodes,
        parameters_adapted=row.parameters_adapted,
        frozen_unchanged=bool(row.frozen_unchanged),
        wall_seconds=row.wall_seconds,
        guard=row.safety.get("guard"),
    )
