"""State: the record that is a game. Whatever a game remembers stands here, and nothing else does.

A game is one record of `GAME`, a batch of games an array of them; copying a game is copying its record.
Kernels take the record first and change it in place. Ids are codes of `spire.ids`; an empty place is 0.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from spire.codes import Codes
from spire.compiled import record
from spire.encounters import ENCOUNTERS
from spire.ids import MonsterPower, PlayerPower, Relic
from spire.maps import MAP
from spire.neow import OPTIONS
from spire.pools import EVENT_POOLS, RELIC_POOLS
from spire.rng import STREAMS

i8, i16, i32 = np.int8, np.int16, np.int32

DECK = 160
"""The most cards a deck may hold."""
CARDS = 224
"""The most cards a combat may hold, in all piles together."""
HAND = 10
MONSTERS = 5
POTIONS = 5
RELICS = 64
EFFECTS = 128
"""The most effects that may wait at once."""
PLAYS = 24
"""The most cards that may wait to be played at once."""
LOGGED = 32
"""The most fights whose rows a game keeps."""
CHOICES = 40
"""The most things one screen may offer (the choices of the action space)."""
COLORLESS = 35

RELIC_IDS = len(Relic)
PLAYER_POWERS = len(PlayerPower)
MONSTER_POWERS = len(MonsterPower)


class Screen(Codes):
    """What a game asks for. Every screen is one the game itself shows."""

    NONE = 0
    NEOW = 1
    MAP = 2
    COMBAT = 3
    HAND_SELECT = 4  # cards of the hand
    GRID = 5  # cards of a pile in combat, or of the deck outside
    CARD_REWARD = 6  # cards offered: a reward, or Discovery and its like in combat
    COMBAT_REWARD = 7  # the list of rewards, of combats and of others
    BOSS_REWARD = 8  # the three relics of a boss's chest
    EVENT = 9
    SHOP = 10
    REST = 11
    CHEST = 12
    GAME_OVER = 13


class Outcome(Codes):
    """How a game ended."""

    NONE = 0
    DEFEAT = 1
    ACT_CLEARED = 2  # the last act there is
    VICTORY = 3
    FAULT = 4  # a bound of the record was reached; see `Fault`
    FIGHT_OVER = 5  # the only fight there is was survived; the log says how


class Fault(Codes):
    """Which bound of the record a game reached. None has been met in play."""

    NONE = 0
    DECK = 1
    CARDS = 2
    EFFECTS = 3
    PLAYS = 4
    RELICS = 5
    CONTENT = 6  # something of an act that is not there yet


class Fight(Codes):
    """How a combat stands."""

    NONE = 0
    ON = 1
    WON = 2
    LOST = 3
    FLED = 4  # by a smoke bomb
    AHEAD = 5  # the room has one, which begins as soon as the room is set up


class FightKind(Codes):
    """What kind of fight it was. Those of events are a kind of their own."""

    NONE = 0
    MONSTER = 1
    ELITE = 2
    BOSS = 3
    EVENT = 4


class Mark(Codes):
    """Bits of a card in combat."""

    FREE = 1  # costs nothing the next time it is played
    RETAIN = 2
    PURGE = 4  # a copy, which goes to no pile
    BOTTLED = 8
    EXHAUSTS = 16  # goes to the exhaust pile this once, whatever it says


class Reward(Codes):
    """A line of the list of rewards."""

    NONE = 0
    GOLD = 1
    STOLEN_GOLD = 2
    RELIC = 3
    POTION = 4
    CARD = 5  # `value` is the index of its set of cards
    EMERALD_KEY = 6
    SAPPHIRE_KEY = 7  # linked to the relic before it: one or the other


DECK_CARD = record([("id", i16), ("misc", i16), ("upgrades", i8), ("bottled", i8)])
"""A card of the deck. `misc` is what it remembers (the damage of a Ritual Dagger)."""

CARD = record(
    [
        ("id", i16),
        ("uid", i16),
        ("misc", i16),
        ("upgrades", i8),
        ("cost", i8),
        ("turn_cost", i8),
        ("marks", i8),
    ]
)
"""A card in combat. `uid` is 1 + its index in the deck, or a larger number for a card made in combat; copies
share it. `cost` is for the combat, `turn_cost` for the turn: -1 is X, -2 and -3 are unplayable. `misc`
is what it remembers: the bonus of a Rampage, the damage of a Ritual Dagger."""

EFFECT = record(
    [("op", i16), ("target", i16), ("amount", i16), ("arg", i16), ("card", i16), ("source", i16)]
)
"""An effect that waits in the queue; `spire.combat.effects` says what its fields mean for each `Op`."""

PLAY = record(
    [
        ("card", i16),
        ("target", i16),
        ("energy", i16),
        ("kind", i8),
        ("exhausts", i8),
        ("random_target", i8),
    ]
)
"""A card that waits to be played: by whom (`spire.combat.effects.PlayKind`), at which monster (-1: none), and
the energy there was when it was put there, which X cards spend."""

MONSTER = record(
    [
        ("id", i16),
        ("hp", i16),
        ("max_hp", i16),
        ("block", i16),
        ("move", i16),
        ("last", i16),
        ("before_last", i16),
        ("moves", i16),
        ("misc", i16, (4,)),
        ("powers", i16, (MONSTER_POWERS,)),
        ("fresh", i8, (MONSTER_POWERS,)),
        ("order", i8, (MONSTER_POWERS,)),
        ("order_count", i8),
        ("dead", i8),
        ("half_dead", i8),
        ("escaped", i8),
        ("used", i8),
    ]
)
"""A monster. `move` is its intent, `last` and `before_last` the moves chosen before that, `moves` how many it
has chosen. `misc` is its own (a louse's bite, a wizard's charge, the gold a thief holds). `order` lists the
powers it has, oldest first; `fresh` marks those that do not shrink this round. `used` is 1 where the place
was ever filled."""

COMBAT = record(
    [
        ("fight", i8),
        ("waiting", i8),
        ("encounter", i16),
        ("elite", i8),
        ("boss", i8),
        ("turn", i16),
        ("energy", i16),
        ("energy_per_turn", i16),
        ("draw_per_turn", i16),
        ("block", i16),
        ("powers", i16, (PLAYER_POWERS,)),
        ("fresh", i8, (PLAYER_POWERS,)),
        ("order", i8, (PLAYER_POWERS,)),
        ("order_count", i8),
        ("bomb_turns", i8, (10,)),
        ("bomb_damage", i16, (10,)),
        ("combust_loss", i16),
        ("panache_left", i16),
        ("played_turn", i16),
        ("attacks_turn", i16),
        ("skills_turn", i16),
        ("powers_turn", i16),
        ("discarded_turn", i16),
        ("played_last_turn", i16),
        ("attacks_last_turn", i16),
        ("times_damaged", i16),
        ("pellets", i8),
        ("puzzle_used", i8),
        ("necronomicon_used", i8),
        ("red_skull_on", i8),
        ("potions_used", i16),
        # Whose turn it is, and what is left of it.
        ("phase", i8),
        ("monster_next", i8),
        ("end_requested", i8),
        ("skip_monsters", i8),
        # Cards.
        ("cards", CARD, (CARDS,)),
        ("card_count", i16),
        ("next_uid", i16),
        ("hand", i16, (HAND,)),
        ("draw", i16, (CARDS,)),
        ("discard", i16, (CARDS,)),
        ("exhaust", i16, (CARDS,)),
        ("limbo", i16, (HAND,)),
        ("hand_count", i16),
        ("draw_count", i16),
        ("discard_count", i16),
        ("exhaust_count", i16),
        ("limbo_count", i16),
        ("in_play", i16),
        # Monsters.
        ("monsters", MONSTER, (MONSTERS,)),
        ("monster_count", i16),
        ("stolen_gold", i16),
        ("fled", i8),
        # The queue of effects is a ring: `effects[(effect_first + k) % EFFECTS]`.
        ("effects", EFFECT, (EFFECTS,)),
        ("effect_first", i16),
        ("effect_count", i16),
        ("plays", PLAY, (PLAYS,)),
        ("play_count", i16),
        # The selection that is open: `spire.combat.select`.
        ("task", i8),
        ("pick_min", i16),
        ("pick_max", i16),
        ("pick_amount", i16),
        ("offer", i16, (CARDS,)),
        ("offer_count", i16),
        ("picked", i16, (HAND,)),
        ("picked_count", i16),
        # What the record of the fight says.
        ("hp_before", i16),
        ("damage_taken", i16),
        ("largest_hit", i16),
    ]
)
"""A combat. Piles hold indices into `cards`: `draw` has its top last, the others their newest last; the hand
stands from left to right."""

OFFERED = record([("id", i16), ("upgrades", i8)])
"""A card that is offered."""

REWARDS = record(
    [
        ("kind", i8, (12,)),
        ("value", i16, (12,)),
        ("count", i8),
        ("cards", OFFERED, (6, 5)),
        ("card_counts", i8, (6,)),
        ("open", i8),
    ]
)
"""The list of rewards, and the sets of cards behind its lines of kind `Reward.CARD`. `open` is the line whose
cards are shown, or -1."""

SHOP = record(
    [
        ("cards", OFFERED, (7,)),
        ("card_prices", i16, (7,)),
        ("relics", i16, (3,)),
        ("relic_prices", i16, (3,)),
        ("potions", i16, (3,)),
        ("potion_prices", i16, (3,)),
        ("removal_price", i16),
        ("removal_sold", i8),
    ]
)
"""A shop: five coloured cards (attack, attack, skill, skill, power) and two colourless ones, relics, potions,
the removal of a card. What is sold has id 0."""

PICK = record(
    [
        ("purpose", i8),
        ("count", i16),
        ("cards", i16, (DECK,)),
        ("needed", i8),
        ("picked", i16, (4,)),
        ("picked_count", i8),
        ("then", i8),
    ]
)
"""A choice of cards of the deck: what for (`spire.run.picks.Purpose`), which (indices into the deck), how many,
which have been taken, and the screen that follows."""

FIGHT = record(
    [
        ("kind", i8),
        ("result", i8),
        ("act", i8),
        ("floor", i16),
        ("encounter", i16),
        ("monsters", i8, (MONSTERS,)),
        ("monster_hp", i16),
        ("hp_before", i16),
        ("hp_after", i16),
        ("max_hp", i16),
        ("turns", i16),
        ("damage_taken", i16),
        ("largest_hit", i16),
    ]
)
"""A fight of the game: its `FightKind`, how it stands or ended (`Fight`), which monsters it began with and
their HP together, the player's HP before and after, what was taken of it, and the most that one hit took.
"""

LOG = record(
    [
        ("count", i16),
        ("fought", i16, (len(FightKind),)),
        ("won", i16, (len(FightKind),)),
        ("fights", FIGHT, (LOGGED,)),
    ]
)
"""The fights of a game: how many began, how many of each kind began and were won, and their rows. Once the
rows are full, the last one is written over."""

GAME = record(
    [
        ("layout", np.uint64),
        ("seed", np.uint64),
        ("words", np.uint64, (STREAMS, 2)),
        ("counts", i32, (STREAMS,)),
        ("ascension", i16),
        ("reference", i8),
        ("act", i8),
        ("floor", i16),
        ("x", i8),
        ("y", i8),
        ("room", i8),
        ("symbol", i8),
        ("last_room", i8),
        ("screen", i8),
        ("outcome", i8),
        ("fault", i8),
        ("hp", i16),
        ("max_hp", i16),
        ("gold", i32),
        ("deck", DECK_CARD, (DECK,)),
        ("deck_count", i16),
        ("relics", i16, (RELICS,)),
        ("relic_counters", i16, (RELICS,)),
        ("relic_count", i16),
        ("relic_slots", i8, (RELIC_IDS,)),
        ("potions", i16, (POTIONS,)),
        ("potion_slots", i8),
        ("ruby_key", i8),
        ("emerald_key", i8),
        ("sapphire_key", i8),
        ("potion_chance", i16),
        ("rarity_offset", i16),
        ("monster_chance", np.float32),
        ("shop_chance", np.float32),
        ("treasure_chance", np.float32),
        ("removals", i16),
        ("monster_index", i16),
        ("elite_index", i16),
        ("map", MAP),
        ("encounters", ENCOUNTERS),
        ("relic_pools", RELIC_POOLS),
        ("event_pools", EVENT_POOLS),
        ("colorless", i16, (COLORLESS,)),
        ("neow", OPTIONS),
        ("event", i16),
        ("event_page", i8),
        ("event_data", i16, (12,)),
        ("rewards", REWARDS),
        ("shop", SHOP),
        ("pick", PICK),
        ("chest_size", i8),
        ("chest_tier", i8),
        ("chest_gold", i8),
        ("boss_relics", i16, (3,)),
        ("then", i8),
        ("combat", COMBAT),
        ("single", i8),
        ("log", LOG),
    ]
)
"""A game.

`room` is what the place entered turned out to be and `symbol` what the map shows (they differ for a `?`).
`relic_slots[relic]` is 1 + the index of a relic that is owned, or 0. `potion_chance` is added to 40 percent.
`reference` is 1 only in games that are compared with the traces of the reference engine: it picks the second
row of every table of contents (see `spire.reference`). `then` is the screen that follows the rewards. `single` is 1 in a game that is
over after its first fight.
"""

LAYOUT = np.uint64(
    int.from_bytes(hashlib.sha256(repr(GAME.fields).encode()).digest()[:8], "little")
)
"""A number that changes with the form of the record; a record of another form is refused."""


def empty(count: int) -> Any:
    """Return `count` blank records as a one-dimensional record array."""
    return np.zeros(count, dtype=GAME).view(np.recarray)
