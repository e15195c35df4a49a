"""CartPole with hidden dynamics: many at once, in one compiled kernel.

On the same seed, parameters and actions a copy gives the very observations, rewards and ends of
Gymnasium's ``CartPole-v1`` with those attributes set (Barto, Sutton and Anderson 1983; 500 steps at most).
To that end the kernel also draws the first state as NumPy's ``default_rng(seed)`` does. An open-loop pole
multiplies an error by e^40 over an episode, so "the same" means the same in float64, to the last bit: the
operations stand in Gymnasium's order, and nothing is fused or reassociated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.vector.utils import batch_space
from numba import njit
from numpy.typing import NDArray

from ratchet.tasks.task import BoolArray, EpisodeVectorEnv, FloatArray, IntArray, Mode, Task

MAXIMUM_STEPS = 500
_X_LIMIT = 2.4
_ANGLE_LIMIT = 12 * 2 * math.pi / 360
_FORCE = 10.0
_TAU = 0.02

# Columns of the parameters; the last two are derived from the others.
_COLUMNS = ("gravity", "length", "masscart", "masspole")
_DEFAULTS = {"gravity": 9.8, "length": 0.5, "masscart": 1.0, "masspole": 0.1}

# No fastmath here: see the head of the file.
_FLAGS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}

_LIVE, _TERMINATED, _TRUNCATED, _MOVING = 0, 1, 2, 3

u32, u64 = np.uint32, np.uint64


@njit(inline="always", **_FLAGS)
def _multiply_wide(a: Any, b: Any) -> Any:
    """Return the high and low halves of a 64 x 64 bit product."""
    mask = u64(0xFFFFFFFF)
    a_low, a_high = a & mask, a >> u64(32)
    b_low, b_high = b & mask, b >> u64(32)
    low = a_low * b_low
    middle = a_high * b_low + (low >> u64(32))
    other = a_low * b_high + (middle & mask)
    high = a_high * b_high + (middle >> u64(32)) + (other >> u64(32))
    return high, (other << u64(32)) | (low & mask)


@njit(inline="always", **_FLAGS)
def _pcg_step(high: Any, low: Any, inc_high: Any, inc_low: Any) -> Any:
    """Return the next 128-bit state of PCG64: state * multiplier + increment."""
    mult_high, mult_low = u64(0x2360ED051FC65DA4), u64(0x4385DF649FCCF645)
    new_high, new_low = _multiply_wide(low, mult_low)
    new_high = new_high + high * mult_low + low * mult_high
    total = new_low + inc_low
    carry = u64(1) if total < new_low else u64(0)
    return new_high + inc_high + carry, total


@njit(inline="always", **_FLAGS)
def _hash_in(value: Any, constant: Any) -> Any:
    value = u32(value ^ constant)
    constant = u32(constant * u32(0x931E8875))
    value = u32(value * constant)
    return u32(value ^ (value >> u32(16))), constant


@njit(**_FLAGS)
def first_state(seed: Any, state: Any) -> None:
    """Write ``default_rng(seed).uniform(-0.05, 0.05, 4)``: NumPy's SeedSequence (O'Neill) and PCG64."""
    pool = np.empty(4, dtype=np.uint32)
    constant = u32(0x43B0D7E5)
    pool[0], constant = _hash_in(u32(seed & u64(0xFFFFFFFF)), constant)
    pool[1], constant = _hash_in(u32(seed >> u64(32)), constant)
    pool[2], constant = _hash_in(u32(0), constant)
    pool[3], constant = _hash_in(u32(0), constant)
    for source in range(4):
        for target in range(4):
            if source != target:
                mixed, constant = _hash_in(pool[source], constant)
                value = u32(u32(0xCA01F9DD) * pool[target] - u32(0x4973F715) * mixed)
                pool[target] = u32(value ^ (value >> u32(16)))
    words = np.empty(8, dtype=np.uint64)
    constant = u32(0x8B51F9DD)
    for index in range(8):
        value = u32(pool[index % 4] ^ constant)
        constant = u32(constant * u32(0x58F38DED))
        value = u32(value * constant)
        words[index] = u64(u32(value ^ (value >> u32(16))))
    start_high = words[0] | (words[1] << u64(32))
    start_low = words[2] | (words[3] << u64(32))
    stream_high = words[4] | (words[5] << u64(32))
    stream_low = words[6] | (words[7] << u64(32))
    inc_high = (stream_high << u64(1)) | (stream_low >> u64(63))
    inc_low = (stream_low << u64(1)) | u64(1)
    high, low = _pcg_step(u64(0), u64(0), inc_high, inc_low)
    total = low + start_low
    high = high + start_high + (u64(1) if total < low else u64(0))
    high, low = _pcg_step(high, total, inc_high, inc_low)
    for index in range(4):
        high, low = _pcg_step(high, low, inc_high, inc_low)
        value64 = high ^ low
        turn = high >> u64(58)
        value64 = (value64 >> turn) | (value64 << ((u64(64) - turn) & u64(63)))
        drawn = np.float64(value64 >> u64(11)) * (1.0 / 9007199254740992.0)
        state[index] = -0.05 + 0.1 * drawn


@njit(inline="always", **_FLAGS)
def _views(block: Any, n: Any) -> Any:
    """Return the arrays that lie in an environment's block, in the order of `CartPoleVector`."""
    return (
        block[: 32 * n].view(np.float64).reshape(n, 4),
        block[32 * n : 48 * n].view(np.float32).reshape(n, 4),
        block[48 * n : 56 * n].view(np.int32).reshape(n, 2),
        block[56 * n : 60 * n].view(np.float32),
        block[60 * n : 64 * n].view(np.bool_).reshape(4, n),
        block[64 * n :].view(np.float64).reshape(-1, 6),
    )


@njit(inline="always", **_FLAGS)
def _begin_one(
    copy: Any, seed: Any, mode: Any, state: Any, seen: Any, counts: Any, flags: Any
) -> None:
    first_state(seed, state[copy])
    counts[copy, 0], counts[copy, 1] = 0, mode
    flags[_LIVE, copy] = True
    flags[_TERMINATED, copy] = False
    flags[_TRUNCATED, copy] = False
    for column in range(4):
        seen[copy, column] = np.float32(state[copy, column])


@njit(**_FLAGS)
def _begin(copies: Any, seeds: Any, modes: Any, block: Any, n: Any) -> Any:
    """Begin episodes in the named copies; return how many of them waited for one."""
    state, seen, counts, _, flags, _ = _views(block, n)
    waited = 0
    for index in range(copies.size):
        copy = copies[index]
        waited += 0 if flags[_LIVE, copy] else 1
        _begin_one(copy, seeds[index], modes[index], state, seen, counts, flags)
    return waited


@njit(**_FLAGS)
def _begin_waiting(seeds: Any, modes: Any, block: Any, n: Any) -> Any:
    """Begin episodes in the copies that wait, as long as there are seeds; return how many."""
    state, seen, counts, _, flags, _ = _views(block, n)
    used = 0
    for copy in range(n):
        if used == seeds.size:
            break
        if not flags[_LIVE, copy]:
            _begin_one(copy, seeds[used], modes[used], state, seen, counts, flags)
            used += 1
    return used


@njit(**_FLAGS)
def _advance(actions: Any, block: Any, everyone: Any) -> Any:
    """Step the live copies that are moving; return how many, and how many episodes ended."""
    n = actions.size
    state, seen, counts, rewards, flags, table = _views(block, n)
    executed, ended = 0, 0
    for copy in range(n):
        flags[_TERMINATED, copy] = False
        flags[_TRUNCATED, copy] = False
        rewards[copy] = np.float32(0.0)
        if not (flags[_LIVE, copy] and (everyone or flags[_MOVING, copy])):
            continue
        executed += 1
        mode = counts[copy, 1]
        gravity, length = table[mode, 0], table[mode, 1]
        masspole, total_mass, polemass_length = table[mode, 3], table[mode, 4], table[mode, 5]
        x, x_dot = state[copy, 0], state[copy, 1]
        theta, theta_dot = state[copy, 2], state[copy, 3]
        force = _FORCE if actions[copy] == 1 else -_FORCE
        cosine, sine = math.cos(theta), math.sin(theta)
        push = (force + polemass_length * (theta_dot * theta_dot) * sine) / total_mass
        theta_acc = (gravity * sine - cosine * push) / (
            length * (4.0 / 3.0 - masspole * (cosine * cosine) / total_mass)
        )
        x_acc = push - polemass_length * theta_acc * cosine / total_mass
        x = x + _TAU * x_dot
        x_dot = x_dot + _TAU * x_acc
        theta = theta + _TAU * theta_dot
        theta_dot = theta_dot + _TAU * theta_acc
        state[copy, 0], state[copy, 1] = x, x_dot
        state[copy, 2], state[copy, 3] = theta, theta_dot
        seen[copy, 0], seen[copy, 1] = np.float32(x), np.float32(x_dot)
        seen[copy, 2], seen[copy, 3] = np.float32(theta), np.float32(theta_dot)
        rewards[copy] = np.float32(1.0)
        counts[copy, 0] += 1
        fell = x < -_X_LIMIT or x > _X_LIMIT or theta < -_ANGLE_LIMIT or theta > _ANGLE_LIMIT
        late = counts[copy, 0] >= MAXIMUM_STEPS
        flags[_TERMINATED, copy] = fell
        flags[_TRUNCATED, copy] = late
        if fell or late:
            flags[_LIVE, copy] = False
            ended += 1
    return executed, ended


class CartPoleVector(EpisodeVectorEnv):
    """`count` CartPoles in one kernel; each episode has its own seed and its own mode's physics.

    The arrays that `step` returns are the environment's own, overwritten by the next call. All of them
    lie in one block of memory: a compiled function takes a tenth of a microsecond for every array it
    is given, and of 16 copies a whole step takes one.
    """

    def __init__(self, count: int, table: NDArray[np.float64]) -> None:
        self.num_envs = count
        high = np.array([2 * _X_LIMIT, np.inf, 2 * _ANGLE_LIMIT, np.inf], dtype=np.float32)
        self.single_observation_space = Box(-high, high, dtype=np.float32)
        self.single_action_space = Discrete(2)
        self.observation_space = batch_space(self.single_observation_space, count)
        self.action_space = batch_space(self.single_action_space, count)
        self._block = np.zeros(64 * count + table.nbytes, dtype=np.uint8)
        _, self._seen, _, self._rewards, flags, self._table = _views.py_func(self._block, count)
        self._table[:] = table
        self.live, self._terminated, self._truncated, self._moving = flags
        self.waiting = count
        self.steps_executed = 0

    @property
    def observations(self) -> FloatArray:
        """The current observation of every copy, ``(n, 4)``."""
        return self._seen

    def begin(self, copies: IntArray, seeds: Sequence[int], modes: IntArray) -> None:
        """Begin an episode in each of the named copies, with its own seed, in its own mode."""
        self.waiting -= _begin(
            np.asarray(copies, dtype=np.int64),
            np.asarray(seeds, dtype=np.uint64),
            np.asarray(modes, dtype=np.int64),
            self._block,
            self.num_envs,
        )

    def begin_waiting(self, seeds: NDArray[np.uint64], modes: IntArray) -> int:
        """Begin episodes in the copies that wait, in their order; return how many seeds that took.

        `waiting` says how many there are. What is given beyond that is left over.
        """
        begun: int = _begin_waiting(seeds, modes, self._block, self.num_envs)
        self.waiting -= begun
        return begun

    def advance(
        self, actions: NDArray[Any], moving: BoolArray
    ) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, dict[str, Any]]:
        """Step the copies that are both `moving` and live; the others stand still."""
        self._moving[:] = moving
        executed, ended = _advance(actions, self._block, False)  # noqa: FBT003 - a kernel's arguments have no names
        self.steps_executed += executed
        self.waiting += ended
        return self._seen, self._rewards, self._terminated, self._truncated, {}

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, dict[str, Any]]:
        """Step every live copy."""
        executed, ended = _advance(actions, self._block, True)  # noqa: FBT003 - as above
        self.steps_executed += executed
        self.waiting += ended
        return self._seen, self._rewards, self._terminated, self._truncated, {}


def _heuristic(observations: FloatArray) -> NDArray[np.int64]:
    """Push towards the side to which the pole falls."""
    return (observations[:, 2] + 0.5 * observations[:, 3] > 0.0).astype(np.int64)


class CartPoleTask(Task):
    """CartPole-v1 whose gravity, pole half-length and masses are set by the mode (SI units)."""

    maximum_return = float(MAXIMUM_STEPS)
    side_by_side = 1024
    heuristic = staticmethod(_heuristic)

    def __init__(self, name: str, modes: Sequence[Mode]) -> None:
        self.name = name
        self.modes = tuple(modes)
        rows = []
        for mode in self.modes:
            values = {**_DEFAULTS, **mode.parameters}
            row = [float(values[column]) for column in _COLUMNS]
            total_mass = row[3] + row[2]
            rows.append([*row, total_mass, row[3] * row[1]])
        self._table = np.array(rows)
        probe = self.make(1)
        self.observation_space = probe.single_observation_space
        self.action_space = probe.single_action_space

    def make(self, count: int) -> CartPoleVector:
        """Make `count` copies."""
        return CartPoleVector(count, self._table)


def cartpole_modes() -> CartPoleTask:
    """Return the three modes that the first write-up trains on."""
    return CartPoleTask(
        "cartpole-modes",
        [
            Mode("0", {"gravity": 9.8, "length": 0.5}),
            Mode("1", {"gravity": 7.5, "length": 0.7}),
            Mode("2", {"gravity": 12.0, "length": 0.4}),
        ],
    )


def cartpole_extreme() -> CartPoleTask:
    """Return three modes far outside `cartpole_modes`."""
    return CartPoleTask(
        "cartpole-extreme",
        [
            Mode("0", {"gravity": 5.0, "length": 0.3, "masscart": 0.5, "masspole": 0.05}),
            Mode("1", {"gravity": 15.0, "length": 0.5, "masscart": 1.0, "masspole": 0.1}),
            Mode("2", {"gravity": 25.0, "length": 0.8, "masscart": 2.0, "masspole": 0.2}),
        ],
    )
