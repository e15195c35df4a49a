"""What a fine-tuning run left in the ledger, gathered once: the base, its arms, and their episodes.

Invariants: nothing here is estimated; only whole evaluations on the reported seeds count, and every
array is in the order of one seed list, so position i is the same seed in every mode and every arm; an
arm that cannot be compared yet is named with the reason, never dropped in silence.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ratchet.ledger import queries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ratchet.ledger import Evaluation, PolicyRow, Run, Store, Training, Verdict

REPORTED = "report"
"""The seed set whose numbers a report states; the pawl judged on another."""

ALL_MODES = "mixed modes"
"""What an arm without a mode of its own was trained on."""


class Key(NamedTuple):
    """What arms of one group share; they differ in their seed only."""

    kind: str
    mode: str | None
    scope: str
    budget: int
    unit: str

    @property
    def target(self) -> str:
        """The mode trained on, or words for all of them."""
        return ALL_MODES if self.mode is None else self.mode


@dataclass(frozen=True)
class Arm:
    """One finished fine-tuning, evaluated on every mode."""

    training: Training
    returns: Mapping[str, NDArray[np.float64]]
    same_policy: bool
    """Whether the result is the policy that it started from."""


@dataclass(frozen=True)
class Group:
    """Arms that differ in their fine-tuning seed only, in the order of those seeds."""

    key: Key
    arms: tuple[Arm, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The fine-tuning seeds, one an arm."""
        return tuple(arm.training.seed for arm in self.arms)

    def matrix(self, mode: str, seeds: Sequence[int] | None = None) -> NDArray[np.float64]:
        """Return the returns on a mode as `[runs, seeds]`, of the arms with these `seeds` or all."""
        chosen = [arm for arm in self.arms if seeds is None or arm.training.seed in seeds]
        return np.stack([arm.returns[mode] for arm in chosen])


@dataclass(frozen=True)
class Evidence:
    """Everything that a report of a fine-tuning run is made of."""

    run: Run
    recipe: Mapping[str, Any]
    base: PolicyRow | None
    base_training: Training | None
    modes: tuple[str, ...]
    maximum: float | None
    before: Mapping[str, NDArray[np.float64]]
    before_lengths: Mapping[str, NDArray[np.float64]]
    groups: tuple[Group, ...]
    trainings: tuple[Training, ...]
    """Every fine-tuning and control arm that was begun, also those without a result."""
    left_out: tuple[tuple[str, str], ...]
    """Arms and modes that are not compared, each with the reason."""
    verdicts: Mapping[int, Verdict]
    """By training id."""
    evaluations: tuple[Evaluation, ...]

    @property
    def episodes(self) -> int:
        """Reported episodes of one policy on one mode."""
        return len(self.before[self.modes[0]]) if self.modes else 0

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes of the groups; those that the recipe names come first, in its order."""
        return _ordered(self.recipe.get("scopes"), [group.key.scope for group in self.groups])

    @property
    def expected(self) -> int | None:
        """Arms that the recipe asks for; None where it does not say."""
        sizes = [_listed(self.recipe.get(name)) for name in ("budgets", "scopes", "seeds")]
        if self.run.kind != "recipe" or not all(sizes):
            return None
        targets = len(_listed(self.recipe.get("modes")) or self.modes)
        controls = 1 if self.recipe.get("control", True) else 0
        return (targets + controls) * len(sizes[0]) * len(sizes[1]) * len(sizes[2])

    def only(self, groups: tuple[Group, ...]) -> Evidence:
        """Return the same evidence with these groups alone."""
        return replace(self, groups=groups)

    def budgets(self, scope: str) -> tuple[int, ...]:
        """Return the budgets of a scope, smallest first."""
        return tuple(sorted({g.key.budget for g in self.groups if g.key.scope == scope}))

    def select(self, *, kind: str, scope: str, budget: int) -> tuple[Group, ...]:
        """Return the groups of a kind, scope and budget, in the order of the modes."""
        return tuple(
            group
            for group in self.groups
            if (group.key.kind, group.key.scope, group.key.budget) == (kind, scope, budget)
        )


def gather(ledger: Store, run_id: str) -> Evidence:
    """Return what the ledger holds of a run of fine-tunings.

    Parameters
    ----------
    ledger : Store
        The ledger.
    run_id : str
        A run of kind `train`, `finetune` or `recipe`, finished or not.

    Raises
    ------
    LedgerError
        If there is no such run.

    """
    run = queries.run(ledger, run_id)
    recipe: Mapping[str, Any] = run.recipe if isinstance(run.recipe, dict) else {}
    trainings = queries.trainings(ledger, run_id)
    # `ratchet train` is a fine-tuning whose start is a new policy; in a recipe it makes the base.
    from_nothing = run.kind == "train"
    tuned = tuple(t for t in trainings if from_nothing or t.kind != "train")
    base_training = (
        None if from_nothing else next((t for t in trainings if t.kind == "train"), None)
    )
    evaluations = queries.evaluations(ledger, run_id)
    base_id = _base(tuned, base_training)
    whole = _whole(evaluations)
    left_out: list[tuple[str, str]] = []

    known = [e.mode for e in evaluations if e.seed_set == REPORTED]
    before: dict[str, NDArray[np.float64]] = {}
    lengths: dict[str, NDArray[np.float64]] = {}
    order: NDArray[np.int64] | None = None
    for mode in _ordered(recipe.get("modes"), known, only_present=False):
        found = whole.get((base_id or "", mode))
        if found is None:
            left_out.append((f"mode {mode}", "the base policy is not evaluated on it yet"))
            continue
        played = queries.evaluation_returns(ledger, found.id)
        order = played.seeds if order is None else order
        if not np.array_equal(order, played.seeds):
            left_out.append((f"mode {mode}", "it was evaluated on other seeds than the first mode"))
            continue
        before[mode] = played.returns
        lengths[mode] = played.lengths.astype(np.float64)

    said_same = {
        verdict.training_id
        for verdict in queries.verdicts(ledger, run_id)
        if verdict.reason.startswith("same policy")
    }
    arms: dict[Key, list[Arm]] = {}
    for training in tuned:
        reason = _unusable(training, base_id, whole, tuple(before))
        if reason is None and order is not None:
            assert training.result_policy is not None
            returns = {}
            for mode in before:
                played = queries.evaluation_returns(ledger, whole[training.result_policy, mode].id)
                if not np.array_equal(order, played.seeds):
                    reason = f"on mode {mode} it was evaluated on other seeds than the base policy"
                returns[mode] = played.returns
        if reason is not None:
            left_out.append((training.name, reason))
            continue
        kind = "finetune" if from_nothing else training.kind
        key = Key(kind, training.mode, training.scope, training.budget, training.budget_unit)
        if any(arm.training.seed == training.seed for arm in arms.get(key, [])):
            left_out.append((training.name, "another arm has the same settings and seed"))
            continue
        same = training.result_policy == base_id or training.id in said_same
        arms.setdefault(key, []).append(Arm(training, returns, same))

    places = {mode: place for place, mode in enumerate(before)}
    scopes = _ordered(recipe.get("scopes"), [key.scope for key in arms])
    groups = sorted(
        (
            Group(key, tuple(sorted(members, key=lambda arm: (arm.training.seed, arm.training.id))))
            for key, members in arms.items()
        ),
        key=lambda group: (
            scopes.index(group.key.scope),
            group.key.budget,
            group.key.kind != "finetune",
            places.get(group.key.target, len(places)),
        ),
    )
    maximum = recipe.get("maximum_return")
    return Evidence(
        run=run,
        recipe=recipe,
        base=None if base_id is None else queries.policy(ledger, base_id),
        base_training=base_training,
        modes=tuple(before),
        maximum=None if maximum is None else float(maximum),
        before=before,
        before_lengths=lengths,
        groups=tuple(groups),
        trainings=tuned,
        left_out=tuple(left_out),
        verdicts={verdict.training_id: verdict for verdict in queries.verdicts(ledger, run_id)},
        evaluations=tuple(evaluations),
    )


def _base(tuned: Sequence[Training], base_training: Training | None) -> str | None:
    """Return the policy that most arms started from."""
    starts = Counter(t.base_policy for t in tuned if t.base_policy is not None)
    if starts:
        return starts.most_common(1)[0][0]
    return None if base_training is None else base_training.result_policy


def _whole(evaluations: Sequence[Evaluation]) -> dict[tuple[str, str], Evaluation]:
    """Return the complete reported evaluation of each policy and mode, greedy before sampled."""
    found: dict[tuple[str, str], Evaluation] = {}
    for evaluation in evaluations:
        if evaluation.seed_set != REPORTED or evaluation.done != evaluation.episodes:
            continue
        key = (evaluation.policy_id, evaluation.mode)
        held = found.get(key)
        if held is None or (evaluation.deterministic and not held.deterministic):
            found[key] = evaluation
    return found


def _unusable(
    training: Training,
    base_id: str | None,
    whole: Mapping[tuple[str, str], Evaluation],
    modes: Sequence[str],
) -> str | None:
    """Return why an arm cannot be compared, or None."""
    if training.result_policy is None:
        return f"it has no result yet ({training.status})"
    if training.base_policy != base_id:
        return "it started from another policy than the others"
    missing = [mode for mode in modes if (training.result_policy, mode) not in whole]
    if not modes or missing:
        where = f"mode {missing[0]}" if missing else "any mode that the base was evaluated on"
        return f"its result is not evaluated on {where} yet"
    return None


def _listed(value: object) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else ()


def _ordered(
    named: object, present: Sequence[str], *, only_present: bool = True
) -> tuple[str, ...]:
    """Return names without repetition: those that a recipe lists first, then the others."""
    first = [str(name) for name in _listed(named)]
    names = dict.fromkeys([*first, *present])
    return tuple(name for name in names if not only_present or name in present)
