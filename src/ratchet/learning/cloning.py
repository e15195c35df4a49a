"""Behaviour cloning: a policy learns a teacher's actions, and its critic the teacher's returns.

First everything but the critic's own tensors learns to act (masked cross-entropy), then the critic's own
learn the discounted returns, on whatever trunk the policy has by then: so PPO starts with a critic, and the
critic costs the policy nothing. Each part keeps its best epoch by a validation set of whole episodes.

Invariants: no episode both teaches and measures; the same demonstrations, settings and seed give the same
policy; nothing is written here, so that to break off leaves nothing behind.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ratchet.errors import PolicyError, TaskError
from ratchet.learning.adam import Adam
from ratchet.learning.config import CloningConfig
from ratchet.learning.experience import explained_variance
from ratchet.learning.loss import imitation_loss, value_loss
from ratchet.policies.networks import network_for
from ratchet.policies.policy import Policy
from ratchet.policies.scopes import scope_tensors
from ratchet.policies.spec import RecurrentSpec
from ratchet.rollout.demonstrations import Demonstrations
from ratchet.rollout.fit import check_fit
from ratchet.seeding import derive
from ratchet.tasks.task import Task

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
Part = Literal["policy", "critic"]

_AT_ONCE = 2048
"""Decisions looked at together where nothing is learned from them."""

_HEAD_WEIGHT, _HEAD_BIAS = "value_net.weight", "value_net.bias"


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One pass over the demonstrations, for one part.

    The losses are cross-entropies in nats for the policy, without smoothing on the validation set, and
    squared errors in units of the returns' variance for the critic. `score` is the accuracy or the
    explained variance on the validation set.
    """

    part: Part
    number: int
    training_loss: float
    validation_loss: float
    score: float
    best: bool


class Accuracy(NamedTuple):
    """How many decisions there were, and in how many the likeliest action was the teacher's."""

    decisions: int
    agreed: int

    @property
    def share(self) -> float:
        """The share of agreement; NaN of no decisions."""
        return self.agreed / self.decisions if self.decisions else math.nan


@dataclass(frozen=True, kw_only=True)
class AccuracyReport:
    """Accuracy on the validation set, in all and apart.

    `choices` leaves out decisions with one legal action, where everybody agrees. Kinds and situations are the
    task's, the kind that of the teacher's action; empty where the task names none.
    """

    overall: Accuracy
    choices: Accuracy
    by_kind: dict[str, Accuracy]
    by_situation: dict[str, Accuracy]


@dataclass(frozen=True, kw_only=True)
class Clone:
    """What cloning has come to; `explained_variance` is the critic's, on the validation set."""

    policy: Policy
    epochs: Sequence[Epoch]
    episodes: int
    decisions: int
    accuracy: AccuracyReport
    cross_entropy: float
    explained_variance: float


def clone(
    policy: Policy,
    demonstrations: Demonstrations,
    task: Task,
    config: CloningConfig,
    *,
    seed: int = 0,
    device: str = "cpu",
    observe: Callable[[Epoch], None] = lambda _: None,
) -> Clone:
    """Return a child of `policy` that acts as the teacher, as far as it can be learned.

    Parameters
    ----------
    policy
        Where learning begins: a multilayer perceptron or one that knows entities, with discrete actions.
    demonstrations
        What the teacher has done, in at least two episodes.
    task
        What is played; it names the kinds of actions and the situations.
    config
        Settings.
    seed
        Splits the episodes and shuffles the decisions.
    device
        ``cpu``, or what PyTorch knows an accelerator by.
    observe
        Is told of every epoch.

    Raises
    ------
    PolicyError
        If the policy is of another kind, or does not fit the task.
    TaskError
        If the demonstrations are of another task, or of fewer than two episodes.

    """
    check_fit(policy.spec, task)
    if isinstance(policy.spec, RecurrentSpec) or policy.spec.distribution != "categorical":
        raise PolicyError(
            f"a policy of kind {policy.spec.kind!r} with {policy.spec.distribution} actions cannot be "
            "cloned into; it must be mlp or entities, with discrete actions"
        )
    if demonstrations.task != task.name:
        raise TaskError(
            f"the demonstrations are of task {demonstrations.task!r}, not {task.name!r}"
        )
    if demonstrations.episodes < 2:
        raise TaskError("there is 1 demonstration; cloning needs at least 2, one to measure with")
    cloning = _Cloning(policy, demonstrations, config, seed, device, observe)
    cloning.learn()
    cross_entropy, accuracy = _measured(cloning, demonstrations, task)
    record = {
        "source": "cloning",
        "algorithm": policy.record.get("algorithm", "PPO"),
        "observation_space": policy.record.get("observation_space"),
        "task": task.name,
        "teacher": demonstrations.teacher,
        "demonstrations": demonstrations.id,
        "episodes": demonstrations.episodes,
        "decisions": len(demonstrations),
        "validation_accuracy": accuracy.overall.share,
        "seed": seed,
        "hyperparameters": config.model_dump(),
    }
    network = cloning.network
    return Clone(
        policy=policy.descend(network.layout.unpack(network.parameters), **record),
        epochs=tuple(cloning.epochs),
        episodes=demonstrations.episodes,
        decisions=len(demonstrations),
        accuracy=accuracy,
        cross_entropy=cross_entropy,
        explained_variance=cloning.explained,
    )


def split_episodes(episodes: int, share: float, seed: int) -> tuple[IntArray, IntArray]:
    """Return which of at least two episodes teach and which measure, each at least one, in order."""
    order = np.random.default_rng(derive("split", seed)).permutation(episodes)
    held = min(max(round(share * episodes), 1), episodes - 1)
    return np.sort(order[held:]), np.sort(order[:held])


@njit(cache=True, nogil=True)
def _discount(rewards: Any, starts: Any, gamma: Any, returns: Any, left: Any) -> None:
    for episode in range(starts.size - 1):
        total, factor = 0.0, 1.0
        for step in range(starts[episode + 1] - 1, starts[episode] - 1, -1):
            total = rewards[step] + gamma * total
            factor *= gamma
            returns[step] = total
            left[step] = factor


def discounted_returns(
    rewards: FloatArray, starts: IntArray, gamma: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each step's return within its episode ``(n,)``, and the discount of what followed the episode.

    `starts` ``(e + 1,)`` says where each of the episodes begins.
    """
    returns, left = np.zeros(len(rewards)), np.zeros(len(rewards))
    _discount(rewards, starts, gamma, returns, left)
    return returns, left


class _Cloning:
    """The learning of one clone: `network` holds the best of each part that has learned."""

    def __init__(
        self,
        policy: Policy,
        demonstrations: Demonstrations,
        config: CloningConfig,
        seed: int,
        device: str,
        observe: Callable[[Epoch], None],
    ) -> None:
        self.network = network_for(policy, device)
        self.epochs: list[Epoch] = []
        self.explained = math.nan
        self._policy, self._config, self._seed, self._observe = policy, config, seed, observe
        self._shown = demonstrations
        teaching, measuring = split_episodes(demonstrations.episodes, config.validation_share, seed)
        self._teaching = demonstrations.steps_of(teaching)
        self.measuring = demonstrations.steps_of(measuring)
        layout = self.network.layout
        self._critic = layout.mask(scope_tensors(policy.spec, "value"))

    def learn(self) -> None:
        """Learn to act, then to value."""
        self._fit("policy", ~self._critic, self._act, self._acting)
        self._begin_values()
        self._fit("critic", self._critic, self._value, self._valuing)
        self._rescale(self._scale, self._mean)

    def logits(self, steps: IntArray) -> FloatArray:
        """Return the logits at some steps ``(len(steps), k)``."""
        return self.network.outputs(self._seen(steps))[0]

    def _fit(
        self,
        part: Part,
        learns: NDArray[np.bool_],
        learn: Callable[[IntArray], float],
        measure: Callable[[], tuple[float, float]],
    ) -> None:
        """Make passes until there has been no better one for a while, and keep the best."""
        config, network = self._config, self.network
        # A part's tensors are neighbours: what lies outside need not pass through the optimizer.
        places = np.flatnonzero(learns)
        part_of = slice(places[0], places[-1] + 1)
        parameters, gradient = network.parameters[part_of], network.gradient[part_of]
        optimizer = Adam(learns[part_of], epsilon=config.adam_epsilon)
        decay, decayed = np.float32(config.weight_decay), np.empty_like(parameters)
        best, best_loss, best_number = parameters.copy(), math.inf, 0
        best_score = math.nan
        for number in range(1, config.max_epochs + 1):
            order = np.random.default_rng(derive("clone", self._seed, part, number)).permutation(
                self._teaching
            )
            total = 0.0
            for low in range(0, len(order), config.batch_size):
                steps = order[low : low + config.batch_size]
                total += learn(steps) * len(steps)
                gradient += np.multiply(parameters, decay, out=decayed)
                optimizer.step(parameters, gradient, rate=config.learning_rate, max_norm=math.inf)
            loss, score = measure()
            better = loss < best_loss
            if better:
                best[:] = parameters
                best_loss, best_number, best_score = loss, number, score
            epoch = Epoch(
                part=part,
                number=number,
                training_loss=total / len(order),
                validation_loss=loss,
                score=score,
                best=better,
            )
            self.epochs.append(epoch)
            self._observe(epoch)
            if number - best_number >= config.patience:
                break
        parameters[:] = best
        if part == "critic":
            self.explained = best_score

    def _act(self, steps: IntArray) -> float:
        """Fill the gradient of a mini-batch's cross-entropy; return the loss."""
        shown, losses = self._shown, []

        def head(logits: FloatArray, _: FloatArray) -> FloatArray:
            loss, gradient = imitation_loss(
                logits,
                shown.actions[steps],
                smoothing=self._config.label_smoothing,
                masks=shown.masks(steps),
            )
            losses.append(loss.loss)
            return gradient

        self.network.differentiate(self._seen(steps), head, None)
        return losses[0]

    def _acting(self) -> tuple[float, float]:
        """Return cross-entropy and accuracy on the validation set."""
        entropy = agreement = 0.0
        for steps in _chunks(self.measuring):
            loss, _ = imitation_loss(
                self.logits(steps),
                self._shown.actions[steps],
                smoothing=0.0,
                masks=self._shown.masks(steps),
            )
            entropy += loss.cross_entropy * len(steps)
            agreement += loss.agreement * len(steps)
        return entropy / len(self.measuring), agreement / len(self.measuring)

    def _begin_values(self) -> None:
        """Take the returns, and let the critic's output be in units of their deviation from their mean.

        It begins where it is on average right.
        """
        shown, normalizer = self._shown, self._policy.normalizer
        rewards = shown.rewards if normalizer is None else normalizer.rewards(shown.rewards)
        self._returns, self._left = discounted_returns(rewards, shown.starts, self._config.gamma)
        taught = self._returns[self._teaching]
        self._mean, self._scale = float(taught.mean()), float(taught.std()) or 1.0
        expected = float(self.network.values(self._seen(self._teaching[:_AT_ONCE])).mean())
        self._rescale(1.0 / self._scale, -expected / self._scale)
        self._cut = np.flatnonzero(~shown.terminated)
        self._bootstrap()

    def _rescale(self, factor: float, shift: float) -> None:
        """Let the critic's output be what it is, times `factor`, plus `shift`: its head is linear."""
        slices, parameters = self.network.layout.slices, self.network.parameters
        parameters[slices[_HEAD_WEIGHT]] *= np.float32(factor)
        bias = parameters[slices[_HEAD_BIAS]].astype(np.float64)
        parameters[slices[_HEAD_BIAS]] = factor * bias + shift

    def _bootstrap(self) -> None:
        """Set the targets: an episode that was cut goes on with what the critic expects, anew each epoch."""
        targets = self._returns.copy()
        if len(self._cut):
            after = np.zeros(self._shown.episodes)
            for cut in _chunks(self._cut):
                seen = self._policy.observe(self._shown.final_observations(cut))
                after[cut] = self._mean + self._scale * self.network.values(seen)
            targets += self._left * after[self._shown.episode_of]
        self._targets = ((targets - self._mean) / self._scale).astype(np.float32)

    def _value(self, steps: IntArray) -> float:
        """Fill the gradient of a mini-batch's squared error; return the error."""
        targets, losses = self._targets[steps], []

        def head(values: FloatArray) -> FloatArray:
            loss, gradient = value_loss(values, targets, targets, clip=None, weight=1.0)
            losses.append(loss)
            return gradient

        self.network.differentiate(self._seen(steps), None, head)
        return losses[0]

    def _valuing(self) -> tuple[float, float]:
        """Return squared error and explained variance on the validation set; move on the targets."""
        self._bootstrap()
        values = np.concatenate(
            [self.network.values(self._seen(steps)) for steps in _chunks(self.measuring)]
        )
        targets = self._targets[self.measuring]
        error = float(np.square(values.astype(np.float64) - targets).mean())
        return error, explained_variance(values, targets)

    def _seen(self, steps: IntArray) -> FloatArray:
        return self._policy.observe(self._shown.observations(steps))


def _chunks(which: IntArray) -> list[IntArray]:
    return [which[low : low + _AT_ONCE] for low in range(0, len(which), _AT_ONCE)]


def _measured(cloning: _Cloning, shown: Demonstrations, task: Task) -> tuple[float, AccuracyReport]:
    """Return cross-entropy and accuracy on the validation set, in all and apart."""
    agreed, legal, situations, entropy = [], [], [], 0.0
    for steps in _chunks(cloning.measuring):
        logits, masks, actions = cloning.logits(steps), shown.masks(steps), shown.actions[steps]
        loss, _ = imitation_loss(logits, actions, smoothing=0.0, masks=masks)
        entropy += loss.cross_entropy * len(steps)
        allowed = logits if masks is None else np.where(masks, logits, -np.inf)
        agreed.append(allowed.argmax(axis=1) == actions)
        count = np.full(len(steps), shown.action_count) if masks is None else masks.sum(axis=1)
        legal.append(count)
        if task.situations:
            situations.append(task.situation_of(shown.observations(steps)))
    same, free = np.concatenate(agreed), np.concatenate(legal) > 1
    kinds = np.zeros(0, dtype=np.int64)
    names = list(dict.fromkeys(task.action_kinds))
    if names:
        of_action = np.array([names.index(kind) for kind in task.action_kinds])
        kinds = of_action[shown.actions[cloning.measuring]]
    report = AccuracyReport(
        overall=_accuracy(same, np.ones_like(same)),
        choices=_accuracy(same, free),
        by_kind=_apart(same, kinds, names),
        by_situation=_apart(
            same, np.concatenate(situations) if situations else kinds, task.situations
        ),
    )
    return entropy / len(same), report


def _accuracy(same: NDArray[np.bool_], which: NDArray[np.bool_]) -> Accuracy:
    return Accuracy(int(which.sum()), int((same & which).sum()))


def _apart(same: NDArray[np.bool_], of: IntArray, names: Sequence[str]) -> dict[str, Accuracy]:
    """Return the accuracy of each name that occurs, in the order of the names."""
    apart = {name: _accuracy(same, of == number) for number, name in enumerate(names)}
    return {name: accuracy for name, accuracy in apart.items() if accuracy.decisions}
