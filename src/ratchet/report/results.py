"""Before and after, mode by mode: the write-up's results table with intervals and exact budgets.

Invariants: deviations are over episodes, within one policy, and their mean over fine-tuning seeds;
budgets are shown as the environment steps that were executed; a row is a mode and the policy
fine-tuned on it, or in the report of a single fine-tuning, every mode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ratchet.report.document import Block, Cell, Column, Figure, Heading, Table, Text, Tone
from ratchet.report.plots import before_after
from ratchet.report.tables import Value, count
from ratchet.report.wording import (
    base_name,
    plural,
    scope_name,
    scope_slug,
    together,
    toned,
    unit_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ratchet.evaluation.forgetting import Cell as Change
    from ratchet.report.arms import Evidence, Group
    from ratchet.report.effects import Detail, Effects


class Line(NamedTuple):
    """One row: a group on one mode."""

    label: str
    mode: str
    group: Group
    change: Change
    detail: Detail


_RESULTS = (
    Column("mode", "Mode"),
    Column("before", "Before (mean)", "number"),
    Column("std_before", "Before (std)", "number"),
    Column("after", "After (mean)", "number"),
    Column("std_after", "After (std)", "number"),
    Column("difference", "Improvement", "signed"),
)
_DETAILS = (
    Column("mode", "Mode"),
    Column("improved", "Probability of improvement", "percent", 0),
    Column("at_maximum_before", "At maximum before", "percent", 0),
    Column("at_maximum_after", "At maximum after", "percent", 0),
    Column("environment_steps", "Environment steps", "count"),
    Column("parameters_adapted", "Parameters adapted", "count"),
)
_VARIANCE = (
    Column("mode", "Mode"),
    Column("scope", "Scope"),
    Column("budget", "Budget", "count"),
    Column("std_before", "Std before", "number"),
    Column("std_after", "Std after", "number"),
    Column("std_change", "Change", "signed_percent", 0),
)


def results(evidence: Evidence, effects: Effects, scope: str) -> list[Block]:
    """Return the section of one scope: one picture, and two tables a budget."""
    budgets = [b for b in evidence.budgets(scope) if _tuned(evidence, scope, b)]
    if not budgets:
        return []
    first = not evidence.scopes or scope == evidence.scopes[0]
    blocks: list[Block] = [
        Heading("Before and after" if first else f"Before and after with {scope_name(scope)}"),
        Text(_introduction(evidence)) if first else Text(""),
        _picture(evidence, effects, scope, budgets),
    ]
    for budget in budgets:
        groups = _tuned(evidence, scope, budget)
        stem = f"{scope_slug(evidence, scope)}-{budget}"
        unit = unit_name(groups[0].key.unit, budget)
        what = f"{scope_name(scope)}, {count(budget)} {unit}"
        if len(budgets) > 1:
            blocks.append(Heading(f"{what[0].upper()}{what[1:]}", 3))
        lines = list(_lines(evidence, effects, groups))
        blocks.append(
            Table(
                f"results-{stem}",
                _RESULTS,
                tuple(
                    (
                        line.label,
                        line.change.before,
                        line.detail.std_before.estimate,
                        line.change.after,
                        line.detail.std_after.estimate,
                        toned(line.change.difference, strong=True),
                    )
                    for line in lines
                ),
                f"Return, mean with 95% interval; the improvement is paired by seed ({what})",
            )
        )
        blocks.append(
            Table(
                f"details-{stem}",
                _DETAILS,
                tuple(
                    (
                        line.label,
                        line.detail.improved,
                        line.detail.at_maximum_before,
                        line.detail.at_maximum_after,
                        _steps(line.group),
                        line.group.arms[0].training.parameters_adapted,
                    )
                    for line in lines
                ),
                f"What it took, and how often it pays ({what})",
            )
        )
    return [block for block in blocks if block != Text("")]


def variance(evidence: Evidence, effects: Effects) -> list[Block]:
    """Return the section on the spread of returns before and after."""
    rows: list[tuple[Cell | Value, ...]] = []
    tuned = [group for group in evidence.groups if group.key.kind == "finetune"]
    for line in _lines(evidence, effects, tuned):
        change = line.detail.std_change
        # Less spread is better: the tone is the other way round.
        tone: Tone = "good" if change.high < 0.0 else "bad" if change.low > 0.0 else "plain"
        rows.append(
            (
                line.label,
                f"`{line.group.key.scope}`",
                line.group.key.budget,
                line.detail.std_before,
                line.detail.std_after,
                Cell(change, tone),
            )
        )
    if not rows:
        return []
    caption = "Standard deviation of the return over episodes, and its change, with 95% intervals"
    note = (
        "The deviation is that of one policy over its episodes, averaged over fine-tuning seeds; its "
        "intervals are percentiles of a paired bootstrap over runs and seeds. A policy that reaches "
        "the maximum return in every episode has none left."
    )
    return [Heading("Variance"), Text(note), Table("variance", _VARIANCE, tuple(rows), caption)]


def _tuned(evidence: Evidence, scope: str, budget: int) -> tuple[Group, ...]:
    return evidence.select(kind="finetune", scope=scope, budget=budget)


def _lines(evidence: Evidence, effects: Effects, groups: Iterable[Group]) -> Iterator[Line]:
    """Yield every row that groups have to show."""
    for group in groups:
        shown = [mode for mode in evidence.modes if (group.key, mode) in effects.details]
        for mode in shown:
            trained = group.key.mode == mode and len(shown) > 1
            label = f"{mode} (trained on)" if trained else mode
            change = effects.rows[group.key].cells[mode]
            yield Line(label, mode, group, change, effects.details[group.key, mode])


def _picture(evidence: Evidence, effects: Effects, scope: str, budgets: list[int]) -> Figure:
    several = len(budgets) > 1
    groups = [group for budget in budgets for group in _tuned(evidence, scope, budget)]
    lines = list(_lines(evidence, effects, groups))
    # By mode and then budget, so that more budget reads downwards.
    lines.sort(key=lambda line: (evidence.modes.index(line.mode), line.group.key.budget))
    labels = [
        f"mode {line.label}" + (f", {count(line.group.key.budget)}" if several else "")
        for line in lines
    ]
    what = f"with {scope_name(scope)}"
    return Figure(
        f"before-after-{scope_slug(evidence, scope)}",
        before_after(
            labels,
            [line.change.before for line in lines],
            [line.change.after for line in lines],
            evidence.maximum,
        ),
        f"Mean return before and after fine-tuning {what}, with 95% intervals"
        + ("; rows are mode and budget." if several else "."),
        f"Dots with intervals: mean return of each mode before and after fine-tuning {what}.",
    )


def _introduction(evidence: Evidence) -> str:
    runs = {len(group.arms) for group in evidence.groups if group.key.kind == "finetune"}
    over = (
        f" Each row pools {together([float(n) for n in runs])} fine-tuning seeds, and its intervals "
        "cover both those and the episodes."
        if max(runs) > 1
        else ""
    )
    rows = (
        "A row compares the policy fine-tuned on a mode with "
        f"{base_name(evidence)} on that same mode."
        if evidence.run.kind == "recipe"
        else f"Every row compares with {base_name(evidence)} as it was before."
    )
    return (
        f"{rows} Both play the same {plural(evidence.episodes, 'episode')} by seed, none of which "
        f"chose the policy.{over}"
    )


def _steps(group: Group) -> Value:
    executed = [arm.training.environment_steps for arm in group.arms]
    return executed[0] if len(set(executed)) == 1 else together(executed)
