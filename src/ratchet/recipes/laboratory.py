"""Running a study of the laboratory: what is measured on its bases, and every adaptation.

The work is done by jobs in several processes (`jobs`); this process alone writes, one job at a time, so a
study that is broken off has every job whole or not at all, and goes on with those that are missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ratchet.errors import RecipeError
from ratchet.ledger import queries
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.interventions import every_intervention
from ratchet.policies.spec import RecurrentSpec
from ratchet.recipes.adaptations import record_adaptation
from ratchet.recipes.adapting import Adapted
from ratchet.recipes.bases import Base, train_bases
from ratchet.recipes.jobs import (
    AdaptJob,
    Evaluated,
    EvaluateJob,
    TrainJob,
    UsageJob,
    Workers,
    adapt_policy,
    evaluate_policy,
    measure_usage,
)
from ratchet.recipes.presets import find_preset
from ratchet.recipes.session import Session
from ratchet.recipes.steps import episode_rows, record_policy
from ratchet.recipes.study import ArmChoice, BaseChoice, Study
from ratchet.rollout.fit import check_fit
from ratchet.seeding import derive, report_seeds
from ratchet.tasks.registry import find_task

_CURVE_POINTS = 100


@dataclass(frozen=True)
class PreparedStudy:
    """A study whose every part has been found to be usable."""

    study: Study
    claims: Sequence[dict[str, Any]]
    workers: int

    def record(self) -> dict[str, Any]:
        """Return what the ledger keeps of the study."""
        study = self.study
        task, played = find_task(study.task), find_task(study.played)
        kept = study.model_dump(mode="json", exclude={"quick", "claims", "training_seeds"})
        return kept | {
            "adapt_task": study.played,
            "modes": [mode.name for mode in task.modes],
            "adapt_modes": [mode.name for mode in played.modes],
            "maximum_return": played.maximum_return,
            "training_seeds": study.seeds(),
            "adaptation_seeds": list(range(1, study.adaptation_seeds + 1)),
            "bases": [
                base.model_dump() | {"steps": base.budget, "description": _about(base)}
                for base in study.bases
            ],
            "arms": [arm.model_dump() | {"label": arm.label or arm.name} for arm in study.arms],
            "ablation": _ablation(study),
            "claims": list(self.claims),
        }


def prepare_study(study: Study, claims: Sequence[dict[str, Any]], workers: int) -> PreparedStudy:
    """Check everything that the study names, before anything is written.

    Raises
    ------
    InputError
        If a task, a preset, an arm or a setting cannot be used.

    """
    task, played = find_task(study.task), find_task(study.played)
    if workers < 1:
        raise RecipeError(
            f"workers is {workers}; it is how many processes share the work, 1 or more"
        )
    for base in study.bases:
        policy = find_preset(base.preset).new(task, seed=0)
        check_fit(policy.spec, played)
        if base.flawed and not isinstance(policy.spec, RecurrentSpec):
            raise RecipeError(f"base {base.name!r}: its flaws are those of a recurrent training")
        for arm in study.arms_of(base.name):
            arm.adaptation(study.confidence).check(policy)
        TrainJob(base=base, task=study.task, seed=0).plan()
    return PreparedStudy(study, claims, workers)


def run_study(session: Session, prepared: PreparedStudy) -> None:
    """Do what has not been done; the ledger then holds all that the report needs."""
    study = prepared.study
    with Workers(prepared.workers) as workers:
        bases = train_bases(session, study, workers)
        _evaluate_bases(session, study, bases, workers)
        if study.slot_usage:
            _measure_usage(session, study, bases, workers)
        if study.interventions:
            _intervene(session, study, bases, workers)
        _adapt(session, study, bases, workers)


def _about(base: BaseChoice) -> str:
    flaws = {
        "advantages across episodes": base.across_episodes,
        "no gradient through time": base.single_transitions,
        "raw value errors": base.raw_values,
    }
    found = [text for text, there in flaws.items() if there]
    about = find_preset(base.preset).about
    return about + (f"; flawed: {', '.join(found)}" if found else "")


def _ablation(study: Study) -> list[dict[str, Any]]:
    """Return the bases that differ in the write-up's flaws alone, the sound one first."""
    if not any(base.flawed for base in study.bases):
        return []
    preset = next(base for base in study.bases if base.flawed).preset
    return [
        {
            "base": base.name,
            "advantage_across_episodes": base.across_episodes,
            "single_transitions": base.single_transitions,
            "raw_values": base.raw_values,
        }
        for base in study.bases
        if base.preset == preset
    ]


def _task_modes(task: str) -> tuple[tuple[str, str], ...]:
    return tuple((task, mode.name) for mode in find_task(task).modes)


def _base_modes(study: Study) -> tuple[tuple[str, str], ...]:
    modes = _task_modes(study.played)
    return modes + (() if study.retention is None else _task_modes(study.task))


def _evaluate_bases(
    session: Session, study: Study, bases: Sequence[Base], workers: Workers
) -> None:
    session.progress.stage("evaluating the bases", len(bases))
    done, modes = _evaluated(session), _base_modes(study)
    missing = []
    for base in bases:
        if all((base.policy.id, task, mode) in done for task, mode in modes):
            session.progress.advance(1)
            continue
        job = EvaluateJob(
            checkpoint=base.checkpoint,
            modes=modes,
            episodes=study.episodes,
            deterministic=study.deterministic,
        )
        missing.append((base, job))
    for base, evaluated in workers.do(evaluate_policy, missing):
        label = f"{base.choice.name}.seed-{base.seed}"
        _record_evaluations(session, study, base.policy, label, evaluated)
        session.progress.advance(1)


def _evaluated(session: Session) -> set[tuple[str, str, str]]:
    return {
        (row.policy_id, row.task, row.mode)
        for row in queries.evaluations(session.ledger, session.name)
        if row.done == row.episodes
    }


def _record_evaluations(
    session: Session, study: Study, policy: Policy, label: str, evaluated: Sequence[Evaluated]
) -> None:
    ledger = session.ledger
    with ledger.transaction():
        record_policy(session, policy)
        for each in evaluated:
            identity, done = ledger.start_evaluation(
                session.name,
                policy.id,
                label=label,
                task=each.task,
                mode=each.mode,
                seeds=report_seeds(study.episodes),
                seed_set="report",
                deterministic=study.deterministic,
            )
            if len(done) == study.episodes:
                continue
            ledger.add_episodes(identity, episode_rows(each.episodes))
            ledger.finish_evaluation(identity, wall_seconds=each.wall_seconds)


def _measure_usage(session: Session, study: Study, bases: Sequence[Base], workers: Workers) -> None:
    known = {
        row.policy_id
        for row in queries.measurements(session.ledger, session.name)
        if row.name == "routing"
    }
    with_slots = [base for base in bases if getattr(base.policy.spec, "slots", 0)]
    jobs = [
        (
            base.policy.id,
            UsageJob(
                checkpoint=base.checkpoint, task=study.task, deterministic=study.deterministic
            ),
        )
        for base in with_slots
        if base.policy.id not in known
    ]
    session.progress.stage("watching the gates", len(jobs))
    for policy_id, usage in workers.do(measure_usage, jobs):
        _record_usage(session, study.task, policy_id, usage)
        session.progress.advance(1)


def _record_usage(session: Session, task: str, policy_id: str, usage: dict[str, Any]) -> None:
    with session.ledger.transaction():
        for mode, value in usage["modes"].items():
            session.ledger.add_measurement(
                session.name, policy_id, task=task, mode=mode, name="slot_usage", value=value
            )
        session.ledger.add_measurement(
            session.name, policy_id, task=task, mode="", name="routing", value=usage["routing"]
        )


def _intervene(session: Session, study: Study, bases: Sequence[Base], workers: Workers) -> None:
    done = _evaluated(session)
    jobs: list[tuple[tuple[Base, EvaluateJob], EvaluateJob]] = []
    total = 0
    for base in bases:
        slots = getattr(base.policy.spec, "slots", 0)
        for what in every_intervention(slots) if slots else []:
            job = EvaluateJob(
                checkpoint=base.checkpoint,
                modes=_task_modes(study.task),
                episodes=study.episodes,
                deterministic=study.deterministic,
                intervention=what,
            )
            total += 1
            policy = job.policy()
            if not all((policy.id, task, mode) in done for task, mode in job.modes):
                jobs.append(((base, job), job))
    session.progress.stage("intervening on the gates", total)
    session.progress.advance(total - len(jobs))
    for (base, job), evaluated in workers.do(evaluate_policy, jobs):
        policy = job.policy()
        assert job.intervention is not None
        label = f"{base.choice.name}.seed-{base.seed}.{job.intervention}"
        with session.ledger.transaction():
            _record_evaluations(session, study, policy, label, evaluated)
            session.ledger.add_measurement(
                session.name,
                policy.id,
                task=study.task,
                mode="",
                name="intervention",
                value={
                    "base": base.choice.name,
                    "training_seed": base.seed,
                    "kind": job.intervention.kind,
                    "slot": job.intervention.slot,
                    "of": base.policy.id,
                },
            )
        session.progress.advance(1)


@dataclass(frozen=True)
class _Planned:
    """One adaptation of the study."""

    base: Base
    arm: ArmChoice
    mode: str
    adaptation_seed: int
    budget: int

    @property
    def name(self) -> str:
        base = f"{self.base.choice.name}.seed-{self.base.seed}"
        return f"{base}.{self.arm.name}.mode-{self.mode}.adapt-{self.adaptation_seed}.{self.budget}"


def _planned(study: Study, bases: Sequence[Base]) -> Iterator[_Planned]:
    """Yield the adaptations in the order in which they run: each once before any twice."""
    modes = [mode.name for mode in find_task(study.played).modes]
    for adaptation_seed in range(1, study.adaptation_seeds + 1):
        for base in bases:
            for arm in study.arms_of(base.choice.name):
                for budget in arm.budgets or study.budgets:
                    for mode in modes:
                        yield _Planned(base, arm, mode, adaptation_seed, budget)


def _adapt(session: Session, study: Study, bases: Sequence[Base], workers: Workers) -> None:
    done = {
        row.name
        for row in queries.trainings(session.ledger, session.name)
        if row.status == "finished"
    }
    planned = list(_planned(study, bases))
    session.progress.stage("adapting", len(planned))
    session.progress.advance(sum(each.name in done for each in planned))
    missing = ((each, _job(study, each)) for each in planned if each.name not in done)
    for each, (adapted, evaluated) in workers.do(adapt_policy, missing):
        _record(session, study, each, adapted, evaluated)
        session.progress.advance(1)


def _job(study: Study, each: _Planned) -> AdaptJob:
    modes = _task_modes(study.played) if study.all_modes else ((study.played, each.mode),)
    if study.retention == each.budget:
        modes += _task_modes(study.task)
    return AdaptJob(
        checkpoint=each.base.checkpoint,
        task=study.played,
        mode=each.mode,
        how=each.arm.adaptation(study.confidence),
        budget=each.budget,
        # Arms share their episodes' seeds, so that they differ in what is compared alone.
        seed=derive("adaptation", each.base.seed, each.mode, each.adaptation_seed),
        modes=modes,
        episodes=study.episodes,
        deterministic=study.deterministic,
    )


def _record(
    session: Session,
    study: Study,
    each: _Planned,
    adapted: Adapted,
    evaluated: Sequence[Evaluated],
) -> None:
    with session.ledger.transaction():
        record_adaptation(
            session,
            each.name,
            each.base.policy,
            each.mode,
            each.arm.adaptation(study.confidence),
            each.budget,
            adapted,
            seed=each.adaptation_seed,
            config={
                "study": {
                    "base": each.base.choice.name,
                    "training_seed": each.base.seed,
                    "arm": each.arm.name,
                    "adaptation_seed": each.adaptation_seed,
                    "budget": each.budget,
                }
            },
        )
        _record_evaluations(session, study, adapted.policy, each.name, evaluated)
