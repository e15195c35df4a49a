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

_RECORD = np.dtype(
    [
        *((name, np.float64) for name in ("x", "x_dot", "theta", "theta_dot")),
        *((f"seen_{name}", np.float32) for name in ("x", "x_dot", "theta", "theta_dot")),
        ("reward", np.float32),
        ("steps", np.int32),
        ("mode", np.int32),
        *((name, np.bool_) for name in ("live", "terminated", "truncated", "moving")),
    ],
    align=True,
)
"""A copy, in one cache line of 64 bytes. And one array to hand over: a compiled function takes a tenth
of a microsecond for every array it is given, and a whole step of 16 copies takes one."""

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


@njit(inline="always", **_FLAGS)
def _mix_in(target: Any, source: Any, constant: Any) -> Any:
    mixed, constant = _hash_in(source, constant)
    value = u32(u32(0xCA01F9DD) * target - u32(0x4973F715) * mixed)
    return u32(value ^ (value >> u32(16))), constant


@njit(inline="always", **_FLAGS)
def _hash_out(value: Any, constant: Any) -> Any:
    value = u32(value ^ constant)
    constant = u32(constant * u32(0x58F38DED))
    value = u32(value * constant)
    return u64(u32(value ^ (value >> u32(16)))), constant


@njit(inline="always", **_FLAGS)
def _word(low: Any, high: Any, constant: Any) -> Any:
    first, constant = _hash_out(low, constant)
    second, constant = _hash_out(high, constant)
    return first | (second << u64(32)), constant


@njit(inline="always", **_FLAGS)
def _draw(high: Any, low: Any) -> Any:
    """Return a state of PCG64 as a number in [-0.05, 0.05)."""
    value = high ^ low
    turn = high >> u64(58)
    value = (value >> turn) | (value << ((u64(64) - turn) & u64(63)))
    return -0.05 + 0.1 * (np.float64(value >> u64(11)) * (1.0 / 9007199254740992.0))


@njit(**_FLAGS)
def _drawn(seed: Any) -> Any:
    """Return ``default_rng(seed).uniform(-0.05, 0.05, 4)``: NumPy's SeedSequence (O'Neill) and PCG64."""
    constant = u32(0x43B0D7E5)
    a, constant = _hash_in(u32(seed & u64(0xFFFFFFFF)), constant)
    b, constant = _hash_in(u32(seed >> u64(32)), constant)
    c, constant = _hash_in(u32(0), constant)
    d, constant = _hash_in(u32(0), constant)
    b, constant = _mix_in(b, a, constant)
    c, constant = _mix_in(c, a, constant)
    d, constant = _mix_in(d, a, constant)
    a, constant = _mix_in(a, b, constant)
    c, constant = _mix_in(c, b, constant)
    d, constant = _mix_in(d, b, constant)
    a, constant = _mix_in(a, c, constant)
    b, constant = _mix_in(b, c, constant)
    d, constant = _mix_in(d, c, constant)
    a, constant = _mix_in(a, d, constant)
    b, constant = _mix_in(b, d, constant)
    c, constant = _mix_in(c, d, constant)
    constant = u32(0x8B51F9DD)
    start_high, constant = _word(a, b, constant)
    start_low, constant = _word(c, d, constant)
    stream_high, constant = _word(a, b, constant)
    stream_low, constant = _word(c, d, constant)
    inc_high = (stream_high << u64(1)) | (stream_low >> u64(63))
    inc_low = (stream_low << u64(1)) | u64(1)
    high, low = _pcg_step(u64(0), u64(0), inc_high, inc_low)
    total = low + start_low
    high = high + start_high + (u64(1) if total < low else u64(0))
    high, low = _pcg_step(high, total, inc_high, inc_low)
    high, low = _pcg_step(high, low, inc_high, inc_low)
    x = _draw(high, low)
    high, low = _pcg_step(high, low, inc_high, inc_low)
    x_dot = _draw(high, low)
    high, low = _pcg_step(high, low, inc_high, inc_low)
    theta = _draw(high, low)
    high, low = _pcg_step(high, low, inc_high, inc_low)
    return x, x_dot, theta, _draw(high, low)


@njit(**_FLAGS)
def first_state(seed: Any, state: Any) -> None:
    """Write the first state of the episode of that seed into `state` ``(4,)``."""
    state[0], state[1], state[2], state[3] = _drawn(seed)


@njit(**_FLAGS)
def _begin_one(one: Any, seed: Any, mode: Any) -> None:
    one.x, one.x_dot, one.theta, one.theta_dot = _drawn(seed)
    one.seen_x, one.seen_x_dot = np.float32(one.x), np.float32(one.x_dot)
    one.seen_theta, one.seen_theta_dot = np.float32(one.theta), np.float32(one.theta_dot)
    one.steps = 0
    one.mode = mode
    one.live, one.terminated, one.truncated = True, False, False


@njit(**_FLAGS)
def _begin(records: Any, copies: Any, seeds: Any, modes: Any) -> None:
    for index in range(copies.size):
        _begin_one(records[copies[index]], seeds[index], modes[index])


@njit(inline="always", **_FLAGS)
def _step_one(one: Any, action: Any, table: Any) -> Any:
    """Step one live copy; return whether its episode ended."""
    gravity, length = table[one.mode, 0], table[one.mode, 1]
    masspole, total_mass = table[one.mode, 3], table[one.mode, 4]
    polemass_length = table[one.mode, 5]
    x, x_dot, theta, theta_dot = one.x, one.x_dot, one.theta, one.theta_dot
    force = _FORCE if action == 1 else -_FORCE
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
    one.x, one.x_dot, one.theta, one.theta_dot = x, x_dot, theta, theta_dot
    one.seen_x, one.seen_x_dot = np.float32(x), np.float32(x_dot)
    one.seen_theta, one.seen_theta_dot = np.float32(theta), np.float32(theta_dot)
    one.reward = np.float32(1.0)
    one.steps += 1
    fell = abs(x) > _X_LIMIT or abs(theta) > _ANGLE_LIMIT
    late = one.steps >= MAXIMUM_STEPS
    one.terminated, one.truncated = fell, late
    return fell or late


@njit(**_FLAGS)
def _advance(records: Any, actions: Any, table: Any, everyone: Any) -> Any:
    """Step the live copies that move; return how many did."""
    executed = 0
    for copy in range(records.size):
        one = records[copy]
        if not (one.live and (everyone or one.moving)):
            one.terminated, one.truncated = False, False
            one.reward = np.float32(0.0)
            continue
        executed += 1
        one.live = not _step_one(one, actions[copy], table)
    return executed


@njit(**_FLAGS)
def _play_on(records: Any, actions: Any, table: Any, seeds: Any) -> Any:
    """Step every copy; one whose episode ends begins the next seed at once. Return how many did."""
    used = 0
    for copy in range(records.size):
        one = records[copy]
        if _step_one(one, actions[copy], table):
            fell, late = one.terminated, one.truncated
            _begin_one(one, seeds[used], one.mode)
            one.terminated, one.truncated = fell, late
            used += 1
    return used


class CartPoleVector(EpisodeVectorEnv):
    """`count` CartPoles in one kernel; each episode has its own seed and its own mode's physics.

    The arrays that `step` returns are views of the environment's own records, overwritten by the next
    call.
    """

    def __init__(self, count: int, table: NDArray[np.float64]) -> None:
        self.num_envs, self.mode_count = count, len(table)
        high = np.array([2 * _X_LIMIT, np.inf, 2 * _ANGLE_LIMIT, np.inf], dtype=np.float32)
        self.single_observation_space = Box(-high, high, dtype=np.float32)
        self.single_action_space = Discrete(2)
        self.observation_space = batch_space(self.single_observation_space, count)
        self.action_space = batch_space(self.single_action_space, count)
        self._table = table
        self._records = np.zeros(count, dtype=_RECORD)
        # Four numbers of 8 bytes, then what is seen of them in four of 4.
        self._seen: FloatArray = self._records.view(np.float32).reshape(count, -1)[:, 8:12]
        self.live = self._records["live"]
        self._moving = self._records["moving"]
        self._rewards = self._records["reward"]
        self._terminated = self._records["terminated"]
        self._truncated = self._records["truncated"]
        self.steps_executed = 0

    @property
    def observations(self) -> FloatArray:
        """The current observation of every copy, ``(n, 4)``."""
        return self._seen

    def begin(self, copies: IntArray, seeds: Sequence[int], modes: IntArray) -> None:
        """Begin an episode in each of the named copies, with its own seed, in its own mode."""
        _begin(
            self._records,
            np.asarray(copies, dtype=np.int64),
            np.asarray(seeds, dtype=np.uint64),
            np.asarray(modes, dtype=np.int64),
        )

    def advance(
        self, actions: NDArray[Any], moving: BoolArray
    ) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, dict[str, Any]]:
        """Step the copies that are both `moving` and live; the others stand still."""
        self._moving[:] = moving
        self.steps_executed += _advance(self._records, actions, self._table, False)
        return self._seen, self._rewards, self._terminated, self._truncated, {}

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, dict[str, Any]]:
        """Step every live copy."""
        self.steps_executed += _advance(self._records, actions, self._table, True)
        return self._seen, self._rewards, self._terminated, self._truncated, {}

    def play_on(self, actions: NDArray[Any], seeds: NDArray[np.uint64]) -> int:
        """Step every copy, all of them live, and let none of them wait.

        A copy whose episode ends begins that of the next seed in the same mode, at once
        (``AutoresetMode.SAME_STEP``): its flags say how the old one ended, its observation is the new
        one's. For loops that need no last observation and want one call a row.

        Parameters
        ----------
        actions
            ``(n,)`` of 0 and 1.
        seeds
            At least `n` seeds.

        Returns
        -------
        int
            How many seeds were used.

        """
        used: int = _play_on(self._records, actions, self._table, seeds)
        self.steps_executed += self.num_envs
        return used


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
