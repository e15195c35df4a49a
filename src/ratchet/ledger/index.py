"""`index.json`: the ledger's public registry, for programs that do not speak SQL.

Invariants: it is a function of the ledger alone, so it can be deleted and made again; it is whole
or absent for every reader; `index.schema.json` (JSON Schema, draft 2020-12) describes it exactly.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from ratchet.ledger import queries
from ratchet.ledger.files import write_atomically

if TYPE_CHECKING:
    from ratchet.ledger.connection import Store
    from ratchet.ledger.rows import Evaluation, Run, Training, Verdict

INDEX_NAME = "index.json"
INDEX_VERSION = 1


def update_index(directory: Path | str, ledger: Store) -> Path:
    """Write `index.json` in `directory` from the ledger; return its path.

    Raises
    ------
    LedgerError
        If the directory cannot be written; an older index is then untouched.

    """
    path = Path(directory) / INDEX_NAME
    # Under the ledger's write lock, a process with older rows cannot overwrite a newer index.
    with ledger.transaction():
        content = json.dumps(build_index(ledger), indent=2, ensure_ascii=False) + "\n"
        write_atomically(path, content.encode())
    return path


def build_index(ledger: Store) -> dict[str, Any]:
    """Return the registry as JSON values, oldest run first."""
    return {
        "schema": INDEX_VERSION,
        "runs": [_entry(ledger, run) for run in queries.runs(ledger)],
    }


def index_schema() -> dict[str, Any]:
    """Return the JSON Schema of `index.json`."""
    text = resources.files(__package__).joinpath("index.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def _entry(ledger: Store, run: Run) -> dict[str, Any]:
    trainings = queries.trainings(ledger, run.id)
    evaluations = queries.evaluations(ledger, run.id)
    verdicts = {verdict.training_id: verdict for verdict in queries.verdicts(ledger, run.id)}
    spent = queries.steps_spent(ledger, run.id)
    modes = [training.mode for training in trainings] + [item.mode for item in evaluations]
    return {
        "run_id": run.id,
        "name": run.name,
        "kind": run.kind,
        "status": run.status,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "version": run.version,
        "commit": run.commit_hash,
        "task": run.task,
        "modes": sorted({mode for mode in modes if mode is not None}),
        "report": None if run.report is None else PurePath(run.report).as_posix(),
        "hyperparameters": {
            "seed": run.seed,
            "recipe": run.recipe,
            "trainings": [_training(item, verdicts.get(item.id)) for item in trainings],
        },
        "metrics": {
            "wall_seconds": run.wall_seconds,
            "environment_steps": spent.training,
            "replayed_steps": spent.replayed,
            "evaluation_steps": spent.evaluation,
            "evaluation_episodes": sum(item.done for item in evaluations),
            "updates": sum(item.updates for item in trainings),
            "accepted": sum(verdict.accepted for verdict in verdicts.values()),
            "rejected": sum(not verdict.accepted for verdict in verdicts.values()),
        },
        "evaluation": [_evaluation(ledger, item) for item in evaluations],
    }


def _training(item: Training, verdict: Verdict | None) -> dict[str, Any]:
    return {
        "name": item.name,
        "kind": item.kind,
        "mode": item.mode,
        "scope": item.scope,
        "seed": item.seed,
        "budget": item.budget,
        "budget_unit": item.budget_unit,
        "environment_steps": item.environment_steps,
        "parameters_total": item.parameters_total,
        "parameters_adapted": item.parameters_adapted,
        "base_policy": item.base_policy,
        "result_policy": item.result_policy,
        "status": item.status,
        "accepted": None if verdict is None else verdict.accepted,
        "config": item.config,
    }


def _evaluation(ledger: Store, item: Evaluation) -> dict[str, Any]:
    returns = queries.evaluation_returns(ledger, item.id).returns
    return {
        "policy": item.policy_id,
        "label": item.label,
        "mode": item.mode,
        "seed_set": item.seed_set,
        "seed_hash": item.seed_hash,
        "deterministic": item.deterministic,
        "status": item.status,
        "episodes": item.done,
        "episodes_planned": item.episodes,
        "return_mean": float(returns.mean()) if len(returns) else None,
        "return_min": float(returns.min()) if len(returns) else None,
        "return_max": float(returns.max()) if len(returns) else None,
    }
