"""Hits: what reaches monsters, and what becomes of them."""

from __future__ import annotations

from typing import Any

from spire.combat.effects import ALL, PLAYER, Op, push, push_top
from spire.combat.monsters import died, hp_lost
from spire.combat.powers import lose_monster_power
from spire.compiled import kernel
from spire.ids import MonsterPower as M
from spire.ids import Relic as R
from spire.owned import owns
from spire.rng import Stream
from spire.state import EFFECTS, Fight
from spire.streams import draw_int

_BOOT = 5


@kernel
def is_target(monster: Any) -> Any:
    """Return whether a monster can be hit."""
    return monster.used and not (monster.dead or monster.half_dead or monster.escaped)


@kernel
def living(game: Any) -> Any:
    """Return how many monsters can be hit."""
    combat = game.combat
    count = 0
    for m in range(combat.monster_count):
        if is_target(combat.monsters[m]):
            count += 1
    return count


@kernel
def random_monster(game: Any) -> Any:
    """Return the place of a random living monster, or -1: one draw if any lives."""
    combat = game.combat
    count = living(game)
    if count == 0:
        return -1
    drawn = draw_int(game, Stream.CARD_RANDOM, count - 1)
    for m in range(combat.monster_count):
        if is_target(combat.monsters[m]):
            if drawn == 0:
                return m
            drawn -= 1
    return -1


@kernel
def attack_monster(game: Any, m: Any, amount: Any) -> Any:
    """Let an attack of the player land on monster `m`; return the HP it lost."""
    combat = game.combat
    monster = combat.monsters[m]
    if not is_target(monster):
        return 0
    left = int(amount)
    if left > 1 and monster.powers[M.INTANGIBLE] > 0:
        left = 1
    left = _through_block(game, m, left)
    if 0 < left < _BOOT and owns(game, R.THE_BOOT):
        left = _BOOT
    if left > 0:
        if monster.powers[M.ANGRY] > 0:
            push_top(game, Op.MONSTER_POWER, m, monster.powers[M.ANGRY], M.STRENGTH, 0, m)
        if monster.powers[M.CURL_UP] > 0 and left < monster.hp:
            push(game, Op.MONSTER_BLOCK, m, monster.powers[M.CURL_UP], 0, 0, m)
            lose_monster_power(game, m, M.CURL_UP, monster.powers[M.CURL_UP])
    if monster.powers[M.THORNS] > 0:
        push_top(game, Op.DAMAGE_PLAYER, PLAYER, monster.powers[M.THORNS], 0, 0, m)
    return lose_monster_hp(game, m, left)


@kernel
def damage_monster(game: Any, m: Any, amount: Any) -> None:
    """Let damage that is no attack reach monster `m`, or `ALL`."""
    combat = game.combat
    first = 0 if m == ALL else m
    last = int(combat.monster_count) if m == ALL else m + 1
    for each in range(first, last):
        monster = combat.monsters[each]
        if is_target(monster):
            left = int(amount)
            if left > 1 and monster.powers[M.INTANGIBLE] > 0:
                left = 1
            lose_monster_hp(game, each, _through_block(game, each, left))


@kernel
def _through_block(game: Any, m: Any, amount: Any) -> Any:
    """Return what of an amount the block of monster `m` does not stop."""
    monster = game.combat.monsters[m]
    stopped = min(int(monster.block), amount)
    monster.block = int(monster.block) - stopped
    if stopped > 0 and monster.block == 0 and owns(game, R.HAND_DRILL):
        push(game, Op.MONSTER_POWER, m, 2, M.VULNERABLE, 0, PLAYER)
    return amount - stopped


@kernel
def lose_monster_hp(game: Any, m: Any, amount: Any) -> Any:
    """Take HP from monster `m`; return how much it lost."""
    monster = game.combat.monsters[m]
    if amount <= 0:
        return 0
    lost = min(int(amount), int(monster.hp))
    monster.hp = int(monster.hp) - lost
    if monster.hp == 0:
        kill(game, m, False)
    else:
        hp_lost(game, m, lost)
    return lost


@kernel
def kill(game: Any, m: Any, quiet: Any) -> None:
    """Let monster `m` die; nothing is triggered if `quiet`."""
    combat = game.combat
    monster = combat.monsters[m]
    monster.hp = 0
    monster.dead = 1
    monster.block = 0
    if living(game) == 0:
        win(game)
        return
    if quiet:
        return
    died(game, m)
    if owns(game, R.GREMLIN_HORN):
        push(game, Op.ENERGY, PLAYER, 1, 0, 0, 0)
        push(game, Op.DRAW, PLAYER, 1, 0, 0, 0)


@kernel
def win(game: Any) -> None:
    """The last monster is gone: only what heals, shields, hurts or puts the card away still happens."""
    combat = game.combat
    if combat.fight != Fight.ON:
        return
    combat.fight = Fight.WON
    combat.play_count = 0
    kept = 0
    first = int(combat.effect_first)
    for k in range(combat.effect_count):
        effect = combat.effects[(first + k) % EFFECTS]
        op = effect.op
        if (
            op == Op.HEAL
            or op == Op.BLOCK
            or op == Op.FINISH_PLAY
            or op == Op.MONSTER_ATTACK
            or op == Op.DAMAGE_PLAYER
            or op == Op.LOSE_HP
        ):
            other = combat.effects[(first + kept) % EFFECTS]
            other.op = op
            other.target = effect.target
            other.amount = effect.amount
            other.arg = effect.arg
            other.card = effect.card
            other.source = effect.source
            kept += 1
    combat.effect_count = kept
