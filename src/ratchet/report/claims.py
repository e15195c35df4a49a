"""What a write-up states, and whether a number measured here agrees with it.

Invariants: a claim is a record that a recipe carries, checked where it is read; it *agrees* if the
stated value lies in the measured 95% interval, or for a plain count within the tolerance that the
claim states; what cannot be measured here is *not comparable*, with the reason, and never *differs*.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scipy.special import chdtri, stdtrit

from ratchet.errors import RecipeError, did_you_mean
from ratchet.evaluation.statistics import Interval, wilson

Agreement = Literal["agrees", "within its noise", "too uncertain", "differs", "not comparable"]

UNITS = ("return", "change", "share", "share_change", "count", "seconds", "rate")
"""A return, a difference of returns, a share of one, a change of one, a whole number, a time, a rate."""

RELATIONS = ("equal", "about", "at_least", "below", "within")
"""How a number is meant; `within`: one of the many values whose range is measured."""

KINDS = (
    "before_mean",
    "before_std",
    "after_mean",
    "after_std",
    "improvement",
    "improvement_mean",
    "improvement_relative",
    "std_reduction",
    "fraction_at_maximum",
    "parameters_total",
    "parameters_scope",
    "environment_steps",
    "episodes_equivalent",
    "base_steps",
    "wall_seconds",
    "setting",
    "evaluation_episodes",
    "elsewhere",
)
"""What can be measured; `elsewhere` is what a run of this kind does not hold."""

_KEYS = ("id", "claim", "stated", "unit", "measure", "where", "relation", "tolerance", "sample",
         "reason", "note")  # fmt: skip
_WIDEST = 0.5
"""Widest interval, as a share of the stated number, that can agree with it."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Sample:
    """The episodes behind a stated number: how many, and their standard deviations.

    A share has none. One deviation belongs to a mean, two to a difference of means, and 2n to the average of n
    differences.
    """

    episodes: int
    stds: tuple[float, ...]


@dataclass(frozen=True)
class Claim:
    """One number that a write-up states.

    Parameters
    ----------
    id : str
        Its name.
    claim : str
        What is stated, in words.
    stated : float
        The number.
    unit : str
        One of `UNITS`.
    kind : str
        What to measure, one of `KINDS`.
    mode, scope, key : str, optional
        Where to measure it: a mode, a scope, the name of a setting.
    budget : int, optional
        Which budget.
    where : str
        The section of the write-up.
    relation : str
        How the number is meant, one of `RELATIONS`.
    tolerance : float
        How far a plain number may be off and still agree.
    sample : Sample, optional
        The episodes behind it.
    reason : str
        Why it cannot be compared, where it cannot.
    note : str
        A remark for the reader.

    """

    id: str
    claim: str
    stated: float
    unit: str
    kind: str
    mode: str | None = None
    scope: str | None = None
    budget: int | None = None
    key: str | None = None
    where: str = ""
    relation: str = "equal"
    tolerance: float = 0.0
    sample: Sample | None = None
    reason: str = ""
    note: str = ""


def read_claims(
    records: Sequence[Mapping[str, Any]], kinds: Sequence[str] = KINDS
) -> tuple[Claim, ...]:
    """Return the claims that a recipe carries; `kinds` are what a run of it can measure.

    Parameters
    ----------
    records : sequence of mappings
        Each `{"id", "claim", "stated", "unit", "measure": {"kind", "mode", "budget", "scope", "key"},
        "where"}`, and where they apply `relation`, `tolerance`, `sample: {"episodes", "stds"}`,
        `reason`, `note`.

    Raises
    ------
    RecipeError
        If a record lacks a key or has an unknown one, or a value is not what it must be.

    """
    claims = tuple(_claim(record, place, kinds) for place, record in enumerate(records, 1))
    names = [claim.id for claim in claims]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RecipeError(f"two claims have the id {twice[0]!r}; each needs its own")
    return claims


def _claim(record: Mapping[str, Any], place: int, kinds: Sequence[str]) -> Claim:
    name = f"claim {record.get('id', place)!r}"
    for key in record:
        if key not in _KEYS:
            raise RecipeError(f"{name} has an unknown key {key!r}; {did_you_mean(key, _KEYS)}")
    for key in ("id", "claim", "stated", "unit", "measure"):
        if key not in record:
            raise RecipeError(f"{name} has no {key!r}")
    measure, sample = record["measure"], record.get("sample")
    if not isinstance(measure, Mapping) or measure.get("kind") not in kinds:
        kind = measure.get("kind") if isinstance(measure, Mapping) else measure
        raise RecipeError(f"{name} measures {kind!r}; {did_you_mean(str(kind), kinds)}")
    for key in measure:
        if key not in {"kind", "mode", "budget", "scope", "key"}:
            raise RecipeError(f"{name} has an unknown key {key!r} in its measure")
    if record["unit"] not in UNITS:
        raise RecipeError(
            f"{name} has the unit {record['unit']!r}; {did_you_mean(str(record['unit']), UNITS)}"
        )
    relation = record.get("relation", "equal")
    if relation not in RELATIONS:
        raise RecipeError(
            f"{name}: relation {relation!r}; {did_you_mean(str(relation), RELATIONS)}"
        )
    try:
        return Claim(
            id=str(record["id"]),
            claim=str(record["claim"]),
            stated=float(record["stated"]),
            unit=record["unit"],
            kind=measure["kind"],
            mode=_text(measure.get("mode")),
            scope=_text(measure.get("scope")),
            budget=None if measure.get("budget") is None else int(measure["budget"]),
            key=_text(measure.get("key")),
            where=str(record.get("where", "")),
            relation=relation,
            tolerance=float(record.get("tolerance", 0.0)),
            sample=None
            if sample is None
            else Sample(int(sample["episodes"]), tuple(float(s) for s in sample.get("stds", ()))),
            reason=str(record.get("reason", "")),
            note=str(record.get("note", "")),
        )
    except (TypeError, ValueError, KeyError) as problem:
        raise RecipeError(f"{name} holds a value of the wrong kind: {problem}") from problem


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def own_interval(claim: Claim) -> Interval | None:
    """Return the write-up's own 95% interval, from its number of episodes and deviations.

    Student's t for a mean; with Welch's degrees of freedom for differences of means; chi-square for a
    deviation; Wilson's for a share of the episodes. Returns are taken as normal, which capped ones are not: an order of magnitude.
    """
    sample = claim.sample
    if sample is None or sample.episodes < 2:
        return None
    freedom = float(sample.episodes - 1)
    if claim.kind in {"before_std", "after_std"}:
        squares = claim.stated**2 * sample.episodes
        return Interval(
            claim.stated,
            math.sqrt(squares / float(chdtri(freedom, 0.025))),
            math.sqrt(squares / float(chdtri(freedom, 0.975))),
        )
    if not sample.stds:
        if claim.unit != "share":
            return None
        return wilson(round(claim.stated * sample.episodes), sample.episodes)
    # A deviation that divides by n, as the write-ups', is turned into the variance of a mean.
    variances = [std**2 / freedom for std in sample.stds]
    total = sum(variances)
    averaged = max(1, len(variances) // 2)
    if total == 0.0:
        return Interval(claim.stated, claim.stated, claim.stated)
    welch = total**2 / sum(v**2 / freedom for v in variances)
    half = float(stdtrit(welch, 0.975)) * math.sqrt(total) / averaged
    return Interval(claim.stated, claim.stated - half, claim.stated + half)


def judge(claim: Claim, measured: Interval | float | None) -> Agreement:
    """Return whether the stated number agrees with the measured one.

    It agrees inside the measured interval, unless that is so wide that it would hold almost anything; outside of it, it is *within its noise* if the write-up's own
    few episodes explain the rest, and differs if they do not.
    """
    if claim.reason or measured is None:
        return "not comparable"
    value = measured.estimate if isinstance(measured, Interval) else float(measured)
    if math.isnan(value):
        return "not comparable"
    if claim.relation == "at_least":
        agrees = value >= claim.stated - claim.tolerance
    elif claim.relation == "below":
        agrees = value < claim.stated + claim.tolerance
    elif isinstance(measured, Interval):
        if math.isnan(measured.low):
            return "not comparable"
        slack = claim.tolerance + _ROUNDING
        agrees = measured.low - slack <= claim.stated <= measured.high + slack
    else:
        agrees = abs(claim.stated - value) <= claim.tolerance + _ROUNDING
    if agrees and isinstance(measured, Interval) and claim.relation == "equal":
        width = measured.high - measured.low
        if claim.stated and width > _WIDEST * abs(claim.stated):
            return "too uncertain"
    if agrees:
        return "agrees"
    return "within its noise" if beyond_noise(own_interval(claim), measured) is False else "differs"


def beyond_noise(own: Interval | None, measured: Interval | float | None) -> bool | None:
    """Return whether stated and measured are further apart than both their intervals explain.

    The interval of their difference squares and adds the distances of the bounds (Zou and Donner
    2008, Statistics in Medicine 27:1693-1702). None where one of them has no interval.
    """
    if own is None or not isinstance(measured, Interval) or math.isnan(measured.low):
        return None
    gap = measured.estimate - own.estimate
    if gap >= 0.0:
        reach = math.hypot(measured.estimate - measured.low, own.high - own.estimate)
    else:
        reach = math.hypot(measured.high - measured.estimate, own.estimate - own.low)
    return abs(gap) > reach + _ROUNDING
