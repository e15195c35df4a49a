"""Deviations: the rules of the reference engine that are not the game's, and how a replay notices them.

What departs in plain data only (a cost, a flag, an amount, an event switched off) stands in
`spire.reference` and does not end a comparison. What departs in a rule is named in the modules of rules
beside this one. Each rule has a test that looks at a state, at the action taken there and at what the game
makes of it, and at nothing else; from the first action for which a test holds, the steps that follow it do
not count. `docs/spire/departures.md` says where each of them comes from.
"""

from __future__ import annotations

from typing import Any

from spire.replay import card_rules, monster_rules, power_rules, relic_rules, run_rules
from spire.replay.registry import DEVIATIONS, Deviation
from spire.replay.situation import Situation

__all__ = ["DEVIATIONS", "RULES", "Deviation", "Situation", "first_deviation"]

RULES = (card_rules, power_rules, relic_rules, monster_rules, run_rules)
"""The modules that declare the deviations."""


def first_deviation(game: Any, move: dict[str, Any], after: Any) -> str | None:
    """Return the name of a deviation that an action meets, if any, by the records before and after it."""
    situation = Situation(game, move, after)
    return next((one.name for one in DEVIATIONS if one.holds(situation)), None)
