"""Same rollout, same mini-batch order, same settings: the same parameters as Stable-Baselines3's."""

from unittest import mock

import gymnasium
import numpy as np
import pytest
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import CallbackList
from stable_baselines3.common.env_util import make_vec_env

from environments import Masked
from ratchet.learning.adam import Adam
from ratchet.learning.anchors import Anchor
from ratchet.learning.config import PPOConfig
from ratchet.learning.ppo import Batch, PolicyLossHead, ppo_update
from ratchet.policies.mlp import TorchNetwork
from ratchet.policies.network import CompiledNetwork
from ratchet.policies.policy import Policy
from ratchet.policies.spec import StateDependentExploration
from strategies import box_spec, discrete_spec

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are trying to run.*on the GPU.*"),
    pytest.mark.filterwarnings("ignore:You have specified a mini-batch size"),
]


class MaskedForContrib(Masked):
    """sb3-contrib asks for masks by a method."""

    def reset(self, **arguments):
        observation, self._info = super().reset(**arguments)
        return observation, self._info

    def step(self, action):
        *rest, self._info = super().step(action)
        return *rest, self._info

    def action_masks(self):
        return self._info["action_mask"].astype(bool)


CASES = {
    "cartpole": (PPO, lambda: gymnasium.make("CartPole-v1"), discrete_spec(4, 2), {}),
    "cartpole, values clipped": (
        PPO,
        lambda: gymnasium.make("CartPole-v1"),
        discrete_spec(4, 2),
        {"clip_range_vf": 0.1, "max_grad_norm": 0.1},
    ),
    "cartpole, plain advantages, relu": (
        PPO,
        lambda: gymnasium.make("CartPole-v1"),
        discrete_spec(4, 2, actor=(16,), critic=(8, 8, 8), activation="relu"),
        {"normalize_advantage": False},
    ),
    "pendulum": (PPO, lambda: gymnasium.make("Pendulum-v1"), box_spec(3, 1), {}),
    "pendulum, short last batch": (
        PPO,
        lambda: gymnasium.make("Pendulum-v1"),
        box_spec(3, 1),
        {"batch_size": 60},
    ),
    "pendulum, gSDE": (
        PPO,
        lambda: gymnasium.make("Pendulum-v1"),
        box_spec(3, 1, distribution="gsde", exploration=StateDependentExploration()),
        {"use_sde": True},
    ),
    "masked": (MaskablePPO, MaskedForContrib, discrete_spec(3, 5), {}),
}


def policy_of(spec, model):
    state = model.policy.state_dict()
    return Policy(
        spec=spec, tensors={name: state[name].numpy().copy() for name in spec.tensor_shapes()}
    )


def collected(model, rollout):
    """Make the model play one rollout; return it as it lies in its buffer, before any update."""
    _, callback = model._setup_learn(rollout, CallbackList([]))
    assert model.collect_rollouts(
        model.env, callback, model.rollout_buffer, n_rollout_steps=model.n_steps
    )
    buffer = model.rollout_buffer

    def flat(array):
        return np.ascontiguousarray(array.swapaxes(0, 1).reshape(-1, *array.shape[2:]))

    discrete = isinstance(model.action_space, gymnasium.spaces.Discrete)
    actions = flat(buffer.actions)
    masks = getattr(buffer, "action_masks", None)
    count = model.n_steps * model.n_envs
    return Batch(
        observations=flat(buffer.observations).reshape(count, -1),
        actions=actions.reshape(count).astype(np.int64) if discrete else actions,
        log_probs=flat(buffer.log_probs).ravel(),
        advantages=flat(buffer.advantages).ravel(),
        returns=flat(buffer.returns).ravel(),
        values=flat(buffer.values).ravel(),
        masks=None if masks is None else flat(masks).reshape(count, -1).astype(np.bool_),
    )


@pytest.mark.parametrize("case", CASES)
def test_one_update_gives_the_same_parameters(case):
    make_model, make_env, spec, options = CASES[case]
    settings = {
        "n_steps": 64,
        "batch_size": 64,
        "n_epochs": 4,
        "ent_coef": 0.01,
        "learning_rate": 1e-3,
        **options,
    }
    from torch import nn

    model = make_model(
        "MlpPolicy",
        make_vec_env(make_env, n_envs=4, seed=3),
        seed=3,
        device="cpu",
        policy_kwargs={
            "net_arch": {"pi": list(spec.actor), "vf": list(spec.critic)},
            "activation_fn": {"tanh": nn.Tanh, "relu": nn.ReLU}[spec.activation],
        },
        **settings,
    )
    batch = collected(model, 256)
    start = policy_of(spec, model)
    rng = np.random.default_rng(7)
    orders = [rng.permutation(len(batch)) for _ in range(4)]
    with mock.patch("numpy.random.permutation", side_effect=orders):
        model.train()
    theirs = policy_of(spec, model)

    settings.pop("use_sde", None)
    config = PPOConfig(n_envs=4, **settings)
    for network in (CompiledNetwork(start), TorchNetwork(start, "cpu")):
        metrics = ppo_update(
            network,
            Adam(np.ones(network.layout.size, dtype=np.bool_), epsilon=config.adam_epsilon),
            batch,
            config,
            head=PolicyLossHead(spec, network, config, Anchor("none")),
            orders=orders,
            learning_rate=config.learning_rate,
        )
        ours = network.layout.unpack(network.parameters)
        for name, tensor in theirs.tensors.items():
            np.testing.assert_allclose(ours[name], tensor, rtol=0, atol=1e-6, err_msg=name)
            assert np.abs(tensor - start.tensors[name]).max() > 1e-4, f"{name} did not learn"
        logged = model.logger.name_to_value
        assert metrics.policy_loss == pytest.approx(logged["train/policy_gradient_loss"], abs=1e-5)
        assert metrics.value_loss == pytest.approx(logged["train/value_loss"], rel=1e-4)
        assert metrics.entropy == pytest.approx(-logged["train/entropy_loss"], abs=1e-5)
        assert metrics.clip_fraction == pytest.approx(logged["train/clip_fraction"], abs=1e-6)
        assert not metrics.stopped_by_kl


def test_the_update_stops_before_the_step_that_would_go_too_far():
    from ratchet.policies.initial import new_policy

    spec = discrete_spec(3, 4)
    rng = np.random.default_rng(0)
    n = 128
    policy = new_policy(spec, 0)
    batch = Batch(
        observations=rng.normal(0, 1, (n, 3)).astype(np.float32),
        actions=rng.integers(0, 4, n),
        log_probs=np.full(n, np.log(0.25), dtype=np.float32),
        advantages=rng.normal(0, 1, n).astype(np.float32),
        returns=np.zeros(n, dtype=np.float32),
        values=np.zeros(n, dtype=np.float32),
    )
    orders = [np.arange(n)] * 50

    def update(target):
        network = CompiledNetwork(policy)
        config = PPOConfig(batch_size=64, target_kl=target)
        adam = Adam(np.ones(network.layout.size, dtype=np.bool_), epsilon=1e-5)
        head = PolicyLossHead(spec, network, config, Anchor("none"))
        metrics = ppo_update(
            network, adam, batch, config, head=head, orders=orders, learning_rate=1e-2
        )
        assert metrics.minibatches == adam.steps
        return metrics, network

    metrics, network = update(0.02)
    assert metrics.stopped_by_kl
    assert 0 < metrics.minibatches < 100
    assert metrics.approx_kl <= 0.02
    # One step less than the limit allows is what is left: the next mini-batch's KL is beyond it.
    part = batch.at(slice(0, 64) if metrics.minibatches % 2 == 0 else slice(64, 128))
    head = PolicyLossHead(spec, network, PPOConfig(), Anchor("none"))
    loss, _ = head(part, *network.outputs(part.observations))
    assert loss.approx_kl > 0.02
    assert not update(None)[0].stopped_by_kl
