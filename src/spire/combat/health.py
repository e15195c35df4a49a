"""Health: the player's HP and block in combat, and what losing and gaining them sets off."""

from __future__ import annotations

from typing import Any

from spire.combat.effects import ALL, PLAYER, Op, push, push_top
from spire.combat.powers import lose_power
from spire.compiled import kernel
from spire.ids import Card, MonsterPower, Potion
from spire.ids import PlayerPower as P
from spire.ids import Relic as R
from spire.linked import linked
from spire.owned import counter, owns, set_counter
from spire.state import POTIONS, Fight

BLOCK_CAP = 999
_USED = -2
"""The counter of a relic that is used up."""


@kernel
def is_bloodied(game: Any) -> Any:
    """Return whether the player has half of the maximum or less."""
    return 2 * int(game.hp) <= int(game.max_hp)


@kernel
def see_bloodied(game: Any) -> None:
    """Let Red Skull see the player's HP."""
    combat = game.combat
    if not owns(game, R.RED_SKULL) or combat.fight != Fight.ON:
        return
    if is_bloodied(game) and not combat.red_skull_on:
        combat.red_skull_on = 1
        push_top(game, Op.POWER, PLAYER, 3, P.STRENGTH, 0, PLAYER)
    elif not is_bloodied(game) and combat.red_skull_on:
        combat.red_skull_on = 0
        push_top(game, Op.POWER, PLAYER, -3, P.STRENGTH, 0, PLAYER)


@kernel
def gain_block(game: Any, amount: Any) -> None:
    """Give the player block that nothing changes any more."""
    combat = game.combat
    if amount <= 0:
        return
    combat.block = min(int(combat.block) + int(amount), BLOCK_CAP)
    if combat.powers[P.JUGGERNAUT] > 0:
        push(game, Op.DAMAGE_RANDOM, ALL, combat.powers[P.JUGGERNAUT], 0, 0, PLAYER)


@kernel
def heal(game: Any, amount: Any) -> None:
    """Heal the player in combat."""
    if amount <= 0 or owns(game, R.MARK_OF_THE_BLOOM):
        return
    gained = int(amount)
    if owns(game, R.MAGIC_FLOWER):
        gained = (3 * gained + 1) // 2
    game.hp = min(int(game.hp) + gained, int(game.max_hp))
    see_bloodied(game)


@linked()
def hit_player(game: Any, m: Any, amount: Any) -> None:
    """Let an attack of monster `m` land on the player."""
    combat = game.combat
    left = _through_block(combat, int(amount))
    if 1 < left <= 5 and owns(game, R.TORII):
        left = 1
    left = _buffered(game, left)
    # Thorns answer every hit, also one that was blocked.
    for k in range(combat.order_count):
        power = combat.order[k]
        if power == P.THORNS or power == P.FLAME_BARRIER:
            push_top(game, Op.DAMAGE, m, combat.powers[power], 0, 0, PLAYER)
    if left > 0 and owns(game, R.TUNGSTEN_ROD):
        left -= 1
    if left <= 0:
        return
    lose_power(game, P.PLATED_ARMOR, 1)
    if combat.monsters[m].powers[MonsterPower.PAINFUL_STABS] > 0:
        push(game, Op.ADD_CARD, 4, 1, 0, Card.WOUND, 0)
    _lose(game, left, False)


@kernel
def damage_player(game: Any, amount: Any, own: Any) -> None:
    """Let damage that is no attack reach the player; `own` is whether it is the player's own doing."""
    combat = game.combat
    left = int(amount)
    if left > 1 and combat.powers[P.INTANGIBLE] > 0:
        left = 1
    left = _buffered(game, _through_block(combat, left))
    if left > 0 and owns(game, R.TUNGSTEN_ROD):
        left -= 1
    if left > 0:
        _lose(game, left, own)


@kernel
def lose_hp(game: Any, amount: Any, own: Any) -> None:
    """Let the player lose HP past all block."""
    left = int(amount)
    if left > 1 and game.combat.powers[P.INTANGIBLE] > 0:
        left = 1
    left = _buffered(game, left)
    if left > 0 and owns(game, R.TUNGSTEN_ROD):
        left -= 1
    if left > 0:
        _lose(game, left, own)


@kernel
def _through_block(combat: Any, amount: Any) -> Any:
    """Return what of an amount the player's block does not stop."""
    stopped = min(int(combat.block), amount)
    combat.block = int(combat.block) - stopped
    return amount - stopped


@kernel
def _buffered(game: Any, amount: Any) -> Any:
    if amount > 0 and game.combat.powers[P.BUFFER] > 0:
        lose_power(game, P.BUFFER, 1)
        return 0
    return amount


@linked()
def _lose(game: Any, amount: Any, own: Any) -> None:
    combat = game.combat
    combat.damage_taken += amount
    combat.largest_hit = max(int(combat.largest_hit), amount)
    if own and combat.powers[P.RUPTURE] > 0:
        push_top(game, Op.POWER, PLAYER, combat.powers[P.RUPTURE], P.STRENGTH, 0, PLAYER)
    for k in range(game.relic_count):
        relic = game.relics[k]
        if relic == R.CENTENNIAL_PUZZLE and not combat.puzzle_used:
            combat.puzzle_used = 1
            push_top(game, Op.DRAW, PLAYER, 3, 0, 0, 0)
        elif relic == R.RUNIC_CUBE:
            push_top(game, Op.DRAW, PLAYER, 1, 0, 0, 0)
        elif relic == R.SELF_FORMING_CLAY:
            push_top(game, Op.POWER, PLAYER, 3, P.NEXT_TURN_BLOCK, 0, PLAYER)
    game.hp = max(int(game.hp) - amount, 0)
    combat.times_damaged += 1
    _cheapen_blood(game)
    see_bloodied(game)
    if game.hp == 0:
        _die(game)


@kernel
def _cheapen_blood(game: Any) -> None:
    """Make Blood for Blood cheaper in hand, draw pile and discard pile."""
    combat = game.combat
    for c in range(combat.card_count):
        if combat.cards[c].id == Card.BLOOD_FOR_BLOOD and not _is_exhausted(combat, c):
            card = combat.cards[c]
            gap = int(card.cost) - int(card.turn_cost)
            if card.cost > 0:
                card.cost -= 1
                card.turn_cost = max(int(card.cost) - gap, 0)


@kernel
def _is_exhausted(combat: Any, c: Any) -> Any:
    for k in range(combat.exhaust_count):
        if combat.exhaust[k] == c:
            return True
    return c == combat.in_play


@kernel
def _die(game: Any) -> None:
    """The player is at 0: something may still help."""
    combat = game.combat
    if not owns(game, R.MARK_OF_THE_BLOOM):
        for slot in range(POTIONS):
            if game.potions[slot] == Potion.FAIRY_POTION:
                game.potions[slot] = Potion.INVALID
                share = 60 if owns(game, R.SACRED_BARK) else 30
                heal(game, max(int(game.max_hp) * share // 100, 1))
                return
        if owns(game, R.LIZARD_TAIL) and counter(game, R.LIZARD_TAIL) != _USED:
            set_counter(game, R.LIZARD_TAIL, _USED)
            heal(game, max(int(game.max_hp) // 2, 1))
            return
    combat.fight = Fight.LOST
