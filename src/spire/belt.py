"""Belt: the potions a player holds, and rolling one; in combat and outside."""

from __future__ import annotations

from typing import Any

from spire.compiled import kernel
from spire.content.potions import POTION_FACTS, POTION_POOL, PotionRarity
from spire.ids import Potion, Relic
from spire.owned import owns
from spire.rng import Stream
from spire.streams import draw_int

_COMMON_BELOW, _UNCOMMON_BELOW = 65, 90


@kernel
def draw_potion(game: Any, stream: Any) -> Any:
    """Return a random potion, each as likely as another: one draw."""
    return POTION_POOL[draw_int(game, stream, POTION_POOL.size - 1)]


@kernel
def roll_potion(game: Any, in_combat: Any) -> Any:
    """Return a random potion by rarity: one draw of the stream potion, and one for each attempt.

    Potions that come to be in combat are drawn once more than need be, and are no fruit juice.
    """
    drawn = draw_int(game, Stream.POTION, 99)
    rarity = PotionRarity.COMMON
    if drawn >= _UNCOMMON_BELOW:
        rarity = PotionRarity.RARE
    elif drawn >= _COMMON_BELOW:
        rarity = PotionRarity.UNCOMMON
    potion = draw_potion(game, Stream.POTION)
    again = in_combat
    while POTION_FACTS[potion].rarity != rarity or again:
        potion = draw_potion(game, Stream.POTION)
        again = in_combat and potion == Potion.FRUIT_JUICE
    return potion


@kernel
def has_room(game: Any) -> Any:
    """Return whether a slot for a potion is empty."""
    empty = 0
    for slot in range(game.potion_slots):
        empty += game.potions[slot] == Potion.INVALID
    return empty > 0


@kernel
def obtain_potion(game: Any, potion: Any) -> None:
    """Put a potion into the first empty slot, where there is one."""
    if owns(game, Relic.SOZU):
        return
    for slot in range(game.potion_slots):
        if game.potions[slot] == Potion.INVALID:
            game.potions[slot] = potion
            return
