"""The experiment of the second write-up: clone a teacher, let a fleet go on, and compare all three on fixed seeds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ratchet.errors import PolicyError, RecipeError
from ratchet.evaluation.pawl import PawlSettings
from ratchet.learning.config import CloningConfig, FleetConfig
from ratchet.learning.episode_learner import first_coefficients
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.actor import actor_for
from ratchet.recipes.cloning import DEMONSTRATIONS, CloningPlan, clone_teacher, new_clone
from ratchet.recipes.comparing import (
    compare_pair,
    evaluate_players,
    pairs_to_compare,
    record_comparison,
)
from ratchet.recipes.fleet import Fleet
from ratchet.recipes.fleet_job import FleetBudget, FleetJob, check_job
from ratchet.recipes.resolve import Player, load_player
from ratchet.recipes.seed_lists import read_seed_list, shipped_list
from ratchet.recipes.session import Session
from ratchet.recipes.settings import cloning_config, fleet_config
from ratchet.recipes.steps import SeedSet
from ratchet.rollout.demonstrations import (
    Demonstrations,
    action_count,
    read_demonstrations,
    recorded_seeds,
)
from ratchet.rollout.fit import has_masks
from ratchet.rollout.plan import FleetPlan
from ratchet.seeding import report_seeds, selection_seeds
from ratchet.tasks.registry import find_task
from ratchet.tasks.task import Task

LoopName = Literal["parallel-ppo", "parallel-ppo-best"]


class ParallelRecipe(BaseModel):
    """A fleet's experiment: a teacher, its clone, and what a fleet makes of that."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: LoopName = Field(description="Which experiment this is.")
    title: str = Field(description="The head of its report.")
    source: str = Field("", description="The write-up whose numbers the claims table holds.")
    task: str = Field(description="What is played.")
    modes: tuple[str, ...] | None = Field(
        None, description="Which of its modes; None: its usual ones."
    )
    seed: int = Field(0, ge=0, description="From which all seeds of training follow.")
    teacher: str = Field("heuristic", description="Who is cloned: a teacher of the task.")
    demonstrations: int = Field(400, ge=2, description="Games that the teacher plays.")
    network: str | None = Field(None, description="What is cloned into; the default if not given.")
    cloning: dict[str, Any] = Field(default_factory=dict, description="Settings of the cloning.")
    workers: int = Field(3, ge=1, description="Processes that play.")
    environments: int = Field(8, ge=1, description="Games that each plays side by side.")
    batch: int = Field(8, ge=1, description="Episodes of an update.")
    max_lag: int = Field(4, ge=0, description="The largest lag of an episode that is learned from.")
    episodes: int | None = Field(None, ge=1, description="Budget of the fleet in episodes.")
    minutes: float | None = Field(None, gt=0, description="Budget of the fleet in minutes.")
    fleet: dict[str, Any] = Field(default_factory=dict, description="Settings of the trainer.")
    anchored: bool = Field(True, description="Whether the demonstrations hold the policy.")
    promote_every: int = Field(250, ge=0, description="Episodes between two looks of the pawl.")
    metric: str = Field("return", description="What the pawl and the verdict look at.")
    validation: str | int = Field(
        100, description="Seeds of the pawl: a list that ships, or a number."
    )
    evaluation: str | int = Field(200, description="Seeds of the report, as well.")
    first: int | None = Field(None, ge=2, description="Only the first so many of both lists.")
    claims: str | None = Field(None, description="File of the numbers that the write-up states.")
    quick: dict[str, Any] = Field(default_factory=dict, description="What --quick changes.")


@dataclass(frozen=True, kw_only=True)
class PreparedLoop:
    """A recipe whose every part has been found to be usable."""

    recipe: ParallelRecipe
    task: Task
    cloning: CloningConfig
    fleet: FleetConfig
    report: SeedSet
    validation: SeedSet
    claims: list[dict[str, Any]]

    @property
    def modes(self) -> list[str]:
        """The names of the modes that are played."""
        return list(self.recipe.modes or self.task.played_modes)

    def job(self, run: str, policy: Policy, shown: Demonstrations | None) -> FleetJob:
        """Return what the fleet does in a run of that name, from this policy and with this anchor."""
        recipe, minutes = self.recipe, self.recipe.minutes
        return FleetJob(
            plan=FleetPlan(
                run=run,
                task=recipe.task,
                modes=tuple(self.modes),
                seed=recipe.seed,
                environments=recipe.environments,
                batch=recipe.batch,
                max_lag=recipe.max_lag,
                masked=has_masks(self.task),
            ),
            task=self.task,
            policy=policy,
            config=self.fleet,
            demonstrations=shown,
            workers=recipe.workers,
            budget=FleetBudget(
                episodes=recipe.episodes, seconds=None if minutes is None else 60 * minutes
            ),
            validation=self.validation,
            promote_every=recipe.promote_every,
            metric=recipe.metric,
        )

    def record(self) -> dict[str, Any]:
        """Return what the ledger keeps of the recipe; its budget may grow."""
        recipe = self.recipe
        return recipe.model_dump(
            mode="json", exclude={"quick", "claims", "workers", "episodes", "minutes"}
        ) | {
            "modes": self.modes,
            "cloning": self.cloning.model_dump(),
            "fleet": self.fleet.model_dump(),
            "pawl": asdict(PawlSettings()),
            "claims": self.claims,
            "lists": {"report": self.report.name, "validation": self.validation.name},
        }


def prepare_loop(recipe: ParallelRecipe, claims: list[dict[str, Any]]) -> PreparedLoop:
    """Check everything that the recipe names, before anything is written.

    Raises
    ------
    InputError
        If the task, a mode, the teacher, a seed list or a setting cannot be used.

    """
    task = find_task(recipe.task)
    action_count(task)
    for mode in recipe.modes or ():
        task.mode_index(mode)
    if recipe.teacher not in task.teachers:
        known = ", ".join(task.teachers) or "none"
        raise PolicyError(f"task {task.name!r} has no teacher {recipe.teacher!r}; it has {known}")
    prepared = PreparedLoop(
        recipe=recipe,
        task=task,
        cloning=cloning_config(recipe.cloning),
        fleet=fleet_config(recipe.fleet),
        report=_seeds(recipe.evaluation, task, recipe.first, "report", report_seeds),
        validation=_seeds(recipe.validation, task, recipe.first, "validation", selection_seeds),
        claims=claims,
    )
    shared = set(prepared.report.seeds) & set(prepared.validation.seeds)
    if shared and recipe.promote_every:
        raise RecipeError(
            f"validation ({prepared.validation.name}) and evaluation ({prepared.report.name}) have {len(shared)} "
            "seeds in common; what was chosen on a list is not reported on it"
        )
    # What it will be started from is not there yet, but what that learns with is known.
    check_job(prepared.job(recipe.recipe, new_clone(task, recipe.network, recipe.seed), None))
    first_coefficients(prepared.fleet, anchored=recipe.anchored)
    if 1 < len(prepared.modes) < len(task.modes):
        raise RecipeError(
            f"modes names {len(prepared.modes)} of the {len(task.modes)} that {task.name!r} has; a teacher's "
            "games are of one mode, or of all"
        )
    return prepared


def run_loop(session: Session, prepared: PreparedLoop, show: Any) -> None:
    """Clone, let the fleet go on, evaluate and compare; the ledger holds all that the report needs.

    `show` makes a context in which a fleet's view is shown, from a function that returns it.
    """
    recipe, task = prepared.recipe, prepared.task
    cloned = clone_teacher(
        session,
        CloningPlan(
            task=task,
            teacher=recipe.teacher,
            episodes=recipe.demonstrations,
            policy=new_clone(task, recipe.network, recipe.seed),
            config=prepared.cloning,
            mode=prepared.modes[0] if len(prepared.modes) == 1 else None,
            seed=recipe.seed,
        ),
    )
    players = [
        load_player(recipe.teacher, task, session.root),
        Player("clone", actor_for(cloned.policy), cloned.policy),
    ]
    _evaluate(session, prepared, players)
    directory = session.directory / DEMONSTRATIONS
    shown = None
    if recipe.anchored:
        shown = read_demonstrations(directory, task, recorded_seeds(directory))
    job = prepared.job(session.name, cloned.policy, shown)
    fleet = Fleet(session, job)
    with show(fleet.view):
        outcome = fleet.run()
    players.append(Player("PPO", actor_for(outcome.policy), outcome.policy))
    if outcome.best.id not in {cloned.policy.id, outcome.policy.id}:
        players.append(Player("PPO, best", actor_for(outcome.best), outcome.best))
    results = _evaluate(session, prepared, players)
    for before, after in pairs_to_compare(results):
        comparison = compare_pair(
            before, after, task, prepared.report, deterministic=True, metric=recipe.metric
        )
        record_comparison(session, task, before, after, comparison)


def _evaluate(session: Session, prepared: PreparedLoop, players: list[Player]) -> Any:
    return evaluate_players(
        session,
        players,
        prepared.task,
        prepared.modes,
        prepared.report,
        deterministic=True,
    )


def _seeds(chosen: str | int, task: Task, first: int | None, name: str, numbers: Any) -> SeedSet:
    """Return a list of seeds: one that ships, or so many numbers."""
    if isinstance(chosen, str):
        return read_seed_list(shipped_list(chosen), task, first)
    return SeedSet.of(name, numbers(min(chosen, first or chosen)))
