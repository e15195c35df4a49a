"""Observation: what the numbers are that a policy sees, declared once, as data.

`spire.encode` writes them from a record, `spire.encode_view` from a message of CommunicationMod.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spire import names
from spire.content.cards import BY_ID, CARDS, CardData, Kind, Rarity
from spire.content.events import SCRIPTS
from spire.content.monsters import KINDS
from spire.content.potions import POTIONS
from spire.content.relics import NAMES as RELIC_NAMES
from spire.content.relics import SPECIALS, STARTERS
from spire.content.text import Line, Special, Task, Verb
from spire.ids import Card, MonsterPower, Move, PlayerPower, Room
from spire.neow import DRAWBACKS, FIRST, SECOND, THIRD
from spire.pools import IRONCLAD_RELICS, SHARED_RELICS
from spire.shown import COUNTING
from spire.state import HAND, MONSTERS, Reward, Screen
from spire.state import POTIONS as POTION_SLOTS

# What is known, in the order in which it is numbered.

CARD_ORDER = tuple(each.id for each in CARDS)
RELIC_ORDER = tuple(
    dict.fromkeys(
        (
            *STARTERS,
            *(
                relic
                for pools in (SHARED_RELICS, IRONCLAD_RELICS)
                for relics in pools.values()
                for relic in relics
            ),
            *SPECIALS,
        )
    )
)
POTION_ORDER = tuple(each.id for each in POTIONS)
MONSTER_ORDER = tuple(each.monster for each in KINDS)
EVENT_ORDER = tuple(SCRIPTS)
NEOW_ORDER = (*FIRST, *SECOND, *THIRD)
"""What Neow may give; her last offer is always the same."""
DRAWBACK_ORDER = tuple(DRAWBACKS)
BOSS_ORDER = tuple(names.BOSSES)
SCREEN_ORDER = tuple(each for each in Screen if each)
ROOM_ORDER = tuple(Room)
NODE_ORDER = (Room.MONSTER, Room.EVENT, Room.ELITE, Room.REST, Room.SHOP, Room.TREASURE)
COUNTED_ROOMS = NODE_ORDER[:5]
"""The rooms that are counted ahead; a treasure stands on every path."""
REWARD_ORDER = tuple(each for each in Reward if each)
ACTION_ORDER = tuple(dict.fromkeys(names.ACTIONS.values()))
PURPOSES = ("upgrade", "transform", "purge")

A, B = PlayerPower, MonsterPower

POWER_ORDER = (
    *(A.STRENGTH, A.DEXTERITY, A.VULNERABLE, A.WEAK, A.FRAIL, A.ARTIFACT, A.ENTANGLED),
    *(A.CONFUSED, A.NO_DRAW, A.NO_BLOCK, A.LOSE_STRENGTH, A.LOSE_DEXTERITY, A.INTANGIBLE),
    *(A.BUFFER, A.THORNS, A.PLATED_ARMOR, A.METALLICIZE, A.REGEN, A.RITUAL, A.VIGOR, A.PEN_NIB),
    *(A.DOUBLE_TAP, A.DUPLICATION, A.RAGE, A.FLAME_BARRIER, A.NEXT_TURN_BLOCK, A.BARRICADE),
    *(A.BERSERK, A.BRUTALITY, A.COMBUST, A.CORRUPTION, A.DARK_EMBRACE, A.DEMON_FORM, A.EVOLVE),
    *(A.FEEL_NO_PAIN, A.FIRE_BREATHING, A.JUGGERNAUT, A.RUPTURE, A.MAGNETISM, A.MAYHEM),
    *(A.PANACHE, A.SADISTIC, A.CONSTRICTED, A.HEX, A.DRAW_REDUCTION),
)
MONSTER_POWER_ORDER = (
    *(B.STRENGTH, B.VULNERABLE, B.WEAK, B.ARTIFACT, B.METALLICIZE, B.PLATED_ARMOR, B.REGEN),
    *(B.RITUAL, B.SHACKLED, B.ANGRY, B.CURL_UP, B.ENRAGE, B.MODE_SHIFT, B.SHARP_HIDE),
    *(B.SPORE_CLOUD, B.THIEVERY, B.THORNS),
)
INTENTS = (
    *("attack", "defend", "buff", "debuff", "strong debuff"),
    *("sleep", "stun", "escape", "unknown"),
)
INTENT_FLAGS = {
    names.ATTACK: ("attack",),
    names.ATTACK_BUFF: ("attack", "buff"),
    names.ATTACK_DEBUFF: ("attack", "debuff"),
    names.ATTACK_DEFEND: ("attack", "defend"),
    names.BUFF: ("buff",),
    names.DEBUFF: ("debuff",),
    names.STRONG_DEBUFF: ("strong debuff",),
    names.DEFEND: ("defend",),
    names.DEFEND_BUFF: ("defend", "buff"),
    names.SLEEP: ("sleep",),
    names.STUN: ("stun",),
    names.ESCAPE: ("escape",),
    names.UNKNOWN: ("unknown",),
}
"""The flags that stand for each intent."""

MOVE_NUMBERS = 7
BOMB_TURNS = 3

SELECT_SLOTS = 30
CARD_OFFERS, RELIC_OFFERS, POTION_OFFERS = 7, 4, 5
REWARD_LINES = 10
MAP_CHOICES = 7
EVENT_OPTIONS = 12

_CARD_BITS, _RELIC_BITS, _POTION_BITS = 8, 8, 6
_TIERS = ("common", "uncommon", "rare", "shop", "boss", "starter", "special")


# The form of the vector.


@dataclass(frozen=True)
class Field:
    """Some numbers of a slot that belong together."""

    name: str
    what: str
    width: int = 1
    scale: float = 1


@dataclass(frozen=True)
class Block:
    """A stretch of the vector: `slots` times the same fields, one after the other."""

    name: str
    fields: tuple[Field, ...]
    slots: int
    offset: int
    width: int
    """The numbers of one slot."""
    places: dict[str, int] = field(repr=False)
    """Where each field begins in a slot."""

    @property
    def size(self) -> int:
        """How many numbers there are in all."""
        return self.slots * self.width

    def at(self, name: str) -> int:
        """Return where a field of the first slot stands in the vector."""
        return self.offset + self.places[name]

    def scale(self, name: str) -> float:
        """Return what a field is divided by."""
        return next(each.scale for each in self.fields if each.name == name)


def _one_hot(name: str, of: Iterable[Any], what: str, scale: float = 1) -> Field:
    members = [str(each) if isinstance(each, str) else each.name.lower() for each in of]
    listed = ", ".join(each.replace("_", " ") for each in members)
    return Field(name, f"{what}: {listed}", len(members), scale)


_FORM = (
    _one_hot("kind", [kind for kind in Kind if kind], "one-hot"),
    Field("upgrades", "how often it is upgraded"),
    Field("cost", "its cost now", scale=3),
    Field("x", "1: it spends all energy"),
    Field("unplayable", "1: it cannot be played"),
    Field("aimed", "1: at one monster"),
    Field("all", "1: at all monsters, or at random ones"),
    Field("damage", "the damage that stands on it, for each hit", scale=20),
    Field("hits", "how many hits", scale=5),
    Field("block", "the block that stands on it", scale=20),
    Field("draws", "cards it draws", scale=3),
    Field("energy", "energy it gives", scale=3),
    Field("vulnerable", "Vulnerable it gives", scale=3),
    Field("weak", "Weak it gives", scale=3),
    Field("strength", "strength the player gains", scale=5),
    Field("power", "amount of another power the player gains", scale=10),
    Field("hp loss", "HP it costs", scale=6),
    Field("healing", "HP it gives", scale=6),
    Field("adds", "cards it adds to a pile", scale=3),
    Field("selects", "1: cards are selected"),
    Field("exhausts", "1: it exhausts"),
    Field("ethereal", "1: it is ethereal"),
    Field("rarity", "1 common, 2 uncommon, 3 rare", scale=3),
    Field("number", "its place in the list of cards, from 1, in binary (least bit first)", 8),
)
"""A card, as it is seen in the hand and where it is offered."""

_PRICE = (
    Field("price", "its price in a shop", scale=100),
    Field("affordable", "1: there is the gold for it"),
)


def _counts(what: str, scale: float = 4) -> Field:
    return Field("count", what, len(CARD_ORDER), scale)


_DECLARED: tuple[tuple[str, int, tuple[Field, ...]], ...] = (
    (
        "player",
        1,
        (
            Field("hp share", "HP over max HP"),
            Field("hp", "HP", scale=100),
            Field("max hp", "max HP", scale=100),
            Field("gold", "gold", scale=500),
            Field("floor", "floor", scale=50),
            Field("act", "act", scale=4),
            Field("ascension", "ascension", scale=20),
            Field("keys", "ruby, emerald, sapphire", 3),
            Field("deck", "cards in the deck", scale=40),
            Field("potion slots", "slots for potions", scale=5),
        ),
    ),
    ("boss", 1, (_one_hot("boss", names.BOSSES.values(), "one-hot"),)),
    ("room", 1, (_one_hot("room", names.ROOMS.values(), "one-hot"),)),
    ("screen", 1, (_one_hot("screen", SCREEN_ORDER, "one-hot"),)),
    (
        "fight",
        1,
        (
            Field("on", "1: there is a combat"),
            Field("block", "the player's block", scale=50),
            Field("energy", "energy left", scale=5),
            Field("turn", "turn, from 1", scale=20),
            Field("hand", "cards in the hand", scale=10),
            Field("draw", "cards to draw", scale=40),
            Field("discard", "cards discarded", scale=40),
            Field("exhaust", "cards exhausted", scale=40),
            Field("hurt", "how often the player was hurt", scale=10),
            Field("incoming", "damage that all intents together announce", scale=50),
            Field("bombs", "damage of bombs that go off in 1, 2, 3 turns", BOMB_TURNS, 50),
        ),
    ),
    ("powers", 1, (_one_hot("powers", POWER_ORDER, "amounts, 10 for those without", 10),)),
    ("hand", HAND, (*_FORM, Field("playable", "1: it can be played"))),
    ("draw pile", 1, (_counts("how many of each card, in no order"),)),
    ("discard pile", 1, (_counts("how many of each card"),)),
    ("exhaust pile", 1, (_counts("how many of each card"),)),
    ("deck", 1, (_counts("how many of each card"),)),
    ("upgraded", 1, (_counts("how many of each card of the deck are upgraded"),)),
    (
        "monsters",
        MONSTERS,
        (
            Field("there", "1: it can be hit"),
            _one_hot("kind", MONSTER_ORDER, "one-hot"),
            Field("hp share", "HP over max HP"),
            Field("hp", "HP", scale=100),
            Field("max hp", "max HP", scale=100),
            Field("block", "block", scale=50),
            Field("known", "1: its intent is shown"),
            _one_hot("intent", INTENTS, "flags"),
            Field("damage", "damage of each hit it intends, as shown", scale=30),
            Field("hits", "how many hits", scale=6),
            Field("total", "damage of all of them", scale=50),
            Field("move", "one-hot: the number the monster gives its move, 1 to 7", MOVE_NUMBERS),
            Field("again", "1: it is the move it made last"),
            _one_hot("powers", MONSTER_POWER_ORDER, "amounts", 10),
        ),
    ),
    (
        "relics",
        1,
        (
            Field("owned", "1: owned, for each relic", len(RELIC_ORDER)),
            Field(
                "counter",
                "the counters of "
                + ", ".join(RELIC_NAMES[relic] for relic in COUNTING)
                + "; 0 for none, -1 in full for used up",
                len(COUNTING),
                10,
            ),
        ),
    ),
    (
        "potions",
        POTION_SLOTS,
        (
            Field("potion", "one-hot, for each potion", len(POTION_ORDER)),
            Field("usable", "1: it can be used now"),
        ),
    ),
    ("card offers", CARD_OFFERS, (*_FORM, *_PRICE)),
    (
        "relic offers",
        RELIC_OFFERS,
        (
            _one_hot("tier", _TIERS, "one-hot"),
            Field("number", "its place in the list of relics, from 1, in binary", _RELIC_BITS),
            *_PRICE,
        ),
    ),
    (
        "potion offers",
        POTION_OFFERS,
        (
            _one_hot("rarity", ("common", "uncommon", "rare"), "one-hot"),
            Field("number", "its place in the list of potions, from 1, in binary", _POTION_BITS),
            *_PRICE,
        ),
    ),
    (
        "offers",
        1,
        (
            Field("bowl", "1: max HP instead of a card"),
            Field("skip", "1: the cards can be refused"),
            Field("purge", "1: the shop removes a card"),
            Field("purge price", "for so much", scale=100),
            Field("purge affordable", "1: there is the gold for it"),
            _one_hot("rest", names.REST_OPTIONS, "1: can be done at this rest site"),
            _one_hot("chest", names.CHESTS, "one-hot"),
        ),
    ),
    (
        "rewards",
        REWARD_LINES,
        (
            _one_hot("kind", REWARD_ORDER, "one-hot"),
            Field("gold", "how much gold", scale=100),
        ),
    ),
    (
        "map",
        MAP_CHOICES,
        (
            _one_hot("room", NODE_ORDER, "one-hot"),
            Field("boss", "1: it is the boss"),
            Field("flight", "1: it costs a charge of the Wing Boots"),
            _one_hot("most", COUNTED_ROOMS, "the most on a path from there to the boss", 5),
            _one_hot("least", COUNTED_ROOMS, "the fewest on a path from there to the boss", 5),
        ),
    ),
    (
        "selection",
        1,
        (
            _one_hot("action", ACTION_ORDER, "one-hot: what cards are selected for in combat"),
            _one_hot("purpose", PURPOSES, "one-hot: what cards of the deck are chosen for"),
            Field("wanted", "how many cards, at most", scale=10),
            Field("picked", "how many are picked", scale=10),
            Field("any", "1: fewer will do"),
        ),
    ),
    (
        "selectable",
        SELECT_SLOTS,
        (
            Field("picked", "1: it is picked"),
            Field("upgrades", "how often it is upgraded"),
            _one_hot("kind", ("attack", "skill", "power", "status or curse"), "one-hot"),
            Field("cost", "its cost", scale=3),
            Field("damage", "the damage that stands on it", scale=20),
            Field("block", "the block that stands on it", scale=20),
        ),
    ),
    (
        "event",
        1,
        (
            _one_hot("event", EVENT_ORDER, "one-hot"),
            Field("options", "1: the option can be chosen", EVENT_OPTIONS),
            Field("odds", "the percentage that Scrap Ooze or Dead Adventurer names", scale=100),
            Field("price", "the gold that World of Goop takes or We Meet Again asks", scale=100),
        ),
    ),
    (
        "neow",
        1,
        (
            _one_hot("gifts", NEOW_ORDER, "1: it is offered"),
            _one_hot("drawback", DRAWBACK_ORDER, "one-hot: what her third gift costs"),
        ),
    ),
)


def _laid_out() -> dict[str, Block]:
    blocks = {}
    offset = 0
    for name, slots, fields in _DECLARED:
        places, width = {}, 0
        for each in fields:
            places[each.name] = width
            width += each.width
        blocks[name] = Block(name, fields, slots, offset, width, places)
        offset += slots * width
    return blocks


BLOCKS = _laid_out()
"""The blocks of the vector, by name, in their order."""

SIZE = sum(block.size for block in BLOCKS.values())
"""How many numbers an observation has."""

FORM = BLOCKS["hand"].places["playable"]
"""How many numbers describe a card."""


def table() -> str:
    """Return the blocks as a table in Markdown."""
    rows = [
        "| block | from | numbers | slots | field | at | what | divided by |",
        "|" + " --- |" * 8,
    ]
    for block in BLOCKS.values():
        for each in block.fields:
            first = each is block.fields[0]
            head = (
                f"`{block.name}` | {block.offset} | {block.size} | {block.slots}"
                if first
                else " | | |"
            )
            place = block.places[each.name]
            end = place + each.width - 1
            at = f"{place}-{end}" if each.width > 1 else f"{place}"
            rows.append(f"| {head} | {each.name} | {at} | {each.what} | {each.scale:g} |")
    return "\n".join(rows) + "\n"


# Tables that both ways of writing read.


def numbers(order: Iterable[Any], size: int) -> Any:
    """Return the place of each code in an order, from 1 on; 0 for what is not in it."""
    places = np.zeros(size, dtype=np.int64)
    for number, code in enumerate(order):
        places[code] = number + 1
    return places


CARD_NUMBERS = numbers(CARD_ORDER, len(Card))


_RARITIES = {Rarity.COMMON: 1, Rarity.UNCOMMON: 2, Rarity.RARE: 3}


def _form(card: CardData, up: int) -> list[float]:
    """Return the numbers that describe a card; its cost is written where it is known."""
    amounts = dict.fromkeys((each.name for each in _FORM), 0.0)

    def add(name: str, value: float) -> None:
        amounts[name] += value

    for line in card.text:
        if line.times[up]:
            _read(line, up, add)
    scales = {each.name: each.scale for each in _FORM}
    known = {name: value / scales[name] for name, value in amounts.items()}
    known["upgrades"] = float(up)
    known["aimed"] = float(card.aim[up] == 1)
    known["all"] = max(known["all"], float(card.aim[up] == 2))
    known["rarity"] = _RARITIES.get(card.rarity, 0) / scales["rarity"]
    for name in ("exhausts", "ethereal"):
        known[name] = float(getattr(card, name)[up])
    number = int(CARD_NUMBERS[card.id])
    row: list[float] = []
    for each in _FORM:
        if each.name == "kind":
            row += [float(card.kind == k) for k in range(1, each.width + 1)]
        elif each.name == "number":
            row += [float(number >> bit & 1) for bit in range(each.width)]
        else:
            row.append(known[each.name])
    return row


_HITS = (Verb.HIT, Verb.HIT_ALL, Verb.HIT_RANDOM)
_ADDS = (
    Verb.ADD_TO_HAND,
    Verb.ADD_TO_DRAW,
    Verb.ADD_TO_DISCARD,
    Verb.ROLL_TO_HAND,
    Verb.ROLL_TO_DRAW,
)
_INFLICTS = (Verb.INFLICT, Verb.INFLICT_ALL)


def _read(line: Line, up: int, add: Any) -> None:
    """Add what a line of a card's text says."""
    amount = line.amount[up]
    if line.verb in _HITS:
        add("damage", amount)
        add("hits", line.times[up])
        add("all", line.verb == Verb.HIT_RANDOM)
    elif line.verb == Verb.BLOCK:
        add("block", amount)
    elif line.verb == Verb.DRAW:
        add("draws", amount)
    elif line.verb == Verb.ENERGY:
        add("energy", amount)
    elif line.verb in _INFLICTS and line.arg == MonsterPower.VULNERABLE:
        add("vulnerable", amount)
    elif line.verb in _INFLICTS and line.arg == MonsterPower.WEAK:
        add("weak", amount)
    elif line.verb == Verb.GAIN and line.arg == PlayerPower.STRENGTH:
        add("strength", amount)
    elif line.verb == Verb.GAIN:
        add("power", amount)
    elif line.verb == Verb.LOSE_HP:
        add("hp loss", amount)
    elif line.verb == Verb.HEAL:
        add("healing", amount)
    elif line.verb in _ADDS:
        add("adds", amount)
    elif line.verb == Verb.SELECT:
        add("selects", 1)
    elif line.verb == Verb.OWN and line.op in (
        Special.COMBUST,
        Special.BOMB,
        Special.SPOT_WEAKNESS,
    ):
        add("power", amount)


FORMS = np.zeros((len(CARD_ORDER) + 1, 2, FORM), dtype=np.float32)
"""What describes a card, by its number and whether it is upgraded."""
for _card in CARDS:
    for _up in range(2):
        FORMS[CARD_NUMBERS[_card.id], _up] = _form(BY_ID[_card.id], _up)

INTENT_ROWS = np.zeros((len(Move), len(INTENTS)), dtype=np.float32)
"""The flags of the intent of each move."""
MOVE_PLACES = np.zeros(len(Move), dtype=np.int64)
"""The number of each move, 0 where it is above `MOVE_NUMBERS`."""
for _move, (_number, _intent) in names.MOVES.items():
    INTENT_ROWS[_move] = [flag in INTENT_FLAGS[_intent] for flag in INTENTS]
    MOVE_PLACES[_move] = _number if _number <= MOVE_NUMBERS else 0

SELECTIONS = np.zeros(len(Task), dtype=np.int64)
"""The number of the action that has cards selected for each task, from 1 on."""
for _task, _action in names.ACTIONS.items():
    SELECTIONS[_task] = ACTION_ORDER.index(_action) + 1
