"""Environment steps a second with random actions, starts of episodes with new seeds included.

The peers: Gymnasium's CartPole behind ``SyncVectorEnv``, Gymnasium's own vectorised CartPole, and a simple
compiled kernel driven from Python, written below, which resets a pole by itself from a generator that
nobody can replay. Ours draws every first state from the episode's own seed as NumPy does, looks up the
episode's physics, and begins the next seed of a list wherever an episode ends.

What bounds it: sine and cosine, one of each a step, called one at a time since they must give the very
bits that Gymnasium gets; with many copies that is most of the time for us and for the simple kernel alike,
and what sets us apart is the hashing behind each episode's seed. With few copies it is the way from Python
into a compiled function, some tenths of a microsecond a call and a tenth more for each array: both
make one call a row.
"""

from __future__ import annotations

import math
import time
from functools import cache
from typing import Any

import numpy as np

from benchmarks.contenders import modes_task
from benchmarks.measure import Comparison, Result, Series, Worker, alternate, repetitions

NAME = "Environment steps a second"
TARGET = "at least the simple kernel's"
COPIES = (16, 256, 4096)
ROWS = {
    "sync": {16: 2_000},
    "vector": {16: 6_000, 256: 5_000, 4096: 1_500},
    "simple": {16: 200_000, 256: 40_000, 4096: 3_000},
    "ours": {16: 200_000, 256: 40_000, 4096: 3_000},
}
"""Rows that a repetition plays: a third of a second, or so."""


@cache
def _actions(copies: int) -> Any:
    return np.random.default_rng(0).integers(0, 2, (64, copies))


def ours(*, copies: int, rows: int) -> float:
    environment, actions = modes_task().make(copies), _actions(copies)
    seeds = np.arange(copies * (2 + rows // 8), dtype=np.uint64)
    environment.begin(np.arange(copies), seeds[:copies], np.zeros(copies, dtype=np.int64))
    used = copies
    began = time.perf_counter()
    for row in range(rows):
        used += environment.play_on(actions[row % 64], seeds[used:])
    wall = time.perf_counter() - began
    assert environment.steps_executed == copies * rows
    return copies * rows / wall


def gymnasium_sync(*, copies: int, rows: int) -> float:
    import gymnasium

    return _vector(gymnasium.make_vec("CartPole-v1", copies, vectorization_mode="sync"), rows)


def gymnasium_vector(*, copies: int, rows: int) -> float:
    import gymnasium

    made = gymnasium.make_vec("CartPole-v1", copies, vectorization_mode="vector_entry_point")
    return _vector(made, rows)


def _vector(environment: Any, rows: int) -> float:
    copies = environment.num_envs
    actions = _actions(copies)
    environment.reset(seed=0)
    began = time.perf_counter()
    for row in range(rows):
        environment.step(actions[row % 64])
    wall = time.perf_counter() - began
    environment.close()
    return float(copies * rows / wall)


@cache
def _simple() -> Any:
    from numba import njit

    @njit
    def advance(state: Any, steps: Any, actions: Any, seen: Any, rewards: Any, ended: Any) -> None:
        for i in range(actions.size):
            x, x_dot, theta, theta_dot = state[i, 0], state[i, 1], state[i, 2], state[i, 3]
            force = 10.0 if actions[i] == 1 else -10.0
            cosine, sine = math.cos(theta), math.sin(theta)
            push = (force + 0.05 * theta_dot * theta_dot * sine) / 1.1
            theta_acc = (9.8 * sine - cosine * push) / (
                0.5 * (4.0 / 3.0 - 0.1 * cosine * cosine / 1.1)
            )
            x_acc = push - 0.05 * theta_acc * cosine / 1.1
            x, x_dot = x + 0.02 * x_dot, x_dot + 0.02 * x_acc
            theta, theta_dot = theta + 0.02 * theta_dot, theta_dot + 0.02 * theta_acc
            steps[i] += 1
            over = abs(x) > 2.4 or abs(theta) > 0.20943951023931953 or steps[i] >= 500
            rewards[i], ended[i] = 1.0, over
            if over:
                steps[i] = 0
                x, x_dot = np.random.uniform(-0.05, 0.05), np.random.uniform(-0.05, 0.05)  # noqa: NPY002
                theta, theta_dot = np.random.uniform(-0.05, 0.05), np.random.uniform(-0.05, 0.05)  # noqa: NPY002
            state[i, 0], state[i, 1], state[i, 2], state[i, 3] = x, x_dot, theta, theta_dot
            seen[i, 0], seen[i, 1], seen[i, 2], seen[i, 3] = x, x_dot, theta, theta_dot

    return advance


def simple_kernel(*, copies: int, rows: int) -> float:
    advance, actions = _simple(), _actions(copies)
    state, steps = np.zeros((copies, 4)), np.zeros(copies, dtype=np.int64)
    seen, rewards = np.zeros((copies, 4), dtype=np.float32), np.zeros(copies, dtype=np.float32)
    ended = np.zeros(copies, dtype=np.bool_)
    began = time.perf_counter()
    for row in range(rows):
        advance(state, steps, actions[row % 64], seen, rewards, ended)
    return copies * rows / (time.perf_counter() - began)


def measure(*, quick: bool) -> Result:
    """Measure the claim."""
    functions = {
        "sync": gymnasium_sync,
        "vector": gymnasium_vector,
        "simple": simple_kernel,
        "ours": ours,
    }
    names = {
        "sync": "SyncVectorEnv",
        "vector": "Gymnasium's CartPoleVectorEnv",
        "simple": "simple kernel",
        "ours": "Ratchet",
    }
    comparisons: list[Any] = []
    with Worker() as mine, Worker() as simple, Worker() as gymnasiums:
        workers = {"ours": mine, "simple": simple, "vector": gymnasiums, "sync": gymnasiums}
        for copies in COPIES:
            contenders = {
                name: lambda _, name=name, copies=copies: workers[name].call(
                    functions[name],
                    copies=copies,
                    rows=max(10, ROWS[name][copies] // (100 if quick else 1)),
                )
                for name in functions
                if copies in ROWS[name]
            }
            alternate(contenders, 1)
            found = alternate(contenders, 2 if quick else 2 * repetitions(quick=quick) + 1)
            comparisons += [
                Comparison(
                    what=f"{copies:,} copies",
                    ours=Series(names["ours"], found["ours"], "steps/s"),
                    peer=Series(names[peer], found[peer], "steps/s"),
                    at_least=1.0,
                    higher_is_better=True,
                )
                for peer in contenders
                if peer != "ours"
            ]
    return Result(comparisons)
