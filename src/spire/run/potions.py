"""Potions: rolling, obtaining, and using or throwing them away outside combat."""

from __future__ import annotations

from typing import Any

from spire.compiled import kernel
from spire.content.potions import POTION_FACTS, POTION_POOL, PotionRarity
from spire.ids import Event, Potion, Relic
from spire.linked import linked
from spire.owned import owns
from spire.rng import Stream
from spire.run.vitals import gain_max_hp, heal
from spire.state import Screen
from spire.streams import draw_int

_COMMON_BELOW, _UNCOMMON_BELOW = 65, 90
_ORNITHOPTER, _JUICE = 5, 5


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


@kernel
def can_discard(game: Any, slot: Any) -> Any:
    """Return whether a potion can be thrown away outside combat."""
    if game.screen == Screen.EVENT and game.event == Event.WE_MEET_AGAIN:
        return False
    return slot < game.potion_slots and game.potions[slot] != Potion.INVALID


@kernel
def can_use(game: Any, slot: Any) -> Any:
    """Return whether a potion can be used outside combat."""
    if not can_discard(game, slot):
        return False
    potion = game.potions[slot]
    return potion in (Potion.BLOOD_POTION, Potion.FRUIT_JUICE, Potion.ENTROPIC_BREW)


@kernel
def discard_potion(game: Any, slot: Any) -> None:
    """Throw a potion away."""
    game.potions[slot] = Potion.INVALID


@linked()
def use_potion(game: Any, slot: Any) -> None:
    """Use a potion outside combat."""
    potion = game.potions[slot]
    game.potions[slot] = Potion.INVALID
    strength = 2 if owns(game, Relic.SACRED_BARK) else 1
    if potion == Potion.BLOOD_POTION:
        heal(game, int(game.max_hp) * 20 * strength // 100)
    elif potion == Potion.FRUIT_JUICE:
        gain_max_hp(game, _JUICE * strength)
    elif potion == Potion.ENTROPIC_BREW:
        for _ in range(game.potion_slots):
            obtain_potion(game, roll_potion(game, False))
    if owns(game, Relic.TOY_ORNITHOPTER):
        heal(game, _ORNITHOPTER)
