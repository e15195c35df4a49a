"""A fleet of simulators as slow as the real game: a step every 300 ms, whatever is done in between.

Three workers play the Spire engine behind a clock, four games each side by side, as four windows of the game would
be; the trainer learns as games come in. A worker waits for the trainer where the queue holds more than can be used
fresh, or where there is no version to play with: neither may happen, and no game may become stale. The trainer's part is
to be idle: the limit of the last row is the time that games take by the clock alone.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import Comparison, Result, Series, Worker
from benchmarks.spire_clone import MODE, clone, games

NAME = "A fleet at the real game's pace"
TARGET = "no worker waits for the trainer, and nothing is stale"
PACE = 0.3
WORKERS, GAMES = 3, 4
SECONDS = 300.0


def paced() -> Any:
    """Return the task with a clock: a step of a worker's games ends 300 ms after the one before it."""
    from ratchet.tasks.registry import find_task
    from ratchet.tasks.spire import SpireTask

    plain = find_task("spire")
    assert isinstance(plain, SpireTask)

    class Paced(SpireTask):
        def make(self, count: int) -> Any:
            made = super().make(count)
            advance, due = made.advance, [time.monotonic()]

            def slowly(*arguments: Any) -> Any:
                time.sleep(max(0.0, due[0] + PACE - time.monotonic()))
                due[0] = time.monotonic()
                return advance(*arguments)

            made.advance = slowly  # type: ignore[method-assign]
            return made

    return Paced("spire", plain.modes)


def fleet(*, seconds: float) -> dict[str, float]:
    """Return what the fleet did in so many seconds from its first update on."""
    from ratchet.learning.config import FleetConfig
    from ratchet.learning.fleet import FleetTrainer
    from ratchet.rollout.fleet.status import read_workers
    from ratchet.rollout.fleet.supervisor import Supervisor
    from ratchet.rollout.kind import kind_of
    from ratchet.rollout.plan import FleetPlan, write_plan
    from ratchet.rollout.spool import create_spool, read_counts

    task = paced()
    plan = FleetPlan(
        run="bench",
        task="benchmarks.fleet_pace:paced",
        modes=(MODE,),
        environments=GAMES,
        masked=True,
    )
    config = FleetConfig(warmup_updates=0)
    with tempfile.TemporaryDirectory() as home:
        run = Path(home)
        write_plan(run, plan)
        create_spool(run / "spool", kind_of(task, run="bench", masked=True))
        trainer = FleetTrainer(run, plan, task, clone(), config, demonstrations=games())
        with trainer, Supervisor(run, WORKERS):

            def look() -> dict[str, float]:
                workers = read_workers(run)
                return {
                    "wall": time.perf_counter(),
                    "steps": sum(one.steps for one in workers),
                    "updates": trainer.spent.updates,
                    "waiting": sum(
                        one.seconds.get(phase, 0.0)
                        for one in workers
                        for phase in ("waiting", "expecting")
                    ),
                    "idle": trainer.spent.waited,
                }

            trainer.iterate()
            began, end = look(), time.perf_counter() + seconds
            while time.perf_counter() < end:
                trainer.iterate()
            found = {name: value - began[name] for name, value in look().items()}
            counts, workers = read_counts(run / "spool"), read_workers(run)
    return found | {
        **dataclasses.asdict(counts),
        "lag": max(one.lag_most for one in workers),
    }


def measure(*, quick: bool) -> Result:
    """Measure the claim."""
    with Worker() as worker:
        found = worker.call(fleet, seconds=10.0 if quick else SECONDS)
    worked = WORKERS * found["wall"]
    return Result(
        [
            Comparison(
                what="steps of all games, against the clock alone",
                ours=Series("Ratchet", [found["steps"] / found["wall"]], "steps/s"),
                peer=Series("the clock", [WORKERS * GAMES / PACE], "steps/s"),
                at_least=0.95,
                higher_is_better=True,
            ),
            Comparison(
                what="workers' time spent waiting for the trainer",
                ours=Series("waiting", [found["waiting"]], "s"),
                peer=Series("a thousandth of all", [worked / 1000], "s"),
                at_most=1.0,
            ),
            Comparison(
                what="games that are not stale, of all",
                ours=Series("fresh", [found["collected"] - found["stale"]], "games"),
                peer=Series("collected", [found["collected"]], "games"),
                at_least=1.0,
                higher_is_better=True,
            ),
        ],
        [
            (
                f"{found['updates']:.0f} updates in {found['wall']:.0f} s; the trainer was idle for "
                f"{found['idle'] / found['wall']:.0%} of it; at most {found['lag']:.0f} versions were "
                "published during a game."
            )
        ],
    )
