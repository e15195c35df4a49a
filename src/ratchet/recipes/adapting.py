"""Test-time adaptation: change a part of a policy within a few episodes, and keep it only if that is shown.

Everything comes out of one budget of episodes: what adaptation learns from, and with a guard also the
evidence for its verdict. All of them are episodes of the training domain, with a seed of their own; none is
an evaluation's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ratchet.errors import RecipeError
from ratchet.evaluation.guard import (
    GuardSettings,
    GuardVerdict,
    judge_adaptation,
    smallest_budget,
    split,
)
from ratchet.evaluation.play import Episode, play
from ratchet.learning.anchors import parse_anchor
from ratchet.learning.config import PPOConfig, SafetyConfig
from ratchet.learning.slot_search import candidates, successive_halving
from ratchet.learning.trainer import Budget, Trainer, TrainingPlan, Update
from ratchet.policies.low_rank import adapter_parameters, is_adapter, rank_for, scope_layers
from ratchet.policies.policy import Policy, digest
from ratchet.policies.recurrent.actor import actor_for
from ratchet.policies.recurrent.interventions import bank_of, biased
from ratchet.policies.scopes import scope_tensors
from ratchet.recipes.settings import ppo_config
from ratchet.rollout.trajectory import EpisodeRecord
from ratchet.seeding import training_seed
from ratchet.tasks.task import Task

Method = Literal["ppo", "reinforce", "slot_search"]

_START, _ADAPTED, _SEARCH = 1, 2, 3
"""Workers whose episodes are the evidence of the start, of the adapted policy, and the search's first
candidate; adaptation itself is worker 0."""

_REINFORCE: dict[str, Any] = {
    # One step of plain Adam an episode, as in the write-up; nothing clipped, and no critic.
    "n_envs": 1,
    "n_steps": 512,
    "n_epochs": 1,
    "batch_size": 1_000_000,
    "sequence_length": 512,
    "learning_rate": 1e-3,
    "vf_coef": 0.0,
    "ent_coef": 0.0,
    "max_grad_norm": 1e9,
    "adam_epsilon": 1e-8,
}
_PPO: dict[str, Any] = {
    # A few short episodes: small rollouts, so that there is more than one update.
    "n_envs": 8,
    "n_steps": 32,
    "n_epochs": 10,
    "batch_size": 128,
    "sequence_length": 32,
    "learning_rate": 1e-3,
}


METHODS: tuple[Method, ...] = get_args(Method)


def method_config(method: str) -> dict[str, Any]:
    """Return the learner's settings that belong to a method."""
    return dict(_REINFORCE if method == "reinforce" else _PPO)


AS_IT_IS = SafetyConfig(rollback_kl=None, warmup_fraction=0.0)
"""Nothing is undone and nothing waits: an arm of a study shows what its method does. What keeps a user's
policy safe is the guard."""


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """What to adapt, and how.

    `parameters` chooses the rank of an `adapter` by how many numbers it holds; `ppo` are settings of the
    learner over those of the method.
    """

    scope: str = "full"
    method: Method = "ppo"
    safety: SafetyConfig = field(default_factory=lambda: AS_IT_IS)
    guard: GuardSettings | None = field(default_factory=GuardSettings)
    rank: int = 4
    parameters: int | None = None
    device: str = "cpu"
    ppo: Mapping[str, Any] = field(default_factory=dict)

    def config(self) -> PPOConfig:
        """Return the learner's settings.

        Raises
        ------
        RecipeError
            If one is unknown or out of range.

        """
        return ppo_config(None, {**method_config(self.method), **self.ppo})

    def learner(self) -> dict[str, Any]:
        """Return the settings that take part: slot search has no learner, and so none."""
        return {} if self.method == "slot_search" else self.config().model_dump()

    def rank_of(self, policy: Policy) -> int:
        """Return the adapters' rank on this policy."""
        if self.parameters is None:
            return self.rank
        shapes = policy.spec.tensor_shapes()
        return rank_for(shapes, scope_layers(policy.spec, self.scope), self.parameters)

    def parameter_count(self, policy: Policy) -> int:
        """Return how many numbers may move.

        Raises
        ------
        PolicyError
            If the policy has no such part.

        """
        if self.method == "slot_search":
            return bank_of(policy).slots - 1
        shapes = policy.spec.tensor_shapes()
        if is_adapter(self.scope):
            names = scope_layers(policy.spec, self.scope)
            return adapter_parameters(shapes, names, self.rank_of(policy))
        return sum(policy.tensors[name].size for name in scope_tensors(policy.spec, self.scope))

    def check(self, policy: Policy) -> None:
        """Refuse what cannot be done with this policy, before anything is played.

        Raises
        ------
        PolicyError, RecipeError
            If the policy has no such part, or an anchor or setting cannot be used.

        """
        self.parameter_count(policy)
        anchor = parse_anchor(self.safety.anchor)
        if self.method == "slot_search" and anchor.kind != "none":
            raise RecipeError("slot search has no weights to hold: it takes no anchor")
        if self.method == "reinforce" and self.scope == "value":
            raise RecipeError(
                "scope 'value' does not act, and REINFORCE has no critic: nothing would learn"
            )
        self.config()

    def frozen(self, policy: Policy) -> str:
        """Return a hash over the tensors that may not change."""
        if self.method == "slot_search":
            inside = {"gate.2.bias"}
        elif is_adapter(self.scope):
            inside = set(scope_layers(policy.spec, self.scope))
        else:
            inside = set(scope_tensors(policy.spec, self.scope))
        return digest({n: t for n, t in policy.tensors.items() if n not in inside})


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """What came of an adaptation. `policy` is the start itself where the guard kept it."""

    policy: Policy
    candidate: Policy
    """What adaptation made, taken or not."""
    episodes: Sequence[EpisodeRecord]
    """Every episode that was played, adaptation's and evidence's."""
    evidence: int
    """How many of them are evidence."""
    updates: Sequence[Update]
    verdict: GuardVerdict | None
    side_steps: int
    wall_seconds: float
    learn_seconds: float = 0.0
    """Of it, what updates took; the rest is playing."""

    @property
    def environment_steps(self) -> int:
        """Environment steps of the episodes."""
        return sum(episode.length for episode in self.episodes)

    def guard_record(self, settings: GuardSettings | None) -> dict[str, Any] | None:
        """Return what the ledger keeps of the guard."""
        if settings is None or self.verdict is None:
            return None
        return {
            **self.verdict.to_json(),
            "confidence": settings.confidence,
            "adaptation_episodes": len(self.episodes) - self.evidence,
            "evidence_episodes": self.evidence,
        }


def adapt(
    policy: Policy,
    task: Task,
    mode: str,
    how: Adaptation,
    budget: int,
    *,
    seed: int,
    deterministic: bool,
) -> Adapted:
    """Adapt the policy to a mode within `budget` episodes; the guard's evidence is among them.

    `deterministic` says how the policy will be used: evidence is played in the same way.

    Raises
    ------
    PolicyError, RecipeError, BudgetError
        If the policy has no such part, or a setting or the budget cannot be used.

    """
    how.check(policy)
    Budget(budget, "episodes")  # refuses what cannot be spent
    began = time.perf_counter()
    learning, pairs = (budget, 0) if how.guard is None else split(budget, how.guard)
    episodes: list[EpisodeRecord] = []
    updates: list[Update] = []
    candidate, side_steps, learn_seconds = policy, 0, 0.0
    with threadpool_limits(limits=1, user_api="blas"):
        if learning and how.method == "slot_search":
            candidate, played = _search(policy, task, mode, learning, seed, deterministic)
            episodes += played
        elif learning:
            trainer = _learn(policy, task, mode, how, learning, seed, updates)
            candidate, side_steps = trainer.policy(), trainer.side_steps
            learn_seconds = trainer.spent.learn_seconds
            episodes += [episode for update in updates for episode in update.episodes]
        result, verdict, evidence = candidate, None, 0
        if how.guard is not None:
            shown: list[NDArray[np.float64]] = []
            same = candidate.id == policy.id
            for who, worker in ((policy, _START), (candidate, _ADAPTED)):
                # The same policy twice would be episodes spent to learn nothing.
                played = [] if same else _play(who, task, mode, pairs, seed, worker, deterministic)
                shown.append(np.array([episode.episode_return for episode in played]))
                episodes += played
                evidence += len(played)
            verdict = judge_adaptation(shown[0], shown[1], how.guard)
            if not learning:
                verdict = replace(
                    verdict,
                    reason=f"the start is kept and nothing was played: {budget} episodes cannot pay for "
                    f"adapting and for the evidence, which takes {smallest_budget(how.guard)} or more",
                )
            elif same:
                why = (
                    "the search chose it itself"
                    if how.method == "slot_search"
                    else "no parameter moved, so no gradient reached this part"
                )
                verdict = replace(verdict, reason=f"the start is kept: {why}")
            result = candidate if verdict.adopted else policy
    return Adapted(
        policy=result,
        candidate=candidate,
        episodes=episodes,
        evidence=evidence,
        updates=updates,
        verdict=verdict,
        side_steps=side_steps,
        wall_seconds=time.perf_counter() - began,
        learn_seconds=learn_seconds,
    )


def _learn(
    policy: Policy,
    task: Task,
    mode: str,
    how: Adaptation,
    budget: int,
    seed: int,
    updates: list[Update],
) -> Trainer:
    """Return the trainer when its budget is spent."""
    assert how.method != "slot_search"
    plan = TrainingPlan(
        policy=policy,
        task=task,
        budget=Budget(budget, "episodes"),
        config=how.config(),
        safety=how.safety,
        scope=how.scope,
        mode=mode,
        seed=seed,
        method=how.method,
        rank=how.rank_of(policy),
        warmup=True,
        device=how.device,
    )
    trainer = Trainer(plan, updates.append)
    try:
        trainer.run()
        return trainer
    finally:
        trainer.close()


def _search(
    policy: Policy, task: Task, mode: str, budget: int, seed: int, deterministic: bool
) -> tuple[Policy, list[EpisodeRecord]]:
    spec = bank_of(policy)
    # In units of the odds between slots, whatever the temperature.
    biases = candidates(spec.slots) * spec.temperature
    tried = [policy, *(biased(policy, bias.astype(np.float32)) for bias in biases[1:])]
    episodes: list[EpisodeRecord] = []

    def returns(index: int, numbers: list[int]) -> NDArray[np.float64]:
        seeds = [training_seed(seed, 0, _SEARCH, number) for number in numbers]
        played = _episodes(tried[index], task, mode, seeds, deterministic)
        episodes.extend(_records(played, mode, _SEARCH + index, numbers))
        return np.array([episode.episode_return for episode in played])

    found = successive_halving(returns, len(tried), budget, seed)
    return tried[found.chosen], episodes


def _play(
    policy: Policy, task: Task, mode: str, count: int, seed: int, worker: int, deterministic: bool
) -> list[EpisodeRecord]:
    if count == 0:
        return []
    numbers = list(range(count))
    seeds = [training_seed(seed, 0, worker, number) for number in numbers]
    return _records(_episodes(policy, task, mode, seeds, deterministic), mode, worker, numbers)


def _episodes(
    policy: Policy, task: Task, mode: str, seeds: Sequence[int], deterministic: bool
) -> list[Episode]:
    return play(task, actor_for(policy), seeds, mode, deterministic=deterministic)


def _records(
    played: Sequence[Episode], mode: str, worker: int, numbers: Sequence[int]
) -> list[EpisodeRecord]:
    return [
        EpisodeRecord(
            attempt=0,
            worker=worker,
            episode=number,
            seed=episode.seed,
            mode=mode,
            episode_return=episode.episode_return,
            length=episode.length,
            metrics=episode.metrics,
            parts=episode.parts,
        )
        for number, episode in zip(numbers, played, strict=True)
    ]
