"""The report of forgetting: what adapting to one mode does to all modes.

Invariants: rows are modes adapted to, columns modes evaluated on; *forgetting* is the mean change on the
modes not adapted to, so that below zero means forgotten, and *total* is its sum over them; *specific
gain* is the gain on the target less the mean change elsewhere.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ratchet.evaluation.statistics import Interval
from ratchet.report.document import Block, Callout, Cell, Column, Figure, Heading, Table, Text
from ratchet.report.laboratory.changes import forests
from ratchet.report.laboratory.common import group_labels
from ratchet.report.laboratory.effects import Group, StudyEffects
from ratchet.report.plots import heat_map, two_figures
from ratchet.report.tables import Value, count
from ratchet.report.wording import plural, signed, toned

if TYPE_CHECKING:
    from collections.abc import Sequence

_ARMS = (
    Column("arms", "Arm"),
    Column("gain", "Gain on the target", "signed"),
    Column("forgetting", "Mean change elsewhere", "signed"),
    Column("total", "Total", "signed"),
    Column("specific", "Specific gain", "signed"),
    Column("reading", "Reading"),
)


def forgetting_blocks(effects: StudyEffects) -> list[Block]:
    """Return the sections of a study of forgetting, what it found first."""
    groups = [g for g in effects.groups() if effects.figure(g, "elsewhere") is not None]
    if not groups:
        return [Callout("warning", "No adapted policy is evaluated on the other modes yet.")]
    note = (
        "Averaged over the modes adapted to. **Elsewhere** is every mode that was not adapted to; the "
        "total is the sum over them. The specific gain is the gain on the target less the mean change "
        "elsewhere: without it, the adaptation was more training, not adaptation to a mode."
    )
    labels = group_labels(effects.evidence, groups)
    rows = tuple(_row(effects, *pair) for pair in zip(groups, labels, strict=True))
    return [
        Callout("note", _finding(effects, groups)),
        Heading("Gain and forgetting"),
        Text(note),
        Table("forgetting", _ARMS, rows),
        *_trade_off(effects, groups),
        *forests(
            labels,
            [_known(effects.figure(group, "elsewhere")) for group in groups],
            "elsewhere",
            "Mean change on the modes not adapted to, with its 95% interval.",
            "change on the other modes",
        ),
        *_matrices(effects, groups),
    ]


def total(mean: Interval | None, parts: int) -> Interval | None:
    """Return a mean change over modes as the sum over them."""
    if mean is None:
        return None
    return Interval(parts * mean.estimate, parts * mean.low, parts * mean.high)


def _row(effects: StudyEffects, group: Group, label: str) -> tuple[Cell | Value, ...]:
    here = effects.evidence
    forgetting = effects.figure(group, "elsewhere")
    return (
        label,
        toned(effects.figure(group, "change"), strong=True),
        toned(forgetting, strong=True),
        None if forgetting is None else (len(here.adapt_modes) - 1) * forgetting.estimate,
        toned(effects.figure(group, "specific")),
        _reading(effects, group),
    )


def _reading(effects: StudyEffects, group: Group) -> str:
    """Return what gain, forgetting and specific gain show together."""
    gain, elsewhere = effects.figure(group, "change"), effects.figure(group, "elsewhere")
    specific = effects.figure(group, "specific")
    assert gain is not None
    assert elsewhere is not None
    parts = []
    if gain.low > 0.0:
        shown = specific is not None and specific.low > 0.0
        parts.append("specific gain" if shown else "gain, not shown to be specific")
    else:
        parts.append("loss on the target" if gain.high < 0.0 else "no gain shown")
    if elsewhere.high < 0.0:
        parts.append("forgets")
    else:
        parts.append("gains elsewhere" if elsewhere.low > 0.0 else "no forgetting shown")
    return "; ".join(parts)


def _finding(effects: StudyEffects, groups: Sequence[Group]) -> str:
    forgets = [g for g in groups if _known(effects.figure(g, "elsewhere")).high < 0.0]
    gains = [g for g in groups if _known(effects.figure(g, "change")).low > 0.0]
    both = [g for g in gains if g not in forgets]
    worst = min(groups, key=lambda g: _known(effects.figure(g, "elsewhere")).estimate)
    named = dict(zip(groups, group_labels(effects.evidence, groups), strict=True))
    text = (
        f"Of {plural(len(groups), 'arm')}, **{_do(forgets, 'forget')}** (the change on the other modes "
        f"is below zero), and {_do(gains, 'gain')} on the mode adapted to; **{_do(both, 'gain')} "
        "without being shown to forget**. "
    )
    return text + (
        f"The lowest mean change elsewhere is {signed(_known(effects.figure(worst, 'elsewhere')))} "
        f"({named[worst]})."
    )


def _do(groups: Sequence[Group], verb: str) -> str:
    return f"{count(len(groups))} {verb}{'s' if len(groups) == 1 else ''}"


def _trade_off(effects: StudyEffects, groups: Sequence[Group]) -> list[Block]:
    """Return gain and forgetting of each arm, one picture a base."""
    blocks: list[Block] = []
    for place, base in enumerate(dict.fromkeys(group.base for group in groups)):
        some = [group for group in groups if group.base == base]
        labels = [
            label.removeprefix(f"{base} · ") for label in group_labels(effects.evidence, some)
        ]
        gains = [_known(effects.figure(group, "change")) for group in some]
        elsewhere = [_known(effects.figure(group, "elsewhere")) for group in some]
        caption = (
            f"`{base}`: gain on the mode adapted to, and the mean change on the others; to the left of "
            "zero they are forgotten."
        )
        told = "; ".join(
            f"{label}: gain {signed(gain)}, elsewhere {signed(other)}"
            for label, gain, other in zip(labels, gains, elsewhere, strict=True)
        )
        image = two_figures(
            labels,
            gains,
            elsewhere,
            ("gain on the mode adapted to", "mean change on the other modes"),
            quantity="change of the mean return",
        )
        blocks.append(Figure(f"trade-off-{place}", image, caption, f"{caption} {told}"))
    return blocks


def _matrices(effects: StudyEffects, groups: Sequence[Group]) -> list[Block]:
    """Return for each arm the change on every mode, by the mode adapted to."""
    modes = effects.evidence.adapt_modes
    matrices = [
        [[_known(effects.evaluated_on(group, target, mode)) for mode in modes] for target in modes]
        for group in groups
    ]
    sizes = [abs(value.estimate) for matrix in matrices for line in matrix for value in line]
    limit = max((size for size in sizes if math.isfinite(size)), default=0.0)
    note = "All arms share one scale of colours; the ends of the intervals stand under the changes."
    blocks: list[Block] = [Heading("Every mode after adapting to each"), Text(note)]
    labels = group_labels(effects.evidence, groups)
    for place, (label, values) in enumerate(zip(labels, matrices, strict=True)):
        caption = f"{label}: change of the mean return, with its 95% interval."
        told = "; ".join(
            f"adapted to {target}, evaluated on {mode}: {signed(value)}"
            for target, line in zip(modes, values, strict=True)
            for mode, value in zip(modes, line, strict=True)
        )
        image = heat_map(values, modes, modes, row_title="adapted to mode", digits=0, limit=limit)
        blocks.append(Figure(f"matrix-{place}", image, caption, f"{caption} {told}"))
    return blocks


def _known(value: Interval | None) -> Interval:
    """Return the interval, or one of not-a-number, which pictures mark as missing."""
    return Interval(math.nan, math.nan, math.nan) if value is None else value
