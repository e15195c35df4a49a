"""Half a million steps of CartPole-v1, against PPO compiled whole by JAX (`jax_ppo.py`).

16 environments of 128 rows, 4 epochs of 4 mini-batches, two 64-64 tanh trunks. Each run has a process of
its own that has imported its libraries and done nothing else; compilation is inside the time. Ratchet's
kernels come from Numba's disk cache, as from the second use on; the first use ever, which compiles and keeps
them, has a row of its own. JAX compiles in every process, and for every shape.

What bounds it: for both, the arithmetic of a mini-batch. JAX pays nothing between the steps, but compiles
for seconds. Ours goes back to Python for each row of a rollout and for each mini-batch; on first use it is
Numba's compilation of every kernel, once for an installation.
"""

from __future__ import annotations

import tempfile
from typing import Any

from benchmarks.contenders import mean_return, our_trainer, policy_of
from benchmarks.measure import Comparison, Result, Series, alternate, fresh, repetitions, seconds

NAME = "Training against compiled JAX"
TARGET = "ahead of it with compilation counted, over 500,000 steps"
STEPS = 500_000
SETTINGS = {"n_envs": 16, "n_steps": 128, "batch_size": 512, "n_epochs": 4, "ent_coef": 0.01}


def ours(*, steps: int, seed: int, episodes: int) -> dict[str, Any]:
    trainer = our_trainer(steps=128, seed=seed, mode="0", **SETTINGS)  # imports
    wall: list[float] = []
    for _ in range(2):

        def run() -> None:
            nonlocal trainer
            trainer = our_trainer(steps=steps, seed=seed, mode="0", **SETTINGS)
            trainer.run()

        wall.append(seconds(run))
    score = mean_return(trainer.policy(), episodes=episodes, modes=("0",))
    return {"seconds": wall[0], "run": wall[1], "steps": trainer.spent.steps, "return": score}


def ours_first(*, steps: int, seed: int) -> float:
    trainer = our_trainer(steps=steps, seed=seed, mode="0", **SETTINGS)
    return seconds(trainer.run)


def theirs(*, steps: int, seed: int, episodes: int) -> dict[str, Any]:
    from benchmarks import jax_ppo

    found = jax_ppo.train(steps=steps, seed=seed)
    policy = policy_of(found.pop("tensors"))
    return {**found, "return": mean_return(policy, episodes=episodes, modes=("0",))}


def _first(steps: int, seed: int) -> float:
    with tempfile.TemporaryDirectory() as empty:
        return float(fresh(ours_first, {"NUMBA_CACHE_DIR": empty}, steps=steps, seed=seed))


def measure(*, quick: bool) -> Result:
    """Measure the claim."""
    steps, episodes = (8_192, 5) if quick else (STEPS, 100)
    fresh(ours, steps=128, seed=0, episodes=1)  # fills the disk cache
    found = alternate(
        {
            "jax": lambda seed: fresh(theirs, steps=steps, seed=seed, episodes=episodes),
            "ours": lambda seed: fresh(ours, steps=steps, seed=seed, episodes=episodes),
            "first": lambda seed: _first(steps, seed),
        },
        repetitions(quick=quick),
    )

    def series(who: str, key: str, unit: str = "s") -> Series:
        name = {"jax": "JAX", "ours": "Ratchet"}[who]
        return Series(name, [run[key] for run in found[who]], unit)

    jax = series("jax", "seconds")
    return Result(
        [
            Comparison(
                what="compilation counted (ours: kernels from the disk cache)",
                ours=series("ours", "seconds"),
                peer=jax,
                at_least=1.0,
            ),
            Comparison(
                what="compilation counted, first use ever (empty cache)",
                ours=Series("Ratchet", found["first"], "s"),
                peer=jax,
                at_least=1.0,
            ),
            Comparison(
                what="compilation left out", ours=series("ours", "run"), peer=series("jax", "run")
            ),
        ],
        [
            (
                f"Environment steps executed: Ratchet {found['ours'][0]['steps']:,}, "
                f"JAX {found['jax'][0]['steps']:,}. Both learn: {series('ours', 'return', 'return').show()} "
                f"and {series('jax', 'return', 'return').show()}, greedy, over {episodes} seeds."
            )
        ],
    )
