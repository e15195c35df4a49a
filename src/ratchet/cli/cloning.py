"""``ratchet clone``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ratchet.cli import options
from ratchet.cli.output import emit, say, table, watching

if TYPE_CHECKING:
    from ratchet.recipes.cloning import Cloned


def clone(
    task: Annotated[str, typer.Argument(help="Built-in name, Gymnasium id, or module:callable.")],
    teacher: Annotated[
        str | None,
        typer.Option(
            help="Who shows it: a teacher of the task, or a policy; heuristic if not given."
        ),
    ] = None,
    demonstrations: Annotated[
        str | None,
        typer.Option(
            help="Games instead: a directory of demonstrations, a run with some, or a Minari dataset "
            "(a directory, or an id)."
        ),
    ] = None,
    episodes: Annotated[
        int | None,
        typer.Option(min=2, help="How many games: 400 of a teacher, or all that there are."),
    ] = None,
    network: Annotated[
        str | None, typer.Option(help="mlp or entities; the better one for the task if not given.")
    ] = None,
    mode: options.PlayedMode = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value: a setting of the cloning.")
    ] = None,
    seed: options.Seed = 0,
    name: options.Name = None,
    resume: options.Resume = False,
    device: options.Device = "cpu",
    root: options.Root = options.DEFAULT_ROOT,
    as_json: options.Json = False,
) -> None:
    """Clone a teacher into a new policy by supervised learning from its games."""
    from ratchet.errors import TaskError
    from ratchet.policies.recurrent.actor import actor_for
    from ratchet.recipes.cloning import CloningPlan, clone_teacher, new_clone
    from ratchet.recipes.demonstrations import find_demonstrations
    from ratchet.recipes.reporting import report_run
    from ratchet.recipes.resolve import BUILT_IN, check_usable, load_policy
    from ratchet.recipes.schema import parse_setting
    from ratchet.recipes.session import open_session, run_name
    from ratchet.recipes.settings import cloning_config
    from ratchet.rollout.demonstrations import action_count
    from ratchet.rollout.fit import check_fit
    from ratchet.tasks.registry import find_task

    played = find_task(task)
    action_count(played)
    chosen_mode = options.target_mode(played, mode)
    who: Any = teacher or "heuristic"
    if demonstrations is not None:
        if teacher is not None:
            raise TaskError(
                "give either --teacher, who plays, or --demonstrations, which are played already"
            )
        who = find_demonstrations(demonstrations, played, mode, root).first(episodes)
        if len(who.seeds) < 2:
            raise TaskError(f"{who.name} holds one demonstration; cloning takes at least 2")
        who.demonstrations(played)  # so that nothing is begun with what cannot be learned from
        chosen_mode, episodes = who.settings.mode, len(who.seeds)
    elif who not in played.teachers:
        if who in BUILT_IN:
            known = ", ".join(played.teachers) or "none"
            raise TaskError(
                f"task {played.name!r} has no teacher {who!r}; it has {known}, and --teacher takes a policy, too"
            )
        policy = load_policy(who, root)
        check_usable(policy)
        check_fit(policy.spec, played)
        who = actor_for(policy)
    games = episodes or 400
    plan = CloningPlan(
        task=played,
        teacher=who,
        episodes=games,
        policy=new_clone(played, network, seed),
        config=cloning_config(dict(parse_setting(text) for text in settings or [])),
        mode=chosen_mode,
        seed=seed,
        device=device,
    )
    chosen = run_name(root, name, "clone", resume=resume)
    with (
        watching() as watcher,
        open_session(
            root,
            chosen,
            kind="clone",
            seed=seed,
            task=played.name,
            recipe={
                "task": played.name,
                "mode": plan.mode,
                "teacher": plan.teacher_name,
                "episodes": games,
                "base": plan.policy.id,
                "cloning": plan.config.model_dump(),
            },
            resume=resume,
            progress=watcher,
        ) as session,
    ):
        found = clone_teacher(session, plan)
    report_run(root, chosen)
    report = str(root / chosen / "report.html")
    if as_json:
        emit(
            {
                "report": report,
                "policy": str(found.checkpoint),
                "policy_id": found.policy.id,
                "wall_seconds": found.wall_seconds,
                **found.measured,
            }
        )
        return
    _show(found, f"{root / chosen}@best")
    say(f"report  {report}")


def _show(found: Cloned, pointer: str) -> None:
    measured = found.measured
    rows = [
        ("all decisions", measured["accuracy"]),
        ("with a choice", measured["accuracy_of_choices"]),
    ]
    for group in ("by_kind", "by_situation"):
        rows += list(measured[group].items())
    table(
        f"agreement with {measured['teacher']} in the games held back, of "
        f"{measured['episodes']:,} games and {measured['decisions']:,} decisions",
        ["", "decisions", "agreed"],
        [
            [
                str(name),
                f"{rate['decisions']:,}",
                f"{rate['agreed'] / max(rate['decisions'], 1):.1%}",
            ]
            for name, rate in rows
        ],
    )
    say(f"the critic explains {measured['explained_variance']:.0%} of the returns' variance there")
    say(f"policy  {found.checkpoint}\n        {pointer}")
