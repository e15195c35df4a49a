"""What the claims share: the task, our training call, and Stable-Baselines3 set up for the same work."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

WRITE_UP = {"n_envs": 16, "n_steps": 2048, "batch_size": 512, "n_epochs": 10, "ent_coef": 0.01}
"""The settings of the write-up's training; learning rate and the rest are both libraries' defaults."""

MODES = ((9.8, 0.5), (7.5, 0.7), (12.0, 0.4))
"""Gravity and pole half-length of the three modes of ``cartpole-modes``."""


def our_trainer(
    *, steps: int, seed: int, mode: str | None = None, policy: Any = None, **settings: Any
) -> Any:
    """Return a trainer on ``cartpole-modes``, from `policy` or from nothing."""
    from ratchet.learning.config import PPOConfig
    from ratchet.learning.trainer import Budget, Trainer, TrainingPlan
    from ratchet.policies.initial import new_policy
    from ratchet.rollout.fit import spec_for

    task = modes_task()
    plan = TrainingPlan(
        policy=new_policy(spec_for(task), seed) if policy is None else policy,
        task=task,
        budget=Budget(steps),
        config=PPOConfig(**settings),
        mode=mode,
        seed=seed,
    )
    return Trainer(plan)


@cache
def modes_task() -> Any:
    """Return the task ``cartpole-modes``."""
    from ratchet.tasks.cartpole import cartpole_modes

    return cartpole_modes()


def mean_return(policy: Any, *, episodes: int, modes: tuple[str, ...] = ("0", "1", "2")) -> float:
    """Return the mean over modes of greedy returns on the first `episodes` seeds."""
    from ratchet.evaluation.play import play
    from ratchet.policies.actor import Actor
    from ratchet.seeding import report_seeds

    task, actor = modes_task(), Actor(policy)
    return float(
        np.mean(
            [
                [e.episode_return for e in play(task, actor, report_seeds(episodes), mode)]
                for mode in modes
            ]
        )
    )


def policy_of(tensors: Any) -> Any:
    """Return a policy for ``cartpole-modes`` that holds a peer's tensors, named as ours are."""
    from ratchet.policies.policy import Policy
    from ratchet.rollout.fit import spec_for

    arrays = {name: np.array(tensor, dtype=np.float32) for name, tensor in tensors.items()}
    return Policy(spec=spec_for(modes_task()), tensors=arrays)


def trained_zip(path: Path, *, steps: int) -> None:
    """Write a policy trained for `steps` steps on mode 0, as a Stable-Baselines3 file."""
    from ratchet.policies.sb3_export import write_sb3

    trainer = our_trainer(steps=steps, seed=0, mode="0", **{**WRITE_UP, "n_steps": 512})
    write_sb3(trainer.run(), path, observation_space=modes_task().observation_space)


def sb3_environment(count: int, seed: int, *, mode: int | None = None) -> Any:
    """Return `count` Gymnasium CartPoles one after the other, each drawing a mode an episode."""
    import gymnasium
    from stable_baselines3.common.vec_env import DummyVecEnv

    class Drawn(gymnasium.Wrapper[Any, Any, Any, Any]):
        """CartPole-v1 whose gravity and pole length change with every episode."""

        def __init__(self, copy: int) -> None:
            super().__init__(gymnasium.make("CartPole-v1"))
            self._generator = np.random.default_rng((seed, copy))

        def reset(self, **options: Any) -> Any:
            chosen = int(self._generator.integers(len(MODES))) if mode is None else mode
            inner: Any = self.unwrapped
            inner.gravity, inner.length = MODES[chosen]
            inner.polemass_length = inner.masspole * inner.length
            return self.env.reset(**options)

    return DummyVecEnv([lambda copy=copy: Drawn(copy) for copy in range(count)])


def sb3_model(*, seed: int, **settings: Any) -> Any:
    """Return Stable-Baselines3's PPO on the three modes."""
    from stable_baselines3 import PPO

    environment = sb3_environment(settings.pop("n_envs"), seed)
    return PPO("MlpPolicy", environment, seed=seed, device="cpu", **settings)


def sb3_policy(model: Any) -> Any:
    """Return the policy of a Stable-Baselines3 model as one of ours."""
    return policy_of({name: tensor.numpy() for name, tensor in model.policy.state_dict().items()})
