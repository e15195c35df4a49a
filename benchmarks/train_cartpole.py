"""The write-up's training command, against Stable-Baselines3.

Both libraries are in processes that have imported everything and have compiled or loaded their kernels;
only the training call is timed. Stable-Baselines3 rounds the budget up to whole rollouts; Ratchet executes
it exactly. The peer's environments are Gymnasium's, and draw a mode with every episode as ours do.

What bounds it: the update, not the environment. Most of our time goes into mini-batches, and there into
products too small for a BLAS to reach its speed, tanh, and the loss (see the mini-batch claim). The peer's
time is shared between automatic differentiation over tensors so small that dispatch costs more than
arithmetic, and Python's way through every single environment.
"""

from __future__ import annotations

from typing import Any

from benchmarks.contenders import WRITE_UP, mean_return, our_trainer, sb3_model, sb3_policy
from benchmarks.measure import (
    Comparison,
    Difference,
    Result,
    Series,
    Worker,
    alternate,
    repetitions,
    seconds,
)

NAME = "Training by the write-up's command"
TARGET = "a fifth of the wall time, 3.5 times less per environment step, returns not worse"
STEPS = 100_000


def ours(*, steps: int, seed: int, episodes: int) -> dict[str, Any]:
    trainer = our_trainer(steps=steps, seed=seed, **WRITE_UP)
    wall = seconds(trainer.run)
    assert trainer.spent.steps == steps
    return {
        "seconds": wall,
        "steps": trainer.spent.steps,
        "learning": trainer.spent.learn_seconds,
        "return": mean_return(trainer.policy(), episodes=episodes) if episodes else 0.0,
    }


def theirs(*, steps: int, seed: int, episodes: int, threads: int) -> dict[str, Any]:
    import torch

    torch.set_num_threads(threads)
    model = sb3_model(seed=seed, **WRITE_UP)
    learning = [0.0]
    train = model.train

    def timed() -> None:
        learning[0] += seconds(train)

    model.train = timed
    wall = seconds(lambda: model.learn(steps))
    return {
        "seconds": wall,
        "steps": model.num_timesteps,
        "learning": learning[0],
        "return": mean_return(sb3_policy(model), episodes=episodes) if episodes else 0.0,
    }


def best_threads(worker: Worker, *, quick: bool) -> tuple[int, str]:
    """Return the number of PyTorch threads with which the peer trains fastest, and a sentence on it."""
    found = alternate(
        {
            str(threads): lambda seed, threads=threads: worker.call(
                theirs, steps=1, seed=seed, episodes=0, threads=threads
            )["seconds"]
            for threads in (1, 2)
        },
        1 if quick else 3,
    )
    series = {threads: Series(f"with {threads}", found[str(threads)], "s") for threads in (1, 2)}
    best = min((1, 2), key=lambda threads: series[threads].median)
    return best, (
        f"PyTorch threads of Stable-Baselines3: {best}, the faster setting for one rollout "
        f"({series[1].show()}; {series[2].show()})."
    )


def measure(*, quick: bool) -> Result:
    """Measure the claim."""
    steps, episodes, times = (4_000, 5, 2) if quick else (STEPS, 100, repetitions(quick=quick))
    with Worker() as mine, Worker() as peer:
        mine.call(ours, steps=64, seed=0, episodes=1)
        threads, sentence = best_threads(peer, quick=quick)
        found = alternate(
            {
                "peer": lambda seed: peer.call(
                    theirs, steps=steps, seed=seed, episodes=episodes, threads=threads
                ),
                "ours": lambda seed: mine.call(ours, steps=steps, seed=seed, episodes=episodes),
            },
            times,
        )

    def series(who: str, key: str, unit: str) -> Series:
        name = {"peer": "Stable-Baselines3", "ours": "Ratchet"}[who]
        return Series(name, [run[key] for run in found[who]], unit)

    def per_step(who: str) -> Series:
        whole = series(who, "seconds", "s")
        executed = [run["steps"] for run in found[who]]
        values = [1e6 * s / n for s, n in zip(whole.values, executed, strict=True)]
        return Series(whole.name, values, "µs")

    learning = {who: series(who, "learning", "s") for who in found}
    return Result(
        [
            Comparison(
                what="wall time of the training call",
                ours=series("ours", "seconds", "s"),
                peer=series("peer", "seconds", "s"),
                at_least=5.0,
            ),
            Comparison(
                what="wall time per environment step",
                ours=per_step("ours"),
                peer=per_step("peer"),
                at_least=3.5,
            ),
            Comparison(what="of it, the updates", ours=learning["ours"], peer=learning["peer"]),
            Difference(
                what=f"final return: mean of {times} seeds, 3 modes, {episodes} greedy episodes each",
                ours=series("ours", "return", "return"),
                peer=series("peer", "return", "return"),
            ),
        ],
        [
            (
                f"Environment steps executed: Ratchet {found['ours'][0]['steps']:,}, "
                f"Stable-Baselines3 {found['peer'][0]['steps']:,}. Means are given with 95% intervals over "
                "training seeds."
            ),
            sentence,
        ],
    )
