"""Scripts: the words that events are written in.

An event is what it draws as it is entered and what each of its options does, a few lines each. Amounts are
pairs: below ascension 15, and from there on. `spire.run.events` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

from spire.codes import Codes
from spire.ids import Card, Encounter, Relic

LINES = 3
"""The most lines of an option."""


class Unit(Codes):
    """What an amount is counted in. Shares are of the max HP as the event was entered."""

    ONES = 0
    PERCENT_DOWN = 1  # rounded down
    PERCENT_NEAREST = 2  # rounded to the nearest, halves up
    PERCENT_UP = 3  # rounded up
    PART = 4  # one `amount`-th, rounded down, at least 1
    DRAWN = 5  # what the event drew and put at that place of its data
    ACTS = 6  # times the number of the act


class Op(Codes):
    """What a line of a script does."""

    NONE = 0
    GOLD = 1
    PAY = 2
    HEAL = 3
    MAX_HP = 4
    LOSE_MAX_HP = 5  # at least 1
    LOSE_HP = 6  # damage as well: nobody deals it
    RELIC = 7  # a random one; `arg` is a curse that comes with it
    GIVE_RELIC = 8  # relic `arg`, or a circlet if it is owned
    RELIC_REWARD = 9  # a random one, on a screen of rewards
    POTIONS = 10  # on a screen of rewards
    CARD = 11  # card `arg`
    REMOVE = 12  # choose a card
    TRANSFORM = 13
    UPGRADE = 14
    OFFER = 15  # to the bonfire
    UPGRADE_RANDOM = 16
    REMOVE_CURSES = 17
    DRAW = 18  # `amount` to `arg`, put at place 0 of the event's data
    DRAW_LOSS = 19  # the same, but no more than the gold there is
    PAGE = 20  # the event goes on at page `amount`
    ONE_OF = 21  # one of the `amount` outcomes of the script
    PRIZE = 22  # gold, and relic `arg`, for the fight that follows
    FIGHT = 23  # encounter `arg`

    # Of one event each.
    HIDE = 30  # Dead Adventurer: what lies where, and who comes back
    SEARCH = 31  # `amount` percent that it comes back; `arg` finds end the event
    REACH = 32  # Scrap Ooze: `amount` damage, and `arg` more for each try before
    FACE = 33  # Face Trader
    MEET = 34  # We Meet Again: what is asked for
    GIVE_POTION = 35
    GIVE_CARD = 36
    DEAL = 37  # Match and Keep: the twelve cards, with `amount` curses
    TURN = 38  # card `amount`


class Check(Codes):
    """What an option, or an event, needs."""

    NOTHING = 0
    NEVER = 1
    GOLD = 2  # at least `amount`
    HP_ABOVE = 3
    FLOOR_ABOVE = 4
    ROW_ABOVE = 5
    RELICS = 6  # at least `amount`
    CURSE = 7  # one that can be removed
    UPGRADABLE = 8  # a card
    ATTACK = 9  # one that deals at least `amount`
    DRAWN = 10  # the event's data has something at place `amount`
    FACE_DOWN = 11  # card `amount` of Match and Keep
    IDOL_OR_HALF_HP = 12


ANY = -1
"""Of an option that is there on every page."""


@dataclass(frozen=True)
class Amount:
    """A number, and what takes its place from ascension 15 on."""

    base: int
    a15: int
    unit: int = Unit.ONES


@dataclass(frozen=True)
class Line:
    """One thing that an option does."""

    op: int
    amount: Amount = Amount(0, 0)
    arg: Amount = Amount(0, 0)


@dataclass(frozen=True)
class Need:
    """What has to hold."""

    check: int = Check.NOTHING
    amount: Amount = Amount(0, 0)


@dataclass(frozen=True)
class Option:
    """A choice: its text, what it does, what it needs, and the page it is on."""

    text: str
    lines: tuple[Line, ...]
    needs: Need
    page: int


@dataclass(frozen=True)
class Script:
    """An event: its name in the game, what it does as it is entered, its options, and outcomes of chance."""

    name: str
    options: tuple[Option, ...]
    entered: tuple[Line, ...] = ()
    outcomes: tuple[tuple[Line, ...], ...] = ()


@dataclass(frozen=True)
class Met:
    """When an event can be met: in which acts, and what else has to hold."""

    acts: tuple[int, ...] = (1, 2, 3)
    needs: Need = Need()


def _amount(value: int | Amount, a15: int | None, unit: int = Unit.ONES) -> Amount:
    if isinstance(value, Amount):
        return value
    return Amount(value, value if a15 is None else a15, unit)


def percent(value: int, a15: int | None = None) -> Amount:
    """Return that much of the max HP, rounded down."""
    return _amount(value, a15, Unit.PERCENT_DOWN)


def nearest_percent(value: int, a15: int | None = None) -> Amount:
    """Return that much of the max HP, rounded to the nearest."""
    return _amount(value, a15, Unit.PERCENT_NEAREST)


def percent_up(value: int, a15: int | None = None) -> Amount:
    """Return that much of the max HP, rounded up."""
    return _amount(value, a15, Unit.PERCENT_UP)


def part(divisor: int) -> Amount:
    """Return one `divisor`-th of the max HP, at least 1."""
    return _amount(divisor, None, Unit.PART)


def drawn(place: int = 0) -> Amount:
    """Return what the event drew."""
    return _amount(place, None, Unit.DRAWN)


def per_act(value: int) -> Amount:
    """Return so much for each act up to this one."""
    return _amount(value, None, Unit.ACTS)


def does(op: int, value: int | Amount = 0, *, a15: int | None = None, arg: int = 0) -> Line:
    """Return a line."""
    return Line(op, _amount(value, a15), Amount(arg, arg))


def gold(value: int | Amount, a15: int | None = None) -> Line:
    """Gain gold."""
    return does(Op.GOLD, value, a15=a15)


def pay(value: int | Amount, a15: int | None = None) -> Line:
    """Lose gold."""
    return does(Op.PAY, value, a15=a15)


def heal(value: int | Amount) -> Line:
    """Heal."""
    return does(Op.HEAL, value)


def damage(value: int | Amount) -> Line:
    """Take damage. Nobody deals it, so it is as good as a loss of HP."""
    return does(Op.LOSE_HP, value)


def lose_hp(value: int | Amount) -> Line:
    """Lose HP."""
    return does(Op.LOSE_HP, value)


def max_hp(value: int) -> Line:
    """Gain max HP."""
    return does(Op.MAX_HP, value)


def lose_max_hp(value: Amount) -> Line:
    """Lose max HP."""
    return does(Op.LOSE_MAX_HP, value)


def relic() -> Line:
    """Obtain a random relic."""
    return does(Op.RELIC)


def relic_with(curse: Card) -> Line:
    """Obtain a random relic, and a curse."""
    return does(Op.RELIC, arg=curse)


def give(which: Relic) -> Line:
    """Obtain that relic."""
    return does(Op.GIVE_RELIC, arg=which)


def card(which: Card) -> Line:
    """Obtain that card."""
    return does(Op.CARD, arg=which)


def potions(count: int, a15: int | None = None) -> Line:
    """Be offered random potions."""
    return does(Op.POTIONS, count, a15=a15)


def draw(low: int, high: int, *, a15: tuple[int, int] | None = None, op: int = Op.DRAW) -> Line:
    """Draw a number, which `drawn` returns."""
    low15, high15 = a15 or (low, high)
    return Line(op, Amount(low, low15), Amount(high, high15))


def prize(value: Amount, which: Relic) -> Line:
    """Lay down what the fight that follows is for."""
    return does(Op.PRIZE, value, arg=which)


def fight(encounter: Encounter) -> Line:
    """Fight."""
    return does(Op.FIGHT, arg=encounter)


def option(text: str, *lines: Line, needs: Need | None = None, page: int = ANY) -> Option:
    """Return an option."""
    return Option(text, lines, needs or Need(), page)


def need(check: int, value: int = 0, a15: int | None = None) -> Need:
    """Return what has to hold."""
    return Need(check, _amount(value, a15))


REMOVE, TRANSFORM, UPGRADE = does(Op.REMOVE), does(Op.TRANSFORM), does(Op.UPGRADE)
UPGRADABLE = need(Check.UPGRADABLE)
LEAVE = option("Leave")
