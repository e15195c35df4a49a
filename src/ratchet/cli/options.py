"""The options that commands share, and what they mean."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ratchet.errors import BudgetError, RecipeError, TaskError, did_you_mean

Root = Annotated[Path, typer.Option(help="Where runs and the ledger are.", envvar="RATCHET_ROOT")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, last, on stdout.")]
Name = Annotated[str | None, typer.Option(help="Name of the run; a free one if not given.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run of that --name.")]
Seed = Annotated[int, typer.Option(min=0, help="The run's seed, from which all others follow.")]
Mode = Annotated[str | None, typer.Option(help="Mode of the task; all of them if not given.")]
PlayedMode = Annotated[
    str | None, typer.Option("--mode", help="Mode of the task; its usual ones if not given.")
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="key=value: a PPO setting, safety.…, pawl.…, routing.…, guard.…, or what an environment is set to.",
    ),
]
Steps = Annotated[int | None, typer.Option(help="Budget in environment steps, exact.")]
Episodes = Annotated[int | None, typer.Option(help="Budget in whole episodes instead.")]
Scope = Annotated[
    str, typer.Option(help="What learns: a name that `ratchet scopes` lists, or patterns.")
]
Anchor = Annotated[str, typer.Option(help="none, kl:β, l2sp:β or ewc:β.")]
Method = Annotated[str, typer.Option(help="How it learns: ppo, reinforce or slot_search.")]
Guard = Annotated[
    bool | None,
    typer.Option(
        "--guard/--no-guard",
        help="Keep the start unless the budget's own episodes show the result to be better; "
        "on where the budget is in episodes.",
    ),
]
Rank = Annotated[int, typer.Option(min=1, help="Of the low-rank matrices of scope adapter.")]
Build = Annotated[
    str, typer.Option("--policy", help="What to train: a name that `ratchet policies` lists.")
]
Seeds = Annotated[int, typer.Option(min=1, help="Evaluation seeds per mode: 0, 1, 2, …")]
SeedFile = Annotated[
    Path | None, typer.Option(help="A file of seeds instead, one a line, as the task writes them.")
]
First = Annotated[int | None, typer.Option(min=1, help="Only the first so many of --seed-file.")]
StallAfter = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="From which time at one observation a greedy policy tries another action; "
        "0: never; the task's own if not given.",
    ),
]
Sampled = Annotated[
    bool, typer.Option("--sampled", help="Sample actions instead of the likeliest ones.")
]
Device = Annotated[str, typer.Option(help="Where to learn: cpu, cuda, cuda:1, …")]

DEFAULT_ROOT = Path("runs")


@dataclass(frozen=True)
class Settings:
    """The ``--set`` values, by what they set."""

    ppo: dict[str, Any]
    safety: dict[str, Any]
    pawl: dict[str, Any]
    routing: dict[str, Any]
    guard: dict[str, Any]
    environment: dict[str, Any]


def split_settings(settings: list[str] | None) -> Settings:
    """Return the ``--set`` values: PPO's by name, ``safety.…``, ``pawl.…``, and so on, and the environment's."""
    from ratchet.learning.config import PPOConfig
    from ratchet.recipes.schema import parse_setting

    found = Settings({}, {}, {}, {}, {}, {})
    for text in settings or []:
        key, value = parse_setting(text)
        group, _, name = key.partition(".")
        if group == "safety" and name:
            found.safety[name] = value
        elif group == "pawl" and name:
            found.pawl[name] = value
        elif group == "routing" and name:
            found.routing[name] = value
        elif group == "guard" and name:
            found.guard[name] = value
        elif key in PPOConfig.model_fields:
            found.ppo[key] = value
        else:
            found.environment[key] = value
    return found


def task_with(
    name: str, environment: dict[str, Any], *, keep_default: bool
) -> tuple[Any, str | None]:
    """Return the task, and the name of the mode that ``--set`` made, if any.

    With `keep_default` the environment as it is stays a mode beside it, to be forgotten or not.
    """
    from ratchet.learning.config import PPOConfig
    from ratchet.tasks.registry import BUILT_IN, find_task

    if not environment:
        return find_task(name), None
    if name in BUILT_IN:
        key = next(iter(environment))
        known = did_you_mean(key, PPOConfig.model_fields)
        raise RecipeError(f"--set {key}: PPO has no such setting ({known}), and {name} has modes")
    label = ",".join(f"{key}={value}" for key, value in environment.items())
    modes: dict[str, dict[str, Any]] = {"default": {}} if keep_default else {}
    modes[label] = environment
    try:
        return find_task(name, modes), label
    except TaskError as error:
        for key in environment:
            if near := difflib.get_close_matches(key, PPOConfig.model_fields, n=1, cutoff=0.7):
                raise TaskError(f"{error}; or did you mean PPO's {near[0]!r}?") from error
        raise


def chosen_modes(task: Any, mode: str | None) -> list[str]:
    """Return the names of the modes to play: the one named, else the task's usual ones, else all.

    Raises
    ------
    TaskError
        If the task has no such mode.

    """
    if mode is None:
        return list(task.played_modes)
    task.mode_index(mode)
    return [mode]


def target_mode(task: Any, mode: str | None) -> str | None:
    """Return the mode to learn: the one named, the only one there is or is usual, or None for a mixture.

    Raises
    ------
    TaskError
        If the task has no such mode.

    """
    if mode is None and len(task.played_modes) == 1:
        return str(task.played_modes[0])
    if mode is not None:
        task.mode_index(mode)
    return mode


def one_budget(steps: int | None, episodes: int | None) -> tuple[int, str]:
    """Return the budget and its unit.

    Raises
    ------
    BudgetError
        If there is no budget, or two.

    """
    if (steps is None) == (episodes is None):
        raise BudgetError("give a budget: either --steps or --episodes")
    return (steps, "steps") if steps is not None else (episodes or 0, "episodes")
