"""The reports of test-time adaptation: what some episodes of it change, and what a guard does to that.

Invariants: guarded and unguarded arms are compared on the same bases and seeds; whether a write-up's
own numbers are distinguishable from zero is answered by its own episodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchet.report.document import Block, Callout, Column, Figure, Heading, Table, Text
from ratchet.report.laboratory.changes import (
    change_forests,
    change_table,
    extremes,
    lost,
    mode_table,
    seed_table,
    tally,
    worst_single,
)
from ratchet.report.laboratory.claims import own_interval, study_claims
from ratchet.report.laboratory.common import arm_label, group_labels
from ratchet.report.laboratory.effects import Group, StudyEffects
from ratchet.report.laboratory.lists import listing
from ratchet.report.laboratory.measured import measured
from ratchet.report.plots import before_after
from ratchet.report.tables import count, number
from ratchet.report.wording import plural, signed, toned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratchet.evaluation.statistics import Interval
    from ratchet.report.laboratory.claims import StudyClaim
    from ratchet.report.laboratory.evidence import StudyArm

_GUARDED = (
    Column("arms", "Arm"),
    Column("difference", "Guarded less unguarded", "signed"),
    Column("lost", "Lost, unguarded", align="right"),
    Column("lost_guarded", "Lost, guarded", align="right"),
    Column("worst", "Worst, unguarded", "signed"),
    Column("worst_guarded", "Worst, guarded", "signed"),
)
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
    pairs = guarded_pairs(effects, groups)
    stated = _stated_changes(effects)
    blocks: list[Block] = []
    if groups:
        changes = [c for g in groups if (c := effects.figure(g, "change")) is not None]
        text = tally(changes, "base and arm")
        blocks.append(Callout("note", f"{text}. {extremes(effects, groups)}"))
    if pairs:
        blocks.append(Callout("note", _guard_finding(effects, pairs)))
    if stated:
        blocks.append(Callout("note", _stated_finding(stated)))
    if groups:
        blocks += change_section(effects, groups)
    if pairs:
        blocks += _guard_section(effects, pairs)
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


def guarded_pairs(effects: StudyEffects, groups: Sequence[Group]) -> list[tuple[Group, Group]]:
    """Return each unguarded group with the guarded one that is otherwise the same."""

    def otherwise(arm: StudyArm) -> tuple[str, str, str]:
        return arm.scope, arm.method, arm.anchor

    arms = {arm.name: arm for arm in effects.evidence.arms}
    return [
        (plain, guarded)
        for plain in groups
        for guarded in groups
        if (plain.base, plain.budget) == (guarded.base, guarded.budget)
        and otherwise(arms[plain.arm]) == otherwise(arms[guarded.arm])
        and arms[guarded.arm].guard
        and not arms[plain.arm].guard
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


def _guard_finding(effects: StudyEffects, pairs: Sequence[tuple[Group, Group]]) -> str:
    differences = [d for p, g in pairs if (d := effects.difference(g, p, "change")) is not None]
    better = sum(d.low > 0.0 for d in differences)
    worse = sum(d.high < 0.0 for d in differences)
    worst, guarded = (min(worst_single(effects, pair[place]) for pair in pairs) for place in (0, 1))
    return (
        f"**The guard** made the change higher in {count(better)} of {plural(len(differences), 'pair')} "
        f"of arms and lower in {count(worse)}. The worst single adaptation changed the mean return by "
        f"{number(worst, signed=True)} without it and by "
        f"{number(guarded, signed=True)} with it."
    )


def _guard_section(effects: StudyEffects, pairs: Sequence[tuple[Group, Group]]) -> list[Block]:
    labels = group_labels(effects.evidence, [plain for plain, _ in pairs])
    rows = tuple(
        (
            label,
            toned(effects.difference(guarded, plain, "change"), strong=True),
            lost(effects, plain),
            lost(effects, guarded),
            worst_single(effects, plain),
            worst_single(effects, guarded),
        )
        for (plain, guarded), label in zip(pairs, labels, strict=True)
    )
    note = (
        "Both arms start from the same base policies with the same seeds, so their difference is "
        "paired by training seed and evaluation seed. An adaptation lost if the mean return on its "
        "mode is lower after than before; the worst is the one with the lowest mean change."
    )
    return [Heading("With and without the guard"), Text(note), Table("guarded", _GUARDED, rows)]


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
