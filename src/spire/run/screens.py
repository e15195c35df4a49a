"""Screens: which one follows when another is done."""

from __future__ import annotations

from typing import Any

from spire.compiled import kernel
from spire.state import Outcome, Screen


@kernel
def turn_to(game: Any, screen: Any) -> None:
    """Show a screen. The end of the last act there is shows `Screen.GAME_OVER`."""
    if game.outcome != Outcome.NONE:
        game.screen = Screen.GAME_OVER
        return
    game.screen = screen
    if screen == Screen.GAME_OVER:
        game.outcome = Outcome.ACT_CLEARED


@kernel
def follow(game: Any, screen: Any) -> None:
    """Show a screen once the choice of cards or the rewards that may be open are done with."""
    if game.screen == Screen.GRID:
        game.pick.then = screen
    elif game.screen in (Screen.COMBAT_REWARD, Screen.CARD_REWARD):
        game.then = screen
    else:
        turn_to(game, screen)
