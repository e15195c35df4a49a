"""``ratchet evaluate`` and ``ratchet compare``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ratchet.cli import options
from ratchet.cli.output import brief, emit, estimated, say, table, watching

if TYPE_CHECKING:
    from ratchet.evaluation.comparison import Comparison, Estimate
    from ratchet.recipes.comparing import Evaluated
    from ratchet.recipes.session import Session
    from ratchet.recipes.steps import SeedSet
    from ratchet.tasks.task import Task


def evaluate(
    policy: Annotated[str, typer.Argument(help="Checkpoint, RUN@best, SB3 .zip, or a built-in.")],
    task: Annotated[str, typer.Argument(help="Built-in name, Gymnasium id, or module:callable.")],
    seeds: options.Seeds = 100,
    seed_file: options.SeedFile = None,
    first: options.First = None,
    mode: options.PlayedMode = None,
    settings: options.Set = None,
    sampled: options.Sampled = False,
    stall_after: options.StallAfter = None,
    name: options.Name = None,
    resume: options.Resume = False,
    root: options.Root = options.DEFAULT_ROOT,
    as_json: options.Json = False,
) -> None:
    """Play a fixed list of seeds, one episode each, in each mode."""
    asked = _Asked(
        kind="evaluate",
        policies=[policy],
        task=task,
        seeds=seeds,
        seed_file=seed_file,
        first=first,
        mode=mode,
        settings=settings,
        sampled=sampled,
        stall_after=stall_after,
        name=name,
        resume=resume,
        root=root,
    )
    with _playing(asked) as found:
        (result,) = found.play()
    if as_json:
        emit(_as_json(found, result))
    else:
        _show(found, result)


def compare(
    arguments: Annotated[
        list[str],
        typer.Argument(
            help="Two or more policies, then the task.", metavar="POLICY POLICY [...] TASK"
        ),
    ],
    seeds: options.Seeds = 100,
    seed_file: options.SeedFile = None,
    first: options.First = None,
    mode: options.PlayedMode = None,
    metric: Annotated[
        str, typer.Option(help="What is compared: return, length, or a metric of the task.")
    ] = "return",
    settings: options.Set = None,
    sampled: options.Sampled = False,
    stall_after: options.StallAfter = None,
    name: options.Name = None,
    resume: options.Resume = False,
    root: options.Root = options.DEFAULT_ROOT,
    as_json: options.Json = False,
) -> None:
    """Compare policies on the same seeds, pair by pair."""
    from ratchet.errors import InputError
    from ratchet.recipes.comparing import (
        check_metric,
        compare_pair,
        pairs_to_compare,
        policy_estimates,
        record_comparison,
    )

    if len(arguments) < 3:
        raise InputError(
            f"compare takes two policies or more and then the task; it got {len(arguments)} arguments"
        )
    *policies, task = arguments
    asked = _Asked(
        kind="compare",
        policies=policies,
        task=task,
        seeds=seeds,
        seed_file=seed_file,
        first=first,
        mode=mode,
        settings=settings,
        sampled=sampled,
        stall_after=stall_after,
        name=name,
        resume=resume,
        root=root,
    )
    compared = []
    with _playing(asked, lambda played: check_metric(played, metric)) as found:
        results = found.play()
        pairs = pairs_to_compare(results)
        found.session.progress.stage("comparing", len(pairs))
        for before, after in pairs:
            comparison = compare_pair(
                before,
                after,
                found.task,
                found.seeds,
                deterministic=not sampled,
                metric=metric,
                stall_after=found.stall_after,
            )
            record_comparison(found.session, found.task, before, after, comparison)
            compared.append(_Pair(before.player.label, after.player.label, comparison))
            found.session.progress.advance(1)
    by_policy = policy_estimates(results)
    labels = [result.player.label for result in results]
    if as_json:
        every = [
            {"before": pair.before, "after": pair.after, **pair.comparison.to_json()}
            for pair in compared
        ]
        several = {"comparisons": every, "policies": _estimates_as_json(labels, by_policy)}
        emit(every[0] if len(every) == 1 else {**every[-1], **several})
        return
    if len(compared) == 1:
        _show_pair(found.task, compared[0])
    else:
        _show_several(found.task, labels, by_policy, compared, metric)
    for pair in compared:
        say(pair.comparison.sentence)
    _say_broken(results)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What the command line asks to be played."""

    kind: str
    policies: Sequence[str]
    task: str
    seeds: int
    seed_file: Path | None
    first: int | None
    mode: str | None
    settings: list[str] | None
    sampled: bool
    stall_after: int | None
    name: str | None
    resume: bool
    root: Path


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What that means, and the run that it is played in."""

    session: Session
    task: Task
    seeds: SeedSet
    play: Callable[[], list[Evaluated]]
    stall_after: int


@dataclass(frozen=True)
class _Pair:
    before: str
    after: str
    comparison: Comparison


@contextmanager
def _playing(asked: _Asked, check: Callable[[Task], object] = lambda _: None) -> Iterator[_Found]:
    """Open the run of an evaluation, once nothing of what is asked for is refused."""
    from ratchet.errors import RecipeError, SeedError
    from ratchet.ledger import queries
    from ratchet.recipes.comparing import evaluate_players
    from ratchet.recipes.resolve import load_player
    from ratchet.recipes.seed_lists import read_seed_list
    from ratchet.recipes.session import open_session, run_name
    from ratchet.recipes.steps import SeedSet, stall_setting
    from ratchet.seeding import report_seeds

    given = options.split_settings(asked.settings)
    for key in (*given.ppo, *given.safety, *given.pawl, *given.routing, *given.guard):
        raise RecipeError(f"--set {key}: an evaluation does not learn")
    task, _ = options.task_with(asked.task, given.environment, keep_default=False)
    check(task)
    modes = options.chosen_modes(task, asked.mode)
    if asked.seed_file is not None:
        seeds = read_seed_list(asked.seed_file, task, asked.first)
    elif asked.first is not None:
        raise SeedError("--first takes the first seeds of a --seed-file; name one, or use --seeds")
    else:
        seeds = SeedSet.of("report", report_seeds(asked.seeds))
    deterministic = not asked.sampled
    stall_after = stall_setting(task, asked.stall_after, deterministic=deterministic)
    players = [load_player(text, task, asked.root) for text in asked.policies]
    if len({player.label for player in players}) < len(players):
        players = [
            replace(player, label=text)
            for player, text in zip(players, asked.policies, strict=True)
        ]
    with (
        watching() as watcher,
        open_session(
            asked.root,
            run_name(asked.root, asked.name, asked.kind, resume=asked.resume),
            kind=asked.kind,
            seed=0,
            task=task.name,
            recipe={
                "task": task.name,
                "policies": [player.who.id for player in players],
                "modes": modes,
                "seed_set": seeds.name,
                "episodes": len(seeds.seeds),
                "deterministic": deterministic,
                "stall_after": stall_after,
            },
            resume=asked.resume,
            progress=watcher,
        ) as session,
    ):
        for player in players:
            looked = queries.chosen_on(session.ledger, player.who.id, seeds.seeds)
            if looked is not None:
                session.progress.note(
                    f"{looked[1]:,} of these seeds decided in run {looked[0]!r} whether {player.label} "
                    "is its best: what is found on them flatters it; evaluate on others"
                )
        yield _Found(
            session=session,
            task=task,
            seeds=seeds,
            play=lambda: evaluate_players(
                session,
                players,
                task,
                modes,
                seeds,
                deterministic=deterministic,
                stall_after=stall_after,
            ),
            stall_after=stall_after,
        )


def _as_json(found: _Found, result: Evaluated) -> dict[str, Any]:
    pooled = result.pooled()
    broken = [played.stalls_broken for played in result.modes.values()]
    return {
        "policy": result.player.who.id,
        "episodes": len(pooled["return"]),
        "metrics": _metrics(pooled),
        "by_mode": {
            mode: {"episodes": len(played.returns), **_metrics(played.arrays())}
            for mode, played in result.modes.items()
        },
        "stalls": {
            "after": found.stall_after,
            "broken": sum(int(counts.sum()) for counts in broken),
            "episodes": sum(int((counts > 0).sum()) for counts in broken),
        },
    }


def _metrics(arrays: dict[str, Any]) -> dict[str, Any]:
    from ratchet.evaluation.comparison import estimates

    return {name: estimates([values])[0].interval.to_json() for name, values in arrays.items()}


def _estimates_as_json(
    labels: Sequence[str], by_policy: dict[str, list[Estimate]]
) -> dict[str, dict[str, Any]]:
    return {
        label: {
            name: {"kind": each[place].kind, **each[place].interval.to_json()}
            for name, each in by_policy.items()
        }
        for place, label in enumerate(labels)
    }


def _show(found: _Found, result: Evaluated) -> None:
    """Print an evaluation: returns by mode, and the task's own metrics where it has them."""
    from ratchet.evaluation.comparison import estimates
    from ratchet.evaluation.statistics import summarize
    from ratchet.report.tables import percent

    rows = []
    for mode, played in result.modes.items():
        s = summarize(played.returns, found.task.maximum_return)
        rows.append(
            [
                mode,
                str(s.episodes),
                brief(s.mean),
                brief(s.iqm),
                f"{s.std:.1f}",
                "n/a" if s.at_maximum is None else percent(s.at_maximum.estimate),
            ]
        )
    table(
        f"{result.player.label} on {found.task.name}, {len(found.seeds.seeds)} seeds a mode",
        ["mode", "episodes", "mean return [95%]", "interquartile mean", "std", "at maximum"],
        rows,
    )
    if own := list(next(iter(result.modes.values())).metrics):
        rows = [
            [
                name,
                *(
                    estimated(e)
                    for e in estimates([p.metrics[name] for p in result.modes.values()])
                ),
            ]
            for name in own
        ]
        table("metrics of the task [95%]", ["metric", *result.modes], rows)
    _say_broken([result])


def _show_pair(task: Task, pair: _Pair) -> None:
    from ratchet.evaluation.comparison import Estimate
    from ratchet.report.tables import percent

    rows = [
        [
            name,
            estimated(Estimate(each.kind, each.before)),
            estimated(Estimate(each.kind, each.after)),
            estimated(Estimate(each.kind, each.difference), signed=True),
            percent(each.probability_of_improvement.estimate),
        ]
        for name, each in pair.comparison.metrics.items()
    ]
    table(
        f"{pair.before} → {pair.after} on {task.name}, {pair.comparison.pairs} pairs",
        ["metric", "before", "after", "difference [95%]", "P(better)"],
        rows,
    )


def _show_several(
    task: Task,
    labels: Sequence[str],
    by_policy: dict[str, list[Estimate]],
    compared: Sequence[_Pair],
    metric: str,
) -> None:
    from ratchet.evaluation.comparison import Estimate
    from ratchet.report.tables import percent

    table(
        f"{len(labels)} policies on {task.name}, the same {compared[0].comparison.pairs} episodes [95%]",
        ["metric", *labels],
        [[name, *map(estimated, each)] for name, each in by_policy.items()],
    )
    rows = []
    for pair in compared:
        each = pair.comparison.metrics[metric]
        rows.append(
            [
                f"{pair.before} → {pair.after}",
                estimated(Estimate(each.kind, each.difference), signed=True),
                percent(each.probability_of_improvement.estimate),
                str(each.equal),
            ]
        )
    table(
        f"{metric}, episode by episode",
        ["policies", "difference [95%]", "P(better)", "equal"],
        rows,
    )


def _say_broken(results: Sequence[Evaluated]) -> None:
    """Say where the stall-breaker acted."""
    for result in results:
        counts = [int(n) for played in result.modes.values() for n in played.stalls_broken]
        if any(counts):
            say(
                f"stalls broken: {result.player.label} came to a standstill in "
                f"{sum(n > 0 for n in counts)} of {len(counts)} episodes; {sum(counts):,} of its actions "
                "are not the greedy ones"
            )
