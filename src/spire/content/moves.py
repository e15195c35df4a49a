"""Moves: the words in which monsters and what they do are written down.

A number is the same at every ascension, or `by` gives it steps. A move is a list of steps (`hit`, `block`,
`gain`, …) and what comes after it; what comes after, and what a monster rolls, are rows that are read
from the top: the first `when` whose conditions all hold says the move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from spire.codes import Codes
from spire.ids import Card, Encounter, Monster, MonsterPower, Move, PlayerPower

ASCENSIONS = 21

Levels = tuple[int, ...]
"""A number for each ascension."""


class Verb(Codes):
    """What a step does. `amount` is its number; "own" is a number of the monster's own (`Own`)."""

    HIT = 1  # an attack, `times` over; with `own`, that number is the base
    BLOCK = 2  # for itself
    AFFLICT = 3  # the player gets power `what`
    GAIN = 4  # it gets power `what`
    GAIN_ROLLED = 5  # the same, from `amount` to `times`: rolled at the start of the fight
    LOSE = 6  # it loses power `what` whole
    ADD = 7  # cards of id `what` to the discard pile; with `own`, that number is their upgrades
    COUNT = 8  # its own number grows
    SET = 9  # its own number is set
    DIVIDE = 10  # its own number becomes the player's HP over `amount`, and one more
    STEAL = 11  # gold
    ESCAPE = 12
    GUARD = 13  # a random other monster gains block, or it alone if there is no other
    WAKE = 14  # it stops sleeping, after `amount` turns of sleep
    OPEN = 15  # Guardian: back into its offensive mode
    KINDLE = 16  # every Burn in draw pile and discard pile is upgraded, and `amount` more come
    SPLIT = 17  # into monsters `what` and `times`; `amount` rolls are drawn and thrown away


class Own(Codes):
    """The places of the numbers a monster keeps for itself; kinds of monsters share them."""

    BITE = 0  # louse: its damage
    CHARGE = 0  # gremlin wizard
    ENTANGLED = 0  # red slaver: 1 once it has done so
    MUGS = 0  # thief: how often it has robbed
    SLEPT = 0  # Lagavulin: turns
    SPLITTING = 0  # large slime: 1 once it has begun to
    DIVIDER = 0  # Hexaghost: the base of it
    THRESHOLD = 0  # Guardian: the next mode shift
    STOLEN = 1  # thief: gold
    ORBS = 1  # Hexaghost
    INFERNOS = 2  # Hexaghost: 1 once there was one


class Check(Codes):
    """What a condition asks."""

    NONE = 0
    FIRST = 1  # no move has been chosen yet
    ROLL_BELOW = 2
    LAST = 3  # the last move chosen is this
    TWICE = 4  # the last two moves chosen are this
    OWN = 5  # the monster's own number is at least this
    POWER = 6  # the monster has this power
    ODD_PLACE = 7
    ALONE = 8  # no other monster lives
    FIGHT = 9  # this is the encounter
    ASCENSION = 10  # at least this


class Draw(Codes):
    """How a row comes to its move."""

    NONE = 0
    COIN = 1  # the first of two if heads
    CHANCE = 2  # the first of two by a chance


class Roll(Codes):
    """What comes after a move."""

    NONE = 0  # the same move again
    NEXT = 1  # the move of its rows, at once
    IDLE = 2  # the move of its rows, after a roll that is thrown away
    FREE = 3  # whatever the monster rolls


def by(base: int, **raised: int) -> Levels:
    """Return a number by ascension: ``by(11, a2=12)`` is 11, and 12 from ascension 2 on."""
    steps = {0: base, **{int(name[1:]): value for name, value in raised.items()}}
    return tuple(steps[max(step for step in steps if step <= a)] for a in range(ASCENSIONS))


def levels(value: int | Levels) -> Levels:
    """Return a number for each ascension."""
    return (value,) * ASCENSIONS if isinstance(value, int) else value


@dataclass(frozen=True)
class Step:
    """A step of a move, or of what a monster does at the start of a fight."""

    verb: Verb
    amount: int | Levels = 1
    what: int = 0
    times: int | Levels = 1
    own: Own | None = None
    fight: Encounter = Encounter.INVALID
    """At the start of a fight: in this one only."""


def hit(base: int | Levels, times: int | Levels = 1) -> Step:
    """Attack the player."""
    return Step(Verb.HIT, base, times=times)


def hit_own(own: Own, times: int | Levels = 1) -> Step:
    """Attack the player with a number of its own."""
    return Step(Verb.HIT, times=times, own=own)


def block(amount: int | Levels) -> Step:
    """Gain block."""
    return Step(Verb.BLOCK, amount)


def afflict(power: PlayerPower, amount: int | Levels) -> Step:
    """Put a power on the player; none where the amount is 0."""
    return Step(Verb.AFFLICT, amount, power)


def gain(power: MonsterPower, amount: int | Levels = 1) -> Step:
    """Gain a power."""
    return Step(Verb.GAIN, amount, power)


def gain_rolled(power: MonsterPower, low: int | Levels, high: int | Levels) -> Step:
    """Gain a power whose amount is rolled at the start of the fight."""
    return Step(Verb.GAIN_ROLLED, low, power, high)


def lose(power: MonsterPower) -> Step:
    """Lose a power."""
    return Step(Verb.LOSE, what=power)


def add(card: Card, count: int | Levels, upgrades: Own | None = None) -> Step:
    """Add cards to the discard pile."""
    return Step(Verb.ADD, count, card, own=upgrades)


def count(own: Own) -> Step:
    """Count one more."""
    return Step(Verb.COUNT, 1, own=own)


def put(own: Own, amount: int | Levels) -> Step:
    """Set a number of its own."""
    return Step(Verb.SET, amount, own=own)


def divide(own: Own, parts: int) -> Step:
    """Set a number of its own to one more than the player's HP over that many parts."""
    return Step(Verb.DIVIDE, parts, own=own)


def steal(gold: int | Levels) -> Step:
    """Steal gold."""
    return Step(Verb.STEAL, gold)


def escape() -> Step:
    """Leave the fight."""
    return Step(Verb.ESCAPE)


def guard(amount: int | Levels) -> Step:
    """Give block to a random other monster."""
    return Step(Verb.GUARD, amount)


def wake(turns: int) -> Step:
    """Wake after that many turns of sleep."""
    return Step(Verb.WAKE, turns)


def unfold() -> Step:
    """Go back into offensive mode (Guardian)."""
    return Step(Verb.OPEN)


def kindle(count: int) -> Step:
    """Upgrade every Burn in draw and discard pile, and add some."""
    return Step(Verb.KINDLE, count)


def split(left: Monster, right: Monster, idle_rolls: int) -> Step:
    """Become two others."""
    return Step(Verb.SPLIT, idle_rolls, left, right)


def only_in(encounter: Encounter, *steps: Step) -> tuple[Step, ...]:
    """Return steps for the start of one encounter only."""
    return tuple(replace(step, fight=encounter) for step in steps)


@dataclass(frozen=True)
class Condition:
    """Something that holds or not; `wanted` says which is asked for."""

    check: Check
    value: int = 0
    own: Own | None = None
    wanted: bool = True


def no(condition: Condition) -> Condition:
    """Return the opposite."""
    return Condition(condition.check, condition.value, condition.own, not condition.wanted)


FIRST = Condition(Check.FIRST)
ODD_PLACE = Condition(Check.ODD_PLACE)
ALONE = Condition(Check.ALONE)


def roll_below(bound: int) -> Condition:
    """Whether the roll (0 to 99) is below that."""
    return Condition(Check.ROLL_BELOW, bound)


def last(move: Move) -> Condition:
    """Whether the last move was this."""
    return Condition(Check.LAST, move)


def twice(move: Move) -> Condition:
    """Whether the last two moves were this."""
    return Condition(Check.TWICE, move)


def own(place: Own, least: int) -> Condition:
    """Whether a number of its own is at least that."""
    return Condition(Check.OWN, least, place)


def has(power: MonsterPower) -> Condition:
    """Whether it has a power."""
    return Condition(Check.POWER, power)


def fight(encounter: Encounter) -> Condition:
    """Whether it was met in this encounter."""
    return Condition(Check.FIGHT, encounter)


def from_ascension(level: int) -> Condition:
    """Whether the ascension is that or more."""
    return Condition(Check.ASCENSION, level)


@dataclass(frozen=True)
class Pick:
    """One of two moves, drawn."""

    draw: Draw
    chance: float
    first: Move
    other: Move


def coin(heads: Move, tails: Move) -> Pick:
    """Return a fair pick."""
    return Pick(Draw.COIN, 0.5, heads, tails)


def either(chance: float, first: Move, other: Move) -> Pick:
    """Return a pick that is the first with that chance."""
    return Pick(Draw.CHANCE, chance, first, other)


CONDITIONS = 3
"""The most conditions of a row."""


@dataclass(frozen=True)
class Row:
    """A row: a move, and when."""

    conditions: tuple[Condition, ...]
    pick: Pick


def when(*conditions: Condition, use: Move | Pick) -> Row:
    """Return a row that holds when all conditions do."""
    if len(conditions) > CONDITIONS:
        raise ValueError(f"a row has at most {CONDITIONS} conditions")
    return Row(conditions, use if isinstance(use, Pick) else Pick(Draw.NONE, 0, use, use))


@dataclass(frozen=True)
class After:
    """What comes after a move."""

    roll: Roll
    rows: tuple[Row, ...] = ()


FREELY = After(Roll.FREE)
AGAIN = After(Roll.NONE)


def _rows(use: Move | Pick, unless: Sequence[Row]) -> tuple[Row, ...]:
    return (*unless, when(use=use))


def then(use: Move | Pick, *unless: Row) -> After:
    """Fix what comes next at once: this, unless a row before it holds."""
    return After(Roll.NEXT, _rows(use, unless))


def idly(use: Move | Pick, *unless: Row) -> After:
    """Fix what comes next, but draw a roll and throw it away."""
    return After(Roll.IDLE, _rows(use, unless))


@dataclass(frozen=True)
class Act:
    """A move: its steps, and what comes after."""

    steps: tuple[Step, ...]
    after: After


def move(*steps: Step, after: After = FREELY) -> Act:
    """Return a move."""
    return Act(steps, after)


@dataclass(frozen=True)
class Span:
    """A number that is rolled between two others."""

    low: Levels
    high: Levels


def span(low: int, high: int, **raised: tuple[int, int]) -> Span:
    """Return a span by ascension: ``span(40, 44, a7=(42, 46))``."""
    return Span(
        by(low, **{name: pair[0] for name, pair in raised.items()}),
        by(high, **{name: pair[1] for name, pair in raised.items()}),
    )


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of monster."""

    monster: Monster
    hp: Span
    moves: dict[Move, Act]
    choice: tuple[Row, ...]
    """What it rolls; the first move too."""
    rolled: tuple[tuple[Own, Span], ...] = ()
    """A number of its own that is rolled as it is made, after its HP."""
    own: tuple[tuple[Own, int | Levels], ...] = ()
    """Numbers of its own that it begins with, if not 0."""
    start: tuple[Step, ...] = ()
    """What it does as the fight begins."""
