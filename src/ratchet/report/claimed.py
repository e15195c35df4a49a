"""The table that sets the numbers of a write-up beside those measured here, whatever the write-up is on.

Invariants: a verdict is one of `claims.Agreement`, in words; what was not measured is said with its
reason; stated and measured are written in one format, that of the claim's unit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ratchet.evaluation.statistics import Interval
from ratchet.report.claims import Claim, judge, own_interval
from ratchet.report.document import Block, Cell, Column, Heading, Table, Text
from ratchet.report.tables import Format, Value, count, scalar

if TYPE_CHECKING:
    from ratchet.report.claims import Agreement
    from ratchet.report.document import Tone

_FORMATS: dict[str, Format] = {
    "return": "number",
    "change": "signed",
    "share": "percent",
    "share_change": "signed_percent",
    "count": "count",
    "seconds": "seconds",
    "rate": "significant",
}
_RATE_DIGITS = 4
_TONES: Mapping[Agreement, Tone] = {
    "agrees": "good",
    "within its noise": "plain",
    "too uncertain": "muted",
    "differs": "bad",
    "not comparable": "muted",
}
_SIGNS = {"about": "about ", "at_least": "at least ", "below": "below "}


class Beside(NamedTuple):
    """A claim, what was measured for it, and why nothing was where nothing was."""

    claim: Claim
    measured: Interval | float | None
    why: str = ""

    @property
    def agreement(self) -> Agreement:
        """Whether both agree."""
        return judge(self.claim, self.measured)


def claims_intro(found: Sequence[Beside], source: object) -> list[Block]:
    """Return the head of the section, with how many numbers agree; `source` names the write-up."""
    judged = Counter(entry.agreement for entry in found)
    intro = f"Of {count(len(found))} numbers that "
    intro += f"**{source}** states, " if source else "the write-up states, "
    intro += (
        f"**{count(judged['agrees'])} agree**, **{count(judged['within its noise'])}** are off by no "
        f"more than their own noise explains, **{count(judged['differs'])} differ**, "
        f"{count(judged['too uncertain'])} are measured too uncertainly to tell, and "
        f"{count(judged['not comparable'])} cannot be compared. A number agrees if it lies in the 95% "
        "interval measured here, or for a count within the tolerance stated with the claim; it is within "
        "its noise if it lies outside, but both intervals together explain the gap."
    )
    return [Heading("Claims of the write-up"), Text(intro)]


def claims_table(
    key: str, found: Sequence[Beside], caption: str, *, own: bool, digits: int = 1
) -> Table:
    """Return a row a claim; with `own`, the write-up's own interval stands beside its number.

    `digits` are those of what is measured, and where an interval of its own shows how coarse it is,
    what is stated has two.
    """
    columns = [
        Column("claim", "Claim"),
        Column("stated", "Stated", "number", 2 if own else digits),
        Column("own", "Stated, its own 95% interval", "number", digits),
        Column("measured", "Measured here", "number", digits),
        Column("agreement", "Agreement"),
        Column("where", "Where"),
        Column("remark", "Remark"),
    ]
    if not own:
        del columns[2]
    rows = tuple(_row(entry, columns[1].digits, digits, own=own) for entry in found)
    return Table(key, tuple(columns), rows, caption)


def _row(entry: Beside, stated_digits: int, digits: int, *, own: bool) -> tuple[Cell, ...]:
    claim, value, why = entry
    style = _FORMATS[claim.unit]
    if style == "significant":
        stated_digits = digits = _RATE_DIGITS
    agreement = entry.agreement
    stated: Value = claim.stated
    if claim.relation in _SIGNS:
        stated = _SIGNS[claim.relation] + scalar(claim.stated, style, digits)
    # An interval of counts is one of their mean.
    fine: Format = "number" if isinstance(value, Interval) and style == "count" else style
    reason = claim.reason or (why if agreement == "not comparable" else "")
    remark = "; ".join(part for part in (reason, claim.note) if part)
    return (
        Cell(claim.claim),
        Cell(stated, format=style, digits=stated_digits),
        *((Cell(own_interval(claim), format=style, digits=digits),) if own else ()),
        Cell(value, format=fine, strong=True, digits=digits),
        Cell(agreement, _TONES[agreement]),
        Cell(claim.where),
        Cell(remark),
    )
