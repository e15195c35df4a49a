"""Training with a memory: the preset `recurrent`, against sb3-contrib's RecurrentPPO.

Sizes and settings are the same: 8 environments by 128 steps, 4 epochs, mini-batches of 256 transitions, a
recurrent layer of 64 and heads of 64. What differs is the cell, a GRU that also sees the previous action and
reward against an LSTM on the observation alone, and what a mini-batch is: ours are whole stretches of 128
steps, the peer's run on from a transition drawn at random and are cut at episode ends.

What bounds it: the way through time. A recurrent layer takes its steps one after the other, forward and
back, and each is a product of a few rows with a small matrix. Ours takes them in one compiled loop over
all stretches of a mini-batch; in the peer each step is several calls into PyTorch, recorded for the way
back, because its LSTM is reset where an episode begins.

Training with a bank of slots does the same work once more: the gate and FiLM at every step, and the losses
that teach the gate.
"""

from __future__ import annotations

from typing import Any

from benchmarks.contenders import (
    SB3RecurrentChooser,
    chooser_return,
    mean_return,
    preset_trainer,
    sb3_recurrent_model,
)
from benchmarks.measure import (
    Comparison,
    Difference,
    Result,
    Series,
    Worker,
    alternate,
    fresh,
    seconds,
)

NAME = "Recurrent training"
TARGET = (
    "a fifth of RecurrentPPO's wall time, returns not worse; "
    "300,000 steps with a bank of slots within 90 s"
)
STEPS, SEEDS = 50_000, 3
BANK_STEPS, BANK_LIMIT = 300_000, 90.0


def ours(*, steps: int, seed: int, episodes: int) -> dict[str, Any]:
    trainer = preset_trainer("recurrent", steps=steps, seed=seed)
    wall = seconds(trainer.run)
    assert trainer.spent.steps == steps
    policy = trainer.policy()
    return {
        "seconds": wall,
        "steps": trainer.spent.steps,
        "parameters": policy.parameter_count,
        "return": mean_return(policy, episodes=episodes),
    }


def theirs(*, steps: int, seed: int, episodes: int, threads: int) -> dict[str, Any]:
    import torch

    torch.set_num_threads(threads)
    model = sb3_recurrent_model(seed=seed)
    wall = seconds(lambda: model.learn(steps))
    return {
        "seconds": wall,
        "steps": model.num_timesteps,
        "parameters": sum(each.numel() for each in model.policy.parameters()),
        "return": chooser_return(SB3RecurrentChooser(model), episodes=episodes),
    }


def one_rollout(*, seed: int, threads: int) -> float:
    import torch

    torch.set_num_threads(threads)
    model = sb3_recurrent_model(seed=seed)
    return seconds(lambda: model.learn(1))


def with_bank(*, steps: int) -> float:
    preset_trainer("best-config-strong", steps=1_024, seed=0).run()
    return seconds(preset_trainer("best-config-strong", steps=steps, seed=0).run)


def measure(*, quick: bool) -> Result:
    """Measure the claim."""
    steps, episodes, times = (2_000, 5, 2) if quick else (STEPS, 100, SEEDS)
    bank_steps = 4_000 if quick else BANK_STEPS
    with Worker() as mine, Worker() as peer:
        mine.call(ours, steps=1_024, seed=0, episodes=1)
        peer.call(one_rollout, seed=0, threads=1)
        rollouts = alternate(
            {
                str(threads): lambda seed, threads=threads: peer.call(
                    one_rollout, seed=seed, threads=threads
                )
                for threads in (1, 2)
            },
            1 if quick else 2,
        )
        setting = {n: Series(f"with {n}", rollouts[str(n)], "s") for n in (1, 2)}
        threads = min((1, 2), key=lambda each: setting[each].median)
        found = alternate(
            {
                "RecurrentPPO": lambda seed: peer.call(
                    theirs, steps=steps, seed=seed, episodes=episodes, threads=threads
                ),
                "Ratchet": lambda seed: mine.call(ours, steps=steps, seed=seed, episodes=episodes),
            },
            times,
        )
    bank = fresh(with_bank, steps=bank_steps)

    def series(who: str, key: str, unit: str) -> Series:
        return Series(who, [run[key] for run in found[who]], unit)

    first = {who: runs[0] for who, runs in found.items()}
    return Result(
        [
            Comparison(
                what=f"wall time of the training call, {steps:,} steps",
                ours=series("Ratchet", "seconds", "s"),
                peer=series("RecurrentPPO", "seconds", "s"),
                at_least=5.0,
            ),
            Difference(
                what=f"final return: mean of {times} seeds, 3 modes, {episodes} greedy episodes each",
                ours=series("Ratchet", "return", "return"),
                peer=series("RecurrentPPO", "return", "return"),
            ),
            Comparison(
                what=f"`best-config-strong`, {bank_steps:,} steps",
                ours=Series("Ratchet", [bank], "s"),
                peer=Series("the limit", [BANK_LIMIT], "s"),
                at_least=1.0,
            ),
        ],
        [
            "; ".join(
                f"{who}: {each['parameters']:,} parameters, {each['steps']:,} environment steps executed"
                for who, each in first.items()
            )
            + ". Means are given with 95% intervals over training seeds.",
            (
                f"PyTorch threads of RecurrentPPO: {threads}, the faster setting for one rollout and its "
                f"update ({setting[1].show()}; {setting[2].show()})."
            ),
        ],
    )
