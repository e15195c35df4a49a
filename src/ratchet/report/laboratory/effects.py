"""What adaptation did, with intervals: every figure is a mean over paired episodes, computed once.

Invariants: an adapted policy is compared with the base that it started from, seed by seed; adaptation
seeds are averaged within each training seed, because policies adapted from one base are no independent
repetitions; averages over modes are taken before intervals, so that what a seed does to all modes
cancels out; a figure uses only the adaptations that have all it needs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from ratchet.evaluation.statistics import Interval, clustered_mean, mean_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from ratchet.report.laboratory.evidence import Adaptation, StudyEvidence

    Array = NDArray[np.float64]
    Cells = dict[tuple[int, int], Array]

Quantity = Literal["before", "after", "change", "elsewhere", "specific", "retention", "improved"]
"""What is averaged: the return on the target before or after; its change; the mean change on the other
modes (forgetting); the change less that; the mean change on the modes of the training task; whether
an episode ended better, ties counting half."""


class Group(NamedTuple):
    """Adaptations that differ in their seeds and targets only."""

    base: str
    arm: str
    budget: int


class StudyEffects:
    """The figures of a study's adaptations; each interval is computed when first asked for.

    Every method takes `target`, one mode adapted to, or None for the average over all of them, and
    gives None where the ledger holds no adaptation that has all that is needed.
    """

    def __init__(self, evidence: StudyEvidence) -> None:
        self.evidence = evidence
        self._cells: dict[tuple[Group, str, str | None], Cells] = {}
        self._intervals: dict[tuple[object, ...], Interval | None] = {}

    def groups(self) -> list[Group]:
        """Return the groups of which a change is known, in the order of the recipe."""
        here = self.evidence
        return [
            group
            for base in here.bases
            for arm in here.arms_of(base)
            for budget in here.budgets
            if self.cells(group := Group(base, arm.name, budget), "change")
        ]

    def figure(
        self,
        group: Group,
        quantity: Quantity,
        target: str | None = None,
        training_seed: int | None = None,
    ) -> Interval | None:
        """Return a quantity's mean with its 95% interval; of one base only with `training_seed`."""
        share = quantity == "improved"
        maximum = self.evidence.maximum if quantity in {"before", "after"} else None

        def compute() -> Interval | None:
            cells = _of_seed(self.cells(group, quantity, target), training_seed)
            found = interval(cells, 1.0 if share else maximum)
            # A share cannot be below 0, whatever Student's t says of a few seeds.
            return replace(found, low=max(found.low, 0.0)) if found and share else found

        return self._once(("figure", group, quantity, target, training_seed), compute)

    def evaluated_on(
        self, group: Group, target: str, mode: str, training_seed: int | None = None
    ) -> Interval | None:
        """Return the mean change on a mode of the task adapted to, after adapting to `target`."""
        return self._once(
            ("on", group, target, mode, training_seed),
            lambda: interval(
                _of_seed(self.cells(group, f"change on {mode}", target), training_seed)
            ),
        )

    def return_on(
        self, group: Group, target: str, mode: str, training_seed: int | None = None
    ) -> Interval | None:
        """Return the mean return on a mode of the task adapted to, after adapting to `target`."""
        return self._once(
            ("return on", group, target, mode, training_seed),
            lambda: interval(
                _of_seed(self.cells(group, f"after on {mode}", target), training_seed),
                self.evidence.maximum,
            ),
        )

    def difference(
        self, group: Group, other: Group, quantity: Quantity, target: str | None = None
    ) -> Interval | None:
        """Return a quantity of one group less that of another, paired by every seed both have."""

        def compute() -> Interval | None:
            first = self.cells(group, quantity, target)
            second = self.cells(other, quantity, target)
            return interval({key: first[key] - second[key] for key in first if key in second})

        return self._once(("difference", group, other, quantity, target), compute)

    def base(
        self,
        base: str,
        mode: str | None = None,
        *,
        task: str | None = None,
        training_seed: int | None = None,
    ) -> Interval | None:
        """Return a base's mean return on a mode, or over all modes, before anything was adapted."""

        def compute() -> Interval | None:
            here = self.evidence
            original = task is not None and task != here.adapt_task
            modes = (here.modes if original else here.adapt_modes) if mode is None else (mode,)
            by_mode = [here.base_returns(base, name, task) for name in modes]
            first = by_mode[0] if by_mode else {}
            shared = [seed for seed in first if all(seed in found for found in by_mode)]
            means = {(s, 0): np.mean([found[s] for found in by_mode], axis=0) for s in shared}
            return interval(_of_seed(means, training_seed), here.maximum)

        return self._once(("base", base, mode, task, training_seed), compute)

    def cells(self, group: Group, quantity: str, target: str | None = None) -> Cells:
        """Return `[episodes]` by training and adaptation seed, averaged over targets where None."""
        key = (group, quantity, target)
        if key not in self._cells:
            targets = self.evidence.adapt_modes if target is None else (target,)
            by_target = [self._one_target(group, quantity, name) for name in targets]
            first = by_target[0] if by_target else {}
            shared = [k for k in first if all(k in cells for cells in by_target)]
            self._cells[key] = {
                k: np.mean([cells[k] for cells in by_target], axis=0) for k in shared
            }
        return self._cells[key]

    def _one_target(self, group: Group, quantity: str, target: str) -> Cells:
        found = {}
        for adaptation in self.evidence.select(group.base, group.arm, group.budget, target):
            values = self._episodes(adaptation, quantity)
            if values is not None:
                key = (adaptation.key.training_seed, adaptation.key.adaptation_seed)
                found[key] = values
        return found

    def _episodes(self, adaptation: Adaptation, quantity: str) -> Array | None:
        """Return what one adaptation did, episode by episode."""
        here, target = self.evidence, adaptation.key.target
        before, after = adaptation.before, adaptation.after

        def changes(task: str, modes: Iterable[str]) -> Array | None:
            """Return the mean change on these modes, if all are evaluated."""
            found = [here.change(before, after, task, mode) for mode in modes]
            known = [values for values in found if values is not None]
            return np.mean(known, axis=0) if known and len(known) == len(found) else None

        if quantity.startswith("change on "):
            return changes(here.adapt_task, [quantity.removeprefix("change on ")])
        if quantity.startswith("after on "):
            return here.returns(after, here.adapt_task, quantity.removeprefix("after on "))
        if quantity == "retention":
            return changes(here.task, here.modes)
        if quantity in {"before", "after"}:
            return here.returns(before if quantity == "before" else after, here.adapt_task, target)
        gain = changes(here.adapt_task, [target])
        if quantity == "change" or gain is None:
            return gain
        if quantity == "improved":
            return (np.sign(gain) + 1.0) / 2.0
        elsewhere = changes(here.adapt_task, [m for m in here.adapt_modes if m != target])
        if quantity == "elsewhere" or elsewhere is None:
            return elsewhere
        return gain - elsewhere

    def _once(
        self, key: tuple[object, ...], compute: Callable[[], Interval | None]
    ) -> Interval | None:
        if key not in self._intervals:
            self._intervals[key] = compute()
        return self._intervals[key]


def rows(cells: Mapping[tuple[int, int], Array]) -> Array | None:
    """Return `[training seeds, episodes]`, each row the mean over that base's adaptation seeds.

    Of one training seed it is `[adaptation seeds, episodes]` instead.
    """
    if not cells:
        return None
    seeds = list(dict.fromkeys(training for training, _ in cells))
    if len(seeds) == 1:
        return np.stack(list(cells.values()))
    return np.stack(
        [np.mean([cells[key] for key in cells if key[0] == seed], axis=0) for seed in seeds]
    )


def interval(
    cells: Mapping[tuple[int, int], Array], maximum: float | None = None
) -> Interval | None:
    """Return the mean with its 95% interval over training seeds and episodes, crossed.

    Of one training seed the interval is over its adaptation seeds and episodes, and speaks of that
    one base policy. Of a mean return it ends at the task's `maximum`.
    """
    matrix = rows(cells)
    if matrix is None:
        return None
    found = clustered_mean(matrix) if len(matrix) > 1 else mean_interval(matrix[0])
    if maximum is None or not found.high > maximum:
        return found
    # No mean lies above the best return: cut there, the interval covers as often as before.
    return Interval(found.estimate, found.low, max(found.estimate, maximum))


def _of_seed(cells: Cells, training_seed: int | None) -> Cells:
    if training_seed is None:
        return cells
    return {key: values for key, values in cells.items() if key[0] == training_seed}
