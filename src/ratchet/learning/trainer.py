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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ratchet.errors import BudgetError, PolicyError
from ratchet.learning.adam import Adam
from ratchet.learning.anchors import parse_anchor
from ratchet.learning.batches import Batch, epoch_orders
from ratchet.learning.config import PPOConfig, RoutingConfig, SafetyConfig
from ratchet.learning.experience import Estimator, Method
from ratchet.learning.fisher import fisher_of
from ratchet.learning.ppo import PolicyLossHead, Pull, UpdateMetrics, ppo_update
from ratchet.learning.routing import Routing, temperature
from ratchet.learning.safety import CriticWarmup, attempt, is_critic
from ratchet.policies.actor import Chooser
from ratchet.policies.checkpoint import TrainingState
from ratchet.policies.low_rank import LowRankNetwork, is_adapter, scope_layers
from ratchet.policies.network import CompiledNetwork, Network, SequenceNetwork
from ratchet.policies.policy import Policy, digest
from ratchet.policies.recurrent.actor import NO_NOISE, GateNoise, RecurrentActor, actor_for
from ratchet.policies.recurrent.network import RecurrentNetwork
from ratchet.policies.scopes import scope_tensors
from ratchet.policies.spec import RecurrentSpec
from ratchet.rollout.collector import Collector
from ratchet.rollout.fit import check_fit
from ratchet.rollout.trajectory import EpisodeRecord, Trajectory, joined
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
    method: Method = "ppo"
    """`reinforce`: one update an episode from its discounted returns (Williams 1992)."""
    routing: RoutingConfig | None = None
    """How a new bank of slots is trained."""
    rank: int = 4
    """Of the adapters, where the scope is `adapter`."""
    across_episodes: bool = False
    """A flaw to measure; see `Estimator`."""


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
        self.side_steps = 0
        """Environment steps executed beside the budget, to know what the start's parameters matter."""
        self._observe = observe
        self._spec = plan.policy.spec
        self._anchor = parse_anchor(plan.safety.anchor)
        self._inner: Network = _network(plan.policy, plan.device)
        self._network = self._inner
        # Adapters begin alike on every policy: what a run started from is told by the policy's own weights.
        self._started_from = self._inner.parameters.copy()
        recurrent = isinstance(self._spec, RecurrentSpec)
        self._recurrent = cast("SequenceNetwork", self._inner) if recurrent else None
        if is_adapter(plan.scope):
            self.scope_names = scope_layers(self._spec, plan.scope)
            self._network = LowRankNetwork(
                self._inner, self.scope_names, plan.rank, seed=derive("adapter", plan.seed)
            )
            self._learns = np.ones(self._network.parameters.size, dtype=np.bool_)
            self._critic = np.zeros_like(self._learns)
        else:
            self.scope_names = scope_tensors(self._spec, plan.scope)
            layout = self._network.layout
            self._learns = layout.mask(self.scope_names)
            self._critic = self._learns & layout.mask([n for n in layout.order if is_critic(n)])
            if self._recurrent is not None:
                self._recurrent.learns_in(self._learns)
        self._optimizer = Adam(self._learns, epsilon=plan.config.adam_epsilon)
        self._start = self._network.parameters.copy()
        self._head = PolicyLossHead(self._spec, self._inner, plan.config, self._anchor)
        self._reference = _network(plan.policy, plan.device) if self._anchor.kind == "kl" else None
        self._noise = NO_NOISE
        self._routing: Routing | None = None
        if plan.routing is not None:
            self._begin_routing(plan.routing)
        self._estimator = Estimator(
            policy=plan.policy,
            config=plan.config,
            method=plan.method,
            noise=self._noise,
            across_episodes=plan.across_episodes,
            anchor_outputs=None if self._reference is None else self._anchor_outputs,
        )
        copies = 1 if plan.method == "reinforce" else plan.config.n_envs
        self._collector = Collector(plan.task, copies, run_seed=plan.seed, mode=plan.mode)
        self._warmup = CriticWarmup(
            plan.safety.warmup_explained_variance,
            wanted=plan.warmup
            and plan.method == "ppo"
            and bool(self._critic.any())
            and plan.safety.warmup_fraction > 0,
        )
        self._rate_factor = 1.0
        self._rollbacks = 0
        self._executed_here = 0
        self._pull = self._weight_anchor()
        self._actor = self._new_actor()

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
        return {"critic_only_updates": self._warmup.updates, "rollbacks": self._rollbacks}

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
        experience, explained = self._estimator.experience(trajectory, self._inner)
        critic_only = self._warmup.takes(explained, self._optimizer, over=self._warmed_long())
        self._optimizer.learns = self._critic if critic_only else self._learns
        config = self.plan.config
        orders = epoch_orders(self.plan.seed, self.spent.updates, experience.units, config.n_epochs)

        def update() -> UpdateMetrics:
            return ppo_update(
                self._network,
                self._optimizer,
                experience,
                config,
                head=self._head,
                orders=orders,
                learning_rate=rate,
                pull=self._pull,
                routing=self._routing,
                critic_only=critic_only,
            )

        metrics, kl, rolled_back = attempt(
            update,
            lambda: 0.0 if critic_only else self._moved(experience.whole()),
            self._network,
            self._optimizer,
            limit=self.plan.safety.rollback_kl,
            predictor=None if self._routing is None else self._routing.predictor,
        )
        if rolled_back:
            self._rate_factor *= 0.5
            self._rollbacks += 1
        self.spent.updates += 1
        self._actor = self._new_actor()
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
        """Return the policy as it is now, a child of the plan's; adapters are merged into it."""
        plan, inner = self.plan, self._inner
        if isinstance(self._network, LowRankNetwork):
            self._network.merge()
        descendant = plan.policy.descend(
            inner.layout.unpack(inner.parameters),
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
        if isinstance(self._spec, RecurrentSpec) and plan.routing is not None:
            spec = replace(self._spec, temperature=self._temperature())
            return replace(descendant, spec=spec)
        return descendant

    def frozen_hash(self, policy: Policy) -> str:
        """Return a hash over the tensors outside the scope."""
        inside = set(self.scope_names)
        return digest({n: t for n, t in policy.tensors.items() if n not in inside})

    def state(self) -> TrainingState:
        """Return the whole run between two iterations."""
        arrays: dict[str, NDArray[Any]] = {
            "adam.first": self._optimizer.first.copy(),
            "adam.second": self._optimizer.second.copy(),
            "start": self._started_from,
            "parameters": self._network.parameters.copy(),
        }
        if self._routing is not None and self._routing.predictor is not None:
            for name, array in self._routing.predictor.state().items():
                arrays[f"predictor.{name}"] = array
        for name, array in self._collector.state().items():
            arrays[f"collector.{name}"] = array
        return TrainingState(
            arrays=arrays,
            data={
                "adam_steps": self._optimizer.steps,
                "rate_factor": self._rate_factor,
                "warming": self._warmup.active,
                "warmups": self._warmup.updates,
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
        if not np.array_equal(arrays["start"], self._started_from):
            raise PolicyError(
                "the training state belongs to a run that started from another policy"
            )
        self._network.parameters[:] = arrays["parameters"]
        if self._routing is not None and self._routing.predictor is not None:
            self._routing.predictor.restore(_with_prefix(arrays, "predictor."))
        self._optimizer.first[:] = arrays["adam.first"]
        self._optimizer.second[:] = arrays["adam.second"]
        self._optimizer.steps = int(state.data["adam_steps"])
        self._rate_factor = float(state.data["rate_factor"])
        self._warmup.active = bool(state.data["warming"])
        self._warmup.updates = int(state.data["warmups"])
        self._rollbacks = int(state.data["rollbacks"])
        self.spent = Spent(**state.data["spent"])
        self._collector.restore(_with_prefix(arrays, "collector."))
        self._actor = self._new_actor()

    def _left(self) -> int:
        budget = self.plan.budget
        used = self.spent.steps if budget.unit == "steps" else self.spent.episodes
        return budget.amount - used

    def _collect(self, tick: Callable[[int], None] | None) -> Trajectory:
        budget, config = self.plan.budget, self.plan.config
        by_steps = budget.unit == "steps"
        whole = self.plan.method == "reinforce"
        parts: list[Trajectory] = []
        left = self._left()
        while True:
            part = self._collector.collect(
                self._actor,
                rows=self._rows() if by_steps and not whole else config.n_steps,
                version=self.spent.updates,
                max_steps=left if by_steps else None,
                max_episodes=1 if whole else None if by_steps else left,
                tick=tick,
            )
            parts.append(part)
            left -= part.transitions if by_steps else 0
            if not whole or left <= 0 or part.episodes:
                return joined(parts)

    def _rows(self) -> int:
        """Return the rows of the next rollout: at most ``n_steps``, and the rest shared out evenly.

        A budget that is no multiple of the rollout would end in a stump, too small to learn from: of
        100,000 steps in rollouts of 32,768 the last would have 1,696.
        """
        config = self.plan.config
        rollouts = -(-self._left() // (config.n_envs * config.n_steps))
        return -(-self._left() // (rollouts * config.n_envs))

    def _begin_routing(self, config: RoutingConfig) -> None:
        """Set up how the bank of slots is trained."""
        spec, plan = self._spec, self.plan
        if not (isinstance(spec, RecurrentSpec) and spec.slots):
            raise PolicyError(f"a policy of kind {spec.kind!r} has no slots to route to")
        if config.specialists and len(config.specialists) != spec.slots:
            raise PolicyError(
                f"specialists has {len(config.specialists)} shares and the policy {spec.slots} slots; "
                "state one for each"
            )
        self._noise = GateNoise(
            gumbel=config.gumbel,
            slot_dropout=config.slot_dropout,
            specialists=config.specialists,
        )
        self._routing = Routing(
            config,
            spec.observation.size,
            spec.slots,
            seed=derive("slot predictor", plan.seed),
            epsilon=plan.config.adam_epsilon,
        )

    def _temperature(self) -> float:
        """Return the gate's temperature at the part of the budget that has been spent."""
        assert self.plan.routing is not None
        return temperature(
            self.plan.routing, min(1.0, 1.0 - self._left() / self.plan.budget.amount)
        )

    def _new_actor(self) -> Chooser:
        """Return who plays the next rollout: the policy as it is now, with its gate's noise."""
        policy = self.policy()
        if self._recurrent is not None:
            assert isinstance(policy.spec, RecurrentSpec)
            self._recurrent.temperature = policy.spec.temperature
            return RecurrentActor(policy, self._noise)
        return actor_for(policy)

    def _weight_anchor(self) -> Pull | None:
        """Return what pulls the weights back to the start; `ewc` plays some episodes to know how hard."""
        kind, beta = self._anchor.kind, self._anchor.beta
        if kind == "l2sp":
            return Pull(self._start, beta)
        if kind != "ewc":
            return None
        if is_adapter(self.plan.scope):
            raise PolicyError(
                "anchor 'ewc' weighs the policy's own parameters, and adapters are others; "
                "choose another scope, or l2sp"
            )
        if self._recurrent is not None:
            self._recurrent.learns_in(np.ones_like(self._learns))
        plan = self.plan
        found, self.side_steps = fisher_of(
            plan.policy, plan.task, self._inner, plan.config, seed=plan.seed
        )
        if self._recurrent is not None:
            self._recurrent.learns_in(self._learns)
        return Pull(self._start, beta, found)

    def _anchor_outputs(self, seen: Any) -> dict[str, FloatArray]:
        assert self._reference is not None
        outputs, features = self._reference.outputs(seen)
        if self._spec.distribution == "categorical":
            return {"reference": outputs}
        head = PolicyLossHead(self._spec, self._reference, self.plan.config, self._anchor)
        return {"reference": outputs, "reference_log_std": head.log_std(features)}

    def _warmed_long(self) -> bool:
        """Return whether the part of the budget that warm-up may take is used."""
        amount = self.plan.budget.amount
        return (amount - self._left()) / amount > self.plan.safety.warmup_fraction

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

    def _moved(self, batch: Batch) -> float:
        """Return the approximate KL from the behaviour policy to the policy as it is now."""
        outputs, features = self._network.outputs(batch.observations)
        loss, _ = self._head(batch, outputs, features)
        return loss.approx_kl


def _with_prefix(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}


def _network(policy: Policy, device: str) -> Network:
    recurrent = isinstance(policy.spec, RecurrentSpec)
    if device == "cpu":
        return RecurrentNetwork(policy) if recurrent else CompiledNetwork(policy)
    # PyTorch loads for a second.
    if recurrent:
        from ratchet.policies.recurrent.torch_network import TorchRecurrentNetwork  # noqa: PLC0415

        return TorchRecurrentNetwork(policy, device)
    from ratchet.policies.mlp import TorchNetwork  # noqa: PLC0415

    return TorchNetwork(policy, device)
