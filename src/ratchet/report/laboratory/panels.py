"""The pictures of adaptation over budgets: curves with their bands.

Invariants: budgets stand at their logarithm, with a tick at each; panels of one picture share their
vertical axis; an arm keeps its colour, dash and marker in all panels; as `ratchet.report.plots`
otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ratchet.report.canvas import INK, SERIES, SOFT, canvas, svg
from ratchet.report.tables import IntervalLike, count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

_DASHES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_SMALL = 3
"""Small panels in a row."""


@dataclass(frozen=True)
class BudgetCurve:
    """One arm: an interval a budget, or None where nothing was measured."""

    label: str
    values: Sequence[IntervalLike | None]


@dataclass(frozen=True)
class Panel:
    """Curves under one title; the arms are the same, in the same order, in all panels."""

    title: str
    curves: Sequence[BudgetCurve]


def budget_curves(
    panels: Sequence[Panel], budgets: Sequence[int], *, quantity: str = "change of the mean return"
) -> bytes:
    """Return the first panel large and the others small below it, as SVG.

    Parameters
    ----------
    panels : sequence of Panel
        At least one.
    budgets : sequence of int
        Where the values of every curve stand, above zero and rising.
    quantity : str
        What the vertical axis measures.

    """
    small = panels[1:]
    rows = math.ceil(len(small) / _SMALL)
    lines = math.ceil(len(panels[0].curves) / 2)
    with canvas(2.9 + 0.2 * lines + 1.45 * rows) as (figure, axes):
        axes.remove()
        grid = figure.add_gridspec(1 + rows, _SMALL, height_ratios=[2.7] + [1.45] * rows)
        large = figure.add_subplot(grid[0, :])
        _draw(large, panels[0], budgets, ticks=budgets, size=5.0)
        large.set_ylabel(quantity)
        if small:
            large.set_title(panels[0].title, fontsize=9.5, color=INK, loc="left")
        else:
            large.set_xlabel("episodes to adapt (logarithmic)")
        few = [b for place, b in enumerate(budgets) if place in {0, len(budgets) - 1}]
        for place, panel in enumerate(small):
            row, column = divmod(place, _SMALL)
            below = figure.add_subplot(grid[1 + row, column], sharey=large)
            _draw(below, panel, budgets, ticks=few, size=2.5)
            below.set_title(panel.title, fontsize=9.0, color=INK, loc="left")
            below.tick_params(labelsize=8.5, labelleft=column == 0)
        if small:
            figure.supxlabel("episodes to adapt (logarithmic)", fontsize=10.0, color=SOFT)
        handles, labels = large.get_legend_handles_labels()
        if len(labels) > 1:
            figure.legend(handles, labels, loc="outside upper left", ncols=2, frameon=False)
        return svg(figure)


def _draw(
    axes: Axes, panel: Panel, budgets: Sequence[int], *, ticks: Sequence[int], size: float
) -> None:
    """Draw the curves of one panel with their bands."""
    for index, curve in enumerate(panel.curves):
        colour = SERIES[index % len(SERIES)]
        known = [
            (budget, value)
            for budget, value in zip(budgets, curve.values, strict=True)
            if value is not None and not math.isnan(value.estimate)
        ]
        where = [budget for budget, _ in known]
        axes.plot(
            where,
            [value.estimate for _, value in known],
            color=colour,
            linestyle=_DASHES[index // len(SERIES) % len(_DASHES)],
            linewidth=1.8 if size > 4.0 else 1.3,
            marker=_MARKERS[index % len(_MARKERS)],
            markersize=size,
            label=curve.label,
        )
        axes.fill_between(
            where,
            [value.low for _, value in known],
            [value.high for _, value in known],
            color=colour,
            alpha=0.15,
            linewidth=0,
        )
    axes.set_xscale("log")
    axes.set_xticks(list(ticks), [count(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.axhline(0, color=INK, linewidth=1, zorder=0.5)
    axes.grid(axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0, labelcolor=SOFT)
