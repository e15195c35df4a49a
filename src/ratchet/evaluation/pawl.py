"""The pawl: a checkpoint becomes `best` only when paired evidence says that it should.

Invariants:

- Accepted means: the lower bound of the mean paired difference is above 0 on the target, and
  above minus the margin on every other mode, each bound one-sided at the stated confidence.
- Acceptance needs every one of these tests (an intersection-union test: Berger 1982,
  Technometrics 24:295-300). A checkpoint that fails one condition in truth passes that test with
  probability at most 1 - confidence, and so passes all of them no more often: no correction for
  the number of modes is needed. More modes make acceptance rarer, never easier.
- The level holds as well as the bound does (see `one_sided_lower`). No bound sees a loss that is
  rare and large and was not met: where few pairs differ, evaluate more episodes.
- Without evidence nothing moves: too few episodes, or the same policy, is a rejection.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratchet.errors import InputError, SeedError, TaskError, did_you_mean
from ratchet.evaluation.statistics import checked, one_sided_lower, upper_tail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from ratchet.evaluation.statistics import FloatArray


@dataclass(frozen=True, kw_only=True)
class PawlSettings:
    """How sure the pawl must be before it lets a checkpoint through."""

    confidence: float = 0.95
    """One-sided level of every bound; higher accepts less. Usual: 0.9 … 0.99."""
    margin: float | None = None
    """Loss on another mode that does not matter, in units of the return; None: a share of scale."""
    margin_share: float = 0.02
    """The margin as a share of the scale, where no margin is given. Usual: 0.01 … 0.05."""
    minimum_episodes: int = 10
    """Pairs needed in each mode; fewer are rejected unseen. Usual: 100 and more."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        upper_tail(self.confidence, 1)
        for name in ("margin", "margin_share"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0.0):
                raise InputError(f"{name} is {value}; it is a loss that is allowed, 0 or above")
        if self.minimum_episodes < 2:
            raise InputError(
                f"minimum_episodes is {self.minimum_episodes}; a bound needs at least 2"
            )


@dataclass(frozen=True)
class Bound:
    """What one mode had to show, and what it showed; in units of the return."""

    mean: float
    """Mean paired difference, after less before."""
    lower: float
    """One-sided lower confidence bound of that mean; NaN where there is none."""
    required: float | None
    """The lower bound must be above this; None where the mode is shown but not tested."""
    passed: bool
    episodes: int

    def to_json(self) -> dict[str, float | bool | int | None]:
        """Return the fields by name; null for a bound that is not known."""
        return {
            "mean": self.mean,
            "lower": self.lower if math.isfinite(self.lower) else None,
            "required": self.required,
            "passed": self.passed,
            "episodes": self.episodes,
        }


@dataclass(frozen=True)
class Verdict:
    """Whether the checkpoint may become `best`, and why."""

    accepted: bool
    reason: str
    target: str | None
    """The mode that had to improve; None: the mean over all modes."""
    margin: float
    confidence: float
    bounds: Mapping[str, Bound]
    pooled: Bound | None = None
    """The test of the mean over all modes, where there is no single target."""

    def record(self) -> dict[str, object]:
        """Return every bound that was looked at, by mode, for the ledger."""
        found: dict[str, object] = {mode: bound.to_json() for mode, bound in self.bounds.items()}
        return found if self.pooled is None else found | {"all modes": self.pooled.to_json()}

    def to_json(self) -> dict[str, object]:
        """Return the fields by name; the verdict in words is "accepted" or "rejected"."""
        return {
            "verdict": "accepted" if self.accepted else "rejected",
            "reason": self.reason,
            "target": self.target,
            "margin": self.margin,
            "confidence": self.confidence,
            "bounds": {mode: bound.to_json() for mode, bound in self.bounds.items()},
            "pooled": self.pooled.to_json() if self.pooled else None,
        }


def default_scale(before: Mapping[str, ArrayLike], maximum: float | None = None) -> float:
    """Return the size of a return, of which the margin is a share.

    It is the magnitude of the task's maximum return where the task has one; otherwise the mean
    magnitude of the returns before, over all modes; and 1 where all of these are 0.

    Raises
    ------
    InputError
        If there is no mode, or returns are empty or not finite.

    """
    if maximum is not None and maximum != 0.0:
        return abs(maximum)
    if not before:
        raise InputError("the returns before name no mode; at least one is needed")
    arrays = [np.abs(checked(values, name=f"mode {mode!r}")) for mode, values in before.items()]
    return float(np.concatenate(arrays).mean()) or 1.0


def judge(
    differences: Mapping[str, ArrayLike],
    target: str | None,
    settings: PawlSettings | None = None,
    scale: float = 1.0,
    *,
    same_policy: bool = False,
) -> Verdict:
    """Decide whether a checkpoint may replace the one before it.

    Parameters
    ----------
    differences : mapping of mode to array
        Paired differences `[seeds]` of each mode, after less before; larger is better.
    target : str or None
        The mode that fine-tuning was for. None: all are targets, tested as the mean over modes of
        each seed; a single mode may then lose what others gain, and its own bound is shown.
    settings : PawlSettings
        Confidence, margin and the least number of episodes.
    scale : float
        Size of a return (see `default_scale`); the margin is `settings.margin_share` of it.
    same_policy : bool
        Whether both are the same policy, as `compare_episodes` finds.

    Raises
    ------
    TaskError
        If `target` is no mode of `differences`.
    InputError
        If there is no mode, differences are empty or not finite, or `scale` is not positive.
    SeedError
        If `target` is None and the modes have different numbers of seeds.

    """
    settings = settings or PawlSettings()
    if not differences:
        raise InputError("the differences name no mode; at least one is needed")
    if target is not None and target not in differences:
        raise TaskError(f"mode {target!r} was not evaluated; {did_you_mean(target, differences)}")
    if not (math.isfinite(scale) and scale > 0.0):
        raise InputError(f"scale is {scale}; it is the size of a return, above 0")
    arrays = {mode: checked(x, name=f"mode {mode!r}") for mode, x in differences.items()}
    margin = settings.margin_share * scale if settings.margin is None else settings.margin

    pooled = None
    if target is None:
        if len({len(x) for x in arrays.values()}) > 1:
            counts = {mode: len(x) for mode, x in arrays.items()}
            raise SeedError(f"the mean over modes needs the same seeds in all; they have {counts}")
        bounds = {mode: _bound(x, None, settings) for mode, x in arrays.items()}
        # Averaged seed by seed: the modes share their seeds and are not independent.
        pooled = _bound(np.mean(list(arrays.values()), axis=0), 0.0, settings)
    else:
        bounds = {
            mode: _bound(x, 0.0 if mode == target else -margin, settings)
            for mode, x in arrays.items()
        }
    tested = [bound for bound in (*bounds.values(), pooled) if bound and bound.required is not None]
    fewest = min(arrays, key=lambda mode: len(arrays[mode]))
    if same_policy:
        accepted, reason = False, "same policy: it acts as the one before it, so nothing can be won"
    elif len(arrays[fewest]) < settings.minimum_episodes:
        accepted = False
        reason = (
            f"too few episodes: mode {fewest} has {len(arrays[fewest])} pairs; "
            f"a verdict needs at least {settings.minimum_episodes}"
        )
    else:
        accepted = all(bound.passed for bound in tested)
        reason = _reason(bounds, pooled, target, settings.confidence)
    return Verdict(accepted, reason, target, margin, settings.confidence, bounds, pooled)


def _bound(x: FloatArray, required: float | None, settings: PawlSettings) -> Bound:
    lower = one_sided_lower(x, settings.confidence)
    return Bound(
        mean=float(x.mean()),
        lower=lower,
        required=required,
        passed=required is None or lower > required,
        episodes=len(x),
    )


def _reason(
    bounds: Mapping[str, Bound], pooled: Bound | None, target: str | None, confidence: float
) -> str:
    """Say in one sentence which test decided, with its numbers."""
    where = "the mean over all modes" if target is None else f"mode {target}"
    goal = pooled if target is None else bounds[target]
    assert goal is not None
    figures = f"{goal.mean:+.4g} on average, at least {goal.lower:+.4g} at {100 * confidence:.4g}% confidence"
    if not goal.passed:
        return f"no improvement is shown on {where}: {figures}"
    lost = {mode: bound for mode, bound in bounds.items() if not bound.passed}
    if lost:
        listing = ", ".join(
            f"mode {mode} {bound.mean:+.4g}, at least {bound.lower:+.4g} where {bound.required:+.4g} is allowed"
            for mode, bound in lost.items()
        )
        return f"better on {where} ({figures}), but a loss elsewhere is not ruled out: {listing}"
    others = [
        bound for mode, bound in bounds.items() if mode != target and bound.required is not None
    ]
    if not others:
        return f"better on {where}: {figures}"
    worst = min(bound.lower for bound in others)
    return (
        f"better on {where}: {figures}; every other mode keeps at least {worst:+.4g} "
        f"where {others[0].required:+.4g} is allowed"
    )
