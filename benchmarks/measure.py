"""Measuring: contenders in processes of their own, called by turns; medians, ratios, verdicts."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
REPETITIONS = 5
TIMES = "\N{MULTIPLICATION SIGN}"
QUICK_REPETITIONS = 2

_DIGITS = {
    "s": 3,
    "ms": 3,
    "µs": 2,
    "steps/s": 0,
    "actions/s": 0,
    "copies/s": 0,
    "games/s": 1,
    "MiB": 0,
    "return": 1,
}


class Worker:
    """A fresh Python process that runs functions of these files by name.

    `environment` is added to the variables of this process. Use it in a ``with`` statement.

    Raises
    ------
    RuntimeError
        From `call`, if the process ends instead of answering.

    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def call(self, function: Callable[..., Any], /, **arguments: Any) -> Any:
        """Run a module-level function there; arguments and result are plain JSON."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {
            "module": function.__module__,
            "function": function.__name__,
            "arguments": arguments,
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{function.__module__}.{function.__name__} ended without an answer")
        return json.loads(line)


def fresh(
    function: Callable[..., Any], /, environment: Mapping[str, str] | None = None, **arguments: Any
) -> Any:
    """Run one function in a process that has done nothing before."""
    with Worker(environment) as worker:
        return worker.call(function, **arguments)


def repetitions(*, quick: bool) -> int:
    """Return how often each contender is measured."""
    return QUICK_REPETITIONS if quick else REPETITIONS


def alternate(contenders: Mapping[str, Callable[[int], Any]], times: int) -> dict[str, list[Any]]:
    """Call every contender by turns, `times` rounds, with the number of the round."""
    found: dict[str, list[Any]] = {name: [] for name in contenders}
    for repetition in range(times):
        for name, contender in contenders.items():
            found[name].append(contender(repetition))
    return found


def seconds(call: Callable[[], Any]) -> float:
    """Return the wall time of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def peak_memory() -> float:
    """Return this process's largest resident memory so far, in MiB.

    From ``VmHWM`` where there is one: ``ru_maxrss`` counts the parent's memory from before ``exec`` too.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / (1 << 20)


@dataclass(frozen=True)
class Series:
    """The values of one contender, in one unit."""

    name: str
    values: list[float]
    unit: str

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    def show(self) -> str:
        """Return the name, the median, and the least and the greatest value."""
        middle, low, high = (
            number(value, self.unit) for value in (self.median, min(self.values), max(self.values))
        )
        spread = "" if len(self.values) == 1 else f" ({low} to {high})"
        return f"{self.name}: {middle} {self.unit}{spread}"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One ratio. `at_least`: times better than the peer; `at_most`: times the peer's cost."""

    what: str
    ours: Series
    peer: Series
    at_least: float | None = None
    at_most: float | None = None
    higher_is_better: bool = False

    @property
    def ratio(self) -> float:
        """The quotient of the medians that the target speaks of."""
        ours, peer = self.ours.median, self.peer.median
        return ours / peer if self.higher_is_better or self.at_most is not None else peer / ours

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.at_least is not None:
            return self.ratio >= self.at_least
        return None if self.at_most is None else self.ratio <= self.at_most

    def cells(self) -> list[str]:
        """Return the row of the table."""
        target, verdict = "none", ""
        if self.at_least is not None:
            target, short = f"at least {self.at_least:g}{TIMES}", 1 - self.ratio / self.at_least
        elif self.at_most is not None:
            target, short = f"at most {self.at_most:g}{TIMES}", self.ratio / self.at_most - 1
        if self.met is not None:
            verdict = "met" if self.met else f"**missed** by {short:.0%}"
        ratio = f"{self.ratio:.0f}{TIMES}" if self.ratio >= 100 else f"{self.ratio:.2f}{TIMES}"
        return [self.what, self.ours.show(), self.peer.show(), ratio, target, verdict]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A difference of means over independent seeds; met unless its 95% interval lies below zero."""

    what: str
    ours: Series
    peer: Series

    def _test(self) -> Any:
        from scipy import stats

        return stats.ttest_ind(self.ours.values, self.peer.values, equal_var=False)

    @property
    def met(self) -> bool:
        """Whether ours is not worse, as far as these seeds can tell."""
        return bool(self._test().confidence_interval().high >= 0)

    def cells(self) -> list[str]:
        """Return the row of the table."""
        interval = self._test().confidence_interval()
        difference = statistics.fmean(self.ours.values) - statistics.fmean(self.peer.values)
        return [
            self.what,
            _mean(self.ours),
            _mean(self.peer),
            f"difference {difference:+.1f} [{interval.low:+.1f}, {interval.high:+.1f}]",
            "not worse",
            "met" if self.met else f"**missed** by {-interval.high:.1f}",
        ]


@dataclass(frozen=True)
class Result:
    """What a claim measured: rows, and sentences made of numbers measured beside them."""

    rows: list[Comparison | Difference]
    notes: list[str] = field(default_factory=list)


def number(value: float, unit: str) -> str:
    """Return a number as a person reads it."""
    if unit.endswith("s/s") and value >= 1e6:
        return f"{value / 1e6:.2f} M"
    return f"{value:,.{_DIGITS.get(unit, 2)}f}"


def table(rows: list[Comparison | Difference]) -> str:
    """Return the rows as a Markdown table."""
    head = ["What", "Ratchet", "Peer", "Ratio", "Target", "Verdict"]
    lines = [head, ["---"] * len(head), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _mean(series: Series) -> str:
    from scipy import stats

    mean = statistics.fmean(series.values)
    half = float(stats.sem(series.values) * stats.t.ppf(0.975, len(series.values) - 1))
    return f"{series.name}: {mean:.1f} [{mean - half:.1f}, {mean + half:.1f}]"
