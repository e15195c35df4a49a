"""What a laboratory study left in the ledger, read once into tidy structures.

Invariants: nothing here is estimated; only whole evaluations on the reported seeds count, and every
array is in the order of one seed list, so position i is the same seed in every policy, task and mode;
what cannot be compared yet is named with the reason, never dropped in silence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ratchet.errors import LedgerError
from ratchet.ledger import queries
from ratchet.report.laboratory.reading import (
    listed,
    named_records,
    number_or_none,
    ordered,
    read_adaptations,
    read_arms,
    read_bases,
    read_returns,
)
from ratchet.report.laboratory.records import (
    Adaptation,
    AdaptationKey,
    BaseKey,
    BasePolicy,
    StudyArm,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from ratchet.ledger import Evaluation, Measurement, Run, Store, Training

    Array = NDArray[np.float64]

__all__ = [
    "Adaptation",
    "AdaptationKey",
    "BaseKey",
    "BasePolicy",
    "StudyArm",
    "StudyEvidence",
    "gather_study",
]


@dataclass(frozen=True)
class StudyEvidence:
    """Everything that a report of a study is made of.

    Names of bases, arms, modes and seeds are in the order of the recipe, budgets rise.
    """

    run: Run
    recipe: Mapping[str, Any]
    study: str
    """The recipe's name, such as "few-shot"."""
    task: str
    """The task that the bases were trained on."""
    adapt_task: str
    """The task that was adapted to; the same except in `extreme-modes`."""
    modes: tuple[str, ...]
    adapt_modes: tuple[str, ...]
    maximum: float | None
    episodes: int
    """Evaluation seeds of one policy on one mode."""
    bases: tuple[str, ...]
    training_seeds: tuple[int, ...]
    adaptation_seeds: tuple[int, ...]
    budgets: tuple[int, ...]
    arms: tuple[StudyArm, ...]
    base_policies: Mapping[BaseKey, BasePolicy]
    adaptations: Mapping[AdaptationKey, Adaptation]
    trainings: tuple[Training, ...]
    measurements: tuple[Measurement, ...]
    evaluations: tuple[Evaluation, ...]
    left_out: tuple[tuple[str, str], ...]
    """What is not compared, each with the reason."""
    _returns: Mapping[tuple[str, str, str], Array] = field(repr=False)

    def returns(self, policy_id: str | None, task: str, mode: str) -> Array | None:
        """Return the returns of a policy, `[episodes]` in the order of the seeds, or None."""
        return None if policy_id is None else self._returns.get((policy_id, task, mode))

    def change(self, before: str | None, after: str | None, task: str, mode: str) -> Array | None:
        """Return the paired differences after - before, `[episodes]`, or None if one is missing."""
        first, second = self.returns(before, task, mode), self.returns(after, task, mode)
        return None if first is None or second is None else second - first

    def base_returns(self, base: str, mode: str, task: str | None = None) -> dict[int, Array]:
        """Return a base's returns on a mode by training seed; `task` is the one adapted to by default."""
        where = self.adapt_task if task is None else task
        found = {}
        for key, policy in self.base_policies.items():
            values = self.returns(policy.policy_id, where, mode)
            if key.base == base and values is not None:
                found[key.training_seed] = values
        return found

    def select(self, base: str, arm: str, budget: int, target: str) -> list[Adaptation]:
        """Return the adaptations of an arm, in the order of training and adaptation seeds."""
        keys = (
            AdaptationKey(base, training, arm, adaptation, target, budget)
            for training in self.training_seeds
            for adaptation in self.adaptation_seeds
        )
        return [self.adaptations[key] for key in keys if key in self.adaptations]

    def arms_of(self, base: str) -> tuple[StudyArm, ...]:
        """Return the arms that at least one adaptation of a base belongs to."""
        used = {key.arm for key in self.adaptations if key.base == base}
        return tuple(arm for arm in self.arms if arm.name in used)

    def measured(self, name: str) -> list[Measurement]:
        """Return the measurements of a name, in the ledger's order."""
        return [row for row in self.measurements if row.name == name]

    def base_of(self, policy_id: str) -> BasePolicy | None:
        """Return the base policy of that id, or None."""
        return next((p for p in self.base_policies.values() if p.policy_id == policy_id), None)

    def description(self, base: str) -> str:
        """Return what the recipe says of a base; empty if it says nothing."""
        for record in named_records(self.recipe.get("bases")):
            if record.get("name") == base:
                return str(record.get("description") or "")
        return ""


def gather_study(ledger: Store, run_id: str) -> StudyEvidence:
    """Return what the ledger holds of a study, finished or not.

    Parameters
    ----------
    ledger : Store
        The ledger; it is only read.
    run_id : str
        A run of kind `recipe` whose recipe names a study.

    Raises
    ------
    LedgerError
        If there is no such run, or its recipe is no study.

    """
    run = queries.run(ledger, run_id)
    recipe: Mapping[str, Any] = run.recipe if isinstance(run.recipe, dict) else {}
    study = recipe.get("recipe")
    if run.kind != "recipe" or not isinstance(study, str):
        raise LedgerError(
            f"run {run_id!r} is no study of the laboratory: its recipe names none under 'recipe'"
        )
    trainings = queries.trainings(ledger, run_id)
    measurements = queries.measurements(ledger, run_id)
    evaluations = queries.evaluations(ledger, run_id)
    left_out: list[tuple[str, str]] = []
    returns = read_returns(ledger, run_id, evaluations, left_out)
    adaptations = read_adaptations(trainings, left_out)
    found = read_bases(trainings, measurements)
    names = ordered(
        [record["name"] for record in named_records(recipe.get("bases"))], [k.base for k in found]
    )
    seeds = ordered(listed(recipe.get("training_seeds")), [k.training_seed for k in found])
    places = (BaseKey(base, seed) for base in names for seed in seeds)
    bases = {key: found[key] for key in places if key in found}
    task = str(recipe.get("task") or run.task or "")
    modes = tuple(str(mode) for mode in listed(recipe.get("modes")))
    return StudyEvidence(
        run=run,
        recipe=recipe,
        study=study,
        task=task,
        adapt_task=str(recipe.get("adapt_task") or task),
        modes=modes,
        adapt_modes=tuple(str(m) for m in listed(recipe.get("adapt_modes"))) or modes,
        maximum=number_or_none(recipe.get("maximum_return")),
        episodes=len(next(iter(returns.values()))) if returns else 0,
        bases=names,
        training_seeds=seeds,
        adaptation_seeds=ordered(
            listed(recipe.get("adaptation_seeds")), [k.adaptation_seed for k in adaptations]
        ),
        budgets=tuple(sorted({*listed(recipe.get("budgets")), *(k.budget for k in adaptations)})),
        arms=read_arms(recipe, adaptations),
        base_policies=bases,
        adaptations=adaptations,
        trainings=tuple(trainings),
        measurements=tuple(measurements),
        evaluations=tuple(evaluations),
        left_out=tuple(left_out),
        _returns=returns,
    )
