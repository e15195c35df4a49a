"""The journey of one fine-tuning: pre-flight, before, training, after, verdict, report.

Nothing is played to judge that is also reported: the pawl decides on one seed list, and the numbers
come from another. `best` of the run is the starting policy until the pawl accepts the result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import PolicyError
from ratchet.evaluation.forgetting import ForgettingMatrix, forgetting_matrix
from ratchet.evaluation.pawl import PawlSettings, Verdict, default_scale, judge
from ratchet.evaluation.play import agreement
from ratchet.learning.trainer import TrainingPlan
from ratchet.policies.checkpoint import follow, point, publish, read_checkpoint
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.actor import actor_for
from ratchet.recipes.adaptations import train_by
from ratchet.recipes.adapting import Adaptation
from ratchet.recipes.resolve import Player
from ratchet.recipes.session import Session
from ratchet.recipes.steps import Played, SeedSet, Trained, evaluate, train
from ratchet.seeding import report_seeds, selection_seeds
from ratchet.tasks.task import Task

Returns = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a fine-tuning came to."""

    trained: Trained
    verdict: Verdict
    matrix: ForgettingMatrix
    target: str | None
    best: Policy

    def to_json(self, scope: str) -> dict[str, Any]:
        """Return it as ``ratchet finetune --json`` prints it."""
        row = self.matrix.rows[self.target or "mixed"].to_json()
        guard = {} if self.trained.guard is None else {"guard": dict(self.trained.guard)}
        return {
            **guard,
            "policy": str(self.trained.checkpoint),
            "policy_id": self.trained.policy.id,
            "environment_steps": self.trained.environment_steps,
            "episodes": self.trained.episodes,
            "scope": scope,
            "parameters_adapted": self.trained.parameters_adapted,
            "frozen_unchanged": self.trained.frozen_unchanged,
            "wall_seconds": self.trained.wall_seconds,
            "verdict": "accepted" if self.verdict.accepted else "rejected",
            "reason": self.verdict.reason,
            "evaluation": row["evaluation"],
            "forgetting": row["forgetting"],
            "specific_gain": row["specific_gain"],
        }


def play_all_modes(
    session: Session,
    label: str,
    policy: Policy,
    task: Task,
    seeds: SeedSet,
    *,
    deterministic: bool = True,
) -> Returns:
    """Evaluate on every mode of the task; return the returns by mode."""
    player = Player(label, actor_for(policy), policy)
    session.progress.stage(f"evaluating {label}", len(task.modes) * len(seeds.seeds))
    played: dict[str, Played] = {
        mode.name: evaluate(session, player, task, mode.name, seeds, deterministic=deterministic)
        for mode in task.modes
    }
    return {mode: result.returns for mode, result in played.items()}


def score_record(task: Task, returns: Returns, *, deterministic: bool) -> dict[str, Any]:
    """Return what a policy's file says of its score, for a later pre-flight."""
    return {
        "task": task.name,
        "deterministic": deterministic,
        "modes": {
            mode: {"mean": float(values.mean()), "episodes": len(values)}
            for mode, values in returns.items()
        },
    }


def preflight(policy: Policy, task: Task, returns: Returns, *, deterministic: bool) -> str:
    """Check that a policy scores what its record says; return a sentence on it.

    Raises
    ------
    PolicyError
        If a mode's mean differs from the recorded one by more than chance allows: three standard
        errors, or 1% of the recorded mean. Then the policy, its normaliser or the task is another one.

    """
    score: Mapping[str, Any] | None = policy.record.get("score")
    if score is None:
        return "its file records no score to hold it against"
    if score["task"] != task.name or score["deterministic"] != deterministic:
        return f"its recorded score is of {score['task']} or was played another way; not compared"
    for mode, stated in score["modes"].items():
        if mode not in returns:
            continue
        values = returns[mode]
        error = float(values.std()) * math.sqrt(1.0 / len(values) + 1.0 / stated["episodes"])
        allowed = max(3.0 * error, 0.01 * abs(stated["mean"]))
        if abs(values.mean() - stated["mean"]) > allowed:
            raise PolicyError(
                f"pre-flight: in mode {mode!r} the policy scores {values.mean():.1f}, but its record "
                f"says {stated['mean']:.1f} (allowed: ±{allowed:.1f}); is it the right task, and is "
                "its normaliser there?"
            )
    return "it scores what its file records"


def finetune(
    session: Session,
    plan: TrainingPlan,
    *,
    name: str,
    kind: str,
    episodes: int,
    deterministic: bool = True,
    pawl: PawlSettings | None = None,
    how: Adaptation | None = None,
) -> Outcome:
    """Evaluate, train, evaluate again on all modes, judge, and move `best` if the pawl accepts.

    `episodes` seeds are reported on, and as many others decide. The base policy becomes the run's
    first `best`. With `how`, training is an adaptation within a budget of whole episodes.

    Raises
    ------
    PolicyError
        If the pre-flight finds another policy than the record describes.

    """
    task, base = plan.task, plan.policy
    report = SeedSet.of("report", report_seeds(episodes))
    selection = SeedSet.of("selection", selection_seeds(episodes))
    before = play_all_modes(session, "start", base, task, report, deterministic=deterministic)
    checked = preflight(base, task, before, deterministic=deterministic)
    if plan.warmup:  # a policy that had a life before this run
        session.progress.note(f"pre-flight: {checked}")
    chosen_before = play_all_modes(
        session, "start", base, task, selection, deterministic=deterministic
    )
    start = publish(base, session.directory / "checkpoints" / f"start-{base.id}")
    if not (session.directory / "best.json").exists():
        point(session.directory, "best", start)
    stated = checked if plan.warmup else None
    if how is None:
        trained = train(session, plan, name=name, kind=kind, preflight=stated)
    else:
        trained = train_by(session, plan, how, name=name, preflight=stated)
    steps = trained.environment_steps
    session.progress.note(f"trained for {steps:,} environment step{'' if steps == 1 else 's'}")
    after = play_all_modes(
        session, "result", trained.policy, task, report, deterministic=deterministic
    )
    chosen_after = play_all_modes(
        session, "result", trained.policy, task, selection, deterministic=deterministic
    )
    verdict = judge(
        {mode: chosen_after[mode] - chosen_before[mode] for mode in chosen_before},
        plan.mode,
        pawl,
        default_scale(chosen_before, task.maximum_return),
        same_policy=same_function(base, trained.policy, task, chosen_before, chosen_after),
    )
    session.ledger.add_verdict(
        trained.training_id,
        accepted=verdict.accepted,
        reason=verdict.reason,
        target=plan.mode or "all modes",
        bounds=verdict.record(),
    )
    trained = _with_score(session, trained, score_record(task, after, deterministic=deterministic))
    best = read_checkpoint(follow(session.directory, "best"))
    accepted = verdict.accepted
    if accepted and best.id not in {base.id, trained.policy.id}:
        # A run that goes on with a larger budget has a better `best` than its start: that one to beat.
        held = play_all_modes(session, "best", best, task, selection, deterministic=deterministic)
        again = judge(
            {mode: chosen_after[mode] - held[mode] for mode in held},
            plan.mode,
            pawl,
            default_scale(chosen_before, task.maximum_return),
        )
        accepted = again.accepted
        session.progress.note(f"against the best so far: {again.reason}")
    point(session.directory, "latest", trained.checkpoint)
    if accepted:
        best = trained.policy
        point(session.directory, "best", trained.checkpoint)
    target = plan.mode or "mixed"
    return Outcome(
        trained=trained,
        verdict=verdict,
        matrix=forgetting_matrix(before, {target: after}, maximum=task.maximum_return),
        target=plan.mode,
        best=best,
    )


def same_function(
    first: Policy, second: Policy, task: Task, mine: Returns, theirs: Returns
) -> bool:
    """Return whether two policies are one function on the evaluated states.

    Identical weights are. Otherwise, where every return is equal, the selection seeds are played once
    more and every greedy action compared.
    """
    if first.id == second.id:
        return True
    if not all(np.array_equal(mine[mode], theirs[mode]) for mode in mine):
        return False
    return all(
        agreement(
            task,
            actor_for(first),
            actor_for(second),
            selection_seeds(len(mine[mode])),
            mode,
            stall_after=task.stall_after,
        )
        == 1.0
        for mode in mine
    )


def _with_score(session: Session, trained: Trained, score: Mapping[str, Any]) -> Trained:
    """Return the outcome with its policy published again, its score in the record for a pre-flight."""
    policy = replace(trained.policy, record={**trained.policy.record, "score": dict(score)})
    home = session.directory / "checkpoints"
    return replace(trained, policy=policy, checkpoint=publish(policy, home / f"scored-{policy.id}"))
