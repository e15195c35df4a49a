"""Collecting in this process: environments stepped side by side with one known policy version.

A collector never oversteps: it is told how many environment steps it may execute and executes exactly
those, with a partial last row if need be. Its state is small and exact: for each copy the seed, the mode
and the actions of the episode in progress. A resumed collector replays these actions, so that any
simulator that is a function of seed and actions continues as if nothing had happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import TaskError
from ratchet.policies.actor import Chooser
from ratchet.rollout.trajectory import EpisodeRecord, Provenance, Trajectory
from ratchet.seeding import episode_mode, training_seed
from ratchet.tasks.ending import read_metrics, read_parts
from ratchet.tasks.task import Task

_EXECUTED_GROWTH = 64


class Collector:
    """Plays training episodes in `count` copies of a task; see `collect`.

    `mode` fixes the mode of every episode; None draws it from the episode's seed. `attempt` and
    `worker` enter every seed, so that no two processes and no two attempts share an episode.
    """

    def __init__(
        self,
        task: Task,
        count: int,
        *,
        run_seed: int,
        mode: str | None = None,
        attempt: int = 0,
        worker: int = 0,
    ) -> None:
        self.task = task
        self.count = count
        self._run_seed, self._attempt, self._worker = run_seed, attempt, worker
        self._mode = None if mode is None else task.mode_index(mode)
        self.env = task.make(count)
        self.episodes_begun = 0
        self.replayed_steps = 0
        self._episode = np.full(count, -1, dtype=np.int64)
        self._seeds = np.zeros(count, dtype=np.uint64)
        self._modes = np.zeros(count, dtype=np.int64)
        self._steps = np.zeros(count, dtype=np.int64)
        self._returns = np.zeros(count, dtype=np.float64)
        self._history: NDArray[Any] | None = None
        self._memory = np.zeros((count, 0), dtype=np.float32)

    @property
    def steps_executed(self) -> int:
        """Environment steps that its simulators executed for learning (a resume's replay left out)."""
        return self.env.steps_executed - self.replayed_steps

    def collect(
        self,
        actor: Chooser,
        *,
        rows: int,
        version: int,
        max_steps: int | None = None,
        max_episodes: int | None = None,
        tick: Callable[[int], None] | None = None,
    ) -> Trajectory:
        """Play `rows` rows, or less: exactly `max_steps` steps, or until `max_episodes` have ended.

        With `max_episodes`, an episode is begun only while the budget has room for it, so that every
        one that was begun is finished. `tick` is told after each row how many steps it executed.
        """
        env, count = self.env, self.count
        budget = rows * count if max_steps is None else min(rows * count, max_steps)
        rows = -(-budget // count)
        size = env.observations.shape[1]
        data: dict[str, NDArray[Any]] = {
            "observations": np.zeros((rows, count, size), dtype=np.float32),
            "log_probs": np.zeros((rows, count), dtype=np.float32),
            "rewards": np.zeros((rows, count), dtype=np.float32),
            "terminated": np.zeros((rows, count), dtype=np.bool_),
            "truncated": np.zeros((rows, count), dtype=np.bool_),
            "played": np.zeros((rows, count), dtype=np.bool_),
            "seeds": np.zeros((rows, count), dtype=np.uint64),
            "steps": np.zeros((rows, count), dtype=np.int64),
            "modes": np.zeros((rows, count), dtype=np.int64),
        }
        if self._memory.shape[1] != actor.memory:
            self._memory = np.zeros((count, actor.memory), dtype=np.float32)
        states = self._memory.copy()
        actions: NDArray[Any] | None = None
        masks: NDArray[np.bool_] | None = None
        final_index: list[tuple[int, int]] = []
        final_observations: list[NDArray[np.float32]] = []
        finished: list[EpisodeRecord] = []
        everyone = np.ones(count, dtype=np.bool_)
        left, allowed = budget, max_episodes
        row = 0
        if allowed is not None:
            allowed -= int(env.live.sum())
        while row < rows:
            if not env.live.all():
                allowed = self._begin(allowed)
                if not env.live.any():
                    break
            moving = everyone
            if left < count or not env.live.all():
                # The last row of an exact budget: the first `left` live copies move.
                moving = np.zeros(count, dtype=np.bool_)
                moving[np.flatnonzero(env.live)[:left]] = True
            data["observations"][row] = env.observations
            mask = env.masks
            if mask is not None:
                if masks is None:
                    masks = np.ones((rows, count, mask.shape[1]), dtype=np.bool_)
                masks[row] = mask
            data["seeds"][row] = self._seeds
            data["steps"][row] = self._steps
            data["modes"][row] = self._modes
            before = None if moving.all() else self._memory.copy()
            choice = actor.act(
                data["observations"][row],
                mask,
                self._seeds,
                self._steps,
                deterministic=False,
                state=self._memory,
            )
            if before is not None:
                # Who stands still goes on from where it was.
                self._memory[~moving] = before[~moving]
            if actions is None:
                actions = np.zeros((rows, *choice.actions.shape), dtype=choice.actions.dtype)
            actions[row] = choice.actions
            data["log_probs"][row] = choice.log_probs
            self._remember(choice.executed, moving)
            observations, rewards, terminated, truncated, info = env.advance(
                choice.executed, moving
            )
            data["rewards"][row] = rewards
            if actor.memory:
                self._memory[moving, -1] = rewards[moving]
            data["terminated"][row] = terminated
            data["truncated"][row] = truncated & ~terminated
            data["played"][row] = moving
            self._steps += moving
            self._returns += rewards
            executed = int(moving.sum())
            left -= executed
            ended = terminated | truncated
            if ended.any():
                for copy in np.flatnonzero(ended):
                    if not terminated[copy]:
                        final_index.append((row, int(copy)))
                        final_observations.append(observations[copy].copy())
                    finished.append(self._finish(int(copy), info))
            if tick is not None:
                tick(executed)
            row += 1
            if left == 0:
                break
        # Stretches that the collection itself cuts: their tails are bootstrapped from what came next.
        for copy in np.flatnonzero(env.live):
            last = int(data["played"][:row, copy].sum()) - 1
            if last >= 0 and not (data["terminated"] | data["truncated"])[last, copy]:
                final_index.append((last, int(copy)))
                final_observations.append(env.observations[copy].copy())
        assert actions is not None
        return Trajectory(
            **{name: array[:row] for name, array in data.items()},
            actions=actions[:row],
            masks=None if masks is None else masks[:row],
            final_index=np.array(final_index, dtype=np.int64).reshape(-1, 2),
            final_observations=np.array(final_observations, dtype=np.float32).reshape(-1, size),
            states=states,
            episodes=finished,
            provenance=Provenance(
                policy=actor.id,
                version=version,
                task=self.task.name,
                worker=self._worker,
                attempt=self._attempt,
                collected_at=time.time(),
            ),
        )

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what `restore` needs to continue every episode in progress."""
        longest = int(self._steps.max()) if self._history is not None else 0
        history = np.zeros((0, self.count)) if self._history is None else self._history[:longest]
        return {
            "episode": self._episode.copy(),
            "seeds": self._seeds.copy(),
            "modes": self._modes.copy(),
            "steps": self._steps.copy(),
            "live": self.env.live.copy(),
            "history": np.array(history),
            "observations": self.env.observations.copy(),
            "begun": np.array([self.episodes_begun], dtype=np.int64),
            "memory": self._memory.copy(),
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from `state`: begin the same episodes and replay their actions.

        Raises
        ------
        TaskError
            If the state is of another number of environments, or the replay does not lead to the same
            observations (the simulator is not a function of seed and actions).

        """
        if len(state["seeds"]) != self.count:
            raise TaskError(
                f"the run was collected with {len(state['seeds'])} environments, not {self.count}"
            )
        live = state["live"].astype(np.bool_)
        self.episodes_begun = int(state["begun"][0])
        self._episode[:], self._seeds[:] = state["episode"], state["seeds"]
        self._modes[:] = state["modes"]
        self._memory = state["memory"].copy()
        which = np.flatnonzero(live)
        self.env.begin(which, [int(s) for s in self._seeds[which]], self._modes[which])
        self._steps[:] = 0
        self._returns[:] = 0.0
        before = self.env.steps_executed
        history = state["history"]
        self._history = None
        for row in range(len(history)):
            moving = live & (state["steps"] > row)
            self._remember(history[row], moving)
            _, rewards, _, _, _ = self.env.advance(history[row], moving)
            self._returns += rewards
            self._steps += moving
        same = np.array_equal(
            self.env.observations[which], state["observations"][which], equal_nan=True
        )
        if not (same and self.env.live[which].all()):
            raise TaskError(
                f"task {self.task.name!r} does not repeat an episode from its seed and actions, so "
                "an interrupted run on it cannot be resumed exactly"
            )
        self.replayed_steps += self.env.steps_executed - before

    def _begin(self, allowed: int | None) -> int | None:
        """Begin the next episodes in the copies that wait, as many as are `allowed`."""
        which = np.flatnonzero(~self.env.live)
        if allowed is not None:
            which = which[:allowed]
            allowed -= len(which)
        if len(which) == 0:
            return allowed
        seeds = []
        for copy in which:
            seed = training_seed(self._run_seed, self._attempt, self._worker, self.episodes_begun)
            self._episode[copy] = self.episodes_begun
            self.episodes_begun += 1
            self._seeds[copy] = seed
            if self._mode is not None:
                self._modes[copy] = self._mode
            else:
                self._modes[copy] = episode_mode(seed, len(self.task.modes))
            seeds.append(seed)
        self._steps[which] = 0
        self._returns[which] = 0.0
        self._memory[which] = 0.0
        self.env.begin(which, seeds, self._modes[which])
        return allowed

    def _finish(self, copy: int, info: Mapping[str, Any]) -> EpisodeRecord:
        return EpisodeRecord(
            attempt=self._attempt,
            worker=self._worker,
            episode=int(self._episode[copy]),
            seed=int(self._seeds[copy]),
            mode=self.task.modes[self._modes[copy]].name,
            episode_return=float(self._returns[copy]),
            length=int(self._steps[copy]),
            metrics=read_metrics(info, copy),
            parts=read_parts(self.task, info, copy),
        )

    def _remember(self, executed: NDArray[Any], moving: NDArray[np.bool_]) -> None:
        """Keep the actions of the episodes in progress, for `restore`."""
        needed = int(self._steps.max()) + 1
        if self._history is None:
            self._history = np.zeros((_EXECUTED_GROWTH, *executed.shape), dtype=executed.dtype)
        if needed > len(self._history):
            more = np.zeros((len(self._history), *executed.shape), dtype=executed.dtype)
            self._history = np.concatenate([self._history, more])
        copies = np.flatnonzero(moving)
        self._history[self._steps[copies], copies] = executed[copies]
