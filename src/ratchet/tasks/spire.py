"""Slay the Spire as a task: ascensions and single fights as modes, thousands of games in one kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from ratchet.entities import Entities, EntitySet, Pair, Single
from ratchet.errors import SeedError, TaskError
from ratchet.tasks.task import (
    BoolArray,
    EpisodeVectorEnv,
    FloatArray,
    IntArray,
    Mode,
    Task,
    Teacher,
)
from spire.actions import (
    ACTIONS,
    CHOOSE,
    CHOOSE_MORE,
    END_TURN,
    LEAVE,
    PLAY,
    PLAY_UNTARGETED,
    POTION,
    POTION_UNTARGETED,
    PROCEED,
    THROW,
    WAIT,
)
from spire.batch import METRICS, Batch
from spire.encode import SIZE
from spire.errors import SpireError
from spire.game import MAX_ASCENSION, Game
from spire.log import ROW
from spire.observation import BLOCKS, SCREEN_ORDER
from spire.scenarios import NAMED, Scenario, find_scenario
from spire.seeds import parse_seed, seed_text
from spire.shaping import Weights, find_weights

if TYPE_CHECKING:
    from spire.heuristic.player import Player

ASCENSIONS = tuple(range(MAX_ASCENSION + 1))
"""The ascensions that are modes of `spire`."""

_USUAL = "a0"
"""The mode that is evaluated where none is named."""

_FIRST_OF_KIND = (
    (PLAY, "targeted card"),
    (PLAY_UNTARGETED, "untargeted card"),
    (END_TURN, "end turn"),
    (POTION, "targeted potion"),
    (POTION_UNTARGETED, "untargeted potion"),
    (CHOOSE, "choice"),
    (PROCEED, "proceed"),
    (LEAVE, "leave"),
    (WAIT, "wait"),
    (THROW, "throw potion"),
    (CHOOSE_MORE, "choice"),
    (ACTIONS, ""),
)
"""Each kind of action goes up to the next one's first."""

_SCREEN = BLOCKS["screen"].at("screen")
_SITUATIONS = tuple(screen.name.lower() for screen in SCREEN_ORDER)


def _entities() -> Entities:
    """Return what an observation is made of: blocks of several slots, and what each action is about."""

    def block(name: str) -> EntitySet:
        at = BLOCKS[name]
        return EntitySet(
            name=name.replace(" ", "_"),
            offset=at.offset,
            count=at.slots,
            width=at.width,
            ordered=True,
        )

    def choices(
        name: str, *sets: EntitySet, screens: str = "", listed: tuple[int, ...] = ()
    ) -> Single:
        count = sum(each.count for each in sets)
        when = tuple(_SCREEN + _SITUATIONS.index(screen) for screen in screens.split())
        return Single(
            name=name,
            sets=tuple(each.name for each in sets),
            actions=tuple(range(CHOOSE, CHOOSE + count)),
            listed=listed,
            when=when,
        )

    hand, monsters, potions = block("hand"), block("monsters"), block("potions")
    cards, relics, drinks = block("card offers"), block("relic offers"), block("potion offers")
    lines, ways, selectable = block("rewards"), block("map"), block("selectable")
    offers = BLOCKS["offers"]
    removal = EntitySet(name="removal", offset=offers.at("purge"), count=1, width=3)
    paid = [
        BLOCKS[name].places["affordable"]
        for name in ("card offers", "relic offers", "potion offers")
    ]

    def each(name: str, of: EntitySet, first: int) -> Single:
        return Single(name=name, sets=(of.name,), actions=tuple(range(first, first + of.count)))

    def at_monster(name: str, of: EntitySet, first: int) -> Pair:
        actions = tuple(range(first, first + of.count * monsters.count))
        return Pair(name=name, left=of.name, right=monsters.name, actions=actions)

    return Entities(
        sets=(
            *(hand, monsters, potions, cards, relics, drinks),
            *(removal, lines, ways, selectable),
        ),
        alone=(END_TURN, *range(CHOOSE, THROW), *range(CHOOSE_MORE, ACTIONS)),
        single=(
            each("play", hand, PLAY_UNTARGETED),
            each("drink", potions, POTION_UNTARGETED),
            each("throw", potions, THROW),
            choices("way", ways),
            choices("line", lines),
            choices("card", cards, screens="card_reward"),
            choices("relic", relics, screens="boss_reward"),
            choices("selected", selectable, screens="hand_select grid"),
            choices("ware", removal, cards, relics, drinks, screens="shop", listed=(2, *paid)),
        ),
        pairs=(
            at_monster("play_at", hand, PLAY),
            at_monster("drink_at", potions, POTION),
        ),
    )


class SpireVector(EpisodeVectorEnv):
    """`count` games in one kernel; the seed of an episode is the seed of its game.

    Where episodes have ended, the info has ``metrics`` and, by copy, ``parts``: a row for each fight of the
    game. The arrays that `step` returns are the environment's own, overwritten by the next call.
    """

    def __init__(
        self, count: int, scenarios: Sequence[Scenario], weights: Weights, task: str
    ) -> None:
        self._task = task
        self.num_envs, self.mode_count = count, len(scenarios)
        self.single_observation_space = Box(-np.inf, np.inf, (SIZE,), dtype=np.float32)
        self.single_action_space = Discrete(ACTIONS)
        self.observation_space = batch_space(self.single_observation_space, count)
        self.action_space = batch_space(self.single_action_space, count)
        self._batch = Batch(count, scenarios, weights)
        self.live = self._batch.live
        self.steps_executed = 0

    @property
    def observations(self) -> FloatArray:
        """The current observation of every copy, ``(n, size)``."""
        return self._batch.observations

    @property
    def masks(self) -> BoolArray:
        """The current legal actions of every copy, ``(n, actions)``."""
        return self._batch.masks

    def game(self, copy: int) -> Game:
        """Return a game as it is now, to go its own way."""
        return Game(self._batch.games[copy]).copy()

    def begin(self, copies: IntArray, seeds: Sequence[int], modes: IntArray) -> None:
        """Begin an episode in each of the named copies, with its own seed, in its own mode."""
        self._batch.begin(copies, seeds, modes)

    def advance(
        self, actions: NDArray[Any], moving: BoolArray
    ) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, dict[str, Any]]:
        """Step the copies that are both `moving` and live; the others stand still.

        Raises
        ------
        TaskError
            If a game does not allow its action; no game has moved.

        """
        batch = self._batch
        try:
            self.steps_executed += batch.step(actions, moving)
        except SpireError as error:
            raise TaskError(f"task {self._task!r}: {error}") from error
        info: dict[str, Any] = {"action_mask": batch.masks}
        ended = np.flatnonzero(batch.terminated | batch.truncated)
        if len(ended):
            info["metrics"] = {}
            for name, values in batch.metrics(ended).items():
                info["metrics"][name] = np.zeros(self.num_envs)
                info["metrics"][name][ended] = values
            info["parts"] = {int(copy): batch.fights(int(copy)) for copy in ended}
        return batch.observations, batch.rewards, batch.terminated, batch.truncated, info


class SpireTask(Task):
    """The Ironclad: each mode is a `spire.scenarios.Scenario`, by its name or its fields.

    Parameters
    ----------
    name
        The name of the task.
    modes
        The parameters of each mode are the fields of its scenario.
    rewards
        ``"shaped"``, ``"sparse"``, or changes to the shaped ones; `spire.shaping` has the table.

    Raises
    ------
    TaskError
        If a mode or the rewards name what the game does not have.

    """

    metrics = METRICS
    parts = ROW
    side_by_side = 256
    action_kinds = tuple(
        kind for (first, kind), (end, _) in pairwise(_FIRST_OF_KIND) for _ in range(first, end)
    )
    situations = _SITUATIONS
    entities = _entities()
    stall_after = 3
    """The second time at a place may be due to what the game hides; the third is a circle."""
    lowest_seed = -(1 << 63)

    def __init__(
        self,
        name: str,
        modes: Sequence[Mode],
        rewards: str | Weights | Mapping[str, float] = "shaped",
    ) -> None:
        self.name = name
        self.modes = tuple(modes)
        self.usual_modes = tuple(mode.name for mode in self.modes if mode.name == _USUAL)
        try:
            self._scenarios = [find_scenario(mode.parameters) for mode in self.modes]
            self._weights = find_weights(rewards)
        except SpireError as error:
            raise TaskError(f"task {name!r}: {error}") from error
        probe = self.make(1)
        self.observation_space = probe.single_observation_space
        self.action_space = probe.single_action_space

    def make(self, count: int) -> SpireVector:
        """Make `count` copies."""
        return SpireVector(count, self._scenarios, self._weights, self.name)

    @property
    def teachers(self) -> Mapping[str, Callable[[Any], Teacher]]:
        """The heuristic player."""
        return {"heuristic": _Heuristic}

    def seed_of(self, text: str) -> int:
        """Return the seed of a game from its text, as the game shows it.

        Raises
        ------
        SeedError
            If it is no such text, or longer than any: the game would cut it to 64 bits.

        """
        try:
            seed = parse_seed(text)
        except SpireError as error:
            raise SeedError(str(error)) from error
        written = text.strip().upper().replace("O", "0").lstrip("0") or "0"
        if written != seed_text(seed):
            raise SeedError(
                f"seed {text!r} is too long; the game would take it for {seed_text(seed)!r}"
            )
        return seed

    def situation_of(self, observations: FloatArray) -> IntArray:
        """Return the number of the screen that each observation shows ``(n,)``."""
        shown = observations[:, _SCREEN : _SCREEN + len(self.situations)]
        return np.asarray(shown.argmax(axis=1), dtype=np.int64)


class _Heuristic:
    """The heuristic player in every game of a vector; each game has a player of its own, with its plans."""

    def __init__(self, env: SpireVector) -> None:
        self._env = env
        self._players: dict[int, Player] = {}

    def __call__(self, copies: IntArray) -> NDArray[np.int64]:
        """Return the actions that it takes in these games."""
        # Only who teaches needs the search.
        from spire.heuristic.player import Player  # noqa: PLC0415

        actions = np.zeros(len(copies), dtype=np.int64)
        for place, copy in enumerate(copies.tolist()):
            if copy not in self._players:
                self._players[copy] = Player()
            actions[place] = self._players[copy].choose(self._env.game(copy))
        return actions


def _modes() -> list[Mode]:
    runs = [Mode(f"a{level}", {"ascension": level}) for level in ASCENSIONS]
    fights = [
        Mode(name, {"encounter": scenario.encounter, "deck": scenario.deck})
        for name, scenario in NAMED.items()
        if scenario.encounter is not None
    ]
    return runs + fights


def spire() -> SpireTask:
    """Return the task whose rewards answer most actions at once."""
    return SpireTask("spire", _modes())


def spire_sparse() -> SpireTask:
    """Return the task whose rewards are the floors climbed and the victory, and nothing else."""
    return SpireTask("spire-sparse", _modes(), "sparse")


def show_game(
    task: SpireTask, mode: str, seed: int, actions: Sequence[int], title: str, *, plain: bool
) -> None:
    """Show in the terminal how a game of a mode went: by keys, or as text."""
    # Only this needs the terminal.
    from spire.terminal.commands import make_console, show_frames  # noqa: PLC0415
    from spire.terminal.frames import played_frames  # noqa: PLC0415

    env = task.make(1)
    first = np.zeros(1, dtype=np.int64)
    env.begin(first, [seed], first + task.mode_index(mode))
    frames = played_frames(env.game(0), actions, title)
    show_frames(frames, make_console(plain=plain), plain=plain)


def compile_game() -> None:
    """Compile the engine where that has not been done, and say so."""
    from spire.warm import warm_up  # noqa: PLC0415

    warm_up()
