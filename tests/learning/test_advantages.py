"""Advantages: by hand, at cut ends, and beside Stable-Baselines3's buffer."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3.common.buffers import RolloutBuffer

from ratchet.learning.advantages import generalised_advantages
from strategies import seeds


def column(*numbers, dtype=np.float32):
    return np.array(numbers, dtype=dtype).reshape(-1, 1)


def advantages(
    rewards, values, *, bootstrap=(), terminated=(), cut=(), played=None, gamma=0.5, lam=0.5
):
    """One environment's advantages, marks given by their row."""
    rows = len(rewards)
    marks = np.zeros((3, rows, 1), dtype=np.bool_)
    marks[0, list(terminated)], marks[1, list(cut)] = True, True
    marks[2, : rows if played is None else played] = True
    following = np.zeros((rows, 1), dtype=np.float32)
    for row, value in bootstrap:
        following[row] = value
    return generalised_advantages(
        column(*rewards), column(*values), following, *marks, gamma=gamma, lam=lam
    )[:, 0].tolist()


def test_by_hand():
    # The deltas are 1 + 4/2 - 2 = 1, 0 + 6/2 - 4 = -1 and 2 + 8/2 - 6 = 0; the trace weighs by 1/4.
    assert advantages([1, 0, 2], [2, 4, 6], cut=[2], bootstrap=[(2, 8)]) == [0.75, -1.0, 0.0]


def test_after_a_termination_nothing_follows():
    assert advantages([1, 3], [2, 4], terminated=[0, 1]) == [-1.0, -1.0]
    # even where something else claims a value
    assert advantages([1, 3], [2, 4], terminated=[0, 1], cut=[1], bootstrap=[(1, 9)]) == [-1, -1]


def test_after_a_time_limit_the_value_of_what_was_cut_follows():
    cut = advantages([1, 3], [2, 4], cut=[0], bootstrap=[(0, 6)], terminated=[1])
    assert cut == [1 + 3 - 2, -1.0]


def test_a_partial_last_row_counts_for_nothing():
    whole = advantages([1, 5], [2, 4], cut=[1], bootstrap=[(1, 2)])
    short = advantages(
        [1, 5, np.nan], [2, 4, np.nan], cut=[1], bootstrap=[(1, 2), (2, np.nan)], played=2
    )
    assert short == [*whole, 0.0]


@given(
    seeds,
    st.integers(1, 20),
    st.integers(1, 4),
    st.sampled_from([(0.99, 0.95), (1.0, 1.0), (0.9, 0.0)]),
)
def test_the_same_as_in_stable_baselines3(seed, rows, count, discounts):
    gamma, lam = discounts
    rng = np.random.default_rng(seed)
    rewards, values, after = rng.normal(0, 1, (3, rows, count)).astype(np.float32)
    ends = rng.random((rows, count)) < 0.3
    late = ends & (rng.random((rows, count)) < 0.5)
    final_values = rng.normal(0, 1, count).astype(np.float32)

    buffer = RolloutBuffer(
        rows, Box(-1, 1, (1,)), Discrete(2), "cpu", gae_lambda=lam, gamma=gamma, n_envs=count
    )
    for row in range(rows):
        buffer.add(
            np.zeros((count, 1)),
            np.zeros((count, 1)),
            rewards[row] + gamma * after[row] * late[row],
            ends[row - 1] if row else np.ones(count, dtype=np.bool_),
            torch.from_numpy(values[row]),
            torch.zeros(count),
        )
    buffer.compute_returns_and_advantage(torch.from_numpy(final_values), ends[-1])

    cut, bootstrap = late.copy(), after.copy()
    cut[-1] |= ~ends[-1]
    bootstrap[-1][~ends[-1]] = final_values[~ends[-1]]
    ours = generalised_advantages(
        rewards,
        values,
        bootstrap,
        ends & ~late,
        cut,
        np.ones((rows, count), dtype=np.bool_),
        gamma=gamma,
        lam=lam,
    )
    np.testing.assert_allclose(ours, buffer.advantages, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(ours + values, buffer.returns, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("lam", [0.0, 1.0])
def test_the_ends_of_lambda(lam):
    got = advantages([1, 1, 1], [0, 0, 0], terminated=[2], gamma=0.5, lam=lam)
    assert got == ([1, 1, 1] if lam == 0 else [1.75, 1.5, 1])
