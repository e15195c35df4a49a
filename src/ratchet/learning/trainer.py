"""The trainer: collect, returns, update, publish, until the budget is spent. Exactly, and resumably.

Invariants:
- `spent.steps` is what the simulators executed, and never exceeds a step budget;
- between two iterations the whole run is `state()`: restored elsewhere it continues bit for bit;
- tensors outside the scope do not change, and the hash of them before and after is in the result;
- an update that moves the policy beyond ``safety.rollback_kl`` is undone and the learning rate halved.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ratchet.errors import BudgetError, PolicyError
from ratchet.learning.adam import Adam
from ratchet.learning.advantages import generalised_advantages
from ratchet.learning.anchors import parse_anchor
from ratchet.learning.config import PPOConfig, SafetyConfig
from ratchet.learning.ppo import Batch, PolicyLossHead, UpdateMetrics, ppo_update
from ratchet.policies.actor import Actor
from ratchet.policies.checkpoint import TrainingState
from ratchet.policies.network import CompiledNetwork, Network
from ratchet.policies.policy import Policy, digest
from ratchet.policies.scopes import scope_tensors
from ratchet.rollout.collector import Collector
from ratchet.rollout.fit import check_fit
from ratchet.rollout.trajectory import EpisodeRecord, Trajectory
from ratchet.seeding import derive
from ratchet.tasks.task import Task

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Budget:
    """What learning may spend: environment steps really executed, or whole episodes.

    Raises
    ------
    BudgetError
        If the amount is not positive.

    """

    amount: int
    unit: Literal["steps", "episodes"] = "steps"

    def __post_init__(self) -> None:
        """Refuse a budget that cannot be spent."""
        if self.amount <= 0:
            raise BudgetError(
                f"the budget is {self.amount} {self.unit}; it must be at least 1 of them"
            )


@dataclass(kw_only=True)
class Spent:
    """What has been spent so far."""

    steps: int = 0
    episodes: int = 0
    updates: int = 0
    collect_seconds: float = 0.0
    learn_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Update:
    """One iteration, for the ledger."""

    number: int
    environment_steps: int
    episodes: Sequence[EpisodeRecord]
    metrics: UpdateMetrics
    explained_variance: float
    learning_rate: float
    critic_only: bool
    rolled_back: bool
    update_kl: float
    """Approximate KL from the policy before the whole update to the one after it."""


@dataclass(kw_only=True)
class TrainingPlan:
    """What to learn, on what, and within which limits."""

    policy: Policy
    task: Task
    budget: Budget
    config: PPOConfig
    safety: SafetyConfig = field(default_factory=SafetyConfig)
    scope: str = "full"
    mode: str | None = None
    seed: int = 0
    device: str = "cpu"
    warmup: bool = False
    """Whether the critic may learn alone first: for a policy that is fine-tuned."""


class Trainer:
    """Learns as its plan says; `observe` is told of every update.

    Raises
    ------
    PolicyError
        If the scope is unknown, or the policy does not fit the task.

    """

    def __init__(
        self, plan: TrainingPlan, observe: Callable[[Update], None] = lambda _: None
    ) -> None:
        check_fit(plan.policy.spec, plan.task)
        self.plan = plan
        self.spent = Spent()
        self._observe = observe
        self._spec = plan.policy.spec
        self._anchor = parse_anchor(plan.safety.anchor)
        self.scope_names = scope_tensors(self._spec, plan.scope)
        self._network = _network(plan.policy, plan.device)
        layout = self._network.layout
        self._learns = layout.mask(self.scope_names)
        critic = layout.mask([name for name in layout.order if _is_critic(name)])
        self._critic = self._learns & critic
        self._optimizer = Adam(self._learns, epsilon=plan.config.adam_epsilon)
        self._start = self._network.parameters.copy()
        self._head = PolicyLossHead(self._spec, self._network, plan.config, self._anchor)
        self._reference = _network(plan.policy, plan.device) if self._anchor.kind == "kl" else None
        self._collector = Collector(
            plan.task, plan.config.n_envs, run_seed=plan.seed, mode=plan.mode
        )
        self._warming = plan.warmup and bool(self._critic.any()) and plan.safety.warmup_fraction > 0
        self._rate_factor = 1.0
        self._warmups = self._rollbacks = 0
        self._executed_here = 0
        self._actor = Actor(plan.policy)

    @property
    def finished(self) -> bool:
        """Whether the budget is spent."""
        return self._left() <= 0

    @property
    def parameters_adapted(self) -> int:
        """How many numbers the scope lets move."""
        return int(self._learns.sum())

    @property
    def replayed_steps(self) -> int:
        """Steps executed again to resume, beside the budget."""
        return self._collector.replayed_steps

    @property
    def lost_steps(self) -> int:
        """Steps of an iteration that was broken off; a resumed run plays them again."""
        return self._collector.steps_executed - self._executed_here

    def safety_record(self) -> dict[str, int]:
        """Return how often the safety measures acted."""
        return {"critic_only_updates": self._warmups, "rollbacks": self._rollbacks}

    def run(
        self,
        *,
        after_update: Callable[[], None] = lambda: None,
        tick: Callable[[int], None] | None = None,
    ) -> Policy:
        """Iterate until the budget is spent; return the policy as it then is."""
        # The products are small: a BLAS of several threads spends its time on handing them over.
        with threadpool_limits(limits=1, user_api="blas"):
            while not self.finished:
                self._iterate(tick)
                after_update()
        return self.policy()

    def close(self) -> None:
        """Close the environments."""
        self._collector.env.close()

    def _iterate(self, tick: Callable[[int], None] | None) -> None:
        """Run one iteration: collect → returns → update → tune → publish."""
        began = time.perf_counter()
        rate = self._learning_rate()
        trajectory = self._collect(tick)
        self.spent.steps += trajectory.transitions
        self._executed_here += trajectory.transitions
        self.spent.episodes += len(trajectory.episodes)
        collected = time.perf_counter()
        batch, explained = self._returns(trajectory)
        critic_only = self._warm(explained)
        before = self._network.parameters.copy()
        moments = (self._optimizer.first.copy(), self._optimizer.second.copy())
        steps = self._optimizer.steps
        self._optimizer.learns = self._critic if critic_only else self._learns
        metrics = ppo_update(
            self._network,
            self._optimizer,
            batch,
            self.plan.config,
            head=self._head,
            orders=self._orders(len(batch)),
            learning_rate=rate,
            start=self._start,
            l2sp=self._anchor.beta if self._anchor.kind == "l2sp" else 0.0,
            critic_only=critic_only,
        )
        kl = 0.0 if critic_only else self._moved(batch)
        limit = self.plan.safety.rollback_kl
        rolled_back = not np.isfinite(self._network.parameters).all() or (
            limit is not None and not kl <= limit
        )
        if rolled_back:
            self._network.parameters[:] = before
            self._optimizer.first[:], self._optimizer.second[:] = moments
            self._optimizer.steps = steps
            self._rate_factor *= 0.5
            self._rollbacks += 1
        self.spent.updates += 1
        self._actor = Actor(self.policy())
        self.spent.collect_seconds += collected - began
        self.spent.learn_seconds += time.perf_counter() - collected
        self._observe(
            Update(
                number=self.spent.updates,
                environment_steps=self.spent.steps,
                episodes=trajectory.episodes,
                metrics=metrics,
                explained_variance=explained,
                learning_rate=rate,
                critic_only=critic_only,
                rolled_back=rolled_back,
                update_kl=kl,
            )
        )

    def policy(self) -> Policy:
        """Return the policy as it is now, a child of the plan's."""
        tensors = self._network.layout.unpack(self._network.parameters)
        plan = self.plan
        return plan.policy.descend(
            tensors,
            source="training",
            algorithm=plan.policy.record.get("algorithm", "PPO"),
            observation_space=plan.policy.record.get("observation_space"),
            task=plan.task.name,
            mode=plan.mode,
            scope=plan.scope,
            environment_steps=self.spent.steps,
            updates=self.spent.updates,
            hyperparameters=plan.config.model_dump(),
        )

    def frozen_hash(self, policy: Policy) -> str:
        """Return a hash over the tensors outside the scope."""
        inside = set(self.scope_names)
        return digest({n: t for n, t in policy.tensors.items() if n not in inside})

    def state(self) -> TrainingState:
        """Return the whole run between two iterations."""
        arrays: dict[str, NDArray[Any]] = {
            "adam.first": self._optimizer.first.copy(),
            "adam.second": self._optimizer.second.copy(),
            "start": self._start,
            "parameters": self._network.parameters.copy(),
        }
        for name, array in self._collector.state().items():
            arrays[f"collector.{name}"] = array
        return TrainingState(
            arrays=arrays,
            data={
                "adam_steps": self._optimizer.steps,
                "rate_factor": self._rate_factor,
                "warming": self._warming,
                "warmups": self._warmups,
                "rollbacks": self._rollbacks,
                "spent": asdict(self.spent),
            },
        )

    def restore(self, state: TrainingState) -> None:
        """Continue from `state`, which a trainer with the same plan made.

        Raises
        ------
        PolicyError
            If the state is of another architecture, or of a run from another start.

        """
        arrays = state.arrays
        if arrays["parameters"].shape != self._network.parameters.shape:
            raise PolicyError("the training state belongs to another architecture")
        if not np.array_equal(arrays["start"], self._start):
            raise PolicyError(
                "the training state belongs to a run that started from another policy"
            )
        self._network.parameters[:] = arrays["parameters"]
        self._optimizer.first[:] = arrays["adam.first"]
        self._optimizer.second[:] = arrays["adam.second"]
        self._optimizer.steps = int(state.data["adam_steps"])
        self._rate_factor = float(state.data["rate_factor"])
        self._warming = bool(state.data["warming"])
        self._warmups = int(state.data["warmups"])
        self._rollbacks = int(state.data["rollbacks"])
        self.spent = Spent(**state.data["spent"])
        self._collector.restore(
            {
                name.removeprefix("collector."): array
                for name, array in arrays.items()
                if name.startswith("collector.")
            }
        )
        self._actor = Actor(self.policy())

    def _left(self) -> int:
        budget = self.plan.budget
        used = self.spent.steps if budget.unit == "steps" else self.spent.episodes
        return budget.amount - used

    def _collect(self, tick: Callable[[int], None] | None) -> Trajectory:
        by_steps = self.plan.budget.unit == "steps"
        return self._collector.collect(
            self._actor,
            rows=self._rows() if by_steps else self.plan.config.n_steps,
            version=self.spent.updates,
            max_steps=self._left() if by_steps else None,
            max_episodes=None if by_steps else self._left(),
            tick=tick,
        )

    def _rows(self) -> int:
        """Return the rows of the next rollout: at most ``n_steps``, and the rest shared out evenly.

        A budget that is no multiple of the rollout would end in a stump, too small to learn from: of
        100,000 steps in rollouts of 32,768 the last would have 1,696.
        """
        config = self.plan.config
        rollouts = -(-self._left() // (config.n_envs * config.n_steps))
        return -(-self._left() // (rollouts * config.n_envs))

    def _returns(self, trajectory: Trajectory) -> tuple[Batch, float]:
        """Return the transitions with advantages and returns, and the critic's explained variance."""
        policy, config = self.plan.policy, self.plan.config
        rows, columns, size = trajectory.observations.shape
        seen = policy.observe(trajectory.observations.reshape(rows * columns, size))
        values = self._network.values(seen).reshape(rows, columns)
        bootstrap = np.zeros((rows, columns), dtype=np.float32)
        cut = np.zeros((rows, columns), dtype=np.bool_)
        if len(trajectory.final_index):
            at = (trajectory.final_index[:, 0], trajectory.final_index[:, 1])
            bootstrap[at] = self._network.values(policy.observe(trajectory.final_observations))
            cut[at] = True
        rewards = trajectory.rewards
        if policy.normalizer is not None:
            rewards = policy.normalizer.rewards(rewards)
        advantages = generalised_advantages(
            rewards,
            values,
            bootstrap,
            trajectory.terminated,
            cut,
            trajectory.played,
            gamma=config.gamma,
            lam=config.gae_lambda,
        )
        played = trajectory.played
        returns = advantages + values
        batch = Batch(
            observations=seen.reshape(rows, columns, size)[played],
            actions=trajectory.actions[played],
            log_probs=trajectory.log_probs[played],
            advantages=advantages[played],
            returns=returns[played],
            values=values[played],
            masks=None if trajectory.masks is None else trajectory.masks[played],
            **self._anchor_outputs(seen.reshape(rows, columns, size)[played]),
        )
        return batch, explained_variance(batch.values, batch.returns)

    def _anchor_outputs(self, seen: FloatArray) -> dict[str, FloatArray]:
        if self._reference is None:
            return {}
        outputs, features = self._reference.outputs(seen)
        if self._spec.distribution == "categorical":
            return {"reference": outputs}
        head = PolicyLossHead(self._spec, self._reference, self.plan.config, self._anchor)
        return {"reference": outputs, "reference_log_std": head.log_std(features)}

    def _warm(self, explained: float) -> bool:
        """Say whether this update is the critic's alone."""
        if not self._warming:
            return False
        amount = self.plan.budget.amount
        part = (amount - self._left()) / amount
        safety = self.plan.safety
        if explained >= safety.warmup_explained_variance or part > safety.warmup_fraction:
            self._warming = False
            self._optimizer.begin_anew()
        self._warmups += int(self._warming)
        return self._warming

    def _learning_rate(self) -> float:
        """Return the rate by what had been spent before this rollout: the last one still learns."""
        config = self.plan.config
        done = 1.0 - self._left() / self.plan.budget.amount
        factor = {
            "constant": 1.0,
            "linear": 1.0 - done,
            "cosine": 0.5 * (1.0 + math.cos(math.pi * done)),
        }[config.schedule]
        return config.learning_rate * factor * self._rate_factor

    def _orders(self, count: int) -> list[NDArray[np.int64]]:
        generator = np.random.default_rng(derive("minibatches", self.plan.seed, self.spent.updates))
        return [generator.permutation(count) for _ in range(self.plan.config.n_epochs)]

    def _moved(self, batch: Batch) -> float:
        """Return the approximate KL from the behaviour policy to the policy as it is now."""
        outputs, features = self._network.outputs(batch.observations)
        loss, _ = self._head(batch, outputs, features)
        return loss.approx_kl


def explained_variance(values: FloatArray, returns: FloatArray) -> float:
    """Return 1 - Var(returns - values) / Var(returns), or NaN if returns do not vary."""
    variance = float(np.var(returns, dtype=np.float64))
    if variance == 0.0:
        return float("nan")
    return 1.0 - float(np.var(returns.astype(np.float64) - values)) / variance


def _is_critic(name: str) -> bool:
    return name.startswith(("value_net.", "mlp_extractor.value_net."))


def _network(policy: Policy, device: str) -> Network:
    if device == "cpu":
        return CompiledNetwork(policy)
    from ratchet.policies.mlp import TorchNetwork  # noqa: PLC0415 - PyTorch loads for a second

    return TorchNetwork(policy, device)
