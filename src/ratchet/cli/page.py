"""The live page of a fleet: its workers, its trainer, its spool, and how much is left.

On a terminal it stands still and changes; elsewhere a line is printed now and then.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from statistics import fmean

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ratchet.cli.output import people
from ratchet.recipes.fleet_job import FleetView
from ratchet.rollout.fleet.status import WorkerStatus
from ratchet.rollout.spool import Counts

_BARS = "▁▂▃▄▅▆▇█"
_LINE_SECONDS = 10.0
_CURVE = 48
_RECENT = 16
"""Updates whose mean return a line states: of a few games alone it says nothing."""


@contextmanager
def fleet_page(view: Callable[[], FleetView]) -> Iterator[None]:
    """Show a fleet's views on standard error while it works."""
    if people.is_terminal:
        with Live(
            get_renderable=lambda: render(view()),
            console=people,
            refresh_per_second=2,
            transient=True,
        ):
            yield
        return
    over = threading.Event()

    def lines() -> None:
        while not over.wait(_LINE_SECONDS):
            people.print(one_line(view()), markup=False, soft_wrap=True)

    thread = threading.Thread(target=lines, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def render(view: FleetView) -> RenderableType:
    """Return the whole page."""
    parts: list[RenderableType] = [workers_table(view.workers), Text()]
    parts += [Text(line) for line in trainer_lines(view)]
    if view.counts is not None:
        parts.append(Text(f"spool     {spool_line(view.counts)}"))
    if len(view.returns) > 1:
        parts.append(Text(f"return    {curve(view.returns)}"))
    parts.append(Text(f"          {left(view)}", style="dim"))
    return Group(*parts)


def workers_table(workers: Sequence[WorkerStatus]) -> RenderableType:
    """Return a row a worker, and below them the reasons of those that have one."""
    grid = Table(header_style="bold", box=None, pad_edge=False)
    for column in ("worker", "state"):
        grid.add_column(column)
    for column in ("episodes", "steps/s", "version", "lag", "restarts", "cut"):
        grid.add_column(column, justify="right")
    for one in workers:
        grid.add_row(
            one.name,
            Text(one.state, style="" if one.alive else "red"),
            f"{one.episodes:,}",
            f"{one.steps_per_second:,.0f}",
            "-" if one.version is None else str(one.version),
            "-" if one.lag is None else str(one.lag),
            str(one.restarts),
            str(one.discarded),
        )
    why = (Text(f"{one.name} {one.state}: {one.reason}") for one in workers if one.reason)
    return Group(grid, *why)


def trainer_lines(view: FleetView) -> list[str]:
    """Return what the trainer has to say of its last update."""
    update = view.update
    if update is None:
        return [f"trainer   {view.doing}"]
    metrics = update.metrics
    lines = [
        (
            f"trainer   update {update.number}: {view.doing}; {view.spent.episodes:,} episodes, "
            f"{view.spent.transitions:,} transitions, {view.promotions} promoted"
        ),
        (
            f"          KL {metrics.approx_kl:.4f} (after the update {update.update_kl:.4f}), clipped {metrics.clip_fraction:.1%}, "
            f"entropy {metrics.entropy:.3f}{_share(metrics.normalised_entropy)}, "
            f"explained variance {update.explained_variance:.2f}"
        ),
        (
            f"          learning rate {update.learning_rate:.2g}, "
            f"entropy coefficient {update.entropy_coefficient:.2g}, anchor {update.anchor_coefficient:.2g}"
            + (", critic only" if update.critic_only else "")
            + (", rolled back" if update.rolled_back else "")
        ),
    ]
    if update.reason:
        lines.append(f"tuner     {update.reason}")
    return lines


def _share(value: float) -> str:
    """Return a share in brackets, or nothing where there is none: continuous actions have no largest entropy."""
    return "" if math.isnan(value) else f" ({value:.0%})"


def spool_line(counts: Counts) -> str:
    """Return the sum that always adds up."""
    named = {
        "waiting": counts.waiting,
        "claimed": counts.claimed,
        "consumed": counts.consumed,
        "stale": counts.stale,
        "corrupt": counts.corrupt,
        "foreign": counts.foreign,
    }
    if counts.missing:
        named["missing"] = counts.missing
    parts = " + ".join(f"{number:,} {name}" for name, number in named.items())
    return f"{counts.collected:,} collected = {parts}"


def curve(values: Sequence[float]) -> str:
    """Return the values as bars of text, in means where there are many, with the first and the last."""
    width = min(_CURVE, len(values))
    edges = [len(values) * k // width for k in range(width + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    span = (high - low) or 1.0
    bars = "".join(_BARS[round((value - low) / span * (len(_BARS) - 1))] for value in means)
    return f"{bars}  {means[0]:.2f} → {means[-1]:.2f}"


def left(view: FleetView) -> str:
    """Return how much of the budget is left."""
    parts = [f"{view.seconds / 60:.1f} min"]
    budget = view.budget
    if budget.seconds is not None:
        parts.append(f"{max(budget.seconds - view.seconds, 0) / 60:.1f} min left")
    if budget.episodes is not None:
        rest = max(budget.episodes - view.spent.episodes, 0)
        parts.append(f"{rest:,} episodes left")
        if view.spent.episodes:
            parts.append(f"about {view.seconds * rest / view.spent.episodes / 60:.1f} min")
    if budget.seconds is None and budget.episodes is None:
        parts.append("until Ctrl-C")
    return ", ".join(parts)


def one_line(view: FleetView) -> str:
    """Return the page in one line, for a log."""
    speed = sum(one.steps_per_second for one in view.workers if one.alive)
    alive = sum(one.alive for one in view.workers)
    text = f"{alive} workers, {speed:,.0f} steps/s"
    update = view.update
    if update is None:
        return f"{text}; {view.doing}"
    lag = max(update.lags)
    refused = view.counts.stale + view.counts.corrupt + view.counts.foreign if view.counts else 0
    return (
        f"{text}; update {update.number}, {view.spent.episodes:,} episodes, "
        f"{view.spent.transitions:,} transitions, return {fmean(view.returns[-_RECENT:]):.2f}, "
        f"KL {update.update_kl:.4f}, lag ≤ {lag}, {refused} refused; {left(view)}; {view.doing}"
    )
