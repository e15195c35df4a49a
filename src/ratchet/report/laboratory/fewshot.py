"""The report of few-shot adaptation: the change of the return as the budget of episodes grows.

Invariants: a curve's points are independent adaptations, one for each budget, never one adaptation read
off on its way; the area is a mean over the range of budgets, so it has the unit of a change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratchet.report.document import Block, Callout, Cell, Column, Figure, Heading, Table, Text
from ratchet.report.laboratory.adaptation import change_section
from ratchet.report.laboratory.changes import extremes, tally
from ratchet.report.laboratory.common import arm_label, verdict
from ratchet.report.laboratory.effects import Group, StudyEffects, interval
from ratchet.report.laboratory.lists import slugs
from ratchet.report.laboratory.panels import BudgetCurve, Panel, budget_curves
from ratchet.report.tables import Value, count
from ratchet.report.wording import plural, signed, toned

if TYPE_CHECKING:
    from ratchet.evaluation.statistics import Interval
    from ratchet.report.laboratory.evidence import StudyArm

_REACHED = 0.95
"""Share of an arm's best mean return that counts as reached."""

_AREAS = (
    Column("arms", "Arm"),
    Column("area", "Mean change over the range", "signed"),
    Column("verdict", "Verdict"),
    Column("best", "Best budget", "count"),
    Column("change", "Change there", "signed"),
    Column("after", "Return there", "number"),
    Column("reached", "Budget for 95% of it", "count"),
)


def few_shot_blocks(effects: StudyEffects) -> list[Block]:
    """Return the sections of a study over budgets, what it found first.

    One budget has no curve: then they are the changes alone, as of any study.
    """
    if len(effects.evidence.budgets) < 2:
        return _one_budget(effects)
    bases = list(dict.fromkeys(group.base for group in effects.groups()))
    findings: list[Block] = [Callout("note", _finding(effects, base)) for base in bases]
    blocks: list[Block] = [*findings]
    if bases:
        blocks += [Heading("Change as the budget grows"), Text(_NOTE)]
    names = slugs(bases)
    for base in bases:
        if len(bases) > 1:
            blocks.append(Heading(f"`{base}`", 3))
        suffix = f"-{names[base]}" if len(bases) > 1 else ""
        blocks += [
            _curves(effects, base, suffix),
            _areas(effects, base, suffix),
            _budgets(effects, base, suffix),
        ]
        blocks += _modes(effects, base, suffix)
    return blocks


def _one_budget(effects: StudyEffects) -> list[Block]:
    groups = effects.groups()
    if not groups:
        return []
    changes = [c for g in groups if (c := effects.figure(g, "change")) is not None]
    text = f"{tally(changes, 'base and arm')}. {extremes(effects, groups)}"
    return [Callout("note", text), *change_section(effects, groups)]


_NOTE = (
    "Each point is an adaptation of its own with that many episodes. The **mean change over the range** "
    "is the area under the curve of changes: trapezoids over the number of episodes (not its "
    "logarithm), divided by the range, with the smallest budget as the lower end. The **best budget** "
    "has the highest mean change; chosen after the fact, its change is flattered. The last column is "
    "the smallest budget whose mean return is at least 95% of the arm's best."
)


def area(effects: StudyEffects, base: str, arm: str) -> Interval | None:
    """Return the mean change over the range of budgets, or None if a budget is missing.

    It is the trapezoid rule over episodes divided by the range; there must be two budgets or more.
    """
    budgets = effects.evidence.budgets
    by_budget = [effects.cells(Group(base, arm, budget), "change") for budget in budgets]
    if not by_budget:
        return None
    shared = [key for key in by_budget[0] if all(key in cells for cells in by_budget)]
    weights = _weights(budgets)
    return interval(
        {key: np.tensordot(weights, np.stack([c[key] for c in by_budget]), 1) for key in shared}
    )


def _weights(budgets: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return the weights of the trapezoid rule, which sum to one."""
    steps = np.diff(np.array(budgets, dtype=np.float64))
    weights = (np.append(steps, 0.0) + np.append(0.0, steps)) / 2.0
    return np.asarray(weights / weights.sum())


def best_budget(effects: StudyEffects, base: str, arm: str) -> int | None:
    """Return the budget with the highest mean change."""
    known = {
        budget: change.estimate
        for budget in effects.evidence.budgets
        if (change := effects.figure(Group(base, arm, budget), "change")) is not None
    }
    return max(known, key=lambda budget: known[budget]) if known else None


def budget_reached(effects: StudyEffects, base: str, arm: str) -> int | None:
    """Return the smallest budget whose mean return is at least 95% of the arm's best."""
    known = {
        budget: after.estimate
        for budget in effects.evidence.budgets
        if (after := effects.figure(Group(base, arm, budget), "after")) is not None
    }
    enough = _REACHED * max(known.values(), default=0.0)
    return next((budget for budget, after in known.items() if after >= enough), None)


def _finding(effects: StudyEffects, base: str) -> str:
    here = effects.evidence
    areas = [(a, arm) for arm in here.arms_of(base) if (a := area(effects, base, arm.name))]
    changes = [c for g in effects.groups() if g.base == base and (c := effects.figure(g, "change"))]
    text = f"`{base}`. {tally(changes, 'arm and budget')}."
    if areas:
        best, arm = max(areas, key=lambda item: item[0].estimate)
        lowest, other = min(areas, key=lambda item: item[0].estimate)
        low, high = min(here.budgets), max(here.budgets)
        text += (
            f" Over budgets from {count(low)} to {count(high)} episodes the mean change is highest for "
            f"{arm.label}, **{signed(best)}**"
        )
        text += f", and lowest for {other.label}, **{signed(lowest)}**." if other != arm else "."
    return text


def _curves(effects: StudyEffects, base: str, suffix: str) -> Figure:
    here = effects.evidence

    def panel(title: str, mode: str | None) -> Panel:
        return Panel(title, [_curve(effects, base, arm, mode) for arm in here.arms_of(base)])

    panels = [panel("all modes", None)]
    if len(here.adapt_modes) > 1:
        panels += [panel(f"mode {mode}", mode) for mode in here.adapt_modes]
    caption = (
        f"`{base}`: change of the mean return by budget, averaged over the modes (large) and on each "
        "mode (small), with 95% intervals as bands."
    )
    told = "; ".join(
        f"{arm_label(here, arm.name)}: "
        + ", ".join(
            f"{change.estimate:+.1f} with {plural(budget, 'episode')}"
            for budget in here.budgets
            if (change := effects.figure(Group(base, arm.name, budget), "change")) is not None
        )
        for arm in here.arms_of(base)
    )
    image = budget_curves(panels, here.budgets)
    return Figure(f"budgets{suffix}", image, caption, f"{caption} {told}")


def _curve(effects: StudyEffects, base: str, arm: StudyArm, mode: str | None) -> BudgetCurve:
    budgets = effects.evidence.budgets
    values = [effects.figure(Group(base, arm.name, budget), "change", mode) for budget in budgets]
    return BudgetCurve(arm.label, values)


def _areas(effects: StudyEffects, base: str, suffix: str) -> Table:
    rows: list[tuple[Cell | Value, ...]] = []
    for arm in effects.evidence.arms_of(base):
        whole = area(effects, base, arm.name)
        best = best_budget(effects, base, arm.name)
        there = None if best is None else Group(base, arm.name, best)
        rows.append(
            (
                arm.label,
                toned(whole, strong=True),
                verdict(whole),
                best,
                toned(None if there is None else effects.figure(there, "change")),
                None if there is None else effects.figure(there, "after"),
                budget_reached(effects, base, arm.name),
            )
        )
    return Table(f"areas{suffix}", _AREAS, tuple(rows), "Arms over the whole range of budgets")


def _budgets(effects: StudyEffects, base: str, suffix: str) -> Table:
    here = effects.evidence
    rows: list[tuple[Cell | Value, ...]] = [
        (plural(budget, "episode"), *_changes(effects, base, budget, None))
        for budget in here.budgets
    ]
    caption = "Change averaged over the modes, by budget"
    return Table(f"budgets{suffix}", _columns(effects, base), tuple(rows), caption)


def _modes(effects: StudyEffects, base: str, suffix: str) -> list[Block]:
    here = effects.evidence
    if len(here.adapt_modes) < 2:
        return []
    return [
        Table(
            f"budgets-mode-{slug}{suffix}",
            _columns(effects, base),
            tuple(
                (plural(budget, "episode"), *_changes(effects, base, budget, mode))
                for budget in here.budgets
            ),
            f"Change on mode {mode}, by budget",
        )
        for mode, slug in slugs(here.adapt_modes).items()
    ]


def _columns(effects: StudyEffects, base: str) -> tuple[Column, ...]:
    arms = effects.evidence.arms_of(base)
    return (
        Column("budget", "Budget"),
        *(Column(arm.name, arm.label, "signed") for arm in arms),
    )


def _changes(effects: StudyEffects, base: str, budget: int, mode: str | None) -> list[Cell]:
    return [
        toned(effects.figure(Group(base, arm.name, budget), "change", mode))
        for arm in effects.evidence.arms_of(base)
    ]
