"""Vitals: HP and gold, where no queue of effects stands between a cause and what it does."""

from __future__ import annotations

from typing import Any

from spire.compiled import kernel
from spire.content.relics import USED_UP
from spire.ids import Potion, Relic
from spire.owned import counter, owns, set_counter
from spire.state import POTIONS, Outcome, Screen

_TORII = 5
"""Damage up to here becomes 1."""
_IDOL_HEAL = 5


@kernel
def heal(game: Any, amount: Any) -> None:
    """Heal the player."""
    if amount > 0 and not owns(game, Relic.MARK_OF_THE_BLOOM):
        game.hp = min(int(game.hp) + int(amount), int(game.max_hp))


@kernel
def gain_max_hp(game: Any, amount: Any) -> None:
    """Raise the maximum of HP, and heal as much."""
    game.max_hp = int(game.max_hp) + int(amount)
    heal(game, amount)


@kernel
def lose_max_hp(game: Any, amount: Any) -> None:
    """Lower the maximum of HP, to 1 at the least."""
    game.max_hp = max(int(game.max_hp) - int(amount), 1)
    game.hp = min(int(game.hp), int(game.max_hp))


@kernel
def gain_gold(game: Any, amount: Any) -> None:
    """Give the player gold."""
    if amount <= 0 or owns(game, Relic.ECTOPLASM):
        return
    game.gold = int(game.gold) + int(amount)
    if owns(game, Relic.BLOODY_IDOL):
        heal(game, _IDOL_HEAL)


@kernel
def lose_gold(game: Any, amount: Any) -> None:
    """Take gold from the player, as much as there is."""
    game.gold = max(int(game.gold) - int(amount), 0)


@kernel
def spend_gold(game: Any, amount: Any) -> None:
    """Let the player pay in a shop, which breaks a Maw Bank."""
    lose_gold(game, amount)
    set_counter(game, Relic.MAW_BANK, USED_UP)


@kernel
def take_damage(game: Any, amount: Any, owned: Any) -> None:
    """Let damage reach the player outside combat; `owned` is whether somebody deals it, as Torii asks."""
    if owned and 1 < amount <= _TORII and owns(game, Relic.TORII):
        lose_hp(game, 1)
    else:
        lose_hp(game, amount)


@kernel
def lose_hp(game: Any, amount: Any) -> None:
    """Let the player lose HP outside combat, and die of it where nothing helps."""
    left = int(amount)
    if left > 0 and owns(game, Relic.TUNGSTEN_ROD):
        left -= 1
    game.hp = max(int(game.hp) - left, 0)
    if game.hp == 0 and left > 0:
        heal(game, rescue(game))
        if game.hp == 0:
            game.outcome = Outcome.DEFEAT
            game.screen = Screen.GAME_OVER


@kernel
def rescue(game: Any) -> Any:
    """Use up what keeps the player from dying, and return how much it heals; 0 where there is nothing."""
    if owns(game, Relic.MARK_OF_THE_BLOOM):
        return 0
    for slot in range(POTIONS):
        if game.potions[slot] == Potion.FAIRY_POTION:
            game.potions[slot] = Potion.INVALID
            percent = 60 if owns(game, Relic.SACRED_BARK) else 30
            return max(int(game.max_hp) * percent // 100, 1)
    if owns(game, Relic.LIZARD_TAIL) and counter(game, Relic.LIZARD_TAIL) != USED_UP:
        set_counter(game, Relic.LIZARD_TAIL, USED_UP)
        return max(int(game.max_hp) // 2, 1)
    return 0
