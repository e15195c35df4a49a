"""What the claims about fleets begin with: games of the Spire heuristic, and the clone that learns a little from them."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

GAMES = 48
MODE = "a0"
LAYERS = (512, 256, 256)
"""Of a clone's actor and critic."""


@cache
def games() -> Any:
    """Return the demonstrations, of some forty thousand transitions."""
    from ratchet.rollout.demonstrations import read_demonstrations
    from ratchet.rollout.recording import record_demonstrations
    from ratchet.tasks.registry import find_task

    task = find_task("spire")
    with tempfile.TemporaryDirectory() as home:
        seeds = record_demonstrations(Path(home), task, "heuristic", episodes=GAMES, mode=MODE)
        return read_demonstrations(Path(home), task, seeds)


@cache
def clone() -> Any:
    """Return a policy that plays as the heuristic, as far as four passes teach it: its games are of usual length."""
    from ratchet.learning.cloning import clone as cloned
    from ratchet.learning.config import CloningConfig
    from ratchet.recipes.cloning import new_clone
    from ratchet.tasks.registry import find_task

    task = find_task("spire")
    return cloned(new_clone(task, "mlp", 0), games(), task, CloningConfig(max_epochs=4)).policy


def play_batch(count: int) -> list[Any]:
    """Return so many episodes of the clone, as a worker plays them."""
    from ratchet.rollout.fleet.player import Player
    from ratchet.rollout.fleet.versions import Version
    from ratchet.rollout.kind import kind_of
    from ratchet.rollout.plan import FleetPlan
    from ratchet.tasks.registry import find_task

    task = find_task("spire")
    plan = FleetPlan(run="bench", task="spire", modes=(MODE,), environments=count, masked=True)
    player = Player(task, plan, kind_of(task, run="bench", masked=True), 0)
    player.begin(count, Version(0, clone()))
    episodes: list[Any] = []
    while player.playing:
        player.choose()
        player.step()
        episodes += player.ended()
    player.close()
    return episodes
