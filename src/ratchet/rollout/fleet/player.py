"""Playing whole episodes side by side, each with the one policy version that it began with.

A step is two calls, so that whoever watches knows whether an environment's code is running: `choose` and
`step`. Episodes that have ended are cut out by `ended`; `begin` lets free copies begin anew. An actor decides
each row by itself, so what an episode becomes does not depend on who is beside it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete
from numpy.typing import NDArray

from ratchet.errors import TaskError
from ratchet.ledger.provenance import versions
from ratchet.rollout.episode import Episode, Origin
from ratchet.rollout.fleet.black_box import BlackBox
from ratchet.rollout.fleet.versions import Version
from ratchet.rollout.kind import EpisodeKind
from ratchet.rollout.plan import FleetPlan
from ratchet.rollout.tape import Tape
from ratchet.rollout.trajectory import EpisodeRecord
from ratchet.seeding import episode_mode, fleet_seed
from ratchet.tasks.ending import read_metrics, read_parts
from ratchet.tasks.task import Task

IntArray = NDArray[np.int64]


def action_layout(task: Task) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return type and shape of one action as an environment takes it."""
    if isinstance(task.action_space, Discrete):
        return np.dtype(np.int64), ()
    return np.dtype(np.float32), (int(np.prod(task.action_space.shape or ())),)


class Player:
    """Plays the episodes of one writer of a spool.

    Parameters
    ----------
    task, plan, kind
        What is played, as the plan says, and what its episodes have in common.
    writer
        The writer's number. With the run's seed and the episode's ordinal it gives each seed.
    black_box
        Notes what is about to be executed; None for nobody.

    Attributes
    ----------
    playing : int
        How many copies are in an episode.

    """

    def __init__(
        self,
        task: Task,
        plan: FleetPlan,
        kind: EpisodeKind,
        writer: int,
        black_box: BlackBox | None = None,
    ) -> None:
        count = plan.environments
        self._task, self._plan, self._kind = task, plan, kind
        self._writer, self._black_box = writer, black_box
        self._modes = plan.mode_indices(task)
        self._env = task.make(count)
        self._tape = Tape(count)
        self._libraries = versions()
        self.playing = 0
        self._next = 0
        self._free = np.arange(count)
        self._moving = np.zeros(count, dtype=np.bool_)
        self._seeds = np.zeros(count, dtype=np.uint64)
        self._steps = np.zeros(count, dtype=np.int64)
        self._mode = np.zeros(count, dtype=np.int64)
        self._number = np.zeros(count, dtype=np.int64)
        self._played = np.zeros(count, dtype=np.int64)
        self._begun_at = [0.0] * count
        self._version: list[Version | None] = [None] * count
        self._parties: list[tuple[Version, IntArray | None]] | None = []
        """Who plays with which version, where None is every copy; to be found out where it is None."""
        self._memory = np.zeros((count, 0), dtype=np.float32)
        dtype, shape = action_layout(task)
        self._executed = np.zeros((count, *shape), dtype=dtype)
        self._over: list[tuple[int, bool]] = []
        """Copies whose episode has ended in the last step, and whether it was over."""
        self._info: Mapping[str, Any] = {}

    @property
    def free(self) -> int:
        """How many copies may begin an episode."""
        return len(self._free)

    def begin(self, count: int, version: Version) -> None:
        """Begin so many episodes in free copies, with this version.

        Raises
        ------
        TaskError
            If the environment has masks, and episodes are to be recorded without.

        """
        copies, self._free = self._free[:count], self._free[count:]
        now = time.time()
        for copy in copies.tolist():
            seed = fleet_seed(self._plan.seed, self._writer, self._next)
            self._seeds[copy], self._number[copy] = seed, self._next
            self._mode[copy] = self._modes[episode_mode(seed, len(self._modes))]
            self._begun_at[copy], self._version[copy] = now, version
            self._next += 1
        self._played[copies] = version.number
        memory = version.chooser.memory
        if memory != self._memory.shape[1]:
            self._memory = np.zeros((len(self._memory), memory), dtype=np.float32)
        self._memory[copies] = 0.0
        self._steps[copies] = 0
        seeds, modes = self._seeds[copies], self._mode[copies]
        if self._black_box is not None:
            self._black_box.begin(copies, seeds, modes, version.number, version.policy)
        self._env.begin(copies, [int(seed) for seed in seeds], modes)
        self._tape.begin(copies)
        self._moving[copies] = True
        self.playing += len(copies)
        self._parties = None
        if self._env.masks is not None and not self._kind.masked:
            raise TaskError(
                f"task {self._task.name!r} has action masks, and the fleet's plan is without; "
                "it must be with them"
            )

    def choose(self) -> None:
        """Choose the actions of all copies that are in an episode, as their policies draw them."""
        tape, seeds, steps = self._tape, self._seeds, self._steps
        seen, masks = tape.write("observations", self._env.observations), self._env.masks
        if self._kind.masked:
            if masks is None:
                masks = np.ones((len(seen), self._kind.masked), dtype=np.bool_)
            tape.write("masks", masks)
        if self._parties is None:
            self._parties = self._gathered()
        for version, copies in self._parties:
            act = version.chooser.act
            if copies is None:
                choice = act(seen, masks, seeds, steps, deterministic=False, state=self._memory)
                self._executed[:] = choice.executed
            else:
                state = self._memory[copies]
                choice = act(
                    seen[copies],
                    None if masks is None else masks[copies],
                    seeds[copies],
                    steps[copies],
                    deterministic=False,
                    state=state,
                )
                self._memory[copies] = state
                self._executed[copies] = choice.executed
            tape.write("actions", choice.actions, copies)
            tape.write("log_probs", choice.log_probs, copies)
        if self._black_box is not None:
            self._black_box.note(self._executed)

    def step(self) -> int:
        """Execute what was chosen; return how many environment steps that were."""
        moving = self._moving
        _, rewards, terminated, truncated, info = self._env.advance(self._executed, moving)
        self._tape.write("rewards", rewards)
        self._tape.advance()
        if self._memory.shape[1]:
            self._memory[moving, -1] = rewards[moving]
        self._steps += moving
        over = terminated | truncated
        if np.count_nonzero(over):
            self._info = info
            self._over = [(copy, bool(terminated[copy])) for copy in np.flatnonzero(over).tolist()]
        return self.playing

    def ended(self) -> list[Episode]:
        """Return the episodes that ended in the last step; their copies are free.

        Raises
        ------
        TaskError
            If what a simulator said of one is not what an episode can hold, such as rewards that are not
            finite.

        """
        if not self._over:
            return []
        episodes = [self._cut(copy, terminated=terminated) for copy, terminated in self._over]
        copies = [copy for copy, _ in self._over]
        self._moving[copies] = False
        self._free = np.concatenate([self._free, np.array(copies, dtype=np.int64)])
        self.playing -= len(copies)
        self._over = []
        self._parties = None
        return episodes

    def close(self) -> None:
        """Close the environments."""
        self._env.close()

    def _cut(self, copy: int, *, terminated: bool) -> Episode:
        tape, version = self._tape, self._version[copy]
        assert version is not None
        read = {
            name: tape.read(name, copy)
            for name in ("observations", "actions", "log_probs", "rewards")
        }
        masks = tape.read("masks", copy) if self._kind.masked else None
        tape.end(copy)
        if self._black_box is not None:
            self._black_box.end(copy)
        final = self._env.observations[copy].copy()
        seen, rewards = np.concatenate([read["observations"], final[None]]), read["rewards"]
        values = version.critic.values(seen, read["actions"], rewards)
        mode = self._task.modes[self._mode[copy]].name
        episode = Episode(
            **read,
            masks=masks,
            values=values[:-1],
            terminated=terminated,
            final_observation=final,
            bootstrap=0.0 if terminated else float(values[-1]),
            record=EpisodeRecord(
                attempt=0,
                worker=self._writer,
                episode=int(self._number[copy]),
                seed=int(self._seeds[copy]),
                mode=mode,
                episode_return=float(rewards.sum(dtype=np.float64)),
                length=len(rewards),
                metrics=read_metrics(self._info, copy),
                parts=read_parts(self._task, self._info, copy),
            ),
            origin=Origin(
                run=self._kind.run,
                task=self._kind.task,
                task_hash=self._kind.task_hash,
                policy=version.policy,
                version=version.number,
                begun_at=self._begun_at[copy],
                ended_at=time.time(),
                versions=self._libraries,
            ),
        )
        fault = episode.fault()
        if fault is not None:
            raise TaskError(
                f"task {self._task.name!r}, mode {mode!r}, seed {episode.record.seed}: an episode cannot be "
                f"learned from: {fault}"
            )
        return episode

    def _gathered(self) -> list[tuple[Version, IntArray | None]]:
        playing, parties = np.flatnonzero(self._moving), []
        versions = self._played[playing]
        for number in set(versions.tolist()):
            copies = playing[versions == number]
            version = self._version[copies[0]]
            assert version is not None
            parties.append((version, None if len(copies) == len(self._moving) else copies))
        return parties
