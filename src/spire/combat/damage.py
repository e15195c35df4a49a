"""Damage: how large a hit or a gain of block is, before it lands.

The game reckons in single precision, multiplies in a fixed order, and cuts off once at the end.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spire.compiled import kernel
from spire.content.cards import FACTS
from spire.ids import MonsterPower as M
from spire.ids import PlayerPower as P
from spire.ids import Relic as R
from spire.owned import owns

f32 = np.float32

_DOUBLE, _HALF = f32(2), f32(0.5)
_WEAK, _WEAK_CRANE = f32(0.75), f32(0.6)
_FRAIL = f32(0.75)
_VULNERABLE, _VULNERABLE_PHROG, _VULNERABLE_MUSHROOM = f32(1.5), f32(1.75), f32(1.25)
_SLOW_BASE, _SLOW_STEP = f32(1), f32(0.1)
_STRIKE_DUMMY = 3


@kernel
def _cut(amount: Any) -> Any:
    """Return an amount as an integer, cut off, and not below 0."""
    return max(math.floor(amount), 0)


@kernel
def card_damage(game: Any, card: Any, base: Any, m: Any) -> Any:
    """Return what an attack card of that base damage would do to monster `m` (-1: to none in particular)."""
    combat = game.combat
    powers = combat.powers
    amount = f32(base)
    if owns(game, R.STRIKE_DUMMY) and FACTS[game.reference, combat.cards[card].id].strike:
        amount += f32(_STRIKE_DUMMY)
    amount += f32(powers[P.STRENGTH])
    amount += f32(powers[P.VIGOR])
    if powers[P.PEN_NIB] > 0:
        amount *= _DOUBLE
    if powers[P.WEAK] > 0:
        amount *= _WEAK
    if m < 0:
        return _cut(amount)
    monster = combat.monsters[m]
    if monster.powers[M.SLOW] > 0:
        amount *= _SLOW_BASE + _SLOW_STEP * f32(monster.powers[M.SLOW])
    if monster.powers[M.VULNERABLE] > 0:
        amount *= _VULNERABLE_PHROG if owns(game, R.PAPER_PHROG) else _VULNERABLE
    if monster.powers[M.FLIGHT] > 0:
        amount *= _HALF
    if monster.powers[M.INTANGIBLE] > 0 and amount > f32(1):
        amount = f32(1)
    return _cut(amount)


@kernel
def card_block(game: Any, base: Any) -> Any:
    """Return the block that a card of that base gives."""
    powers = game.combat.powers
    if powers[P.NO_BLOCK] > 0:
        return 0
    amount = f32(max(int(base) + int(powers[P.DEXTERITY]), 0))
    if powers[P.FRAIL] > 0:
        amount *= _FRAIL
    return _cut(amount)


@kernel
def monster_attack_amount(game: Any, m: Any, base: Any) -> Any:
    """Return what a hit of that base by monster `m` would do to the player, before block."""
    combat = game.combat
    monster = combat.monsters[m]
    amount = f32(int(base) + int(monster.powers[M.STRENGTH]))
    if monster.powers[M.WEAK] > 0:
        amount *= _WEAK_CRANE if owns(game, R.PAPER_KRANE) else _WEAK
    if combat.powers[P.VULNERABLE] > 0:
        amount *= _VULNERABLE_MUSHROOM if owns(game, R.ODD_MUSHROOM) else _VULNERABLE
    if combat.powers[P.INTANGIBLE] > 0 and amount > f32(1):
        amount = f32(1)
    return _cut(amount)
