"""A run's episodes as CSV files beside its report, for spreadsheets and other programs.

Invariants: every file is a copy of the ledger's rows, written as they are read, and whole or absent; a
row is one episode, or one part of an episode such as a fight; columns come in one order, those of the
task after those that every task has; a number that there is not is an empty field, a flag 0 or 1.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from ratchet.ledger import queries, streams
from ratchet.ledger.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ratchet.ledger import Store

TRAINING_STATS = "training_stats.csv"
FIGHT_STATS = "fight_stats.csv"
EVAL_STATS = "eval_stats.csv"
EXPORTS = (TRAINING_STATS, FIGHT_STATS, EVAL_STATS)
"""The names of the files."""

TRAINING_COLUMNS = (
    "training",
    "attempt",
    "worker",
    "episode",
    "seed",
    "mode",
    "version",
    "update",
    "return",
    "length",
)
"""Columns of `TRAINING_STATS` that every task has."""
EVAL_COLUMNS = (
    "evaluation",
    "policy",
    "label",
    "seed_set",
    "seed",
    "mode",
    "deterministic",
    "return",
    "length",
    "terminated",
    "truncated",
    "stalls_broken",
)
"""Columns of `EVAL_STATS` that every task has."""
FIGHT_COLUMNS = (
    "played_in",
    "training",
    "attempt",
    "worker",
    "episode",
    "evaluation",
    "policy",
    "label",
    "seed_set",
    "seed",
    "mode",
    "number",
)
"""Columns of `FIGHT_STATS` that every task has; those of the other purpose are empty."""


def write_exports(ledger: Store, run_id: str, directory: Path) -> tuple[Path, ...]:
    """Write the episodes of a run, however many they are; return the files.

    Raises
    ------
    LedgerError
        If there is no such run, or a file cannot be written.

    """
    queries.run(ledger, run_id)
    metrics = streams.metric_names(ledger, run_id)
    parts = streams.part_columns(ledger, run_id)
    wanted = (
        (TRAINING_STATS, TRAINING_COLUMNS, metrics, _training_rows(ledger, run_id)),
        (FIGHT_STATS, FIGHT_COLUMNS, parts, _part_rows(ledger, run_id)),
        (EVAL_STATS, EVAL_COLUMNS, metrics, _evaluation_rows(ledger, run_id)),
    )
    return tuple(
        _write(directory / name, columns, own, rows) for name, columns, own, rows in wanted
    )


def _training_rows(ledger: Store, run_id: str) -> Iterator[tuple[Sequence[Any], Mapping[str, Any]]]:
    for training in queries.trainings(ledger, run_id):
        for row in streams.each_training_episode(ledger, training.id):
            yield (
                (
                    training.name,
                    row.attempt,
                    row.worker,
                    row.episode,
                    row.seed,
                    row.mode,
                    row.version,
                    row.update_number,
                    row.episode_return,
                    row.length,
                ),
                row.metrics,
            )


def _evaluation_rows(
    ledger: Store, run_id: str
) -> Iterator[tuple[Sequence[Any], Mapping[str, Any]]]:
    for evaluation in queries.evaluations(ledger, run_id):
        for row in streams.each_episode(ledger, evaluation.id):
            yield (
                (
                    evaluation.id,
                    evaluation.policy_id,
                    evaluation.label,
                    evaluation.seed_set,
                    row.seed,
                    evaluation.mode,
                    evaluation.deterministic,
                    row.episode_return,
                    row.length,
                    row.terminated,
                    row.truncated,
                    row.stalls_broken,
                ),
                row.metrics,
            )


def _part_rows(ledger: Store, run_id: str) -> Iterator[tuple[Sequence[Any], Mapping[str, Any]]]:
    for training in queries.trainings(ledger, run_id):
        for part in streams.each_training_part(ledger, training.id):
            where = (training.name, part.attempt, part.worker, part.episode)
            who = (None, None, None, None)
            yield ("training", *where, *who, part.seed, part.mode, part.number), part.values
    for evaluation in queries.evaluations(ledger, run_id):
        for each in streams.each_part(ledger, evaluation.id):
            where_else = (None, None, None, None)
            which = (each.evaluation_id, each.policy_id, each.label, each.seed_set)
            yield (
                ("evaluation", *where_else, *which, each.seed, each.mode, each.number),
                each.values,
            )


def _write(
    path: Path,
    columns: Sequence[str],
    own: Sequence[str],
    rows: Iterable[tuple[Sequence[Any], Mapping[str, Any]]],
) -> Path:
    with replacing(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        # A column of the task's own that is called as one of these is set apart.
        writer.writerow([*columns, *(f"task_{n}" if n in columns else n for n in own)])
        for shared, values in rows:
            writer.writerow([*map(_field, shared), *(_field(values.get(name)) for name in own)])
        text.flush()
        text.detach()  # the file is closed by whoever opened it
    return path


def _field(value: Any) -> Any:
    """Return a value as a field: a list of words with spaces between, what is nested as JSON."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    return json.dumps(value) if isinstance(value, (list, dict)) else value
