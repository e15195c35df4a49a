"""The pictures of a report.

Invariants: plain numbers go in, SVG bytes come out; anything with `estimate`, `low` and `high` is an
interval; a value that is not a number is left out or marked, never drawn as zero; nothing depends on
the clock, the screen or an earlier plot.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratchet.report.canvas import BLUE, INK, ORANGE, PAPER, SERIES, SOFT, canvas, svg
from ratchet.report.tables import MISSING, Format, IntervalLike, interval, scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

_ROW = 0.42  # inches that one row of a dot plot takes
_DASHES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P")


@dataclass(frozen=True)
class Curve:
    """One line of a learning curve, with an optional band around it."""

    label: str
    steps: Sequence[float]
    returns: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


def before_after(
    modes: Sequence[str],
    before: Sequence[IntervalLike],
    after: Sequence[IntervalLike],
    maximum: float | None = None,
    *,
    quantity: str = "mean return",
) -> bytes:
    """Return a dot-and-interval plot of each mode before and after, as SVG.

    Parameters
    ----------
    modes : sequence of str
        Row labels, top to bottom.
    before, after : sequence of IntervalLike
        One interval a mode.
    maximum : float, optional
        The best return there is, marked by a line.
    quantity : str
        What the horizontal axis measures.

    """
    with canvas(1.15 + 1.5 * _ROW * len(modes)) as (figure, axes):
        _two(axes, before, after, ("before", "after"))
        if maximum is not None:
            axes.axvline(maximum, color=SOFT, linewidth=1, linestyle=(0, (4, 3)), zorder=0.5)
            axes.annotate(
                f"maximum {scalar(maximum, 'number', 0)}",
                (maximum, 1),
                xycoords=("data", "axes fraction"),
                xytext=(-4, 2),
                textcoords="offset points",
                ha="right",
                va="bottom",
                color=SOFT,
                fontsize=9,
            )
        _rows(axes, modes)
        axes.set_xlabel(quantity)
        if axes.get_legend_handles_labels()[0]:
            figure.legend(loc="outside upper left", ncols=2, frameon=False)
        return svg(figure)


def two_figures(
    labels: Sequence[str],
    first: Sequence[IntervalLike],
    second: Sequence[IntervalLike],
    names: tuple[str, str],
    *,
    quantity: str,
) -> bytes:
    """Return two differences of each row, one under the other, on one axis with a line at zero, as SVG.

    Parameters
    ----------
    labels : sequence of str
        Row labels, top to bottom; they may be broken into lines.
    first, second : sequence of IntervalLike
        One interval a row.
    names : tuple of str
        What the two are, for the legend.
    quantity : str
        What the horizontal axis measures.

    """
    with canvas(1.35 + 1.15 * _ROW * len(labels)) as (figure, axes):
        _two(axes, first, second, names)
        axes.axvline(0, color=INK, linewidth=1, zorder=0.5)
        _rows(axes, labels)
        axes.set_xlabel(quantity)
        if axes.get_legend_handles_labels()[0]:
            # One under the other: their names may be long.
            figure.legend(loc="outside upper left", frameon=False)
        return svg(figure)


def forest(
    labels: Sequence[str],
    differences: Sequence[IntervalLike],
    *,
    quantity: str = "difference of the mean return",
    style: Format = "signed",
    digits: int = 1,
) -> bytes:
    """Return differences with their intervals around a line at zero, as SVG.

    An interval above zero is blue and filled, one below zero orange and filled, and one that holds
    zero is hollow and grey; each says its numbers.
    """
    with canvas(0.85 + 1.35 * _ROW * max(1, len(labels))) as (figure, axes):
        for row, item in enumerate(differences):
            colour = BLUE if item.low > 0 else ORANGE if item.high < 0 else SOFT
            fill = "none" if colour == SOFT else colour
            _dots(axes, [item], [row], [colour], "o", fill, None)
        axes.axvline(0, color=INK, linewidth=1, zorder=0.5)
        _rows(axes, labels)
        axes.margins(x=0.18)
        left, right = axes.get_xlim()
        for row, item in enumerate(differences):
            if math.isnan(item.estimate):
                continue
            place = (item.estimate - left) / (right - left)
            axes.annotate(
                interval(item, style, digits),
                (item.estimate, row),
                xytext=(0, 8),
                textcoords="offset points",
                # Near an end the numbers grow inwards, clear of the rows' names.
                ha="left" if place < 0.3 else "right" if place > 0.7 else "center",
                fontsize=9,
                color=SOFT,
                # No line runs through a number.
                bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.8},
            )
        axes.set_xlabel(quantity)
        return svg(figure)


def learning_curves(
    curves: Sequence[Curve],
    *,
    maximum: float | None = None,
    quantity: str = "mean return",
    horizontal: str = "environment steps",
) -> bytes:
    """Return one line a curve, with its band where it has one, as SVG."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415 - slow to import

    with canvas(3.3 + 0.22 * math.ceil(len(curves) / 2)) as (figure, axes):
        for index, curve in enumerate(curves):
            colour = SERIES[index % len(SERIES)]
            axes.plot(
                curve.steps,
                curve.returns,
                color=colour,
                linestyle=_DASHES[index // len(SERIES) % len(_DASHES)],
                marker=_MARKERS[index % len(_MARKERS)],
                markersize=4,
                # Markers tell lines apart without colour; a dozen of them do.
                markevery=max(1, len(curve.steps) // 12),
                label=curve.label,
            )
            if curve.low is not None and curve.high is not None:
                axes.fill_between(
                    curve.steps, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0
                )
        if maximum is not None:
            axes.axhline(maximum, color=SOFT, linewidth=1, linestyle=(0, (4, 3)), zorder=0.5)
        axes.grid(axis="y")
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: scalar(value, "count")))
        axes.tick_params(axis="y", labelcolor=SOFT)
        axes.set_xlabel(horizontal)
        axes.set_ylabel(quantity)
        if len(curves) > 1 or (curves and curves[0].label):
            figure.legend(loc="outside upper left", ncols=2, frameon=False)
        return svg(figure)


def heat_map(
    values: Sequence[Sequence[float | IntervalLike]],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    row_title: str = "fine-tuned on",
    column_title: str = "evaluated on",
    style: Format = "signed",
    digits: int = 1,
    limit: float | None = None,
) -> bytes:
    """Return a matrix of differences in a diverging colour centred at zero, as SVG.

    Parameters
    ----------
    values : sequence of sequences
        Numbers, or intervals, whose ends are then written under the estimate.
    rows, columns : sequence of str
        Labels.
    row_title, column_title : str
        What rows and columns stand for.
    style, digits : Format, int
        How the estimates are written.
    limit : float, optional
        The difference that has the full colour, for matrices that are compared; by default the
        largest there is.

    """
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415 - slow to import

    estimates = np.array(
        [[item if isinstance(item, (int, float)) else item.estimate for item in row] for row in values],
        dtype=np.float64,
    )  # fmt: skip
    finite = np.abs(estimates[np.isfinite(estimates)])
    largest = float(finite.max()) if finite.size else 0.0
    limit = limit or largest or 1.0
    shades = LinearSegmentedColormap.from_list("ratchet", ["#c44e00", "#f7f7f7", "#0067a5"])
    # A missing value has a colour of its own that, like every cell's, stays light in the dark.
    colours = shades.with_extremes(bad="#cfd5dc")
    with canvas(1.0 + 0.72 * len(rows)) as (figure, axes):
        mesh = axes.pcolormesh(
            np.ma.masked_invalid(estimates),
            cmap=colours,
            vmin=-limit,
            vmax=limit,
            edgecolors="face",
            linewidth=0.4,
        )
        for row, line in enumerate(values):
            for column, item in enumerate(line):
                shade = abs(estimates[row, column]) / limit
                # Not INK: the cell keeps its colour in the dark, and so must the words on it.
                colour = "#fefefe" if shade > 0.62 else "#20262d"
                place = (column + 0.5, row + 0.5)
                axes.annotate(
                    _cell_text(item, style, digits), place, ha="center", va="center",
                    color=colour, fontsize=9.5, linespacing=1.35,
                )  # fmt: skip
        axes.set_xticks(np.arange(len(columns)) + 0.5, columns)
        axes.set_yticks(np.arange(len(rows)) + 0.5, rows)
        axes.invert_yaxis()
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.tick_params(length=0, labelcolor=INK)
        axes.set_xlabel(column_title)
        axes.set_ylabel(row_title)
        for spine in axes.spines.values():
            spine.set_visible(False)
        bar = figure.colorbar(mesh, ax=axes, fraction=0.045, pad=0.03)
        bar.outline.set_visible(False)
        bar.ax.tick_params(length=0, labelcolor=SOFT, labelsize=8.5)
        assert bar.solids is not None
        bar.solids.set_edgecolor("face")  # no hairlines between its steps
        bar.set_ticks([-limit, 0, limit], labels=[scalar(v, style, 0) for v in (-limit, 0, limit)])
        return svg(figure)


def _cell_text(item: float | IntervalLike, style: Format, digits: int) -> str:
    if isinstance(item, (int, float)):
        return scalar(item, style, digits)
    if math.isnan(item.estimate):
        return MISSING
    estimate, ends = interval(item, style, digits).split(" ", 1)
    return f"{estimate}\n{ends}"


def _two(
    axes: Axes,
    first: Sequence[IntervalLike],
    second: Sequence[IntervalLike],
    names: tuple[str, str],
) -> None:
    """Draw two intervals a row, the first one hollow and above."""
    for series, offset, colour, fill, name in (
        (first, -0.15, ORANGE, "none", names[0]),
        (second, 0.15, BLUE, BLUE, names[1]),
    ):
        places = [row + offset for row in range(len(series))]
        _dots(axes, series, places, [colour] * len(series), "o", fill, name)


def _dots(
    axes: Axes,
    series: Sequence[IntervalLike],
    places: Sequence[float],
    colours: Sequence[str],
    marker: str,
    fill: str,
    label: str | None,
) -> None:
    """Draw intervals as lines and estimates as dots on them; what is not a number is left out."""
    drawn = False
    for item, place, colour in zip(series, places, colours, strict=True):
        if math.isnan(item.estimate):
            continue
        axes.plot([item.low, item.high], [place, place], color=colour, solid_capstyle="butt")
        axes.plot(
            [item.estimate],
            [place],
            marker=marker,
            markersize=7,
            color=colour,
            markerfacecolor="#ffffff" if fill == "none" else fill,
            markeredgewidth=1.8,
            linestyle="none",
            label=None if drawn else label,
        )
        drawn = True


def _rows(axes: Axes, labels: Sequence[str]) -> None:
    """Name the rows, first on top, with light lines to follow."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.55)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
