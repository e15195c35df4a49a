"""The report of adaptation to extreme modes: gain there, and what is left on the modes trained on.

Invariants: the policies were never trained on the task adapted to; the guarded arms of the reference base
lead, which were chosen before there was a number, and the best of all comes after; *retention* is the change on the
task that they were trained on, so that below zero means forgotten; the worst mode is the lowest of the
means, chosen after the fact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchet.report.document import Block, Callout, Cell, Column, Figure, Heading, Table, Text
from ratchet.report.laboratory.changes import change_table, mode_table
from ratchet.report.laboratory.common import arm_label, group_label, group_labels
from ratchet.report.laboratory.effects import Group, StudyEffects
from ratchet.report.laboratory.fewshot import few_shot_blocks
from ratchet.report.laboratory.guarded import guard_findings
from ratchet.report.laboratory.matrices import total
from ratchet.report.plots import two_figures
from ratchet.report.tables import Value, count
from ratchet.report.wording import plural, signed, toned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratchet.evaluation.statistics import Interval

_LEADING = 30
"""Episodes: the budget that the write-up states its numbers for."""

_TARGETS = (
    Column("arms", "Arm"),
    Column("gain", "Gain over the modes", "signed"),
    Column("worst", "Worst mode"),
    Column("worst_change", "Change there", "signed"),
    Column("retention", "Mean change on the trained modes", "signed"),
    Column("total", "Total", "signed"),
)


def extreme_blocks(effects: StudyEffects) -> list[Block]:
    """Return the sections of a study of extreme modes, what it found first."""
    here = effects.evidence
    if not here.budgets:
        return []
    budget = leading_budget(here.budgets)
    groups = [group for group in effects.groups() if group.budget == budget]
    if not groups:
        return few_shot_blocks(effects)
    several = len(here.budgets) > 1
    findings, rest = _split(few_shot_blocks(effects) if several else [])
    kept = [g for g in groups if effects.figure(g, "retention") is not None]
    title = f"With {plural(budget, 'episode')} to adapt"
    text = (
        f"The bases were trained on `{here.task}` and adapted to `{here.adapt_task}`, which they never "
        "saw. The worst mode is the one with the lowest mean change. The last two columns are the "
        f"change on the {plural(len(here.modes), 'mode')} of `{here.task}`: the mean over them and their "
        "sum, averaged over the modes adapted to."
    )
    rows = tuple(_row(effects, group) for group in groups)
    return [
        *_findings(effects, groups),
        *guard_findings(effects),
        *findings,
        Heading(title),
        Text(text),
        Table("targets", _TARGETS, rows, f"Gain and retention, {plural(budget, 'episode')}"),
        change_table(effects, groups, "extreme-changes", "Before and after, over the modes"),
        *mode_table(effects, groups, "extreme-modes"),
        *_retention(effects, kept),
        *rest,
    ]


def leading_budget(budgets: Sequence[int]) -> int:
    """Return the budget that the write-up states, or the largest there is."""
    return _LEADING if _LEADING in budgets else max(budgets)


def worst_mode(effects: StudyEffects, group: Group) -> tuple[str, Interval] | None:
    """Return the mode with the lowest mean change, and that change."""
    known = [
        (mode, change)
        for mode in effects.evidence.adapt_modes
        if (change := effects.figure(group, "change", mode)) is not None
    ]
    return min(known, key=lambda item: item[1].estimate) if known else None


def _row(effects: StudyEffects, group: Group) -> tuple[Cell | Value, ...]:
    worst = worst_mode(effects, group)
    retention = effects.figure(group, "retention")
    return (
        group_label(effects.evidence, group),
        toned(effects.figure(group, "change"), strong=True),
        "" if worst is None else f"mode {worst[0]}",
        toned(None if worst is None else worst[1]),
        toned(retention, strong=True),
        None if retention is None else len(effects.evidence.modes) * retention.estimate,
    )


def _findings(effects: StudyEffects, groups: Sequence[Group]) -> list[Block]:
    """Return the guarded arms of the reference base, and then the highest gain of all arms."""
    here = effects.evidence
    guarded = {arm.name for arm in here.arms if arm.guard}
    reference = here.recipe.get("reference_base")
    leading = [g for g in groups if g.base == reference and g.arm in guarded]
    blocks: list[Block] = []
    if leading:
        told = " ".join(
            f"{_capital(arm_label(here, group.arm))}: {_told(effects, group)}." for group in leading
        )
        budget = plural(groups[0].budget, "episode")
        lead = f"**With {budget} and a guard**, from `{reference}`."
        blocks.append(Callout("note", f"{lead} {told}"))
    known = [(c, g) for g in groups if (c := effects.figure(g, "change")) is not None]
    _, best = max(known, key=lambda item: item[0].estimate)
    gains = sum(c.low > 0.0 for c, _ in known)
    text = (
        f"**Of all {plural(len(known), 'arm')}**, {count(gains)} {'gains' if gains == 1 else 'gain'} over "
        f"the modes of `{here.adapt_task}`. The highest gain is that of {group_label(here, best)}: "
        f"{_told(effects, best)}."
    )
    if len(known) > 1:
        text += (
            f" As the best of {plural(len(known), 'arm')}, chosen afterwards, it is flattered, and its "
            "interval does not allow for the choice."
        )
    return [*blocks, Callout("note", text)]


def _told(effects: StudyEffects, group: Group) -> str:
    """Return gain, worst mode and forgetting of one arm, in plain numbers."""
    gain, worst = effects.figure(group, "change"), worst_mode(effects, group)
    assert gain is not None
    text = f"gain **{signed(gain)}**"
    if worst is not None:
        text += f", on its worst mode ({worst[0]}) {signed(worst[1])}"
    lost = total(effects.figure(group, "retention"), len(effects.evidence.modes))
    if lost is not None:
        text += f"; total change on the modes it was trained on {signed(lost)}"
    return text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _retention(effects: StudyEffects, groups: Sequence[Group]) -> list[Block]:
    """Return the gain on the extreme modes, and the change on those of the training, of each arm."""
    if not groups:
        return []
    here = effects.evidence
    labels = group_labels(here, groups)
    across = [effects.figure(group, "retention") for group in groups]
    up = [effects.figure(group, "change") for group in groups]
    points = [
        (label, x, y)
        for label, x, y in zip(labels, across, up, strict=True)
        if x is not None and y is not None
    ]
    caption = (
        f"Gain on the modes of `{here.adapt_task}`, and the mean change on those of `{here.task}`, with "
        f"{plural(groups[0].budget, 'episode')}; to the left of zero they are lost or forgotten."
    )
    told = "; ".join(f"{label}: gain {signed(y)}, retention {signed(x)}" for label, x, y in points)
    image = two_figures(
        [label.replace(" · ", "\n") for label, _, _ in points],
        [y for _, _, y in points],
        [x for _, x, _ in points],
        ("gain on the modes adapted to", "mean change on the modes trained on"),
        quantity="change of the mean return",
    )
    return [Figure("retention", image, caption, f"{caption} {told}")]


def _split(blocks: Sequence[Block]) -> tuple[list[Block], list[Block]]:
    """Return the findings that lead the blocks, and then the rest."""
    place = next((i for i, b in enumerate(blocks) if not isinstance(b, Callout)), len(blocks))
    return list(blocks[:place]), list(blocks[place:])
