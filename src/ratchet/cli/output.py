"""What a command says: progress and tables for people, one JSON object for machines."""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

people = Console(stderr=True, highlight=False)
"""Progress and notes: never mixed with what a machine reads."""

out = Console(highlight=False)


_LINE_SECONDS = 30.0
"""How often a long stage says a line where there is no terminal."""


class Watcher:
    """Shows a run's stages as bars that advance, and its notes as lines.

    Where there is no terminal, `tell` says now and then how far a stage is that takes long.
    """

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._stage: TaskID | None = None
        self._name, self._total, self._done = "", 0, 0
        self._began = self._said = time.monotonic()

    def stage(self, name: str, total: int) -> None:
        """Begin a stage of `total` units."""
        self._leave_stage()
        self._stage = self._bars.add_task(escape(name), total=total)
        self._name, self._total, self._done = name, total, 0
        self._began = self._said = time.monotonic()

    def advance(self, amount: int) -> None:
        """Say that `amount` more units are done."""
        if self._stage is None:
            return
        self._bars.advance(self._stage, amount)
        self._done += amount

    def tell(self) -> None:
        """Say how far the stage is, if nothing was said of it for long."""
        now = time.monotonic()
        if self._stage is not None and now - self._said >= _LINE_SECONDS:
            self._said = now
            self.note(
                f"{self._name}: {self._done:,} of {self._total:,} after {now - self._began:.0f} s"
            )

    @contextmanager
    def giving_way(self) -> Iterator[None]:
        """Leave the terminal to another live display for a while; notes are still printed."""
        self._leave_stage()
        self._bars.stop()
        try:
            yield
        finally:
            self._bars.start()

    def _leave_stage(self) -> None:
        if self._stage is not None:
            self._bars.remove_task(self._stage)
            self._stage = None

    def note(self, text: str) -> None:
        """Say a sentence above the bars; in a log it is one line."""
        console = self._bars.console
        console.print(text, style="dim", markup=False, soft_wrap=not console.is_terminal)


@contextmanager
def watching() -> Iterator[Watcher]:
    """Show progress on standard error while a command works."""
    bars = Progress(
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=people,
        transient=True,
        refresh_per_second=5,
    )
    watcher, over = Watcher(bars), threading.Event()

    def tell() -> None:
        while not over.wait(1.0):
            watcher.tell()

    teller = threading.Thread(target=tell, name="progress", daemon=True)
    if not people.is_terminal:
        teller.start()
    try:
        with bars:
            yield watcher
    finally:
        over.set()
        if teller.is_alive():
            teller.join()


def brief(value: Any, style: Any = "number") -> str:
    """Return an interval as a terminal has room for it: whole numbers from 100 on."""
    from ratchet.report.tables import interval

    return interval(value, style, 0 if abs(value.estimate) >= 100 else 1)


def estimated(value: Any, *, signed: bool = False) -> str:
    """Return an `Estimate`: a rate in percent, a mean with as many digits as its size leaves room for."""
    from ratchet.report.tables import interval

    size = abs(value.interval.estimate)
    if value.kind == "rate":
        return interval(value.interval, "signed_percent" if signed else "percent")
    digits = 0 if size >= 100 else 1 if size >= 10 else 2
    return interval(value.interval, "signed" if signed else "number", digits)


def plain(value: Any) -> Any:
    """Return the value with every number that JSON cannot spell as null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def emit(data: dict[str, Any]) -> None:
    """Print one JSON object on standard output."""
    sys.stdout.write(json.dumps(plain(data), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int = 1
) -> None:
    """Print a table for people; the first columns are text, the others are numbers."""
    say(title, "italic")
    grid = Table(header_style="bold", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        grid.add_column(
            column, justify="left" if index < text_columns else "right", overflow="fold"
        )
    for row in rows:
        grid.add_row(*map(Text, row))
    out.print(grid)


def say(text: str, style: str | None = None) -> None:
    """Print a line for people, as it is: a path in it is neither broken nor read as markup."""
    out.print(text, style=style, markup=False, soft_wrap=True)
