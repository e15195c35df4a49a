"""Missing: what of the game is not there yet, all of it, and why it is refused.

Nothing of this is replaced by something else. A relic that is listed cannot be bought (`spire.run.shop`);
an encounter or an event of a later act that a record names ends its game with `Fault.CONTENT`; no other
class can be chosen, as `spire.game.Game` plays the Ironclad.
"""

from __future__ import annotations

from spire.ids import Relic

RELICS = {
    Relic.PRISMATIC_SHARD: "the cards of other classes, which it puts among rewards, are not there yet"
}
"""Relics, and what of them is missing."""

ACTS = (
    "acts 2 to 4 are not there yet: winning against the boss of act 1 ends a run as act 1 cleared"
)
CLASSES = "the Silent, the Defect and the Watcher are not there yet"
