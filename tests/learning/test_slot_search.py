"""Slot search: what is tried, what it costs, and that it finds what is better."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratchet.errors import BudgetError, InputError
from ratchet.learning.slot_search import candidates, successive_halving
from strategies import seeds


class Arms:
    """Candidates with known means: noise of its own for each play, and a log of what was played."""

    def __init__(self, means, spread=0.0, seed=0):
        self.means, self.spread = means, spread
        self.generator = np.random.default_rng(seed)
        self.log = []

    def __call__(self, index, episodes):
        self.log.append((index, tuple(episodes)))
        noise = self.spread * self.generator.normal(size=len(episodes))
        return np.clip(self.means[index] + noise, 8.0, 500.0)


@pytest.mark.parametrize(("slots", "rows"), [(1, 1), (2, 3), (3, 4), (4, 5), (5, 6), (8, 9)])
def test_candidates(slots, rows):
    biases = candidates(slots)
    assert biases.shape == (rows, slots)
    assert biases.dtype == np.float64
    assert not biases[0].any()
    assert biases.mean(axis=1) == pytest.approx(0.0)
    # No two do the same to a softmax.
    assert len(np.unique(biases.round(9), axis=0)) == rows


def test_candidates_pull_each_slot():
    third = 2.0 / 3.0
    assert candidates(3)[:3] == pytest.approx(
        np.array(
            [
                [0, 0, 0],
                [20 * third, -10 * third, -10 * third],
                [-10 * third, 20 * third, -10 * third],
            ]
        )
    )
    # A pull gives a slot nearly all of a gate without a preference.
    odds = np.exp(candidates(3)[1])
    assert odds[0] / odds.sum() == pytest.approx(1 / (1 + 2 * np.exp(-20)))


def test_rounds_by_hand():
    # 4 candidates, 16 episodes: two rounds. 16 // (2 * 4) = 2 each, and the 8 left are 4 for each of two.
    arms = Arms([10, 20, 40, 30])
    found = successive_halving(arms, 4, 16, seed=0)
    assert arms.log == [
        *((index, (0, 1)) for index in range(4)),
        (0, (2, 3, 4, 5)),
        (2, (2, 3, 4, 5)),
    ]
    assert [r.candidates for r in found.rounds] == [(0, 1, 2, 3), (0, 2)]
    assert [r.episodes for r in found.rounds] == [(0, 1), (2, 3, 4, 5)]
    assert (found.chosen, found.episodes) == (2, 16)
    assert found.means.tolist() == [10, 20, 40, 30]
    assert [len(values) for values in found.returns] == [6, 2, 6, 2]


def test_all_rounds_count():
    # Candidate 1 is far ahead at first and a little behind later: 100 once, then 29 against 30.
    def play(index, episodes):
        first = (30.0, 100.0, 10.0, 10.0)
        return np.array([first[index] if e == 0 else 30.0 - index for e in episodes])

    found = successive_halving(play, 4, 8, seed=0)
    assert [len(r.episodes) for r in found.rounds] == [1, 2]
    assert found.chosen == 1
    assert found.means.tolist() == pytest.approx([30.0, (100 + 29 + 29) / 3, 10.0, 10.0])


@settings(max_examples=300)
@given(st.integers(1, 60), st.integers(1, 5), seeds)
def test_accounts_for_every_episode(budget, slots, seed):
    count = len(candidates(slots))
    arms = Arms(np.random.default_rng(seed).uniform(8, 500, size=count), spread=100.0, seed=seed)
    found = successive_halving(arms, count, budget, seed)
    assert found.episodes == sum(len(episodes) for _, episodes in arms.log) <= budget
    assert found.episodes == sum(len(values) for values in found.returns)
    assert found.episodes == sum(len(r.candidates) * len(r.episodes) for r in found.rounds)
    # At most one episode is left where the search ends with two; more only where none can be paid.
    if min(count, budget) > 1:
        assert budget - found.episodes < len(found.rounds[-1].candidates)
    else:
        assert found.episodes == 0
    assert arms.log == [(i, r.episodes) for r in found.rounds for i in r.candidates]
    numbers = [e for r in found.rounds for e in r.episodes]
    assert numbers == list(range(len(numbers)))
    for before, after in zip(found.rounds, found.rounds[1:], strict=False):
        assert set(after.candidates) < set(before.candidates)
    assert all(r.candidates[0] == 0 for r in found.rounds)
    if found.rounds:
        assert len(found.rounds[0].candidates) == min(count, budget)
        last = found.rounds[-1].candidates
        assert found.chosen == max(last, key=lambda index: (found.means[index], -index))
    else:
        assert found.chosen == 0
    tried = [bool(len(values)) for values in found.returns]
    assert np.isfinite(found.means).tolist() == tried


def test_same_seed_same_search():
    def search(seed):
        return successive_halving(Arms(np.arange(13.0), 5.0, seed=3), 13, 8, seed)

    one, two = search(1), search(1)
    assert one.rounds == two.rounds
    assert one.chosen == two.chosen
    assert np.array_equal(one.means, two.means, equal_nan=True)
    assert any(search(seed).rounds[0] != one.rounds[0] for seed in range(2, 6))


@pytest.mark.parametrize("budget", [2, 7, 13, 14, 20, 30, 60])
def test_tie_goes_to_the_start(budget):
    assert successive_halving(Arms([100.0] * 13), 13, budget, seed=0).chosen == 0
    others = Arms([100.0, *[200.0] * 12])
    found = successive_halving(others, 13, budget, seed=0)
    assert found.chosen == found.rounds[0].candidates[1]


def test_finds_what_is_clearly_better():
    means = np.full(13, 150.0)
    means[0], means[7] = 200.0, 450.0
    found = [successive_halving(Arms(means, 100.0, s), 13, 30, s).chosen for s in range(200)]
    assert found.count(7) > 190


def test_mostly_keeps_a_start_that_is_best():
    means = np.full(13, 200.0)
    means[0] = 400.0
    found = [successive_halving(Arms(means, 100.0, s), 13, 30, s).chosen for s in range(200)]
    assert found.count(0) > 180


def test_refusals():
    with pytest.raises(InputError, match="slots is 0"):
        candidates(0)
    with pytest.raises(BudgetError, match="budget is 0 episodes"):
        successive_halving(Arms([1.0]), 1, 0, seed=0)
    with pytest.raises(InputError, match="count is 0"):
        successive_halving(Arms([]), 0, 5, seed=0)
    with pytest.raises(InputError, match=r"candidate 0 gave returns of shape \(1,\); it played 2"):
        successive_halving(lambda i, e: np.zeros(1), 2, 4, seed=0)
    with pytest.raises(InputError, match="candidate 0 gave a return that is not finite"):
        successive_halving(lambda i, e: np.full(len(e), np.nan), 2, 4, seed=0)
