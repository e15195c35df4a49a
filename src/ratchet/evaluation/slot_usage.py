"""How a gate uses its slots: mean weights by mode, collapse, and whether the slot tells the mode.

Invariants:

- Weights are those of visited steps; a mode's mean is over its steps, and modes weigh alike.
- Mutual information is never negative and is zero only where all modes use the slots alike. Drawn
  from few episodes it lies above zero by chance, so what relabelled episodes give is reported too.
- The slot tells the mode only if that is more than chance and more than next to nothing: with enough
  episodes even a difference without any use is no chance.
- Resampling is by episode, whose steps are not independent, and draws from one fixed stream.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratchet.errors import InputError
from ratchet.evaluation.statistics import FloatArray, Interval, checked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

COLLAPSED = 0.8
"""A slot whose mean weight over all modes is above this has taken the others' place."""

TELLING = 0.05
"""Share of the largest possible mutual information that its lower bound must reach."""

RESAMPLES = 1_000
_STREAM = 1948
_TIE = 1e-12  # nats that rounding may make of nothing
_SUM_TOLERANCE = 1e-3  # the gate computes in single precision


@dataclass(frozen=True)
class ModeUsage:
    """The gate's weights over the steps of one mode; K slots."""

    mean_weights: tuple[float, ...]
    std_weights: tuple[float, ...]
    entropy: float
    """Mean entropy of a step's weights in nats: 0 for one slot alone, log K for all alike."""
    steps: int
    episodes: int

    def to_json(self) -> dict[str, object]:
        """Return the figures by name."""
        return {
            "mean_weights": list(self.mean_weights),
            "std_weights": list(self.std_weights),
            "entropy": self.entropy,
            "steps": self.steps,
            "episodes": self.episodes,
        }


@dataclass(frozen=True)
class SlotUsage:
    """What the weights of all modes say together."""

    modes: Mapping[str, ModeUsage]
    mean_weights: tuple[float, ...]
    """Each slot's mean weight, every mode counting alike."""
    mutual_information: Interval
    """I(mode; slot) in nats, with a 95% interval over episodes; at most the log of the lesser number."""
    null_mean: float
    """Mean mutual information where the modes' labels are shuffled over the episodes."""
    null_high: float
    """The 95% quantile of the same: what is above it is not chance."""

    @property
    def slots(self) -> int:
        """How many slots there are."""
        return len(self.mean_weights)

    @property
    def largest_mean_weight(self) -> float:
        """The mean weight of the slot that is used most."""
        return max(self.mean_weights)

    @property
    def collapsed(self) -> bool:
        """Whether one slot has taken the others' place."""
        return self.largest_mean_weight > COLLAPSED

    @property
    def tells_the_mode(self) -> bool:
        """Whether the slot tells something of the mode, as `tells_the_mode` says."""
        return tells_the_mode(
            self.mutual_information, self.null_high, modes=len(self.modes), slots=self.slots
        )

    def to_json(self) -> dict[str, object]:
        """Return the figures of all modes together by name; a mode's own are `ModeUsage.to_json`."""
        information = self.mutual_information
        bounds = information.to_json("mutual_information")
        return {
            "slots": self.slots,
            "collapsed": self.collapsed,
            "largest_mean_weight": self.largest_mean_weight,
            "mean_weights": list(self.mean_weights),
            "mutual_information": information.estimate,
            "mutual_information_low": bounds["low"],
            "mutual_information_high": bounds["high"],
            "mutual_information_null": self.null_mean,
            "mutual_information_null_high": self.null_high,
            "tells_the_mode": self.tells_the_mode,
        }


def tells_the_mode(
    information: Interval, null_high: float | None, *, modes: int, slots: int
) -> bool:
    """Return whether mode and slot depend on each other by more than chance and next to nothing.

    Parameters
    ----------
    information : Interval
        I(mode; slot) in nats. Its lower bound must reach `TELLING` of the largest possible, which is
        log(min(modes, slots)); a bound that is not known does not.
    null_high : float or None
        What the estimate must lie above, the 95% quantile over shuffled labels; None if not measured.
    modes, slots : int
        How many there are.

    """
    chance = 0.0 if null_high is None else null_high
    enough = TELLING * math.log(min(modes, slots))
    return information.estimate > chance + _TIE and information.low >= enough


def slot_usage(weights: Mapping[str, Sequence[ArrayLike]]) -> SlotUsage:
    """Return how a gate uses its slots.

    Mutual information is I(M; S) = Σ p(m) p(s|m) log(p(s|m) / p(s)), with p(m) the same for every
    mode and p(s|m) the mean weight of slot s over the steps of mode m. Its interval is the basic
    bootstrap's (twice the estimate minus the percentiles; Davison and Hinkley 1997, "Bootstrap
    methods and their application", 5.2) over episodes within modes: resampling raises this figure,
    as sampling does, and percentiles would then miss a true zero always. With a mode of one episode
    there is no interval: its bounds are NaN.

    Parameters
    ----------
    weights : mapping of mode to sequence of arrays
        One array an episode, `[steps, K]`: the gate's weights at each visited step, which are not
        negative and sum to one.

    Raises
    ------
    InputError
        If there is no mode, a mode has no episode, episodes differ in K, or weights are empty, not
        finite, negative or do not sum to one.

    """
    if not weights:
        raise InputError("the weights name no mode; at least one is needed")
    modes: dict[str, ModeUsage] = {}
    sums: list[FloatArray] = []
    lengths: list[FloatArray] = []
    for mode, episodes in weights.items():
        steps = [_checked(episode, mode) for episode in episodes]
        if not steps:
            raise InputError(f"mode {mode!r} has no episode of weights; at least one is needed")
        widths = {values.shape[1] for values in steps} | {w.shape[1] for w in sums[:1]}
        if len(widths) > 1:
            raise InputError(
                f"mode {mode!r} has {sorted(widths)} slots; all episodes need the same"
            )
        together = np.concatenate(steps)
        modes[mode] = ModeUsage(
            mean_weights=tuple(together.mean(axis=0).tolist()),
            std_weights=tuple(together.std(axis=0).tolist()),
            entropy=max(0.0, float(-_x_log_x(together).sum(axis=1).mean())),
            steps=len(together),
            episodes=len(steps),
        )
        sums.append(np.stack([values.sum(axis=0) for values in steps]))
        lengths.append(np.array([len(values) for values in steps], dtype=np.float64))
    by_mode = np.array([usage.mean_weights for usage in modes.values()])
    null = _shuffled(sums, lengths)
    return SlotUsage(
        modes=modes,
        mean_weights=tuple(by_mode.mean(axis=0).tolist()),
        mutual_information=_interval(float(_information(by_mode)), sums, lengths),
        null_mean=float(null.mean()),
        null_high=float(np.quantile(null, 0.95)),
    )


def _checked(episode: ArrayLike, mode: str) -> FloatArray:
    values = checked(episode, ndim=2, name=f"weights of mode {mode!r}")
    if values.min() < 0.0:
        raise InputError(f"weights of mode {mode!r} hold {values.min():.4g}; none is below zero")
    totals = values.sum(axis=1)
    worst = float(totals[np.abs(totals - 1.0).argmax()])
    if abs(worst - 1.0) > _SUM_TOLERANCE:
        raise InputError(f"weights of mode {mode!r} sum to {worst:.4g} at a step; they sum to one")
    return np.asarray(values / totals[:, None])


def _x_log_x(values: FloatArray) -> FloatArray:
    """Return x log x, which is 0 at 0."""
    return np.asarray(values * np.log(np.where(values > 0.0, values, 1.0)))


def _information(by_mode: FloatArray) -> FloatArray:
    """Return the mutual information in nats of `[..., modes, K]`, every mode counting alike."""
    of_slots = by_mode.mean(axis=-2)
    # The entropy of the slot less its mean entropy where the mode is known.
    known = _x_log_x(by_mode).sum(axis=-1).mean(axis=-1)
    return np.asarray(np.maximum(known - _x_log_x(of_slots).sum(axis=-1), 0.0))


def _interval(estimate: float, sums: list[FloatArray], lengths: list[FloatArray]) -> Interval:
    if min(len(episodes) for episodes in lengths) == 1:
        return Interval(estimate, math.nan, math.nan)
    generator = np.random.Generator(np.random.PCG64(_STREAM))
    drawn = []
    for weights, steps in zip(sums, lengths, strict=True):
        chances = np.full(len(steps), 1.0 / len(steps))
        counts = generator.multinomial(len(steps), chances, size=RESAMPLES).astype(np.float64)
        drawn.append((counts @ weights) / (counts @ steps)[:, None])
    lower, upper = np.quantile(_information(np.stack(drawn, axis=1)), [0.025, 0.975])
    most = math.log(min(len(sums), sums[0].shape[1]))
    low, high = max(2.0 * estimate - float(upper), 0.0), min(2.0 * estimate - float(lower), most)
    # Rounding, and a resampled figure that is always the higher one, may step over the estimate.
    return Interval(estimate, min(low, estimate), max(high, estimate))


def _shuffled(sums: list[FloatArray], lengths: list[FloatArray]) -> FloatArray:
    """Return the mutual information of each of `RESAMPLES` assignments of episodes to modes."""
    generator = np.random.Generator(np.random.PCG64(_STREAM))
    weights, steps = np.concatenate(sums), np.concatenate(lengths)
    labels = np.repeat(np.arange(len(sums)), [len(episodes) for episodes in lengths])
    shuffled = generator.permuted(np.tile(labels, (RESAMPLES, 1)), axis=1)
    drawn = []
    for mode in range(len(sums)):
        chosen = (shuffled == mode).astype(np.float64)
        drawn.append((chosen @ weights) / (chosen @ steps)[:, None])
    return _information(np.stack(drawn, axis=1))
