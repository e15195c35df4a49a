"""Adapting a policy to a mode within 30 episodes, by what is adapted.

A piece is one call: 30 training episodes on mode 2 with their updates, without a guard, from a policy with a
bank of slots. Adapting changes how long episodes last, so the ratios are of times per environment step. The
limit is what REINFORCE cannot do without: simulator and acting policy alone, the same 30 episodes played
one after the other by the policy as it was. Slot search and PPO play several episodes side by side.

The peer is the write-up's own way, written anew in plain PyTorch: one Gymnasium environment, a GRU cell, gate
and FiLM called at every step and recorded for differentiation, one step of Adam an episode over the gate
alone. It starts from the same weights, and leaves out the value, which REINFORCE does not use.

What bounds it: acting for one environment, whose every step is a handful of calls from Python. The update
computes the whole episode once more, in one pass, and where the encoder and the GRU do not learn it stops
before them.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.contenders import modes_task, preset_trainer, sb3_environment
from benchmarks.measure import (
    Comparison,
    Result,
    Series,
    Worker,
    alternate,
    fresh,
    number,
    repetitions,
    seconds,
)

NAME = "Adapting to a mode in 30 episodes"
TARGET = (
    "at most twice the time of playing alone, "
    "and for the gate a fifth of the time of the write-up's way"
)
MODE, EPISODES, BASE_STEPS = "2", 30, 20_000
PIECES = (
    ("gating", "reinforce"),
    ("film", "reinforce"),
    ("slots", "reinforce"),
    ("policy_head", "reinforce"),
    ("adapter", "reinforce"),
    ("full", "reinforce"),
    ("full", "ppo"),
    ("gating", "slot_search"),
)


def prepare(*, path: str, steps: int) -> None:
    from ratchet.policies.checkpoint import publish

    publish(preset_trainer("best-config-strong", steps=steps, seed=0).run(), Path(path))


@cache
def _policy(path: str) -> Any:
    from ratchet.policies.checkpoint import read_checkpoint

    return read_checkpoint(Path(path))


def ours(*, path: str, scope: str, method: str, episodes: int, seed: int) -> dict[str, float]:
    from ratchet.recipes.adapting import Adaptation, adapt

    how = Adaptation(scope=scope, method=method, guard=None)
    done: list[Any] = []

    def piece() -> None:
        done.append(
            adapt(_policy(path), modes_task(), MODE, how, episodes, seed=seed, deterministic=False)
        )

    wall = seconds(piece)
    assert len(done[0].episodes) <= episodes
    return {"seconds": wall, "steps": done[0].environment_steps}


def playing(*, path: str, episodes: int, seed: int) -> dict[str, float]:
    """Play what adaptation begins with, one episode after the other, and learn nothing."""
    from ratchet.evaluation.play import play
    from ratchet.policies.recurrent.actor import actor_for
    from ratchet.seeding import training_seed

    task, actor = modes_task(), actor_for(_policy(path))
    seeds = [training_seed(seed, 0, 0, number) for number in range(episodes)]
    lengths: list[int] = []

    def alone() -> None:
        for each in seeds:
            lengths.extend(
                episode.length for episode in play(task, actor, [each], MODE, deterministic=False)
            )

    wall = seconds(alone)
    return {"seconds": wall, "steps": sum(lengths)}


def theirs(*, path: str, episodes: int, seed: int, threads: int) -> dict[str, float]:
    """Adapt the gate by REINFORCE, step by step in PyTorch."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    policy = _policy(path)
    weights = {name: torch.tensor(tensor) for name, tensor in policy.tensors.items()}
    cell = torch.nn.GRUCell(policy.spec.width, policy.spec.width).requires_grad_(False)
    for name, tensor in cell.named_parameters():
        tensor.copy_(weights[f"gru.{name}"])
    gate = [tensor.requires_grad_() for name, tensor in weights.items() if name.startswith("gate.")]
    optimizer = torch.optim.Adam(gate, lr=1e-3)
    environment = sb3_environment(1, seed, mode=int(MODE)).envs[0]
    environment.reset(seed=seed)

    def linear(x: Any, name: str) -> Any:
        return functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def step(seen: Any, hidden: Any) -> tuple[Any, Any]:
        hidden = cell(torch.relu(linear(seen, "encoder.0")), hidden)
        logits = linear(torch.relu(linear(hidden, "gate.0")), "gate.2")
        mixture = torch.softmax(logits / policy.spec.temperature, dim=1) @ weights["slots"]
        film = linear(torch.relu(linear(mixture, "film.0")), "film.2")
        scale, shift = film.chunk(2, dim=1)
        features = torch.relu(linear(scale * hidden + shift, "mlp_extractor.policy_net.0"))
        return linear(features, "action_net"), hidden

    def episode() -> int:
        observation, _ = environment.reset()
        hidden = torch.zeros(1, policy.spec.width)
        before = torch.zeros(1, policy.spec.action.size + 1)
        log_probs, rewards, done = [], [], False
        while not done:
            seen = torch.cat([torch.from_numpy(observation)[None], before], dim=1)
            logits, hidden = step(seen, hidden)
            drawn = torch.distributions.Categorical(logits=logits)
            action = drawn.sample()
            log_probs.append(drawn.log_prob(action))
            observation, reward, terminated, truncated, _ = environment.step(action.item())
            rewards.append(reward)
            before = torch.zeros_like(before)
            before[0, action.item()], before[0, -1] = 1.0, reward
            done = terminated or truncated
        returns, following = torch.zeros(len(rewards)), 0.0
        for at in reversed(range(len(rewards))):
            following = rewards[at] + 0.99 * following
            returns[at] = following
        returns = (returns - returns.mean()) / (returns.std() + 1e-8)
        optimizer.zero_grad()
        (-torch.cat(log_probs) * returns).mean().backward()
        optimizer.step()
        return len(rewards)

    lengths: list[int] = []
    wall = seconds(lambda: lengths.extend([episode() for _ in range(episodes)]))
    return {"seconds": wall, "steps": sum(lengths)}


def measure(*, quick: bool) -> Result:
    """Measure the claim."""
    episodes, times = (8, 2) if quick else (EPISODES, repetitions(quick=quick))
    with tempfile.TemporaryDirectory() as directory, Worker() as mine, Worker() as peer:
        path = str(Path(directory) / "policy")
        fresh(prepare, path=path, steps=2_048 if quick else BASE_STEPS)

        def piece(scope: str, method: str) -> Any:
            return lambda seed: mine.call(
                ours, path=path, scope=scope, method=method, episodes=episodes, seed=seed
            )

        def written(threads: int, episodes: int) -> Any:
            return lambda seed: peer.call(
                theirs, path=path, episodes=episodes, seed=seed, threads=threads
            )

        written(1, 1)(0)
        tried = alternate({str(threads): written(threads, 2) for threads in (1, 2)}, 1)
        setting = {n: _per_step(tried[str(n)], f"with {n}") for n in (1, 2)}
        threads = min((1, 2), key=lambda each: setting[each].median)
        contenders = {
            "alone": lambda seed: mine.call(playing, path=path, episodes=episodes, seed=seed),
            **{f"{scope} {method}": piece(scope, method) for scope, method in PIECES},
            "write-up": written(threads, episodes),
        }
        for name in contenders.keys() - {"write-up"}:
            contenders[name](-1)
        found = alternate(contenders, times)

    alone = _per_step(found["alone"], "playing alone")
    rows = [
        Comparison(
            what=_words(scope, method),
            ours=_per_step(found[f"{scope} {method}"], "Ratchet"),
            peer=alone,
            at_most=2.0,
        )
        for scope, method in PIECES
    ]
    against = Comparison(
        what="gate by REINFORCE, against the write-up's way",
        ours=rows[0].ours,
        peer=_per_step(found["write-up"], "PyTorch"),
        at_least=5.0,
    )
    return Result(
        [*rows, against],
        [
            f"Seconds a piece of {episodes} episodes, and its environment steps: "
            + "; ".join(
                f"{name} {_seconds(found[key])}"
                for name, key in (
                    ("playing alone", "alone"),
                    *((_words(*each), " ".join(each)) for each in PIECES),
                    ("the write-up's way", "write-up"),
                )
            )
            + ".",
            (
                f"PyTorch threads of the write-up's way: {threads}, the faster setting for two episodes "
                f"({setting[1].show()}; {setting[2].show()})."
            ),
        ],
    )


def _per_step(runs: list[dict[str, float]], name: str) -> Series:
    return Series(name, [1e6 * run["seconds"] / run["steps"] for run in runs], "µs")


def _words(scope: str, method: str) -> str:
    if method == "slot_search":
        return "slot search"
    return f"`{scope}` by {method.upper()}"


def _seconds(runs: list[dict[str, float]]) -> str:
    wall = Series("", [run["seconds"] for run in runs], "s")
    steps = Series("", [run["steps"] for run in runs], "")
    return f"{number(wall.median, 's')} s ({steps.median:,.0f} steps)"
