"""Relic effects: what relics do in combat, as lines that say when, on what condition, and what.

What reaches into the reckoning of a number (Strike Dummy, Torii, …) stands where that number is reckoned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spire.codes import Codes
from spire.combat.effects import ALL, PLAYER, Op, Pile
from spire.compiled import record
from spire.content.text import Task
from spire.ids import Card, MonsterPower, PlayerPower
from spire.ids import Relic as R


class When(Codes):
    """What sets a line off."""

    PRE_BATTLE = 0  # before the opening draw
    BATTLE_START = 1  # after the opening draw has been asked for
    TURN_START = 2  # the first turn too
    TURN_AFTER_DRAW = 3
    ATTACK = 4  # an attack is played
    SKILL = 5
    POWER = 6
    CARD = 7  # any card is played
    TURN_END = 8
    VICTORY = 9


class If(Codes):
    """A further condition of a line; `number` is the line's."""

    ALWAYS = 0
    EVERY = 1  # the relic's counter, which it keeps, has come to `number`
    EVERY_ATTACK = 2  # the attacks of this turn are a multiple of it
    EVERY_SKILL = 3
    TURN = 4  # it is turn `number`
    LATER_TURN = 5  # it is not the first turn
    NO_ATTACK_LAST_TURN = 6
    FEW_CARDS_LAST_TURN = 7  # at most `number`
    NO_BLOCK = 8
    ELITE = 9
    BOSS = 10
    RESTED = 11  # the tea set was armed in a rest room
    COUNTER = 12  # the relic's counter is above 0, and stands for the amount
    CURSES = 13  # the deck's curses stand for the amount
    COUNTER_IS = 14  # the relic's counter stands at `number`


@dataclass(frozen=True)
class Line:
    """One thing that a relic does. `top` puts it before what waits, not behind."""

    when: When
    op: Op
    target: int
    amount: int = 0
    arg: int = 0
    card: int = 0
    condition: If = If.ALWAYS
    number: int = 0
    top: bool = False


def block(amount: int) -> tuple[Op, int, int, int]:
    """The player gains block."""
    return Op.BLOCK, PLAYER, amount, 0


def gain(power: PlayerPower, amount: int) -> tuple[Op, int, int, int]:
    """The player gains a power."""
    return Op.POWER, PLAYER, amount, power


def inflict(power: MonsterPower, amount: int) -> tuple[Op, int, int, int]:
    """Every monster gets a power."""
    return Op.MONSTER_POWER, ALL, amount, power


def energy(amount: int) -> tuple[Op, int, int, int]:
    """The player gains energy."""
    return Op.ENERGY, PLAYER, amount, 0


def draw(amount: int) -> tuple[Op, int, int, int]:
    """The player draws."""
    return Op.DRAW, PLAYER, amount, 0


def heal(amount: int) -> tuple[Op, int, int, int]:
    """The player heals."""
    return Op.HEAL, PLAYER, amount, 0


def damage(amount: int) -> tuple[Op, int, int, int]:
    """Every monster takes damage."""
    return Op.DAMAGE, ALL, amount, 0


def select(task: Task) -> tuple[Op, int, int, int]:
    """Cards are selected."""
    return Op.SELECT, PLAYER, 1, task


def upgrade_one() -> tuple[Op, int, int, int]:
    """A random card of the hand is upgraded."""
    return Op.UPGRADE_RANDOM, PLAYER, 1, 0


def at(
    when: When,
    what: tuple[Op, int, int, int],
    condition: If = If.ALWAYS,
    number: int = 0,
    *,
    top: bool = False,
) -> Line:
    """Return a line."""
    op, target, amount, arg = what
    return Line(when, op, target, amount, arg, 0, condition, number, top)


W, P, M = When, PlayerPower, MonsterPower

RELIC_TEXTS: dict[R, tuple[Line, ...]] = {
    R.AKABEKO: (at(W.BATTLE_START, gain(P.VIGOR, 8), top=True),),
    R.ANCHOR: (at(W.BATTLE_START, block(10)),),
    R.ANCIENT_TEA_SET: (at(W.TURN_START, energy(2), If.RESTED, top=True),),
    R.ART_OF_WAR: (at(W.TURN_START, energy(1), If.NO_ATTACK_LAST_TURN),),
    R.BAG_OF_MARBLES: (at(W.BATTLE_START, inflict(M.VULNERABLE, 1)),),
    R.BAG_OF_PREPARATION: (at(W.BATTLE_START, draw(2)),),
    R.BIRD_FACED_URN: (at(W.POWER, heal(2), top=True),),
    R.BLOOD_VIAL: (at(W.BATTLE_START, heal(2), top=True),),
    R.BRIMSTONE: (
        at(W.TURN_START, gain(P.STRENGTH, 2), top=True),
        at(W.TURN_START, inflict(M.STRENGTH, 1), top=True),
    ),
    R.BRONZE_SCALES: (at(W.BATTLE_START, gain(P.THORNS, 3), top=True),),
    R.CAPTAINS_WHEEL: (at(W.TURN_START, block(18), If.TURN, 3),),
    R.CLOCKWORK_SOUVENIR: (at(W.BATTLE_START, gain(P.ARTIFACT, 1), top=True),),
    R.DU_VU_DOLL: (at(W.BATTLE_START, gain(P.STRENGTH, 1), If.CURSES, top=True),),
    R.FOSSILIZED_HELIX: (at(W.BATTLE_START, gain(P.BUFFER, 1), top=True),),
    R.GAMBLING_CHIP: (at(W.TURN_AFTER_DRAW, select(Task.GAMBLE), If.TURN, 1),),
    R.GIRYA: (at(W.BATTLE_START, gain(P.STRENGTH, 1), If.COUNTER, top=True),),
    R.GREMLIN_VISAGE: (at(W.BATTLE_START, gain(P.WEAK, 1)),),
    R.HAPPY_FLOWER: (at(W.TURN_START, energy(1), If.EVERY, 3),),
    R.HORN_CLEAT: (at(W.TURN_START, block(14), If.TURN, 2),),
    R.INCENSE_BURNER: (at(W.TURN_START, gain(P.INTANGIBLE, 1), If.EVERY, 6),),
    R.INK_BOTTLE: (at(W.CARD, draw(1), If.EVERY, 10),),
    R.KUNAI: (at(W.ATTACK, gain(P.DEXTERITY, 1), If.EVERY_ATTACK, 3),),
    R.LANTERN: (at(W.TURN_START, energy(1), If.TURN, 1, top=True),),
    R.LETTER_OPENER: (at(W.SKILL, damage(5), If.EVERY_SKILL, 3),),
    R.MARK_OF_PAIN: (Line(W.BATTLE_START, Op.ADD_CARD, Pile.DRAW_RANDOM, 2, card=Card.WOUND),),
    R.MERCURY_HOURGLASS: (at(W.TURN_START, damage(3)),),
    R.MUTAGENIC_STRENGTH: (
        at(W.BATTLE_START, gain(P.LOSE_STRENGTH, 3), top=True),
        at(W.BATTLE_START, gain(P.STRENGTH, 3), top=True),
    ),
    R.NUNCHAKU: (at(W.ATTACK, energy(1), If.EVERY, 10),),
    R.ODDLY_SMOOTH_STONE: (at(W.BATTLE_START, gain(P.DEXTERITY, 1), top=True),),
    R.ORICHALCUM: (at(W.TURN_END, block(6), If.NO_BLOCK, top=True),),
    R.ORNAMENTAL_FAN: (at(W.ATTACK, block(4), If.EVERY_ATTACK, 3),),
    R.PANTOGRAPH: (at(W.BATTLE_START, heal(25), If.BOSS, top=True),),
    R.PEN_NIB: (at(W.BATTLE_START, gain(P.PEN_NIB, 1), If.COUNTER_IS, 9),),
    R.POCKETWATCH: (at(W.TURN_AFTER_DRAW, draw(3), If.FEW_CARDS_LAST_TURN, 3),),
    R.RED_MASK: (at(W.BATTLE_START, inflict(M.WEAK, 1)),),
    R.SHURIKEN: (at(W.ATTACK, gain(P.STRENGTH, 1), If.EVERY_ATTACK, 3),),
    R.SLING_OF_COURAGE: (at(W.BATTLE_START, gain(P.STRENGTH, 2), If.ELITE, top=True),),
    R.STONE_CALENDAR: (at(W.TURN_END, damage(52), If.TURN, 7),),
    R.THREAD_AND_NEEDLE: (at(W.BATTLE_START, gain(P.PLATED_ARMOR, 4), top=True),),
    R.VAJRA: (at(W.BATTLE_START, gain(P.STRENGTH, 1), top=True),),
    R.WARPED_TONGS: (at(W.TURN_AFTER_DRAW, upgrade_one()),),
}
"""What relics do in combat."""

ENERGY_RELICS = (
    R.BUSTED_CROWN,
    R.COFFEE_DRIPPER,
    R.CURSED_KEY,
    R.ECTOPLASM,
    R.FUSION_HAMMER,
    R.MARK_OF_PAIN,
    R.PHILOSOPHERS_STONE,
    R.RUNIC_DOME,
    R.SOZU,
    R.VELVET_CHOKER,
)
"""Relics that give one more energy each turn; Slaver's Collar does so against elites and bosses."""

_LINES = 2

LINE = record(
    [
        ("when", np.int8),
        ("condition", np.int8),
        ("number", np.int16),
        ("op", np.int16),
        ("target", np.int16),
        ("amount", np.int16),
        ("arg", np.int16),
        ("card", np.int16),
        ("top", np.int8),
    ]
)

LINES = np.zeros((len(R), _LINES), dtype=LINE).view(np.recarray)
"""The lines of each relic; `when` is -1 where there is none."""
LINES.when = -1
WHENS = np.zeros(len(R), dtype=np.int32)
"""Which of `When` set off anything of a relic, as bits."""
for _relic, _lines in RELIC_TEXTS.items():
    for _row, _line in zip(LINES[_relic], _lines, strict=False):
        _row.when, _row.condition, _row.number = _line.when, _line.condition, _line.number
        _row.op, _row.target, _row.amount = _line.op, _line.target, _line.amount
        _row.arg, _row.card, _row.top = _line.arg, _line.card, _line.top
        WHENS[_relic] |= 1 << _line.when

ENERGY = np.zeros(len(R), dtype=np.int8)
ENERGY[list(ENERGY_RELICS)] = 1
