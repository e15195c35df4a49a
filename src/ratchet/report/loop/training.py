"""What the games came to that a fleet learned from, and where its trainer ended: the write-up's outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratchet.ledger import queries
from ratchet.report.document import Block, Cell, Column, Heading, Table, Text
from ratchet.report.loop.configuration import stale
from ratchet.report.loop.outcomes import fights, outcomes
from ratchet.report.tables import count
from ratchet.report.wording import plural

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratchet.ledger import Store
    from ratchet.report.loop.evidence import LoopEvidence, Metrics

_COLUMNS = (Column("metric", "Metric"), Column("value", "Value", align="right"))
_TRAINER = (
    ("approx_kl", "Latest approximate KL"),
    ("clip_fraction", "Latest clip fraction"),
    ("explained_variance", "Latest explained variance"),
    ("normalised_entropy", "Latest normalised entropy"),
)


def training_metrics(ledger: Store, evidence: LoopEvidence) -> Metrics:
    """Return the episodes that the fleet learned from, by metric; none without one."""
    if evidence.fleet is None:
        return {}
    found = queries.training_episodes(ledger, evidence.fleet.id)
    if not len(found.returns):
        return {}
    lengths: NDArray[np.float64] = found.lengths.astype(np.float64)
    return {"return": found.returns, "length": lengths, **found.metrics}


def training_outcome(evidence: LoopEvidence, metrics: Metrics) -> list[Block]:
    """Return the section, or nothing where nothing has been learned from yet."""
    if not metrics:
        return []
    rows: list[tuple[str, Cell]] = [
        (outcome.title, Cell(outcome.interval, format=outcome.format, digits=outcome.digits))
        for outcome in outcomes(metrics)
    ]
    rows += [
        (
            f"{each.title} fights / wins",
            Cell(f"{count(each.fought)} / {count(each.won)}"),
        )
        for each in fights(metrics)
    ]
    rows += [
        (title, Cell(evidence.latest(name), format="significant", digits=6))
        for name, title in _TRAINER
    ]
    moved, updates = evidence.moved, evidence.updates
    stopped = evidence.latest("stopped_by_kl")
    rows += [
        ("Latest early-stop flag", Cell(None if stopped is None else int(stopped), format="count")),
        ("Updates stopped early", Cell(int(np.nansum(updates["stopped_by_kl"])), format="count")),
        ("Updates rolled back", Cell(int(np.nansum(updates["rolled_back"])), format="count")),
        ("Updates of the critic alone", Cell(int((~moved).sum()), format="count")),
        ("Stale rollouts", Cell(stale(evidence), format="count")),
    ]
    note = (
        f"Of the {plural(len(metrics['return']), 'game')} that the trainer learned from, each played "
        "by sampled actions of the policy as it was then: a mean over a policy that changes, and "
        "nothing to compare policies by. KL, clipping, entropy and early stops are of the last update "
        "that moved the policy."
    )
    caption = "Means with bootstrap and rates with Wilson's 95% intervals"
    return [
        Heading("Training outcome"),
        Text(note),
        Table("training-outcome", _COLUMNS, tuple(rows), caption),
    ]
