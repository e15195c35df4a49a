"""PPO as one compiled function, in JAX: the peer of `train_jax`.

Environment, rollout, advantages, mini-batches and Adam are one ``jit`` of nested ``lax.scan``, so that
nothing returns to Python until training is over.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import gymnax
import jax
import jax.numpy as jnp
import numpy as np

ENVIRONMENTS, ROWS, EPOCHS, PARTS = 16, 128, 4, 4
GAMMA, LAMBDA, CLIP, BONUS, RATE, LONGEST = 0.99, 0.95, 0.2, 0.01, 3e-4, 0.5


class Step(NamedTuple):
    """One row of a rollout, or any part of one."""

    seen: Any
    action: Any
    log_prob: Any
    value: Any
    reward: Any
    done: Any


def initial(key: Any) -> dict[str, Any]:
    """Return orthogonal weights of two 64-64 trunks, by layer: weight ``(in, out)`` and bias."""
    layers: dict[str, Any] = {}
    shapes = {"1": (4, 64, 2**0.5), "2": (64, 64, 2**0.5)}
    for trunk, out, gain in (("actor", 2, 0.01), ("critic", 1, 1.0)):
        for name, (wide, high, size) in {**shapes, "3": (64, out, gain)}.items():
            key, mine = jax.random.split(key)
            weight = jax.nn.initializers.orthogonal(size)(mine, (wide, high))
            layers[f"{trunk}{name}"] = (weight, jnp.zeros(high))
    return layers


def _trunk(layers: dict[str, Any], name: str, x: Any) -> Any:
    for layer in ("1", "2"):
        weight, bias = layers[f"{name}{layer}"]
        x = jnp.tanh(x @ weight + bias)
    weight, bias = layers[f"{name}3"]
    return x @ weight + bias


def _loss(layers: dict[str, Any], part: tuple[Step, Any, Any]) -> Any:
    step, advantage, target = part
    log_p = jax.nn.log_softmax(_trunk(layers, "actor", step.seen))
    value = _trunk(layers, "critic", step.seen)[:, 0]
    ratio = jnp.exp(jnp.take_along_axis(log_p, step.action[:, None], 1)[:, 0] - step.log_prob)
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    surrogate = jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - CLIP, 1 + CLIP) * advantage)
    entropy = -(jnp.exp(log_p) * log_p).sum(1).mean()
    return 0.5 * jnp.square(value - target).mean() - surrogate.mean() - BONUS * entropy


def make(updates: int) -> Any:
    """Return the training function: from a key to the trained layers."""
    environment, settings = gymnax.make("CartPole-v1")
    reset = jax.vmap(environment.reset, (0, None))
    advance = jax.vmap(environment.step, (0, 0, 0, None))

    def play(carry: Any, key: Any) -> Any:
        layers, state, seen = carry
        for_action, for_step = jax.random.split(key)
        log_p = jax.nn.log_softmax(_trunk(layers, "actor", seen))
        action = jax.random.categorical(for_action, log_p)
        value = _trunk(layers, "critic", seen)[:, 0]
        keys = jax.random.split(for_step, ENVIRONMENTS)
        following, state, reward, done, _ = advance(keys, state, action, settings)
        log_prob = jnp.take_along_axis(log_p, action[:, None], 1)[:, 0]
        return (layers, state, following), Step(seen, action, log_prob, value, reward, done)

    def back(carry: Any, step: Step) -> Any:
        trace, value = carry
        going_on = 1.0 - step.done
        delta = step.reward + GAMMA * value * going_on - step.value
        trace = delta + GAMMA * LAMBDA * going_on * trace
        return (trace, step.value), trace

    def descend(carry: Any, part: Any) -> Any:
        layers, first, second, count = carry
        slope = jax.grad(_loss)(layers, part)
        norm = jnp.sqrt(sum(jnp.square(leaf).sum() for leaf in jax.tree.leaves(slope)))
        slope = jax.tree.map(lambda g: g * jnp.minimum(1.0, LONGEST / (norm + 1e-6)), slope)
        count = count + 1
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slope)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, slope)
        size = RATE / (1 - 0.9**count)
        root = jnp.sqrt(1 - 0.999**count)
        layers = jax.tree.map(
            lambda p, m, v: p - size * m / (jnp.sqrt(v) / root + 1e-5), layers, first, second
        )
        return (layers, first, second, count), None

    def update(carry: Any, key: Any) -> Any:
        learner, state, seen = carry
        for_rollout, for_order = jax.random.split(key)
        keys = jax.random.split(for_rollout, ROWS)
        (_, state, seen), steps = jax.lax.scan(play, (learner[0], state, seen), keys)
        last = _trunk(learner[0], "critic", seen)[:, 0]
        _, advantages = jax.lax.scan(back, (jnp.zeros_like(last), last), steps, reverse=True)
        flat = jax.tree.map(
            lambda a: a.reshape(ENVIRONMENTS * ROWS, *a.shape[2:]),
            (steps, advantages, advantages + steps.value),
        )

        def epoch(inner: Any, its_key: Any) -> Any:
            order = jax.random.permutation(its_key, ENVIRONMENTS * ROWS)
            parts = jax.tree.map(lambda a: a[order].reshape(PARTS, -1, *a.shape[1:]), flat)
            return jax.lax.scan(descend, inner, parts)

        learner, _ = jax.lax.scan(epoch, learner, jax.random.split(for_order, EPOCHS))
        return (learner, state, seen), None

    def train(key: Any) -> Any:
        for_layers, for_reset, for_updates = jax.random.split(key, 3)
        layers = initial(for_layers)
        seen, state = reset(jax.random.split(for_reset, ENVIRONMENTS), settings)
        nothing = jax.tree.map(jnp.zeros_like, layers)
        learner = (layers, nothing, nothing, jnp.zeros(()))
        keys = jax.random.split(for_updates, updates)
        (learner, _, _), _ = jax.lax.scan(update, (learner, state, seen), keys)
        return learner[0]

    return train


def train(*, steps: int, seed: int) -> dict[str, Any]:
    """Train for the whole rollouts that fit into `steps`: first with compilation, then without."""
    updates = max(1, steps // (ENVIRONMENTS * ROWS))
    key = jax.random.key(seed)
    began = time.perf_counter()
    compiled = jax.jit(make(updates)).lower(key).compile()
    ready = time.perf_counter()
    layers = jax.block_until_ready(compiled(key))
    done = time.perf_counter()
    return {
        "seconds": done - began,
        "run": done - ready,
        "steps": updates * ENVIRONMENTS * ROWS,
        "tensors": _tensors(layers),
    }


def _tensors(layers: dict[str, Any]) -> dict[str, Any]:
    """Return the weights under the names that our policies give them."""
    tensors: dict[str, Any] = {}
    for trunk, net, head in (
        ("actor", "mlp_extractor.policy_net", "action_net"),
        ("critic", "mlp_extractor.value_net", "value_net"),
    ):
        for layer, name in (("1", f"{net}.0"), ("2", f"{net}.2"), ("3", head)):
            weight, bias = layers[f"{trunk}{layer}"]
            tensors[f"{name}.weight"] = np.asarray(weight).T.tolist()
            tensors[f"{name}.bias"] = np.asarray(bias).tolist()
    return tensors
