"""Comparing policies on one seed set: each plays every seed once, and differences are paired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ratchet.evaluation.comparison import Comparison, Episodes, compare_episodes
from ratchet.evaluation.play import agreement
from ratchet.recipes.resolve import Player
from ratchet.recipes.session import Session
from ratchet.recipes.steps import Played, SeedSet, evaluate
from ratchet.tasks.task import Task

AGREEMENT_SEEDS = 16
"""Seeds on which agreement of actions is measured where episodes differ anyway."""


@dataclass(frozen=True)
class Evaluated:
    """One policy's episodes by mode."""

    player: Player
    modes: dict[str, Played]


def evaluate_players(
    session: Session,
    players: Sequence[Player],
    task: Task,
    modes: Sequence[str],
    seeds: SeedSet,
    *,
    deterministic: bool,
) -> list[Evaluated]:
    """Let every player play every seed in every one of the modes."""
    results = []
    for player in players:
        session.progress.stage(f"evaluating {player.label}", len(modes) * len(seeds.seeds))
        results.append(
            Evaluated(
                player,
                {
                    mode: evaluate(session, player, task, mode, seeds, deterministic=deterministic)
                    for mode in modes
                },
            )
        )
    return results


def compare_pair(
    first: Evaluated, second: Evaluated, task: Task, seeds: SeedSet, *, deterministic: bool
) -> Comparison:
    """Compare the second with the first over all modes they played, pair by pair.

    Agreement of greedy actions is measured over all seeds if every episode came out equal (then it
    decides whether the two are the same policy), and over a few otherwise.
    """
    modes = list(first.modes)
    names = ["return", "length", *sorted(first.modes[modes[0]].metrics)]

    def pooled(player: Evaluated) -> dict[str, Any]:
        arrays: dict[str, Any] = {
            "return": np.concatenate([player.modes[m].returns for m in modes]),
            "length": np.concatenate([player.modes[m].lengths for m in modes]),
        }
        for name in names[2:]:
            arrays[name] = np.concatenate([player.modes[m].metrics[name] for m in modes])
        return arrays

    mine, theirs = pooled(first), pooled(second)
    # One pair is one seed in one mode; the pairs are numbered, because modes share their seeds.
    numbers = list(range(len(mine["return"])))
    same_weights = first.player.chooser.id == second.player.chooser.id
    shared: float | None = 1.0 if same_weights else None
    if not same_weights and deterministic:
        equal = all(np.array_equal(mine[name], theirs[name]) for name in names)
        chosen = seeds.seeds if equal else seeds.seeds[:AGREEMENT_SEEDS]
        shared = float(
            np.mean(
                [
                    agreement(task, first.player.chooser, second.player.chooser, chosen, m)
                    for m in modes
                ]
            )
        )
    return compare_episodes(
        Episodes(numbers, mine),
        Episodes(numbers, theirs),
        same_weights=same_weights,
        action_agreement=shared,
        names=(first.player.label, second.player.label),
    )


def pairs_to_compare(results: Sequence[Evaluated]) -> list[tuple[Evaluated, Evaluated]]:
    """Return each neighbouring pair, and the first with the last if there are more than two."""
    pairs = list(pairwise(results))
    if len(results) > 2:
        pairs.append((results[0], results[-1]))
    return pairs
