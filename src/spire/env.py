"""Env: the game for Gymnasium, one at a time and thousands side by side. Needs Gymnasium installed.

``gymnasium.make("spire.env:Spire-v0")`` makes one; after an import of this module ``"Spire-v0"`` is enough.

Observations are those of `spire.encode`, actions those of `spire.actions`. ``info["action_mask"]`` says which
actions are allowed; another one raises `ActionError` before anything moves. A game ends (terminated) as it is
won or lost, and is broken off (truncated) after `spire.batch.MOST_ACTIONS` actions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import Env
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from spire.actions import ACTIONS
from spire.batch import Batch
from spire.encode import SIZE
from spire.errors import ActionError, RunError
from spire.registration import register_environments
from spire.scenarios import Scenario, find_scenario
from spire.seeds import parse_seed, seed_text
from spire.shaping import Weights, find_weights

_SEEDS = 1 << 63
"""Seeds that are drawn lie below."""

_FIRST = np.zeros(1, dtype=np.int64)


def observation_space() -> Box:
    """Return the space of one observation."""
    return Box(-np.inf, np.inf, (SIZE,), dtype=np.float32)


def _refuse(options: Mapping[str, Any] | None) -> None:
    for name in options or ():
        raise RunError(f"there is no option {name!r} of a reset")


class SpireEnv(Env[Any, Any]):
    """One game at a time.

    Parameters
    ----------
    scenario
        What is played: a name (``"a0"`` to ``"a20"``, ``"fight-gremlin-nob"``), a `Scenario` or its fields.
    rewards
        ``"shaped"``, ``"sparse"``, `Weights`, or changes to the shaped ones.

    `reset` with a seed plays the game of that seed, and without one a game drawn at random;
    ``info["seed"]`` is the seed as the game shows it. The metrics of `spire.batch.METRICS` are in every info;
    at the end ``info["fights"]`` has a row for every fight.

    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - as Gymnasium has it

    def __init__(
        self,
        scenario: str | Scenario | Mapping[str, Any] = "a0",
        rewards: str | Weights | Mapping[str, float] = "shaped",
    ) -> None:
        self._batch = Batch(1, [find_scenario(scenario)], find_weights(rewards))
        self.observation_space = observation_space()
        self.action_space = Discrete(ACTIONS)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin a game; ``options={"seed": "1TL5"}`` names it as the game does.

        Raises
        ------
        RunError
            If there is another option.
        SeedError
            If no game has that seed.

        """
        super().reset(seed=seed, options=options)
        chosen = dict(options or {})
        if "seed" in chosen:
            seed = parse_seed(str(chosen.pop("seed")))
        _refuse(chosen)
        if seed is None:
            seed = int(self.np_random.integers(_SEEDS))
        self._batch.begin(_FIRST, [seed], _FIRST)
        return self._batch.observations[0].copy(), self._info()

    def step(self, action: int) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Take an action.

        Raises
        ------
        ActionError
            If the game does not allow it now, or is over.

        """
        batch = self._batch
        if not batch.live[0]:
            raise ActionError("the game is over: reset it first")
        batch.step(np.asarray(action).reshape(1))
        terminated, truncated = bool(batch.terminated[0]), bool(batch.truncated[0])
        info = self._info()
        if terminated or truncated:
            info["fights"] = batch.fights(0)
        return batch.observations[0].copy(), float(batch.rewards[0]), terminated, truncated, info

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which actions are allowed, as sb3-contrib asks for it."""
        mask: NDArray[np.bool_] = self._batch.masks[0].copy()
        return mask

    def _info(self) -> dict[str, Any]:
        metrics = self._batch.metrics(_FIRST)
        return {
            "action_mask": self.action_masks(),
            "seed": seed_text(int(self._batch.games[0].seed)),
            **{name: float(values[0]) for name, values in metrics.items()},
        }


class SpireVectorEnv(VectorEnv[Any, Any, Any]):
    """Games side by side in one process, stepped by one call of compiled code.

    A game that ends begins anew in the same step (``AutoresetMode.SAME_STEP``) with a seed drawn at random.
    What it ended with is in ``info["final_obs"]`` and ``info["final_info"]`` (the metrics and ``fights``) at
    its place. ``reset(seed=s)`` gives game `k` the seed ``s + k``.

    Parameters
    ----------
    num_envs
        How many games.
    scenario, rewards
        As of `SpireEnv`.
    copy
        Whether what is returned is the caller's to keep. If not, observations and masks are the
        environment's own arrays, which the next call changes.

    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as Gymnasium has it
        "render_modes": [],
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        scenario: str | Scenario | Mapping[str, Any] = "a0",
        rewards: str | Weights | Mapping[str, float] = "shaped",
        *,
        copy: bool = True,
    ) -> None:
        self.num_envs = num_envs
        self._copies = copy
        self._everyone = np.ones(num_envs, dtype=np.bool_)
        self._batch = Batch(num_envs, [find_scenario(scenario)], find_weights(rewards))
        self.single_observation_space = observation_space()
        self.single_action_space = Discrete(ACTIONS)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self,
        *,
        seed: int | Sequence[int] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin every game anew.

        Raises
        ------
        RunError
            If there are options: there are none.

        """
        _refuse(options)
        one = seed if seed is None or isinstance(seed, int) else int(seed[0])
        super().reset(seed=one, options=options)
        copies = np.arange(self.num_envs)
        seeds: Any = seed
        if seed is None:
            seeds = self.np_random.integers(_SEEDS, size=self.num_envs)
        elif isinstance(seed, int):
            seeds = [seed + k for k in range(self.num_envs)]
        self._batch.begin(copies, seeds, np.zeros(self.num_envs, dtype=np.int64))
        return self._given(self._batch.observations), self._info()

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[
        NDArray[np.float32],
        NDArray[np.float32],
        NDArray[np.bool_],
        NDArray[np.bool_],
        dict[str, Any],
    ]:
        """Take an action in every game.

        Raises
        ------
        ActionError
            If a game does not allow its action; no game has moved.

        """
        batch = self._batch
        batch.step(actions)
        terminated, truncated = batch.terminated.copy(), batch.truncated.copy()
        ended = terminated | truncated
        final: dict[str, Any] = {}
        if ended.any():
            which = np.flatnonzero(ended)
            final = self._final(which, ended)
            seeds = self.np_random.integers(_SEEDS, size=len(which))
            batch.begin(which, seeds, np.zeros(len(which), dtype=np.int64))
        return (
            self._given(batch.observations),
            batch.rewards.copy(),
            terminated,
            truncated,
            {**self._info(), **final},
        )

    def _info(self) -> dict[str, Any]:
        return {"action_mask": self._given(self._batch.masks), "_action_mask": self._everyone}

    def _given(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return an array as it is handed out."""
        return array.copy() if self._copies else array

    def _final(self, which: NDArray[np.int64], ended: NDArray[np.bool_]) -> dict[str, Any]:
        """Return what the games that have ended ended with, at their places."""
        observations = np.full(self.num_envs, None, dtype=object)
        fights = np.full(self.num_envs, None, dtype=object)
        for copy in which:
            observations[copy] = self._batch.observations[copy].copy()
            fights[copy] = self._batch.fights(copy)
        info: dict[str, Any] = {"fights": fights, "_fights": ended}
        metrics = self._batch.metrics(which)
        placed = np.zeros((len(metrics), self.num_envs))
        placed[:, which] = list(metrics.values())
        for name, values in zip(metrics, placed, strict=True):
            info[name] = values
            info[f"_{name}"] = ended
        return {
            "final_obs": observations,
            "_final_obs": ended,
            "final_info": info,
            "_final_info": ended,
        }


register_environments()
