"""Reference: where the independent engine the comparisons read from departs from the game.

Only comparisons with its traces use this; the game's own values stand where these would take their place.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from spire.content.scripts import Line, Op, does, gold, potions
from spire.content.text import Task, inflict, select
from spire.encounters import ACTS, act_tables
from spire.ids import Card, Event, MonsterPower, NeowBonus, Potion, Relic

TABLES = act_tables((ACTS[0], *(replace(act, excluded={}) for act in ACTS[1:])))
"""In acts 2 and 3 the first strong encounter is free (in place of `spire.encounters.TABLES`)."""

EARLY_ROWS = 1 << 7 | 1 << 13
"""The rows in which a place that no room fits is a monster at once (in place of `spire.maps.EARLY_ROWS`)."""

RELICS = {
    "need": {Relic.ECTOPLASM: 0, Relic.THE_COURIER: 0},
    "charges": {
        Relic.LIZARD_TAIL: -2,
        Relic.MATRYOSHKA: 0,
        Relic.NLOTHS_HUNGRY_FACE: 0,
        Relic.WING_BOOTS: 0,
    },
    "gold": {Relic.OLD_COIN: 0},
    "curse_max_hp": {Relic.DARKSTONE_PERIAPT: 0},
}
"""Relics that do nothing, or may turn up at any time (in place of values of `spire.content.relics`)."""

CARDS: dict[Card, dict[str, Any]] = {
    Card.SEEING_RED: {"exhausts": (0, 0)},
    Card.RAGE: {"cost": (1, 1)},
    Card.TRIP: {"cost": (1, 1)},
    Card.INFERNAL_BLADE: {"cost": (1, 1)},
    Card.DISARM: {"text": (inflict(MonsterPower.STRENGTH, -2),)},
    Card.FORETHOUGHT: {"text": (select(Task.FORETHOUGHT),)},
    Card.RITUAL_DAGGER: {"misc": 0},
    Card.PRIDE: {"cost": (-3, -3)},
}
"""Cards with another value (in place of fields of `spire.content.cards.CardData`)."""

POTIONS = {Potion.BLOOD_POTION: (40, 20), Potion.LIQUID_MEMORIES: (1, 1)}
"""Potions with other amounts in combat, without and with Sacred Bark."""

DISCARDED_CARDS = False
"""The screens of Cauldron and Calling Bell draw no cards that they do not offer."""

NEOW_HEALS = False
"""Neow's bonuses to max HP do not heal."""

NEOW_CURSED = NeowBonus.TRANSFORM_TWO_CARDS
"""The bonus with which a curse comes whatever the drawback is."""

EVENTS: dict[tuple[Event, int], tuple[Line, ...]] = {
    (Event.DEAD_ADVENTURER, 0): (does(Op.SEARCH, 25, a15=35, arg=4),),
    (Event.HYPNOTIZING_COLORED_MUSHROOMS, 1): (gold(99, a15=50),),
    (Event.SCRAP_OOZE, 0): (does(Op.REACH, 3, a15=5, arg=0),),
    (Event.THE_WOMAN_IN_BLUE, 0): (potions(1),),
    (Event.THE_WOMAN_IN_BLUE, 1): (potions(2),),
    (Event.THE_WOMAN_IN_BLUE, 2): (potions(3),),
}
"""What options do, by event and number (in place of lines of `spire.content.events.SCRIPTS`)."""

EVENTS_OFF = (Event.MATCH_AND_KEEP, Event.COLOSSEUM)
"""Events that are never met."""

NEOW_ODD = 1
"""Neow's shares of HP count points beyond the last ten."""

NEOW_CURSE_FIRST = True
"""The curse is drawn before what comes with it."""

BOSS_FRONT = False
"""Where a relic of a boss may not turn up, the next is taken from the back."""

EGGS_SEE = (1, 3)
"""The places of a shop's cards that eggs see."""

EGGS_SEE_REWARDS = False
"""An egg that is obtained does not see the cards that are offered beside it."""

ASCENSION_PRICES = 0.8
"""What a shop's prices are multiplied by from ascension 16 on."""
