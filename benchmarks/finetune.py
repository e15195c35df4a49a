"""Fine-tuning by 1,000 steps, from a policy in memory to its new weights.

16 environments, mini-batches of 512, ten epochs. Stable-Baselines3 collects its nearest whole rollout, 16 by
64; Ratchet exactly what it is told. Neither loads a file or evaluates within the time.

What bounds it: with a rollout of so few rows it is calls from Python for each row as much as the twenty
mini-batches. For each row ours makes a handful, whatever the number of environments.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.contenders import WRITE_UP, our_trainer, sb3_environment, trained_zip
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

NAME = "Fine-tuning by 1,000 steps"
TARGET = "a third of the wall time"
STEPS = 1_000


def prepare(*, path: str) -> None:
    trained_zip(Path(path), steps=20_000)


@cache
def _policy(path: str) -> Any:
    from ratchet.policies.sb3.importer import read_sb3

    return read_sb3(Path(path))


def ours(*, path: str, seed: int) -> float:
    policy = _policy(path)

    def run() -> Any:
        trainer = our_trainer(steps=STEPS, seed=seed, mode="2", policy=policy, **WRITE_UP)
        result = trainer.run()
        assert trainer.spent.steps == STEPS
        return result

    return seconds(run)


def theirs(*, path: str, seed: int, threads: int) -> float:
    import torch
    from stable_baselines3 import PPO

    torch.set_num_threads(threads)
    settings = {"n_steps": 64, "batch_size": 512, "n_epochs": 10, "ent_coef": 0.01}
    model = PPO.load(path, env=sb3_environment(16, seed, mode=2), device="cpu", **settings)
    wall = seconds(lambda: model.learn(STEPS))
    assert model.num_timesteps == 1_024
    return wall


def measure(*, quick: bool) -> Result:
    """Measure the claim."""
    with tempfile.TemporaryDirectory() as directory, Worker() as mine, Worker() as peer:
        path = str(Path(directory) / "policy.zip")
        fresh(prepare, path=path)
        contenders = {
            "sb3 1": lambda seed: peer.call(theirs, path=path, seed=seed, threads=1),
            "sb3 2": lambda seed: peer.call(theirs, path=path, seed=seed, threads=2),
            "ours": lambda seed: mine.call(ours, path=path, seed=seed),
        }
        alternate(contenders, 1)
        found = alternate(contenders, 2 if quick else 3 * repetitions(quick=quick))
    threads = min((1, 2), key=lambda each: Series("", found[f"sb3 {each}"], "s").median)
    return Result(
        [
            Comparison(
                what="from the loaded policy to the new weights",
                ours=Series("Ratchet", found["ours"], "s"),
                peer=Series(
                    f"Stable-Baselines3, PyTorch threads {threads}", found[f"sb3 {threads}"], "s"
                ),
                at_least=3.0,
            )
        ]
    )
