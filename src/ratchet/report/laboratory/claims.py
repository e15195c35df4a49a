"""A write-up's numbers beside those measured here, each with the interval of its own episodes.

Invariants: a stated number *agrees* if it lies in the measured 95% interval, and is *within its noise*
if both intervals together explain the gap; an interval so wide that it would agree with almost anything
is *too uncertain*, and so is a stated change off the measured one whose own noise is not known; what
cannot be measured here is *not comparable*, with the reason. The seeds of the write-up's episodes are
not known, so they are compared as independent samples, never as pairs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

from ratchet.errors import RecipeError
from ratchet.evaluation.statistics import Interval
from ratchet.report.claims import Claim, beyond_noise, judge

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratchet.report.claims import Agreement
    from ratchet.report.laboratory.evidence import StudyEvidence

WIDEST = 0.2
"""Widest interval of a change, as a share of the maximum return, that can agree with a stated one."""

UNITS = ("return", "change", "share", "count")
"""A return, a difference of returns, a share of one, a whole number."""


@dataclass(frozen=True)
class StudyClaim:
    """One number that a write-up states, as a study's recipe carries it."""

    id: str
    claim: str
    stated: float
    unit: str
    measure: Mapping[str, Any]
    """What to measure: `kind`, and where it applies base, arm, mode, target, budget, slot, ..."""
    before: tuple[float, ...] = ()
    after: tuple[float, ...] = ()
    """The write-up's own episodes, where they are known."""
    tolerance: float = 0.0
    where: str = ""
    reason: str = ""
    note: str = ""

    @property
    def kind(self) -> str:
        """What is measured, such as "change"."""
        return str(self.measure["kind"])

    @property
    def mode(self) -> str | None:
        """The mode it speaks of; None for all of them."""
        mode = self.measure.get("mode")
        return None if mode in (None, "all") else str(mode)


def study_claims(evidence: StudyEvidence) -> tuple[StudyClaim, ...]:
    """Return the claims that a study's recipe carries.

    Raises
    ------
    RecipeError
        If a record lacks a key or a value is not what it must be.

    """
    records = evidence.recipe.get("claims") or ()
    return tuple(_claim(record, place) for place, record in enumerate(records, 1))


def own_interval(claim: StudyClaim) -> Interval | None:
    """Return the 95% interval of a stated number from the write-up's own episodes.

    Student's t for a mean and Welch's for a difference of two means, around the stated number.
    Returns are taken as normal, which capped ones are not: an order of magnitude. None where fewer
    than two episodes are known.
    """
    samples = [np.array(sample) for sample in (claim.before, claim.after) if sample]
    wanted = 2 if claim.unit == "change" else 1
    if len(samples) != wanted or min(len(sample) for sample in samples) < 2:
        return None
    half = _half_width(samples)
    return Interval(claim.stated, claim.stated - half, claim.stated + half)


def agreement(
    claim: StudyClaim, measured: Interval | float | None, maximum: float | None
) -> Agreement:
    """Return whether a stated number agrees with the measured one."""
    change = claim.unit == "change"
    said = judge(
        Claim(
            id=claim.id,
            claim=claim.claim,
            stated=claim.stated,
            unit=claim.unit,
            kind=claim.kind,
            # A change may be near zero, where a width relative to it says nothing.
            relation="about" if change else "equal",
            tolerance=claim.tolerance,
            reason=claim.reason,
        ),
        measured,
    )
    if said == "differs":
        own = own_interval(claim)
        if change and own is None:
            # The few episodes of a change are noise of tens of returns: without them it cannot be told.
            return "too uncertain"
        return "within its noise" if beyond_noise(own, measured) is False else "differs"
    if said == "agrees" and change and maximum and isinstance(measured, Interval):
        return "too uncertain" if measured.high - measured.low > WIDEST * maximum else said
    return said


def _half_width(samples: list[NDArray[np.float64]]) -> float:
    """Return half the 95% interval of a mean, or of a difference of means (Welch 1947)."""
    variances = [float(sample.var(ddof=1)) / len(sample) for sample in samples]
    total = sum(variances)
    if total == 0.0:
        return 0.0
    parts = zip(variances, samples, strict=True)
    freedom = total**2 / sum(v**2 / (len(sample) - 1) for v, sample in parts)
    return float(stdtrit(freedom, 0.975)) * math.sqrt(total)


def _claim(record: object, place: int) -> StudyClaim:
    name = f"claim {place}"
    if not isinstance(record, Mapping):
        raise RecipeError(f"{name} is {record!r}; it must be a table")
    name = f"claim {record.get('id', place)!r}"
    for key in ("id", "claim", "stated", "unit", "measure"):
        if key not in record:
            raise RecipeError(f"{name} has no {key!r}")
    measure, theirs = record["measure"], record.get("theirs") or {}
    if not isinstance(measure, Mapping) or "kind" not in measure:
        raise RecipeError(f"{name} does not say under 'measure' which kind it is")
    if record["unit"] not in UNITS:
        raise RecipeError(
            f"{name} has the unit {record['unit']!r}; it must be one of {', '.join(UNITS)}"
        )
    try:
        return StudyClaim(
            id=str(record["id"]),
            claim=str(record["claim"]),
            stated=float(record["stated"]),
            unit=record["unit"],
            measure=measure,
            before=tuple(float(value) for value in theirs.get("before", ())),
            after=tuple(float(value) for value in theirs.get("after", ())),
            tolerance=float(record.get("tolerance", 0.0)),
            where=str(record.get("where", "")),
            reason=str(record.get("reason", "")),
            note=str(record.get("note", "")),
        )
    except (TypeError, ValueError, AttributeError) as problem:
        raise RecipeError(f"{name} holds a value that is not a number: {problem}") from problem
