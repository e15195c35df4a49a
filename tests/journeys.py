"""What tests of recipes and of the command share: runs, interrupted at will, and what they leave."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from ratchet.cli.main import main
from ratchet.learning.config import PPOConfig, SafetyConfig
from ratchet.learning.trainer import Budget, TrainingPlan
from ratchet.ledger import queries
from ratchet.ledger.ledger import Ledger
from ratchet.policies.initial import new_policy
from ratchet.recipes.session import LEDGER, Quiet, open_session
from ratchet.rollout.fit import spec_for

TESTS = Path(__file__).parent
DATA = TESTS.parents[1] / "shared" / "data"

SMALL = {"n_envs": 4, "n_steps": 32, "batch_size": 32, "n_epochs": 1}
"""A rollout of 128 steps."""
SMALL_WORDS = [f"--set={key}={value}" for key, value in SMALL.items()]


class Stop(Quiet):
    """A progress that presses Ctrl-C when it has been told of so many units."""

    def __init__(self, after, stage=""):
        self.left, self.wanted, self.name = after, stage, ""

    def stage(self, name, total):
        self.name = name

    def advance(self, amount):
        if not self.name.startswith(self.wanted):
            return
        self.left -= amount
        if self.left <= 0:
            raise KeyboardInterrupt


@contextlib.contextmanager
def session(root, *, resume=False, progress=None, name="run", kind="finetune"):
    with open_session(
        root, name, kind=kind, seed=0, task="a task", recipe={}, resume=resume,
        progress=progress or Quiet(),
    ) as opened:  # fmt: skip
        yield opened


def plan_for(task, steps, *, policy=None, config=None, safety=None, unit="steps", **rest):
    return TrainingPlan(
        policy=policy or new_policy(spec_for(task), 0),
        task=task,
        budget=Budget(steps, unit),
        config=PPOConfig(**SMALL | (config or {})),
        safety=SafetyConfig(**(safety or {})),
        **rest,
    )


@contextlib.contextmanager
def ledger_of(root):
    with Ledger.open(root / LEDGER, create=False) as ledger:
        yield ledger


def only_training(root, name="run"):
    with ledger_of(root) as ledger:
        (found,) = queries.trainings(ledger, name)
        return found


# Times, what was spent twice, and checkpoints on the way (published by the clock) may differ.
_ROWS = {
    "runs": "SELECT id, kind, task, recipe_json, seed, status FROM runs",
    "policies": "SELECT id, spec_json, parameter_count, record_json FROM policies WHERE id IN "
    "(SELECT base_policy FROM trainings UNION SELECT result_policy FROM trainings "
    "UNION SELECT policy_id FROM evaluations)",
    "trainings": "SELECT run_id, name, kind, mode, scope, seed, budget, budget_unit, base_policy, "
    "result_policy, environment_steps, episodes, updates, parameters_adapted, frozen_before, "
    "frozen_after, frozen_unchanged, status, stop_reason, config_json, safety_json FROM trainings",
    "updates": "SELECT trainings.name, updates.* FROM updates JOIN trainings ON training_id = id",
    "training_episodes": "SELECT trainings.name, training_episodes.* FROM training_episodes "
    "JOIN trainings ON training_id = id",
    "training_episode_parts": "SELECT trainings.name, training_episode_parts.* "
    "FROM training_episode_parts JOIN trainings ON training_id = id",
    "evaluations": "SELECT run_id, policy_id, task, mode, seed_set, seed_hash, episodes, "
    "deterministic, stall_after, status FROM evaluations",
    "episodes": "SELECT policy_id, mode, seed_set, seed, return, length, terminated, truncated, "
    "metrics_json, stalls_broken FROM episodes JOIN evaluations ON evaluation_id = evaluations.id",
    "episode_parts": "SELECT policy_id, mode, seed_set, seed, number, values_json "
    "FROM episode_parts JOIN evaluations ON evaluation_id = evaluations.id",
    "verdicts": "SELECT training_id, accepted, reason, target, bounds_json FROM verdicts",
}


def rows(root):
    """Everything in the ledger that running twice must give twice, sorted, by table."""
    with contextlib.closing(sqlite3.connect(root / LEDGER)) as connection:
        return {
            table: sorted(map(repr, connection.execute(query).fetchall()))
            for table, query in _ROWS.items()
        }


def count(root, table):
    """How many rows a table has, also while another process writes; 0 before there is one."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{root / LEDGER}?mode=ro", uri=True)) as one:
            return one.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    except sqlite3.Error:
        return 0


def snapshot(directory):
    """Every file below, with its bytes; SQLite's own side files left out."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(Path(directory).rglob("*"))
        if not path.name.endswith(("-wal", "-shm"))
    }


def start(*words, cwd, **environment):
    """Start the command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "ratchet", *map(str, words)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(TESTS), "OPENBLAS_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, process, seconds=60.0):
    """Wait until `condition` holds, while the process lives."""
    deadline = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            raise AssertionError(f"it ended with {process.returncode}: {process.communicate()}")
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.02)


def command(*words):
    """Run the command in this process; return its exit status."""
    return main([str(word) for word in words])
