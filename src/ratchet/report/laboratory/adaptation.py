"""The report of test-time adaptation: what some episodes of it change, and what a guard does to that.

Invariant: whether a write-up's own numbers are distinguishable from zero is answered by its own episodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchet.report.document import Block, Callout, Column, Figure, Heading, Table, Text
from ratchet.report.laboratory.changes import (
    change_forests,
    change_table,
    extremes,
    mode_table,
    seed_table,
    tally,
)
from ratchet.report.laboratory.claims import own_interval, study_claims
from ratchet.report.laboratory.common import arm_label
from ratchet.report.laboratory.effects import Group, StudyEffects
from ratchet.report.laboratory.guarded import guard_blocks, guard_findings
from ratchet.report.laboratory.lists import listing
from ratchet.report.laboratory.measured import measured
from ratchet.report.plots import before_after
from ratchet.report.tables import count, number
from ratchet.report.wording import plural, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratchet.evaluation.statistics import Interval
    from ratchet.report.laboratory.claims import StudyClaim

_STATED = (
    Column("claim", "Claim"),
    Column("stated", "Stated", "signed", 2),
    Column("own", "Its own 95% interval", "signed"),
    Column("distinguishable", "Distinguishable from zero"),
    Column("measured", "Measured here", "signed"),
)


def adaptation_blocks(effects: StudyEffects) -> list[Block]:
    """Return the sections of a study of test-time adaptation, what it found first."""
    groups = effects.groups()
    stated = _stated_changes(effects)
    blocks: list[Block] = []
    if groups:
        changes = [c for g in groups if (c := effects.figure(g, "change")) is not None]
        text = tally(changes, "base and arm")
        blocks.append(Callout("note", f"{text}. {extremes(effects, groups)}"))
    blocks += guard_findings(effects)
    if stated:
        blocks.append(Callout("note", _stated_finding(stated)))
    if groups:
        blocks += change_section(effects, groups)
    blocks += guard_blocks(effects)
    if stated:
        blocks += _stated_section(effects, stated)
    return blocks


def change_section(effects: StudyEffects, groups: Sequence[Group]) -> list[Block]:
    """Return the changes averaged over modes, mode by mode, and base policy by base policy."""
    text = (
        "Averaged over the modes, each adapted to by itself. P(better) is the probability that an "
        "episode ends with a higher return after than before, ties counting half."
    )
    return [
        Heading("What adaptation changes"),
        Text(text),
        change_table(effects, groups),
        *change_forests(effects, groups),
        Heading("Mode by mode", 3),
        *mode_table(effects, groups),
        *_reference(effects, groups),
        *seed_table(effects, groups),
    ]


def _reference(effects: StudyEffects, groups: Sequence[Group]) -> list[Block]:
    """Return a picture of the reference base before and after, by mode, with its first arm."""
    reference = effects.evidence.recipe.get("reference_base")
    group = next((g for g in groups if g.base == reference), None)
    if group is None:
        return []
    known = [
        (mode, before, after)
        for mode in effects.evidence.adapt_modes
        if (before := effects.figure(group, "before", mode)) is not None
        and (after := effects.figure(group, "after", mode)) is not None
    ]
    caption = f"`{group.base}` before and after: {arm_label(effects.evidence, group.arm)}."
    told = "; ".join(
        f"mode {mode}: {number(before.estimate)} before, {number(after.estimate)} after"
        for mode, before, after in known
    )
    image = before_after(
        [f"mode {mode}" for mode, _, _ in known],
        [before for _, before, _ in known],
        [after for _, _, after in known],
        effects.evidence.maximum,
    )
    return [Figure("reference-before-after", image, caption, f"{caption} {told}")]


def _stated_changes(effects: StudyEffects) -> list[tuple[StudyClaim, Interval]]:
    """Return the average changes that a write-up states and whose episodes are known."""
    return [
        (claim, own)
        for claim in study_claims(effects.evidence)
        if claim.unit == "change"
        and claim.mode is None
        and (own := own_interval(claim)) is not None
    ]


def _stated_finding(stated: Sequence[tuple[StudyClaim, Interval]]) -> str:
    clear = [(c, own) for c, own in stated if own.excludes(0.0)]
    rest = [(c, own) for c, own in stated if not own.excludes(0.0)]
    text = (
        f"**The write-up's own episodes:** of {plural(len(stated), 'average change')} that it states, "
        f"{count(len(clear))} {'is' if len(clear) == 1 else 'are'} distinguishable from zero"
    )
    if clear:
        text += f" ({listing([signed(own) for _, own in clear])})"
    if rest:
        text += f"; not so {listing([signed(own) for _, own in rest])}"
    return f"{text}."


def _stated_section(
    effects: StudyEffects, stated: Sequence[tuple[StudyClaim, Interval]]
) -> list[Block]:
    rows = []
    for claim, own in stated:
        value, _ = measured(claim, effects)
        away = "yes" if own.excludes(0.0) else "no"
        rows.append((claim.claim, claim.stated, own, away, value))
    note = (
        "Each stated average change with the 95% interval that follows from the write-up's own episodes "
        "(Welch's, because their seeds before and after are not known to be the same; all episodes of a "
        "policy taken as one sample)."
    )
    return [
        Heading("The write-up's own comparison"),
        Text(note),
        Table("stated-changes", _STATED, tuple(rows)),
    ]
