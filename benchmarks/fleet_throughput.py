"""From game to gradient: transitions learned a second by a whole fleet of Slay the Spire, and where the time goes.

Worker processes play a clone of the heuristic, batched, and write every game into the spool; one trainer learns
from them, four epochs with the anchor, and publishes. All of that shares this machine's cores. Shares are of processor time,
from the operating system's books: what workers used (playing, inference, writing) and, of the trainer's, what was not
learning (reading, checkpoint, version). The first updates are left out. The peer is sb3-contrib's `MaskablePPO` on
`SubprocVecEnv`, with the same task, layers, activation, mini-batches and epochs, on the number of environments and PyTorch
threads that were fastest here. It knows no anchor, which triples what an actor does in a mini-batch of 64; so the
fleet has none either where both are compared, and the next row says what one costs.

The write-up's whole run learned from 21,658 transitions.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.measure import Comparison, Result, Series, Worker, fresh, repetitions
from benchmarks.spire_clone import LAYERS, MODE, clone, games

NAME = "A fleet from game to gradient"
TARGET = "five times MaskablePPO; a quarter of the time for all but learning; 300 of the write-up's runs in an hour"
EPOCHS = 4
PEERS_BATCH = 64
WORKERS = (1, 2, 3, 4)
SECONDS = 30.0
BEFORE = 4
RUNS = 300
TRANSITIONS = 21_658
STEPS = 2048
UNIT = "transitions/s"


def fleet(
    *, workers: int, batch_size: int, seconds: float, batch: int = 8, anchored: bool = True
) -> dict[str, float]:
    """Return what a fleet did in so many seconds, once it was at work."""
    from ratchet.learning.config import FleetConfig
    from ratchet.learning.fleet import FleetTrainer
    from ratchet.rollout.fleet.status import read_workers
    from ratchet.rollout.fleet.supervisor import Supervisor
    from ratchet.rollout.kind import kind_of
    from ratchet.rollout.plan import FleetPlan, write_plan
    from ratchet.rollout.spool import create_spool, read_counts
    from ratchet.tasks.registry import find_task

    task, policy, shown = find_task("spire"), clone(), games() if anchored else None
    plan = FleetPlan(run="bench", task="spire", modes=(MODE,), batch=batch, masked=True)
    config = FleetConfig(batch_size=batch_size, n_epochs=EPOCHS, target_kl=None, warmup_updates=0)
    with tempfile.TemporaryDirectory() as home:
        run = Path(home)
        write_plan(run, plan)
        create_spool(run / "spool", kind_of(task, run="bench", masked=True))
        trainer = FleetTrainer(run, plan, task, policy, config, demonstrations=shown)
        with trainer, Supervisor(run, workers):

            def look() -> dict[str, float]:
                spent, own = trainer.spent, resource.getrusage(resource.RUSAGE_SELF)
                return {
                    "wall": time.perf_counter(),
                    "trainer": own.ru_utime + own.ru_stime,
                    "workers": sum(_processor(one.pid) for one in read_workers(run) if one.pid),
                    "transitions": spent.transitions,
                    "updates": spent.updates,
                    "waited": spent.waited,
                    "learning": spent.learning,
                    "reading": spent.reading,
                    "publishing": spent.publishing,
                }

            while trainer.spent.updates < BEFORE:
                trainer.iterate()
            began, end = look(), time.perf_counter() + seconds
            while time.perf_counter() < end:
                trainer.iterate()
            found = {name: value - began[name] for name, value in look().items()}
            counts = read_counts(run / "spool")
    busy = found["learning"] + found["reading"] + found["publishing"]
    return found | {
        "speed": found["transitions"] / found["wall"],
        # The trainer's processor time divides as its wall time does.
        "rest": (found["workers"] + found["trainer"] * (1 - found["learning"] / busy))
        / (found["workers"] + found["trainer"]),
        "stale": counts.stale,
        "collected": counts.collected,
    }


def _processor(process: int) -> float:
    """Return the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def masked_environment() -> Any:
    import gymnasium
    from sb3_contrib.common.wrappers import ActionMasker

    environment = gymnasium.make("spire.env:Spire-v0")
    return ActionMasker(environment, lambda one: one.unwrapped.action_masks())


def maskable(*, environments: int, threads: int, steps: int, rollouts: int) -> float:
    """Return the transitions a second of the peer, its first rollout left out."""
    import torch
    from sb3_contrib import MaskablePPO
    from stable_baselines3.common.vec_env import SubprocVecEnv

    torch.set_num_threads(threads)
    # Before the processes are there: each would compile the game, or load it, by itself.
    masked_environment().reset(seed=0)
    vector = SubprocVecEnv([masked_environment] * environments, start_method="forkserver")
    try:
        model = MaskablePPO(
            "MlpPolicy",
            vector,
            n_steps=steps // environments,
            batch_size=PEERS_BATCH,
            n_epochs=EPOCHS,
            learning_rate=3e-5,
            target_kl=None,
            device="cpu",
            policy_kwargs={
                "net_arch": {"pi": list(LAYERS), "vf": list(LAYERS)},
                "activation_fn": torch.nn.GELU,
            },
        )
        model.learn(steps)
        began = time.perf_counter()
        model.learn(rollouts * steps)
        return rollouts * steps / (time.perf_counter() - began)
    finally:
        vector.close()


def measure(*, quick: bool) -> Result:
    """Measure the claim."""
    times, seconds = repetitions(quick=quick), 4.0 if quick else SECONDS
    settings = [
        {"environments": environments, "threads": threads}
        for environments, threads in product((2, 4, 8), (1, 2))
    ]
    steps = STEPS // (8 if quick else 1)
    tried = [fresh(maskable, **one, steps=steps, rollouts=1) for one in settings]
    best = settings[tried.index(max(tried))]
    alike, ours, peer = [], [], []
    small = {"workers": 3, "batch_size": PEERS_BATCH, "seconds": seconds}
    for _ in range(times):
        peer.append(fresh(maskable, **best, steps=steps, rollouts=2))
        for runs, anchored in ((alike, False), (ours, True)):
            with Worker() as worker:
                runs.append(worker.call(fleet, **small, anchored=anchored))
    shipped: dict[int, list[dict[str, float]]] = {workers: [] for workers in WORKERS}
    large = []
    for _ in range(max(1, times // 2)):
        for workers, found in shipped.items():
            with Worker() as worker:
                found.append(worker.call(fleet, workers=workers, batch_size=512, seconds=seconds))
        with Worker() as worker:
            large.append(worker.call(fleet, workers=2, batch=32, batch_size=1024, seconds=seconds))

    def series(name: str, runs: list[dict[str, float]], key: str, unit: str) -> Series:
        return Series(name, [run[key] for run in runs], unit)

    rows = [
        Comparison(
            what=f"mini-batches of {PEERS_BATCH}, 3 workers, {what}",
            ours=series("Ratchet", runs, "speed", UNIT),
            peer=Series("MaskablePPO", peer, UNIT),
            at_least=at_least,
            higher_is_better=True,
        )
        for what, runs, at_least in (("no anchor", alike, 5.0), ("with its anchor", ours, None))
    ]
    for workers, runs in shipped.items():
        rows.append(
            Comparison(
                what=f"as shipped (mini-batches of 512), {workers} worker{'s' * (workers > 1)}",
                ours=series("Ratchet", runs, "speed", UNIT),
                peer=Series(
                    f"{RUNS} of the write-up's runs an hour", [RUNS * TRANSITIONS / 3600], UNIT
                ),
                at_least=1.0,
                higher_is_better=True,
            )
        )
    for what, runs in (
        (f"mini-batches of {PEERS_BATCH}, 3 workers", ours),
        ("as shipped, 3 workers", shipped[3]),
        ("batches of 32 games, mini-batches of 1,024, 2 workers", large),
    ):
        rows.append(
            Comparison(
                what=f"share of all but learning, {what}",
                ours=series("Ratchet", runs, "rest", "share"),
                peer=Series("limit", [0.25], "share"),
                at_most=1.0,
            )
        )
    notes = [
        f"The peer's fastest setting: {best['environments']} environments, PyTorch threads {best['threads']} ("
        + "; ".join(
            f"{one['environments']} and {one['threads']}: {speed:,.0f} {UNIT}"
            for one, speed in zip(settings, tried, strict=True)
        )
        + ")."
    ]
    for workers, runs in shipped.items():
        notes.append(_shares(workers, runs[-1]))
    return Result(rows, notes)


def _shares(workers: int, run: dict[str, float]) -> str:
    whole, wall = run["workers"] + run["trainer"], run["wall"]
    return (
        f"{workers} worker{'s' * (workers > 1)}, the last run: processor time {run['workers'] / whole:.0%} workers, "
        f"{run['trainer'] / whole:.0%} trainer; of the trainer's wall time learning {run['learning'] / wall:.0%}, "
        f"waiting {run['waited'] / wall:.0%}, reading {run['reading'] / wall:.0%}, "
        f"publishing {run['publishing'] / wall:.0%}; {run['stale']:.0f} of {run['collected']:.0f} games stale."
    )
