"""What a guard does to adaptation: each guarded arm beside the one that differs in nothing else.

Invariants: both are compared on the same base policies and seeds; a study without such a pair has no
such section.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchet.report.document import Block, Callout, Column, Heading, Table, Text
from ratchet.report.laboratory.changes import lost, worst_single
from ratchet.report.laboratory.common import group_labels
from ratchet.report.tables import count, number
from ratchet.report.wording import plural, toned

if TYPE_CHECKING:
    from ratchet.report.laboratory.effects import Group, StudyEffects
    from ratchet.report.laboratory.evidence import StudyArm

_GUARDED = (
    Column("arms", "Arm"),
    Column("difference", "Guarded less unguarded", "signed"),
    Column("lost", "Lost, unguarded", align="right"),
    Column("lost_guarded", "Lost, guarded", align="right"),
    Column("worst", "Worst, unguarded", "signed"),
    Column("worst_guarded", "Worst, guarded", "signed"),
)


def guard_findings(effects: StudyEffects) -> list[Block]:
    """Return what the guard did to the changes in a sentence, or nothing where no arms form a pair."""
    pairs = guarded_pairs(effects)
    if not pairs:
        return []
    differences = [d for p, g in pairs if (d := effects.difference(g, p, "change")) is not None]
    better = sum(d.low > 0.0 for d in differences)
    worse = sum(d.high < 0.0 for d in differences)
    worst, guarded = (min(worst_single(effects, pair[place]) for pair in pairs) for place in (0, 1))
    text = (
        f"**The guard** made the change higher in {count(better)} of {plural(len(differences), 'pair')} "
        f"of arms and lower in {count(worse)}. The worst single adaptation changed the mean return by "
        f"{number(worst, signed=True)} without it and by "
        f"{number(guarded, signed=True)} with it."
    )
    return [Callout("note", text)]


def guard_blocks(effects: StudyEffects) -> list[Block]:
    """Return the section on arms with and without the guard, or nothing where none form a pair."""
    pairs = guarded_pairs(effects)
    if not pairs:
        return []
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


def guarded_pairs(effects: StudyEffects) -> list[tuple[Group, Group]]:
    """Return each unguarded group with the guarded one that is otherwise the same."""

    def otherwise(arm: StudyArm) -> tuple[str, str, str]:
        return arm.scope, arm.method, arm.anchor

    groups = effects.groups()
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
