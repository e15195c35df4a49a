"""``ratchet train`` and ``ratchet finetune``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ratchet.cli import options
from ratchet.cli.output import brief, emit, say, table, watching

if TYPE_CHECKING:
    from ratchet.evaluation.pawl import PawlSettings
    from ratchet.learning.trainer import TrainingPlan
    from ratchet.recipes.adapting import Adaptation
    from ratchet.recipes.finetune import Outcome


def train(
    task: Annotated[str, typer.Argument(help="Built-in name, Gymnasium id, or module:callable.")],
    steps: options.Steps = None,
    episodes: options.Episodes = None,
    policy: options.Build = "mlp",
    mode: options.Mode = None,
    settings: options.Set = None,
    seed: options.Seed = 0,
    seeds: options.Seeds = 200,
    name: options.Name = None,
    resume: options.Resume = False,
    device: options.Device = "cpu",
    root: options.Root = options.DEFAULT_ROOT,
    as_json: options.Json = False,
) -> None:
    """Train a policy from nothing, within an exact budget; report and judge it."""
    from ratchet.learning.trainer import Budget, TrainingPlan
    from ratchet.recipes.presets import find_preset, routed
    from ratchet.recipes.settings import pawl_settings, ppo_config, safety_config

    amount, unit = options.one_budget(steps, episodes)
    budget = Budget(amount, "steps" if unit == "steps" else "episodes")
    given = options.split_settings(settings)
    pawl = pawl_settings(given.pawl)
    played, made = options.task_with(task, given.environment, keep_default=False)
    target = options.target_mode(played, mode or made)
    preset = routed(find_preset(policy), given.routing)
    # A perceptron keeps PPO's own defaults; the others' settings are part of what they are.
    own = {} if preset.kind == "mlp" else preset.ppo
    plan = TrainingPlan(
        policy=preset.new(played, seed),
        task=played,
        budget=budget,
        config=ppo_config(None, {**own, **given.ppo}),
        routing=preset.routing,
        safety=safety_config(given.safety),
        mode=target,
        seed=seed,
        device=device,
    )
    stem = f"train-{_slug(task)}"
    _journey(plan, pawl, "train", stem, name, root, seeds, resume=resume, as_json=as_json)


def finetune(
    policy: Annotated[str, typer.Argument(help="Checkpoint directory, RUN@best, or SB3 .zip.")],
    task: Annotated[str, typer.Argument(help="Built-in name, Gymnasium id, or module:callable.")],
    mode: options.Mode = None,
    scope: options.Scope = "full",
    steps: options.Steps = None,
    episodes: options.Episodes = None,
    method: options.Method = "ppo",
    guard: options.Guard = None,
    rank: options.Rank = 4,
    anchor: options.Anchor = "none",
    settings: options.Set = None,
    seed: options.Seed = 0,
    seeds: options.Seeds = 200,
    name: options.Name = None,
    resume: options.Resume = False,
    device: options.Device = "cpu",
    root: options.Root = options.DEFAULT_ROOT,
    as_json: options.Json = False,
) -> None:
    """Fine-tune a policy, or a part of it, and judge the result on every mode."""
    from ratchet.errors import BudgetError, RecipeError, TaskError, did_you_mean
    from ratchet.learning.trainer import Budget, TrainingPlan
    from ratchet.recipes.adapting import METHODS, Adaptation, method_config
    from ratchet.recipes.resolve import check_usable, load_policy
    from ratchet.recipes.settings import (
        guard_settings,
        pawl_settings,
        ppo_config,
        safety_config,
    )
    from ratchet.rollout.fit import check_fit

    amount, unit = options.one_budget(steps, episodes)
    budget = Budget(amount, "steps" if unit == "steps" else "episodes")
    if method not in METHODS:
        raise RecipeError(f"method {method!r} is unknown: {did_you_mean(method, METHODS)}")
    given = options.split_settings(settings)
    if given.routing:
        raise RecipeError("routing.… says how a new bank of slots is trained; fine-tuning has none")
    pawl, evidence = pawl_settings(given.pawl), guard_settings(given.guard)
    played, made = options.task_with(task, given.environment, keep_default=True)
    target = options.target_mode(played, mode or made)
    start = load_policy(policy, root)
    check_usable(start)
    check_fit(start.spec, played)
    guarded = guard if guard is not None else unit == "episodes" and target is not None
    whole_episodes = guarded or method == "slot_search"
    if whole_episodes and unit != "episodes":
        raise BudgetError("a guard and slot search count whole episodes: give --episodes")
    if whole_episodes and target is None:
        raise TaskError("a guard and slot search adapt to one mode: name it with --mode")
    if method == "slot_search":
        if scope not in {"full", "gating"} or given.ppo:
            raise RecipeError(
                "slot search changes one bias a slot of the gate, without a learner: it takes neither "
                "--scope nor the learner's settings"
            )
        scope = "gating"
    # A few episodes are adapted to in small rollouts, whatever the policy was trained with.
    config = (
        ppo_config(start, given.ppo)
        if method == "ppo" and unit == "steps"
        else ppo_config(None, method_config(method) | given.ppo)
    )
    safety = safety_config({"anchor": anchor, **given.safety})
    plan = TrainingPlan(
        policy=start,
        task=played,
        budget=budget,
        config=config,
        safety=safety,
        scope=scope,
        mode=target,
        seed=seed,
        device=device,
        warmup=True,
        method="reinforce" if method == "reinforce" else "ppo",
        rank=rank,
    )
    how = None
    if whole_episodes:
        how = Adaptation(
            scope=scope,
            method=method,
            safety=safety,
            guard=evidence if guarded else None,
            rank=rank,
            device=device,
            ppo=config.model_dump(),
        )
        how.check(start)
    stem = f"finetune-{_slug(task)}-{_slug(target or 'mixed')}"
    _journey(
        plan, pawl, "finetune", stem, name, root, seeds, resume=resume, as_json=as_json, how=how
    )


def _journey(
    plan: TrainingPlan,
    pawl: PawlSettings,
    kind: str,
    stem: str,
    name: str | None,
    root: Path,
    seeds: int,
    *,
    resume: bool,
    as_json: bool,
    how: Adaptation | None = None,
) -> None:
    from ratchet.learning.trainer import Trainer
    from ratchet.recipes.finetune import finetune as run_finetune
    from ratchet.recipes.reporting import report_run
    from ratchet.recipes.session import open_session, run_name

    if how is None or how.method != "slot_search":
        Trainer(plan).close()  # refuses scopes, anchors and devices before anything is written
    chosen = run_name(root, name, stem, resume=resume)
    with (
        watching() as watcher,
        open_session(
            root,
            chosen,
            kind=kind,
            seed=plan.seed,
            task=plan.task.name,
            recipe=_record(plan, pawl, seeds, how),
            resume=resume,
            progress=watcher,
        ) as session,
    ):
        outcome = run_finetune(
            session, plan, name=kind, kind=kind, episodes=seeds, pawl=pawl, how=how
        )
    report_run(root, chosen)
    learns = _what_learns(plan, how)
    if as_json:
        emit(outcome.to_json(learns))
        return
    _show(outcome, plan, learns, root / chosen / "report.html")


def _what_learns(plan: TrainingPlan, how: Adaptation | None) -> str:
    """Return the scope as the ledger has it: slot search moves what no scope names."""
    return plan.scope if how is None or how.method != "slot_search" else how.method


def _record(
    plan: TrainingPlan, pawl: PawlSettings, seeds: int, how: Adaptation | None
) -> dict[str, Any]:
    method = {"method": plan.method if how is None else how.method}
    if how is not None:
        method["guard"] = None if how.guard is None else asdict(how.guard)  # type: ignore[assignment]
    return {
        **method,
        "task": plan.task.name,
        "modes": [mode.name for mode in plan.task.modes],
        "maximum_return": plan.task.maximum_return,
        "mode": plan.mode,
        "scopes": [_what_learns(plan, how)],
        "episodes": seeds,
        "base": plan.policy.id,
        "ppo": plan.config.model_dump(),
        "routing": None if plan.routing is None else plan.routing.model_dump(mode="json"),
        "rank": plan.rank,
        "safety": plan.safety.model_dump(),
        "pawl": asdict(pawl),
    }


def _show(outcome: Outcome, plan: TrainingPlan, learns: str, report: Path) -> None:
    row = outcome.matrix.rows[plan.mode or "mixed"]
    table(
        f"{plan.task.name}, scope {learns}: {outcome.trained.parameters_adapted:,} of "
        f"{plan.policy.parameter_count:,} parameters, "
        f"{outcome.trained.environment_steps:,} environment steps",
        ["mode", "before", "after", "difference"],
        [
            [
                f"{mode}{' (target)' if mode == plan.mode else ''}",
                brief(cell.before),
                brief(cell.after),
                brief(cell.difference, "signed"),
            ]
            for mode, cell in row.cells.items()
        ],
    )
    say(row.sentence)
    word = "accepted" if outcome.verdict.accepted else "rejected"
    say(f"{word}: {outcome.verdict.reason}", "bold")
    if outcome.best.id == plan.policy.id != outcome.trained.policy.id:
        untrained = ", which was never trained" if plan.policy.record.get("source") == "new" else ""
        say(f"the run's best is still the policy that it began with{untrained}")
    say(f"policy  {outcome.trained.checkpoint}\nreport  {report}")


def _slug(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in text).strip("-") or "run"
