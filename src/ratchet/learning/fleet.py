"""The trainer of a fleet: it learns from the episodes that workers have put into the spool.

One iteration is one update: claim a batch → values and advantages under the critic as it is → PPO, anchored to
demonstrations → tune → checkpoint → version → consume. What is learned is the `EpisodeLearner`'s; here is where
episodes come from, where the policy goes, and what has happened.

Invariants:

- an update has happened if its checkpoint stands. That is written first, by one rename; it holds the whole
  run and the names of the episodes learned from. Then the version is published, then the episodes are
  consumed: each of these can be repeated, and is when the trainer is entered anew. So no episode is learned
  from twice, and none is lost, wherever the process ends;
- an update depends on what was before it, the run's seed, its number and its batch, in the order of the
  episodes' names: the same episodes give the same run, bit for bit, however often it is broken off;
- the newest version is the policy that the next update starts from, and a version is one policy for good.
  Where a damaged checkpoint had to be replaced by the one before it, its number is not used again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from threadpoolctl import threadpool_limits

from ratchet.errors import PolicyError
from ratchet.learning.config import FleetConfig
from ratchet.learning.episode_learner import EpisodeLearner, Learned, Tuned
from ratchet.learning.fleet_update import FleetSpent, FleetUpdate, Refused
from ratchet.learning.whole_runs import WholeRuns
from ratchet.ledger.lock import RunLock
from ratchet.policies.checkpoint import TrainingState
from ratchet.policies.policy import Policy
from ratchet.rollout.demonstrations import Demonstrations
from ratchet.rollout.fit import check_fit
from ratchet.rollout.kind import kind_of
from ratchet.rollout.plan import FleetPlan
from ratchet.rollout.publication import Publication
from ratchet.rollout.spool import Claimed, Spool, read_counts
from ratchet.tasks.task import Task

_PAUSE = 0.05
"""Seconds between two looks into the queue, where nobody says otherwise."""


_SPARE_VERSIONS = 2
"""Versions kept beside those of the largest lag: the newest one itself, and one that a worker is loading."""


@dataclass
class _Seconds:
    """Where the time of one update has gone; the fields are some of `FleetSpent`'s."""

    waited: float = 0.0
    reading: float = 0.0
    learning: float = 0.0


def _pause(_have: int, _want: int) -> bool:
    time.sleep(_PAUSE)
    return True


class FleetTrainer:
    """Learns from a fleet's episodes; use it as a context manager, and `iterate` as long as it shall learn.

    To enter it is to go on from the newest whole checkpoint of the run directory, if there is one. After an
    error in `iterate` it has to be left, and another one entered: what is on the disk is whole, and what is in
    memory need not be.

    Parameters
    ----------
    directory
        The fleet's run directory.
    plan
        What is played; batch and largest lag are its.
    task
        The task that it names.
    policy
        Where learning starts, version 0: a multilayer perceptron that fits the task.
    config
        Settings.
    demonstrations
        What the policy is held to; without any there is no anchor.
    observe
        Is told of every update once it has happened, and when a run is gone on with of the last one again:
        what it keeps under that number and later ones is to be replaced.
    wait
        Is asked, with how many episodes are claimed and how many it takes, whenever they are too few; it
        returns after a while whether to look again.
    note
        Is told, in a sentence, what was wrong with a checkpoint that was set aside.

    Raises
    ------
    PolicyError
        If the policy is of another kind, does not fit the task, or is not the one that the run started from.
    RecipeError
        If a coefficient that is tuned begins outside its bounds.
    TaskError
        If the demonstrations do not fit the policy.
    LedgerError, SpoolError
        On entering, if another trainer is at work, or the spool is of another run or task.

    """

    def __init__(
        self,
        directory: Path,
        plan: FleetPlan,
        task: Task,
        policy: Policy,
        config: FleetConfig,
        *,
        demonstrations: Demonstrations | None = None,
        observe: Callable[[FleetUpdate], None] = lambda _: None,
        wait: Callable[[int, int], bool] = _pause,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.learner = EpisodeLearner(policy, config, seed=plan.seed, demonstrations=demonstrations)
        check_fit(policy.spec, task)
        self.plan, self.config = plan, config
        self.spent = FleetSpent()
        self.number = 0
        """Of the last update, and of the version that it published; 0 before the first."""
        self.checkpoints = WholeRuns(
            Path(directory) / "checkpoints" / "fleet",
            keep=config.keep_checkpoints,
            note=note,
        )
        self._task, self._start = task, policy
        self._observe, self._wait = observe, wait
        self._spool_directory = Path(directory) / "spool"
        self._publication = Publication(Path(directory) / "versions")
        self._kind = kind_of(task, run=plan.run, masked=plan.masked)
        self._refused = Refused()
        self._last: FleetUpdate | None = None
        self._names: tuple[str, ...] = ()
        self._stack = ExitStack()
        self._began = 0.0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(RunLock(self.checkpoints.home))
            found = self.checkpoints.newest()
            if found is not None:
                number, policy, state = found
                self.restore(policy, state)
                if self.number != number:
                    raise PolicyError(
                        f"{self.checkpoints.place(number)} says that it is of update {self.number}"
                    )
            self._spool = stack.enter_context(
                Spool(
                    self._spool_directory,
                    self._kind,
                    update=self.number,
                    learned=self._names,
                    # The oldest checkpoint that a damaged run may have to go back to.
                    keep=self.config.keep_checkpoints,
                )
            )
            self._publish_start()
            # The products are small: a BLAS of several threads spends its time on handing them over. Actor
            # and critic have a thread each.
            stack.enter_context(threadpool_limits(limits=1, user_api="blas"))
            self._began = time.monotonic() - self.spent.seconds
            if self._last is not None:
                self._observe(self._last)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def seconds(self) -> float:
        """How long it has been at work, attempts before this one included up to their last update."""
        return time.monotonic() - self._began

    def iterate(self) -> FleetUpdate | None:
        """Make one update, or none if the wait for its batch was given up.

        claim → learn → tune → checkpoint → version → consume → tell.

        Raises
        ------
        SpoolError
            If the spool cannot be used.
        PolicyError
            If something cannot be written.

        """
        number = max(self._publication.ids()) + 1
        seconds = _Seconds()
        batch = self._claim(number, seconds)
        if batch is None:
            self.spent = self.spent.plus(**vars(seconds))
            return None
        began = time.perf_counter()
        learned = self.learner.learn(
            number, [one.episode for one in batch], [one.lag for one in batch]
        )
        tuned = self.learner.tune(learned)
        seconds.learning = time.perf_counter() - began
        self.number, self._names = number, tuple(one.name for one in batch)
        before = self.spent
        try:
            self.spent = before.plus(
                updates=1,
                episodes=len(batch),
                transitions=sum(len(one.episode) for one in batch),
                seconds=self.seconds - before.seconds,
                **vars(seconds),
            )
            policy = self.policy()
            self._last = self._record(policy, batch, learned, tuned, seconds)
            began = time.perf_counter()
            self._commit(policy)
        except BaseException:
            # The update has happened if its checkpoint stands, whatever broke in after that.
            if not self.checkpoints.place(number).is_dir():
                self.spent = before
            raise
        self.spent = self.spent.plus(publishing=time.perf_counter() - began)
        self._observe(self._last)
        return self._last

    def policy(self) -> Policy:
        """Return the policy as it is now, a child of the one that the fleet started from."""
        return self._start.descend(
            self.learner.tensors(),
            source="fleet",
            algorithm=self._start.record.get("algorithm", "PPO"),
            observation_space=self._start.record.get("observation_space"),
            task=self._task.name,
            run=self.plan.run,
            episodes=self.spent.episodes,
            environment_steps=self.spent.transitions,
            updates=self.spent.updates,
            hyperparameters=self.config.model_dump(),
        )

    def state(self) -> TrainingState:
        """Return what the run needs to go on exactly, beside the policy."""
        learner = self.learner.state()
        return TrainingState(
            arrays=learner.arrays,
            data={
                **learner.data,
                "number": self.number,
                "start": self._start.id,
                "run": self.plan.run,
                "seed": self.plan.seed,
                "learned": list(self._names),
                "refused": asdict(self._refused),
                "spent": asdict(self.spent),
                "last": None if self._last is None else self._last.to_text(),
            },
        )

    def restore(self, policy: Policy, state: TrainingState) -> None:
        """Continue from a checkpoint of this run: its policy and its state.

        Raises
        ------
        PolicyError
            If it is of another architecture, or of a run with another start or seed, or cannot be read.

        """
        data = state.data
        if policy.spec != self._start.spec:
            raise PolicyError("the checkpoint belongs to another architecture")
        mine = {"start": self._start.id, "run": self.plan.run, "seed": self.plan.seed}
        for name, here in mine.items():
            if data.get(name) != here:
                raise PolicyError(
                    f"the checkpoint is of a fleet whose {name} is {data.get(name)!r}, not {here!r}; "
                    "go on with what the run began with, or begin another"
                )
        try:
            self.learner.restore(policy.tensors, state.arrays, data)
            self._refused = Refused(**data["refused"])
            self.spent = FleetSpent(**data["spent"])
            self.number = int(data["number"])
            self._names = tuple(str(name) for name in data["learned"])
            self._last = None if data["last"] is None else FleetUpdate.from_text(data["last"])
        except (KeyError, TypeError, ValueError) as error:
            raise PolicyError(f"the fleet's state cannot be read: {error}") from error

    def _publish_start(self) -> None:
        """See to it that the newest version is the policy as it is now.

        It is not where a crash came between checkpoint and version, or where the checkpoint of the newest one
        was damaged: then the policy gets a version of its own, since what is published stays.
        """
        policy, ids = self.policy(), self._publication.ids()
        newest = max(ids, default=0)
        if newest <= self.number:
            self._publication.publish(self.number, policy)
        elif ids[newest] != policy.id:
            self._publication.publish(newest + 1, policy)

    def _claim(self, number: int, seconds: _Seconds) -> list[Claimed] | None:
        """Return a batch, in the order of the names, or None if the wait was given up."""
        plan, policies = self.plan, self._publication.ids()
        batch: list[Claimed] = []
        while True:
            began = time.perf_counter()
            batch += self._spool.claim(
                number,
                plan.batch - len(batch),
                version=number - 1,
                policies=policies,
                max_lag=plan.max_lag,
            )
            claimed = time.perf_counter()
            seconds.reading += claimed - began
            if len(batch) == plan.batch:
                return sorted(batch, key=lambda one: one.name)
            more = self._wait(len(batch), plan.batch)
            seconds.waited += time.perf_counter() - claimed
            if not more:
                self._spool.release(number)
                return None

    def _record(
        self,
        policy: Policy,
        batch: Sequence[Claimed],
        learned: Learned,
        tuned: Tuned | None,
        seconds: _Seconds,
    ) -> FleetUpdate:
        counts = read_counts(self._spool.directory)
        refused, before = Refused.of(counts), self._refused
        self._refused = refused
        return FleetUpdate(
            number=self.number,
            policy=policy.id,
            episodes=tuple(one.episode.record for one in batch),
            names=self._names,
            lags=tuple(one.lag for one in batch),
            transitions=sum(len(one.episode) for one in batch),
            metrics=learned.metrics,
            update_kl=learned.moved,
            explained_variance=learned.explained,
            return_deviation=learned.deviation,
            learning_rate=learned.coefficients.learning_rate,
            entropy_coefficient=learned.coefficients.entropy,
            anchor_coefficient=learned.coefficients.anchor,
            finding="" if tuned is None else tuned.finding,
            reason="" if tuned is None else tuned.reason,
            changes=() if tuned is None else tuple(map(str, tuned.changes)),
            critic_only=learned.critic_only,
            rolled_back=learned.undone,
            **refused.since(before),
            waiting=counts.waiting,
            spent=self.spent,
            wait_seconds=seconds.waited,
            read_seconds=seconds.reading,
            learn_seconds=seconds.learning,
        )

    def _commit(self, policy: Policy) -> None:
        """Make the update happen: from the checkpoint on it has, and the rest can be done again."""
        self.checkpoints.publish(self.number, policy, self.state())
        self._publication.publish(self.number, policy, written=self.checkpoints.place(self.number))
        self._publication.keep(self.plan.max_lag + _SPARE_VERSIONS)
        self._spool.consume(self.number, self._names)
        self.checkpoints.prune()
