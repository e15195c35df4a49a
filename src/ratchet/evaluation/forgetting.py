"""What fine-tuning on one mode did to all modes: gain, forgetting, and whether it was specific.

Invariants:

- Rows are what was trained on (targets), columns are where it was evaluated (modes).
- Every change is paired by seed; with several runs, by run and seed, and intervals then cover
  both (the crossed bootstrap of `clustered_mean`).
- *Forgetting* is the mean change on the modes other than the target; negative means forgot.
- *Specific gain* is the change on the target less the mean change on the others. Without a gain
  beyond the others' there was more training, not adaptation, and the sentence says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratchet.errors import InputError, SeedError, TaskError
from ratchet.evaluation.statistics import Interval, checked, clustered_mean, mean_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from ratchet.evaluation.statistics import FloatArray


@dataclass(frozen=True)
class Cell:
    """One mode before and after fine-tuning, in units of the return."""

    before: Interval
    after: Interval
    difference: Interval
    episodes: int
    """Seeds evaluated, in each run."""

    def to_json(self) -> dict[str, dict[str, float | None]]:
        """Return before, after and difference, each with mean, low and high."""
        return {
            "before": {**self.before.to_json(), "episodes": self.episodes},
            "after": {**self.after.to_json(), "episodes": self.episodes},
            "difference": self.difference.to_json(),
        }


@dataclass(frozen=True)
class Row:
    """What training on one target did, over all modes."""

    target: str
    runs: int
    cells: Mapping[str, Cell]
    overall: Interval
    """Mean change over all modes."""
    forgetting: Interval | None
    """Mean change on the other modes; None where there is no other mode, or no single target."""
    specific_gain: Interval | None
    """Change on the target less `forgetting`; None as above."""
    sentence: str

    def to_json(self) -> dict[str, object]:
        """Return the row by name; "evaluation" maps each mode to its cell."""
        return {
            "target": self.target,
            "runs": self.runs,
            "evaluation": {mode: cell.to_json() for mode, cell in self.cells.items()},
            "overall": self.overall.to_json(),
            "forgetting": self.forgetting.to_json() if self.forgetting else None,
            "specific_gain": self.specific_gain.to_json() if self.specific_gain else None,
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class ForgettingMatrix:
    """Targets (rows) by modes (columns)."""

    modes: tuple[str, ...]
    rows: Mapping[str, Row]

    def to_json(self) -> dict[str, object]:
        """Return the modes in order and the rows by target."""
        return {
            "modes": list(self.modes),
            "rows": {target: row.to_json() for target, row in self.rows.items()},
        }


def forgetting_matrix(
    before: Mapping[str, ArrayLike],
    after: Mapping[str, Mapping[str, ArrayLike]],
    confidence: float = 0.95,
    *,
    maximum: float | None = None,
) -> ForgettingMatrix:
    """Compare all modes before and after fine-tuning on each target.

    Parameters
    ----------
    before : mapping of mode to array
        Returns of the policy before, `[seeds]`, or `[runs, seeds]` where each run had its own.
    after : mapping of target to (mapping of mode to array)
        Returns after fine-tuning on the target, `[seeds]` or `[runs, seeds]`. All modes share one
        seed list, and position i is the same seed everywhere. A target that is no mode is a
        control arm (say, trained on all modes): it has cells, but no forgetting and no specific
        gain.
    confidence : float
        Level of every interval.
    maximum : float, optional
        The best return there is; intervals of returns end there.

    Raises
    ------
    TaskError
        If a target was not evaluated on exactly the modes of `before`.
    SeedError
        If two modes differ in their number of seeds, or in their number of runs.
    InputError
        If there is no mode, or returns are empty or not finite.

    """
    if not before:
        raise InputError("the returns before name no mode; at least one is needed")
    old = {mode: _matrix(values, f"before, mode {mode!r}") for mode, values in before.items()}
    old_means = {mode: _interval(values, confidence, maximum) for mode, values in old.items()}
    rows = {}
    for target, by_mode in after.items():
        if set(by_mode) != set(old):
            raise TaskError(
                f"target {target!r} was evaluated on modes {sorted(by_mode)}; "
                f"the policy before on {sorted(old)}; both need the same"
            )
        new = {mode: _matrix(by_mode[mode], f"target {target!r}, mode {mode!r}") for mode in old}
        rows[target] = _row(target, old, new, old_means, confidence, maximum)
    return ForgettingMatrix(tuple(old), rows)


def _matrix(values: ArrayLike, name: str) -> FloatArray:
    """Return `[runs, seeds]`; a vector over seeds is one run."""
    array = np.asarray(values, dtype=np.float64)
    return checked(array[None] if array.ndim == 1 else array, ndim=2, name=name)


def _interval(matrix: FloatArray, confidence: float, maximum: float | None = None) -> Interval:
    found = (
        mean_interval(matrix[0], confidence)
        if len(matrix) == 1
        else clustered_mean(matrix, confidence)
    )
    if maximum is None or not found.high > maximum:
        return found
    # No mean lies above the best return: cut there, the interval covers as often as before.
    return Interval(found.estimate, found.low, max(found.estimate, maximum))


def _row(
    target: str,
    old: Mapping[str, FloatArray],
    new: Mapping[str, FloatArray],
    old_means: Mapping[str, Interval],
    confidence: float,
    maximum: float | None,
) -> Row:
    changes = {}
    for mode, values in new.items():
        if values.shape[1] != old[mode].shape[1] or len(old[mode]) not in (1, len(values)):
            raise SeedError(
                f"target {target!r}, mode {mode!r}: {old[mode].shape} runs and seeds before and "
                f"{values.shape} after; pairs need the same seeds, and one base or one a run"
            )
        changes[mode] = values - old[mode]
    shapes = {mode: change.shape for mode, change in changes.items()}
    if len(set(shapes.values())) > 1:
        raise SeedError(
            f"target {target!r}: modes need the same runs and seeds; they have {shapes}"
        )

    cells = {
        mode: Cell(
            before=old_means[mode],
            after=_interval(new[mode], confidence, maximum),
            difference=_interval(change, confidence),
            episodes=change.shape[1],
        )
        for mode, change in changes.items()
    }
    overall = _interval(np.mean(list(changes.values()), axis=0), confidence)
    forgetting = specific = None
    if target in changes and len(changes) > 1:
        # Cell by cell, so that what a seed or a run does to all modes cancels out.
        elsewhere = np.mean([x for mode, x in changes.items() if mode != target], axis=0)
        forgetting = _interval(elsewhere, confidence)
        specific = _interval(changes[target] - elsewhere, confidence)
    return Row(
        target=target,
        runs=len(next(iter(changes.values()))),
        cells=cells,
        overall=overall,
        forgetting=forgetting,
        specific_gain=specific,
        sentence=_sentence(target, cells, overall, forgetting, specific),
    )


def _figure(interval: Interval) -> str:
    if math.isnan(interval.low):
        return f"{interval.estimate:+.4g} (one pair, no interval)"
    return f"{interval.estimate:+.4g} ({interval.low:+.4g} to {interval.high:+.4g})"


def _sentence(
    target: str,
    cells: Mapping[str, Cell],
    overall: Interval,
    forgetting: Interval | None,
    specific: Interval | None,
) -> str:
    """Say plainly whether the gain belongs to the target."""
    if target not in cells:
        return f"{target} modes, with no single target: all modes change by {_figure(overall)}"
    gain = cells[target].difference
    if forgetting is None or specific is None:
        return f"one mode: it changes by {_figure(gain)}; with no other mode nothing is said of forgetting"
    figures = f"mode {target} {_figure(gain)}, the others {_figure(forgetting)}, specific gain {_figure(specific)}"
    if specific.low > 0.0 and gain.low > 0.0:
        forgot = ", and it forgot" if forgetting.high < 0.0 else ""
        return f"specific: the target gains more than the other modes{forgot}: {figures}"
    if specific.low > 0.0 and forgetting.high < 0.0:
        return f"not a gain: the target stands out only because the others fell behind: {figures}"
    if specific.low > 0.0:
        return f"no gain is shown, although the target does better than the other modes: {figures}"
    if gain.low > 0.0 and specific.high < 0.0:
        return f"not specific: the other modes gain more than the target: {figures}"
    if gain.low > 0.0 and forgetting.low > 0.0:
        return f"not specific: it helps all modes alike: more training, not adaptation: {figures}"
    if gain.low > 0.0:
        return f"not shown to be specific: the target gains, but not clearly more than the others: {figures}"
    if gain.high < 0.0:
        return f"a loss: the target got worse: {figures}"
    return f"no gain is shown on the target: {figures}"
