"""A small ledger to test with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ratchet.ledger import EpisodeRow, Ledger

SOURCE = Path(__file__).resolve().parents[2] / "src"
SEEDS = list(range(20))


def filled(path: Path) -> tuple[Ledger, int, int]:
    """Return an open ledger with one run, two policies, a training and an evaluation."""
    ledger = Ledger.open(path)
    ledger.start_run(
        "r1", name="first", kind="finetune", seed=7, task="cartpole-modes", recipe={"steps": 1000}
    )
    ledger.add_policy("base", spec={"kind": "mlp"}, parameter_count=9155, source="model.zip")
    ledger.add_policy("tuned", spec={"kind": "mlp"}, parameter_count=9155, parents=["base"])
    training = start_training(ledger)
    evaluation, _ = start_evaluation(ledger)
    return ledger, training, evaluation


def start_training(ledger: Ledger, **changes) -> int:
    settings = {
        "kind": "finetune", "mode": "2", "scope": "policy_head", "seed": 7, "budget": 1000,
        "base_policy": "base", "parameters_total": 9155, "parameters_adapted": 130,
        "frozen_before": "abc", "config": {"learning_rate": 3e-4},
    }  # fmt: skip
    return ledger.start_training("r1", "mode-2", **(settings | changes))


def start_evaluation(
    ledger: Ledger, policy: str = "base", seeds=SEEDS, stall_after: int = 0
) -> tuple[int, set[int]]:
    return ledger.start_evaluation(
        "r1",
        policy,
        label="before",
        task="cartpole-modes",
        mode="2",
        seeds=seeds,
        seed_set="report-20",
        deterministic=True,
        stall_after=stall_after,
    )


def episode(seed: int, value: float = 1.0, parts=()) -> EpisodeRow:
    return EpisodeRow(
        seed, value, 10, terminated=True, truncated=False, metrics={"floor": 3}, parts=tuple(parts)
    )


def laps(*seconds: float) -> tuple[dict, ...]:
    """Return the parts of an episode: a lap of each time."""
    return tuple({"seconds": each, "cars": ["red", "blue"]} for each in seconds)


def spawn(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Start another Python on a script; its standard output is a pipe."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(SOURCE), str(Path(__file__).parents[1])]),
        },
    )
