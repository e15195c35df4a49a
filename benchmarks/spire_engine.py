"""Actions a second of the Spire engine in random legal play, on one core.

Every action is one of those the mask allows, each as likely, and a game that is over is followed by the
next: starting games, with their maps and pools, is counted. The raw kernels write the mask, choose and act;
``SpireVectorEnv`` besides writes the whole observation, checks the actions, reckons the reward and lists the
fights of every game that ends; the actions are drawn by a kernel of a few lines. With `copy=False` it hands
out its own arrays, as a trainer wants them that keeps what it needs; by default it copies 11 KiB a game, as
Gymnasium's own vector environments do. The limits are those of a good
C++ engine on one core of such a machine (0.9 to 1.0 million actions a second, 12,500 behind its Gymnasium
wrapper), as its users report them; they are stated, not measured here.

What bounds it: with 64 games the work itself (a sixth of it to begin the next games), and in the vector
environment the calls of Python around each step; with 4,096 games of 11.3 KiB each, and as much again for
each observation, memory, since every game is out of the cache when its turn comes.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.measure import Comparison, Result, Series, Worker, alternate, repetitions

NAME = "Slay the Spire: actions a second"
TARGET = "a million from the raw kernels, 300,000 from the vector environment"
LIMIT, VECTOR_LIMIT, WRAPPER = 1_000_000.0, 300_000.0, 12_500.0
GAMES = (64, 512, 4096)
ACTIONS = 600_000
UNIT = "actions/s"


def raw(*, games: int, actions: int) -> float:
    from spire.batch import random_play, start_all
    from spire.state import empty

    records = empty(games)
    start_all(records, np.arange(games, dtype=np.uint64) + np.uint64(1), 0)
    rows = actions // games
    # Into the middle of games first: all begin on the same screen.
    random_play(records, 100, 1)
    began = time.perf_counter()
    random_play(records, rows, 2)
    return games * rows / (time.perf_counter() - began)


def vector(*, games: int, actions: int, copy: bool) -> float:
    from spire.batch import random_actions
    from spire.env import SpireVectorEnv

    environment = SpireVectorEnv(games, copy=copy)
    _, info = environment.reset(seed=1)
    generator = np.array([[1, 2]], dtype=np.uint64)
    rows = actions // games
    began = 0.0
    for row in range(100 + rows):
        if row == 100:
            began = time.perf_counter()
        chosen = random_actions(info["action_mask"], generator)
        info = environment.step(chosen)[-1]
    return games * rows / (time.perf_counter() - began)


def copies(*, games: int) -> float:
    from spire.game import Game

    one = Game.new(1)
    began = time.perf_counter()
    for _ in range(games):
        one.copy()
    return games / (time.perf_counter() - began)


def raw_copies(*, games: int) -> float:
    from spire.state import empty

    source = empty(64).view(np.uint8)
    target = source.copy()
    rounds = games // 64
    began = time.perf_counter()
    for _ in range(rounds):
        np.copyto(target, source)
    return rounds * 64 / (time.perf_counter() - began)


def measure(*, quick: bool) -> Result:
    """Measure the claim."""
    actions = ACTIONS // (20 if quick else 1)
    jobs: dict[str, tuple[Any, dict[str, int]]] = {
        **{f"raw {n}": (raw, {"games": n, "actions": actions}) for n in GAMES},
        **{
            f"vector {n}, {name}": (vector, {"games": n, "actions": actions // 2, "copy": copy})
            for n in GAMES
            for name, copy in (("own arrays", False), ("copies", True))
        },
        "copies": (copies, {"games": actions // 10}),
        "raw copies": (raw_copies, {"games": actions}),
    }
    with Worker() as worker:
        contenders = {
            name: lambda _, job=job: worker.call(job[0], **job[1]) for name, job in jobs.items()
        }
        alternate(contenders, 1)
        found = alternate(contenders, 2 if quick else 2 * repetitions(quick=quick) + 1)

    def row(what: str, name: str, peer: str, limit: float, at_least: float | None) -> Comparison:
        return Comparison(
            what=what,
            ours=Series("Spire", found[name], UNIT),
            peer=Series(peer, [limit], UNIT),
            at_least=at_least,
            higher_is_better=True,
        )

    return Result(
        [
            *(row(f"raw kernels, {n:,} games", f"raw {n}", "limit", LIMIT, 1.0) for n in GAMES),
            *(
                row(f"vector environment, {n:,} games, {name}", f"vector {n}, {name}", *limit)
                for n in GAMES
                for name, *limit in (
                    ("own arrays", "limit", VECTOR_LIMIT, 1.0),
                    ("copies", "C++ wrapper, stated", WRAPPER, None),
                )
            ),
            Comparison(
                what="copies of a game: `Game.copy` against the bytes alone",
                ours=Series("Spire", found["copies"], "copies/s"),
                peer=Series("bytes of 64 games at once", found["raw copies"], "copies/s"),
                higher_is_better=True,
            ),
        ]
    )
