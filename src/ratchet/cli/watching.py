"""``ratchet watch``."""

from __future__ import annotations

from typing import Annotated

import typer

from ratchet.cli import options
from ratchet.cli.output import say


def watch(
    policy: Annotated[str, typer.Argument(help="Checkpoint, RUN@best, SB3 .zip, or a built-in.")],
    task: Annotated[str, typer.Argument(help="A task that can be shown: spire, spire-sparse.")],
    seed: Annotated[
        str, typer.Option(help="Seed of the game: its number, or its text as a seed list has it.")
    ] = "0",
    mode: Annotated[
        str | None, typer.Option(help="Mode of the task; its first if not given.")
    ] = None,
    sampled: options.Sampled = False,
    stall_after: options.StallAfter = None,
    plain: Annotated[bool, typer.Option("--plain", help="Print every step as text.")] = False,
    root: options.Root = options.DEFAULT_ROOT,
) -> None:
    """Show a policy play one game in the terminal, step by step."""
    from ratchet.errors import TaskError
    from ratchet.evaluation.play import play
    from ratchet.recipes.resolve import load_player
    from ratchet.recipes.steps import stall_setting
    from ratchet.tasks.registry import find_task
    from ratchet.tasks.spire import SpireTask, compile_game, show_game

    played = find_task(task)
    if not isinstance(played, SpireTask):
        raise TaskError(f"task {task!r} can not be shown in a terminal; spire and spire-sparse can")
    chosen = played.modes[0].name if mode is None else options.chosen_modes(played, mode)[0]
    number = int(seed) if seed.removeprefix("-").isdecimal() else played.seed_of(seed)
    player = load_player(policy, played, root)
    stated = stall_setting(played, stall_after, deterministic=not sampled)
    compile_game()
    actions: list[int] = []
    (game,) = play(
        played,
        player.who,
        [number],
        chosen,
        deterministic=not sampled,
        stall_after=player.stall_after(stated),
        on_actions=lambda _, taken: actions.append(int(taken[0])),
    )
    title = f"{player.label} on {played.name}, {chosen}, seed {seed}"
    if game.truncated:
        title += f", broken off after {game.length:,} actions"
    show_game(played, chosen, number, actions, title, plain=plain)
    if game.truncated:
        say(
            f"the game was not over: it was broken off after {game.length:,} actions, the most that a "
            f"game of {played.name} may take"
        )
    if game.stalls_broken:
        say(f"{game.stalls_broken} of the actions broke a standstill: they are not the greedy ones")
