"""Auto-tuning: after each update one bounded step of the learning rate and of two coefficients.

What an update did is one of four findings, looked for in this order; limits are as written:

| finding | what the update did | learning rate | anchor | entropy bonus |
| :-- | :-- | :-- | :-- | :-- |
| ``over-moving`` | stopped early, or KL > 0.03, or clip fraction > 0.25 | x 0.5 | x 1.10, at least + 0.01 | x 0.8 |
| ``under-moving`` | KL < 0.003 and clip fraction < 0.03 | x 1.25 | x 0.85 | |
| ``healthy`` | 0.005 ≤ KL ≤ 0.02 | | x 0.95 | x 1.10 below normalised entropy 0.20, x 0.80 above 0.50 |
| ``between`` | anything else | | x 0.95 | |

Invariants: every number stays within its `BOUNDS`; a coefficient of 0 is off and stays off; a number changes
at most once a step, and with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from ratchet.errors import RecipeError

Finding = Literal["over-moving", "under-moving", "healthy", "between"]

BOUNDS: dict[str, tuple[float, float]] = {
    "learning_rate": (1e-6, 1e-4),
    "entropy_coefficient": (1e-5, 0.005),
    "anchor_coefficient": (0.001, 0.20),
}
"""Between what each number stays."""

_MAY_BE_OFF = {"entropy_coefficient", "anchor_coefficient"}

_KL_LOW, _KL_HIGH = 0.003, 0.03
_KL_HEALTHY = (0.005, 0.02)
_CLIP_LOW, _CLIP_HIGH = 0.03, 0.25
_ENTROPY_LOW, _ENTROPY_HIGH = 0.20, 0.50
_ANCHOR_RISE = 0.01


@dataclass(frozen=True, kw_only=True)
class Signs:
    """What an update did: means over its mini-batches (`UpdateMetrics`).

    `normalised_entropy` is NaN for continuous actions, and then says nothing. `stopped_early` is true as
    well for an update that was undone.
    """

    approx_kl: float
    clip_fraction: float
    stopped_early: bool
    normalised_entropy: float


@dataclass(frozen=True)
class Change:
    """A number that was changed, from what to what, and why."""

    name: str
    old: float
    new: float
    reason: str

    def __str__(self) -> str:
        """Return it as a line of a log."""
        return f"{self.name} {self.old:.6g} → {self.new:.6g}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """The numbers that are tuned. Immutable: a step returns the next.

    Raises
    ------
    RecipeError
        If a number is outside its bounds, and is not a coefficient that is off.

    """

    learning_rate: float
    entropy_coefficient: float
    anchor_coefficient: float

    def __post_init__(self) -> None:
        """Refuse what tuning could not have led to."""
        for name, value in asdict(self).items():
            low, high = BOUNDS[name]
            off = name in _MAY_BE_OFF and value == 0.0
            if not (off or low <= value <= high):
                where = f"{low:g} … {high:g}" + (", or 0" if name in _MAY_BE_OFF else "")
                raise RecipeError(f"{name} is {value:g}; where it is tuned it must lie in {where}")

    def after(self, signs: Signs) -> Step:
        """Return what an update that did this leads to."""
        finding, reason = _find(signs)
        wishes: dict[str, tuple[float, str]] = {}
        anchor = self.anchor_coefficient
        if finding == "over-moving":
            wishes["learning_rate"] = (0.5 * self.learning_rate, reason)
            wishes["entropy_coefficient"] = (0.8 * self.entropy_coefficient, reason)
            raised = max(1.10 * anchor, anchor + _ANCHOR_RISE)
            wishes["anchor_coefficient"] = (raised, reason)
        elif finding == "under-moving":
            wishes["learning_rate"] = (1.25 * self.learning_rate, reason)
            wishes["anchor_coefficient"] = (0.85 * anchor, reason)
        else:
            wishes["anchor_coefficient"] = (0.95 * anchor, reason)
        if finding == "healthy":
            entropy = signs.normalised_entropy
            if entropy < _ENTROPY_LOW:
                why = f"{reason}, normalised entropy {entropy:.3g} < {_ENTROPY_LOW:g}"
                wishes["entropy_coefficient"] = (1.10 * self.entropy_coefficient, why)
            elif entropy > _ENTROPY_HIGH:
                why = f"{reason}, normalised entropy {entropy:.3g} > {_ENTROPY_HIGH:g}"
                wishes["entropy_coefficient"] = (0.80 * self.entropy_coefficient, why)
        values = asdict(self)
        changes = []
        for name, (wanted, why) in wishes.items():
            old = values[name]
            low, high = BOUNDS[name]
            new = min(max(wanted, low), high)
            if old in {0.0, new}:
                continue
            bounded = "" if new == wanted else f", kept at its bound {new:g}"
            changes.append(Change(name, old, new, f"{finding}: {why}{bounded}"))
            values[name] = new
        return Step(Tuning(**values), finding, f"{finding}: {reason}", tuple(changes))

    def to_json(self) -> dict[str, float]:
        """Return it as plain JSON, for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tuning:
        """Return what `to_json` wrote.

        Raises
        ------
        RecipeError
            If a number is missing, unknown, not a number, or outside its bounds.

        """
        names = [field.name for field in fields(cls)]
        if set(data) != set(names):
            raise RecipeError(f"the tuning has {sorted(data)}; it should have {names}")
        try:
            return cls(**{name: float(data[name]) for name in names})
        except (TypeError, ValueError) as error:
            raise RecipeError(f"the tuning cannot be read: {error}") from error


@dataclass(frozen=True)
class Step:
    """The numbers after an update, what was found, why, and every change."""

    tuning: Tuning
    finding: Finding
    reason: str
    changes: tuple[Change, ...]


def _find(signs: Signs) -> tuple[Finding, str]:
    """Return what an update did, and by which sign."""
    kl, clipped = signs.approx_kl, signs.clip_fraction
    if signs.stopped_early:
        return "over-moving", f"stopped early at KL {kl:.3g}"
    # What is no number has moved too far to be told.
    if not kl <= _KL_HIGH:
        return "over-moving", f"KL {kl:.3g} > {_KL_HIGH:g}"
    if not clipped <= _CLIP_HIGH:
        return "over-moving", f"clip fraction {clipped:.3g} > {_CLIP_HIGH:g}"
    if kl < _KL_LOW and clipped < _CLIP_LOW:
        return (
            "under-moving",
            f"KL {kl:.3g} < {_KL_LOW:g} and clip fraction {clipped:.3g} < {_CLIP_LOW:g}",
        )
    low, high = _KL_HEALTHY
    if low <= kl <= high:
        return "healthy", f"KL {kl:.3g} in {low:g} … {high:g}"
    return "between", f"KL {kl:.3g} and clip fraction {clipped:.3g} ask for nothing"
