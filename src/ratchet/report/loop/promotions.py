"""What the pawl said of each candidate for `best`, on the seeds that choose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ratchet.report.costs import short
from ratchet.report.document import Block, Cell, Column, Heading, Table, Text
from ratchet.report.loop.outcomes import in_words
from ratchet.report.tables import Value, count, percent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ratchet.report.loop.evidence import Look, LoopEvidence

_COLUMNS = (
    Column("update", "Update", "count"),
    Column("episodes", "Episodes so far", "count"),
    Column("policy", "Candidate"),
    Column("verdict", "Verdict"),
    Column("difference", "Against the best so far", "signed", 2),
    Column("lower", "At least", "signed", 2),
    Column("reason", "Reason"),
)


_MANY = 24
"""From more looks on, the table has those that took something and the last `_LAST` alone."""
_LAST = 5


def promotions(evidence: LoopEvidence) -> list[Block]:
    """Return the section, or nothing where the pawl has not looked."""
    if not evidence.looks:
        return []
    taken = sum(look.verdict.accepted for look in evidence.looks)
    shown = evidence.looks
    if len(shown) > _MANY:
        last = shown[-_LAST:]
        shown = tuple(look for look in shown if look.verdict.accepted or look in last)
    seeds = evidence.on("validation")
    pawl = evidence.recipe.get("pawl") or {}
    where = f" on the {count(seeds[0].episodes)} seeds of `{seeds[0].seed_set}`" if seeds else ""
    text = (
        f"Every {count(evidence.setting('promote_every'))} episodes the pawl compares the policy with "
        f"the best so far by {in_words(evidence.metric)}{where}, and takes it if the lower bound "
        f"at {percent(pawl.get('confidence'))} confidence is above zero. It took {count(taken)} of "
        f"{count(len(evidence.looks))}."
    )
    if not evidence.shared_seeds:
        text += " Nothing is reported on these seeds."
    if len(shown) < len(evidence.looks):
        text += (
            f" The table has those and the last {_LAST}; the ledger and the figure above have all."
        )
    return [
        Heading("Promotions"),
        Text(text),
        Table("promotions", _COLUMNS, tuple(map(_row, shown))),
    ]


def bound(look: Look) -> Mapping[str, Any]:
    """Return the test that decided: of the mean over all modes, or of the only one."""
    bounds = look.verdict.bounds
    found: Mapping[str, Any] = bounds.get("all modes") or next(iter(bounds.values()), {})
    return found


def _row(look: Look) -> tuple[Cell | Value, ...]:
    decided = bound(look)
    accepted = look.verdict.accepted
    return (
        look.update,
        look.episodes,
        short(look.policy_id),
        Cell("accepted" if accepted else "rejected", "good" if accepted else "plain"),
        decided.get("mean"),
        decided.get("lower"),
        look.verdict.reason,
    )
