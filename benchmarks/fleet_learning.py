"""The learning of a fleet's trainer, against the matrix products that it consists of.

One update of a clone of the Spire heuristic on eight of its games: values and advantages, four epochs of PPO with the
anchor to demonstrations, and the look at how far the policy has moved; the second one of a learner, as its memory
comes from the operating system in the first. The limits are the products of the four epochs
alone, forward, for the weights and for the layers below. As this update makes them, the first layer, of which three
quarters of the work would be products with zeros, takes the other numbers alone; a dense library makes them all, by
the BLAS that NumPy brings. In the update both threads share the work, so its limit is half the time that
one thread needs for all of them. The two other limits have actor and critic in a thread each, of which the actor, that sees the
demonstrations too, has more to do.

What bounds it beside the products: GELU and its slope, Adam on 3.6 million parameters, of which the first layers' are
nine tenths, and the gathering of mini-batches.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.measure import Comparison, Result, Series, Worker, alternate, repetitions
from benchmarks.spire_clone import LAYERS, clone, games, play_batch

NAME = "A fleet's learning: one update"
TARGET = "at most 1.5 times its own matrix products"
BATCH = 8
EPOCHS = 4
SHOWN = 128
SIZES = (64, 512)


_BATCH: list[Any] = []


def transitions() -> int:
    if not _BATCH:
        _BATCH.extend(play_batch(BATCH))
    return sum(len(one) for one in _BATCH)


def update(*, batch_size: int) -> float:
    """Return the seconds of one update, the second of a learner."""
    from threadpoolctl import threadpool_limits

    from ratchet.learning.config import FleetConfig
    from ratchet.learning.episode_learner import EpisodeLearner

    transitions()
    config = FleetConfig(
        batch_size=batch_size, n_epochs=EPOCHS, target_kl=None, warmup_updates=0, anchor_batch=SHOWN
    )
    learner = EpisodeLearner(clone(), config, seed=0, demonstrations=games())
    with threadpool_limits(1, user_api="blas"):
        # The first update is given its memory by the operating system, page by page; the others have it.
        learner.learn(1, _BATCH, [0] * BATCH)
        began = time.perf_counter()
        learner.learn(2, _BATCH, [0] * BATCH)
        return time.perf_counter() - began


def products(*, batch_size: int, sparse: bool, evenly: bool = False) -> float:
    """Return the seconds of the products of one update; `evenly`, as if two threads had half of them each."""
    from threadpoolctl import threadpool_limits

    from ratchet.policies.sparse import SparseRows

    total = transitions()
    observations = np.concatenate([one.observations for one in _BATCH])[:batch_size]
    shown = games().rows.dense(np.arange(SHOWN))
    wide, actions = observations.shape[1], clone().spec.action.n
    minibatches = EPOCHS * (total / batch_size)
    rounds = max(4, int(minibatches) // 4)

    def chain(x: Any, outputs: int) -> Any:
        """Return what multiplies for one trunk, forward, for its weights, and for what is below them."""
        generator = np.random.default_rng(0)

        def some(*shape: int) -> Any:
            return generator.standard_normal(shape, dtype=np.float32)

        pairs = list(pairwise([wide, *LAYERS, outputs]))
        weights = [some(high, low) for low, high in pairs]
        inputs = [x, *(some(len(x), high) for _, high in pairs[:-1])]
        slopes = [some(len(x), high) for _, high in pairs]
        out, d_below = (
            [np.empty_like(one) for one in slopes],
            [np.empty_like(one) for one in inputs],
        )
        d_weights = [np.empty_like(one) for one in weights]
        whole = SparseRows.of(x)
        by_input, d_by_input = (
            np.ascontiguousarray(weights[0].T),
            np.empty((wide, LAYERS[0]), np.float32),
        )

        def run() -> None:
            if sparse:
                # Anew each time: a mini-batch is sorted by column once.
                rows = whole[:]
                rows.product(by_input, out[0])
                rows.weight_gradient(slopes[0], d_by_input)
            for layer in range(1 if sparse else 0, len(pairs)):
                np.dot(inputs[layer], weights[layer].T, out[layer])
                np.dot(slopes[layer].T, inputs[layer], d_weights[layer])
                if layer:
                    np.dot(slopes[layer], weights[layer], d_below[layer])

        return run

    critic = chain(observations, 1)
    actor = chain(np.concatenate([observations, shown]), actions)
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(1) as pool:
        pool.submit(critic).result()
        actor()
        began = time.perf_counter()
        if evenly:
            for _ in range(rounds):
                critic()
                actor()
            return (time.perf_counter() - began) / rounds * minibatches / 2
        for _ in range(rounds):
            beside = pool.submit(critic)
            actor()
            beside.result()
        return (time.perf_counter() - began) / rounds * minibatches


def measure(*, quick: bool) -> Result:
    """Measure the claim."""
    sizes = SIZES[-1:] if quick else SIZES
    with Worker() as worker:
        total = worker.call(transitions)

        def contenders(size: int) -> dict[str, Any]:
            return {
                "update": lambda _: worker.call(update, batch_size=size),
                "dense": lambda _: worker.call(products, batch_size=size, sparse=False),
                "sparse": lambda _: worker.call(products, batch_size=size, sparse=True),
                "even": lambda _: worker.call(products, batch_size=size, sparse=True, evenly=True),
            }

        found = {}
        for size in sizes:
            alternate(contenders(size), 1)
            found[size] = alternate(contenders(size), repetitions(quick=quick))
    rows = []
    for size in sizes:
        ours = Series("update", found[size]["update"], "s")
        for name, peer, at_most in (
            ("products as it makes them", "even", 1.5),
            ("same, a thread for each network", "sparse", None),
            ("dense products, a thread for each network", "dense", None),
        ):
            rows.append(
                Comparison(
                    what=f"mini-batches of {size}: against the {name}",
                    ours=ours,
                    peer=Series(name, found[size][peer], "s"),
                    at_most=at_most,
                )
            )
    speeds = ", ".join(
        f"{total / Series('', found[size]['update'], 's').median:,.0f} transitions/s with mini-batches of {size}"
        for size in sizes
    )
    return Result(rows, [f"{total:,} transitions in {BATCH} games; learned alone: {speeds}."])
