"""The pieces of work of a study, each a function of its arguments alone: they run side by side in processes.

A job reads what it needs from checkpoints and returns what the ledger shall hold; it writes nothing.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from ratchet.evaluation.play import Episode, play
from ratchet.evaluation.slot_usage import slot_usage
from ratchet.learning.config import PPOConfig
from ratchet.learning.trainer import Budget, Spent, Trainer, TrainingPlan, Update
from ratchet.policies.checkpoint import read_checkpoint
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.actor import RecurrentActor, actor_for
from ratchet.policies.recurrent.interventions import Intervention, intervene
from ratchet.policies.spec import RecurrentSpec
from ratchet.recipes.adapting import Adaptation, Adapted, adapt
from ratchet.recipes.presets import find_preset
from ratchet.recipes.study import BaseChoice
from ratchet.seeding import report_seeds
from ratchet.tasks.registry import find_task

Job = TypeVar("Job")
Result = TypeVar("Result")
Owner = TypeVar("Owner")

_USAGE_EPISODES = 20


@dataclass(frozen=True)
class Evaluated:
    """The episodes of one policy in one mode of a task, in the order of the seeds."""

    task: str
    mode: str
    episodes: Sequence[Episode]
    wall_seconds: float


@dataclass(frozen=True, kw_only=True)
class TrainJob:
    """Train one base policy."""

    base: BaseChoice
    task: str
    seed: int

    def plan(self) -> TrainingPlan:
        """Return what is to be trained."""
        preset = find_preset(self.base.preset)
        task = find_task(self.task)
        settings: dict[str, Any] = dict(preset.ppo)
        if self.base.single_transitions:
            settings["sequence_length"] = 1
        policy = preset.new(task, self.seed)
        if self.base.raw_values and isinstance(policy.spec, RecurrentSpec):
            policy = replace(policy, spec=replace(policy.spec, return_scale=1.0))
        return TrainingPlan(
            policy=policy,
            task=task,
            budget=Budget(self.base.budget),
            config=PPOConfig(**settings),
            seed=self.seed,
            routing=preset.routing,
            across_episodes=self.base.across_episodes,
        )


@dataclass(frozen=True, kw_only=True)
class TrainedBase:
    """A base policy and how it came about."""

    policy: Policy
    updates: Sequence[Update]
    spent: Spent
    safety: dict[str, Any]
    frozen: tuple[str, str]
    wall_seconds: float


def train_base(job: TrainJob) -> TrainedBase:
    """Train a base policy."""
    began = time.perf_counter()
    updates: list[Update] = []
    plan = job.plan()
    trainer = Trainer(plan, updates.append)
    try:
        policy = trainer.run()
    finally:
        trainer.close()
    return TrainedBase(
        policy=policy,
        updates=updates,
        spent=trainer.spent,
        safety=trainer.safety_record() | plan.safety.model_dump(),
        frozen=(trainer.frozen_hash(plan.policy), trainer.frozen_hash(policy)),
        wall_seconds=time.perf_counter() - began,
    )


@dataclass(frozen=True, kw_only=True)
class EvaluateJob:
    """Evaluate a policy, or what an intervention makes of it, on modes of tasks."""

    checkpoint: Path
    modes: tuple[tuple[str, str], ...]
    """Pairs of task and mode."""
    episodes: int
    deterministic: bool
    intervention: Intervention | None = None

    def policy(self) -> Policy:
        """Return who plays."""
        found = _checkpoint(self.checkpoint)
        return found if self.intervention is None else intervene(found, self.intervention)


def evaluate_policy(job: EvaluateJob) -> list[Evaluated]:
    """Play the reported seeds in every mode of the job."""
    policy = job.policy()
    return [
        _evaluate(policy, task, mode, job.episodes, deterministic=job.deterministic)
        for task, mode in job.modes
    ]


@dataclass(frozen=True, kw_only=True)
class AdaptJob:
    """Adapt a policy to a mode, and evaluate the result where it is another policy."""

    checkpoint: Path
    task: str
    mode: str
    how: Adaptation
    budget: int
    seed: int
    modes: tuple[tuple[str, str], ...]
    episodes: int
    deterministic: bool


def adapt_policy(job: AdaptJob) -> tuple[Adapted, list[Evaluated]]:
    """Adapt, and evaluate on the modes of the job (nothing where the start was kept)."""
    start = _checkpoint(job.checkpoint)
    adapted = adapt(
        start,
        find_task(job.task),
        job.mode,
        job.how,
        job.budget,
        seed=job.seed,
        deterministic=job.deterministic,
    )
    if adapted.policy.id == start.id:
        return adapted, []
    evaluated = [
        _evaluate(adapted.policy, task, mode, job.episodes, deterministic=job.deterministic)
        for task, mode in job.modes
    ]
    return adapted, evaluated


@dataclass(frozen=True, kw_only=True)
class UsageJob:
    """Watch a gate at work in every mode of a task."""

    checkpoint: Path
    task: str
    deterministic: bool


def measure_usage(job: UsageJob) -> dict[str, Any]:
    """Return how the gate uses its slots: ``modes`` by name, and ``routing`` of all together."""
    policy, task = _checkpoint(job.checkpoint), find_task(job.task)
    actor = actor_for(policy)
    assert isinstance(actor, RecurrentActor)
    weights: dict[str, list[NDArray[np.float32]]] = {}
    for index, mode in enumerate(task.modes):
        env = task.make(_USAGE_EPISODES)
        seeds = np.array(report_seeds(_USAGE_EPISODES), dtype=np.uint64)
        env.begin(np.arange(_USAGE_EPISODES), seeds.tolist(), np.full(_USAGE_EPISODES, index))
        state = np.zeros((_USAGE_EPISODES, actor.memory), dtype=np.float32)
        steps = np.zeros(_USAGE_EPISODES, dtype=np.int64)
        seen: list[list[NDArray[np.float32]]] = [[] for _ in range(_USAGE_EPISODES)]
        while env.live.any():
            observations = np.ascontiguousarray(env.observations)
            used = actor.weights(observations, state)
            for copy in np.flatnonzero(env.live):
                seen[copy].append(used[copy])
            choice = actor.act(
                observations, env.masks, seeds, steps, deterministic=job.deterministic, state=state
            )
            _, rewards, _, _, _ = env.step(choice.executed)
            state[:, -1] = rewards
            steps += 1
        env.close()
        weights[mode.name] = [np.stack(episode) for episode in seen]
    usage = slot_usage(weights)
    return {
        "modes": {mode: each.to_json() for mode, each in usage.modes.items()},
        "routing": usage.to_json(),
    }


class Workers:
    """Processes that share the jobs of a study; a context manager. With one, all runs in this process."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        """Return itself; the processes start with the first job."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes; jobs that wait are dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def do(
        self, work: Callable[[Job], Result], jobs: Iterable[tuple[Owner, Job]]
    ) -> Iterator[tuple[Owner, Result]]:
        """Yield each job's owner with its result as they come.

        Only as many jobs wait as keep the processes busy.
        """
        if self._count == 1:
            for owner, job in jobs:
                yield owner, work(job)
            return
        waiting = iter(jobs)
        running: dict[Future[Result], Owner] = {}
        while True:
            for owner, job in islice(waiting, 2 * self._count - len(running)):
                running[self._started().submit(work, job)] = owner
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future.result()

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Forked copies of a process with threads can hang; spawned ones cannot.
            self._pool = ProcessPoolExecutor(
                self._count, mp_context=get_context("spawn"), initializer=_end_with_parent
            )
        return self._pool


def _end_with_parent() -> None:
    """End when the process that gives the work is killed, or when Ctrl-C breaks the work off."""
    # Without a traceback of every worker's own on the terminal, and without finishing a job nobody wants.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@lru_cache(maxsize=64)
def _checkpoint(path: Path) -> Policy:
    return read_checkpoint(path)


def _evaluate(
    policy: Policy, task: str, mode: str, episodes: int, *, deterministic: bool
) -> Evaluated:
    began = time.perf_counter()
    played = play(
        find_task(task),
        actor_for(policy),
        report_seeds(episodes),
        mode,
        deterministic=deterministic,
    )
    return Evaluated(task, mode, played, time.perf_counter() - began)
