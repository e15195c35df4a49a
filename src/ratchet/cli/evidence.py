"""``ratchet evaluate`` and ``ratchet compare``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ratchet.cli import options
from ratchet.cli.output import brief, emit, say, table, watching

if TYPE_CHECKING:
    from ratchet.recipes.comparing import Evaluated
    from ratchet.recipes.steps import SeedSet
    from ratchet.tasks.task import Task


def evaluate(
    policy: Annotated[str, typer.Argument(help="Checkpoint, RUN@best, SB3 .zip, or a built-in.")],
    task: Annotated[str, typer.Argument(help="Built-in name, Gymnasium id, or module:callable.")],
    seeds: options.Seeds = 100,
    seed_file: options.SeedFile = None,
    mode: options.Mode = None,
    settings: options.Set = None,
    sampled: options.Sampled = False,
    name: options.Name = None,
    resume: options.Resume = False,
    root: options.Root = options.DEFAULT_ROOT,
    as_json: options.Json = False,
) -> None:
    """Play a fixed list of seeds, one episode each, in each mode."""
    from ratchet.evaluation.statistics import summarize

    played, seed_set, results = _play(
        [policy],
        task,
        seeds,
        seed_file,
        mode,
        settings,
        "evaluate",
        sampled=sampled,
        name=name,
        resume=resume,
        root=root,
    )
    result = results[0]
    pooled = _pooled(result)
    by_mode = {
        m: {
            "episodes": len(p.returns),
            **_metrics({"return": p.returns, "length": p.lengths} | p.metrics),
        }
        for m, p in result.modes.items()
    }
    if as_json:
        emit(
            {
                "policy": result.player.chooser.id,
                "episodes": len(pooled["return"]),
                "metrics": _metrics(pooled),
                "by_mode": by_mode,
            }
        )
        return
    from ratchet.report.tables import percent

    rows = []
    for m, p in result.modes.items():
        s = summarize(p.returns, played.maximum_return)
        rows.append(
            [
                m,
                str(s.episodes),
                brief(s.mean),
                brief(s.iqm),
                f"{s.std:.1f}",
                "n/a" if s.at_maximum is None else percent(s.at_maximum.estimate),
            ]
        )
    table(
        f"{result.player.label} on {played.name}, {len(seed_set.seeds)} seeds a mode",
        ["mode", "episodes", "mean return [95%]", "interquartile mean", "std", "at maximum"],
        rows,
    )


def compare(
    arguments: Annotated[
        list[str],
        typer.Argument(
            help="Two or more policies, then the task.", metavar="POLICY POLICY [...] TASK"
        ),
    ],
    seeds: options.Seeds = 100,
    seed_file: options.SeedFile = None,
    mode: options.Mode = None,
    settings: options.Set = None,
    sampled: options.Sampled = False,
    name: options.Name = None,
    resume: options.Resume = False,
    root: options.Root = options.DEFAULT_ROOT,
    as_json: options.Json = False,
) -> None:
    """Compare policies on the same seeds, pair by pair."""
    from ratchet.errors import InputError
    from ratchet.recipes.comparing import compare_pair, pairs_to_compare

    if len(arguments) < 3:
        raise InputError(
            f"compare takes two policies or more and then the task; it got {len(arguments)} arguments"
        )
    *policies, task = arguments
    played, seed_set, results = _play(
        policies,
        task,
        seeds,
        seed_file,
        mode,
        settings,
        "compare",
        sampled=sampled,
        name=name,
        resume=resume,
        root=root,
    )
    compared = [
        (first, second, compare_pair(first, second, played, seed_set, deterministic=not sampled))
        for first, second in pairs_to_compare(results)
    ]
    if as_json:
        every = [
            {"before": a.player.label, "after": b.player.label, **c.to_json()}
            for a, b, c in compared
        ]
        emit(every[0] if len(every) == 1 else {**every[-1], "comparisons": every})
        return
    from ratchet.report.tables import percent

    for first, second, comparison in compared:
        rows = [
            [
                metric,
                brief(each.before),
                brief(each.after),
                brief(each.difference, "signed"),
                percent(each.probability_of_improvement.estimate),
            ]
            for metric, each in comparison.metrics.items()
        ]
        table(
            f"{first.player.label} → {second.player.label} on {played.name}, {comparison.pairs} pairs",
            ["metric", "before", "after", "difference [95%]", "P(better)"],
            rows,
        )
        say(comparison.sentence)


def _play(
    policies: Sequence[str],
    task: str,
    seeds: int,
    seed_file: Path | None,
    mode: str | None,
    settings: list[str] | None,
    kind: str,
    *,
    sampled: bool,
    name: str | None,
    resume: bool,
    root: Path,
) -> tuple[Task, SeedSet, list[Evaluated]]:
    from ratchet.errors import RecipeError
    from ratchet.recipes.comparing import evaluate_players
    from ratchet.recipes.resolve import load_player
    from ratchet.recipes.session import open_session, run_name
    from ratchet.recipes.steps import SeedSet
    from ratchet.seeding import report_seeds

    given = options.split_settings(settings)
    for key in (*given.ppo, *given.safety, *given.pawl, *given.routing, *given.guard):
        raise RecipeError(f"--set {key}: an evaluation does not learn")
    played, _ = options.task_with(task, given.environment, keep_default=False)
    modes = options.chosen_modes(played, mode)
    listed = report_seeds(seeds) if seed_file is None else options.read_seed_file(seed_file)
    seed_set = SeedSet.of("report" if seed_file is None else seed_file.name, listed)
    players = [load_player(text, played, root) for text in policies]
    if len({player.label for player in players}) < len(players):
        players = [replace(p, label=text) for p, text in zip(players, policies, strict=True)]
    chosen = run_name(root, name, kind, resume=resume)
    with (
        watching() as watcher,
        open_session(
            root,
            chosen,
            kind=kind,
            seed=0,
            task=played.name,
            recipe={
                "task": played.name,
                "policies": [player.chooser.id for player in players],
                "modes": modes,
                "seed_set": seed_set.name,
                "episodes": len(listed),
                "deterministic": not sampled,
            },
            resume=resume,
            progress=watcher,
        ) as session,
    ):
        results = evaluate_players(
            session, players, played, modes, seed_set, deterministic=not sampled
        )
    return played, seed_set, results


def _pooled(result: Evaluated) -> dict[str, Any]:
    import numpy as np

    parts = list(result.modes.values())
    pooled = {
        "return": np.concatenate([p.returns for p in parts]),
        "length": np.concatenate([p.lengths for p in parts]),
    }
    for metric in parts[0].metrics:
        pooled[metric] = np.concatenate([p.metrics[metric] for p in parts])
    return pooled


def _metrics(arrays: dict[str, Any]) -> dict[str, Any]:
    from ratchet.evaluation.statistics import mean_interval

    return {metric: mean_interval(values).to_json() for metric, values in arrays.items()}
