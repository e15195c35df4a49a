"""Comparing policies on one seed set: each plays every seed once, and differences are paired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import InputError, did_you_mean
from ratchet.evaluation.comparison import (
    Comparison,
    Episodes,
    Estimate,
    compare_episodes,
    estimates,
)
from ratchet.evaluation.play import agreement
from ratchet.recipes.resolve import Player
from ratchet.recipes.session import Session
from ratchet.recipes.steps import Played, SeedSet, evaluate, stall_setting
from ratchet.tasks.task import Task

AGREEMENT_SEEDS = 16
"""Seeds on which agreement of actions is measured where episodes differ anyway."""


@dataclass(frozen=True)
class Evaluated:
    """One policy's episodes by mode."""

    player: Player
    modes: dict[str, Played]

    def pooled(self) -> dict[str, NDArray[np.float64]]:
        """Return every metric over all episodes, mode after mode: return, length, then the task's own."""
        arrays = [played.arrays() for played in self.modes.values()]
        return {name: np.concatenate([each[name] for each in arrays]) for name in arrays[0]}


def check_metric(task: Task, metric: str) -> str:
    """Return the name of a metric of the task's episodes, or refuse it.

    Raises
    ------
    InputError
        If the task has no such metric.

    """
    known = ("return", "length", *task.metrics)
    if metric not in known:
        raise InputError(
            f"task {task.name!r} has no metric {metric!r}: {did_you_mean(metric, known)}"
        )
    return metric


def evaluate_players(
    session: Session,
    players: Sequence[Player],
    task: Task,
    modes: Sequence[str],
    seeds: SeedSet,
    *,
    deterministic: bool,
    stall_after: int | None = None,
) -> list[Evaluated]:
    """Let every player play every seed in every one of the modes, under the same settings."""
    results = []
    for player in players:
        session.progress.stage(f"evaluating {player.label}", len(modes) * len(seeds.seeds))
        played = {
            mode: evaluate(
                session,
                player,
                task,
                mode,
                seeds,
                deterministic=deterministic,
                stall_after=stall_after,
            )
            for mode in modes
        }
        results.append(Evaluated(player, played))
    return results


def compare_pair(
    first: Evaluated,
    second: Evaluated,
    task: Task,
    seeds: SeedSet,
    *,
    deterministic: bool,
    metric: str = "return",
    stall_after: int | None = None,
) -> Comparison:
    """Compare the second with the first over all modes they played, pair by pair.

    Agreement of greedy actions is measured over all seeds if every episode came out equal (then it
    decides whether the two are the same policy), and over a few otherwise. `metric` is what the
    comparison's sentence speaks of.
    """
    modes = list(first.modes)
    mine, theirs = first.pooled(), second.pooled()
    # One pair is one seed in one mode; the pairs are numbered, because modes share their seeds.
    numbers = list(range(len(mine["return"])))
    same_weights = first.player.who.id == second.player.who.id
    shared: float | None = 1.0 if same_weights else None
    if not same_weights and deterministic:
        equal = all(np.array_equal(mine[name], theirs[name]) for name in mine)
        chosen = seeds.seeds if equal else seeds.seeds[:AGREEMENT_SEEDS]
        stated = stall_setting(task, stall_after, deterministic=deterministic)
        who, other = first.player.who, second.player.who
        patience = first.player.stall_after(stated)
        shared = float(
            np.mean([agreement(task, who, other, chosen, m, stall_after=patience) for m in modes])
        )
    return compare_episodes(
        Episodes(numbers, mine),
        Episodes(numbers, theirs),
        metric=metric,
        same_weights=same_weights,
        action_agreement=shared,
        names=(first.player.label, second.player.label),
    )


def record_comparison(
    session: Session, task: Task, first: Evaluated, second: Evaluated, comparison: Comparison
) -> None:
    """Put what a comparison came to into the ledger, as a measurement on the second policy."""
    session.ledger.add_measurement(
        session.name,
        second.player.who.id,
        task=task.name,
        mode="",
        name=f"compared with {first.player.who.id}",
        value={
            "before": first.player.label,
            "after": second.player.label,
            "modes": list(first.modes),
            **comparison.to_json(),
        },
    )


def policy_estimates(results: Sequence[Evaluated]) -> dict[str, list[Estimate]]:
    """Return each metric's estimates, one a policy; the same kind for all of them."""
    pooled = [result.pooled() for result in results]
    return {name: estimates([one[name] for one in pooled]) for name in pooled[0]}


def pairs_to_compare(results: Sequence[Evaluated]) -> list[tuple[Evaluated, Evaluated]]:
    """Return each neighbouring pair, and the first with the last if there are more than two."""
    pairs = list(pairwise(results))
    if len(results) > 2:
        pairs.append((results[0], results[-1]))
    return pairs
