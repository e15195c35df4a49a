"""Peak memory of a whole process, libraries included, that does one thing and ends.

What bounds it: libraries. An interpreter with NumPy, Gymnasium and the kernels' compiler is most of ours;
PyTorch, which ours imports only to read a Stable-Baselines3 file, is most of the peer's. Beside these the
arrays of a rollout are small. Where the peer needs no more than NumPy, the compiler makes ours the larger.
"""

from __future__ import annotations

import tempfile
from typing import Any

from benchmarks import cold_start, environment, evaluate, train_cartpole, train_jax
from benchmarks.measure import (
    Comparison,
    Result,
    Series,
    alternate,
    fresh,
    peak_memory,
    repetitions,
)

NAME = "Peak memory"
TARGET = "reported"


def training(*, who: str, steps: int) -> float:
    if who == "ours":
        train_cartpole.ours(steps=steps, seed=0, episodes=0)
    else:
        train_cartpole.theirs(steps=steps, seed=0, episodes=0, threads=1)
    return peak_memory()


def jax_training(*, steps: int) -> float:
    from benchmarks import jax_ppo

    jax_ppo.train(steps=steps, seed=0)
    return peak_memory()


def our_small_training(*, steps: int) -> float:
    train_jax.ours_first(steps=steps, seed=0)
    return peak_memory()


def evaluation(*, who: str, path: str, episodes: int) -> float:
    if who == "ours":
        evaluate.ours(path=path, episodes=episodes)
    else:
        evaluate.theirs(path=path, episodes=episodes, seed=0)
    return peak_memory()


def stepping(*, who: str, copies: int) -> float:
    functions: dict[str, Any] = {"ours": environment.ours, "peer": environment.gymnasium_vector}
    functions[who](copies=copies, rows=100)
    return peak_memory()


def measure(*, quick: bool) -> Result:
    """Measure the claim."""
    steps, episodes = (2_000, 5) if quick else (32_768, 500)
    with tempfile.TemporaryDirectory() as directory:
        path, checkpoint = f"{directory}/policy.zip", f"{directory}/policy"
        fresh(cold_start.prepare, zipped=path, checkpoint=checkpoint)
        found = alternate(
            {
                "training peer": lambda _: fresh(training, who="peer", steps=steps),
                "training": lambda _: fresh(training, who="ours", steps=steps),
                "small peer": lambda _: fresh(jax_training, steps=8_192),
                "small": lambda _: fresh(our_small_training, steps=8_192),
                "evaluation peer": lambda _: fresh(
                    # The peer keeps one environment, whatever the number of episodes.
                    evaluation,
                    who="peer",
                    path=path,
                    episodes=min(episodes, 10),
                ),
                "evaluation": lambda _: fresh(
                    evaluation, who="ours", path=checkpoint, episodes=episodes
                ),
                "zip": lambda _: fresh(evaluation, who="ours", path=path, episodes=episodes),
                "environment peer": lambda _: fresh(stepping, who="peer", copies=4096),
                "environment": lambda _: fresh(stepping, who="ours", copies=4096),
            },
            repetitions(quick=quick),
        )

    found["zip peer"] = found["evaluation peer"]

    def row(key: str, what: str, peer: str) -> Comparison:
        return Comparison(
            what=what,
            ours=Series("Ratchet", found[key], "MiB"),
            peer=Series(peer, found[f"{key} peer"], "MiB"),
        )

    return Result(
        [
            row("training", "training, a rollout of 16 by 2,048", "Stable-Baselines3"),
            row("small", "training, rollouts of 16 by 128", "JAX"),
            row("evaluation", f"evaluating {episodes} episodes of a checkpoint", "evaluate_policy"),
            row("zip", f"evaluating {episodes} episodes of an SB3 zip", "evaluate_policy"),
            row("environment", "4,096 environments", "Gymnasium's CartPoleVectorEnv"),
        ]
    )
