"""A fleet at work: workers play, the trainer learns, the pawl decides what `best` is, the ledger keeps the books.

Invariants:

- an update that the ledger holds has happened: its checkpoint stands. Those of a trainer that was killed
  are replaced by what its newest checkpoint says;
- `best` is chosen on a list of seeds of its own, by the pawl, against the best so far; no report is
  made on that list. What became `best` keeps its checkpoint for good.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import RatchetError, SpoolError
from ratchet.evaluation.examiner import ExaminationError, Examiner
from ratchet.evaluation.pawl import default_scale, judge
from ratchet.learning.fleet import FleetTrainer
from ratchet.learning.fleet_update import FleetSpent, FleetUpdate
from ratchet.ledger import queries
from ratchet.policies.checkpoint import follow, point, publish, read_checkpoint
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.actor import actor_for
from ratchet.recipes.fleet_job import FleetJob, FleetOutcome, FleetView
from ratchet.recipes.resolve import Player
from ratchet.recipes.session import Session
from ratchet.recipes.steps import evaluate, record_policy, training_rows
from ratchet.rollout.fleet.status import WorkerStatus, read_workers
from ratchet.rollout.fleet.supervisor import Supervisor
from ratchet.rollout.kind import kind_of
from ratchet.rollout.plan import write_plan
from ratchet.rollout.publication import Publication
from ratchet.rollout.spool import Counts, create_spool, read_counts

_LOOK = 0.05
"""Seconds between two looks into the queue."""
_LAST_EPISODES = 60.0
"""Seconds that workers get for their last episodes once the budget is spent."""

_OF_WORKER = (
    "name",
    "state",
    "reason",
    "episodes",
    "discarded",
    "steps",
    "restarts",
    "crashes",
    "seconds",
    "lag_mean",
    "lag_most",
)

Returns = dict[str, NDArray[np.float64]]


class Fleet:
    """One fleet of a session; `run` it once. `view` may be asked for from any thread meanwhile."""

    def __init__(self, session: Session, job: FleetJob) -> None:
        self._session, self._job = session, job
        self._updates_allowed = job.budget.updates(job.plan.batch)
        self._last: FleetUpdate | None = None
        self._returns: list[float] = []
        self._promotions = 0
        self._judged = -1
        self._doing = "starting"
        self._spent = FleetSpent()
        self._trainer: FleetTrainer | None = None
        self._supervisor: Supervisor | None = None
        self._examiner: Examiner | None = None
        self._identity = 0
        self._why_stopped = ""

    def view(self) -> FleetView:
        """Return how it stands."""
        supervisor = self._supervisor
        counts = None
        workers: list[WorkerStatus] = []
        with contextlib.suppress(RatchetError):  # they are being made
            workers = [] if supervisor is None else supervisor.status()
            counts = read_counts(self._session.directory / "spool")
        return FleetView(
            workers=workers,
            counts=counts,
            update=self._last,
            spent=self._spent,
            promotions=self._promotions,
            returns=tuple(self._returns),
            doing=self._doing,
            seconds=self._seconds(),
            budget=self._job.budget,
        )

    def _seconds(self) -> float:
        """Return how long it has been at work, in all attempts."""
        return 0.0 if self._trainer is None else self._trainer.seconds

    def run(self) -> FleetOutcome:
        """Learn until the budget is spent; return what it came to.

        Raises
        ------
        RatchetError
            If all workers are down for good, or something cannot be written or read.

        """
        session, job = self._session, self._job
        directory = session.directory
        create_spool(
            directory / "spool", kind_of(job.task, run=job.plan.run, masked=job.plan.masked)
        )
        write_plan(directory, job.plan)
        self._identity = self._open_books()
        self._promotions = sum(one.accepted for one in self._verdicts())
        if self._is_done():
            return self._done()
        if not (directory / "best.json").exists():
            start = publish(job.policy, directory / "checkpoints" / f"start-{job.policy.id}")
            point(directory, "best", start)
        trainer = FleetTrainer(
            directory,
            job.plan,
            job.task,
            job.policy,
            job.config,
            demonstrations=job.demonstrations,
            observe=self._observe,
            wait=self._wait,
            note=session.progress.note,
        )
        status = "failed"
        try:
            with trainer, Examiner(directory, job.task) as self._examiner:
                self._trainer, self._spent = trainer, trainer.spent
                session.ledger.rewind_training(self._identity, trainer.number)
                publication = Publication(directory / "versions")
                publication.reopen()
                with Supervisor(directory, job.workers, restarts=job.restarts) as self._supervisor:
                    session.at_work = True
                    self._learn(trainer)
                    publication.finish()
                    self._doing = "the last episodes end"
                    self._supervisor.wait(_LAST_EPISODES)
                counts, workers = read_counts(directory / "spool"), self._supervisor.status()
                self._promote(trainer.policy())
                policy = trainer.policy()
                path = publish(policy, directory / "checkpoints" / f"result-{policy.id}")
                point(directory, "latest", path)
                status = "finished"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            # A trainer that could not be entered does not know what was spent; the ledger does.
            if self._trainer is not None:
                self._close_books(trainer, status)
        return FleetOutcome(
            policy=policy,
            checkpoint=path,
            best=self._best(),
            spent=trainer.spent,
            counts=counts,
            workers=workers,
            promotions=self._promotions,
            reason=self._why_stopped,
        )

    def _learn(self, trainer: FleetTrainer) -> None:
        """Iterate until the budget is spent."""
        if self._last is not None and self._is_due() and not self._is_judged():
            self._promote(trainer.policy())
        while not self._is_spent():
            self._doing = "learning"
            update = trainer.iterate()
            self._spent = trainer.spent
            if update is None:
                continue
            if self._is_due():
                self._promote(trainer.policy())

    def _is_due(self) -> bool:
        """Return whether the last update is one after which the pawl looks."""
        batch, every, episodes = self._job.plan.batch, self._job.promote_every, self._spent.episodes
        return bool(every) and episodes // every > (episodes - batch) // every

    def _is_judged(self) -> bool:
        """Return whether the pawl has looked at the last update, and what it said has been done.

        A crash may have come before or between; judged again, on the games that the ledger holds, it says the same.
        """
        assert self._last is not None
        target = f"update {self._last.number}"
        looks = [one for one in self._verdicts() if one.target == target]
        return any(not one.accepted or self._best().id == self._last.policy for one in looks)

    def _verdicts(self) -> list[Any]:
        """Return what the pawl has said of this fleet."""
        verdicts = queries.verdicts(self._session.ledger, self._session.name)
        return [one for one in verdicts if one.training_id == self._identity]

    def _is_spent(self) -> bool:
        """Return whether the budget is spent, and note why."""
        allowed, seconds = self._updates_allowed, self._job.budget.seconds
        if allowed is not None and self._spent.updates >= allowed:
            self._why_stopped = "the budget of episodes is spent"
        elif seconds is not None and self._seconds() >= seconds:
            self._why_stopped = "the budget of time is spent"
        return bool(self._why_stopped)

    def _is_done(self) -> bool:
        """Return whether the fleet has ended already, with this budget."""
        return self._before.status == "finished" and self._books()["budget"] == asdict(
            self._job.budget
        )

    def _done(self) -> FleetOutcome:
        """Return what a fleet that has ended came to."""
        directory, books = self._session.directory, self._books()
        path = follow(directory, "latest")
        return FleetOutcome(
            policy=read_checkpoint(path),
            checkpoint=path,
            best=self._best(),
            spent=FleetSpent(**books["spent"]),
            counts=Counts(**books["spool"]),
            workers=read_workers(directory),
            promotions=self._promotions,
            reason=self._before.stop_reason or "",
        )

    def _books(self) -> dict[str, Any]:
        """Return what an attempt before this one has left in the ledger, or an empty budget."""
        measured = queries.measurements(self._session.ledger, self._session.name)
        found = (one.value for one in measured if one.name == "fleet")
        return dict(next(found, {"budget": None}))

    def _wait(self, have: int, want: int) -> bool:
        """Wait a little for more episodes; return whether it is worth it."""
        if self._is_spent():
            return False
        supervisor = self._supervisor
        assert supervisor is not None
        if supervisor.over and not any(worker.alive for worker in supervisor.status()):
            reasons = {worker.reason or worker.state for worker in supervisor.status()}
            raise RatchetError(
                f"all workers are down ({'; '.join(sorted(reasons))}), and {have} of {want} episodes "
                f"are there; crash records are in {self._session.directory / 'crashes'}"
            )
        self._doing = "waiting for episodes"
        time.sleep(_LOOK)
        self._doing = "learning"  # unless it is asked again
        return True

    def _observe(self, update: FleetUpdate) -> None:
        """Put an update into the ledger; said again, it replaces itself."""
        returns = [episode.episode_return for episode in update.episodes]
        self._returns.append(float(np.mean(returns)))
        self._last, self._spent = update, update.spent
        ledger, spent = self._session.ledger, update.spent
        metrics = asdict(update.metrics)
        metrics["value_error"] = metrics.pop("value_loss")
        with ledger.transaction():
            ledger.add_update(
                self._identity,
                update.number,
                environment_steps=spent.transitions,
                metrics=metrics
                | {
                    "explained_variance": update.explained_variance,
                    "learning_rate": update.learning_rate,
                    "critic_only": update.critic_only,
                    "rolled_back": update.rolled_back,
                    "update_kl": update.update_kl,
                    "return_mean": float(np.mean(returns)),
                    "episodes": len(returns),
                },
            )
            ledger.add_fleet_update(
                self._identity,
                update.number,
                changes=update.changes,
                policy_id=update.policy,
                transitions=update.transitions,
                lag_mean=update.mean_lag,
                lag_most=update.max_lag,
                entropy_coefficient=update.entropy_coefficient,
                anchor_coefficient=update.anchor_coefficient,
                finding=update.finding,
                stale=update.stale,
                corrupt=update.corrupt,
                foreign_=update.foreign,
                waiting=update.waiting,
                wait_seconds=update.wait_seconds,
                read_seconds=update.read_seconds,
                learn_seconds=update.learn_seconds,
            )
            ledger.add_training_episodes(
                self._identity,
                training_rows(update.episodes, update.versions),
                update_number=update.number,
            )
            # One that is killed must still say what it spent.
            self._total(spent, "running")
        place = self._session.directory / "checkpoints" / "fleet" / f"update-{update.number:08d}"
        # Not read again: that would take as long as writing it has.
        point(self._session.directory, "latest", place, written=update.policy)

    def _promote(self, policy: Policy) -> None:
        """Let the pawl decide whether the policy is the run's `best` from now on."""
        session, job = self._session, self._job
        best, number = self._best(), 0 if self._last is None else self._last.number
        if not job.promote_every or best.id == policy.id or self._judged == number:
            return
        self._doing, self._judged = "the pawl looks", number
        try:
            before, after = self._played("best", best), self._played("candidate", policy)
        except ExaminationError as error:
            session.progress.note(
                f"update {number}: the pawl could not look, its games have failed: {error}"
            )
            return
        verdict = judge(
            {mode: after[mode] - before[mode] for mode in before},
            job.modes[0] if len(job.modes) == 1 else None,
            job.pawl,
            default_scale(before, job.task.maximum_return if job.metric == "return" else None),
        )
        session.ledger.add_verdict(
            self._identity,
            accepted=verdict.accepted,
            reason=verdict.reason,
            target=f"update {number}",
            bounds=verdict.record(),
        )
        if verdict.accepted:
            path = publish(policy, session.directory / "checkpoints" / f"best-{policy.id}")
            session.ledger.add_checkpoint(
                self._identity,
                policy_id=policy.id,
                path=path.relative_to(session.root).as_posix(),
                update_number=number,
                environment_steps=self._spent.transitions,
            )
            point(session.directory, "best", path)
            self._promotions = sum(one.accepted for one in self._verdicts())
        word = "accepted" if verdict.accepted else "rejected"
        session.progress.note(f"update {number}: {word} as best: {verdict.reason}")

    def _played(self, label: str, policy: Policy) -> Returns:
        """Return what the pawl looks at, by mode; what the ledger holds is not played again."""
        session, job = self._session, self._job
        player = Player(label, actor_for(policy), policy)
        return {
            mode: evaluate(
                session, player, job.task, mode, job.validation, examiner=self._examiner
            ).arrays()[job.metric]
            for mode in job.modes
        }

    def _best(self) -> Policy:
        return read_checkpoint(follow(self._session.directory, "best"))

    def _open_books(self) -> int:
        session, job = self._session, self._job
        record_policy(session, job.policy)
        budget, unit = job.budget.stated()
        identity = session.ledger.start_training(
            session.name,
            "fleet",
            kind="fleet",
            scope="full",
            seed=job.plan.seed,
            budget=budget,
            budget_unit=unit,
            open_budget=True,
            mode=None if job.plan.modes is None else ",".join(job.plan.modes),
            base_policy=job.policy.id,
            parameters_total=job.policy.parameter_count,
            parameters_adapted=job.policy.parameter_count,
            config=job.config.model_dump(),
        )
        self._before = queries.training(session.ledger, identity)
        return identity

    def _close_books(self, trainer: FleetTrainer, status: str) -> None:
        result = None
        if status == "finished":
            policy = trainer.policy()
            record_policy(self._session, policy)
            result = policy.id
        spent = trainer.spent
        self._total(replace(spent, seconds=self._seconds()), status, result)
        self._count(spent)

    def _total(self, spent: FleetSpent, status: str, result: str | None = None) -> None:
        """Put into the ledger what was spent, all attempts together."""
        self._session.ledger.finish_training(
            self._identity,
            environment_steps=spent.transitions,
            episodes=spent.episodes,
            updates=spent.updates,
            status=status,
            stop_reason=None if status == "running" else self._why_stopped or status,
            result_policy=result,
            wall_seconds=spent.seconds,
            collect_seconds=spent.waited + spent.reading,
            learn_seconds=spent.learning,
        )

    def _count(self, spent: FleetSpent) -> None:
        """Put into the ledger how workers and spool stand."""
        session, job, directory = self._session, self._job, self._session.directory
        with contextlib.suppress(SpoolError):  # there may be none yet
            counts = read_counts(directory / "spool")
            session.ledger.add_measurement(
                session.name,
                job.policy.id,
                task=job.task.name,
                mode="",
                name="fleet",
                value={
                    "budget": asdict(job.budget),
                    "spent": asdict(spent),
                    "spool": asdict(counts),
                    "workers": [_worker(one) for one in read_workers(directory)],
                },
            )


def _worker(status: WorkerStatus) -> dict[str, Any]:
    """Return what the ledger keeps of a worker."""
    return {name: getattr(status, name) for name in _OF_WORKER}
