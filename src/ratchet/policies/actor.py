"""Acting: from observations to actions, the same for one environment and for a thousand.

An actor holds no state and draws from no generator: its noise is a function of the episode's seed and
the step within the episode. So a rollout can be resumed, and an evaluation batched, without changing
a single action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import PolicyError
from ratchet.policies import kernels
from ratchet.policies.policy import Policy
from ratchet.policies.spec import ActionSpec, PolicySpec

FloatArray = NDArray[np.float32]
_NO_ROWS = np.empty((0, 0), dtype=np.float32)
_NO_MASK = np.empty((0, 0), dtype=np.bool_)
_NO_STATE = np.empty((0, 0), dtype=np.float32)


@dataclass(frozen=True)
class Choice:
    """What an actor chose for `n` environments.

    `actions` is what learning needs: int64 ``(n,)`` counted from 0, or float32 ``(n, k)`` before
    clipping. `executed` is what the environment gets. `log_probs` is float32 ``(n,)``: the behaviour
    policy's own, and NaN where the chooser has none.
    """

    actions: NDArray[Any]
    executed: NDArray[Any]
    log_probs: FloatArray


class Chooser(Protocol):
    """Anything that plays: a learned policy, the random one, a heuristic.

    One that remembers has a state of `memory` numbers for every environment. The caller keeps it: zeros when
    an episode begins, handed to `act`, which moves it on in place, and the step's reward put into the last
    column afterwards.
    """

    id: str
    memory: int

    def act(
        self,
        observations: FloatArray,
        masks: NDArray[np.bool_] | None,
        seeds: NDArray[np.uint64],
        steps: NDArray[np.int64],
        *,
        deterministic: bool,
        state: FloatArray,
    ) -> Choice:
        """Choose for ``(n, size)`` flat observations; `seeds` and `steps` ``(n,)`` name the noise."""
        ...

    def remember(self, state: FloatArray, actions: NDArray[Any]) -> None:
        """Put into the state that these ``actions`` were done in the step just chosen for."""
        ...


def trunk_sizes(spec: PolicySpec) -> dict[str, list[int]]:
    """Return the widths of the `shared`, `actor` and `critic` trunks, heads included."""
    features = spec.shared[-1] if spec.shared else spec.observation.size
    return {
        "shared": [spec.observation.size, *spec.shared],
        "actor": [features, *spec.actor, spec.action.size],
        "critic": [features, *spec.critic, 1],
    }


def trunk_tensors(spec: PolicySpec) -> dict[str, list[str]]:
    """Return the names of each trunk's tensors, weight and bias by turns, from the input up."""
    return {
        "shared": _stack("mlp_extractor.shared_net", len(spec.shared)),
        "actor": [
            *_stack("mlp_extractor.policy_net", len(spec.actor)),
            "action_net.weight",
            "action_net.bias",
        ],
        "critic": critic_tensors(spec.critic),
    }


def critic_tensors(layers: Sequence[int]) -> list[str]:
    """Return the names of a critic's tensors, weight and bias by turns, from the input up."""
    stack = _stack("mlp_extractor.value_net", len(layers))
    return [*stack, "value_net.weight", "value_net.bias"]


def _stack(prefix: str, depth: int) -> list[str]:
    return [f"{prefix}.{2 * index}.{part}" for index in range(depth) for part in ("weight", "bias")]


def execute(action: ActionSpec, actions: NDArray[Any], *, squash: bool = False) -> NDArray[Any]:
    """Return what the environment gets for the chosen actions, as Stable-Baselines3 does it.

    Discrete actions are counted from the space's start; continuous ones are clipped to the space, or,
    with `squash`, pass through tanh and are stretched to it.
    """
    if action.kind == "discrete":
        return actions + action.start
    low = np.asarray(action.low, dtype=np.float32)
    high = np.asarray(action.high, dtype=np.float32)
    if squash:
        return np.asarray(low + 0.5 * (np.tanh(actions) + 1.0) * (high - low), dtype=np.float32)
    clipped: NDArray[Any] = np.clip(actions, low, high)
    return clipped


def transposed(policy: Policy, names: Sequence[str]) -> FloatArray:
    """Return tensors of one trunk, weight and bias by turns, as `kernels.act` wants them."""
    parts = [np.ascontiguousarray(policy.tensors[name].T).ravel() for name in names]
    return np.concatenate(parts).astype(np.float32)


def choose_categorical(
    action: ActionSpec,
    logits: FloatArray,
    masks: NDArray[np.bool_] | None,
    seeds: NDArray[np.uint64],
    steps: NDArray[np.int64],
    *,
    deterministic: bool,
) -> Choice:
    """Choose by logits ``(n, k)``.

    Raises
    ------
    PolicyError
        If a row's mask leaves no legal action.

    """
    count = len(logits)
    actions, log_probs = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.float32)
    legal = _NO_MASK if masks is None else masks
    stuck = kernels.choose_discrete(logits, legal, seeds, steps, deterministic, actions, log_probs)
    if stuck >= 0:
        raise PolicyError(f"environment {stuck} offers no legal action: its mask is all false")
    return Choice(actions, execute(action, actions), log_probs)


def choose_gaussian(
    action: ActionSpec,
    means: FloatArray,
    log_std: FloatArray,
    seeds: NDArray[np.uint64],
    steps: NDArray[np.int64],
    *,
    deterministic: bool,
) -> Choice:
    """Choose by means ``(n, k)`` and log standard deviations ``(k,)``."""
    drawn, log_probs = np.empty_like(means), np.empty(len(means), dtype=np.float32)
    std = np.broadcast_to(np.exp(log_std), means.shape)
    kernels.choose_box(means, std, seeds, steps, deterministic, drawn, log_probs)
    return Choice(drawn, execute(action, drawn), log_probs)


class Actor:
    """A multilayer perceptron, ready to play: a snapshot of its weights, laid out for acting."""

    memory = 0

    def __init__(self, policy: Policy) -> None:
        self.id = policy.id
        self.policy = policy
        spec = policy.spec
        assert isinstance(spec, PolicySpec)
        self._spec = spec
        self._activation = kernels.ACTIVATIONS[spec.activation]
        names = trunk_tensors(spec)
        self._sizes = {
            name: np.array(sizes, dtype=np.int64) for name, sizes in trunk_sizes(spec).items()
        }
        self._trunks = {name: transposed(policy, names[name]) for name in names if names[name]}
        if "log_std" in policy.tensors:
            self._log_std = policy.tensors["log_std"]

    def outputs(self, trunk: str, observations: FloatArray) -> FloatArray:
        """Return logits or means (`actor`), or values ``(n, 1)`` (`critic`), of raw observations."""
        return self._run(trunk, self._features(observations), _NO_ROWS)

    def act(
        self,
        observations: FloatArray,
        masks: NDArray[np.bool_] | None,
        seeds: NDArray[np.uint64],
        steps: NDArray[np.int64],
        *,
        deterministic: bool,
        state: FloatArray = _NO_STATE,  # noqa: ARG002 - it remembers nothing
    ) -> Choice:
        """Choose for ``(n, size)`` flat raw observations.

        Raises
        ------
        PolicyError
            If a row's mask leaves no legal action.

        """
        spec = self._spec
        features = self._features(observations)
        if spec.distribution == "categorical":
            logits = self._run("actor", features, _NO_ROWS)
            return choose_categorical(
                spec.action, logits, masks, seeds, steps, deterministic=deterministic
            )
        if spec.distribution == "gaussian":
            means = self._run("actor", features, _NO_ROWS)
            return choose_gaussian(
                spec.action, means, self._log_std, seeds, steps, deterministic=deterministic
            )
        assert spec.exploration is not None
        count = len(observations)
        log_probs = np.empty(count, dtype=np.float32)
        drawn = np.empty((count, spec.action.size), dtype=np.float32)
        latent = np.empty((count, self._sizes["actor"][-2]), dtype=np.float32)
        means = self._run("actor", features, latent)
        scale = np.ascontiguousarray(
            np.broadcast_to(
                exploration_scale(self._log_std, use_expln=spec.exploration.use_expln),
                (latent.shape[1], spec.action.size),
            )
        )
        kernels.choose_state_dependent(
            means,
            latent,
            scale,
            spec.exploration.epsilon,
            spec.exploration.sample_frequency,
            seeds,
            steps,
            deterministic,
            drawn,
            log_probs,
        )
        squash = spec.exploration.squash
        return Choice(drawn, execute(spec.action, drawn, squash=squash), log_probs)

    def remember(self, state: FloatArray, actions: NDArray[Any]) -> None:
        """Do nothing: it remembers nothing."""

    def _features(self, observations: FloatArray) -> FloatArray:
        seen = np.ascontiguousarray(self.policy.observe(observations))
        if "shared" not in self._trunks:
            return seen
        return self._run("shared", seen, _NO_ROWS, activate_last=True)

    def _run(
        self, trunk: str, x: FloatArray, latent: FloatArray, *, activate_last: bool = False
    ) -> FloatArray:
        result: FloatArray = kernels.act(
            x, self._sizes[trunk], self._trunks[trunk], self._activation, activate_last, latent
        )
        return result


def exploration_scale(log_std: FloatArray, *, use_expln: bool) -> FloatArray:
    """Return the standard deviations of gSDE's matrix: exp, or the growth-limited `expln`."""
    if not use_expln:
        return np.exp(log_std)
    grown = np.log1p(np.maximum(log_std, 0.0)) + 1.0
    return np.where(log_std > 0.0, grown, np.exp(np.minimum(log_std, 0.0))).astype(np.float32)
