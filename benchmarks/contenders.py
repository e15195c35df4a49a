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

SEQUENCES = {
    "n_envs": 8,
    "n_steps": 128,
    "batch_size": 256,
    "n_epochs": 4,
    "learning_rate": 3e-4,
    "ent_coef": 0.01,
}
"""The settings of recurrent training; the rest are both libraries' defaults."""


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


def preset_trainer(name: str, *, steps: int, seed: int) -> Any:
    """Return a trainer on ``cartpole-modes`` for a new policy of that preset."""
    from ratchet.learning.config import PPOConfig
    from ratchet.learning.trainer import Budget, Trainer, TrainingPlan
    from ratchet.recipes.presets import find_preset

    preset, task = find_preset(name), modes_task()
    assert SEQUENCES.items() <= preset.ppo.items()
    plan = TrainingPlan(
        policy=preset.new(task, seed),
        task=task,
        budget=Budget(steps),
        config=PPOConfig(**preset.ppo),
        seed=seed,
        routing=preset.routing,
    )
    return Trainer(plan)


@cache
def modes_task() -> Any:
    """Return the task ``cartpole-modes``."""
    from ratchet.tasks.cartpole import cartpole_modes

    return cartpole_modes()


def mean_return(policy: Any, *, episodes: int, modes: tuple[str, ...] = ("0", "1", "2")) -> float:
    """Return the mean over modes of greedy returns on the first `episodes` seeds."""
    from ratchet.policies.recurrent.actor import actor_for

    return chooser_return(actor_for(policy), episodes=episodes, modes=modes)


def chooser_return(
    chooser: Any, *, episodes: int, modes: tuple[str, ...] = ("0", "1", "2")
) -> float:
    """Return `mean_return` of anything that plays."""
    from ratchet.evaluation.play import play
    from ratchet.seeding import report_seeds

    task, seeds = modes_task(), report_seeds(episodes)
    return float(
        np.mean([[e.episode_return for e in play(task, chooser, seeds, mode)] for mode in modes])
    )


def policy_of(tensors: Any) -> Any:
    """Return a policy for ``cartpole-modes`` that holds a peer's tensors, named as ours are."""
    from ratchet.policies.policy import Policy
    from ratchet.rollout.fit import spec_for

    arrays = {name: np.array(tensor, dtype=np.float32) for name, tensor in tensors.items()}
    return Policy(spec=spec_for(modes_task()), tensors=arrays)


def trained_zip(path: Path, *, steps: int) -> None:
    """Write a policy trained for `steps` steps on mode 0, as a Stable-Baselines3 file."""
    from ratchet.policies.sb3.exporter import write_sb3

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


def sb3_recurrent_model(*, seed: int) -> Any:
    """Return sb3-contrib's RecurrentPPO on the three modes, about as large as our preset `recurrent`.

    One LSTM of 64 for actor and critic, whose gradient reaches it from the actor alone, and a hidden layer
    of 64 for each.
    """
    from sb3_contrib import RecurrentPPO

    settings: dict[str, Any] = dict(SEQUENCES)
    environment = sb3_environment(settings.pop("n_envs"), seed)
    shape = {
        "lstm_hidden_size": 64,
        "n_lstm_layers": 1,
        "shared_lstm": True,
        "enable_critic_lstm": False,
        "net_arch": {"pi": [64], "vf": [64]},
    }
    return RecurrentPPO(
        "MlpLstmPolicy", environment, seed=seed, device="cpu", policy_kwargs=shape, **settings
    )


class SB3RecurrentChooser:
    """A RecurrentPPO model playing our environments: its state in a row is (h, c), then the reward."""

    id = "sb3-contrib"

    def __init__(self, model: Any) -> None:
        self._model = model
        self._wide = model.policy.lstm_actor.hidden_size
        self.memory = 2 * self._wide + 1

    def act(
        self,
        observations: Any,
        masks: Any,
        seeds: Any,
        steps: Any,
        *,
        deterministic: bool,
        state: Any,
    ) -> Any:
        """Choose as `predict` does, and move the state on in place."""
        from ratchet.policies.actor import Choice

        del masks, seeds
        wide = self._wide
        before = (state[None, :, :wide].copy(), state[None, :, wide:-1].copy())
        actions, after = self._model.predict(
            observations, before, episode_start=steps == 0, deterministic=deterministic
        )
        state[:, :wide], state[:, wide:-1] = after[0][0], after[1][0]
        return Choice(actions=actions, executed=actions, log_probs=np.full(len(actions), np.nan))

    def remember(self, state: Any, actions: Any) -> None:
        """Do nothing: it does not see its actions."""
