"""Scenarios: what a game is: a whole run, or one fight with a deck that is given.

    Scenario(ascension=20)
    Scenario(encounter="GREMLIN_NOB", deck=("BASH+", "STRIKE_RED", "INFLAME"), relics=("VAJRA",), hp=50)

Names are those of `spire.ids`, in capitals or small; a "+" behind a card is an upgrade.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

import numpy as np

from spire.actions import settle
from spire.arrays import fill
from spire.codes import Codes
from spire.compiled import kernel, record
from spire.content import cards, missing, potions
from spire.content.groups import GROUPS
from spire.content.relics import SPECIALS, STARTERS
from spire.encounters import ACTS
from spire.errors import RunError
from spire.game import MAX_ASCENSION, Game
from spire.ids import Card, Encounter, Potion, Relic, Room
from spire.log import clear_log
from spire.pools import IRONCLAD_RELICS, SHARED_RELICS
from spire.run.fights import await_fight
from spire.run.floors import next_floor
from spire.run.holdings import hold
from spire.run.start import new_run
from spire.seeds import parse_seed, seed_word
from spire.state import DECK, DECK_CARD, POTIONS, RELICS, empty

_RELICS = {*STARTERS, *SPECIALS} | {
    relic for pools in (SHARED_RELICS, IRONCLAD_RELICS) for tier in pools.values() for relic in tier
}
_FLOORS = {Room.MONSTER: 1, Room.EVENT: 5, Room.ELITE: 6, Room.BOSS: 16}
"""On which floor a fight is, where none is given."""
_LAST_FLOOR = 57
_MOST_HP = 999

_STRIKE, _DEFEND = "STRIKE_RED", "DEFEND_RED"
# fmt: off
DECKS: Mapping[str, Sequence[str]] = {
    "starter": (*(_STRIKE,) * 5, *(_DEFEND,) * 4, "BASH"),
    "early": (*(_STRIKE,) * 5, *(_DEFEND,) * 4, "BASH+", "POMMEL_STRIKE", "SHRUG_IT_OFF"),
    "middle": (*(_STRIKE,) * 4, *(_DEFEND,) * 4, "BASH+", "POMMEL_STRIKE+", "SHRUG_IT_OFF",
               "TWIN_STRIKE", "INFLAME", "CARNAGE"),
    "late": (*(_STRIKE,) * 3, *(_DEFEND,) * 4, "BASH+", "POMMEL_STRIKE+", "SHRUG_IT_OFF+",
             "SHRUG_IT_OFF", "TWIN_STRIKE+", "INFLAME+", "CARNAGE", "UPPERCUT", "FLAME_BARRIER",
             "BATTLE_TRANCE"),
}
# fmt: on
"""Decks with a name: what a run begins with, what it may have after a few floors, before an elite, and before
the boss of act 1."""

SCENARIO = record(
    [
        ("ascension", np.int16),
        ("encounter", np.int16),
        ("room", np.int8),
        ("floor", np.int16),
        ("hp", np.int16),
        ("max_hp", np.int16),
        ("own_deck", np.int8),
        ("own_relics", np.int8),
        ("deck", DECK_CARD, (DECK,)),
        ("deck_count", np.int16),
        ("relics", np.int16, (RELICS,)),
        ("relic_count", np.int16),
        ("potions", np.int16, (POTIONS,)),
        ("potion_count", np.int16),
    ]
)
"""A scenario as `begin_scenario` reads it: a run if `encounter` is 0. HP of 0 are those of a new run."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A whole run at an ascension; or, where an encounter is named, a game that is one fight.

    What is left out of a fight is as in a new run of that ascension. Relics do not do what they do as they are
    obtained (a Strawberry gives no HP): `max_hp` and `deck` say what there is. A deck is one of `DECKS` or a
    list of cards.

    Raises
    ------
    RunError
        If it names what there is not, or says of a run what only a fight takes.

    """

    ascension: int = 0
    encounter: str | None = None
    deck: str | Sequence[str] | None = None
    relics: Sequence[str] | None = None
    potions: Sequence[str] = ()
    hp: int | None = None
    max_hp: int | None = None
    floor: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.ascension <= MAX_ASCENSION:
            raise RunError(f"ascension {self.ascension} is outside 0 to {MAX_ASCENSION}")
        if self.encounter is None:
            for name in ("deck", "relics", "potions", "hp", "max_hp", "floor"):
                if getattr(self, name):
                    raise RunError(f"{name!r} is for fights: name an encounter, or leave it out")
        for name, most in (("hp", _MOST_HP), ("max_hp", _MOST_HP), ("floor", _LAST_FLOOR)):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= most:
                raise RunError(f"{name} {value} is outside 1 to {most}")
        if self.hp and self.max_hp and self.hp > self.max_hp:
            raise RunError(f"hp {self.hp} is more than max_hp {self.max_hp}")
        for name, most in (("deck", DECK), ("relics", RELICS), ("potions", POTIONS)):
            given = getattr(self, name) or ()
            if name == "deck" and isinstance(given, str):
                given = _deck(given)
            if isinstance(given, str) or len(given) > most:
                raise RunError(f"{name} {given!r} is no list of at most {most} names")
        self.as_record()

    def as_record(self) -> Any:
        """Return the scenario as the record that `begin_scenario` reads."""
        one = np.zeros(1, dtype=SCENARIO).view(np.recarray)[0]
        one.ascension = self.ascension
        if self.encounter is None:
            return one
        one.encounter = _code(Encounter, self.encounter, GROUPS)
        one.room = room = _room(Encounter(int(one.encounter)))
        one.floor = self.floor or _FLOORS[room]
        one.max_hp = self.max_hp or 0
        one.hp = self.hp or one.max_hp
        one.own_deck, one.own_relics = self.deck is not None, self.relics is not None
        deck = _deck(self.deck) if isinstance(self.deck, str) else self.deck or ()
        one.deck_count = len(deck)
        for place, text in enumerate(deck):
            one.deck[place].id, one.deck[place].upgrades = _card(text)
        one.relic_count = len(self.relics or ())
        for place, name in enumerate(self.relics or ()):
            one.relics[place] = _code(Relic, name, _RELICS)
        one.potion_count = len(self.potions)
        for place, name in enumerate(self.potions):
            one.potions[place] = _code(Potion, name, potions.BY_ID)
        return one


def _code(kind: type[Codes], name: str, known: Container[int]) -> Any:
    """Return the code of a name."""
    names = [each.name for each in kind if each in known]
    wanted = str(name).upper()
    if wanted not in names:
        near = get_close_matches(wanted, names, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        why = {Encounter: missing.ACTS, Card: missing.CLASSES}.get(kind)
        if wanted in kind.__members__ and why:
            raise RunError(f"there is no {kind.__name__.lower()} {name!r}: {why}")
        raise RunError(f"there is no {kind.__name__.lower()} {name!r}{hint}")
    code = kind[wanted]
    if code in missing.RELICS and kind is Relic:
        raise RunError(f"relic {name!r}: {missing.RELICS[Relic(code)]}")
    return code


def _deck(name: str) -> Sequence[str]:
    """Return the cards of a deck with a name."""
    if name not in DECKS:
        raise RunError(f"there is no deck {name!r}; there are {', '.join(DECKS)}")
    return DECKS[name]


def _card(text: str) -> tuple[int, int]:
    """Return a card and its upgrades: ``BASH``, ``BASH+``, ``SEARING_BLOW+3``."""
    name, plus, count = str(text).partition("+")
    card = _code(Card, name, cards.BY_ID)
    if not plus:
        return card, 0
    upgrades = int(count) if count.isdigit() else 1
    most = 99 if card == Card.SEARING_BLOW else int(cards.BY_ID[card].upgradable)
    if (count and not count.isdigit()) or not 1 <= upgrades <= most:
        raise RunError(f"card {text!r}: {card.name} has at most {most} upgrades")
    return card, upgrades


def _room(encounter: Encounter) -> Room:
    """Return the room in which an encounter is met."""
    if any(encounter in act.bosses for act in ACTS):
        return Room.BOSS
    if any(encounter in act.elites for act in ACTS):
        return Room.ELITE
    return Room.EVENT if encounter.name.endswith("_EVENT") else Room.MONSTER


@kernel
def begin_run(game: Any, seed: Any, ascension: Any) -> None:
    """Begin a run in a record, whatever it held before."""
    game.reference = 0
    game.single = 0
    clear_log(game)
    new_run(game, np.uint64(seed), ascension)


@kernel
def begin_scenario(game: Any, seed: Any, scenario: Any) -> None:
    """Begin the game of a scenario in a record, whatever it held before.

    A fight is ahead then: it begins as the game is settled.
    """
    begin_run(game, seed, int(scenario.ascension))
    if scenario.encounter == 0:
        return
    game.single = 1
    if scenario.own_deck:
        _lay_deck(game, scenario)
    if scenario.own_relics:
        fill(game.relics, 0)
        fill(game.relic_counters, 0)
        fill(game.relic_slots, 0)
        game.relic_count = 0
        for k in range(scenario.relic_count):
            hold(game, int(scenario.relics[k]))
    for k in range(scenario.potion_count):
        game.potions[k] = scenario.potions[k]
    game.potion_slots = max(int(game.potion_slots), int(scenario.potion_count))
    if scenario.max_hp > 0:
        game.max_hp = scenario.max_hp
    if scenario.hp > 0:
        game.hp = min(int(scenario.hp), int(game.max_hp))
    game.floor = scenario.floor - 1
    next_floor(game, int(scenario.room))
    game.room = scenario.room
    elite = scenario.room == Room.ELITE
    boss = scenario.room == Room.BOSS
    await_fight(game, int(scenario.encounter), elite, boss)


@kernel
def _lay_deck(game: Any, scenario: Any) -> None:
    for k in range(game.deck.size):
        place, given = game.deck[k], scenario.deck[k]
        place.id = given.id
        place.misc = given.misc
        place.upgrades = given.upgrades
        place.bottled = 0
    game.deck_count = scenario.deck_count


def _named() -> dict[str, Scenario]:
    act = ACTS[0]
    decks: dict[Encounter, str] = {
        **dict.fromkeys(act.weak, "starter"),
        **dict.fromkeys(act.strong, "early"),
        **dict.fromkeys((Encounter.MUSHROOMS_EVENT, Encounter.LAGAVULIN_EVENT), "middle"),
        **dict.fromkeys(act.elites, "middle"),
        **dict.fromkeys(act.bosses, "late"),
    }
    runs = {f"a{level}": Scenario(ascension=level) for level in range(MAX_ASCENSION + 1)}
    fights = {
        f"fight-{encounter.name.lower().replace('_', '-')}": Scenario(
            encounter=encounter.name, deck=deck
        )
        for encounter, deck in decks.items()
    }
    return runs | fights


NAMED: Mapping[str, Scenario] = _named()
"""Scenarios with a name: runs by their ascension, and the fights of act 1 with a deck that suits them."""


def new_game(scenario: Scenario, seed: int | str) -> Game:
    """Return a new game of a scenario; the seed is its number, or its text as the game shows it.

    Raises
    ------
    SeedError
        If no game has that seed.

    """
    game = empty(1)[0]
    number = parse_seed(seed) if isinstance(seed, str) else seed
    begin_scenario(game, seed_word(number), scenario.as_record())
    settle(game)
    return Game(game)


def find_scenario(chosen: str | Scenario | Mapping[str, Any]) -> Scenario:
    """Return a scenario by name, as it is, or from its fields.

    Raises
    ------
    RunError
        If there is none of that name, or the fields are not those of a scenario.

    """
    if isinstance(chosen, Scenario):
        return chosen
    if isinstance(chosen, str):
        if chosen not in NAMED:
            near = get_close_matches(chosen, NAMED, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(NAMED)}"
            raise RunError(f"there is no scenario {chosen!r}: {hint}")
        return NAMED[chosen]
    known = [field.name for field in fields(Scenario)]
    for name in chosen:
        if name not in known:
            raise RunError(f"a scenario has no {name!r}; it has {', '.join(known)}")
    return Scenario(**chosen)
