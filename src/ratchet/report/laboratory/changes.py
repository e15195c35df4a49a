"""Tables, pictures and sentences of changes, which most studies of adaptation show.

Invariants: one row is one base, arm and budget; a sentence counts what the intervals of its table show.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ratchet.report.document import Block, Cell, Column, Figure, Heading, Table, Text
from ratchet.report.laboratory.common import group_labels, unchanged, verdict
from ratchet.report.laboratory.lists import chunks
from ratchet.report.plots import forest
from ratchet.report.tables import Value, count
from ratchet.report.wording import plural, signed, toned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratchet.evaluation.statistics import Interval
    from ratchet.report.laboratory.effects import Group, StudyEffects

_CHANGES = (
    Column("arms", "Arm"),
    Column("before", "Before", "number", 0),
    Column("after", "After", "number", 0),
    Column("change", "Change", "signed"),
    Column("improved", "P(better)", "percent", 0),
    Column("verdict", "Verdict"),
)
_ROWS = 14
"""Rows of one forest plot that still fit on a screen."""
_WIDE = 6
"""Modes that fit side by side in a table."""


def change_table(
    effects: StudyEffects, groups: Sequence[Group], key: str = "changes", caption: str = ""
) -> Table:
    """Return before, after, change and verdict of each group, averaged over the modes."""
    return Table(
        key,
        _CHANGES,
        tuple(
            (
                label,
                effects.figure(group, "before"),
                effects.figure(group, "after"),
                toned(effects.figure(group, "change"), strong=True),
                effects.figure(group, "improved"),
                verdict(effects.figure(group, "change")),
            )
            for group, label in _labelled(effects, groups)
        ),
        caption,
    )


def mode_table(effects: StudyEffects, groups: Sequence[Group], key: str = "modes") -> list[Block]:
    """Return the change of each group on each mode that was adapted to."""
    modes = effects.evidence.adapt_modes
    if len(modes) < 2:
        return []
    blocks: list[Block] = []
    for part, some in enumerate(chunks(modes, _WIDE)):
        columns = (
            Column("arms", "Arm"),
            *(Column(f"mode_{mode}", f"Mode {mode}", "signed") for mode in some),
        )
        rows: list[tuple[Cell | Value, ...]] = [
            (
                label,
                *(toned(effects.figure(group, "change", mode)) for mode in some),
            )
            for group, label in _labelled(effects, groups)
        ]
        name = key if not part else f"{key}-{part + 1}"
        caption = "Change on each mode, adapted to that mode"
        blocks.append(Table(name, columns, tuple(rows), caption))
    return blocks


def seed_table(effects: StudyEffects, groups: Sequence[Group], key: str = "seeds") -> list[Block]:
    """Return the change of each group for each training seed: how far bases differ from each other."""
    seeds = effects.evidence.training_seeds
    if not 2 <= len(seeds) <= _WIDE:
        return []
    columns = (
        Column("arms", "Arm"),
        *(Column(f"seed_{seed}", f"Seed {seed}", "signed") for seed in seeds),
    )
    rows: list[tuple[Cell | Value, ...]] = [
        (
            label,
            *(toned(effects.figure(group, "change", None, seed)) for seed in seeds),
        )
        for group, label in _labelled(effects, groups)
    ]
    note = (
        "The same change for each base policy by itself, averaged over the modes; these intervals are "
        "over adaptation seeds and evaluation seeds, and speak of that one policy."
    )
    return [Heading("Base policy by base policy", 3), Text(note), Table(key, columns, tuple(rows))]


def change_forests(
    effects: StudyEffects, groups: Sequence[Group], name: str = "changes"
) -> list[Block]:
    """Return the changes over all modes as forest plots of a screen's height each."""
    known = [
        (label, change)
        for group, label in _labelled(effects, groups)
        if (change := effects.figure(group, "change")) is not None
    ]
    return forests(
        [label for label, _ in known],
        [change for _, change in known],
        name,
        "Change of the mean return, averaged over the modes, with its 95% interval.",
        "change of the mean return",
    )


def forests(
    labels: Sequence[str],
    values: Sequence[Interval],
    name: str,
    caption: str,
    quantity: str,
) -> list[Block]:
    """Return forest plots of labelled differences, as many as fit on a screen in each."""
    blocks: list[Block] = []
    for part, some in enumerate(chunks(list(zip(labels, values, strict=True)), _ROWS)):
        told = "; ".join(f"{label}: {signed(value)}" for label, value in some)
        broken = [label.replace(" · ", "\n") for label, _ in some]
        image = forest(broken, [value for _, value in some], quantity=quantity)
        figure = name if not part else f"{name}-{part + 1}"
        blocks.append(Figure(figure, image, caption, f"{caption} {told}"))
    return blocks


def tally(changes: Sequence[Interval], of_what: str) -> str:
    """Return how many changes are above zero, below it, neither, and none at all."""
    better = sum(change.low > 0.0 for change in changes)
    worse = sum(change.high < 0.0 for change in changes)
    same = sum(unchanged(change) for change in changes)
    rest = len(changes) - better - worse - same
    parts = [
        f"**{count(better)} {_is(better)} better**",
        f"**{count(worse)} {_is(worse)} worse**",
        f"{count(rest)} {_is(rest)} not distinguishable from zero",
    ]
    if same:
        parts.append(f"{count(same)} {_is(same)} unchanged in every episode")
    text = f"Of {plural(len(changes), 'change')}, one for each {of_what}"
    return f"{text}, {', '.join(parts[:-1])}, and {parts[-1]}"


def extremes(effects: StudyEffects, groups: Sequence[Group]) -> str:
    """Return the largest gain and the largest loss over the modes, as a sentence; empty without groups."""
    found = [
        (change, label)
        for group, label in _labelled(effects, groups)
        if (change := effects.figure(group, "change")) is not None
    ]
    if not found:
        return ""
    found.sort(key=lambda item: item[0].estimate)
    (low, last), (high, first) = found[0], found[-1]
    if len(found) == 1:
        return f"The change over all modes is **{signed(high)}** ({first})."
    return (
        f"Over all modes the highest change is **{signed(high)}** ({first}), the lowest "
        f"**{signed(low)}** ({last})."
    )


def single_changes(effects: StudyEffects, group: Group) -> list[float]:
    """Return the mean change of every single adaptation of a group on its own target."""
    return [
        float(np.mean(values))
        for mode in effects.evidence.adapt_modes
        for values in effects.cells(group, "change", mode).values()
    ]


def worst_single(effects: StudyEffects, group: Group) -> float:
    """Return the lowest mean change of a single adaptation; not a number where there is none."""
    return min(single_changes(effects, group), default=math.nan)


def lost(effects: StudyEffects, group: Group) -> str:
    """Return how many single adaptations ended with a lower mean return than their start."""
    found = single_changes(effects, group)
    return f"{count(sum(value < 0.0 for value in found))} of {count(len(found))}"


def _labelled(effects: StudyEffects, groups: Sequence[Group]) -> list[tuple[Group, str]]:
    return list(zip(groups, group_labels(effects.evidence, groups), strict=True))


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
