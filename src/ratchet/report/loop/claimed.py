"""The second write-up's numbers beside this run's.

Invariants: a measured number is the one of the report's own tables; counts that only say how long a run
was are shown and not judged, as the claim itself says; a number of one update, such as the latest KL,
stands beside the latest here with the range of nineteen in twenty updates.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ratchet.evaluation.statistics import Interval
from ratchet.report.claimed import Beside, claims_intro, claims_table
from ratchet.report.claims import Claim, read_claims
from ratchet.report.document import Block, Text
from ratchet.report.loop.configuration import configured
from ratchet.report.loop.outcomes import fights, outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ratchet.report.loop.evidence import LoopEvidence, Metrics, Role
    from ratchet.report.loop.pairs import Pairs

    Found = tuple[Interval | float | None, str]

KINDS = ("configuration", "training", "update", "clone", "ppo", "difference", "elsewhere")
"""A setting or size, the games learned from, the latest update, an evaluated policy, PPO less clone."""

_ROLES: Mapping[str, Role] = {"clone": "clone", "ppo": "PPO"}
_PARTS = (
    ("claims-configuration", "Run configuration: stated and measured", ("configuration",)),
    ("claims-training", "Training outcome: stated and measured", ("training", "update")),
    ("claims-evaluation", "Fixed-seed evaluation: stated and measured", ("clone", "ppo", "difference")),
    ("claims-elsewhere", "Not part of this run", ("elsewhere",)),
)  # fmt: skip


def claims_section(evidence: LoopEvidence, pairs: Pairs, training: Metrics) -> list[Block]:
    """Return the section that sets each stated number beside the measured one."""
    records = evidence.recipe.get("claims") or ()
    if not isinstance(records, (list, tuple)) or not records:
        return []
    found = [
        Beside(claim, *_measure(claim, evidence, pairs, training))
        for claim in read_claims(records, KINDS)
    ]
    blocks = claims_intro(found, evidence.recipe.get("source"))
    note = (
        "The write-up states means without deviations, so only its rates have intervals of their own "
        "(Wilson's, of its games or fights). A number of its latest update stands beside the latest "
        "here, with the range of 95% of this run's updates in brackets."
    )
    blocks.append(Text(note))
    for key, caption, kinds in _PARTS:
        chosen = [entry for entry in found if entry.claim.kind in kinds]
        own = any(entry.claim.sample is not None for entry in chosen)
        if chosen:
            blocks.append(claims_table(key, chosen, caption, own=own, digits=2))
    return blocks


def _measure(claim: Claim, evidence: LoopEvidence, pairs: Pairs, training: Metrics) -> Found:
    """Return the measured value of a claim, or None and why there is none."""
    key = claim.key or ""
    match claim.kind:
        case "elsewhere":
            return None, "it is not part of this run"
        case "configuration":
            return _configured(evidence, key)
        case "update":
            return _latest(evidence, key)
        case "training":
            return _of_games(training, key) if training else (None, "no fleet has learned yet")
        case "difference":
            pair = pairs.find("clone", "PPO")
            if pair is None or key not in pair.comparison.metrics:
                return None, "both policies have not been evaluated by it"
            return pair.comparison.metrics[key].difference, ""
        case _:
            player = evidence.player(_ROLES[claim.kind])
            if player is None:
                return None, f"the {_ROLES[claim.kind]} has not been evaluated"
            return _of_games(player.metrics, key)


def _configured(evidence: LoopEvidence, key: str) -> Found:
    if evidence.fleet is None:
        return None, "there is no fleet in this run"
    if key == "memory":
        memory = evidence.run.machine.get("memory_bytes")
        return (None, "not known") if memory is None else (memory / 1e9, "")
    if key == "evaluation_games":
        found = evidence.on("report")
        return (float(found[0].episodes), "") if found else (None, "nothing has been evaluated")
    values = {name: value for name, _, value, _ in configured(evidence)}
    value = values.get(key)
    if isinstance(value, (int, float)):
        return float(value), ""
    return None, f"this run does not say its {key.replace('_', ' ')}"


def _latest(evidence: LoopEvidence, key: str) -> Found:
    """Return a column of the latest update, with the range of 95% of them."""
    value = evidence.latest(key)
    if value is None or math.isnan(value):
        return None, "no update has moved the policy yet"
    low, high = np.nanquantile(evidence.series(key), [0.025, 0.975])
    return Interval(value, float(min(low, value)), float(max(high, value))), ""


def _of_games(metrics: Metrics, key: str) -> Found:
    """Return an outcome of some games, or a number of their fights: `elite`, `elite_share`."""
    for outcome in outcomes(metrics):
        if outcome.name == key:
            return outcome.interval, ""
    for each in fights(metrics):
        if key == each.name:
            return each.an_episode, ""
        if key == f"{each.name}_share":
            return (each.share, "") if each.share else (None, "there was no such fight")
    return None, f"the task does not measure {key.replace('_', ' ')}"
