"""The pictures of a fleet: what it learned over its updates, and what its trainer and its queue did meanwhile.

Invariants: the horizontal axis of all of them is the number of the update, so that they can be read one
above the other; of many updates neighbours are averaged, so that a picture of weeks has the size of one
of minutes; as `ratchet.report.plots` otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratchet.report.canvas import AMBER, BLUE, GREEN, INK, LINE, ORANGE, SKY, SOFT, canvas, svg
from ratchet.report.tables import scalar, significant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from ratchet.report.tables import IntervalLike

    Values = NDArray[np.float64]

_POINTS = 240
"""Points of a line, at most."""
_BARS = 60
_FINDINGS = (
    ("over-moving", ORANGE),
    ("healthy", GREEN),
    ("between", LINE),
    ("under-moving", SKY),
)
_DASHED = (0, (4, 3))


@dataclass(frozen=True)
class Judged:
    """A candidate that the pawl looked at: its evaluation, and whether it was taken."""

    update: int
    value: IntervalLike
    accepted: bool


def averaged(values: Values, points: int = _POINTS) -> Values:
    """Return at most so many means of neighbours `[points]`; of what is not a number nothing goes in."""
    if len(values) <= points:
        return np.asarray(values, np.float64)
    chunks = np.array_split(np.asarray(values, np.float64), points)
    return np.array([_mean(chunk) for chunk in chunks])


def returns_picture(
    updates: Values, returns: Values, window: int, *, maximum: float | None = None
) -> bytes:
    """Return the mean return of each update's episodes, and the mean of the last `window` updates, as SVG."""
    with canvas(3.3) as (figure, axes):
        axes.plot(
            averaged(updates), averaged(returns), color=SKY, linewidth=0.9, label="each update"
        )
        if window > 1 and len(returns) >= 2 * window:
            sums = np.cumsum(np.insert(returns, 0, 0.0))
            smooth = (sums[window:] - sums[:-window]) / window
            axes.plot(
                averaged(updates[window - 1 :]),
                averaged(smooth),
                color=BLUE,
                linewidth=2.2,
                label=f"mean of the last {window}",
            )
        if maximum is not None:
            axes.axhline(maximum, color=SOFT, linewidth=1, linestyle=_DASHED, zorder=0.5)
        _finish(axes, "training return")
        axes.set_xlabel("update")
        figure.legend(loc="outside upper left", ncols=2, frameon=False)
        return svg(figure)


def pawl_picture(judged: Sequence[Judged], start: IntervalLike, quantity: str) -> bytes:
    """Return what the pawl saw, on the seeds that choose, as SVG: each candidate, and the best so far."""
    with canvas(3.3) as (figure, axes):
        steps, level = [0.0], [start.estimate]
        for one in judged:
            colour = BLUE if one.accepted else SOFT
            axes.plot(
                [one.update] * 2, [one.value.low, one.value.high], color=colour, linewidth=1.2
            )
            axes.plot(
                [one.update],
                [one.value.estimate],
                marker="o",
                markersize=5.5,
                color=colour,
                markerfacecolor=BLUE if one.accepted else "#ffffff",
                linestyle="none",
            )
            if one.accepted:
                steps.append(float(one.update))
                level.append(one.value.estimate)
        last = max([one.update for one in judged], default=0)
        axes.step(
            [*steps, float(last)],
            [*level, level[-1]],
            where="post",
            color=ORANGE,
            linewidth=1.6,
            linestyle=_DASHED,
            label="best so far",
            zorder=0.8,
        )
        for label, fill, colour in (("accepted", BLUE, BLUE), ("rejected", "#ffffff", SOFT)):
            axes.plot(
                [],
                [],
                marker="o",
                color=colour,
                markerfacecolor=fill,
                linestyle="none",
                label=label,
            )
        _finish(axes, quantity)
        axes.set_xlabel("update")
        figure.legend(loc="outside upper left", ncols=3, frameon=False)
        return svg(figure)


def tuning_picture(
    updates: Values,
    lines: Mapping[str, Values],
    findings: Sequence[str],
    *,
    target_kl: float | None = None,
) -> bytes:
    """Return the coefficients over the updates, and below what the tuner found, as SVG.

    Parameters
    ----------
    updates : array
        Numbers of the updates.
    lines : mapping of str to array
        What the panels show, by title, top to bottom; the first is the KL.
    findings : sequence of str
        What the tuner found of each update; empty where it did not look.
    target_kl : float, optional
        Where an update is stopped, marked in the first panel.

    """
    found = any(findings)
    with canvas(0.7 + 1.15 * len(lines) + (0.95 if found else 0.0)) as (figure, axes):
        panels = _panels(figure, axes, len(lines) + found)
        for place, (panel, (title, values)) in enumerate(zip(panels, lines.items(), strict=False)):
            panel.plot(averaged(updates), averaged(values), color=BLUE, linewidth=1.4)
            if place == 0 and target_kl is not None:
                panel.axhline(target_kl, color=ORANGE, linewidth=1, linestyle=_DASHED)
                panel.annotate(
                    f"target {significant(target_kl)}",
                    (1, target_kl),
                    xycoords=("axes fraction", "data"),
                    xytext=(0, 2),
                    textcoords="offset points",
                    ha="right",
                    va="bottom",
                    fontsize=8.5,
                    color=SOFT,
                )
            panel.set_title(title, fontsize=9.0, color=INK, loc="left", pad=3)
            _finish(panel, None)
            _few(panel)
            if np.nanmin(values, initial=0.0) >= 0.0:
                panel.set_ylim(bottom=0.0)
        if found:
            _draw_findings(panels[-1], updates, findings)
            figure.legend(loc="outside upper left", ncols=2, frameon=False)
        panels[-1].set_xlabel("update")
        return svg(figure)


def queue_picture(
    updates: Values,
    mean_lag: Values,
    most_lag: Values,
    waiting: Values,
    stale: Values,
    max_lag: int | None,
) -> bytes:
    """Return the lag of each batch, how many episodes waited behind it, and how many were stale, as SVG."""
    with canvas(4.2) as (figure, axes):
        lag, queue, refused = _panels(figure, axes, 3)
        where = averaged(updates)
        lag.plot(where, averaged(mean_lag), color=BLUE, linewidth=1.4, label="mean of the batch")
        lag.plot(
            where, averaged(most_lag), color=AMBER, linewidth=1.0, linestyle="--", label="largest"
        )
        if max_lag is not None:
            lag.axhline(
                max_lag, color=ORANGE, linewidth=1, linestyle=(0, (1, 2)), label="largest allowed"
            )
        lag.set_title("lag, in versions", fontsize=9.0, color=INK, loc="left", pad=3)
        queue.plot(where, averaged(waiting), color=BLUE, linewidth=1.4)
        queue.set_title("episodes in the queue", fontsize=9.0, color=INK, loc="left", pad=3)
        refused.plot(updates[: len(stale)][:1], [0.0], color=BLUE)  # an axis, also where all are 0
        refused.step(where, np.cumsum(_sums(stale)), where="post", color=BLUE, linewidth=1.4)
        refused.set_title("stale episodes so far", fontsize=9.0, color=INK, loc="left", pad=3)
        for panel in (lag, queue, refused):
            _finish(panel, None)
            _few(panel)
            panel.set_ylim(bottom=0.0)
        refused.set_xlabel("update")
        figure.legend(loc="outside upper left", ncols=2, frameon=False)
        return svg(figure)


def _sums(values: Values) -> Values:
    if len(values) <= _POINTS:
        return values
    return np.array([chunk.sum() for chunk in np.array_split(values, _POINTS)])


def _draw_findings(panel: Axes, updates: Values, findings: Sequence[str]) -> None:
    """Draw the shares of the findings as stacked bars, each of some neighbouring updates."""
    groups = np.array_split(np.arange(len(findings)), min(_BARS, len(findings)))
    places = np.array([updates[group].mean() for group in groups])
    widths = np.array([updates[group[-1]] - updates[group[0]] + 1.0 for group in groups])
    below = np.zeros(len(groups))
    for name, colour in _FINDINGS:
        share = np.array([np.mean([findings[i] == name for i in group]) for group in groups])
        some = share > 0.0
        # Edges of the same colour leave no hairlines between bars.
        panel.bar(
            places[some],
            share[some],
            widths[some],
            bottom=below[some],
            color=colour,
            edgecolor=colour,
            label=name,
        )
        below += share
    panel.set_title("what the tuner found", fontsize=9.0, color=INK, loc="left", pad=3)
    panel.set_ylim(0, 1)
    panel.set_yticks([])
    for side in ("left", "bottom"):
        panel.spines[side].set_visible(False)


def _panels(figure: Figure, axes: Axes, rows: int) -> list[Axes]:
    """Replace the canvas's axes by some one above the other, with one horizontal axis."""
    axes.remove()
    panels: list[Axes] = list(figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])
    for panel in panels:
        panel.tick_params(length=0)
    return panels


def _few(panel: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415 - slow to import

    panel.yaxis.set_major_locator(MaxNLocator(3))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: significant(value)))
    panel.tick_params(labelsize=8.5)


def _finish(axes: Axes, quantity: str | None) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415 - slow to import

    axes.grid(axis="y")
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: scalar(value, "count")))
    axes.tick_params(axis="y", labelcolor=SOFT)
    if quantity is not None:
        axes.set_ylabel(quantity)


def _mean(chunk: Values) -> float:
    known = chunk[np.isfinite(chunk)]
    return float(known.mean()) if len(known) else math.nan
