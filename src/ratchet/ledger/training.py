"""What a ledger learns of trainings: their settings, updates, checkpoints, episodes and verdicts.

Invariants: a training that was killed still says what it spent; a resumed one repeats updates and
replaces their rows, but never replaces a published checkpoint by another; whether frozen parameters
moved is derived from their hashes, not stated.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from ratchet.errors import LedgerError, did_you_mean
from ratchet.ledger.connection import Store
from ratchet.ledger.refusals import existed, known_policy, known_run, unchanged
from ratchet.ledger.statements import (
    ADD_CHECKPOINT,
    ADD_FLEET_UPDATE,
    ADD_TRAINING_EPISODE,
    ADD_TRAINING_EPISODE_PART,
    ADD_UPDATE,
    ADD_VERDICT,
    FINISH_TRAINING,
    FORGET_EPISODES,
    START_TRAINING,
    UPDATE_COUNTS,
    UPDATE_METRICS,
)
from ratchet.ledger.values import encode, now, real, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ratchet.ledger.rows import TrainingEpisodeRow


class TrainingWriter(Store):
    """The part of `Ledger` that writes trainings."""

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
        open_budget: bool = False,
    ) -> int:
        """Begin a training, or continue the run's training of that name; return its id.

        One that is finished stays finished (`queries.training` says so to whoever resumes), unless
        its budget is raised: then it goes on. An open budget may become any other, also of another unit,
        and whether that is reason to go on is for the caller to say.

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
                known_run(self, run_id)
                if base_policy is not None:
                    known_policy(self, base_policy)
                return self.insert(START_TRAINING, stated | {"run_id": run_id, "name": name})
            raised = not open_budget and whole(budget) > found["budget"]
            if raised or open_budget:
                stated.pop("budget")
            if open_budget:
                stated.pop("budget_unit")
                self.write(
                    "UPDATE trainings SET budget = ?, budget_unit = ? WHERE id = ?",
                    (whole(budget), budget_unit, found["id"]),
                )
            unchanged(f"training {name!r} of run {run_id!r}", found, stated)
            if raised:
                self.write(
                    "UPDATE trainings SET budget = ?, status = 'running' WHERE id = ?",
                    (whole(budget), found["id"]),
                )
            self.write(
                "UPDATE trainings SET status = 'running' WHERE id = ? AND status <> 'finished'",
                (found["id"],),
            )
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
        existed(self, changed, f"training {training_id}")

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

    def add_fleet_update(
        self, training_id: int, update_number: int, *, changes: Iterable[str], **columns: Any
    ) -> None:
        """Record what only an update of a fleet has, once `add_update` has recorded the rest.

        Parameters
        ----------
        training_id : int
            The training.
        update_number : int
            The update.
        changes : Iterable of str
            What the tuner changed for the next update, each with its reason.
        **columns
            The other `FLEET_COLUMNS`.

        """
        self.write(
            ADD_FLEET_UPDATE,
            {
                "training_id": training_id,
                "update_number": whole(update_number),
                "changes_json": encode(list(changes)),
                **columns,
            },
        )

    def rewind_training(self, training_id: int, update_number: int) -> None:
        """Forget updates and checkpoints after `update_number`, from which a resumed training goes on.

        What was learned from in those updates alone is forgotten, too.
        """
        with self.transaction():
            where = (training_id, update_number)
            for table in ("training_episode_parts", "training_episodes"):
                self.write(FORGET_EPISODES[table], where)
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
            known_policy(self, policy_id)
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

    def add_training_episodes(
        self,
        training_id: int,
        rows: Iterable[TrainingEpisodeRow],
        *,
        update_number: int | None = None,
    ) -> int:
        """Record episodes that training played, with their parts; return how many were new.

        With an update, they are forgotten when `rewind_training` forgets it.
        """
        rows = list(rows)
        keys = [
            (training_id, whole(row.attempt), whole(row.worker), whole(row.episode)) for row in rows
        ]
        with self.transaction():
            new = self.write_each(
                ADD_TRAINING_EPISODE,
                (
                    (
                        *key,
                        whole(row.seed),
                        row.mode,
                        float(row.episode_return),
                        whole(row.length),
                        encode(row.metrics),
                        row.version,
                        update_number,
                    )
                    for key, row in zip(keys, rows, strict=True)
                ),
            )
            self.write_many(
                ADD_TRAINING_EPISODE_PART,
                (
                    (*key, number, encode(part))
                    for key, row in itertools.compress(zip(keys, rows, strict=True), new)
                    for number, part in enumerate(row.parts)
                ),
            )
        return sum(new)

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
