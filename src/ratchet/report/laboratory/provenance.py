"""Where a study's numbers come from: run, recipe, versions, machine, and its base policies.

Invariants: everything is the ledger's own record, made when the run began; claims of a write-up are
left to their own table, and adapted policies, of which there are thousands, to the ledger.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ratchet.report.costs import short
from ratchet.report.document import Block, Cell, Column, Heading, KeyValues, Table
from ratchet.report.tables import Value, count, seconds

if TYPE_CHECKING:
    from ratchet.report.laboratory.evidence import StudyEvidence

_BASES = (
    Column("base", "Base"),
    Column("training_seed", "Training seed"),
    Column("policy", "Policy"),
    Column("parameters", "Parameters", "count"),
    Column("steps", "Environment steps", "count"),
    Column("from_run", "Trained by run"),
)


def provenance(evidence: StudyEvidence) -> list[Block]:
    """Return the section: run, seeds, versions, machine, recipe, base policies."""
    run = evidence.run
    seed_sets = {(e.seed_set, e.seed_hash): e.episodes for e in evidence.evaluations}
    items: list[tuple[str, Value]] = [
        ("run", f"`{run.id}`"),
        ("status", run.status),
        ("started", run.started_at),
        ("finished", run.finished_at),
        ("wall time", seconds(run.wall_seconds)),
        ("seed of the run", str(run.seed)),
        *(
            (f"seed set {name}", f"{count(size)} episodes a mode, SHA-256 `{digest[:16]}`")
            for (name, digest), size in seed_sets.items()
        ),
        ("Ratchet", run.version),
        ("commit", None if run.commit_hash is None else f"`{run.commit_hash}`"),
        ("versions", ", ".join(f"{name} {version}" for name, version in run.versions.items())),
        ("machine", ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in run.machine.items())),
    ]
    recipe: list[tuple[str, Value]] = [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in evidence.recipe.items()
        if name != "claims"
    ]
    rows: list[tuple[Cell | Value, ...]] = [
        (
            f"`{key.base}`",
            str(key.training_seed),
            short(policy.policy_id),
            _whole(policy.record.get("parameters_total")),
            _whole(policy.record.get("steps")),
            str(policy.record.get("from_run") or run.name),
        )
        for key, policy in evidence.base_policies.items()
    ]
    blocks: list[Block] = [Heading("Provenance"), KeyValues(tuple(items), "provenance")]
    blocks += [Heading("Recipe", 3), KeyValues(tuple(recipe), "recipe")]
    if rows:
        blocks += [Heading("Base policies", 3), Table("base-policies", _BASES, tuple(rows))]
    return blocks


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) else None
