"""Policies as Stable-Baselines3 zips, written without Stable-Baselines3.

What it unpickles on loading (spaces, classes) is written here as a few opcodes that refer to its
classes by name, so the package need not be installed. The zip appears whole or not at all, and never
takes the place of another file. A normaliser goes into ``STEM.vecnormalize.pkl`` beside it, before
it, since without its statistics the policy would play like a beginner.
"""

from __future__ import annotations

import base64
import io
import json
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from ratchet.errors import PolicyError
from ratchet.policies.durable import create_file, write_failure
from ratchet.policies.normalizer import Normalizer
from ratchet.policies.policy import Policy
from ratchet.policies.sb3.importer import HYPERPARAMETERS
from ratchet.policies.sb3.spaces import bounds
from ratchet.policies.spec import ActionSpec, ObservationSpec, PolicySpec

VERSION = "2.3.0"
"""The version whose layout is written; later ones read it."""

_SHARED = "mlp_extractor.shared_net."
_ACTIVATIONS = {
    "tanh": torch.nn.Tanh,
    "relu": torch.nn.ReLU,
    "elu": torch.nn.ELU,
    "leaky_relu": torch.nn.LeakyReLU,
    "gelu": torch.nn.GELU,
}
_POLICY_CLASSES = {
    False: ("stable_baselines3.common.policies", "ActorCriticPolicy"),
    True: ("sb3_contrib.common.maskable.policies", "MaskableActorCriticPolicy"),
}
_PPO_ONLY = ("batch_size", "n_epochs", "clip_range", "clip_range_vf", "target_kl")
_DEFAULTS: dict[str, dict[str, Any]] = {
    "PPO": {
        "learning_rate": 3e-4,
        "n_steps": 2048,
        "batch_size": 64,
        "n_epochs": 10,
        "gamma": 0.99,
        "gae_lambda": 0.95,
        "clip_range": 0.2,
        "clip_range_vf": None,
        "ent_coef": 0.0,
        "vf_coef": 0.5,
        "max_grad_norm": 0.5,
        "normalize_advantage": True,
        "target_kl": None,
        "n_envs": 1,
    },
    "A2C": {
        "learning_rate": 7e-4,
        "n_steps": 5,
        "gamma": 0.99,
        "gae_lambda": 1.0,
        "ent_coef": 0.0,
        "vf_coef": 0.5,
        "max_grad_norm": 0.5,
        "normalize_advantage": False,
        "n_envs": 1,
    },
}


def _body(value: Any) -> bytes:
    """Return the opcodes that build `value`, without the frame of a pickle.

    Protocol 3 numbers its memo explicitly and each body refers only to its own entries, so that
    bodies can stand one behind the other in one pickle.
    """
    return pickle.dumps(value, protocol=3)[2:-1]


def _global(module: str, name: str) -> bytes:
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()


def _instance(module: str, name: str, state: Mapping[str, bytes]) -> bytes:
    """Return the opcodes of an instance of a class that need not be installed."""
    items = b"".join(_body(key) + value for key, value in state.items())
    return (
        _global(module, name)
        + pickle.EMPTY_TUPLE
        + pickle.NEWOBJ
        + pickle.EMPTY_DICT
        + pickle.MARK
        + items
        + pickle.SETITEMS
        + pickle.BUILD
    )


def _whole(body: bytes) -> bytes:
    return pickle.PROTO + b"\x03" + body + pickle.STOP


def _serialized(kind: str, body: bytes, **readable: Any) -> dict[str, Any]:
    """Return a field as Stable-Baselines3 writes what JSON has no word for."""
    return {
        ":type:": kind,
        ":serialized:": base64.b64encode(_whole(body)).decode(),
        **readable,
    }


def _space_field(space: gym.Space[Any]) -> dict[str, Any]:
    readable: dict[str, Any] = {"dtype": str(space.dtype), "_shape": list(space.shape or ())}
    if isinstance(space, gym.spaces.Discrete):
        readable |= {"n": str(space.n), "start": str(space.start)}
    elif isinstance(space, gym.spaces.Box):
        # every number, since what is elided cannot be read back
        for name, bound in (("low", space.low), ("high", space.high)):
            readable[name] = " ".join(map(repr, map(float, bound.reshape(-1))))
    return _serialized(str(type(space)), _body(space), **readable)


def _observation_space(spec: ObservationSpec, record: Mapping[str, Any]) -> gym.Space[Any]:
    """Return the space of the file that the policy came from, or else one without bounds."""
    if spec.kind == "discrete":
        return gym.spaces.Discrete(spec.n)
    low: Any = -np.inf
    high: Any = np.inf
    dtype: Any = np.float32
    printed = record.get("observation_space")
    if isinstance(printed, Mapping):
        try:
            low, high = (np.array(bounds(printed, name)) for name in ("low", "high"))
            dtype = np.dtype(str(printed.get("dtype", "float32")))
            low, high = (
                low.reshape(spec.shape).astype(dtype),
                high.reshape(spec.shape).astype(dtype),
            )
        except (PolicyError, TypeError, ValueError):
            low, high, dtype = -np.inf, np.inf, np.float32
    return gym.spaces.Box(low, high, shape=spec.shape, dtype=dtype)


def _action_space(spec: ActionSpec) -> gym.Space[Any]:
    if spec.kind == "discrete":
        return gym.spaces.Discrete(spec.n, start=spec.start)
    low, high = (
        np.array(bound, dtype=np.float32).reshape(spec.shape) for bound in (spec.low, spec.high)
    )
    return gym.spaces.Box(low, high, dtype=np.float32)


def _separate(policy: Policy) -> tuple[dict[str, Any], list[int], list[int]]:
    """Return the tensors with the shared trunk in both trunks, and the widths of the two.

    Stable-Baselines3 has no shared layers since 1.8; two equal copies act the same.
    """
    spec = policy.spec
    assert isinstance(spec, PolicySpec)
    depth = len(spec.shared)
    tensors: dict[str, Any] = {}
    for name, array in policy.tensors.items():
        if name.startswith(_SHARED):
            rest = name.removeprefix(_SHARED)
            for net in ("policy_net", "value_net"):
                tensors[f"mlp_extractor.{net}.{rest}"] = array
        elif name.startswith("mlp_extractor."):
            _, net, index, part = name.split(".")
            tensors[f"mlp_extractor.{net}.{int(index) + 2 * depth}.{part}"] = array
        else:
            tensors[name] = array
    return tensors, [*spec.shared, *spec.actor], [*spec.shared, *spec.critic]


def _policy_arguments(policy: Policy, actor: list[int], critic: list[int]) -> dict[str, Any]:
    arguments: dict[str, Any] = {"net_arch": {"pi": actor, "vf": critic}}
    exploration = policy.spec.exploration
    if exploration is not None:
        arguments |= {
            "full_std": exploration.full_std,
            "use_expln": exploration.use_expln,
            "squash_output": exploration.squash,
        }
    if policy.spec.activation == "tanh":
        return arguments
    activation = _ACTIVATIONS[policy.spec.activation]
    body = _body({**arguments, "activation_fn": activation})
    return _serialized("<class 'dict'>", body, **arguments, activation_fn=str(activation))


def _fields(
    policy: Policy, space: gym.Space[Any], actor: list[int], critic: list[int]
) -> dict[str, Any]:
    """Return the fields of the member ``data``; what a trained policy lacks has its default."""
    record = policy.record
    algorithm = "A2C" if record.get("algorithm") == "A2C" and not policy.spec.masked else "PPO"
    settings = dict(_DEFAULTS[algorithm])
    stated = record.get("hyperparameters")
    left_out = _PPO_ONLY if algorithm == "A2C" else ()
    settings |= {
        name: value
        for name, value in (stated if isinstance(stated, Mapping) else {}).items()
        if name in HYPERPARAMETERS and name not in left_out
    }
    if policy.spec.masked:
        settings.pop("sde_sample_freq", None)
    module, name = _POLICY_CLASSES[policy.spec.masked]
    steps = record.get("environment_steps")
    fields: dict[str, Any] = {
        "policy_class": _serialized(
            "<class 'abc.ABCMeta'>",
            _global(module, name),
            __module__=module,
            __init__=f"<function {name}.__init__ at 0x0>",
        ),
        "verbose": 0,
        "policy_kwargs": _policy_arguments(policy, actor, critic),
        "num_timesteps": steps if isinstance(steps, int) else 0,
        "_total_timesteps": 0,
        "_num_timesteps_at_start": 0,
        "seed": None,
        "_episode_num": 0,
        "_n_updates": 0,
        "_last_obs": None,
        "_last_episode_starts": None,
        "_last_original_obs": None,
        "_current_progress_remaining": 1.0,
        "use_sde": policy.spec.distribution == "gsde",
        "observation_space": _space_field(space),
        "action_space": _space_field(_action_space(policy.spec.action)),
        **settings,
    }
    return fields


def _torch_bytes(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def _zip_bytes(fields: Mapping[str, Any], tensors: Mapping[str, Any]) -> bytes:
    state = {name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}
    parameters = [torch.nn.Parameter(tensor) for tensor in state.values()]
    adam = torch.optim.Adam(parameters, lr=float(fields["learning_rate"] or 3e-4), eps=1e-5)
    members = {
        "data": json.dumps(fields, indent=4).encode(),
        "pytorch_variables.pth": _torch_bytes({}),
        "policy.pth": _torch_bytes(state),
        "policy.optimizer.pth": _torch_bytes(adam.state_dict()),
        "_stable_baselines3_version": VERSION.encode(),
        "system_info.txt": b"- Written by Ratchet in the layout of Stable-Baselines3\n",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


def _statistics(mean: Any, variance: Any) -> bytes:
    return _instance(
        "stable_baselines3.common.running_mean_std",
        "RunningMeanStd",
        # a large count: should training go on, old statistics weigh more than the first rollouts
        {"mean": _body(mean), "var": _body(variance), "count": _body(1e6)},
    )


def _vecnormalize_bytes(
    normalizer: Normalizer, observation: gym.Space[Any], action: gym.Space[Any], gamma: float
) -> bytes:
    """Return what ``VecNormalize.load`` opens."""
    variance = 1.0 if normalizer.return_variance is None else normalizer.return_variance
    plain = {
        "num_envs": 1,
        "observation_space": observation,
        "action_space": action,
        "render_mode": None,
        "reset_infos": [{}],
        "_seeds": [None],
        "_options": [{}],
        "norm_obs": normalizer.mean is not None,
        "norm_obs_keys": None,
        "clip_obs": normalizer.clip_observation,
        "clip_reward": normalizer.clip_reward,
        "gamma": gamma,
        "epsilon": normalizer.epsilon,
        "training": False,
        "norm_reward": normalizer.return_variance is not None,
        "old_reward": np.array([]),
    }
    state = {name: _body(value) for name, value in plain.items()}
    state["ret_rms"] = _statistics(np.zeros(()), np.array(variance, dtype=np.float64))
    if normalizer.mean is not None and normalizer.variance is not None:
        shape = observation.shape or ()
        state["obs_rms"] = _statistics(
            normalizer.mean.reshape(shape), normalizer.variance.reshape(shape)
        )
    name = "stable_baselines3.common.vec_env.vec_normalize", "VecNormalize"
    return _whole(_instance(*name, state))


def write_sb3(
    policy: Policy, path: Path, *, observation_space: gym.Space[Any] | None = None
) -> tuple[Path, ...]:
    """Write a zip that ``PPO.load`` of Stable-Baselines3 2.x opens, and that acts the same.

    ``A2C.load`` opens a policy whose record says A2C, and sb3-contrib's ``MaskablePPO.load`` a masked
    one. The optimizer starts anew. Layers that actor and critic shared are written once for each.

    Parameters
    ----------
    policy
        The policy to write.
    path
        The zip; it must not exist.
    observation_space
        The space of its task, whose bounds Stable-Baselines3 compares with its environment's. Without
        it, the one of the file that the policy came from, or else a Box without bounds.

    Returns
    -------
    tuple of Path
        The files written: the zip, and ``STEM.vecnormalize.pkl`` where the policy has a normaliser.

    Raises
    ------
    PolicyError
        If the policy is no perceptron, or one of the files exists already or cannot be written.

    """
    if not isinstance(policy.spec, PolicySpec):
        raise PolicyError(
            f"a policy of kind {policy.spec.kind!r} cannot be written as a Stable-Baselines3 zip, which has "
            "no such network; perceptrons (kind 'mlp') can"
        )
    path = Path(path)
    statistics = path.with_name(f"{path.stem}.vecnormalize.pkl")
    files = [path] if policy.normalizer is None else [path, statistics]
    for file in files:
        if file.exists() or file.is_symlink():
            raise PolicyError(f"{file} already exists; choose another name or remove it")
    space = observation_space or _observation_space(policy.spec.observation, policy.record)
    tensors, actor, critic = _separate(policy)
    fields = _fields(policy, space, actor, critic)
    contents = {path: _zip_bytes(fields, tensors)}
    if policy.normalizer is not None:
        contents[statistics] = _vecnormalize_bytes(
            policy.normalizer, space, _action_space(policy.spec.action), float(fields["gamma"])
        )
    written: list[Path] = []
    try:
        for file in reversed(files):
            create_file(file, contents[file])
            written.append(file)
    except OSError as error:
        for file in written:
            file.unlink(missing_ok=True)
        if isinstance(error, FileExistsError):
            raise PolicyError(f"{error.filename2 or file} already exists") from error
        raise write_failure(str(path), error) from error
    return tuple(files)
