"""Questions to a ledger: where every number in a report comes from.

Invariants: nothing here writes; an order is always stated, so the same file gives the same answer;
a metric that was not measured is NaN; an unfinished evaluation is not handed out as a whole one
unless the caller asks for what there is.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ratchet.errors import LedgerError, did_you_mean
from ratchet.ledger.rows import (
    Checkpoint,
    EpisodePart,
    EpisodeReturns,
    EpisodeRow,
    Evaluation,
    Measurement,
    PolicyRow,
    Run,
    StepsSpent,
    Training,
    TrainingEpisodePart,
    TrainingEpisodes,
    Verdict,
)
from ratchet.ledger.statements import UPDATE_COUNTS, UPDATE_METRICS
from ratchet.ledger.values import encode

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from ratchet.ledger.connection import Store

_BOOLEANS = ("accepted", "deterministic", "frozen_unchanged")

_TOGETHER = 400  # evaluations whose episodes are read at once

_EVALUATIONS = """
SELECT evaluations.*, (SELECT count(*) FROM episodes WHERE evaluation_id = evaluations.id) AS done
FROM evaluations
"""


def run(ledger: Store, run_id: str) -> Run:
    """Return the run of that id, or refuse with the nearest id there is."""
    found = ledger.row("SELECT * FROM runs WHERE id = ?", (run_id,))
    if found is None:
        known = [row["id"] for row in ledger.rows("SELECT id FROM runs ORDER BY id")]
        raise LedgerError(
            f"the ledger {ledger.path} has no run {run_id!r}; "
            + (did_you_mean(run_id, known) if known else "it has none yet")
        )
    return Run(**_record(found))


def runs(ledger: Store) -> list[Run]:
    """Return every run, oldest first."""
    found = ledger.rows("SELECT * FROM runs ORDER BY started_at, rowid")
    return [Run(**_record(row)) for row in found]


def latest_run(ledger: Store, name: str | None = None) -> Run:
    """Return the run of that name (or of any) that started last."""
    found = ledger.row(
        "SELECT * FROM runs WHERE name = :name OR :name IS NULL "
        "ORDER BY started_at DESC, rowid DESC LIMIT 1",
        {"name": name},
    )
    if found is None:
        known = [row["name"] for row in ledger.rows("SELECT DISTINCT name FROM runs")]
        raise LedgerError(
            f"the ledger {ledger.path} has no run"
            + (f" named {name!r}; {did_you_mean(name, known)}" if name and known else " yet")
        )
    return Run(**_record(found))


def policies(ledger: Store, run_id: str | None = None) -> list[PolicyRow]:
    """Return the policies that a run trained, started from or evaluated; all of them without a run."""
    found = ledger.rows(
        "SELECT * FROM policies WHERE :run IS NULL OR id IN ("
        " SELECT base_policy FROM trainings WHERE run_id = :run"
        " UNION SELECT result_policy FROM trainings WHERE run_id = :run"
        " UNION SELECT policy_id FROM evaluations WHERE run_id = :run"
        ") ORDER BY rowid",
        {"run": run_id},
    )
    return [_policy(ledger, row) for row in found]


def policy(ledger: Store, policy_id: str) -> PolicyRow:
    """Return the policy of that content id."""
    found = ledger.row("SELECT * FROM policies WHERE id = ?", (policy_id,))
    if found is None:
        raise LedgerError(f"the ledger {ledger.path} has no policy {policy_id!r}")
    return _policy(ledger, found)


def knows_policy(ledger: Store, policy_id: str) -> bool:
    """Return whether the ledger has a policy of that content id."""
    return ledger.row("SELECT 1 FROM policies WHERE id = ?", (policy_id,)) is not None


def trainings_like(
    ledger: Store, name: str, *, base_policy: str, config: Mapping[str, Any]
) -> list[Training]:
    """Return the finished trainings of that name, start and settings, of any run, oldest first."""
    found = ledger.rows(
        "SELECT * FROM trainings WHERE name = ? AND base_policy = ? AND config_json = ? "
        "AND status = 'finished' ORDER BY id",
        (name, base_policy, encode(config)),
    )
    return [Training(**_record(row)) for row in found]


def trainings(ledger: Store, run_id: str) -> list[Training]:
    """Return a run's trainings in the order in which they were begun."""
    found = ledger.rows("SELECT * FROM trainings WHERE run_id = ? ORDER BY id", (run_id,))
    return [Training(**_record(row)) for row in found]


def training(ledger: Store, training_id: int) -> Training:
    """Return the training of that id."""
    found = ledger.row("SELECT * FROM trainings WHERE id = ?", (training_id,))
    if found is None:
        raise LedgerError(f"the ledger {ledger.path} has no training {training_id}")
    return Training(**_record(found))


def checkpoints(ledger: Store, training_id: int) -> list[Checkpoint]:
    """Return a training's checkpoints, first update first."""
    found = ledger.rows(
        "SELECT * FROM checkpoints WHERE training_id = ? ORDER BY update_number", (training_id,)
    )
    return [Checkpoint(**_record(row)) for row in found]


def updates(ledger: Store, training_id: int) -> dict[str, NDArray[np.float64]]:
    """Return a training's updates: an array per column, in the order of the updates.

    The keys are ``update_number``, ``environment_steps``, `UPDATE_METRICS` and `UPDATE_COUNTS`.
    """
    found = ledger.rows(
        "SELECT * FROM updates WHERE training_id = ? ORDER BY update_number", (training_id,)
    )
    names = ("update_number", "environment_steps", *UPDATE_METRICS, *UPDATE_COUNTS)
    return {
        name: np.array([np.nan if row[name] is None else row[name] for row in found], np.float64)
        for name in names
    }


def fleet_updates(ledger: Store, training_id: int) -> list[dict[str, Any]]:
    """Return what only a fleet's updates have, in their order: `FLEET_COLUMNS` with ``changes`` decoded."""
    found = ledger.rows(
        "SELECT * FROM fleet_updates WHERE training_id = ? ORDER BY update_number", (training_id,)
    )
    return [_record(row) for row in found]


def training_episodes(ledger: Store, training_id: int) -> TrainingEpisodes:
    """Return the episodes that a training played."""
    found = ledger.rows(
        "SELECT * FROM training_episodes WHERE training_id = ? ORDER BY attempt, episode, worker",
        (training_id,),
    )
    return TrainingEpisodes(
        attempts=_whole(found, "attempt"),
        workers=_whole(found, "worker"),
        episodes=_whole(found, "episode"),
        seeds=_whole(found, "seed"),
        returns=np.array([row["return"] for row in found], np.float64),
        lengths=_whole(found, "length"),
        modes=tuple(row["mode"] for row in found),
        metrics=_metrics(found),
    )


def training_episode_parts(ledger: Store, training_id: int) -> list[TrainingEpisodePart]:
    """Return the parts of the episodes that a training played, in the order of the episodes."""
    found = ledger.rows(
        "SELECT attempt, worker, episode, seed, mode, number, values_json "
        "FROM training_episode_parts "
        "JOIN training_episodes USING (training_id, attempt, worker, episode) "
        "WHERE training_id = ? ORDER BY attempt, episode, worker, number",
        (training_id,),
    )
    return [TrainingEpisodePart(**_record(row)) for row in found]


def evaluations(ledger: Store, run_id: str) -> list[Evaluation]:
    """Return a run's evaluations in the order in which they were begun."""
    found = ledger.rows(_EVALUATIONS + "WHERE run_id = ? ORDER BY id", (run_id,))
    return [Evaluation(**_record(row)) for row in found]


def chosen_on(ledger: Store, policy_id: str, seeds: Iterable[int]) -> tuple[str, int] | None:
    """Return a run whose pawl looked at the policy on some of these seeds, and on how many; None if none did."""
    found = ledger.rows(
        "SELECT DISTINCT run_id, seed FROM evaluations JOIN episodes ON evaluation_id = evaluations.id "
        "WHERE policy_id = ? AND label IN ('best', 'candidate') AND run_id IN "
        "(SELECT run_id FROM trainings JOIN verdicts ON training_id = trainings.id) ORDER BY run_id",
        (policy_id,),
    )
    wanted = set(seeds)
    shared = Counter(row["run_id"] for row in found if row["seed"] in wanted)
    return next(iter(shared.items()), None)


def find_evaluation(
    ledger: Store,
    run_id: str,
    policy_id: str,
    mode: str,
    seed_set: str,
    *,
    deterministic: bool | None = None,
) -> Evaluation:
    """Return the one evaluation of a policy on a mode and a seed set.

    Raises
    ------
    LedgerError
        If there is none, or more than one (state `deterministic`).

    """
    found = ledger.rows(
        _EVALUATIONS + "WHERE run_id = :run AND policy_id = :policy AND mode = :mode "
        "AND seed_set = :seeds AND (:deterministic IS NULL OR deterministic = :deterministic) "
        "ORDER BY id",
        {
            "run": run_id,
            "policy": policy_id,
            "mode": mode,
            "seeds": seed_set,
            "deterministic": None if deterministic is None else int(deterministic),
        },
    )
    if len(found) != 1:
        raise LedgerError(
            f"run {run_id!r} has {len(found) or 'no'} evaluation(s) of policy {policy_id} on mode "
            f"{mode!r} and seed set {seed_set!r}"
            + ("; state whether actions are deterministic" if found else "; evaluate it first")
        )
    return Evaluation(**_record(found[0]))


def episode_returns(
    ledger: Store,
    run_id: str,
    policy_id: str,
    mode: str,
    seed_set: str,
    *,
    deterministic: bool | None = None,
    partial: bool = False,
) -> EpisodeReturns:
    """Return seeds, returns and lengths of an evaluation, in the order of the seeds.

    Parameters
    ----------
    ledger : Store
        The ledger.
    run_id, policy_id, mode, seed_set : str
        What was evaluated.
    deterministic : bool, optional
        Which kind of actions, where the ledger has both.
    partial : bool
        Whether an evaluation that misses episodes is handed out too.

    Raises
    ------
    LedgerError
        If there is no such evaluation, or it misses episodes.

    """
    chosen = find_evaluation(ledger, run_id, policy_id, mode, seed_set, deterministic=deterministic)
    if chosen.done != chosen.episodes and not partial:
        raise LedgerError(
            f"the evaluation of policy {policy_id} on mode {mode!r} holds {chosen.done} of its "
            f"{chosen.episodes} episodes; resume run {run_id!r} to complete it"
        )
    return evaluation_returns(ledger, chosen.id)


def evaluation_returns(ledger: Store, evaluation_id: int) -> EpisodeReturns:
    """Return what an evaluation holds so far as arrays, in the order of the seeds."""
    found = ledger.rows(
        "SELECT seed, return, length FROM episodes WHERE evaluation_id = ? ORDER BY seed",
        (evaluation_id,),
    )
    return EpisodeReturns(
        seeds=_whole(found, "seed"),
        returns=np.array([row["return"] for row in found], np.float64),
        lengths=_whole(found, "length"),
    )


def run_returns(ledger: Store, run_id: str, seed_set: str) -> dict[int, NDArray[np.float64]]:
    """Return the returns of every whole evaluation of a run on a seed set, in the order of the seeds.

    This reads millions of episodes in seconds. An evaluation that misses episodes is left out.

    Parameters
    ----------
    ledger : Store
        The ledger.
    run_id : str
        The run.
    seed_set : str
        Which of its seed sets.

    Returns
    -------
    dict of int to array
        By evaluation id, `[episodes]` each. Evaluations with one `seed_hash` have the same seeds in
        the same places.

    """
    planned = ledger.rows(
        "SELECT id, episodes FROM evaluations WHERE run_id = ? AND seed_set = ? ORDER BY id",
        (run_id, seed_set),
    )
    returns: dict[int, NDArray[np.float64]] = {}
    # A few hundred evaluations at a time: rows of a whole study would fill the memory.
    for start in range(0, len(planned), _TOGETHER):
        chunk = planned[start : start + _TOGETHER]
        found = ledger.rows(
            "SELECT evaluation_id, return FROM episodes WHERE evaluation_id BETWEEN ? AND ? "
            "ORDER BY evaluation_id, seed",
            (chunk[0]["id"], chunk[-1]["id"]),
        )
        identities = np.array([row[0] for row in found], np.int64)
        values = np.array([row[1] for row in found], np.float64)
        for row in chunk:
            first, last = np.searchsorted(identities, [row["id"], row["id"] + 1])
            if last - first == row["episodes"]:
                returns[row["id"]] = values[first:last].copy()
    return returns


def episodes(ledger: Store, evaluation_id: int) -> list[EpisodeRow]:
    """Return an evaluation's episodes whole, with metrics and parts, in the order of the seeds."""
    parts: dict[int, list[Any]] = {}
    for row in ledger.rows(
        "SELECT seed, values_json FROM episode_parts WHERE evaluation_id = ? ORDER BY seed, number",
        (evaluation_id,),
    ):
        parts.setdefault(row["seed"], []).append(json.loads(row["values_json"]))
    found = ledger.rows(
        "SELECT * FROM episodes WHERE evaluation_id = ? ORDER BY seed", (evaluation_id,)
    )
    return [
        EpisodeRow(
            seed=row["seed"],
            episode_return=row["return"],
            length=row["length"],
            terminated=bool(row["terminated"]),
            truncated=bool(row["truncated"]),
            metrics=json.loads(row["metrics_json"]),
            parts=tuple(parts.get(row["seed"], ())),
            stalls_broken=row["stalls_broken"],
        )
        for row in found
    ]


def episode_parts(
    ledger: Store,
    run_id: str,
    *,
    policy_id: str | None = None,
    mode: str | None = None,
    seed_set: str | None = None,
) -> list[EpisodePart]:
    """Return the parts of a run's evaluated episodes, such as the fights of its games.

    An evaluation that misses episodes is left out.

    Parameters
    ----------
    ledger : Store
        The ledger.
    run_id : str
        The run.
    policy_id, mode, seed_set : str, optional
        Which of its evaluations; without them all.

    Returns
    -------
    list of EpisodePart
        In the order of the evaluations, of the seeds, and of an episode's parts.

    """
    found = ledger.rows(
        "WITH chosen AS (SELECT * FROM evaluations WHERE run_id = :run "
        "AND (:policy IS NULL OR policy_id = :policy) AND (:mode IS NULL OR mode = :mode) "
        "AND (:seeds IS NULL OR seed_set = :seeds) "
        "AND episodes = (SELECT count(*) FROM episodes WHERE evaluation_id = evaluations.id)) "
        "SELECT evaluation_id, policy_id, label, task, mode, seed_set, deterministic, seed, number, "
        "values_json FROM chosen JOIN episode_parts ON evaluation_id = chosen.id "
        "ORDER BY evaluation_id, seed, number",
        {"run": run_id, "policy": policy_id, "mode": mode, "seeds": seed_set},
    )
    return [EpisodePart(**_record(row)) for row in found]


def verdicts(ledger: Store, run_id: str) -> list[Verdict]:
    """Return the verdicts on a run's trainings, in the order of the trainings."""
    found = ledger.rows(
        "SELECT verdicts.* FROM verdicts JOIN trainings ON trainings.id = training_id "
        "WHERE run_id = ? ORDER BY training_id, target",
        (run_id,),
    )
    return [Verdict(**_record(row)) for row in found]


def measurements(ledger: Store, run_id: str) -> list[Measurement]:
    """Return what a run measured on policies, ordered by name, policy and mode."""
    found = ledger.rows(
        "SELECT * FROM measurements WHERE run_id = ? ORDER BY name, policy_id, task, mode",
        (run_id,),
    )
    return [Measurement(**_record(row)) for row in found]


def steps_spent(ledger: Store, run_id: str) -> StepsSpent:
    """Return the environment steps that a run executed, by purpose."""
    trained = ledger.row(
        "SELECT coalesce(sum(environment_steps), 0) AS steps, "
        "coalesce(sum(replayed_steps), 0) AS replayed FROM trainings WHERE run_id = ?",
        (run_id,),
    )
    evaluated = ledger.row(
        "SELECT coalesce(sum(length), 0) AS steps FROM episodes "
        "JOIN evaluations ON evaluations.id = evaluation_id WHERE run_id = ?",
        (run_id,),
    )
    assert trained is not None
    assert evaluated is not None
    return StepsSpent(
        training=trained["steps"], replayed=trained["replayed"], evaluation=evaluated["steps"]
    )


def _policy(ledger: Store, row: sqlite3.Row) -> PolicyRow:
    parents = ledger.rows(
        "SELECT parent FROM policy_parents WHERE child = ? ORDER BY parent", (row["id"],)
    )
    return PolicyRow(**_record(row), parents=tuple(parent["parent"] for parent in parents))


def _record(row: sqlite3.Row) -> dict[str, Any]:
    """Return a row's columns as a dataclass names them, JSON decoded and flags as booleans."""
    record: dict[str, Any] = {}
    for name in row.keys():  # noqa: SIM118 - iterating a Row gives its values
        value = row[name]
        if name.endswith("_json"):
            record[name.removesuffix("_json")] = json.loads(value)
        elif name in _BOOLEANS and value is not None:
            record[name] = bool(value)
        else:
            record[name] = value
    return record


def _metrics(rows: list[sqlite3.Row]) -> dict[str, NDArray[np.float64]]:
    """Return an array a metric, `[rows]` each; NaN where an episode does not have it."""
    held = [json.loads(row["metrics_json"]) for row in rows]
    names = sorted({name for metrics in held for name in metrics})
    # `None` is read as NaN.
    return {name: np.array([metrics.get(name) for metrics in held], np.float64) for name in names}


def _whole(rows: list[sqlite3.Row], column: str) -> NDArray[np.int64]:
    return np.array([row[column] for row in rows], np.int64)
