"""What episodes came to, in the terms of the write-up: means, rates, and fights with those won.

Invariants: a rate that a task does not name itself (the share of games that reached the second act) is
derived here and nowhere else; what a task does not measure is left out; a task of which nothing is
known has its return, its length and its own metrics; an interval is that of the episodes given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ratchet.evaluation.statistics import Interval, mean_interval, wilson
from ratchet.report.document import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratchet.report.tables import Format

    Metrics = Mapping[str, NDArray[np.float64]]

_MEANS = (("floor", "Average final floor", "Avg floor"),)
_RATES = (
    ("win_rate", "Win rate", "victory", 1.0),
    ("act_2", "Act 2 reach", "act", 2.0),
    ("floor_20", "Floor 20+", "floor", 20.0),
)
"""Name, title, metric, and from which value of it on an episode counts."""
_FIGHTS = (
    ("elite", "Elite", "elite_fights", "elite_wins"),
    ("boss", "Boss", "boss_fights", "boss_wins"),
)
_IN_WORDS = {"floor": "final floor", "return": "return", "length": "episode length"}

_BOOTSTRAPPED = 4000  # episodes; the normal interval of more is the same to what is shown
_NORMAL = 1.959963984540054


class Outcome(NamedTuple):
    """One number of every episode: a mean, or a rate where each is 0 or 1."""

    name: str
    title: str
    header: str
    rate: bool
    values: NDArray[np.float64]

    @property
    def format(self) -> Format:
        """How it is written."""
        return "percent" if self.rate else "number"

    @property
    def digits(self) -> int:
        """With how many decimals."""
        return 1 if self.rate else 2

    @property
    def interval(self) -> Interval:
        """The mean, or the rate, with its 95% interval."""
        return estimate(self.values, rate=self.rate)

    def column(self) -> Column:
        """Return the column of a table that it stands in."""
        return Column(self.name, self.header, self.format, self.digits)

    def difference_column(self) -> Column:
        """Return the column of its differences."""
        style: Format = "signed_percent" if self.rate else "signed"
        return Column(self.name, self.header, style, self.digits)


class Fights(NamedTuple):
    """The fights of one kind in some episodes."""

    name: str
    title: str
    fought: int
    won: int
    episodes: int

    @property
    def share(self) -> Interval | None:
        """The share won, by Wilson's interval as if fights were independent; None without a fight."""
        return wilson(self.won, self.fought) if self.fought else None

    @property
    def an_episode(self) -> float:
        """How many were fought in an episode."""
        return self.fought / self.episodes


def outcomes(metrics: Metrics) -> tuple[Outcome, ...]:
    """Return what some episodes came to.

    Parameters
    ----------
    metrics : mapping of str to array
        ``return``, ``length`` and the task's own by name, `[episodes]` each.

    """
    known = [
        Outcome(name, title, header, rate=False, values=metrics[name])
        for name, title, header in _MEANS
        if name in metrics
    ]
    known.append(
        Outcome("return", "Average reward", "Avg reward", rate=False, values=metrics["return"])
    )
    rates = [
        Outcome(name, title, title, rate=True, values=(metrics[metric] >= least).astype(float))
        for name, title, metric, least in _RATES
        if metric in metrics
    ]
    if len(known) > 1 or rates:
        return (*known, *rates)
    own = ((name, values) for name, values in metrics.items() if name not in {"return", "floor"})
    return (*known, *(_of_task(name, values) for name, values in own))


def fights(metrics: Metrics) -> tuple[Fights, ...]:
    """Return the fights of some episodes, by kind."""
    return tuple(
        Fights(
            name,
            title,
            fought=int(metrics[fought].sum()),
            won=int(metrics[won].sum()),
            episodes=len(metrics[fought]),
        )
        for name, title, fought, won in _FIGHTS
        if fought in metrics and won in metrics
    )


def with_derived(metrics: Metrics, metric: str) -> dict[str, NDArray[np.float64]]:
    """Return what is compared of some episodes: their outcomes, and the metric of the recipe.

    What some of them do not have cannot be paired, and is left out.
    """
    found = {outcome.name: outcome.values for outcome in outcomes(metrics)}
    found = {metric: metrics[metric]} | found
    return {name: values for name, values in found.items() if np.isfinite(values).all()}


def estimate(values: NDArray[np.float64], *, rate: bool) -> Interval:
    """Return a rate by Wilson's interval, or a mean by the bootstrap's; of very many, by the normal one.

    Episodes that do not have the number are left out.
    """
    values = values[np.isfinite(values)]
    if not len(values):
        return Interval(math.nan, math.nan, math.nan)
    if rate:
        return wilson(int(values.sum()), len(values))
    if len(values) <= _BOOTSTRAPPED:
        return mean_interval(values)
    mean = float(values.mean())
    half = _NORMAL * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def in_words(metric: str) -> str:
    """Return what a sentence calls a metric."""
    return _IN_WORDS.get(metric, metric.replace("_", " "))


def _of_task(name: str, values: NDArray[np.float64]) -> Outcome:
    title = in_words(name)
    title = title[0].upper() + title[1:]
    rate = name not in _IN_WORDS and bool(np.isin(values[np.isfinite(values)], (0.0, 1.0)).all())
    return Outcome(name, title, title, rate=rate, values=values)
