"""Text: what the lines of cards and potions say, and the words they say it with.

A card or a potion is a few lines that happen one after another as it is used. Amounts are pairs: of a card
as it is and upgraded, of a potion without and with Sacred Bark. `spire.combat.use` does what the lines say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spire.codes import Codes
from spire.compiled import record

LINES = 4
"""The most lines a text may have."""


class Verb(Codes):
    """What a line does as the card or potion is used."""

    NONE = 0
    HIT = 1  # the target, `times` times
    HIT_ALL = 2
    HIT_RANDOM = 3
    BLOCK = 4  # as cards give it: with dexterity
    RAW_BLOCK = 5
    GAIN = 6  # the player's power `arg`
    INFLICT = 7  # power `arg` on the target
    INFLICT_ALL = 8
    SHACKLE = 9  # strength comes back to the target, unless Artifact keeps it from losing any
    DAMAGE = 10  # no attack
    DAMAGE_ALL = 11
    LOSE_HP = 12
    HEAL = 13
    HEAL_PERCENT = 14  # of the maximum
    MAX_HP = 15
    ENERGY = 16
    DRAW = 17
    DOUBLE_BLOCK = 18
    ADD_TO_HAND = 19  # `amount` new cards `arg`; the card itself comes with its upgrades
    ADD_TO_DRAW = 20
    ADD_TO_DISCARD = 21
    ROLL_TO_HAND = 22  # `amount` random cards of pool `arg`; `extra` 1: free this turn
    ROLL_TO_DRAW = 23  # the same, free for the combat
    PLAY_TOP = 24  # the top card of the draw pile, `amount` times; `extra` 1: and it is exhausted
    EXHAUST_RANDOM = 25
    UPGRADE_ALL = 26  # of the hand; `arg` 1: of every pile
    RESHUFFLE = 27  # the discard pile, if there is any, and the draw pile once more
    SELECT = 28  # `Task` `arg`
    BREW = 29  # a random potion for every slot
    OWN = 30  # a `Special`
    OWN_X = 31  # a `Special`, with the energy there is to spend as its amount


class Special(Codes):
    """Effects that belong to one card or potion, resolved by `spire.combat.special`. Codes go on from `Op`.

    `amount`, `arg` and so on are the fields of the effect.
    """

    X_TIMES = (
        100  # the effect that follows happens `amount` times; `arg` is 1 if no energy is spent
    )
    TRANSMUTATION = 101  # as above; `source` is the upgrades of the cards
    REAPER = 102  # the five fields are amounts, as of an attack on all
    FEED = 103  # `amount` damage, `arg` maximum HP
    HAND_OF_GREED = 104  # `amount` damage, `arg` gold
    RITUAL_DAGGER = 105  # `amount` damage, `arg` more for ever
    DROPKICK = 106
    FIEND_FIRE = 107  # `amount` damage for each card
    FIEND_FIRE_CARD = 108  # a random card of the hand is exhausted
    SECOND_WIND = 109  # `amount` block for each card
    SEVER_SOUL = 110
    SPOT_WEAKNESS = 111
    LIMIT_BREAK = 112
    GROW = 113  # a card and its copies remember `amount` more
    CORRUPTION = 114
    COMBUST = 115
    MADNESS = 116
    ENLIGHTENMENT = 117  # `amount` 1: for the combat
    IMPATIENCE = 118  # `amount` cards
    SHUFFLE_DRAW = 119
    VIOLENCE = 120  # `amount` cards
    BOMB = 121
    RANDOM_COSTS = 122
    OBTAIN_POTION = 123  # `amount` is the potion
    SMOKE_BOMB = 124


class Task(Codes):
    """What a selection of cards in combat is for."""

    NONE = 0
    # Of the hand.
    ARMAMENTS = 1
    EXHAUST_ONE = 2
    EXHAUST_MANY = 3
    WARCRY = 4
    FORETHOUGHT = 5
    FORETHOUGHT_MANY = 6
    DUAL_WIELD = 7
    GAMBLE = 8
    # Of another pile.
    HEADBUTT = 9
    EXHUME = 10
    LIQUID_MEMORIES_POTION = 11
    SECRET_TECHNIQUE = 12
    SECRET_WEAPON = 13
    # Of three cards that are offered.
    DISCOVERY = 14
    ATTACK_POTION = 15
    SKILL_POTION = 16
    POWER_POTION = 17
    COLORLESS_POTION = 18
    TOOLBOX = 19
    CODEX = 20


class Number(Codes):
    """What the base damage of a card is made of."""

    PLAIN = 0
    STRENGTH = 1  # strength counts `extra` times
    STRIKES = 2  # `extra` more for each Strike
    REMEMBERED = 3  # more by what the card remembers
    UPGRADES = 4
    BLOCK = 5
    DRAW_PILE = 6


class Pool(Codes):
    """What cards are made of at random in combat."""

    ANY = 0
    ATTACK = 1
    SKILL = 2
    POWER = 3
    COLORLESS = 4


Pair = tuple[int, int]

LINE = record(
    [
        ("verb", np.int8),
        ("op", np.int16),
        ("arg", np.int16),
        ("amount", np.int16, (2,)),
        ("extra", np.int16, (2,)),
        ("times", np.int8, (2,)),
    ]
)
"""A line as kernels read it; `times` is 0 in the version that has not got it."""


@dataclass(frozen=True)
class Line:
    """One line of a text."""

    verb: Verb
    amount: Pair = (0, 0)
    arg: int = 0
    extra: Pair = (0, 0)
    times: Pair = (1, 1)
    op: int = 0


def text_table(texts: Sequence[Sequence[tuple[Line, ...]]]) -> Any:
    """Return rows of texts as one array of lines, short texts filled up with `Verb.NONE`."""
    lines = np.zeros((len(texts), len(texts[0]), LINES), dtype=LINE).view(np.recarray)
    for row, column, place, line in (
        (row, column, place, line)
        for row, one_row in enumerate(texts)
        for column, text in enumerate(one_row)
        for place, line in enumerate(text)
    ):
        lines[row, column, place] = (
            *(line.verb, line.op, line.arg),
            *(line.amount, line.extra, line.times),
        )
    return lines


def pair(amount: int | Pair) -> Pair:
    """Return an amount that may be the same in both versions as a pair."""
    return amount if isinstance(amount, tuple) else (amount, amount)


def plain(line: Line) -> Line:
    """Return a line that an upgrade takes away."""
    return replace(line, times=(line.times[0], 0))


def upgraded(line: Line) -> Line:
    """Return a line that an upgrade brings."""
    return replace(line, times=(0, line.times[1]))


def _line(verb: Verb, amounts: tuple[int, ...], arg: int = 0, **rest: Any) -> Line:
    """Return a line; one amount stands for both versions."""
    return Line(verb, (amounts[0], amounts[-1]), arg, **rest)


def hit(
    *damage: int,
    times: int | Pair = 1,
    number: Number = Number.PLAIN,
    by: int | Pair = 0,
    then: int = 0,
) -> Line:
    """Attack the target. `by` goes with the number, or with the effect of its own that does it (`then`)."""
    return _line(Verb.HIT, damage, number, extra=pair(by), times=pair(times), op=then)


def hit_all(*damage: int, then: int = 0) -> Line:
    """Attack every monster."""
    return _line(Verb.HIT_ALL, damage, op=then)


def hit_random(*damage: int, times: int | Pair) -> Line:
    """Attack a random monster, again and again."""
    return _line(Verb.HIT_RANDOM, damage, times=pair(times))


def block(*amount: int, then: int = 0) -> Line:
    """Gain block."""
    return _line(Verb.BLOCK, amount, op=then)


def raw_block(*amount: int) -> Line:
    """Gain block that nothing changes."""
    return _line(Verb.RAW_BLOCK, amount)


def gain(power: int, *amount: int) -> Line:
    """Gain a power."""
    return _line(Verb.GAIN, amount, power)


def inflict(power: int, *amount: int) -> Line:
    """Give the target a power."""
    return _line(Verb.INFLICT, amount, power)


def inflict_all(power: int, *amount: int) -> Line:
    """Give every monster a power."""
    return _line(Verb.INFLICT_ALL, amount, power)


def shackle(power: int, *amount: int) -> Line:
    """Give the target its strength back as its turn ends."""
    return _line(Verb.SHACKLE, amount, power)


def damage(*amount: int) -> Line:
    """Damage the target, not as an attack."""
    return _line(Verb.DAMAGE, amount)


def damage_all(*amount: int) -> Line:
    """Damage every monster, not as an attack."""
    return _line(Verb.DAMAGE_ALL, amount)


def lose_hp(*amount: int) -> Line:
    """Lose HP by the player's own doing."""
    return _line(Verb.LOSE_HP, amount, 1)


def heal(*amount: int) -> Line:
    """Heal."""
    return _line(Verb.HEAL, amount)


def heal_percent(*amount: int) -> Line:
    """Heal a part of the maximum."""
    return _line(Verb.HEAL_PERCENT, amount)


def max_hp(*amount: int) -> Line:
    """Gain maximum HP."""
    return _line(Verb.MAX_HP, amount)


def energy(*amount: int) -> Line:
    """Gain energy."""
    return _line(Verb.ENERGY, amount)


def draw(*amount: int) -> Line:
    """Draw cards."""
    return _line(Verb.DRAW, amount)


def double_block() -> Line:
    """Double the block there is."""
    return Line(Verb.DOUBLE_BLOCK)


def add_to_hand(card: int, *amount: int) -> Line:
    """Add new cards to the hand."""
    return _line(Verb.ADD_TO_HAND, amount, card)


def add_to_draw(card: int, *amount: int) -> Line:
    """Shuffle new cards into the draw pile."""
    return _line(Verb.ADD_TO_DRAW, amount, card)


def add_to_discard(card: int, *amount: int) -> Line:
    """Add new cards to the discard pile."""
    return _line(Verb.ADD_TO_DISCARD, amount, card)


def roll_to_hand(pool: Pool, *amount: int, free: bool = False) -> Line:
    """Add random cards to the hand, perhaps free this turn."""
    return _line(Verb.ROLL_TO_HAND, amount, pool, extra=pair(int(free)))


def roll_to_draw(pool: Pool, *amount: int) -> Line:
    """Shuffle random cards into the draw pile, free for the combat."""
    return _line(Verb.ROLL_TO_DRAW, amount, pool)


def play_top(*amount: int, exhausts: bool = False) -> Line:
    """Play the top card of the draw pile at a random monster, again and again."""
    return _line(Verb.PLAY_TOP, amount, extra=pair(int(exhausts)))


def exhaust_random() -> Line:
    """Exhaust a random card of the hand."""
    return Line(Verb.EXHAUST_RANDOM)


def upgrade_hand() -> Line:
    """Upgrade every card of the hand."""
    return Line(Verb.UPGRADE_ALL)


def upgrade_all() -> Line:
    """Upgrade every card."""
    return Line(Verb.UPGRADE_ALL, arg=1)


def reshuffle() -> Line:
    """Shuffle the discard pile into the draw pile."""
    return Line(Verb.RESHUFFLE)


def select(task: Task, *amount: int) -> Line:
    """Have cards selected."""
    return _line(Verb.SELECT, amount or (1,), task)


def brew() -> Line:
    """Fill the slots with random potions."""
    return Line(Verb.BREW)


def own(special: Special, *amount: int) -> Line:
    """Do what only this card or potion does."""
    return _line(Verb.OWN, amount or (0,), op=special)


def own_x(special: Special) -> Line:
    """Do what only this card does, with all energy there is."""
    return Line(Verb.OWN_X, op=special)
