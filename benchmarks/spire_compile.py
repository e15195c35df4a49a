"""The first start of the Spire engine, and every later one.

The first compiles some sixty parts of it, in as many processes as there are cores (two here), and keeps
them; a later one loads what it needs. Timed from the start of a process: to the list of what a new game
allows, for the engine alone; and to the first decisions of the heuristic player in an environment of
Gymnasium, for all of it.

What bounds it: Numba's type inference and LLVM, on some 26,000 lines' worth of kernels; and for a later start
the import of Numba.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT, Comparison, Result, Series, alternate, repetitions

NAME = "Slay the Spire: the first start and the next"
TARGET = "compiled within 90 s on two cores, started within 2 s from then on"
FIRST, LATER = 90.0, 2.0

_ENGINE = "from spire.game import Game; Game.new(1).legal()"
_ALL = """
from spire.env import SpireVectorEnv
from spire.game import Game
from spire.heuristic.player import Player
SpireVectorEnv(2).reset(seed=1)
game, player = Game.new(1), Player()
for _ in range(20):
    game.act(player.choose(game))
"""


def started(program: str, cache: str) -> float:
    """Return the seconds of a process."""
    began = time.perf_counter()
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=True)
    return time.perf_counter() - began


def measure(*, quick: bool) -> Result:
    """Measure the claim."""
    with tempfile.TemporaryDirectory() as directory:
        caches = Path(directory)

        def first(name: str, program: str) -> Any:
            return lambda repetition: started(program, str(caches / f"{name}{repetition}"))

        def later(name: str, program: str) -> Any:
            return lambda _: started(program, str(caches / f"{name}0"))

        compiled = alternate(
            {"engine": first("engine", _ENGINE), "all": first("all", _ALL)}, 1 if quick else 2
        )
        loaded = alternate(
            {"engine": later("engine", _ENGINE), "all": later("all", _ALL)},
            repetitions(quick=quick),
        )

    def row(what: str, values: list[float], limit: float) -> Comparison:
        return Comparison(
            what=what,
            ours=Series("Spire", values, "s"),
            peer=Series("limit", [limit], "s"),
            at_most=1.0,
        )

    return Result(
        [
            row("first start, the engine", compiled["engine"], FIRST),
            row("first start, environment and heuristic player too", compiled["all"], FIRST),
            row("later start, the engine", loaded["engine"], LATER),
            row("later start, environment and heuristic player too", loaded["all"], LATER),
        ]
    )
