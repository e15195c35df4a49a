"""Potions: using them and throwing them away outside combat."""

from __future__ import annotations

from typing import Any

from spire.belt import obtain_potion, roll_potion
from spire.compiled import kernel
from spire.ids import Event, Potion, Relic
from spire.linked import linked
from spire.owned import owns
from spire.run.vitals import gain_max_hp, heal
from spire.state import Screen

_ORNITHOPTER, _JUICE = 5, 5


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
    elif potion == Potion.ENTROPIC_BREW and not owns(game, Relic.SOZU):
        for _ in range(game.potion_slots):
            obtain_potion(game, roll_potion(game, False))
    if owns(game, Relic.TOY_ORNITHOPTER):
        heal(game, _ORNITHOPTER)
