"""What the write-up's tables could not answer, and this report does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ratchet.report.document import Block, Bullets, Heading
from ratchet.report.loop.outcomes import in_words
from ratchet.report.tables import count, interval, number
from ratchet.report.wording import plural

if TYPE_CHECKING:
    from ratchet.report.loop.evidence import LoopEvidence
    from ratchet.report.loop.pairs import Pair, Pairs

_NORMAL = 1.959963984540054


def notes(evidence: LoopEvidence, pairs: Pairs) -> list[Block]:
    """Return the section, or nothing where there is neither an evaluation nor a fleet."""
    items = []
    pair = pairs.find("clone", "PPO")
    if pair is not None:
        items.append(_one_policy(pair))
        if not pair.comparison.same_policy:
            items.append(_games(pair, _stated_games(evidence)))
    if pair is not None and evidence.looks and not evidence.shared_seeds:
        items.append(
            "**Which seeds chose the policy?** None of those reported: the pawl has a list of its own, "
            f"on which it looked at {plural(len(evidence.looks), 'candidate')}."
        )
    if evidence.fleet is not None and len(evidence.tuned):
        items += [_staleness(evidence), _tuning(evidence)]
    source = evidence.recipe.get("source")
    title = "What the write-up's tables left open" if source else "Notes"
    return [Heading(title), Bullets(tuple(items))] if items else []


def _one_policy(pair: Pair) -> str:
    text = "**Are both policies one?** Equal means say nothing about that. "
    if pair.comparison.same_policy:
        return text + f"Here they are: {pair.comparison.sentence}."
    return text + (
        f"Here {count(pair.main.equal)} of {plural(pair.comparison.pairs, 'paired game')} have equal "
        f"{in_words(pair.metric)}, and the policies differ."
    )


def _games(pair: Pair, stated: int | None) -> str:
    """Say which difference how many games can show, by the deviation of this run's pairs."""
    before, after = (player.metrics[pair.metric] for player in (pair.before, pair.after))
    deviation = float(np.std(after - before, ddof=1)) if len(before) > 1 else math.nan
    found = sorted({games for games in (stated, len(before)) if games})
    widths = [
        f"{plural(games, 'game')} leave ±{number(_NORMAL * deviation / math.sqrt(games), 2)}"
        for games in found
    ]
    return (
        "**Could the games show a difference?** By the deviation of the pairs here, "
        f"{' and '.join(widths)}; what was found is {interval(pair.main.difference, 'signed', 2)}."
    )


def _stated_games(evidence: LoopEvidence) -> int | None:
    """Return how many games the write-up's evaluation had, as its claims say."""
    for record in evidence.recipe.get("claims") or ():
        if record.get("measure", {}).get("key") == "evaluation_games":
            return int(record["stated"])
    return None


def _staleness(evidence: LoopEvidence) -> str:
    updates = evidence.updates
    lag = updates["lag_mean"]
    old = float(np.mean(lag > 0.0))
    return (
        f"**How old is what is learned from?** Lag counts from the version that played an episode to "
        f"the update, its time in the queue included: {number(float(lag.mean()), 2)} versions on "
        f"average, {count(float(updates['lag_most'].max()))} at most; {number(100 * old, 0)}% of the "
        "batches held an older version's episodes."
    )


def _tuning(evidence: LoopEvidence) -> str:
    changed = [row for row in evidence.tuned if row["changes"]]
    if not changed:
        return "**Why did a coefficient change?** None did."
    last = changed[-1]
    return (
        f"**Why did a coefficient change?** Every change is kept with its reason, "
        f"{count(sum(len(row['changes']) for row in changed))} of them; the last, after update "
        f"{count(last['update_number'])}: {'; '.join(last['changes'])}."
    )
