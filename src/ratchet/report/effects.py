"""What fine-tuning did, group by group, with every interval computed once.

Invariants: a group's runs are its fine-tuning seeds, and differences are paired by evaluation seed; the
control arm is compared run by run on the fine-tuning seeds that both have; a rate that is the same in
every episode still has a width, as if each seed had been seen once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ratchet.evaluation.forgetting import Row, forgetting_matrix
from ratchet.evaluation.statistics import (
    Interval,
    clustered_mean,
    fraction_at_maximum,
    probability_of_improvement,
    wilson,
)
from ratchet.report.spread import deviation, deviation_change, relative_gain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratchet.report.arms import Evidence, Group, Key

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Detail:
    """One group on one mode, beyond the means."""

    improved: Interval
    """Probability that an episode ends better after than before, ties counting half."""
    at_maximum_before: Interval | None
    at_maximum_after: Interval | None
    std_before: Interval
    std_after: Interval
    std_change: Interval


@dataclass(frozen=True)
class Against:
    """A group on its target against the control arm with the same budget and scope."""

    tuned: Interval
    control: Interval
    difference: Interval
    runs: int


@dataclass(frozen=True)
class Effects:
    """The statistics of a run's groups."""

    rows: dict[Key, Row] = field(default_factory=dict)
    details: dict[tuple[Key, str], Detail] = field(default_factory=dict)
    controls: dict[Key, Against] = field(default_factory=dict)
    averages: dict[tuple[str, int], Interval] = field(default_factory=dict)
    """Mean gain on the mode trained on, by scope and budget; only where every mode has its arms."""
    relative: dict[tuple[str, int], Interval] = field(default_factory=dict)
    """The same as a share of the mean before."""


def measure_rows(evidence: Evidence) -> dict[Key, Row]:
    """Return what each group changed on every mode."""
    rows: dict[Key, Row] = {}
    for scope in evidence.scopes:
        for budget in evidence.budgets(scope):
            groups = {
                group.key.target: group
                for kind in ("control", "finetune")
                for group in evidence.select(kind=kind, scope=scope, budget=budget)
            }
            # One call for all targets: the intervals before are then computed once.
            after = {
                target: {mode: group.matrix(mode) for mode in evidence.modes}
                for target, group in groups.items()
            }
            found = forgetting_matrix(evidence.before, after, maximum=evidence.maximum).rows
            rows.update({groups[target].key: row for target, row in found.items()})
    return rows


def measure_effects(evidence: Evidence) -> Effects:
    """Return the statistics of every group; a hundred arms of 500 episodes take some seconds."""
    effects = Effects(rows=measure_rows(evidence))
    for scope in evidence.scopes:
        for budget in evidence.budgets(scope):
            tuned = evidence.select(kind="finetune", scope=scope, budget=budget)
            controls = evidence.select(kind="control", scope=scope, budget=budget)
            for group in tuned:
                # A recipe's other modes stand in its forgetting matrices.
                alone = evidence.run.kind != "recipe" or group.key.mode not in evidence.modes
                for mode in evidence.modes if alone else (group.key.target,):
                    effects.details[group.key, mode] = _detail(evidence, group, mode)
                if controls and group.key.mode in evidence.modes:
                    against = _against(effects, group, controls[0])
                    if against is not None:
                        effects.controls[group.key] = against
            average = _average(evidence, tuned) if tuned else None
            if average is not None:
                effects.averages[scope, budget], effects.relative[scope, budget] = average
    return effects


def _detail(evidence: Evidence, group: Group, mode: str) -> Detail:
    before, after = evidence.before[mode], group.matrix(mode)
    old = new = None
    if evidence.maximum is not None:
        old = fraction_at_maximum(before, evidence.maximum)
        new = _rate(after >= evidence.maximum - 1e-9 * max(1.0, abs(evidence.maximum)))
    if len(after) == 1:
        improved = probability_of_improvement(before, after[0])
    else:
        improved = _rate((np.sign(after - before) + 1.0) / 2.0)
    return Detail(
        improved=improved,
        at_maximum_before=old,
        at_maximum_after=new,
        std_before=deviation(before[None]),
        std_after=deviation(after),
        std_change=deviation_change(before, after),
    )


def _rate(values: NDArray[np.bool_] | Array) -> Interval:
    """Return the mean of values from 0 to 1, `[runs, seeds]`."""
    matrix = np.asarray(values, dtype=np.float64)
    seeds = matrix.shape[1]
    if matrix.min() == matrix.max() and matrix.flat[0] in (0.0, 1.0):
        return wilson(int(matrix.flat[0]) * seeds, seeds)
    if len(matrix) == 1:
        return wilson(int(matrix.sum()), seeds)
    found = clustered_mean(matrix)
    return Interval(found.estimate, max(found.low, 0.0), min(found.high, 1.0))


def _against(effects: Effects, group: Group, control: Group) -> Against | None:
    shared = sorted(set(group.seeds) & set(control.seeds))
    if not shared:
        return None
    mode = group.key.target
    ours, theirs = group.matrix(mode, shared), control.matrix(mode, shared)
    tuned, other = (
        effects.rows[side.key].cells[mode].after
        if len(shared) == len(side.arms)
        else clustered_mean(returns)
        for side, returns in ((group, ours), (control, theirs))
    )
    return Against(tuned, other, clustered_mean(ours - theirs), len(shared))


def _average(evidence: Evidence, groups: tuple[Group, ...]) -> tuple[Interval, Interval] | None:
    """Return the mean gain over targets; None unless every mode was a target, with shared seeds."""
    by_mode = {group.key.target: group for group in groups}
    shared = sorted(set.intersection(*(set(group.seeds) for group in groups)))
    if len(evidence.modes) < 2 or set(by_mode) != set(evidence.modes) or not shared:
        return None
    after = [by_mode[mode].matrix(mode, shared) for mode in evidence.modes]
    before = [evidence.before[mode] for mode in evidence.modes]
    gains = [new - old for new, old in zip(after, before, strict=True)]
    return clustered_mean(np.mean(gains, axis=0)), relative_gain(before, after)
