"""Powers: gaining and losing them, on the player and on monsters.

Powers trigger in the order in which they were gained, but for a few that have a priority of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.arrays import fill
from spire.combat.effects import ALL, PLAYER, Op, push
from spire.compiled import kernel
from spire.ids import MonsterPower as M
from spire.ids import PlayerPower as P
from spire.ids import Relic as R
from spire.linked import linked
from spire.owned import owns
from spire.state import MONSTER_POWERS, PLAYER_POWERS, Fight

DEBUFFS = (
    P.BIAS,
    P.CONFUSED,
    P.CONSTRICTED,
    P.DRAW_REDUCTION,
    P.ENTANGLED,
    P.FRAIL,
    P.HEX,
    P.LOSE_DEXTERITY,
    P.LOSE_STRENGTH,
    P.NO_BLOCK,
    P.NO_DRAW,
    P.VULNERABLE,
    P.WEAK,
)
"""Powers of the player that Artifact stops; and strength and dexterity, where they are lost."""

MONSTER_DEBUFFS = (M.CHOKED, M.LOCK_ON, M.MARK, M.POISON, M.SHACKLED, M.VULNERABLE, M.WEAK)

FLAGS = (P.BARRICADE, P.CONFUSED, P.CORRUPTION, P.ENTANGLED, P.NO_DRAW, P.PEN_NIB, P.SURROUNDED)
"""Powers that are there or not: gained again, they stay at 1."""

PRIORITIES = {
    P.CONFUSED: 0,
    P.PEN_NIB: 6,
    P.FRAIL: 10,
    P.INTANGIBLE: 75,
    P.WEAK: 99,
    P.CONSTRICTED: 105,
}
"""Powers stand in the list by priority; all others have 5."""


def _marks(size: int, members: Any) -> Any:
    marked = np.zeros(size, dtype=np.bool_)
    marked[list(members)] = True
    return marked


_DEBUFF = _marks(PLAYER_POWERS, DEBUFFS)
_MONSTER_DEBUFF = _marks(MONSTER_POWERS, MONSTER_DEBUFFS)
_FLAG = _marks(PLAYER_POWERS, FLAGS)
_MONSTER_FLAG = _marks(
    MONSTER_POWERS, (M.ASLEEP, M.BARRICADE, M.MINION, M.MINION_LEADER, M.STASIS, M.REGROW)
)
_PRIORITY = np.full(PLAYER_POWERS, 5, dtype=np.int16)
_PRIORITY[list(PRIORITIES)] = list(PRIORITIES.values())


@kernel
def gain_power(game: Any, power: Any, amount: Any, source: Any) -> None:
    """Give the player a power, or more of one; debuffs may be stopped.

    `source` is the monster that does it, or `PLAYER`, or `NOBODY` (a curse that counts as a monster's).
    """
    combat = game.combat
    signed = power == P.STRENGTH or power == P.DEXTERITY
    if _DEBUFF[power] or (signed and amount < 0):
        if power == P.WEAK and owns(game, R.GINGER):
            return
        if power == P.FRAIL and owns(game, R.TURNIP):
            return
        if combat.powers[P.ARTIFACT] > 0:
            lose_power(game, P.ARTIFACT, 1)
            return
    if combat.powers[power] == 0:
        _list_power(combat, power)
        # What a monster does lasts through the round that follows.
        during = power != P.VULNERABLE or combat.phase == 1
        lasting = power == P.WEAK or power == P.FRAIL or power == P.VULNERABLE
        lasting = lasting or power == P.DRAW_REDUCTION
        combat.fresh[power] = 1 if lasting and source != PLAYER and during else 0
        if power == P.PANACHE:
            combat.panache_left = 5
    combat.powers[power] = 1 if _FLAG[power] else int(combat.powers[power]) + int(amount)
    if combat.powers[power] == 0:
        _unlist_power(combat, power)
    if power == P.DRAW_REDUCTION:
        combat.draw_per_turn -= 1


@kernel
def lose_power(game: Any, power: Any, amount: Any) -> None:
    """Take some of a power from the player; it is gone at 0."""
    combat = game.combat
    if combat.powers[power] == 0:
        return
    left = int(combat.powers[power]) - int(amount)
    combat.powers[power] = max(left, 0)
    if left <= 0:
        _unlist_power(combat, power)


@kernel
def remove_power(game: Any, power: Any) -> None:
    """Take a power from the player whole."""
    combat = game.combat
    if combat.powers[power] == 0:
        return
    combat.powers[power] = 0
    _unlist_power(combat, power)
    if power == P.DRAW_REDUCTION:
        combat.draw_per_turn += 1


@kernel
def remove_debuffs(game: Any) -> None:
    """Take every debuff from the player."""
    combat = game.combat
    for power in range(PLAYER_POWERS):
        signed = power == P.STRENGTH or power == P.DEXTERITY
        if _DEBUFF[power] or (signed and combat.powers[power] < 0):
            remove_power(game, power)


@kernel
def _list_power(combat: Any, power: Any) -> None:
    place = int(combat.order_count)
    while place > 0 and _PRIORITY[combat.order[place - 1]] > _PRIORITY[power]:
        combat.order[place] = combat.order[place - 1]
        place -= 1
    combat.order[place] = power
    combat.order_count += 1


@kernel
def _unlist_power(combat: Any, power: Any) -> None:
    combat.fresh[power] = 0
    kept = 0
    for k in range(combat.order_count):
        if combat.order[k] != power:
            combat.order[kept] = combat.order[k]
            kept += 1
    combat.order_count = kept


@linked()
def gain_monster_power(game: Any, m: Any, power: Any, amount: Any, source: Any) -> None:
    """Give a monster (or `ALL` that live) a power, or more of one; debuffs may be stopped."""
    if m == ALL:
        for each in range(game.combat.monster_count):
            gain_monster_power_one(game, each, power, amount, source)
    else:
        gain_monster_power_one(game, m, power, amount, source)


@kernel
def gain_monster_power_one(game: Any, m: Any, power: Any, amount: Any, source: Any) -> None:
    """Give one monster a power; one that is dead or gone gets nothing."""
    combat = game.combat
    if combat.fight != Fight.ON:
        return
    monster = combat.monsters[m]
    if monster.dead or monster.escaped or monster.half_dead:
        return
    if _MONSTER_DEBUFF[power] or (power == M.STRENGTH and amount < 0):
        if monster.powers[M.ARTIFACT] > 0:
            lose_monster_power(game, m, M.ARTIFACT, 1)
            return
        if source == PLAYER:
            if power == M.VULNERABLE and owns(game, R.CHAMPION_BELT):
                push(game, Op.MONSTER_POWER, m, 1, M.WEAK, 0, PLAYER)
            if combat.powers[P.SADISTIC] > 0 and power != M.SHACKLED:
                push(game, Op.DAMAGE, m, combat.powers[P.SADISTIC], 0, 0, PLAYER)
    if monster.powers[power] == 0:
        monster.order[monster.order_count] = power
        monster.order_count += 1
        monster.fresh[power] = power == M.RITUAL
    monster.powers[power] = 1 if _MONSTER_FLAG[power] else int(monster.powers[power]) + int(amount)
    if monster.powers[power] == 0:
        _unlist_monster_power(monster, power)


@kernel
def lose_monster_power(game: Any, m: Any, power: Any, amount: Any) -> None:
    """Take some of a power from a monster; it is gone at 0."""
    monster = game.combat.monsters[m]
    if monster.powers[power] == 0:
        return
    left = int(monster.powers[power]) - int(amount)
    monster.powers[power] = max(left, 0)
    if left <= 0:
        _unlist_monster_power(monster, power)


@kernel
def remove_monster_power(game: Any, m: Any, power: Any) -> None:
    """Take a power from a monster whole."""
    monster = game.combat.monsters[m]
    if monster.powers[power] != 0:
        monster.powers[power] = 0
        _unlist_monster_power(monster, power)


@kernel
def clear_monster_powers(monster: Any) -> None:
    """Take every power from a monster."""
    fill(monster.powers, 0)
    fill(monster.fresh, 0)
    monster.order_count = 0


@kernel
def _unlist_monster_power(monster: Any, power: Any) -> None:
    monster.fresh[power] = 0
    kept = 0
    for k in range(monster.order_count):
        if monster.order[k] != power:
            monster.order[kept] = monster.order[k]
            kept += 1
    monster.order_count = kept
