"""The ledger: everything that a run did, as rows in one SQLite file.

Invariants: every method may be called again after a crash with the same arguments and leaves the
same rows (a run, training or evaluation that exists is continued, an episode that exists is kept);
an evaluation holds each of its seeds at most once and is finished only when it holds them all; a
policy is named by its content, so its row never changes; parents are recorded before children.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from ratchet.errors import LedgerError
from ratchet.ledger import provenance
from ratchet.ledger.refusals import existed, known_policy, known_run, unchanged
from ratchet.ledger.statements import (
    ADD_EPISODE,
    ADD_EPISODE_PART,
    ADD_POLICY,
    START_EVALUATION,
    START_RUN,
)
from ratchet.ledger.training import TrainingWriter
from ratchet.ledger.values import encode, now, seed_hash, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from ratchet.ledger.rows import EpisodeRow, Run


class Ledger(TrainingWriter):
    """A ledger that can be written. `Ledger.open(path)`; also a context manager."""

    def start_run(
        self,
        run_id: str,
        *,
        name: str,
        kind: str,
        seed: int,
        task: str | None = None,
        recipe: Mapping[str, Any] | None = None,
    ) -> None:
        """Begin a run, or continue the one of that id; provenance is measured here.

        Raises
        ------
        LedgerError
            If a run of that id exists and is another one (its name, kind, task, seed or recipe).

        """
        stated = {
            "name": name,
            "kind": kind,
            "task": task,
            "seed": whole(seed),
            "recipe_json": encode(recipe or {}),
        }
        with self.transaction():
            found = self.row("SELECT * FROM runs WHERE id = ?", (run_id,))
            if found is None:
                measured = {
                    "id": run_id,
                    "started_at": now(),
                    "version": provenance.version(),
                    "commit_hash": provenance.commit(),
                    "versions_json": encode(provenance.versions()),
                    "machine_json": encode(provenance.machine()),
                }
                self.write(START_RUN, stated | measured)
                return
            unchanged(f"run {run_id!r}", found, stated)
            self.mark(run_id, "running")

    def finish_run(
        self,
        run_id: str,
        *,
        status: str = "finished",
        wall_seconds: float = 0.0,
    ) -> None:
        """End a run, or this attempt at it; `wall_seconds` is added to those of earlier attempts."""
        changed = self.write(
            "UPDATE runs SET status = ?, finished_at = ?, wall_seconds = wall_seconds + ? "
            "WHERE id = ?",
            (status, now(), float(wall_seconds), run_id),
        )
        existed(self, changed, f"run {run_id!r}")

    def set_report(self, run_id: str, report: Path | str) -> None:
        """Say where a run's report is, relative to the ledger."""
        changed = self.write("UPDATE runs SET report = ? WHERE id = ?", (str(report), run_id))
        existed(self, changed, f"run {run_id!r}")

    def mark(self, run_id: str, status: str) -> None:
        """Set a run's status and nothing else; `running` clears the time at which it ended."""
        changed = self.write(
            "UPDATE runs SET status = :status, "
            "finished_at = CASE WHEN :status = 'running' THEN NULL ELSE finished_at END "
            "WHERE id = :id",
            {"status": status, "id": run_id},
        )
        existed(self, changed, f"run {run_id!r}")

    def restore_run(self, run: Run) -> None:
        """Put a run's status and times back to what they were, after a resume that was refused."""
        changed = self.write(
            "UPDATE runs SET status = ?, finished_at = ?, wall_seconds = ? WHERE id = ?",
            (run.status, run.finished_at, run.wall_seconds, run.id),
        )
        existed(self, changed, f"run {run.id!r}")

    def add_policy(
        self,
        policy_id: str,
        *,
        spec: Mapping[str, Any],
        parameter_count: int,
        source: Path | str | None = None,
        record: Mapping[str, Any] | None = None,
        parents: Iterable[str] = (),
    ) -> None:
        """Record a policy under its content id, after its parents; one that is known is left as it is."""
        values = (
            policy_id,
            encode(spec),
            whole(parameter_count),
            None if source is None else str(source),
            encode(record or {}),
        )
        with self.transaction():
            self.write(ADD_POLICY, values)
            for parent in parents:
                known_policy(self, parent)
                self.write(
                    "INSERT INTO policy_parents VALUES (?, ?) ON CONFLICT DO NOTHING",
                    (policy_id, parent),
                )

    def start_evaluation(
        self,
        run_id: str,
        policy_id: str,
        *,
        label: str,
        task: str,
        mode: str,
        seeds: Sequence[int],
        seed_set: str,
        deterministic: bool,
        stall_after: int = 0,
    ) -> tuple[int, set[int]]:
        """Begin an evaluation, or continue the one with the same policy, mode, seeds and settings.

        Returns
        -------
        (int, set of int)
            Its id, and the seeds whose episodes the ledger has already: play the others.

        """
        key = (
            run_id,
            policy_id,
            task,
            mode,
            seed_hash(seeds),
            int(deterministic),
            whole(stall_after),
        )
        with self.transaction():
            known_run(self, run_id)
            known_policy(self, policy_id)
            self.write(START_EVALUATION, (*key, label, seed_set, len(seeds)))
            found = self.row(
                "SELECT id FROM evaluations WHERE run_id = ? AND policy_id = ? AND task = ? "
                "AND mode = ? AND seed_hash = ? AND deterministic = ? AND stall_after = ?",
                key,
            )
            assert found is not None
            done = self.rows("SELECT seed FROM episodes WHERE evaluation_id = ?", (found["id"],))
            return int(found["id"]), {int(row["seed"]) for row in done}

    def add_episodes(self, evaluation_id: int, rows: Iterable[EpisodeRow]) -> int:
        """Record evaluated episodes with their parts; a seed that is there stays as it is.

        Returns
        -------
        int
            How many were new.

        """
        rows = list(rows)
        with self.transaction():
            new = self.write_each(
                ADD_EPISODE,
                (
                    (
                        evaluation_id,
                        whole(row.seed),
                        float(row.episode_return),
                        whole(row.length),
                        int(row.terminated),
                        int(row.truncated),
                        encode(row.metrics),
                        whole(row.stalls_broken),
                    )
                    for row in rows
                ),
            )
            self.write_many(
                ADD_EPISODE_PART,
                (
                    (evaluation_id, whole(row.seed), number, encode(part))
                    for row in itertools.compress(rows, new)
                    for number, part in enumerate(row.parts)
                ),
            )
        return sum(new)

    def finish_evaluation(
        self, evaluation_id: int, *, wall_seconds: float = 0.0, status: str = "finished"
    ) -> None:
        """End an evaluation, or this attempt at it; `wall_seconds` is added to earlier attempts'.

        Raises
        ------
        LedgerError
            If it is to be `finished` while episodes are missing.

        """
        with self.transaction():
            found = self.row(
                "SELECT evaluations.episodes AS planned, count(seed) AS done FROM evaluations "
                "LEFT JOIN episodes ON evaluation_id = id WHERE id = ? GROUP BY id",
                (evaluation_id,),
            )
            existed(self, int(found is not None), f"evaluation {evaluation_id}")
            if found is not None and status == "finished" and found["done"] != found["planned"]:
                raise LedgerError(
                    f"evaluation {evaluation_id} holds {found['done']} of its {found['planned']} "
                    "episodes; resume it before it is finished"
                )
            self.write(
                "UPDATE evaluations SET status = ?, wall_seconds = wall_seconds + ? WHERE id = ?",
                (status, float(wall_seconds), evaluation_id),
            )

    def add_measurement(
        self, run_id: str, policy_id: str, *, task: str, mode: str, name: str, value: Any
    ) -> None:
        """Record what was measured on a policy in a mode ("" for all); a later value replaces it."""
        with self.transaction():
            known_run(self, run_id)
            known_policy(self, policy_id)
            self.write(
                "INSERT INTO measurements VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET value_json = excluded.value_json",
                (run_id, policy_id, task, mode, name, encode(value)),
            )
