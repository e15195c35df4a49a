"""Evaluating 500 greedy episodes of one trained policy on CartPole-v1, against ``evaluate_policy`` on one
environment. Ratchet plays the seeds 0, 1, 2 …, each once; the peer plays as many episodes, one after the
other, from seeds of its environment's own. The policy is the same in both.

What bounds it: ours plays all episodes side by side, so the longest of them sets how many rows there are,
and a row costs its forward passes: two thirds of it is tanh and products for every single copy, on one
core, each row computed by itself so that no episode depends on its neighbours. The peer's time is
overhead for every step of every episode.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contenders import modes_task, trained_zip
from benchmarks.measure import (
    Comparison,
    Result,
    Series,
    Worker,
    alternate,
    fresh,
    repetitions,
    seconds,
)

NAME = "Evaluating 500 episodes"
TARGET = "at least 100× faster"
EPISODES = 500


def prepare(*, path: str, steps: int) -> None:
    trained_zip(Path(path), steps=steps)


def ours(*, path: str, episodes: int) -> dict[str, Any]:
    from ratchet.evaluation.play import play
    from ratchet.policies.actor import Actor
    from ratchet.policies.sb3_import import read_sb3
    from ratchet.seeding import report_seeds

    task, actor, seeds = modes_task(), Actor(read_sb3(Path(path))), report_seeds(episodes)
    lengths: list[int] = []
    wall = seconds(lambda: lengths.extend(e.length for e in play(task, actor, seeds, "0")))
    return {"seconds": wall, "episodes": len(lengths), "length": float(np.mean(lengths))}


@cache
def _peer(path: str) -> tuple[Any, Any]:
    import gymnasium
    from stable_baselines3 import PPO
    from stable_baselines3.common.monitor import Monitor

    return PPO.load(path, device="cpu"), Monitor(gymnasium.make("CartPole-v1"))


def theirs(*, path: str, episodes: int, seed: int) -> dict[str, Any]:
    import torch
    from stable_baselines3.common.evaluation import evaluate_policy

    torch.set_num_threads(1)
    model, environment = _peer(path)
    environment.reset(seed=seed)
    lengths: list[int] = []

    def run() -> None:
        _, found = evaluate_policy(model, environment, episodes, return_episode_rewards=True)
        lengths.extend(found)

    return {"seconds": seconds(run), "episodes": len(lengths), "length": float(np.mean(lengths))}


def measure(*, quick: bool) -> Result:
    """Measure the claim."""
    episodes = 4 if quick else EPISODES
    with tempfile.TemporaryDirectory() as directory, Worker() as mine, Worker() as peer:
        path = str(Path(directory) / "policy.zip")
        fresh(prepare, path=path, steps=4_000 if quick else 100_000)
        mine.call(ours, path=path, episodes=2)
        peer.call(theirs, path=path, episodes=2, seed=0)
        found = alternate(
            {
                "peer": lambda seed: peer.call(theirs, path=path, episodes=episodes, seed=seed),
                "ours": lambda _: mine.call(ours, path=path, episodes=episodes),
            },
            repetitions(quick=quick),
        )

    def series(who: str, name: str) -> Series:
        return Series(name, [run["seconds"] for run in found[who]], "s")

    length = {who: float(np.mean([run["length"] for run in found[who]])) for who in found}
    return Result(
        [
            Comparison(
                what=f"{found['ours'][0]['episodes']} episodes",
                ours=series("ours", "Ratchet"),
                peer=series("peer", "evaluate_policy, one environment"),
                at_least=100.0,
            )
        ],
        [
            f"Mean length of the episodes played: Ratchet {length['ours']:.1f}, "
            f"Stable-Baselines3 {length['peer']:.1f}, {found['peer'][0]['episodes']} episodes each."
        ],
    )
