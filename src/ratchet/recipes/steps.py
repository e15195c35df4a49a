"""The steps that every experiment is made of: evaluate a policy, train one. Each can be resumed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import PolicyError, RatchetError
from ratchet.evaluation.play import Episode, play
from ratchet.evaluation.stalls import check_patience
from ratchet.learning.trainer import Trainer, TrainingPlan, Update
from ratchet.ledger import queries
from ratchet.ledger.rows import EpisodeRow, TrainingEpisodeRow
from ratchet.policies.checkpoint import (
    TrainingState,
    point,
    publish,
    read_checkpoint,
    read_training_state,
)
from ratchet.policies.policy import Policy
from ratchet.recipes.resolve import Player
from ratchet.recipes.session import Session
from ratchet.rollout.trajectory import EpisodeRecord
from ratchet.seeding import check_evaluation_seeds
from ratchet.tasks.task import Task

if TYPE_CHECKING:
    from ratchet.evaluation.examiner import Examiner

_FLUSH_EPISODES = 256
_FLUSH_SECONDS = 1.0
_PUBLISH_SECONDS = 2.0


@dataclass(frozen=True)
class SeedSet:
    """A named list of evaluation seeds."""

    name: str
    seeds: tuple[int, ...]

    @classmethod
    def of(cls, name: str, seeds: Sequence[int]) -> SeedSet:
        """Return the set, with the seeds checked.

        Raises
        ------
        SeedError
            If the list is empty, repeats a seed, or meets the training domain.

        """
        return cls(name, tuple(check_evaluation_seeds(seeds)))


@dataclass(frozen=True)
class Played:
    """The episodes of one policy in one mode, in the order of the seeds."""

    returns: NDArray[np.float64]
    lengths: NDArray[np.float64]
    metrics: dict[str, NDArray[np.float64]]
    stalls_broken: NDArray[np.int64]

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return every metric by its name: return, length, then the task's own."""
        return {"return": self.returns, "length": self.lengths, **self.metrics}


def episode_rows(episodes: Sequence[Episode]) -> list[EpisodeRow]:
    """Return evaluated episodes as the ledger's rows."""
    return [
        EpisodeRow(
            e.seed,
            e.episode_return,
            e.length,
            e.terminated,
            e.truncated,
            e.metrics,
            e.parts,
            e.stalls_broken,
        )
        for e in episodes
    ]


def training_rows(
    episodes: Sequence[EpisodeRecord], versions: Sequence[int | None] | None = None
) -> list[TrainingEpisodeRow]:
    """Return training's episodes as the ledger's rows, with the versions of a fleet that played them."""
    return [
        TrainingEpisodeRow(
            attempt=e.attempt,
            worker=e.worker,
            episode=e.episode,
            seed=e.seed,
            mode=e.mode,
            episode_return=e.episode_return,
            length=e.length,
            metrics=e.metrics,
            parts=e.parts,
            version=version,
        )
        for e, version in zip(episodes, versions or [None] * len(episodes), strict=True)
    ]


def record_policy(session: Session, policy: Policy) -> None:
    """Put the policy into the ledger, after its nearest ancestor if that is known."""
    parents = [p for p in policy.lineage[:1] if p != policy.id]
    session.ledger.add_policy(
        policy.id,
        spec=policy.spec.to_json(),
        parameter_count=policy.parameter_count,
        source=policy.record.get("source"),
        record=dict(policy.record),
        parents=[p for p in parents if queries.knows_policy(session.ledger, p)],
    )


def evaluate(
    session: Session,
    player: Player,
    task: Task,
    mode: str,
    seeds: SeedSet,
    *,
    deterministic: bool = True,
    stall_after: int | None = None,
    examiner: Examiner | None = None,
) -> Played:
    """Play the seeds that the ledger does not hold yet; return all of them.

    Interrupted at any point and called again, every seed is there exactly once. `stall_after` is the
    task's own where none is given. A policy is played by the `examiner` where there is one, else here.
    """
    stated = stall_setting(task, stall_after, deterministic=deterministic)
    ledger = session.ledger
    if player.policy is None:
        ledger.add_policy(player.who.id, spec={}, parameter_count=0, source="built in")
    else:
        record_policy(session, player.policy)
    began = time.perf_counter()
    identity, done = ledger.start_evaluation(
        session.name,
        player.who.id,
        label=player.label,
        task=task.name,
        mode=mode,
        seeds=list(seeds.seeds),
        seed_set=seeds.name,
        deterministic=deterministic,
        stall_after=stated,
    )
    session.progress.advance(len(done))
    waiting: list[Episode] = []
    flushed = time.perf_counter()

    def flush() -> None:
        nonlocal flushed
        ledger.add_episodes(
            identity,
            episode_rows(waiting),
        )
        waiting.clear()
        flushed = time.perf_counter()

    def keep(episodes: Sequence[Episode]) -> None:
        waiting.extend(episodes)
        session.progress.advance(len(episodes))
        if len(waiting) >= _FLUSH_EPISODES or time.perf_counter() - flushed > _FLUSH_SECONDS:
            flush()

    left = [seed for seed in seeds.seeds if seed not in done]
    status = "interrupted"
    try:
        if left:
            seat: Callable[..., object] = partial(play, task, player.who)
            if examiner is not None and player.policy is not None:
                seat = partial(examiner.play, player.policy)
            seat(
                left,
                mode,
                deterministic=deterministic,
                stall_after=player.stall_after(stated),
                on_episodes=keep,
            )
        status = "finished"
    finally:
        flush()
        ledger.finish_evaluation(identity, wall_seconds=time.perf_counter() - began, status=status)
    rows = {row.seed: row for row in queries.episodes(ledger, identity)}
    ordered = [rows[seed] for seed in seeds.seeds]
    names = ordered[0].metrics
    return Played(
        returns=np.array([row.episode_return for row in ordered]),
        lengths=np.array([row.length for row in ordered], dtype=np.float64),
        metrics={
            name: np.array([row.metrics[name] for row in ordered], dtype=np.float64)
            for name in names
        },
        stalls_broken=np.array([row.stalls_broken for row in ordered], dtype=np.int64),
    )


def stall_setting(task: Task, stall_after: int | None, *, deterministic: bool) -> int:
    """Return the `stall_after` of an evaluation: what is given, else the task's own; 0 where actions are sampled."""
    if not deterministic:
        return 0
    return check_patience(task.stall_after if stall_after is None else stall_after)


@dataclass(frozen=True)
class Trained:
    """The outcome of one training."""

    training_id: int
    policy: Policy
    checkpoint: Path
    environment_steps: int
    episodes: int
    parameters_adapted: int
    frozen_unchanged: bool
    wall_seconds: float
    guard: Mapping[str, Any] | None = None
    """What a guard decided, and on which evidence."""


def train(
    session: Session,
    plan: TrainingPlan,
    *,
    name: str,
    kind: str,
    keep_state: bool = True,
    latest: bool = True,
    preflight: str | None = None,
) -> Trained:
    """Train as the plan says, with checkpoints and ledger rows; go on where an earlier attempt ended.

    The checkpoints of the training stand in ``RUN/checkpoints/NAME``. With `keep_state` False only the
    result is published (a recipe repeats a short arm rather than keep its state).

    `environment_steps` in the ledger is what the result learned from; what had to be played again, or
    was thrown away, is in `replayed_steps`. A killed process cannot say how far its last rollout was.
    """
    ledger, began = session.ledger, time.perf_counter()
    home = session.directory / "checkpoints" / name
    identity = 0

    def observe(update: Update) -> None:
        record_update(session, identity, update)

    trainer = Trainer(plan, observe)
    frozen = trainer.frozen_hash(plan.policy)
    record_policy(session, plan.policy)
    identity = ledger.start_training(
        session.name,
        name,
        kind=kind,
        scope=plan.scope,
        seed=plan.seed,
        budget=plan.budget.amount,
        budget_unit=plan.budget.unit,
        mode=plan.mode,
        base_policy=plan.policy.id,
        parameters_total=plan.policy.parameter_count,
        parameters_adapted=trainer.parameters_adapted,
        frozen_before=frozen,
        config=plan.config.model_dump(),
    )
    before = queries.training(ledger, identity)
    session.progress.stage(name, plan.budget.amount)
    if before.status == "finished" and before.result_policy is not None:
        trainer.close()
        path = _result_path(home, before.updates) if keep_state else home
        session.progress.advance(plan.budget.amount)
        return Trained(
            training_id=identity,
            policy=read_checkpoint(path),
            checkpoint=path,
            environment_steps=before.environment_steps,
            episodes=before.episodes,
            parameters_adapted=before.parameters_adapted,
            frozen_unchanged=bool(before.frozen_unchanged),
            wall_seconds=before.wall_seconds,
        )
    earlier = _latest_state(session, home) if keep_state else None
    if earlier is not None:
        trainer.restore(earlier)
        session.progress.note(f"{name}: goes on after {trainer.spent.steps:,} steps")
    ledger.rewind_training(identity, trainer.spent.updates)
    thrown_away = max(0, before.environment_steps - trainer.spent.steps)
    by_steps = plan.budget.unit == "steps"
    consistent: tuple[Policy, TrainingState, int, int] | None = None
    published = time.perf_counter()

    def after_update() -> None:
        nonlocal consistent, published
        if not keep_state:
            return
        spent = trainer.spent
        consistent = (trainer.policy(), trainer.state(), spent.updates, spent.steps)
        if not trainer.finished and time.perf_counter() - published > _PUBLISH_SECONDS:
            _publish_state(session, home, identity, consistent, latest=latest)
            consistent, published = None, time.perf_counter()

    def totals(status: str, reason: str | None, result: Policy | None) -> None:
        spent = trainer.spent
        ledger.finish_training(
            identity,
            environment_steps=spent.steps,
            episodes=spent.episodes,
            updates=spent.updates,
            status=status,
            stop_reason=reason,
            result_policy=None if result is None else result.id,
            replayed_steps=before.replayed_steps
            + thrown_away
            + trainer.replayed_steps
            + trainer.lost_steps,
            frozen_after=None if result is None else trainer.frozen_hash(result),
            wall_seconds=before.wall_seconds + time.perf_counter() - began,
            collect_seconds=spent.collect_seconds,
            learn_seconds=spent.learn_seconds,
            safety=trainer.safety_record()
            | plan.safety.model_dump()
            | {"preflight": preflight, "side_steps": trainer.side_steps},
        )

    totals("running", None, None)
    try:
        session.progress.advance(trainer.spent.steps if by_steps else trainer.spent.episodes)
        result = trainer.run(
            after_update=after_update,
            tick=session.progress.advance if by_steps else None,
        )
    except BaseException as error:
        # What ends the training is what the caller hears of, also where the disk is full.
        with contextlib.suppress(RatchetError):
            if consistent is not None:
                _publish_state(session, home, identity, consistent, latest=latest)
        with contextlib.suppress(RatchetError):
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            totals(status, status, None)
        raise
    finally:
        trainer.close()
    if keep_state and consistent is not None:
        # The whole run, so that a larger budget can go on from here.
        _publish_state(session, home, identity, consistent, latest=latest)
    path = publish(result, _result_path(home, trainer.spent.updates) if keep_state else home)
    record_policy(session, result)
    ledger.add_checkpoint(
        identity,
        policy_id=result.id,
        path=path.relative_to(session.root).as_posix(),
        update_number=trainer.spent.updates,
        environment_steps=trainer.spent.steps,
    )
    totals("finished", "budget spent", result)
    row = queries.training(ledger, identity)
    if not row.frozen_unchanged:
        raise PolicyError(f"training {name!r} moved parameters outside scope {plan.scope!r}")
    return Trained(
        training_id=identity,
        policy=result,
        checkpoint=path,
        environment_steps=row.environment_steps,
        episodes=row.episodes,
        parameters_adapted=row.parameters_adapted,
        frozen_unchanged=bool(row.frozen_unchanged),
        wall_seconds=row.wall_seconds,
    )


def _result_path(home: Path, updates: int) -> Path:
    return home / f"result-{updates:08d}"


def _latest_state(session: Session, home: Path) -> TrainingState | None:
    """Return the newest whole training state; a damaged checkpoint is set aside for the one before it."""
    for path in sorted(home.glob("update-*"), reverse=True):
        try:
            return read_training_state(path)
        except PolicyError as error:
            session.progress.note(f"set aside as damaged-{path.name}: {error}")
            # Its name is free again for the same update, which will be repeated.
            with contextlib.suppress(OSError):
                path.rename(path.with_name(f"damaged-{path.name}"))
    return None


def _publish_state(
    session: Session,
    home: Path,
    identity: int,
    made: tuple[Policy, TrainingState, int, int],
    *,
    latest: bool,
) -> None:
    policy, state, updates, steps = made
    path = publish(policy, home / f"update-{updates:08d}", state=state)
    record_policy(session, policy)
    session.ledger.add_checkpoint(
        identity,
        policy_id=policy.id,
        path=path.relative_to(session.root).as_posix(),
        update_number=updates,
        environment_steps=steps,
    )
    if latest:
        point(session.directory, "latest", path)


def record_update(session: Session, identity: int, update: Update) -> None:
    """Put one update and its episodes into the ledger."""
    metrics = asdict(update.metrics)
    metrics["value_error"] = metrics.pop("value_loss")
    returns = [episode.episode_return for episode in update.episodes]
    session.ledger.add_update(
        identity,
        update.number,
        environment_steps=update.environment_steps,
        metrics=metrics
        | {
            "explained_variance": update.explained_variance,
            "learning_rate": update.learning_rate,
            "critic_only": update.critic_only,
            "rolled_back": update.rolled_back,
            "update_kl": update.update_kl,
            "return_mean": float(np.mean(returns)) if returns else None,
            "episodes": len(returns),
        },
    )
    session.ledger.add_training_episodes(identity, training_rows(update.episodes))
