"""The ledger: everything that a run did, as rows in one SQLite file.

Invariants: every method may be called again after a crash with the same arguments and leaves the
same rows (a run, training or evaluation that exists is continued, an episode that exists is kept);
an evaluation holds each of its seeds at most once and is finished only when it holds them all; a
policy is named by its content, so its row never changes; parents are recorded before children.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ratchet.errors import LedgerError, did_you_mean
from ratchet.ledger import provenance
from ratchet.ledger.connection import Store
from ratchet.ledger.rows import EpisodeRow, TrainingEpisodeRow
from ratchet.ledger.statements import (
    ADD_CHECKPOINT,
    ADD_EPISODE,
    ADD_POLICY,
    ADD_TRAINING_EPISODE,
    ADD_UPDATE,
    ADD_VERDICT,
    FINISH_TRAINING,
    START_EVALUATION,
    START_RUN,
    START_TRAINING,
    UPDATE_COUNTS,
    UPDATE_METRICS,
)
from ratchet.ledger.values import encode, now, real, seed_hash, whole


class Ledger(Store):
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
            self._same(f"run {run_id!r}", found, stated)
            self.mark(run_id, "running")

    def finish_run(
        self,
        run_id: str,
        *,
        status: str = "finished",
        wall_seconds: float = 0.0,
        report: Path | str | None = None,
    ) -> None:
        """End a run, or this attempt at it; `wall_seconds` is added to those of earlier attempts."""
        changed = self.write(
            "UPDATE runs SET status = ?, finished_at = ?, wall_seconds = wall_seconds + ?, "
            "report = coalesce(?, report) WHERE id = ?",
            (status, now(), float(wall_seconds), None if report is None else str(report), run_id),
        )
        self._existed(changed, f"run {run_id!r}")

    def mark(self, run_id: str, status: str) -> None:
        """Set a run's status and nothing else; `running` clears the time at which it ended."""
        changed = self.write(
            "UPDATE runs SET status = :status, "
            "finished_at = CASE WHEN :status = 'running' THEN NULL ELSE finished_at END "
            "WHERE id = :id",
            {"status": status, "id": run_id},
        )
        self._existed(changed, f"run {run_id!r}")

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
                self._known_policy(parent)
                self.write(
                    "INSERT INTO policy_parents VALUES (?, ?) ON CONFLICT DO NOTHING",
                    (policy_id, parent),
                )

    def start_training(
        self,
        run_id: str,
        name: str,
        *,
        kind: str,
        scope: str,
        seed: int,
        budget: int,
        parameters_total: int,
        parameters_adapted: int,
        budget_unit: str = "environment_steps",
        mode: str | None = None,
        base_policy: str | None = None,
        frozen_before: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> int:
        """Begin a training, or continue the run's training of that name; return its id.

        Raises
        ------
        LedgerError
            If the run has a training of that name with other settings.

        """
        stated = {
            "kind": kind,
            "mode": mode,
            "scope": scope,
            "seed": whole(seed),
            "budget": whole(budget),
            "budget_unit": budget_unit,
            "base_policy": base_policy,
            "parameters_total": whole(parameters_total),
            "parameters_adapted": whole(parameters_adapted),
            "frozen_before": frozen_before,
            "config_json": encode(config or {}),
        }
        with self.transaction():
            found = self.row(
                "SELECT * FROM trainings WHERE run_id = ? AND name = ?", (run_id, name)
            )
            if found is None:
                self._known_run(run_id)
                if base_policy is not None:
                    self._known_policy(base_policy)
                return self.insert(START_TRAINING, stated | {"run_id": run_id, "name": name})
            self._same(f"training {name!r} of run {run_id!r}", found, stated)
            self.write("UPDATE trainings SET status = 'running' WHERE id = ?", (found["id"],))
            return int(found["id"])

    def finish_training(
        self,
        training_id: int,
        *,
        environment_steps: int,
        episodes: int,
        updates: int,
        status: str = "finished",
        stop_reason: str | None = None,
        result_policy: str | None = None,
        replayed_steps: int = 0,
        frozen_after: str | None = None,
        wall_seconds: float = 0.0,
        collect_seconds: float = 0.0,
        learn_seconds: float = 0.0,
        safety: Mapping[str, Any] | None = None,
    ) -> None:
        """End a training, or this attempt at it, with its totals over all attempts.

        Whether the frozen parameters moved is decided here, from the hashes before and after.
        """
        changed = self.write(
            FINISH_TRAINING,
            {
                "id": training_id,
                "environment_steps": whole(environment_steps),
                "episodes": whole(episodes),
                "updates": whole(updates),
                "status": status,
                "stop_reason": stop_reason,
                "result_policy": result_policy,
                "replayed_steps": whole(replayed_steps),
                "frozen_after": frozen_after,
                "wall_seconds": float(wall_seconds),
                "collect_seconds": float(collect_seconds),
                "learn_seconds": float(learn_seconds),
                "safety_json": encode(safety or {}),
            },
        )
        self._existed(changed, f"training {training_id}")

    def add_update(
        self,
        training_id: int,
        update_number: int,
        *,
        environment_steps: int,
        metrics: Mapping[str, Any],
    ) -> None:
        """Record one update; the same number again replaces it (a resumed training repeats some).

        Parameters
        ----------
        training_id : int
            The training.
        update_number : int
            The update.
        environment_steps : int
            Steps that the training has executed up to and including this update.
        metrics : Mapping
            Any of the columns in `UPDATE_METRICS` and `UPDATE_COUNTS`.

        """
        for name in metrics:
            if name not in UPDATE_METRICS and name not in UPDATE_COUNTS:
                known = (*UPDATE_METRICS, *UPDATE_COUNTS)
                raise LedgerError(f"no update metric {name!r}; {did_you_mean(name, known)}")
        values: dict[str, Any] = {
            "training_id": training_id,
            "update_number": whole(update_number),
            "environment_steps": whole(environment_steps),
        }
        values |= {name: real(metrics.get(name)) for name in UPDATE_METRICS}
        values |= {name: whole(metrics.get(name)) for name in UPDATE_COUNTS}
        with self.transaction():
            self.write(ADD_UPDATE, values)
            # A killed training must still say what it spent.
            self.write(
                "UPDATE trainings SET environment_steps = :environment_steps, "
                "updates = max(updates, :update_number) WHERE id = :training_id",
                values,
            )

    def rewind_training(self, training_id: int, update_number: int) -> None:
        """Forget updates and checkpoints after `update_number`, from which a resumed training goes on."""
        with self.transaction():
            where = (training_id, update_number)
            self.write("DELETE FROM updates WHERE training_id = ? AND update_number > ?", where)
            self.write("DELETE FROM checkpoints WHERE training_id = ? AND update_number > ?", where)

    def add_checkpoint(
        self,
        training_id: int,
        *,
        policy_id: str,
        path: Path | str,
        update_number: int,
        environment_steps: int,
    ) -> None:
        """Record a published checkpoint; a checkpoint is never replaced by another policy.

        Raises
        ------
        LedgerError
            If the update has a checkpoint of another policy, or the policy is not in the ledger.

        """
        with self.transaction():
            self._known_policy(policy_id)
            self.write(
                ADD_CHECKPOINT,
                (
                    training_id,
                    policy_id,
                    str(path),
                    whole(update_number),
                    whole(environment_steps),
                    now(),
                ),
            )
            held = self.row(
                "SELECT policy_id FROM checkpoints WHERE training_id = ? AND update_number = ?",
                (training_id, update_number),
            )
            if held is not None and held["policy_id"] != policy_id:
                raise LedgerError(
                    f"update {update_number} of training {training_id} has the checkpoint "
                    f"{held['policy_id']} already; {policy_id} may not replace it"
                )

    def add_training_episodes(self, training_id: int, rows: Iterable[TrainingEpisodeRow]) -> int:
        """Record episodes that training played; return how many were new."""
        return self.write_many(
            ADD_TRAINING_EPISODE,
            (
                (
                    training_id,
                    whole(row.attempt),
                    whole(row.worker),
                    whole(row.episode),
                    whole(row.seed),
                    row.mode,
                    float(row.episode_return),
                    whole(row.length),
                )
                for row in rows
            ),
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
    ) -> tuple[int, set[int]]:
        """Begin an evaluation, or continue the one with the same policy, mode, seeds and actions.

        Returns
        -------
        (int, set of int)
            Its id, and the seeds whose episodes the ledger has already: play the others.

        """
        key = (run_id, policy_id, task, mode, seed_hash(seeds), int(deterministic))
        with self.transaction():
            self._known_run(run_id)
            self._known_policy(policy_id)
            self.write(START_EVALUATION, (*key, label, seed_set, len(seeds)))
            found = self.row(
                "SELECT id FROM evaluations WHERE run_id = ? AND policy_id = ? AND task = ? "
                "AND mode = ? AND seed_hash = ? AND deterministic = ?",
                key,
            )
            assert found is not None
            done = self.rows("SELECT seed FROM episodes WHERE evaluation_id = ?", (found["id"],))
            return int(found["id"]), {int(row["seed"]) for row in done}

    def add_episodes(self, evaluation_id: int, rows: Iterable[EpisodeRow]) -> int:
        """Record evaluated episodes; a seed that is there stays as it is. Return how many were new."""
        return self.write_many(
            ADD_EPISODE,
            (
                (
                    evaluation_id,
                    whole(row.seed),
                    float(row.episode_return),
                    whole(row.length),
                    int(row.terminated),
                    int(row.truncated),
                    row.actions_hash,
                    encode(row.metrics),
                )
                for row in rows
            ),
        )

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
            self._existed(found is not None, f"evaluation {evaluation_id}")
            if found is not None and status == "finished" and found["done"] != found["planned"]:
                raise LedgerError(
                    f"evaluation {evaluation_id} holds {found['done']} of its {found['planned']} "
                    "episodes; resume it before it is finished"
                )
            self.write(
                "UPDATE evaluations SET status = ?, wall_seconds = wall_seconds + ? WHERE id = ?",
                (status, float(wall_seconds), evaluation_id),
            )

    def add_verdict(
        self,
        training_id: int,
        *,
        accepted: bool,
        reason: str,
        target: str,
        bounds: Mapping[str, Any] | None = None,
    ) -> None:
        """Record what the pawl said of a training on its target; said again, it replaces itself."""
        self.write(
            ADD_VERDICT, (training_id, int(accepted), reason, target, encode(bounds or {}), now())
        )

    def _known_run(self, run_id: str) -> None:
        if self.row("SELECT 1 FROM runs WHERE id = ?", (run_id,)) is None:
            raise LedgerError(f"the ledger {self.path} has no run {run_id!r}; start it first")

    def _known_policy(self, policy_id: str) -> None:
        if self.row("SELECT 1 FROM policies WHERE id = ?", (policy_id,)) is None:
            raise LedgerError(
                f"the ledger {self.path} has no policy {policy_id!r}; a policy is recorded before "
                "what refers to it"
            )

    def _existed(self, changed: int | bool, what: str) -> None:
        if not changed:
            raise LedgerError(f"the ledger {self.path} has no {what}")

    @staticmethod
    def _same(what: str, found: Any, stated: Mapping[str, Any]) -> None:
        """Refuse to continue something under other settings than it was begun with."""
        for column, value in stated.items():
            if found[column] != value:
                raise LedgerError(
                    f"{what} was begun with {column.removesuffix('_json')} {found[column]!r}, "
                    f"not {value!r}; resume it with the same settings or choose another name"
                )
