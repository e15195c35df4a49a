"""Fights: asking for the one that a room or an event holds."""

from __future__ import annotations

from typing import Any

from spire.compiled import kernel
from spire.state import Fight, Screen


@kernel
def await_fight(game: Any, encounter: Any, elite: Any, boss: Any) -> None:
    """Have a fight begin as soon as the room is set up."""
    combat = game.combat
    combat.fight = Fight.AHEAD
    combat.encounter = encounter
    combat.elite = elite
    combat.boss = boss
    game.screen = Screen.COMBAT
