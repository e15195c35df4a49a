"""Any Gymnasium environment as a task: by its id, or by a ``module:callable`` that makes one."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

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

# These carry something over from one episode to the next (Gymnasium issue 728), so that an episode is not
# a function of its seed and actions unless the environment is new. Making one costs little beside a reset.
_MADE_ANEW = frozenset({"gymnasium.envs.box2d.bipedal_walker"})

_PLAIN = (Mode("default"),)

_REFUSALS = (gymnasium.error.Error, ImportError, AssertionError, TypeError, ValueError)
"""What a constructor raises when it cannot do what it is asked."""


class EnvVector(EpisodeVectorEnv):
    """`count` single environments, stepped one after the other; each is reset with its episode's seed.

    A mode's parameters that the environment's constructor takes are passed to it, the others are set
    as attributes of the unwrapped environment before each episode; an attribute that a mode leaves out
    has its own value again.
    """

    def __init__(self, make: MakeEnv, count: int, modes: Sequence[Mode], task: str) -> None:
        self._make = make
        self._task = task
        self.num_envs, self.mode_count = count, len(modes)
        first = self._made({})
        self._modes = [_split(mode, first, make) for mode in modes]
        self._set = {name for _, attributes in self._modes for name in attributes}
        self._envs: list[Env[Any, Any] | None] = [first, *[None] * (count - 1)]
        self._arguments: list[dict[str, Any]] = [{} for _ in range(count)]
        self._own: list[dict[str, Any]] = [{} for _ in range(count)]
        self._own[0] = self._values(first)
        first = self.prepare(0, 0)
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
            env = self.prepare(int(copy), int(mode), anew=True)
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

    def prepare(self, copy: int, mode: int, *, anew: bool = False) -> Env[Any, Any]:
        """Return the copy's environment in that mode; with `anew`, as if no episode had been played."""
        arguments, attributes = self._modes[mode]
        env = self._envs[copy]
        stale = env is not None and anew and type(env.unwrapped).__module__ in _MADE_ANEW
        if env is None or stale or arguments != self._arguments[copy]:
            if env is not None:
                env.close()
            env = self._made(arguments)
            self._envs[copy], self._arguments[copy] = env, arguments
            self._own[copy] = self._values(env)
        for name, value in {**self._own[copy], **attributes}.items():
            setattr(env.unwrapped, name, value)
        return env

    def _made(self, arguments: dict[str, Any]) -> Env[Any, Any]:
        try:
            env = self._make(**arguments)
        except _REFUSALS as error:
            reason = str(error) or type(error).__name__
            given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
            raise TaskError(
                f"task {self._task!r} cannot be made{f' with {given}' if given else ''}: {reason}"
            ) from error
        if not isinstance(env, Env):
            raise TaskError(
                f"task {self._task!r} makes {type(env).__name__}, which is not a gymnasium.Env"
            )
        return env

    def _values(self, env: Env[Any, Any]) -> dict[str, Any]:
        """Return the environment's own values of the attributes that modes set."""
        return {name: getattr(env.unwrapped, name) for name in self._set}

    def _note_mask(self, copy: int, info: Mapping[str, Any]) -> None:
        if not isinstance(self.single_action_space, Discrete):
            return
        mask = info.get("action_mask")
        if self._masks is None:
            if mask is None:
                return
            self._masks = np.ones((self.num_envs, int(self.single_action_space.n)), dtype=np.bool_)
        self._masks[copy] = True if mask is None else np.asarray(mask, dtype=np.bool_)


def _split(mode: Mode, env: Env[Any, Any], make: MakeEnv) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the mode's parameters as constructor arguments and as attributes."""
    inner = env.unwrapped
    taken = _parameters(make, inner) if mode.parameters else set()
    arguments, attributes = {}, {}
    for name, value in mode.parameters.items():
        if name in taken:
            arguments[name] = value
        elif hasattr(inner, name):
            attributes[name] = value
        else:
            plain = {
                key
                for owner in (*type(inner).__mro__, inner)
                for key, held in vars(owner).items()
                if isinstance(held, int | float | str)
            }
            known = {key for key in taken | plain if not key.startswith("_")}
            raise TaskError(
                f"mode {mode.name!r} sets {name!r}, which {type(inner).__name__} has neither as "
                f"a constructor argument nor as an attribute: {did_you_mean(name, known)}"
            )
    return arguments, attributes


def _parameters(make: MakeEnv, inner: Env[Any, Any]) -> set[str]:
    """Return the names of the arguments that `make` takes, passed on to the constructor or not."""
    taken = inspect.signature(make).parameters
    names = {key for key, one in taken.items() if one.kind is not inspect.Parameter.VAR_KEYWORD}
    if len(names) < len(taken):
        names |= {*inspect.signature(type(inner)).parameters}
    return names


class GymnasiumTask(Task):
    """A task over single Gymnasium environments.

    Raises
    ------
    TaskError
        If the environment cannot be made, its spaces are not supported, or a mode sets what it has not.

    """

    def __init__(self, name: str, make: MakeEnv, modes: Sequence[Mode] = _PLAIN) -> None:
        self.name = name
        self.modes = tuple(modes)
        self._make_env = make
        probe = self.make(1)
        for mode in range(len(self.modes)):
            probe.prepare(0, mode)  # a mode that cannot be set is refused at the door
        self.observation_space = probe.single_observation_space
        self.action_space = probe.single_action_space
        probe.close()

    def make(self, count: int) -> EnvVector:
        """Make `count` copies."""
        return EnvVector(self._make_env, count, self.modes, self.name)


def gymnasium_task(name: str, modes: Sequence[Mode] = _PLAIN) -> GymnasiumTask:
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
        return gymnasium.make(name, **arguments)

    return GymnasiumTask(name, make, modes)


def callable_task(name: str, modes: Sequence[Mode] = _PLAIN) -> Task:
    """Return the task of a ``module:callable`` that makes a Task or a gymnasium.Env.

    Raises
    ------
    TaskError
        If the module or the callable is not there, or it makes something else.

    """
    module_name, _, attribute = name.partition(":")
    try:
        make = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, ValueError) as error:
        raise TaskError(
            f"task {name!r}: module {module_name!r} cannot be imported: {error}"
        ) from error
    except AttributeError as error:
        raise TaskError(f"task {name!r}: module {module_name!r} has no {attribute!r}") from error
    if not callable(make):
        raise TaskError(f"task {name!r}: {attribute!r} is not callable")
    if isinstance(make, type) and issubclass(make, Env):
        return GymnasiumTask(name, make, modes)
    try:
        made = make()
    except _REFUSALS as error:
        raise TaskError(f"task {name!r} cannot be made: {error}") from error
    if isinstance(made, Task):
        if modes is not _PLAIN:
            raise TaskError(
                f"task {name!r} has modes of its own; --set is for Gymnasium environments"
            )
        return made
    if isinstance(made, Env):
        made.close()
        return GymnasiumTask(name, make, modes)
    raise TaskError(
        f"task {name!r} makes {type(made).__name__}, neither a gymnasium.Env nor a Task"
    )
