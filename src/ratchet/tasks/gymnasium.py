"""Any Gymnasium environment as a task: by its id, or by a ``module:callable`` that makes one."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium import Env
from gymnasium.spaces import Discrete
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from ratchet.errors import TaskError, did_you_mean
from ratchet.tasks.spaces import check_action_space, flatten, observation_width
from ratchet.tasks.task import BoolArray, EpisodeVectorEnv, FloatArray, IntArray, Mode, Task

MakeEnv = Callable[..., "Env[Any, Any]"]


class EnvVector(EpisodeVectorEnv):
    """`count` single environments, stepped one after the other; each is reset with its episode's seed.

    A mode's parameters that the environment's constructor takes are passed to it, the others are set
    as attributes of the unwrapped environment before each episode.
    """

    def __init__(self, make: MakeEnv, count: int, modes: Sequence[Mode], task: str) -> None:
        self._make = make
        self._modes = modes
        self._task = task
        self.num_envs = count
        self._envs: list[Env[Any, Any] | None] = [None] * count
        self._arguments: list[dict[str, Any] | None] = [None] * count
        first = self._env(0, modes[0])
        self.single_observation_space = first.observation_space
        self.single_action_space = first.action_space
        self.observation_space = batch_space(first.observation_space, count)
        self.action_space = batch_space(first.action_space, count)
        width = observation_width(first.observation_space, task)
        check_action_space(first.action_space, task)
        self._seen = np.zeros((count, width), dtype=np.float32)
        self._masks: BoolArray | None = None
        self.live = np.zeros(count, dtype=np.bool_)
        self.steps_executed = 0

    @property
    def observations(self) -> FloatArray:
        """The current flat observation of every copy, ``(n, size)``."""
        return self._seen

    @property
    def masks(self) -> BoolArray | None:
        """The current legal actions of every copy, if the environment gives ``action_mask``."""
        return self._masks

    def begin(self, copies: IntArray, seeds: Sequence[int], modes: IntArray) -> None:
        """Begin an episode in each of the named copies, with its own seed, in its own mode."""
        for copy, seed, mode in zip(copies, seeds, modes, strict=True):
            env = self._env(int(copy), self._modes[int(mode)])
            observation, info = env.reset(seed=int(seed))
            flatten(self.single_observation_space, observation, self._seen[copy])
            self._note_mask(int(copy), info)
            self.live[copy] = True

    def advance(
        self, actions: NDArray[Any], moving: BoolArray
    ) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, dict[str, Any]]:
        """Step the copies that are both `moving` and live; the others stand still."""
        rewards = np.zeros(self.num_envs, dtype=np.float32)
        terminated = np.zeros(self.num_envs, dtype=np.bool_)
        truncated = np.zeros(self.num_envs, dtype=np.bool_)
        discrete = isinstance(self.single_action_space, Discrete)
        shape = self.single_action_space.shape
        for copy in np.flatnonzero(moving & self.live):
            env = self._envs[copy]
            assert env is not None
            action = int(actions[copy]) if discrete else actions[copy].reshape(shape)
            observation, reward, end, late, info = env.step(action)
            self.steps_executed += 1
            flatten(self.single_observation_space, observation, self._seen[copy])
            rewards[copy] = float(reward)
            terminated[copy], truncated[copy] = end, late
            if end or late:
                self.live[copy] = False
            self._note_mask(int(copy), info)
        return self._seen, rewards, terminated, truncated, {}

    def close_extras(self, **_: Any) -> None:
        """Close every environment."""
        for env in self._envs:
            if env is not None:
                env.close()

    def _env(self, copy: int, mode: Mode) -> Env[Any, Any]:
        """Return the copy's environment, made anew if the mode changes its constructor's arguments."""
        arguments, attributes = _split(mode, self._envs[copy], self._make)
        env = self._envs[copy]
        if env is None or arguments != self._arguments[copy]:
            if env is not None:
                env.close()
            env = self._make(**arguments)
            if not isinstance(env, Env):
                raise TaskError(
                    f"task {self._task!r} makes {type(env).__name__}, which is not a gymnasium.Env"
                )
            self._envs[copy], self._arguments[copy] = env, arguments
            arguments, attributes = _split(mode, env, self._make)
            if arguments != self._arguments[copy]:
                env.close()
                env = self._make(**arguments)
                self._envs[copy], self._arguments[copy] = env, arguments
        inner = env.unwrapped
        for name, value in attributes.items():
            setattr(inner, name, value)
        return env

    def _note_mask(self, copy: int, info: Mapping[str, Any]) -> None:
        mask = info.get("action_mask")
        if mask is None or not isinstance(self.single_action_space, Discrete):
            return
        if self._masks is None:
            self._masks = np.ones((self.num_envs, int(self.single_action_space.n)), dtype=np.bool_)
        self._masks[copy] = np.asarray(mask, dtype=np.bool_)


def _split(
    mode: Mode, env: Env[Any, Any] | None, make: MakeEnv
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the mode's parameters as constructor arguments and as attributes."""
    if not mode.parameters:
        return {}, {}
    if env is None:
        env = make()
        try:
            return _split(mode, env, make)
        finally:
            env.close()
    inner = env.unwrapped
    taken = inspect.signature(type(inner).__init__).parameters
    arguments, attributes = {}, {}
    for name, value in mode.parameters.items():
        if name in taken:
            arguments[name] = value
        elif hasattr(inner, name):
            attributes[name] = value
        else:
            known = [key for key in (*taken, *vars(inner)) if not key.startswith("_")]
            raise TaskError(
                f"mode {mode.name!r} sets {name!r}, which {type(inner).__name__} has neither as "
                f"a constructor argument nor as an attribute: {did_you_mean(name, set(known) - {'self'})}"
            )
    return arguments, attributes


class GymnasiumTask(Task):
    """A task over single Gymnasium environments.

    Raises
    ------
    TaskError
        If the environment cannot be made, its spaces are not supported, or a mode sets what it has not.

    """

    def __init__(
        self, name: str, make: MakeEnv, modes: Sequence[Mode] = (Mode("default"),)
    ) -> None:
        self.name = name
        self.modes = tuple(modes)
        self._make_env = make
        probe = self.make(1)
        for mode in self.modes:
            probe._env(0, mode)  # noqa: SLF001 - a mode that cannot be set is refused at the door
        self.observation_space = probe.single_observation_space
        self.action_space = probe.single_action_space
        probe.close()

    def make(self, count: int) -> EnvVector:
        """Make `count` copies."""
        return EnvVector(self._make_env, count, self.modes, self.name)


def gymnasium_task(name: str, modes: Sequence[Mode] = (Mode("default"),)) -> GymnasiumTask:
    """Return the task of a registered Gymnasium id.

    Raises
    ------
    TaskError
        If there is no such id, or what it needs is not installed.

    """
    try:
        gymnasium.spec(name)
    except gymnasium.error.Error as error:
        raise TaskError(f"Gymnasium has no environment {name!r}: {error}") from error

    def make(**arguments: Any) -> Env[Any, Any]:
        try:
            return cast("Env[Any, Any]", gymnasium.make(name, **arguments))
        except (gymnasium.error.Error, ImportError) as error:
            raise TaskError(f"environment {name!r} cannot be made: {error}") from error

    return GymnasiumTask(name, make, modes)


def callable_task(name: str, modes: Sequence[Mode] = (Mode("default"),)) -> Task:
    """Return the task of a ``module:callable`` that makes a Task or a gymnasium.Env.

    Raises
    ------
    TaskError
        If the module or the callable is not there, or it makes something else.

    """
    module_name, _, attribute = name.partition(":")
    try:
        make = getattr(importlib.import_module(module_name), attribute)
    except ImportError as error:
        raise TaskError(f"task {name!r}: module {module_name!r} cannot be imported: {error}") from error
    except AttributeError as error:
        raise TaskError(f"task {name!r}: module {module_name!r} has no {attribute!r}") from error
    if not callable(make):
        raise TaskError(f"task {name!r}: {attribute!r} is not callable")
    if isinstance(make, type) and issubclass(make, Env):
        return GymnasiumTask(name, make, modes)
    made = make()
    if isinstance(made, Task):
        return made
    if isinstance(made, Env):
        made.close()
        return GymnasiumTask(name, make, modes)
    raise TaskError(f"task {name!r} makes {type(made).__name__}, neither a gymnasium.Env nor a Task")
