"""The stall-breaker: what greedy play does where it comes back to the same place again and again.

A greedy policy without a memory does the same wherever it sees the same. Where its action leads back, it is
caught: it opens and closes the same chest until a limit ends the episode, which says nothing of how it plays.

Invariants:

- A *place* is an observation with its mask, as they are to the bit (in 64 bits of hash).
- An episode is left alone until it comes back to its *mark*, the place where it stood at a step of its past; the mark
  is set anew when it is `_AGE` steps old, and a quarter as old as the episode was (cycle detection by one moving mark:
  Brent 1980, BIT 20:176). So no loop stays unseen for long, nothing but the mark is kept, and an episode without a
  loop is what greedy play makes it, bit for bit.
- From then on every place counts how often it is come to. From the `patience`-th time on, the actions that were taken
  there the time before and later are set aside, and the policy takes the likeliest of the others; when all legal ones
  have been taken, none is set aside and it begins anew. This is a rotor walk (Priezzhev et al. 1996, Physical Review
  Letters 77:5079): where the same action at the same place always leads to the same place, it takes every action of
  every place that it keeps coming to (Yanovski, Wagner and Bruckstein 2003, Algorithmica 37:165), and so finds the way
  out, however sure the policy is of its loop.
- Where actions are continuous there is no next likeliest: the action is sampled from the policy, with the noise of
  the episode's seed and step.
- So all of it follows from the seed and the policy. `broken` counts the actions that were chosen with some set aside,
  or sampled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Discrete
from numba import njit
from numpy.typing import NDArray

from ratchet.errors import InputError
from ratchet.policies.actor import Choice
from ratchet.rollout.agents import Agent
from ratchet.tasks.task import BoolArray, EpisodeVectorEnv, FloatArray, IntArray

_AGE = 32
_NO_MASKS = np.empty((0, 0), dtype=np.uint8)
_FLAGS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}

u64 = np.uint64


def check_patience(patience: int) -> int:
    """Return the how-many-eth time at a place from which a stall is broken, 0 for never; or refuse it.

    Raises
    ------
    InputError
        If it is below 0, or 1: the first time is no stall.

    """
    if patience < 0 or patience == 1:
        raise InputError(
            f"stall_after is {patience}; it is 0 (greedy play is left alone), or 2 and more: the time at "
            "one and the same observation from which another action is tried"
        )
    return patience


@njit(inline="always", **_FLAGS)
def _mixed(state: Any, word: Any) -> Any:
    state = (state ^ word) * u64(0x9E3779B97F4A7C15)
    return state ^ (state >> u64(29))


@njit(**_FLAGS)
def _look(
    copies: Any,
    steps: Any,
    seen: Any,
    masks: Any,
    marks: Any,
    marked_at: Any,
    watched: Any,
    places: Any,
) -> Any:
    """Write down the place of each copy, and watch those that have come back to their marks.

    `seen` ``(n, size)`` are the observations as 32-bit words, `masks` ``(n, actions)`` bytes or no rows;
    `places` ``(n,)`` is written. Returns how many of these copies are watched.
    """
    masked = masks.shape[0] > 0
    size = seen.shape[1]
    whole = size - size % 2
    count = 0
    for row in range(copies.size):
        place = u64(size)
        for k in range(0, whole, 2):
            place = _mixed(place, u64(seen[row, k]) | (u64(seen[row, k + 1]) << u64(32)))
        if whole < size:
            place = _mixed(place, u64(seen[row, whole]))
        if masked:
            bits = u64(1)
            for k in range(masks.shape[1]):
                bits = (bits << u64(1)) | u64(masks[row, k])
                if k % 62 == 61:
                    place = _mixed(place, bits)
                    bits = u64(1)
            place = _mixed(place, bits)
        places[row] = place
        copy, step = copies[row], steps[row]
        if watched[copy]:
            count += 1
        elif step > 0 and place == marks[copy]:
            watched[copy] = True
            count += 1
        elif step == 0 or step - marked_at[copy] > max(_AGE, marked_at[copy] // 4):
            marks[copy], marked_at[copy] = place, step
    return count


class StallBreaker:
    """An agent that plays as another one does, until that one is caught.

    Parameters
    ----------
    agent
        Who plays; it heeds its masks.
    env
        What is played.
    patience
        The how-many-eth time at a place from which the stall is broken, 2 or more.

    """

    def __init__(self, agent: Agent, env: EpisodeVectorEnv, patience: int) -> None:
        self._agent, self._patience = agent, check_patience(patience)
        space = env.single_action_space
        self._actions = int(space.n) if isinstance(space, Discrete) else 0
        count = env.num_envs
        self.broken = np.zeros(count, dtype=np.int64)
        """How often it has acted in each copy's episode."""
        self._marks = np.zeros(count, dtype=np.uint64)
        self._marked_at = np.zeros(count, dtype=np.int64)
        self._watched = np.zeros(count, dtype=np.bool_)
        self._times: dict[int, dict[int, int]] = {}
        self._tried: dict[int, dict[int, BoolArray]] = {}

    def begin(self, copies: IntArray) -> None:
        """Forget what was before: an episode begins in each of these copies."""
        self._agent.begin(copies)
        for copy in copies[self._watched[copies]].tolist():
            del self._times[copy], self._tried[copy]
        self._watched[copies] = False
        self.broken[copies] = 0

    def choose(
        self,
        copies: IntArray,
        observations: FloatArray,
        masks: BoolArray | None,
        seeds: NDArray[np.uint64],
        steps: IntArray,
        *,
        deterministic: bool,
    ) -> Choice:
        """Choose as the agent does; where it is caught, as it does without the actions set aside."""
        places = np.empty(len(copies), dtype=np.uint64)
        watched = _look(
            copies,
            steps,
            observations.view(np.uint32),
            _NO_MASKS if masks is None else masks.view(np.uint8),
            self._marks,
            self._marked_at,
            self._watched,
            places,
        )
        if watched:
            times = self._count(copies, places)
            if (times >= self._patience - 1).any():
                given = (copies, observations, masks, seeds, steps)
                if not self._actions:
                    return self._sampled(given, times, deterministic=deterministic)
                return self._rotated(given, places, times, deterministic=deterministic)
        return self._agent.choose(
            copies, observations, masks, seeds, steps, deterministic=deterministic
        )

    def follow(self, copies: IntArray, actions: NDArray[Any]) -> None:
        """Take it that these actions are done, and not those just chosen."""
        self._agent.follow(copies, actions)

    def told(self, copies: IntArray, rewards: FloatArray) -> None:
        """Remember what the step just done has brought."""
        self._agent.told(copies, rewards)

    def _count(self, copies: IntArray, places: NDArray[np.uint64]) -> IntArray:
        """Return how often each copy has come to where it is since it is watched; 0 where it is not."""
        times = np.zeros(len(copies), dtype=np.int64)
        for row in np.flatnonzero(self._watched[copies]).tolist():
            copy, place = int(copies[row]), int(places[row])
            counts = self._times.setdefault(copy, {})
            self._tried.setdefault(copy, {})
            times[row] = counts[place] = counts.get(place, 0) + 1
        return times

    def _rotated(
        self,
        given: tuple[Any, ...],
        places: NDArray[np.uint64],
        times: IntArray,
        *,
        deterministic: bool,
    ) -> Choice:
        """Choose with the actions set aside that were tried; note what is tried now."""
        copies, observations, masks, seeds, steps = given
        legal = np.ones((len(copies), self._actions), np.bool_) if masks is None else masks.copy()
        tried: dict[int, BoolArray] = {}
        # From one time before, so that it is known what was done then.
        for row in np.flatnonzero(times >= self._patience - 1).tolist():
            copy = int(copies[row])
            nothing = np.zeros(self._actions, dtype=np.bool_)
            done = tried[row] = self._tried[copy].setdefault(int(places[row]), nothing)
            left = legal[row] & ~done
            if not left.any():
                done[:] = False
            elif not np.array_equal(left, legal[row]):
                legal[row] = left
                self.broken[copy] += 1
        choice = self._agent.choose(
            copies, observations, legal, seeds, steps, deterministic=deterministic
        )
        for row, done in tried.items():
            done[choice.actions[row]] = True
        return choice

    def _sampled(self, given: tuple[Any, ...], times: IntArray, *, deterministic: bool) -> Choice:
        """Choose greedily, but sample where it is caught."""
        caught = times >= self._patience
        self.broken[given[0][caught]] += 1
        parts = []
        for rows, greedy in ((~caught, deterministic), (caught, False)):
            if rows.any():
                some: list[Any] = [each if each is None else each[rows] for each in given]
                parts.append((rows, self._agent.choose(*some, deterministic=greedy)))
        merged = {}
        for name in ("actions", "executed", "log_probs"):
            values = [(rows, getattr(choice, name)) for rows, choice in parts]
            merged[name] = np.empty((len(caught), *values[0][1].shape[1:]), values[0][1].dtype)
            for rows, value in values:
                merged[name][rows] = value
        return Choice(**merged)
