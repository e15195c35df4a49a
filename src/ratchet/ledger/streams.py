"""Episodes and their parts one by one, where there may be more of them than memory has room for.

Invariants: an order is always stated, that of the rows in the file; a few thousand rows are read at a
time, so that no writer waits for a reader; nothing here writes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ratchet.ledger.rows import EpisodePart, EpisodeRow, TrainingEpisodePart, TrainingEpisodeRow

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from ratchet.ledger.connection import Store

_PAGE = 2000


def each_training_episode(ledger: Store, training_id: int) -> Iterator[TrainingEpisodeRow]:
    """Yield the episodes that a training played, without their parts, however many they are.

    In the order (attempt, worker, episode), which `queries.training_episodes` does not have.
    """
    for row in _pages(
        ledger,
        "SELECT * FROM training_episodes WHERE training_id = ?",
        (training_id,),
        ("attempt", "worker", "episode"),
    ):
        yield TrainingEpisodeRow(
            attempt=row["attempt"],
            worker=row["worker"],
            episode=row["episode"],
            seed=row["seed"],
            mode=row["mode"],
            episode_return=row["return"],
            length=row["length"],
            metrics=json.loads(row["metrics_json"]),
            version=row["version"],
            update_number=row["update_number"],
        )


def each_training_part(ledger: Store, training_id: int) -> Iterator[TrainingEpisodePart]:
    """Yield the parts of the episodes that a training played, in the order of `each_training_episode`."""
    for row in _pages(
        ledger,
        "SELECT attempt, worker, episode, seed, mode, number, values_json "
        "FROM training_episode_parts "
        "JOIN training_episodes USING (training_id, attempt, worker, episode) "
        "WHERE training_id = ?",
        (training_id,),
        ("attempt", "worker", "episode", "number"),
    ):
        yield TrainingEpisodePart(
            attempt=row["attempt"],
            worker=row["worker"],
            episode=row["episode"],
            seed=row["seed"],
            mode=row["mode"],
            number=row["number"],
            values=json.loads(row["values_json"]),
        )


def each_episode(ledger: Store, evaluation_id: int) -> Iterator[EpisodeRow]:
    """Yield an evaluation's episodes in the order of the seeds, without their parts."""
    for row in _pages(
        ledger, "SELECT * FROM episodes WHERE evaluation_id = ?", (evaluation_id,), ("seed",)
    ):
        yield EpisodeRow(
            seed=row["seed"],
            episode_return=row["return"],
            length=row["length"],
            terminated=bool(row["terminated"]),
            truncated=bool(row["truncated"]),
            metrics=json.loads(row["metrics_json"]),
            stalls_broken=row["stalls_broken"],
        )


def each_part(ledger: Store, evaluation_id: int) -> Iterator[EpisodePart]:
    """Yield the parts of an evaluation's episodes, in the order of the seeds and of an episode's parts."""
    for row in _pages(
        ledger,
        "SELECT evaluation_id, policy_id, label, task, mode, seed_set, deterministic, seed, number, "
        "values_json FROM episode_parts JOIN evaluations ON evaluations.id = evaluation_id "
        "WHERE evaluation_id = ?",
        (evaluation_id,),
        ("seed", "number"),
    ):
        yield EpisodePart(
            evaluation_id=row["evaluation_id"],
            policy_id=row["policy_id"],
            label=row["label"],
            task=row["task"],
            mode=row["mode"],
            seed_set=row["seed_set"],
            deterministic=bool(row["deterministic"]),
            seed=row["seed"],
            number=row["number"],
            values=json.loads(row["values_json"]),
        )


def metric_names(ledger: Store, run_id: str) -> list[str]:
    """Return the names of the metrics of a run's episodes; a training's are all those of its first one."""
    return _first_keys(
        ledger,
        "SELECT (SELECT metrics_json FROM training_episodes WHERE training_id = trainings.id "
        "LIMIT 1) FROM trainings WHERE run_id = :run UNION "
        "SELECT (SELECT metrics_json FROM episodes WHERE evaluation_id = evaluations.id LIMIT 1) "
        "FROM evaluations WHERE run_id = :run",
        run_id,
    )


def part_columns(ledger: Store, run_id: str) -> list[str]:
    """Return the columns of the parts of a run's episodes, as `metric_names` does."""
    return _first_keys(
        ledger,
        "SELECT (SELECT values_json FROM training_episode_parts WHERE training_id = trainings.id "
        "LIMIT 1) FROM trainings WHERE run_id = :run UNION "
        "SELECT (SELECT values_json FROM episode_parts WHERE evaluation_id = evaluations.id LIMIT 1) "
        "FROM evaluations WHERE run_id = :run",
        run_id,
    )


def _pages(
    ledger: Store, query: str, parameters: tuple[Any, ...], key: tuple[str, ...]
) -> Iterator[sqlite3.Row]:
    """Yield the rows of a query in the order of a key, reading so many at a time as fit anywhere.

    The query ends in a condition; the key is the rest of a primary key, so every page is a seek.
    """
    names, marks = ", ".join(key), ", ".join("?" for _ in key)
    end = f"ORDER BY {names} LIMIT {_PAGE}"
    page = ledger.rows(f"{query} {end}", parameters)
    while page:
        yield from page
        if len(page) < _PAGE:
            return
        last = tuple(page[-1][name] for name in key)
        page = ledger.rows(f"{query} AND ({names}) > ({marks}) {end}", (*parameters, *last))


def _first_keys(ledger: Store, query: str, run_id: str) -> list[str]:
    found = [json.loads(row[0]) for row in ledger.rows(query, {"run": run_id}) if row[0]]
    return sorted({key for values in found for key in values})
