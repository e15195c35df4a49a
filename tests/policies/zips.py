"""Zips for the tests of import and export: small ones that Stable-Baselines3 saves here, old ones, hostile ones."""

import json
import pickle
import zipfile
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch

DATA = Path(__file__).resolve().parents[2] / "../shared/data/sb3"
OLD = sorted(DATA.glob("*/*.zip"))

SMALL = {
    "ppo": ("PPO", "CartPole-v1", {}),
    "ppo_separate": ("PPO", "Acrobot-v1", {"net_arch": {"pi": [8], "vf": [16, 4, 8]}}),
    "ppo_none": ("PPO", "CartPole-v1", {"net_arch": []}),
    "ppo_relu": ("PPO", "CartPole-v1", {"activation_fn": torch.nn.ReLU, "net_arch": [16]}),
    "ppo_elu": ("PPO", "CartPole-v1", {"activation_fn": torch.nn.ELU, "net_arch": [16]}),
    "ppo_leaky": ("PPO", "CartPole-v1", {"activation_fn": torch.nn.LeakyReLU}),
    "ppo_discrete": ("PPO", "FrozenLake-v1", {}),
    "ppo_box": ("PPO", "Pendulum-v1", {"log_std_init": -1.0, "ortho_init": False}),
    "a2c": ("A2C", "CartPole-v1", {}),
    "a2c_box": ("A2C", "MountainCarContinuous-v0", {"net_arch": [8, 8]}),
    "gsde": ("PPO-gSDE", "Pendulum-v1", {}),
    "gsde_options": (
        "PPO-gSDE",
        "Pendulum-v1",
        {"full_std": False, "use_expln": True, "squash_output": True, "net_arch": [7]},
    ),
    "gsde_none": ("A2C-gSDE", "Pendulum-v1", {"net_arch": []}),
    "maskable": ("MaskablePPO", "mask", {}),
}


def algorithm_class(name):
    from sb3_contrib import MaskablePPO
    from stable_baselines3 import A2C, PPO

    return {"PPO": PPO, "A2C": A2C, "MaskablePPO": MaskablePPO}[name.removesuffix("-gSDE")]


def save_small(name, path, **options):
    """Train a few steps with Stable-Baselines3, save to `path`, return the model."""
    from sb3_contrib.common.envs import InvalidActionEnvDiscrete

    kind, env_id, arguments = SMALL[name]
    env = (
        InvalidActionEnvDiscrete(dim=10, n_invalid_actions=4)
        if env_id == "mask"
        else gym.make(env_id)
    )
    settings = {"n_steps": 32} | ({} if kind.startswith("A2C") else {"batch_size": 16})
    if kind.endswith("gSDE"):
        settings["use_sde"] = True
    model = algorithm_class(kind)(
        "MlpPolicy",
        env,
        policy_kwargs=dict(arguments),
        seed=1,
        device="cpu",
        **(settings | options),
    )
    model.learn(32)
    model.save(path)
    return model


def load_old(path):
    """Load a zip of an early version with the installed one; spaces of Gym are replaced."""
    with zipfile.ZipFile(path) as archive:
        data = json.loads(archive.read("data"))

    def space(printed):
        if "Discrete" in printed[":type:"]:
            return gym.spaces.Discrete(int(printed["n"]))
        shape = printed.get("_shape", printed.get("shape"))
        low, high = (
            np.array(printed[name].strip("[]").split(), dtype=np.float32).reshape(shape)
            for name in ("low", "high")
        )
        return gym.spaces.Box(low, high, dtype=np.float32)

    replaced = {
        name: None
        for name, value in data.items()
        if isinstance(value, dict)
        and ":serialized:" in value
        and name not in ("policy_class", "policy_kwargs")
    }
    replaced |= {
        "observation_space": space(data["observation_space"]),
        "action_space": space(data["action_space"]),
        "lr_schedule": lambda _: 3e-4,
        "learning_rate": 3e-4,
        "clip_range": 0.2,
    }
    kind = "PPO" if "clip_range" in data else "A2C"
    return algorithm_class(kind).load(path, custom_objects=replaced, device="cpu")


def rewrite(source, target, **members):
    """Copy a zip with members replaced; a value of None leaves one out, `data` is JSON."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            key = name.replace(".pth", "").replace(".", "_")
            content = members.get(key, old.read(name))
            if isinstance(content, dict):
                content = json.dumps(content).encode()
            if content is not None:
                new.writestr(name, content)
    return target


def fields_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("data"))


class Toucher:
    """Pickled, it makes a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def code(marker):
    return pickle.dumps(Toucher(marker))


def random_observations(space, count=1000, seed=0):
    """Return raw observations as Stable-Baselines3 wants them, and as the actor does."""
    rng = np.random.default_rng(seed)
    if isinstance(space, gym.spaces.Discrete):
        chosen = rng.integers(space.n, size=count)
        return chosen, np.eye(space.n, dtype=np.float32)[chosen]
    raw = rng.normal(size=(count, *space.shape)).astype(np.float32) * 2
    return raw, raw.reshape(count, -1)


def assert_same(policy, model, masks=None):
    """Actions equal and values within 1e-5 of Stable-Baselines3's, on 1,000 random observations."""
    from ratchet.policies.actor import Actor
    from ratchet.policies.mlp import ActorCritic

    raw, flat = random_observations(model.observation_space)
    count = len(flat)
    seen = policy.observe(flat)
    given = seen.reshape(raw.shape) if raw.ndim > 1 else raw
    options = {} if masks is None else {"action_masks": masks}
    expected, _ = model.predict(given, deterministic=True, **options)
    choice = Actor(policy).act(
        flat,
        masks,
        np.arange(count, dtype=np.uint64),
        np.zeros(count, dtype=np.int64),
        deterministic=True,
    )
    if policy.spec.action.kind == "discrete":
        np.testing.assert_array_equal(choice.executed, expected)
    else:
        np.testing.assert_allclose(
            choice.executed.reshape(count, -1), expected.reshape(count, -1), atol=1e-5
        )
    with torch.no_grad():
        tensor, _ = model.policy.obs_to_tensor(given)
        values = model.policy.predict_values(tensor).numpy().reshape(-1)
        ours = ActorCritic(policy).values(torch.from_numpy(seen)).numpy().reshape(-1)
    np.testing.assert_allclose(ours, values, atol=1e-5, rtol=1e-5)
