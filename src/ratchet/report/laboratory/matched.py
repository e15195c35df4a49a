"""The report of parameter-matched adaptation: arms with as many parameters, and their differences.

Invariants: parameters are counted by the adaptations themselves; arms are compared on the same base
policies and seeds, paired.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from ratchet.report.document import Block, Callout, Cell, Column, Heading, Table, Text
from ratchet.report.laboratory.adaptation import change_section
from ratchet.report.laboratory.changes import extremes, forests, tally
from ratchet.report.laboratory.common import arm_label, group_labels, verdict
from ratchet.report.laboratory.effects import Group, StudyEffects
from ratchet.report.tables import Value, count
from ratchet.report.wording import plural, signed, together, toned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratchet.evaluation.statistics import Interval

_ARMS = (
    Column("arms", "Arm"),
    Column("scope", "Scope"),
    Column("method", "Method"),
    Column("parameters", "Adapted parameters", align="right"),
    Column("share", "Of all", "percent"),
    Column("change", "Change", "signed"),
    Column("verdict", "Verdict"),
)
_DIFFERENCES = (
    Column("arms", "Pair of arms"),
    Column("difference", "First less second", "signed"),
    Column("verdict", "The first is"),
)


def matched_blocks(effects: StudyEffects) -> list[Block]:
    """Return the sections of a study of arms with matched parameters, what it found first."""
    groups = effects.groups()
    if not groups:
        return []
    pairs = _pairs(effects, groups)
    changes = [c for g in groups if (c := effects.figure(g, "change")) is not None]
    text = f"{tally(changes, 'arm')}. {extremes(effects, groups)}"
    blocks: list[Block] = [Callout("note", text)]
    if pairs:
        blocks.append(Callout("note", _finding(effects, pairs)))
    rows = [
        _arm_row(effects, group, label)
        for group, label in zip(groups, group_labels(effects.evidence, groups), strict=True)
    ]
    blocks += [Heading("Arms and their parameters"), Table("arms", _ARMS, tuple(rows))]
    if pairs:
        blocks += _differences(effects, pairs)
    return blocks + change_section(effects, groups)


def _pairs(effects: StudyEffects, groups: Sequence[Group]) -> list[tuple[Group, Group, Interval]]:
    """Return the arms of each base and budget two by two, with their paired difference."""
    return [
        (first, second, difference)
        for first, second in combinations(groups, 2)
        if (first.base, first.budget) == (second.base, second.budget)
        and (difference := effects.difference(first, second, "change")) is not None
    ]


def _finding(effects: StudyEffects, pairs: Sequence[tuple[Group, Group, Interval]]) -> str:
    clear = [pair for pair in pairs if pair[2].excludes(0.0)]
    text = (
        f"**Arm against arm**, on the same base policies and seeds: {count(len(clear))} of "
        f"{plural(len(pairs), 'difference')} {'is' if len(clear) == 1 else 'are'} distinguishable "
        "from zero"
    )
    if not clear:
        return f"{text}."
    first, second, value = max(clear, key=lambda pair: abs(pair[2].estimate))
    ahead, behind = (first, second) if value.estimate > 0.0 else (second, first)
    shown = effects.difference(ahead, behind, "change")
    assert shown is not None
    return (
        f"{text}; the largest is {arm_label(effects.evidence, ahead.arm)} less "
        f"{arm_label(effects.evidence, behind.arm)}, **{signed(shown)}**."
    )


def _arm_row(effects: StudyEffects, group: Group, label: str) -> tuple[Cell | Value, ...]:
    here = effects.evidence
    arm = next(arm for arm in here.arms if arm.name == group.arm)
    trainings = [
        a.training
        for target in here.adapt_modes
        for a in here.select(group.base, group.arm, group.budget, target)
    ]
    extras = ["guarded"] if arm.guard else []
    extras += [arm.anchor] if arm.anchor != "none" else []
    return (
        label,
        f"`{arm.scope}`",
        ", ".join([arm.method.replace("_", " "), *extras]),
        together([t.parameters_adapted for t in trainings]),
        sum(t.parameters_adapted for t in trainings) / sum(t.parameters_total for t in trainings),
        toned(effects.figure(group, "change"), strong=True),
        verdict(effects.figure(group, "change")),
    )


def _differences(
    effects: StudyEffects, pairs: Sequence[tuple[Group, Group, Interval]]
) -> list[Block]:
    here = effects.evidence
    bases = {first.base for first, _, _ in pairs}
    labels = []
    for first, second, _ in pairs:
        text = f"{arm_label(here, first.arm)} less {arm_label(here, second.arm)}"
        text = f"{first.base} · {text}" if len(bases) > 1 else text
        sizes = f" · {plural(first.budget, 'episode')}" if len(here.budgets) > 1 else ""
        labels.append(text + sizes)
    values = [difference for _, _, difference in pairs]
    note = (
        "The difference of two arms' changes, averaged over the modes. Both start from the same base "
        "policies, so it is paired by training seed, adaptation seed and evaluation seed."
    )
    rows = tuple(
        (label, toned(value, strong=True), verdict(value))
        for label, value in zip(labels, values, strict=True)
    )
    caption = "Difference of two arms' changes, with its 95% interval."
    plots = forests(
        [label.replace(" less ", "\nless ") for label in labels],
        values,
        "differences",
        caption,
        "difference of the changes",
    )
    return [
        Heading("Arm against arm"),
        Text(note),
        Table("differences", _DIFFERENCES, rows),
        *plots,
    ]
