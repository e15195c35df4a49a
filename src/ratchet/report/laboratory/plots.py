"""The pictures that only studies of the laboratory have: many small panels on one scale.

Invariants: all panels of a picture share their axes or their colours, so that what looks larger is
larger; a value that is not a number is marked, never drawn as zero; as `ratchet.report.plots`
otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratchet.report.canvas import BLUE, INK, SOFT, canvas, svg
from ratchet.report.tables import IntervalLike, number, scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from ratchet.report.plots import Curve

_COLUMNS = 2
_TITLE = 9.0  # points; about eighteen letters of it fit over a panel
_MISSING = "#cfd5dc"
# The words on a cell keep their colour in the dark, as the cell does.
_ON_LIGHT, _ON_DARK = "#20262d", "#fefefe"


@dataclass(frozen=True)
class WeightMap:
    """The mean weights of one policy's slots, `[modes][slots]`, each from 0 to 1."""

    title: str
    weights: Sequence[Sequence[float]]


@dataclass(frozen=True)
class ChangeMap:
    """Changes of the mean return with their intervals, `[slots][modes]`."""

    title: str
    changes: Sequence[Sequence[IntervalLike | None]]


def curve_panels(
    curves: Sequence[Curve],
    *,
    maximum: float | None = None,
    quantity: str = "training return",
) -> bytes:
    """Return one small panel a curve, two in a row, all on the same axes, as SVG."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415 - slow to import

    rows = max(1, math.ceil(len(curves) / _COLUMNS))
    with canvas(0.55 + 1.35 * rows) as (figure, axes):
        grid = _grid(figure, axes, rows, min(_COLUMNS, max(1, len(curves))), share=True)
        for panel, curve in zip(grid, curves, strict=False):
            if curve.low is not None and curve.high is not None:
                panel.fill_between(
                    curve.steps, curve.low, curve.high, color=BLUE, alpha=0.22, linewidth=0
                )
            panel.plot(curve.steps, curve.returns, color=BLUE, linewidth=1.5)
            if maximum is not None:
                panel.axhline(maximum, color=SOFT, linewidth=1, linestyle=(0, (4, 3)), zorder=0.5)
            panel.set_title(curve.label, fontsize=_TITLE, color=INK, loc="left")
            panel.grid(axis="y")
            panel.spines["left"].set_visible(False)
            panel.tick_params(labelsize=8.5, labelcolor=SOFT)
            panel.set_ylim(bottom=0.0)
            panel.xaxis.set_major_locator(MaxNLocator(4))
            panel.xaxis.set_major_formatter(FuncFormatter(lambda v, _: scalar(v / 1000, "count")))
        for panel in grid[len(curves) :]:
            panel.set_visible(False)
        for panel in grid[max(0, len(curves) - _COLUMNS) : len(curves)]:
            panel.tick_params(labelbottom=True)  # also where nothing stands below
        figure.supxlabel("thousands of environment steps", fontsize=9.5, color=SOFT)
        figure.supylabel(quantity, fontsize=9.5, color=SOFT)
        return svg(figure)


def weight_maps(maps: Sequence[WeightMap], modes: Sequence[str]) -> bytes:
    """Return one matrix of modes and slots a policy, in percent, two in a row, as SVG."""
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415 - slow to import

    colours = LinearSegmentedColormap.from_list("weights", ["#f7f7f7", "#0067a5"])
    rows = max(1, math.ceil(len(maps) / _COLUMNS))
    with canvas(0.35 + rows * (0.55 + 0.34 * len(modes))) as (figure, axes):
        grid = _grid(figure, axes, rows, min(_COLUMNS, max(1, len(maps))), share=False)
        for place, (panel, item) in enumerate(zip(grid, maps, strict=False)):
            weights = np.array(item.weights, dtype=np.float64)
            texts = [[number(100.0 * value, 0) for value in line] for line in weights.tolist()]
            slots = [str(slot) for slot in range(weights.shape[1])]
            _cells(panel, weights, texts, colours, (0.0, 1.0))
            _labels(panel, modes if place % _COLUMNS == 0 else None, slots)
            panel.set_title(item.title, fontsize=_TITLE, color=INK, loc="left", pad=18)
        for panel in grid[len(maps) :]:
            panel.set_visible(False)
        figure.supxlabel("slot", fontsize=9.5, color=SOFT)
        figure.supylabel("mode", fontsize=9.5, color=SOFT)
        return svg(figure)


def change_maps(
    maps: Sequence[ChangeMap],
    slots: Sequence[str],
    modes: Sequence[str],
    *,
    limit: float | None = None,
) -> bytes:
    """Return matrices of slots and modes side by side in one diverging colour, as SVG.

    A change whose interval excludes zero stands in bold.

    Parameters
    ----------
    maps : sequence of ChangeMap
        At most two, so that their numbers stay legible.
    slots, modes : sequence of str
        Labels of rows and columns.
    limit : float, optional
        The change that has the full colour; by default the largest there is.

    """
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415 - slow to import

    shades = LinearSegmentedColormap.from_list("changes", ["#c44e00", "#f7f7f7", "#0067a5"])
    with canvas(0.95 + 0.36 * len(slots)) as (figure, axes):
        grid = _grid(figure, axes, 1, max(1, len(maps)), share=False)
        found = [c.estimate for m in maps for line in m.changes for c in line if c is not None]
        largest = max((abs(value) for value in found if math.isfinite(value)), default=0.0)
        full = limit or largest or 1.0
        for place, (panel, item) in enumerate(zip(grid, maps, strict=False)):
            estimates = np.array(
                [[math.nan if c is None else c.estimate for c in line] for line in item.changes]
            )
            texts = [[_change(change) for change in line] for line in item.changes]
            strong = [[_shown(change) for change in line] for line in item.changes]
            _cells(panel, estimates, texts, shades, (-full, full), strong)
            _labels(panel, slots if place == 0 else None, modes)
            panel.set_title(item.title, fontsize=_TITLE, color=INK, loc="left", pad=18)
        figure.supxlabel("evaluated on mode", fontsize=9.5, color=SOFT)
        figure.supylabel("slot", fontsize=9.5, color=SOFT)
        return svg(figure)


def _grid(figure: Figure, axes: Axes, rows: int, columns: int, *, share: bool) -> list[Axes]:
    """Replace the canvas's axes by a grid of them, row by row."""
    axes.remove()
    panels = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share)
    found: list[Axes] = list(panels.ravel())
    for panel in found:
        panel.tick_params(length=0)
    return found


def _cells(
    panel: Axes,
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    texts: Sequence[Sequence[str]],
    colours: Colormap,
    limits: tuple[float, float],
    strong: Sequence[Sequence[bool]] | None = None,
) -> None:
    """Draw a matrix with its numbers; the first row is on top."""
    low, high = limits
    panel.pcolormesh(
        np.ma.masked_invalid(values),
        cmap=colours.with_extremes(bad=_MISSING),
        vmin=low,
        vmax=high,
        edgecolors="face",
        linewidth=0.4,
    )
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            dark = abs(values[row, column]) / max(abs(low), high) > 0.62
            panel.annotate(
                text,
                (column + 0.5, row + 0.5),
                ha="center",
                va="center",
                fontsize=8.5,
                color=_ON_DARK if dark else _ON_LIGHT,
                fontweight="bold" if strong is not None and strong[row][column] else "normal",
            )
    panel.invert_yaxis()


def _labels(panel: Axes, rows: Sequence[str] | None, columns: Sequence[str]) -> None:
    """Name rows and columns; a panel beside another one leaves the rows' names to it."""
    panel.set_xticks(np.arange(len(columns)) + 0.5, columns)
    if rows is None:
        panel.set_yticks([])
    else:
        panel.set_yticks(np.arange(len(rows)) + 0.5, rows)
    panel.xaxis.tick_top()
    panel.tick_params(length=0, labelcolor=INK, labelsize=8.5, pad=2)
    for spine in panel.spines.values():
        spine.set_visible(False)


def _change(change: IntervalLike | None) -> str:
    return number(None if change is None else change.estimate, 0, signed=True)


def _shown(change: IntervalLike | None) -> bool:
    """Return whether the interval excludes zero."""
    return change is not None and (change.low > 0.0 or change.high < 0.0)
