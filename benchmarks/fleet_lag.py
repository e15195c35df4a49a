"""What becomes of a slow simulator's episodes: thrown away, learned from as they are, or with the ratio decoupled.

CartPole's modes from nothing, in one process. In every round eight episodes come in: four from fast simulators, played
by one of the five newest versions, and four from slow ones, played by the version of sixteen updates before. `reject` with a
largest lag of 4 learns from the first four alone, once it has eight of them; the two others learn from all, each round.
All three play the same number of episodes, which is what simulators cost, with the same seeds. Returns are those of the last
tenth of the fast episodes: of the policy as it plays, with its exploration.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from benchmarks.measure import Difference, Result, Series, Worker, alternate

NAME = "Lagged episodes: rejected or decoupled"
TARGET = "decoupled, episodes of slow simulators cost nothing and waste nothing"
TASK = "cartpole-modes"
FAST, SLOW, OLD, MAX_LAG = 4, 4, 16, 4
ROUNDS = 150
SEEDS = 10


def train(*, way: str, seed: int, rounds: int) -> float:
    """Return the mean return of the last tenth of the fast simulators' episodes."""
    from dataclasses import replace

    from threadpoolctl import threadpool_limits

    from ratchet.learning.config import FleetConfig
    from ratchet.learning.episode_learner import EpisodeLearner
    from ratchet.policies.initial import new_policy
    from ratchet.rollout.fit import spec_for
    from ratchet.rollout.fleet.player import Player
    from ratchet.rollout.fleet.versions import Version
    from ratchet.rollout.kind import kind_of
    from ratchet.rollout.plan import FleetPlan
    from ratchet.tasks.registry import find_task

    task = find_task(TASK)
    spec = replace(spec_for(task), actor=(64, 64), critic=(64, 64))
    policy = new_policy(spec, seed)
    lagged = "decouple" if way == "decouple" else "reject"
    config = FleetConfig(learning_rate=1e-3, batch_size=256, tuned=False, lagged=lagged)
    learner = EpisodeLearner(policy, config, seed=seed)
    kind = kind_of(task, run="bench", masked=False)
    plan = FleetPlan(run="bench", task=TASK, seed=seed, environments=1)
    players = [Player(task, plan, kind, writer) for writer in range(FAST + SLOW)]
    generator = np.random.default_rng(seed)
    versions = deque([Version(0, policy)], maxlen=OLD + 1)
    waiting: list[tuple[Any, int]] = []
    returns = []
    number = 0
    with threadpool_limits(1, user_api="blas"):
        for _ in range(rounds):
            for place, player in enumerate(players):
                fast = place < FAST
                lag = int(generator.integers(MAX_LAG + 1)) if fast else OLD
                version = versions[max(0, len(versions) - 1 - lag)]
                player.begin(1, version)
                episode = None
                while episode is None:
                    player.choose()
                    player.step()
                    episode = next(iter(player.ended()), None)
                if fast:
                    returns.append(episode.record.episode_return)
                waiting.append((episode, version.number))
            usable = [
                (episode, number - version)
                for episode, version in waiting
                if way != "reject" or number - version <= MAX_LAG
            ]
            if len(usable) >= FAST + SLOW:
                number += 1
                learner.learn(number, *map(list, zip(*usable, strict=True)))
                versions.append(Version(number, policy.descend(learner.tensors(), source="bench")))
                waiting = []
    return float(np.mean(returns[-len(returns) // 10 :]))


def measure(*, quick: bool) -> Result:
    """Measure the claim."""
    rounds, seeds = (10, 2) if quick else (ROUNDS, SEEDS)
    with Worker() as worker:
        found = alternate(
            {
                way: lambda seed, way=way: worker.call(train, way=way, seed=seed, rounds=rounds)
                for way in ("decouple", "reject", "as they are")
            },
            seeds,
        )

    def series(way: str) -> Series:
        return Series(way, found[way], "return")

    return Result(
        [
            Difference(
                what=f"return after {rounds * (FAST + SLOW):,} episodes, {seeds} seeds: decoupled or rejected",
                ours=series("decouple"),
                peer=series("reject"),
            ),
            Difference(
                what="decoupled, or all learned from as they are",
                ours=series("decouple"),
                peer=series("as they are"),
            ),
        ]
    )
