"""Cloning a teacher to a policy: its games, a policy that acts as it does there, and a critic for PPO.

The games stand in ``RUN/demonstrations``, each whole or not at all, and a run that goes on plays (or, from a source,
copies) only those that are missing. What is learned from them follows from them, the settings and the seed, and is begun anew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ratchet.errors import PolicyError
from ratchet.learning.cloning import Accuracy, Clone, Epoch, clone
from ratchet.learning.config import CloningConfig
from ratchet.ledger import queries
from ratchet.policies.actor import Chooser
from ratchet.policies.checkpoint import point, publish, read_checkpoint
from ratchet.policies.initial import new_policy
from ratchet.policies.policy import Policy
from ratchet.policies.spec import EntitySpec, Spec
from ratchet.recipes.session import Session
from ratchet.recipes.steps import record_policy
from ratchet.rollout.demonstrations import Demonstrations, read_demonstrations
from ratchet.rollout.fit import spec_for
from ratchet.rollout.recording import record_demonstrations
from ratchet.rollout.sources import DemonstrationSource, copy_demonstrations
from ratchet.seeding import derive
from ratchet.tasks.task import Task

DEMONSTRATIONS = "demonstrations"
"""Where in a run's directory the games of its teacher are."""

NETWORKS: tuple[str, ...] = ("mlp", "entities")
"""Names of the networks that can be cloned into: a perceptron, and one that knows the task's entities."""

_WIDE = 256
_LAYERS: dict[Literal["wide", "narrow"], tuple[int, ...]] = {
    "wide": (512, 256, 256),
    "narrow": (64, 64),
}
"""Hidden layers for observations of more than `_WIDE` numbers, as the write-up's system has them, and for others."""


@dataclass(frozen=True, kw_only=True)
class CloningPlan:
    """What is to be cloned, into what.

    `teacher` is one of the task's by name, or a policy, which plays so many `episodes`; or a source of games that are
    there already, of which the plan has as many.
    """

    task: Task
    teacher: str | Chooser | DemonstrationSource
    episodes: int
    policy: Policy
    config: CloningConfig
    mode: str | None = None
    seed: int = 0
    device: str = "cpu"

    @property
    def teacher_name(self) -> str:
        """The teacher's name, or the id of the policy that teaches."""
        if isinstance(self.teacher, DemonstrationSource):
            return self.teacher.settings.teacher
        return self.teacher if isinstance(self.teacher, str) else self.teacher.id


@dataclass(frozen=True, kw_only=True)
class Cloned:
    """The outcome of a cloning: the policy, where it stands, and how it did on the validation episodes."""

    policy: Policy
    checkpoint: Path
    measured: dict[str, Any]
    wall_seconds: float


def new_clone(task: Task, network: str | None, seed: int) -> Policy:
    """Return the policy that a cloning begins with.

    Without a `network` it is the one that knows entities where the task says what they are: for `spire` it agrees
    with the heuristic more often, and plays better (docs/cloning.md).

    Raises
    ------
    PolicyError
        If there is no such network, or the task does not say what entities its observations are made of.

    """
    if network is None:
        network = "mlp" if task.entities is None else "entities"
    if network not in NETWORKS:
        raise PolicyError(f"there is no network {network!r}; there are {', '.join(NETWORKS)}")
    plain = spec_for(task)
    layers = _LAYERS["wide" if plain.observation.size > _WIDE else "narrow"]
    spec: Spec = replace(plain, actor=layers, critic=layers, activation="gelu")
    if network == "entities":
        if task.entities is None:
            raise PolicyError(
                f"task {task.name!r} does not say what entities it has, which network 'entities' "
                "needs; take mlp"
            )
        spec = EntitySpec(
            observation=plain.observation,
            action=plain.action,
            entities=task.entities,
            critic=layers,
        )
    return new_policy(spec, derive("initial", seed))


def clone_teacher(session: Session, plan: CloningPlan) -> Cloned:
    """Record or copy the teacher's games as far as they are missing, learn from them, and publish the clone.

    The run's `best` and `latest` are the clone.
    """
    ledger, began = session.ledger, time.perf_counter()
    record_policy(session, plan.policy)
    identity = ledger.start_training(
        session.name,
        "clone",
        kind="clone",
        scope="full",
        seed=plan.seed,
        budget=plan.episodes,
        budget_unit="episodes",
        mode=plan.mode,
        base_policy=plan.policy.id,
        parameters_total=plan.policy.parameter_count,
        parameters_adapted=plan.policy.parameter_count,
        config={"teacher": plan.teacher_name, **plan.config.model_dump()},
    )
    before = queries.training(ledger, identity)
    home = session.directory / "checkpoints"
    if before.status == "finished" and before.result_policy is not None:
        path = home / f"clone-{before.result_policy}"
        return Cloned(
            policy=read_checkpoint(path),
            checkpoint=path,
            measured=_measurement(session, before.result_policy),
            wall_seconds=before.wall_seconds,
        )

    def totals(status: str, found: Clone | None) -> None:
        ledger.finish_training(
            identity,
            environment_steps=0 if found is None else found.decisions,
            episodes=0 if found is None else found.episodes,
            updates=0 if found is None else len(found.epochs),
            status=status,
            stop_reason=status if found is None else "no better epoch",
            result_policy=None if found is None else found.policy.id,
            wall_seconds=before.wall_seconds + time.perf_counter() - began,
        )

    try:
        shown = _shown(session, plan)
        found = _learn(session, plan, shown)
    except BaseException as error:
        totals("interrupted" if isinstance(error, KeyboardInterrupt) else "failed", None)
        raise
    path = publish(found.policy, home / f"clone-{found.policy.id}")
    record_policy(session, found.policy)
    measured = _measured(found, plan)
    ledger.add_measurement(
        session.name, found.policy.id, task=plan.task.name, mode="", name="cloning", value=measured
    )
    ledger.add_checkpoint(
        identity,
        policy_id=found.policy.id,
        path=path.relative_to(session.root).as_posix(),
        update_number=len(found.epochs),
        environment_steps=found.decisions,
    )
    for name in ("latest", "best"):
        point(session.directory, name, path)
    totals("finished", found)
    return Cloned(
        policy=found.policy,
        checkpoint=path,
        measured=measured,
        wall_seconds=queries.training(ledger, identity).wall_seconds,
    )


def _shown(session: Session, plan: CloningPlan) -> Demonstrations:
    """Return the teacher's games, played or copied as far as they are missing."""
    directory = session.directory / DEMONSTRATIONS
    if isinstance(plan.teacher, DemonstrationSource):
        session.progress.stage(f"copying {plan.teacher.name}", plan.episodes)
        if plan.teacher.evaluation_seeds:
            session.progress.note(
                f"{plan.teacher.evaluation_seeds:,} of these games have evaluation seeds; evaluate on others"
            )
        seeds = copy_demonstrations(
            directory, plan.teacher, on_episode=lambda _: session.progress.advance(1)
        )
        return read_demonstrations(directory, plan.task, seeds)
    session.progress.stage(f"{plan.teacher_name} plays", plan.episodes)
    seeds = record_demonstrations(
        directory,
        plan.task,
        plan.teacher,
        episodes=plan.episodes,
        mode=plan.mode,
        run_seed=plan.seed,
        on_episode=lambda _: session.progress.advance(1),
    )
    return read_demonstrations(directory, plan.task, seeds)


def _learn(session: Session, plan: CloningPlan, shown: Demonstrations) -> Clone:
    part = ""

    def observe(epoch: Epoch) -> None:
        nonlocal part
        if epoch.part != part:
            part = epoch.part
            session.progress.stage(f"learning, {part} (epochs)", plan.config.max_epochs)
        session.progress.advance(1)

    return clone(
        plan.policy,
        shown,
        plan.task,
        plan.config,
        seed=plan.seed,
        device=plan.device,
        observe=observe,
    )


def _measured(found: Clone, plan: CloningPlan) -> dict[str, Any]:
    """Return what the ledger keeps of a cloning."""
    accuracy = found.accuracy
    return {
        "teacher": plan.teacher_name,
        "episodes": found.episodes,
        "decisions": found.decisions,
        "epochs": [vars(epoch) for epoch in found.epochs],
        "cross_entropy": found.cross_entropy,
        "explained_variance": found.explained_variance,
        "accuracy": _rate(accuracy.overall),
        "accuracy_of_choices": _rate(accuracy.choices),
        "by_kind": {name: _rate(each) for name, each in accuracy.by_kind.items()},
        "by_situation": {name: _rate(each) for name, each in accuracy.by_situation.items()},
    }


def _rate(accuracy: Accuracy) -> dict[str, int]:
    return {"decisions": accuracy.decisions, "agreed": accuracy.agreed}


def _measurement(session: Session, policy_id: str) -> dict[str, Any]:
    for each in queries.measurements(session.ledger, session.name):
        if each.name == "cloning" and each.policy_id == policy_id:
            return dict(each.value)
    raise PolicyError(f"the ledger has nothing on the clone {policy_id}")
