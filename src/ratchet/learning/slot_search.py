"""Slot search: adapt a policy with a gate over K slots by one bias a slot, without any gradient.

The biases are added to the gate's logits. A softmax does not see a constant, so K - 1 numbers are
free. A few of them are tried, and sequential halving finds the best: a bandit over whole episodes.

Invariants:

- No more episodes are played than the budget, counted over all candidates.
- All candidates of a round play the same episodes, and no round repeats those of another.
- Candidate 0 is the start. It plays in every round, and a tie goes to it.
- The same budget, seed and returns give the same search.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import BudgetError, InputError
from ratchet.seeding import derive

FloatArray = NDArray[np.float64]

# In logits: settles the gate on a slot, however sure it is of another. Weaker pulls, and pushes away from a
# slot, were tried as well: with a few dozen noisy episodes, twice the candidates found worse ones.
_STRENGTH = 20.0


def candidates(slots: int) -> FloatArray:
    """Return the biases to try, `[candidates, slots]` in logits, each row with mean zero.

    The first row is zero: the start. Then follows, for each slot, a pull towards it: 1 + K rows. One slot
    leaves nothing to choose: 1 row.

    Raises
    ------
    InputError
        If `slots` is below 1.

    """
    if slots < 1:
        raise InputError(f"slots is {slots}; a gate has at least 1")
    start = np.zeros((1, slots))
    if slots == 1:
        return start
    return np.concatenate([start, _STRENGTH * (np.eye(slots) - 1.0 / slots)])


@dataclass(frozen=True)
class Round:
    """Which candidates played which episodes; every one of them played all of these."""

    candidates: tuple[int, ...]
    episodes: tuple[int, ...]


@dataclass(frozen=True)
class SearchResult:
    """What the search chose, and all that it saw; returns in the units of the task."""

    chosen: int
    episodes: int
    """Episodes played, over all candidates and rounds."""
    returns: tuple[FloatArray, ...]
    """Returns of each candidate in the order played; empty where it was not tried."""
    means: FloatArray
    """Mean of these, by candidate; NaN where it was not tried."""
    rounds: tuple[Round, ...]


def successive_halving(
    play: Callable[[int, list[int]], FloatArray], count: int, budget: int, seed: int
) -> SearchResult:
    """Return the best of `count` candidates after at most `budget` episodes of play.

    Sequential halving (Karnin, Koren and Somekh 2013, "Almost optimal exploration in multi-armed
    bandits", ICML): the episodes are shared out evenly over the rounds, and the better half of each
    round goes on. Beside the paper, what is left over goes to later rounds; a round whose half
    cannot be paid for takes as many as can; and the start goes on as one of the half.

    A candidate is ranked by its mean over all its rounds, where the paper takes only the latest.
    Those who are left have played every round so far, so their means are over the same episodes;
    with one to five episodes a round, dropping the earlier ones would throw away most of what is
    known. A single candidate, or a budget of 1, leaves nothing to compare: no episode is played.

    Parameters
    ----------
    play : callable
        `play(index, episodes)` plays that candidate on those episode numbers (0, 1, 2 …; the caller
        maps a number to a seed) and returns one return for each.
    count : int
        Candidates; 0 is the start.
    budget : int
        Most episodes to play. Below `count`, only as many candidates are tried: the start, and
        others drawn by `seed`.
    seed : int
        Draws these others, and nothing else.

    Raises
    ------
    BudgetError
        If `budget` is below 1.
    InputError
        If `count` is below 1, or `play` does not give one finite return for each episode.

    """
    if budget < 1:
        raise BudgetError(f"the budget is {budget} episodes; it must be at least 1 of them")
    if count < 1:
        raise InputError(f"count is {count}; the search needs the start, so at least 1")
    returns: list[list[float]] = [[] for _ in range(count)]
    rounds: list[Round] = []
    left, first = budget, 0
    field = _field(count, budget, seed)
    while len(field) > 1:
        rounds_to_come = math.ceil(math.log2(len(field)))
        each = max(1, left // (rounds_to_come * len(field)))
        episodes = list(range(first, first + each))
        for index in field:
            returns[index] += _checked(play(index, list(episodes)), index, each)
        rounds.append(Round(tuple(field), tuple(episodes)))
        first += each
        left -= each * len(field)
        # A stable sort leaves equals in order, so that a tie goes to the start, then to the lower.
        order = sorted(field, key=lambda index: -float(np.mean(returns[index])))
        going_on = min(math.ceil(len(field) / 2), left)
        if len(field) == 2 or going_on < 2:
            field = order[:1]
        else:
            others = [index for index in order if index != 0]
            field = sorted([0, *others[: going_on - 1]])
    return SearchResult(
        chosen=field[0],
        episodes=budget - left,
        returns=tuple(np.array(values, dtype=np.float64) for values in returns),
        means=np.array([np.mean(values) if values else np.nan for values in returns]),
        rounds=tuple(rounds),
    )


def _field(count: int, budget: int, seed: int) -> list[int]:
    """Return who plays the first round, in order: all, or the start and as many as can be paid."""
    if budget >= count:
        return list(range(count))
    generator = np.random.default_rng(derive("slot search", seed))
    others = 1 + generator.permutation(count - 1)[: budget - 1]
    return [0, *sorted(int(index) for index in others)]


def _checked(values: FloatArray | Sequence[float], index: int, episodes: int) -> list[float]:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (episodes,):
        raise InputError(
            f"candidate {index} gave returns of shape {array.shape}; "
            f"it played {episodes} episodes, so ({episodes},) is right"
        )
    if not np.isfinite(array).all():
        raise InputError(f"candidate {index} gave a return that is not finite; every one must be")
    return [float(value) for value in array]
