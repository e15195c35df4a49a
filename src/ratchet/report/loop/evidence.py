"""What a ledger holds of a cloning, of a fleet, or of the experiment made of both.

Invariants: the policies compared have played the same seeds in the same modes, in one order; a policy
that misses episodes is not one of them; *same policy* is said where the run found it, by the actions in
every evaluated state, or where both are one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ratchet.errors import LedgerError
from ratchet.ledger import queries, streams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratchet.ledger import Evaluation, Measurement, Run, Store, Training, Verdict

    Metrics = Mapping[str, NDArray[np.float64]]

LOOPS = ("parallel-ppo", "parallel-ppo-best")
"""Names of recipes whose runs are a cloning, a fleet and an evaluation of both."""
KINDS = ("clone", "fleet")
"""Kinds of runs that are one part of it."""

Role = Literal["teacher", "clone", "PPO", "best"]

_OF_FLEET = (
    "transitions",
    "lag_mean",
    "lag_most",
    "entropy_coefficient",
    "anchor_coefficient",
    "stale",
    "corrupt",
    "foreign_",
    "waiting",
    "wait_seconds",
    "read_seconds",
    "learn_seconds",
)
_OF_POLICY = frozenset(
    (
        "approx_kl",
        "update_kl",
        "clip_fraction",
        "entropy",
        "normalised_entropy",
        "policy_loss",
        "anchor_loss",
        "stopped_by_kl",
    )
)
"""Columns of updates that are 0, and no measurement, where the critic learned alone."""
_COMPARED = "compared with "


@dataclass(frozen=True)
class Player:
    """One policy on the seeds of the report: all of its episodes, mode after mode, seeds ascending."""

    role: Role
    policy_id: str
    metrics: Metrics
    """Return, length and the task's own, `[episodes]` each."""
    stalls_broken: int

    @property
    def episodes(self) -> int:
        """How many it has played."""
        return len(self.metrics["return"])


@dataclass(frozen=True)
class Look:
    """The pawl's verdict on the policy of one update, against the best until then."""

    update: int
    episodes: int
    """How many had been learned from."""
    policy_id: str
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class LoopEvidence:
    """A run's rows, sorted by what the report asks of them."""

    run: Run
    recipe: Mapping[str, Any]
    cloning: Training | None
    cloned: Mapping[str, Any]
    """What was measured on the clone; empty if it is not there yet."""
    fleet: Training | None
    updates: Mapping[str, NDArray[np.float64]]
    """The columns of the fleet's updates, `[updates]` each; empty without a fleet."""
    tuned: Sequence[Mapping[str, Any]]
    """Of each update the policy that it led to, what the tuner found, and what it changed."""
    books: Mapping[str, Any]
    """How workers and spool stood when the fleet ended; empty where it was killed."""
    best_id: str | None
    """The policy that the pawl took last; the fleet's start if it took none."""
    looks: tuple[Look, ...]
    """What the pawl said, in the order of the updates."""
    players: tuple[Player, ...]
    trainings: tuple[Training, ...]
    evaluations: tuple[Evaluation, ...]
    said_same: frozenset[tuple[str, str]]
    """Pairs of policies that the run found to be one."""
    shared_seeds: int
    """How many of the seeds that report are among those that choose."""

    @property
    def task(self) -> str:
        """The name of what is played."""
        return self.run.task or "the task"

    @property
    def metric(self) -> str:
        """What the pawl and the verdict look at."""
        return str(self.recipe.get("metric", "return"))

    def player(self, role: Role) -> Player | None:
        """Return the policy of that role, if it has been evaluated."""
        return next((player for player in self.players if player.role == role), None)

    def setting(self, name: str) -> Any:
        """Return what was planned for the fleet; None if the recipe does not say."""
        plan = self.recipe.get("plan")
        return self.recipe.get(name, plan.get(name) if isinstance(plan, dict) else None)

    def of_fleet(self, name: str) -> Any:
        """Return a setting of the fleet's trainer; None without a fleet."""
        return None if self.fleet is None else self.fleet.config.get(name)

    @property
    def moved(self) -> NDArray[np.bool_]:
        """Which updates moved the policy `[updates]`; in the others the critic learned alone."""
        return np.asarray(self.updates["critic_only"] != 1.0)

    def series(self, column: str) -> NDArray[np.float64]:
        """Return a column of the updates, of those alone that moved the policy if it speaks of that."""
        values = self.updates.get(column, np.zeros(0))
        return values[self.moved] if column in _OF_POLICY else values

    def latest(self, column: str) -> float | None:
        """Return the last value of a column; None if there is none."""
        values = self.series(column)
        return float(values[-1]) if len(values) else None

    def on(self, seeds: Literal["report", "validation"]) -> list[Evaluation]:
        """Return the evaluations on the seeds that report, or on those that choose."""
        name = seed_list(self.recipe, seeds)
        return [each for each in self.evaluations if each.seed_set == name]


def seed_list(recipe: Mapping[str, Any], seeds: Literal["report", "validation"]) -> str:
    """Return the name of the seeds that report, or of those that choose."""
    lists = recipe.get("lists")
    found = lists.get(seeds) if isinstance(lists, dict) else recipe.get(seeds)
    return str(found or seeds)


def is_loop(run: Run) -> bool:
    """Return whether a run is one that this report is of."""
    recipe = run.recipe if isinstance(run.recipe, dict) else {}
    return run.kind in KINDS or (run.kind == "recipe" and recipe.get("recipe") in LOOPS)


def gather_loop(ledger: Store, run_id: str) -> LoopEvidence:
    """Return what the ledger holds of a run, finished or not.

    Parameters
    ----------
    ledger : Store
        The ledger; it is only read.
    run_id : str
        A run of kind `clone` or `fleet`, or of a recipe of `LOOPS`.

    Raises
    ------
    LedgerError
        If there is no such run, or it is another one.

    """
    run = queries.run(ledger, run_id)
    recipe: Mapping[str, Any] = run.recipe if isinstance(run.recipe, dict) else {}
    if not is_loop(run):
        raise LedgerError(
            f"run {run_id!r} is of kind {run.kind!r} and neither a cloning, nor a fleet, nor both"
        )
    trainings = queries.trainings(ledger, run_id)
    cloning = next((each for each in trainings if each.kind == "clone"), None)
    fleet = next((each for each in trainings if each.kind == "fleet"), None)
    measured = queries.measurements(ledger, run_id)
    evaluations = queries.evaluations(ledger, run_id)
    updates, tuned = _updates(ledger, fleet)
    looks = [] if fleet is None else _looks(queries.verdicts(ledger, run_id), fleet, updates, tuned)
    best_id = None if fleet is None else fleet.base_policy
    for look in looks:
        best_id = look.policy_id if look.verdict.accepted else best_id
    ids: dict[Role, str | None] = {
        "teacher": _teacher(recipe, evaluations),
        "clone": None if cloning is None else cloning.result_policy,
        "PPO": None if fleet is None else fleet.result_policy,
        "best": best_id,
    }
    if best_id in {ids["clone"], ids["PPO"]}:
        del ids["best"]
    return LoopEvidence(
        run=run,
        recipe=recipe,
        cloning=cloning,
        cloned=_measured(measured, "cloning"),
        fleet=fleet,
        updates=updates,
        tuned=tuned,
        books=_measured(measured, "fleet"),
        best_id=best_id,
        looks=tuple(looks),
        players=_players(ledger, recipe, evaluations, ids),
        trainings=tuple(trainings),
        evaluations=tuple(evaluations),
        said_same=frozenset(
            (row.name.removeprefix(_COMPARED), row.policy_id)
            for row in measured
            if row.name.startswith(_COMPARED) and row.value.get("same_policy")
        ),
        shared_seeds=_shared_seeds(ledger, recipe, evaluations),
    )


def _updates(
    ledger: Store, fleet: Training | None
) -> tuple[dict[str, NDArray[np.float64]], list[dict[str, Any]]]:
    """Return the updates that are there whole: a process may have died between their two rows."""
    if fleet is None:
        return {}, []
    tuned = queries.fleet_updates(ledger, fleet.id)
    columns = queries.updates(ledger, fleet.id)
    whole = np.isin(columns["update_number"], [row["update_number"] for row in tuned])
    columns = {name: values[whole] for name, values in columns.items()}
    for name in _OF_FLEET:
        columns[name] = np.array([row[name] for row in tuned], np.float64)
    return columns, tuned


def _looks(
    verdicts: Sequence[Verdict],
    fleet: Training,
    updates: Mapping[str, NDArray[np.float64]],
    tuned: Sequence[Mapping[str, Any]],
) -> list[Look]:
    """Return what the pawl said of a fleet's updates, as far as they are still its updates."""
    numbers = [row["update_number"] for row in tuned]
    learned = dict(zip(numbers, np.cumsum(updates["episodes"]), strict=True))
    policies = dict(zip(numbers, (row["policy_id"] for row in tuned), strict=True))
    found = []
    for verdict in verdicts:
        number = verdict.target.removeprefix("update ")
        if verdict.training_id == fleet.id and number.isdigit() and int(number) in policies:
            update = int(number)
            found.append(Look(update, int(learned[update]), policies[update], verdict))
    return sorted(found, key=lambda look: look.update)


def _teacher(recipe: Mapping[str, Any], evaluations: Sequence[Evaluation]) -> str | None:
    name = recipe.get("teacher")
    found = (each.policy_id for each in evaluations if name in {each.label, each.policy_id})
    return next(found, None)


def _players(
    ledger: Store,
    recipe: Mapping[str, Any],
    evaluations: Sequence[Evaluation],
    ids: Mapping[Role, str | None],
) -> tuple[Player, ...]:
    """Return the policies that have played every seed of the report in every mode."""
    modes = [str(mode) for mode in recipe.get("modes") or ()]
    chosen = {
        (each.policy_id, each.mode): each
        for each in evaluations
        if each.seed_set == seed_list(recipe, "report") and each.done == each.episodes
    }
    found = []
    for role, policy_id in ids.items():
        played = [chosen.get((policy_id or "", mode)) for mode in modes]
        whole = [each for each in played if each is not None]
        if not whole or len(whole) < len(modes):
            continue
        rows = [row for each in whole for row in streams.each_episode(ledger, each.id)]
        metrics = {
            "return": np.array([row.episode_return for row in rows]),
            "length": np.array([row.length for row in rows], np.float64),
        }
        for name in rows[0].metrics:
            # `None`, which is not there, is read as NaN.
            metrics[name] = np.array([row.metrics.get(name) for row in rows], np.float64)
        broken = sum(row.stalls_broken for row in rows)
        found.append(Player(role, str(policy_id), metrics, broken))
    return tuple(found)


def _shared_seeds(
    ledger: Store, recipe: Mapping[str, Any], evaluations: Sequence[Evaluation]
) -> int:
    """Return how many seeds are in both lists; every evaluation on a list has all of its seeds."""
    seeds: list[set[int]] = []
    for name in (seed_list(recipe, "report"), seed_list(recipe, "validation")):
        first = next((each.id for each in evaluations if each.seed_set == name), None)
        rows = [] if first is None else streams.each_episode(ledger, first)
        seeds.append({row.seed for row in rows})
    return len(seeds[0] & seeds[1])


def _measured(rows: Sequence[Measurement], name: str) -> Mapping[str, Any]:
    """Return what the run measured under a name."""
    found = (row.value for row in rows if row.name == name)
    return next((value for value in found if isinstance(value, dict)), {})
