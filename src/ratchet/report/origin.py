"""Where a report comes from: what the run was run with, and the policies with their parents.

Invariants: everything is the ledger's own record, made when the run began; claims of a write-up are
left to their own table.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ratchet.ledger import queries
from ratchet.report.costs import short
from ratchet.report.document import Block, Cell, Column, Heading, KeyValues, Table
from ratchet.report.tables import Value, count, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratchet.ledger import Evaluation, Run, Store
    from ratchet.report.arms import Evidence

_POLICIES = (
    Column("policy", "Policy"),
    Column("source", "Made by"),
    Column("parameters", "Parameters", "count"),
    Column("parents", "Parents"),
)


def origin(ledger: Store, evidence: Evidence) -> list[Block]:
    """Return the section: run, seeds, versions, machine, recipe, policies."""
    run = evidence.run
    seeds = _listing({t.seed for t in evidence.trainings})
    items = run_items(run, ("fine-tuning seeds", seeds), *seed_sets(evidence.evaluations))
    blocks: list[Block] = [Heading("Provenance"), KeyValues(items, "provenance")]
    return blocks + recipe_and_policies(ledger, run)


def run_items(run: Run, *seeds: tuple[str, Value]) -> tuple[tuple[str, Value], ...]:
    """Return what a run was run with, with the seeds of its parts after its own."""
    return (
        ("run", f"`{run.id}`"),
        ("status", run.status),
        ("started", run.started_at),
        ("finished", run.finished_at),
        ("wall time", seconds(run.wall_seconds)),
        ("seed of the run", str(run.seed)),
        *seeds,
        ("Ratchet", run.version),
        ("commit", None if run.commit_hash is None else f"`{run.commit_hash}`"),
        ("versions", ", ".join(f"{name} {version}" for name, version in run.versions.items())),
        ("machine", ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in run.machine.items())),
    )


def seed_sets(evaluations: Sequence[Evaluation]) -> list[tuple[str, Value]]:
    """Return each evaluation seed set with its size and hash."""
    sets = {(e.seed_set, e.seed_hash): e.episodes for e in evaluations}
    return [
        (f"seed set {name}", f"{count(size)} episodes a mode, SHA-256 `{digest[:16]}`")
        for (name, digest), size in sets.items()
    ]


def recipe_and_policies(ledger: Store, run: Run) -> list[Block]:
    """Return what a run's recipe says, and its policies with their parents."""
    recipe = run.recipe if isinstance(run.recipe, dict) else {}
    said: list[tuple[str, Value]] = [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in recipe.items()
        if name != "claims"
    ]
    makers = {t.result_policy: t.name for t in reversed(queries.trainings(ledger, run.id))}
    rows: list[tuple[Cell | Value, ...]] = []
    for policy in queries.policies(ledger, run.id):
        parents = ", ".join(short(parent) or "" for parent in policy.parents)
        maker = f"`{makers[policy.id]}`" if policy.id in makers else policy.source or "unknown"
        rows.append((short(policy.id), maker, policy.parameter_count, parents or "none"))
    blocks: list[Block] = []
    if said:
        blocks += [Heading("Recipe", 3), KeyValues(tuple(said), "recipe")]
    if rows:
        blocks += [Heading("Policies", 3), Table("policies", _POLICIES, tuple(rows))]
    return blocks


def _listing(seeds: set[int]) -> str:
    return ", ".join(str(seed) for seed in sorted(seeds)) or "none"
