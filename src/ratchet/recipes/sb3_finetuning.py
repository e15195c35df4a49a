"""The experiment of the first write-up: fine-tune one policy on each mode, several ways, and compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ratchet.evaluation.pawl import default_scale, judge
from ratchet.learning.anchors import parse_anchor
from ratchet.learning.config import PPOConfig
from ratchet.learning.trainer import Budget, TrainingPlan
from ratchet.policies.initial import new_policy
from ratchet.policies.policy import Policy
from ratchet.policies.scopes import scope_tensors
from ratchet.recipes.finetune import Returns, play_all_modes, preflight, same_function
from ratchet.recipes.resolve import check_usable, load_policy
from ratchet.recipes.schema import Recipe, read_claims
from ratchet.recipes.session import Session
from ratchet.recipes.settings import ppo_config
from ratchet.recipes.steps import SeedSet, train
from ratchet.rollout.fit import check_fit, spec_for
from ratchet.seeding import derive, report_seeds, selection_seeds
from ratchet.tasks.registry import find_task
from ratchet.tasks.task import Task


@dataclass(frozen=True)
class Arm:
    """One fine-tuning: a mode (None: mixed at random, the control), a scope, a budget, a seed."""

    mode: str | None
    scope: str
    budget: int
    seed: int

    @property
    def name(self) -> str:
        """Its name in the run, which is a directory name too."""
        where = "mixed" if self.mode is None else f"mode-{self.mode}"
        return f"{where}.{self.scope}.{self.budget}.seed-{self.seed}"


@dataclass(frozen=True)
class Prepared:
    """A recipe whose every part has been found to be usable."""

    recipe: Recipe
    task: Task
    base: Policy | None
    configs: Mapping[int, PPOConfig]
    """PPO's settings by budget."""

    def record(self) -> dict[str, Any]:
        """Return what the ledger keeps of the recipe."""
        recipe = self.recipe
        return recipe.model_dump(mode="json", exclude={"quick", "claims", "headline"}) | {
            "base": Path(recipe.base).name,
            "modes": [mode.name for mode in self.task.modes],
            "maximum_return": self.task.maximum_return,
            "seeds": self.seeds(),
            "claims": read_claims(recipe),
            "headline": {"scope": recipe.scopes[0], "budget": recipe.headline},
        }

    def seeds(self) -> list[int]:
        """Return the seeds of the repeats."""
        return [1000 * self.recipe.seed + 1 + repeat for repeat in range(self.recipe.repeats)]

    def arms(self) -> Iterator[Arm]:
        """Yield the arms in the order in which they run: every arm once before any twice."""
        targets: list[str | None] = [mode.name for mode in self.task.modes]
        if self.recipe.control:
            targets.append(None)
        for seed in self.seeds():
            for scope in self.recipe.scopes:
                for budget in self.recipe.budgets:
                    for mode in targets:
                        yield Arm(mode, scope, budget, seed)


def prepare(recipe: Recipe, root: Path) -> Prepared:
    """Check everything that the recipe names, before anything is written.

    Raises
    ------
    InputError
        If the task, the base, a scope, a budget or a setting cannot be used.

    """
    task = find_task(recipe.task)
    base = None if recipe.base == "train" else load_policy(recipe.base, root)
    if base is not None:
        check_usable(base)
    spec = spec_for(task) if base is None else base.spec
    check_fit(spec, task)
    for scope in recipe.scopes:
        scope_tensors(spec, scope)
    for budget in recipe.budgets:
        Budget(budget)
    parse_anchor(recipe.safety.anchor)
    ppo_config(None, recipe.base_ppo)
    own = {} if base else recipe.base_ppo
    configs = {
        budget: ppo_config(base, {**own, **recipe.ppo, **recipe.budget_ppo.get(budget, {})})
        for budget in recipe.budgets
    }
    return Prepared(recipe, task, base, configs)


def run(session: Session, prepared: Prepared) -> None:
    """Run every arm that has not been run; the ledger holds all that the report needs."""
    recipe, task = prepared.recipe, prepared.task
    report = SeedSet.of("report", report_seeds(recipe.episodes))
    selection = SeedSet.of("selection", selection_seeds(recipe.episodes))
    base = prepared.base or _train_base(session, prepared)
    played = play_all_modes(session, "base", base, task, report, deterministic=recipe.deterministic)
    checked = preflight(base, task, played, deterministic=recipe.deterministic)
    if prepared.base is not None:
        session.progress.note(f"pre-flight: {checked}")
    before = play_all_modes(
        session, "base", base, task, selection, deterministic=recipe.deterministic
    )
    for arm in prepared.arms():
        _run_arm(session, prepared, base, before, arm, (report, selection), checked)


def _train_base(session: Session, prepared: Prepared) -> Policy:
    recipe, task = prepared.recipe, prepared.task
    plan = TrainingPlan(
        policy=new_policy(spec_for(task), derive("initial", recipe.seed)),
        task=task,
        budget=Budget(recipe.base_steps),
        config=ppo_config(None, recipe.base_ppo),
        seed=recipe.seed,
    )
    return train(session, plan, name="base", kind="train", latest=False).policy


def _run_arm(
    session: Session,
    prepared: Prepared,
    base: Policy,
    before: Returns,
    arm: Arm,
    seed_sets: tuple[SeedSet, SeedSet],
    checked: str,
) -> None:
    recipe, task = prepared.recipe, prepared.task
    plan = TrainingPlan(
        policy=base,
        task=task,
        budget=Budget(arm.budget),
        config=prepared.configs[arm.budget],
        safety=recipe.safety,
        scope=arm.scope,
        mode=arm.mode,
        # Arms of one repeat share their seed, so that they differ in what is compared alone.
        seed=arm.seed,
        warmup=True,
    )
    kind = "control" if arm.mode is None else "finetune"
    preflight = checked if prepared.base is not None else None
    trained = train(session, plan, name=arm.name, kind=kind, keep_state=False, preflight=preflight)
    report, selection = seed_sets
    play_all_modes(
        session, arm.name, trained.policy, task, report, deterministic=recipe.deterministic
    )
    after = play_all_modes(
        session, arm.name, trained.policy, task, selection, deterministic=recipe.deterministic
    )
    verdict = judge(
        {mode: after[mode] - before[mode] for mode in before},
        arm.mode,
        scale=default_scale(before, task.maximum_return),
        same_policy=same_function(base, trained.policy, task, before, after),
    )
    session.ledger.add_verdict(
        trained.training_id,
        accepted=verdict.accepted,
        reason=verdict.reason,
        target=arm.mode or "all modes",
        bounds=verdict.record(),
    )
