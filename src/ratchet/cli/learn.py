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
    from ratchet.recipes.finetune import Outcome


def train(
    task: Annotated[str, typer.Argument(help="Built-in name, Gymnasium id, or module:callable.")],
    steps: options.Steps = None,
    episodes: options.Episodes = None,
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
    from ratchet.policies.initial import new_policy
    from ratchet.recipes.settings import pawl_settings, ppo_config, safety_config
    from ratchet.rollout.fit import spec_for
    from ratchet.seeding import derive

    amount, unit = options.one_budget(steps, episodes)
    budget = Budget(amount, "steps" if unit == "steps" else "episodes")
    given = options.split_settings(settings)
    pawl = pawl_settings(given.pawl)
    played, made = options.task_with(task, given.environment, keep_default=False)
    target = options.target_mode(played, mode or made)
    plan = TrainingPlan(
        policy=new_policy(spec_for(played), derive("initial", seed)),
        task=played,
        budget=budget,
        config=ppo_config(None, given.ppo),
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
    from ratchet.learning.trainer import Budget, TrainingPlan
    from ratchet.recipes.resolve import check_usable, load_policy
    from ratchet.recipes.settings import pawl_settings, ppo_config, safety_config
    from ratchet.rollout.fit import check_fit

    amount, unit = options.one_budget(steps, episodes)
    budget = Budget(amount, "steps" if unit == "steps" else "episodes")
    given = options.split_settings(settings)
    pawl = pawl_settings(given.pawl)
    played, made = options.task_with(task, given.environment, keep_default=True)
    target = options.target_mode(played, mode or made)
    start = load_policy(policy, root)
    check_usable(start)
    check_fit(start.spec, played)
    plan = TrainingPlan(
        policy=start,
        task=played,
        budget=budget,
        config=ppo_config(start, given.ppo),
        safety=safety_config({"anchor": anchor, **given.safety}),
        scope=scope,
        mode=target,
        seed=seed,
        device=device,
        warmup=True,
    )
    stem = f"finetune-{_slug(task)}-{_slug(target or 'mixed')}"
    _journey(plan, pawl, "finetune", stem, name, root, seeds, resume=resume, as_json=as_json)


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
) -> None:
    from ratchet.learning.trainer import Trainer
    from ratchet.recipes.finetune import finetune as run_finetune
    from ratchet.recipes.reporting import report_run
    from ratchet.recipes.session import open_session, run_name

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
            recipe=_record(plan, pawl, seeds),
            resume=resume,
            progress=watcher,
        ) as session,
    ):
        outcome = run_finetune(session, plan, name=kind, kind=kind, episodes=seeds, pawl=pawl)
    report_run(root, chosen)
    if as_json:
        emit(outcome.to_json(plan.scope))
        return
    _show(outcome, plan, root / chosen / "report.html")


def _record(plan: TrainingPlan, pawl: PawlSettings, seeds: int) -> dict[str, Any]:
    return {
        "task": plan.task.name,
        "modes": [mode.name for mode in plan.task.modes],
        "maximum_return": plan.task.maximum_return,
        "mode": plan.mode,
        "scopes": [plan.scope],
        "episodes": seeds,
        "base": plan.policy.id,
        "ppo": plan.config.model_dump(),
        "safety": plan.safety.model_dump(),
        "pawl": asdict(pawl),
    }


def _show(outcome: Outcome, plan: TrainingPlan, report: Path) -> None:
    row = outcome.matrix.rows[plan.mode or "mixed"]
    table(
        f"{plan.task.name}, scope {plan.scope}: {outcome.trained.parameters_adapted:,} of "
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
    say(f"policy  {outcome.trained.checkpoint}\nreport  {report}")


def _slug(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in text).strip("-") or "run"
