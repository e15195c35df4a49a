"""Unoffered: what the game offers and the reference engine does not, so that its lists of legal actions lack it.

No game of a trace takes such an action, so nothing that follows depends on it, and nothing stops counting.
Where a game offers more than a trace lists, what is declared here is the only thing that may be more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Unoffered:
    """An action that the game offers: where, as a trace would write it, and why a trace lacks it."""

    name: str
    screen: str
    move: dict[str, Any]
    why: str


UNOFFERED = (
    Unoffered(
        "CANCEL",
        "CARD_SELECT",
        {"cancel": True},
        "the game's choice of a card to upgrade or remove at a rest site or in a shop has a button that "
        "goes back; the reference engine counts the option as taken, and the removal as paid, before the "
        "card is chosen",
    ),
)
"""`docs/spire/departures.md` has the same list."""


def is_unoffered(screen: str, move: dict[str, Any]) -> bool:
    """Return whether an action on a screen (as a trace names it) is one that a trace does not list."""
    return any(one.screen == screen and one.move == move for one in UNOFFERED)
