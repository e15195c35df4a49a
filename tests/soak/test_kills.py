"""Killed at random instants until it is done, a run is the run that nobody killed."""

import random
import subprocess

import pytest

import journeys
from journeys import command, rows, start

WORDS = [
    "train", "cartpole-modes", "--steps", 600_000, "--seeds", 50, "--name", "one",
    "--set", "n_steps=64", "--set", "n_epochs=4",
]  # fmt: skip

pytestmark = pytest.mark.soak


def test_killed_at_random_instants(tmp_path):
    generator, kills = random.Random(0), 0
    assert command(*WORDS, "--root", tmp_path / "straight") == 0
    for _ in range(60):
        begun = (tmp_path / "runs" / "one").exists() and journeys.count(tmp_path / "runs", "runs")
        process = start(*WORDS, *(["--resume"] if begun else []), cwd=tmp_path)
        try:
            process.communicate(timeout=generator.uniform(2.0, 5.0))
        except subprocess.TimeoutExpired:  # still at work: that is the point
            process.kill()
            process.communicate()
            kills += 1
            continue
        if process.returncode == 0:
            break
    assert kills >= 2
    assert rows(tmp_path / "runs") == rows(tmp_path / "straight")
