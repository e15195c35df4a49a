"""A task: what is played. It makes vector environments and names its modes and episode metrics.

An environment made by a task never resets itself: the caller says which copies begin an episode, with
which seed and in which mode, so that every episode in the ledger has a seed that it can be replayed
from, and an evaluation plays each of its seeds once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium.spaces import Space
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from ratchet.entities import Entities
from ratchet.errors import SeedError, TaskError, did_you_mean
from ratchet.seeding import episode_mode

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


Teacher = Callable[[IntArray], NDArray[Any]]
"""From the numbers of copies that are to move, to their actions as the environment takes them."""


@dataclass(frozen=True)
class Mode:
    """One named setting of a task's hidden dynamics; never in the observation, always in the record."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


class EpisodeVectorEnv(VectorEnv[Any, Any, Any], ABC):
    """`n` copies of an environment that wait after an episode's end until they are told to begin anew.

    `reset` and `step` are Gymnasium's, with ``AutoresetMode.DISABLED``. A copy whose episode has ended
    is skipped by `step`: it repeats its last observation, with reward 0 and neither flag set, and its
    simulator is not touched. `live` says which copies are in an episode. `steps_executed` counts what
    the simulators really executed: the sum over copies, the number that budgets are held against.

    Observations are float32 of shape ``(n, size)``, flat, one-hot where the space is Discrete.
    ``info["action_mask"]``, if the task has masks, is bool of shape ``(n, actions)``.
    ``info["metrics"]`` holds float64 ``(n,)`` per episode metric, valid where an episode just ended.
    ``info["parts"]`` holds, by copy where an episode just ended, its parts in their order: each a mapping from
    the columns that the task names to what JSON can hold.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.DISABLED}  # noqa: RUF012 - as Gymnasium has it

    num_envs: int
    mode_count: int = 1
    live: BoolArray
    steps_executed: int = 0

    @abstractmethod
    def begin(self, copies: IntArray, seeds: Sequence[int], modes: IntArray) -> None:
        """Begin an episode in each of the named copies, with its own seed, in its own mode."""

    @abstractmethod
    def advance(
        self, actions: NDArray[Any], moving: BoolArray
    ) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, dict[str, Any]]:
        """Step the copies that are both `moving` and live; the others stand still."""

    @property
    @abstractmethod
    def observations(self) -> FloatArray:
        """The current observation of every copy, ``(n, size)``; valid until the next call."""

    @property
    def masks(self) -> BoolArray | None:
        """The current legal actions of every copy, ``(n, actions)``, or None if all always are."""
        return None

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[FloatArray, dict[str, Any]]:
        """Begin episodes: `seed` an int or one a copy.

        Options: ``reset_mask`` bool ``(n,)`` names the copies, ``modes`` an index or ``(n,)`` of them fixes
        their modes; without it the mode follows from the seed. ``info["mode"]`` says which it is.

        Raises
        ------
        TaskError
            If an option is unknown, or a mode's index is out of range.

        """
        chosen = options or {}
        for key in chosen:
            if key not in {"reset_mask", "modes"}:
                raise TaskError(f"reset has no option {key!r}; it has 'reset_mask' and 'modes'")
        which = np.flatnonzero(chosen.get("reset_mask", np.ones(self.num_envs, dtype=np.bool_)))
        if seed is None:
            seed = np.random.SeedSequence().entropy % (1 << 32)  # type: ignore[operator]
        seeds = (
            [seed + int(copy) for copy in which]
            if isinstance(seed, int | np.integer)
            else [int(seed[copy]) for copy in which]
        )
        modes = np.array([episode_mode(each, self.mode_count) for each in seeds], dtype=np.int64)
        if "modes" in chosen:
            modes = np.broadcast_to(chosen["modes"], self.num_envs).astype(np.int64)[which]
        if len(modes) and not 0 <= modes.min() <= modes.max() < self.mode_count:
            raise TaskError(f"modes {modes.tolist()} are not in 0 … {self.mode_count - 1}")
        self.begin(which, seeds, modes)
        self._last_modes = getattr(self, "_last_modes", np.zeros(self.num_envs, dtype=np.int64))
        self._last_modes[which] = modes
        info: dict[str, Any] = {"mode": self._last_modes.copy()}
        if self.masks is not None:
            info["action_mask"] = self.masks
        return self.observations, info

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, dict[str, Any]]:
        """Step every live copy."""
        return self.advance(actions, self.live.copy())


class Task(ABC):
    """What is played. `modes` has at least one entry; a task without hidden dynamics has ``default``."""

    name: str
    modes: tuple[Mode, ...]
    observation_space: Space[Any]
    action_space: Space[Any]
    maximum_return: float | None = None
    """The best return an episode can have, where one is known."""
    metrics: tuple[str, ...] = ()
    """Names of the episode metrics beside return and length."""
    parts: tuple[str, ...] = ()
    """Columns of the parts of an episode, such as the fights of a game; none where it has no parts."""
    heuristic: Callable[[FloatArray], NDArray[Any]] | None = None
    """A hand-written policy: observations ``(n, size)`` to actions, if the task has one."""
    side_by_side: int = 16
    """How many episodes an evaluation plays at once: many where copies are cheap."""
    action_kinds: tuple[str, ...] = ()
    """The kind of each discrete action, counted from 0, where there are kinds to tell apart."""
    situations: tuple[str, ...] = ()
    """Names of the situations in which decisions arise, such as the screens of a game; see `situation_of`."""
    entities: Entities | None = None
    """The sets of entities that an observation is made of, for the networks that know them."""
    usual_modes: tuple[str, ...] = ()
    """What is played where no mode is named; empty: every mode."""
    stall_after: int = 0
    """The how-many-eth time at one observation from which an evaluation's greedy policy tries another action there
    (`ratchet.evaluation.stalls`); 0, never, where an observation may come again while the episode goes on."""
    lowest_seed: int = 0
    """The lowest seed of an episode: 0, or less where seeds are signed words."""

    @property
    def teachers(self) -> Mapping[str, Callable[[Any], Teacher]]:
        """Who can show how it is played, by name: each makes, for an environment of `make`, one that chooses.

        A teacher may look at all of its environment; it moves nothing.
        """
        heuristic = self.heuristic
        if heuristic is None:
            return {}
        return {"heuristic": lambda env: lambda copies: heuristic(env.observations[copies])}

    @property
    def played_modes(self) -> list[str]:
        """The names of the modes that are played where none is named: the usual ones, else all."""
        return list(self.usual_modes) or [mode.name for mode in self.modes]

    def seed_of(self, text: str) -> int:
        """Return the seed that a line of a seed list means; two texts may mean one seed.

        Raises
        ------
        SeedError
            If it means none.

        """
        try:
            return int(text)
        except ValueError as error:
            raise SeedError(f"{text!r} is not a whole number") from error

    def situation_of(self, observations: FloatArray) -> IntArray:
        """Return the number of each observation's situation ``(n,)``, where the task names situations."""
        return np.zeros(len(observations), dtype=np.int64)

    @abstractmethod
    def make(self, count: int) -> EpisodeVectorEnv:
        """Make `count` copies of the environment behind one vector environment."""

    def mode_index(self, name: str | int) -> int:
        """Return the index of a mode by its name.

        Raises
        ------
        TaskError
            If the task has no such mode.

        """
        names = [mode.name for mode in self.modes]
        if str(name) not in names:
            raise TaskError(
                f"task {self.name!r} has no mode {str(name)!r}: {did_you_mean(str(name), names)}"
            )
        return names.index(str(name))
