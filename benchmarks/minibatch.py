"""One mini-batch of 512 for two 64-64 tanh trunks, against its arithmetic and against peers.

Timed end to end in the update: its share of the shuffle, forward, loss, backward, clipping and Adam. The
limit is measured beside it: the matrix products and the tanh that such a mini-batch cannot do without, in
PyTorch, on one thread, with every result's memory allocated beforehand.

What bounds it: the same products; then the exponentials and logarithms of the loss, which run one by one
in float64, and the biases and Adam, which pass over memory once more than a product would. Actor and critic
run side by side on two threads, so that a free second core helps; on one core they run one after the other.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contenders import WRITE_UP, modes_task, sb3_model
from benchmarks.measure import Comparison, Result, Series, Worker, alternate, repetitions, seconds

NAME = "One mini-batch of PPO"
TARGET = "within twice its matrix products plus its tanh"
ROWS = 512


@cache
def _products() -> tuple[list[Any], list[Any]]:
    """Return the operands of every product, and of every tanh, with memory for the results."""
    import torch

    torch.set_num_threads(1)
    products, activations = [], []
    for out in (2, 1):
        x, first, second = torch.randn(ROWS, 4), torch.randn(ROWS, 64), torch.randn(ROWS, 64)
        w1, w2, w3 = torch.randn(64, 4), torch.randn(64, 64), torch.randn(out, 64)
        d_out, d_second, d_first = (
            torch.randn(ROWS, out),
            torch.randn(ROWS, 64),
            torch.randn(ROWS, 64),
        )
        pairs = [
            (x, w1.T),
            (first, w2.T),
            (second, w3.T),
            (d_out.T, second),
            (d_out, w3),
            (d_second.T, first),
            (d_second, w2),
            (d_first.T, x),
        ]
        products += [(a, b, torch.empty(a.shape[0], b.shape[1])) for a, b in pairs]
        activations += [(h, torch.empty_like(h)) for h in (first, second)]
    return products, activations


def limit(*, count: int) -> dict[str, float]:
    import torch

    products, activations = _products()

    def multiply() -> None:
        for _ in range(count):
            for a, b, result in products:
                torch.mm(a, b, out=result)

    def activate() -> None:
        for _ in range(count):
            for x, result in activations:
                torch.tanh(x, out=result)

    return {"products": 1e3 * seconds(multiply) / count, "tanh": 1e3 * seconds(activate) / count}


@cache
def _update(count: int) -> Any:
    """Return a call of our update over `count` mini-batches."""
    from threadpoolctl import threadpool_limits

    from ratchet.learning.adam import Adam
    from ratchet.learning.anchors import parse_anchor
    from ratchet.learning.config import PPOConfig
    from ratchet.learning.ppo import Batch, PolicyLossHead, ppo_update
    from ratchet.policies.initial import new_policy
    from ratchet.policies.network import CompiledNetwork
    from ratchet.rollout.fit import spec_for

    config = PPOConfig(**{**WRITE_UP, "learning_rate": 1e-6})
    spec = spec_for(modes_task())
    network = CompiledNetwork(new_policy(spec, 0))
    learns = np.ones(network.parameters.size, dtype=np.bool_)
    generator = np.random.default_rng(0)
    n = count * ROWS

    def draw(*shape: int) -> Any:
        return generator.standard_normal(shape).astype(np.float32)

    batch = Batch(
        observations=draw(n, 4),
        actions=generator.integers(0, 2, n),
        log_probs=np.full(n, -0.69, dtype=np.float32),
        advantages=draw(n),
        returns=draw(n),
        values=draw(n),
    )
    head = PolicyLossHead(spec, network, config, parse_anchor("none"))
    optimizer = Adam(learns, epsilon=config.adam_epsilon)

    def run() -> None:
        with threadpool_limits(limits=1, user_api="blas"):
            ppo_update(
                network,
                optimizer,
                batch,
                config,
                head=head,
                orders=[generator.permutation(n)],
                learning_rate=config.learning_rate,
            )

    return run


def ours(*, count: int, cores: int) -> float:
    usable = sorted(os.sched_getaffinity(0))
    _keep_to(usable[:cores])
    try:
        return 1e3 * seconds(_update(count)) / count
    finally:
        _keep_to(usable)


def _keep_to(cores: list[int]) -> None:
    """Let every thread of this process run on these cores only."""
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


@cache
def _sb3(count: int) -> Any:
    model = sb3_model(seed=0, **{**WRITE_UP, "n_steps": count * ROWS // 16, "n_epochs": 1})
    model.learn(1)
    return model


def theirs(*, count: int, threads: int) -> float:
    import torch

    model = _sb3(count)
    torch.set_num_threads(threads)
    return 1e3 * seconds(model.train) / count


@cache
def _stacked(count: int) -> Any:
    """Return a call of an eager PyTorch update: both trunks in one batched product, fused Adam."""
    import torch

    generator = torch.Generator().manual_seed(0)

    def weights(*shape: int) -> Any:
        return (0.1 * torch.randn(shape, generator=generator)).requires_grad_()

    w1, b1, w2, b2 = weights(2, 4, 64), weights(2, 1, 64), weights(2, 64, 64), weights(2, 1, 64)
    w_actor, b_actor, w_critic, b_critic = weights(64, 2), weights(2), weights(64, 1), weights(1)
    parameters = [w1, b1, w2, b2, w_actor, b_actor, w_critic, b_critic]
    optimizer = torch.optim.Adam(parameters, lr=1e-6, eps=1e-5, fused=True)
    n = count * ROWS
    observations = torch.randn(n, 4, generator=generator)
    actions = torch.randint(0, 2, (n, 1), generator=generator)
    advantages, returns = torch.randn(2, n, generator=generator)
    old = torch.full((n,), -0.69)

    def step(x: Any, action: Any, advantage: Any, target: Any, before: Any) -> None:
        hidden = torch.tanh(torch.baddbmm(b1, x.expand(2, -1, -1), w1))
        hidden = torch.tanh(torch.baddbmm(b2, hidden, w2))
        log_p = torch.addmm(b_actor, hidden[0], w_actor).log_softmax(1)
        value = torch.addmm(b_critic, hidden[1], w_critic).squeeze(1)
        ratio = (log_p.gather(1, action).squeeze(1) - before).exp()
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        surrogate = torch.min(advantage * ratio, advantage * ratio.clamp(0.8, 1.2)).mean()
        entropy = -(log_p.exp() * log_p).sum(1).mean()
        loss = 0.5 * (value - target).square().mean() - surrogate - 0.01 * entropy
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 0.5)
        optimizer.step()

    def run() -> None:
        order = torch.randperm(n, generator=generator)
        shuffled = [array[order] for array in (observations, actions, advantages, returns, old)]
        for parts in zip(*(array.split(ROWS) for array in shuffled), strict=True):
            step(*parts)

    return run


def stacked(*, count: int) -> float:
    import torch

    torch.set_num_threads(1)
    return 1e3 * seconds(_stacked(count)) / count


def measure(*, quick: bool) -> Result:
    """Measure the claim."""
    count = 4 if quick else 64
    with Worker() as bound, Worker() as mine, Worker() as peer, Worker() as eager:
        contenders = {
            "limit": lambda _: bound.call(limit, count=count),
            "two": lambda _: mine.call(ours, count=count, cores=2),
            "one": lambda _: mine.call(ours, count=count, cores=1),
            "sb3 1": lambda _: peer.call(theirs, count=count, threads=1),
            "sb3 2": lambda _: peer.call(theirs, count=count, threads=2),
            "stacked": lambda _: eager.call(stacked, count=count),
        }
        alternate(contenders, 1)  # compiles, loads and warms
        found = alternate(contenders, 2 if quick else 3 * repetitions(quick=quick))
    products, tanh = (
        Series(key, [each[key] for each in found["limit"]], "ms") for key in ("products", "tanh")
    )
    whole = [p + t for p, t in zip(products.values, tanh.values, strict=True)]
    least = Series("products + tanh, one thread", whole, "ms")
    one, two = Series("on one core", found["one"], "ms"), Series("as shipped", found["two"], "ms")
    threads = min((1, 2), key=lambda each: Series("", found[f"sb3 {each}"], "ms").median)
    sb3 = Series(f"Stable-Baselines3, PyTorch threads {threads}", found[f"sb3 {threads}"], "ms")
    whole_eager = Series("eager PyTorch, stacked trunks, fused Adam", found["stacked"], "ms")
    return Result(
        [
            Comparison(what="against the limit", ours=two, peer=least, at_most=2.0),
            Comparison(what="against the limit, on one core", ours=one, peer=least, at_most=2.0),
            Comparison(what="against Stable-Baselines3's update", ours=two, peer=sb3),
            Comparison(what="against the best eager PyTorch", ours=two, peer=whole_eager),
        ],
        [f"The limit's parts: {products.show()}; {tanh.show()}."],
    )
