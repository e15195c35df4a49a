"""Evaluating 500 greedy episodes of one trained policy, against ``evaluate_policy`` on one environment.

Ratchet plays the seeds 0, 1, 2 and so on, each once. The peer plays one episode after the other, from seeds
of its environment's own, so that its time is proportional to their number: each repetition plays a fifth of
the episodes and counts five times. The policy is the same, the task CartPole-v1.

What bounds it: ours plays all episodes side by side, so the longest of them sets how many rows there are,
and a row costs a forward pass for every copy on one core, each computed by itself so that no episode
depends on its neighbours. The peer's time is overhead, for every step of every episode.
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
TARGET = "a hundredth of the time"
EPISODES = 500
SHARE = 5
"""Into how many parts the peer's episodes are divided, over the repetitions."""


def prepare(*, path: str, steps: int) -> None:
    trained_zip(Path(path), steps=steps)


def ours(*, path: str, episodes: int) -> dict[str, Any]:
    from ratchet.evaluation.play import play
    from ratchet.policies.actor import Actor
    from ratchet.policies.checkpoint import read_checkpoint
    from ratchet.policies.sb3.importer import read_sb3
    from ratchet.seeding import report_seeds

    read = read_checkpoint if Path(path).is_dir() else read_sb3
    task, actor, seeds = modes_task(), Actor(read(Path(path))), report_seeds(episodes)
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
    episodes = 10 if quick else EPISODES
    part = episodes // SHARE
    with tempfile.TemporaryDirectory() as directory, Worker() as mine, Worker() as peer:
        path = str(Path(directory) / "policy.zip")
        fresh(prepare, path=path, steps=4_000 if quick else 100_000)
        mine.call(ours, path=path, episodes=2)
        peer.call(theirs, path=path, episodes=2, seed=0)
        found = alternate(
            {
                "peer": lambda seed: peer.call(theirs, path=path, episodes=part, seed=seed),
                "ours": lambda _: mine.call(ours, path=path, episodes=episodes),
            },
            repetitions(quick=quick),
        )

    mine_seconds = [run["seconds"] for run in found["ours"]]
    peer_seconds = [SHARE * run["seconds"] for run in found["peer"]]
    length = {who: float(np.mean([run["length"] for run in found[who]])) for who in found}
    played = {who: sum(run["episodes"] for run in found[who]) for who in found}
    return Result(
        [
            Comparison(
                what=f"{episodes} episodes",
                ours=Series("Ratchet", mine_seconds, "s"),
                peer=Series("evaluate_policy, one environment", peer_seconds, "s"),
                at_least=100.0,
            )
        ],
        [
            (
                f"Mean length of the episodes played: Ratchet {length['ours']:.1f} ({episodes} seeds, "
                f"the same in each repetition), Stable-Baselines3 {length['peer']:.1f} "
                f"({played['peer']} episodes over all repetitions)."
            )
        ],
    )
