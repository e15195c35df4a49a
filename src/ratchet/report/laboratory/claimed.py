"""The section of a study's report that sets a write-up's numbers beside those measured here.

Invariants: a measured number is looked up in the figures of the report, so a claim and a results table
never disagree; where the study has no such figure, the reason is given in place of a number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ratchet.evaluation.statistics import Interval
from ratchet.report.document import Block, Cell, Column, Heading, Table, Text, Tone
from ratchet.report.laboratory.claims import StudyClaim, agreement, own_interval, study_claims
from ratchet.report.tables import Format, Value, count

if TYPE_CHECKING:
    from ratchet.report.claims import Agreement
    from ratchet.report.laboratory.evidence import StudyEvidence

Found = tuple[Interval | float | None, str]
"""What was measured for a claim, or None and why there is nothing."""

_FORMATS: dict[str, Format] = {
    "return": "number",
    "change": "signed",
    "share": "percent",
    "count": "count",
}
_TONES: Mapping[Agreement, Tone] = {
    "agrees": "good",
    "within its noise": "plain",
    "too uncertain": "muted",
    "differs": "bad",
    "not comparable": "muted",
}
_COLUMNS = (
    Column("claim", "Claim"),
    Column("stated", "Stated", "number", 2),
    Column("own", "Its own 95% interval", "number"),
    Column("measured", "Measured here", "number"),
    Column("agreement", "Agreement"),
    Column("remark", "Where, and remarks"),
)


def claims_blocks(evidence: StudyEvidence, measure: Callable[[StudyClaim], Found]) -> list[Block]:
    """Return the section that sets each stated number beside the measured one.

    Parameters
    ----------
    evidence : StudyEvidence
        The study.
    measure : callable
        Gives the measured number of a claim, or None and the reason why there is none. It is not
        asked for claims of kind `elsewhere`.

    """
    claims = study_claims(evidence)
    if not claims:
        return []
    found: list[tuple[StudyClaim, Interval | float | None, str]] = []
    for claim in claims:
        if claim.kind == "elsewhere":
            found.append((claim, None, claim.reason or "it is not part of this study"))
        else:
            found.append((claim, *measure(claim)))
    blocks: list[Block] = [Heading("Claims of the write-up"), Text(_summary(evidence, found))]
    parts = (
        ("claims-changes", "Changes: stated and measured", ("change",)),
        ("claims-returns", "Returns: stated and measured", ("return",)),
        ("claims-others", "Shares and counts: stated and measured", ("share", "count")),
    )
    for key, caption, units in parts:
        chosen = [entry for entry in found if entry[0].unit in units]
        if chosen:
            # Without a single interval of its own the column would be empty.
            known = any(own_interval(claim) is not None for claim, _, _ in chosen)
            columns = [c for c in _COLUMNS if known or c.name != "own"]
            rows = tuple(_row(evidence, *entry, own=known) for entry in chosen)
            blocks.append(Table(key, tuple(columns), rows, caption))
    return blocks


def _summary(
    evidence: StudyEvidence, found: list[tuple[StudyClaim, Interval | float | None, str]]
) -> str:
    said = Counter(agreement(claim, value, evidence.maximum) for claim, value, _ in found)
    source = evidence.recipe.get("source")
    text = f"Of {count(len(found))} numbers that "
    text += f"**{source}** states, " if source else "the write-up states, "
    text += (
        f"**{count(said['agrees'])} agree**, **{count(said['within its noise'])}** are off by no more "
        f"than their own noise explains, **{count(said['differs'])} differ**, "
        f"{count(said['too uncertain'])} are too uncertain to tell, and "
        f"{count(said['not comparable'])} cannot be compared. A number agrees if it lies in the 95% "
        "interval measured here, and is within its noise if it lies outside but both intervals together "
        "explain the gap. An interval of a change that is wider than a fifth of the maximum return, or "
        "of a return that is wider than half the stated one, agrees with almost anything: it is too "
        "uncertain. So is a stated change outside the measured interval if its own episodes are not "
        "known: nothing says how much of it is noise."
    )
    known = [claim for claim, _, _ in found if own_interval(claim) is not None]
    if known:
        text += (
            f" The episodes behind {count(len(known))} of the numbers are known, not their seeds; their "
            "intervals are Student's t for means and Welch's for differences of two means."
        )
    return text


def _row(
    evidence: StudyEvidence,
    claim: StudyClaim,
    value: Interval | float | None,
    why: str,
    *,
    own: bool,
) -> tuple[Cell | Value, ...]:
    said = agreement(claim, value, evidence.maximum)
    style = _FORMATS[claim.unit]
    reason = why if said == "not comparable" else ""
    fine: Format = "number" if isinstance(value, Interval) and style == "count" else style
    return (
        claim.claim,
        Cell(claim.stated, format=style),
        *((Cell(own_interval(claim), format=style),) if own else ()),
        Cell(value, format=fine, strong=value is not None),
        Cell(said, _TONES[said]),
        "; ".join(part for part in (claim.where, reason, claim.note) if part),
    )
