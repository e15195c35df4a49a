"""What a laboratory study left in the ledger, read once into tidy structures.

Invariants: nothing here is estimated; only whole evaluations on the reported seeds count, and every
array is in the order of one seed list, so position i is the same seed in every policy, task and mode;
what cannot be compared yet is named with the reason, never dropped in silence.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ratchet.errors import LedgerError
from ratchet.ledger import queries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ratchet.ledger import Evaluation, Measurement, Run, Store, Training

    Array = NDArray[np.float64]

REPORTED = "report"
"""The seed set whose numbers a report states."""


class BaseKey(NamedTuple):
    """One base policy: its name in the recipe and the seed that it was trained with."""

    base: str
    training_seed: int


class AdaptationKey(NamedTuple):
    """One adaptation: from which base, how, to which mode and for how many episodes."""

    base: str
    training_seed: int
    arm: str
    adaptation_seed: int
    target: str
    budget: int


@dataclass(frozen=True)
class BasePolicy:
    """A base policy that the study used, whichever run trained it."""

    key: BaseKey
    policy_id: str
    record: Mapping[str, Any]
    """The measurement "base": parameters by scope, steps, learning curve, the run that trained it."""

    @property
    def scopes(self) -> Mapping[str, int]:
        """Parameters by scope; empty where they were not recorded."""
        found = self.record.get("scopes")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class StudyArm:
    """One way to adapt, as the recipe names it."""

    name: str
    label: str
    scope: str
    method: str
    guard: bool
    anchor: str


@dataclass(frozen=True)
class Adaptation:
    """One adaptation and its row in the ledger."""

    key: AdaptationKey
    training: Training

    @property
    def before(self) -> str | None:
        """The id of the policy that it started from."""
        return self.training.base_policy

    @property
    def after(self) -> str | None:
        """The id of its result: the start itself if the guard kept it; None while it runs."""
        return self.training.result_policy

    @property
    def guard(self) -> Mapping[str, Any] | None:
        """What the guard decided and on which evidence; None without a guard."""
        found = self.training.safety.get("guard")
        return found if isinstance(found, dict) else None


@dataclass(frozen=True)
class StudyEvidence:
    """Everything that a report of a study is made of.

    Names of bases, arms, modes, seeds and budgets are in the order of the recipe.
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
        for record in _records(self.recipe.get("bases")):
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
    returns = _read_returns(ledger, run_id, evaluations, left_out)
    adaptations = _adaptations(trainings, left_out)
    bases = _bases(trainings, measurements)
    task = str(recipe.get("task") or run.task or "")
    modes = tuple(str(mode) for mode in _listed(recipe.get("modes")))
    return StudyEvidence(
        run=run,
        recipe=recipe,
        study=study,
        task=task,
        adapt_task=str(recipe.get("adapt_task") or task),
        modes=modes,
        adapt_modes=tuple(str(m) for m in _listed(recipe.get("adapt_modes"))) or modes,
        maximum=_number(recipe.get("maximum_return")),
        episodes=len(next(iter(returns.values()))) if returns else 0,
        bases=_ordered([r["name"] for r in _records(recipe.get("bases"))], [k.base for k in bases]),
        training_seeds=_ordered(
            _listed(recipe.get("training_seeds")), [k.training_seed for k in bases]
        ),
        adaptation_seeds=_ordered(
            _listed(recipe.get("adaptation_seeds")), [k.adaptation_seed for k in adaptations]
        ),
        budgets=_ordered(
            _listed(recipe.get("budgets")), sorted({key.budget for key in adaptations})
        ),
        arms=_arms(recipe, adaptations),
        base_policies=bases,
        adaptations=adaptations,
        trainings=tuple(trainings),
        measurements=tuple(measurements),
        evaluations=tuple(evaluations),
        left_out=tuple(left_out),
        _returns=returns,
    )


def _read_returns(
    ledger: Store,
    run_id: str,
    evaluations: Sequence[Evaluation],
    left_out: list[tuple[str, str]],
) -> dict[tuple[str, str, str], Array]:
    """Return whole evaluations on the one seed list that most have."""
    values = queries.run_returns(ledger, run_id, REPORTED)
    lists = Counter(e.seed_hash for e in evaluations if e.id in values)
    common = lists.most_common(1)[0][0] if lists else None
    returns: dict[tuple[str, str, str], Array] = {}
    for evaluation in evaluations:
        if evaluation.seed_set != REPORTED:
            continue
        place = f"{evaluation.label} on {evaluation.task}, mode {evaluation.mode}"
        key = (evaluation.policy_id, evaluation.task, evaluation.mode)
        if evaluation.id not in values:
            missing = f"{evaluation.done} of {evaluation.episodes} episodes are evaluated"
            left_out.append((place, missing))
        elif evaluation.seed_hash != common:
            left_out.append((place, "it was evaluated on other seeds than most"))
        elif key in returns:
            left_out.append((place, "it was evaluated twice, greedy and sampled"))
        else:
            returns[key] = values[evaluation.id]
    return returns


def _bases(
    trainings: Sequence[Training], measurements: Sequence[Measurement]
) -> dict[BaseKey, BasePolicy]:
    found = {}
    for row in measurements:
        if row.name == "base" and isinstance(row.value, dict):
            key = BaseKey(str(row.value["base"]), int(row.value["training_seed"]))
            found[key] = BasePolicy(key, row.policy_id, row.value)
    for training in trainings:
        study = training.config.get("study")
        if training.kind == "train" and isinstance(study, dict) and training.result_policy:
            key = BaseKey(str(study["base"]), int(study["training_seed"]))
            found.setdefault(key, BasePolicy(key, training.result_policy, {}))
    return found


def _adaptations(
    trainings: Sequence[Training], left_out: list[tuple[str, str]]
) -> dict[AdaptationKey, Adaptation]:
    found: dict[AdaptationKey, Adaptation] = {}
    for training in trainings:
        study = training.config.get("study")
        if training.kind == "train" or not isinstance(study, dict) or training.mode is None:
            continue
        key = AdaptationKey(
            base=str(study["base"]),
            training_seed=int(study["training_seed"]),
            arm=str(study["arm"]),
            adaptation_seed=int(study["adaptation_seed"]),
            target=training.mode,
            budget=int(study["budget"]),
        )
        if training.result_policy is None:
            left_out.append((training.name, f"it has no result yet ({training.status})"))
        elif key in found:
            left_out.append((training.name, "another adaptation has the same settings and seeds"))
        else:
            found[key] = Adaptation(key, training)
    return found


def _arms(
    recipe: Mapping[str, Any], adaptations: Mapping[AdaptationKey, Adaptation]
) -> tuple[StudyArm, ...]:
    arms = {
        str(r["name"]): StudyArm(
            name=str(r["name"]),
            label=str(r.get("label") or r["name"]),
            scope=str(r.get("scope", "full")),
            method=str(r.get("method", "reinforce")),
            guard=bool(r.get("guard", False)),
            anchor=str(r.get("anchor") or "none"),
        )
        for r in _records(recipe.get("arms"))
    }
    for key, adaptation in adaptations.items():
        if key.arm not in arms:
            scope = adaptation.training.scope
            guarded = adaptation.guard is not None
            arms[key.arm] = StudyArm(key.arm, key.arm, scope, "reinforce", guarded, "none")
    return tuple(arms.values())


def _records(value: object) -> list[Mapping[str, Any]]:
    """Return the records of a list that have a name."""
    return [item for item in _listed(value) if isinstance(item, dict) and "name" in item]


def _listed(value: object) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else ()


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _ordered(named: Sequence[Any], present: Sequence[Any]) -> tuple[Any, ...]:
    """Return what the recipe names, in its order, and then whatever else is present."""
    return tuple(dict.fromkeys([*named, *present]))
