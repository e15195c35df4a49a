"""Batch: many games at once, in one array of records, without a word of Python between the actions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spire.actions import ACTIONS, WAIT, settle, take, write_mask
from spire.compiled import allocating_kernel, kernel
from spire.decisions import refusal
from spire.encode import SIZE, write_observation
from spire.errors import ActionError
from spire.log import as_rows
from spire.prefetch import prefetch
from spire.rng import next_below, seed_stream
from spire.scenarios import SCENARIO, Scenario, begin_run, begin_scenario
from spire.seeds import seed_word
from spire.shaping import MEASURES, WEIGHTS, Weights, measure, score
from spire.state import Fight, FightKind, Outcome, Screen, empty

u64 = np.uint64

MOST_ACTIONS = 5000
"""A game is broken off after so many actions: nothing else keeps a player from opening and closing the same
reward for ever. An act takes a few hundred."""

_BEGUN = -1
"""The action of a game that has just begun."""

METRICS = (
    "floor",
    "act",
    "hp",
    "victory",
    "elite_fights",
    "elite_wins",
    "boss_fights",
    "boss_wins",
)
"""What is told of a game. `act` is the one it has come to: the next one where one was cleared. `victory` is 1
for a game won, or a fight won where one fight is all of the game."""


@kernel
def _begin(
    games: Any,
    copies: Any,
    seeds: Any,
    scenarios: Any,
    chosen: Any,
) -> None:
    for k in range(copies.size):
        begin_scenario(games[copies[k]], seeds[k], scenarios[chosen[k]])


@kernel
def _first_illegal(masks: Any, actions: Any, moving: Any) -> Any:
    for k in range(actions.size):
        if moving[k]:
            action = actions[k]
            if action < 0 or action >= ACTIONS or not masks[k, action]:
                return k
    return -1


@kernel
def _tell(games: Any, copies: Any, told: Any) -> None:
    """Write the `METRICS` of the named copies into the rows of `told`."""
    for k in range(copies.size):
        game, row = games[copies[k]], told[k]
        log = game.log
        cleared = game.outcome == Outcome.ACT_CLEARED
        won = game.outcome == Outcome.FIGHT_OVER and log.fights[0].result == Fight.WON
        row[0] = game.floor
        row[1] = int(game.act) + (1 if cleared else 0)
        row[2] = game.hp
        row[3] = 1 if won or game.outcome == Outcome.VICTORY else 0
        row[4] = log.fought[FightKind.ELITE]
        row[5] = log.won[FightKind.ELITE]
        row[6] = log.fought[FightKind.BOSS]
        row[7] = log.won[FightKind.BOSS]


@kernel
def _move(
    games: Any,
    actions: Any,
    moving: Any,
    weights: Any,
    measures: Any,
    observations: Any,
    masks: Any,
    rewards: Any,
    terminated: Any,
    truncated: Any,
    live: Any,
    steps: Any,
) -> Any:
    """Take an action in each game that moves, or settle a new one, whose action is `_BEGUN`; return how many moved.

    One kernel for both: whatever takes an action holds the whole game, and is compiled for long.
    """
    before, after = measures[0], measures[1]
    moved = 0
    for k in range(games.size):
        if not moving[k]:
            continue
        game = games[k]
        prefetch(games[min(k + 1, games.size - 1)])
        moved += 1
        if actions[k] == _BEGUN:
            settle(game)
            steps[k] = 0
        else:
            measure(game, before)
            take(game, int(actions[k]))
            measure(game, after)
            rewards[k] = score(before, after, weights[0])
            steps[k] += 1
        over = game.outcome != Outcome.NONE
        terminated[k] = over
        truncated[k] = steps[k] >= MOST_ACTIONS and not over
        live[k] = not (over or truncated[k])
        write_observation(game, observations[k])
        write_mask(game, masks[k])
        if over:
            masks[k, WAIT] = True
    return moved


class Batch:
    """Games side by side, each in one of some scenarios; one that is over waits until it is begun anew.

    The arrays are the batch's own, and change with the next call: `observations` ``(n, SIZE)`` float32,
    `masks` ``(n, ACTIONS)`` bool (a game that is over may only wait), `rewards` float32, `terminated` (the
    last action ended the game), `truncated` (the last action was one too many, see `MOST_ACTIONS`), `live`
    (the game goes on) and `steps` (actions taken in it). `games` are the records.
    """

    def __init__(self, count: int, scenarios: Sequence[Scenario], weights: Weights) -> None:
        self.games = empty(count)
        # The same again for kernels and NumPy, to whom a record array, and finding a field in it, is dear.
        self._games: NDArray[Any] = self.games.view(np.ndarray)
        self._bytes = self._games.view(np.uint8).reshape(count, -1)
        log = self._games["log"].view(np.ndarray)
        self._fights, self._fight_counts = log["fights"].view(np.ndarray), log["count"]
        self.observations: NDArray[np.float32] = np.zeros((count, SIZE), dtype=np.float32)
        self.masks: NDArray[np.bool_] = np.zeros((count, ACTIONS), dtype=np.bool_)
        self.masks[:, WAIT] = True
        self.rewards: NDArray[np.float32] = np.zeros(count, dtype=np.float32)
        self.terminated: NDArray[np.bool_] = np.zeros(count, dtype=np.bool_)
        self.truncated: NDArray[np.bool_] = np.zeros(count, dtype=np.bool_)
        self.live: NDArray[np.bool_] = np.zeros(count, dtype=np.bool_)
        self.steps: NDArray[np.int64] = np.zeros(count, dtype=np.int64)
        self._scenarios = np.zeros(len(scenarios), dtype=SCENARIO)
        for place, scenario in enumerate(scenarios):
            self._scenarios[place] = scenario.as_record()
        self._weights = np.array([weights.as_record()], dtype=WEIGHTS)
        self._measures = np.zeros(2, dtype=MEASURES)

    def begin(
        self, copies: NDArray[Any], seeds: Sequence[int] | NDArray[Any], scenarios: NDArray[Any]
    ) -> None:
        """Begin a game in each of the named copies, with its own seed, in its own scenario."""
        which = np.asarray(copies, dtype=np.int64)
        words = np.array([seed_word(int(seed)) for seed in seeds], dtype=u64)
        chosen = np.asarray(scenarios, dtype=np.int64)
        if not len(which) == len(words) == len(chosen):
            raise ValueError(
                f"{len(which)} copies need as many seeds and scenarios, "
                f"not {len(words)} and {len(chosen)}"
            )
        # Nothing of the game before is left, where anybody might look at it.
        self._bytes[which] = 0
        _begin(self._games, which, words, self._scenarios, chosen)
        begun = np.zeros(len(self.live), dtype=np.bool_)
        begun[which] = True
        self._move(np.full(len(self.live), _BEGUN), begun)

    def step(self, actions: NDArray[Any], moving: NDArray[np.bool_] | None = None) -> int:
        """Take an action in every game that is on, or in those of them that are `moving`.

        The others stand still: reward 0, not ended. Returns how many actions were taken.

        Raises
        ------
        ActionError
            If a game does not allow its action; no game has moved.

        """
        moves = self.live.copy() if moving is None else self.live & moving
        taken = np.asarray(actions)
        if taken.shape != self.live.shape or not np.issubdtype(taken.dtype, np.integer):
            raise ActionError(
                f"{len(self.live)} games take as many whole numbers, "
                f"not {taken.dtype} of shape {taken.shape}"
            )
        taken = taken.astype(np.int64, copy=False)
        wrong = int(_first_illegal(self.masks, taken, moves))
        if wrong >= 0:
            screen = Screen(int(self.games[wrong].screen)).name
            allowed = np.flatnonzero(self.masks[wrong]).tolist()
            raise ActionError(f"game {wrong}: {refusal(int(taken[wrong]), screen, allowed)}")
        self.rewards[:] = 0.0
        self.terminated[:] = False
        self.truncated[:] = False
        return int(self._move(taken, moves))

    def _move(self, actions: NDArray[np.int64], moving: NDArray[np.bool_]) -> Any:
        return _move(
            self._games,
            actions,
            moving,
            self._weights,
            self._measures,
            self.observations,
            self.masks,
            self.rewards,
            self.terminated,
            self.truncated,
            self.live,
            self.steps,
        )

    def metrics(self, copies: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
        """Return the `METRICS` of the named copies, as they stand."""
        which = np.asarray(copies, dtype=np.int64)
        told = np.empty((len(which), len(METRICS)))
        _tell(self._games, which, told)
        return dict(zip(METRICS, told.T, strict=True))

    def fights(self, copy: int) -> list[dict[str, Any]]:
        """Return the fights of a game, oldest first; see `spire.log`."""
        return as_rows(self._fights[copy], int(self._fight_counts[copy]))


@kernel
def start_all(games: Any, seeds: Any, ascension: Any) -> None:
    """Start a new run in every record; `seeds` is uint64, one for each."""
    for k in range(games.size):
        begin_run(games[k], seeds[k], ascension)


@allocating_kernel
def random_play(games: Any, actions: Any, seed: Any) -> Any:
    """Take `actions` random allowed actions in every game, each as likely; return how many games ended.

    A game that is over is started again from the seed after its own.
    """
    words = np.zeros((1, 2), dtype=u64)
    counts = np.zeros(1, dtype=np.int32)
    seed_stream(words, counts, 0, u64(seed))
    # Most of a mask is false: eight actions are looked at in one word.
    words_of_mask = np.zeros((ACTIONS + 7) // 8, dtype=np.int64)
    mask = words_of_mask.view(np.bool_)[:ACTIONS]
    allowed = np.zeros(ACTIONS, dtype=np.int16)
    ended = 0
    for _ in range(actions):
        for k in range(games.size):
            game = games[k]
            prefetch(games[(k + 1) % games.size])
            write_mask(game, mask)
            count = 0
            for word in range(words_of_mask.size):
                if words_of_mask[word] != 0:
                    for action in range(8 * word, min(8 * word + 8, ACTIONS)):
                        # Whether it stands is hard to foretell for a processor, and then dear.
                        allowed[count] = action
                        count += mask[action]
            take(game, int(allowed[next_below(words, 0, count)]))
            if game.outcome != Outcome.NONE:
                ended += 1
                begin_run(game, u64(game.seed) + u64(1), int(game.ascension))
    return ended


@allocating_kernel
def random_actions(masks: Any, generator: Any) -> Any:
    """Return an allowed action for every row of `masks`, each as likely.

    `generator` is the state of a random stream, uint64 ``(1, 2)``, and moves on.
    """
    chosen = np.zeros(masks.shape[0], dtype=np.int64)
    allowed = np.zeros(ACTIONS, dtype=np.int64)
    for k in range(masks.shape[0]):
        count = 0
        for action in range(ACTIONS):
            # Whether it stands is hard to foretell for a processor, and then dear.
            allowed[count] = action
            count += masks[k, action]
        chosen[k] = allowed[next_below(generator, 0, count)]
    return chosen
