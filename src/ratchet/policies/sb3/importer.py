"""Policies from Stable-Baselines3 zips (PPO, A2C, sb3-contrib's MaskablePPO), read and never run.

Only tensors and readable JSON become part of the policy; what stands in a zip as a pickle is left
packed, whatever it says. Every field of the file is accounted for in the record, as ``used`` (part of
the policy or of the defaults for fine-tuning), ``overridden`` (read, and replaced) or ``ignored``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

from ratchet.errors import PolicyError
from ratchet.policies.normalizer import Normalizer
from ratchet.policies.policy import Policy, Tensors
from ratchet.policies.sb3.archive import read_archive, unpack_tensors
from ratchet.policies.sb3.safe_pickle import read_vecnormalize
from ratchet.policies.sb3.spaces import action_spec, observation_spec, printed_space
from ratchet.policies.spec import (
    ActionSpec,
    Activation,
    Distribution,
    PolicySpec,
    StateDependentExploration,
)

Algorithm = Literal["PPO", "A2C", "MaskablePPO"]
Status = Literal["used", "ignored", "overridden"]

HYPERPARAMETERS = (
    "learning_rate",
    "n_steps",
    "batch_size",
    "n_epochs",
    "gamma",
    "gae_lambda",
    "clip_range",
    "clip_range_vf",
    "ent_coef",
    "vf_coef",
    "max_grad_norm",
    "normalize_advantage",
    "target_kl",
    "n_envs",
    "sde_sample_freq",
)
"""Fields that become defaults for fine-tuning, where the file states them as numbers."""

_USED = ("observation_space", "action_space", "policy_class", "policy_kwargs", "use_sde")
_OVERRIDDEN = {
    "seed": "a run has a seed of its own",
    "device": "chosen where the policy is used",
    "verbose": "chosen where the policy is used",
    "tensorboard_log": "a run has a place of its own",
}
_UNSUPPORTED = {
    "stable_baselines3.sac.": "SAC",
    "stable_baselines3.td3.": "TD3 or DDPG",
    "stable_baselines3.ddpg.": "DDPG",
    "stable_baselines3.dqn.": "DQN",
    "sb3_contrib.qrdqn.": "QR-DQN",
    "sb3_contrib.tqc.": "TQC",
    "sb3_contrib.crossq.": "CrossQ",
    "sb3_contrib.ars.": "ARS",
}
_LSTM_MODULES = ("sb3_contrib.common.recurrent.", "sb3_contrib.ppo_recurrent.")
_LSTM = (
    "it is an LSTM policy (RecurrentPPO), which does not map exactly onto a recurrent policy here: that is a "
    "GRU which also sees the previous action and reward"
)
_TENSOR_KINDS = {
    "features_extractor.cnn.": "a CNN policy",
    "pi_features_extractor.cnn.": "a CNN policy",
    "features_extractor.": "a policy with a features extractor of its own",
    "pi_features_extractor.": "a policy with a features extractor of its own",
    "vf_features_extractor.": "a policy with a features extractor of its own",
    "sde_features_extractor.": "gSDE with a features extractor of its own (sde_net_arch)",
    "q_net": "a value-based policy (DQN)",
    "actor.": "an off-policy actor (SAC, TD3 or TQC)",
}
_ACTIVATIONS: dict[str, Activation] = {
    "Tanh": "tanh",
    "ReLU": "relu",
    "ELU": "elu",
    "LeakyReLU": "leaky_relu",
    "GELU": "gelu",
}
_ACTIVATION = re.compile(r"<class 'torch\.nn\.modules\.activation\.(\w+)'>")
_CONSTANT = re.compile(r"ConstantSchedule\(val=([-+.\deE]+)\)")
_LAYER = re.compile(r"mlp_extractor\.(shared_net|policy_net|value_net)\.(\d+)\.weight")
_SUPPORTED = "PPO, A2C and MaskablePPO with MlpPolicy are supported"


def _algorithm(data: Mapping[str, Any]) -> Algorithm:
    """Return which algorithm wrote the fields, or refuse it by its name."""
    policy = data.get("policy_class")
    policy = policy if isinstance(policy, Mapping) else {}
    module = str(policy.get("__module__", ""))
    if module.startswith(_LSTM_MODULES):
        raise PolicyError(f"{_LSTM}; {_SUPPORTED}")
    for prefix, name in _UNSUPPORTED.items():
        if module.startswith(prefix):
            raise PolicyError(f"it is a {name} model; {_SUPPORTED}")
    if "cg_max_steps" in data:
        raise PolicyError(f"it is a TRPO model; {_SUPPORTED}")
    found = re.match(r"<function (\w+)\.__init__ ", str(policy.get("__init__", "")))
    name = found.group(1) if found else "unknown"
    if "Cnn" in name:
        raise PolicyError(f"its policy is a CnnPolicy ({name}); {_SUPPORTED}")
    if "MultiInput" in name:
        raise PolicyError(f"its policy is a MultiInputPolicy ({name}); {_SUPPORTED}")
    if module == "stable_baselines3.common.policies" and name == "ActorCriticPolicy":
        if "clip_range" in data:
            return "PPO"
        if "gae_lambda" in data:
            return "A2C"
    elif (
        module == "sb3_contrib.common.maskable.policies"
        and name == "MaskableActorCriticPolicy"
        and "clip_range" in data
    ):
        return "MaskablePPO"
    raise PolicyError(
        f"its policy class is {name!r} of the module {(module or 'unknown')!r}; {_SUPPORTED}"
    )


def _arguments(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the readable arguments of the policy, without what would change it unseen."""
    arguments = data.get("policy_kwargs") or {}
    if not isinstance(arguments, Mapping):
        raise PolicyError("its field policy_kwargs is not a JSON object")
    extractor = str(arguments.get("features_extractor_class", "FlattenExtractor"))
    if "FlattenExtractor" not in extractor:
        kind = "a CNN policy" if "CNN" in extractor else "a policy with a features extractor"
        raise PolicyError(f"it is {kind} ({extractor}); {_SUPPORTED}")
    if arguments.get("sde_net_arch") is not None:
        raise PolicyError("it uses gSDE with sde_net_arch, which is not supported")
    return arguments


def _flag(arguments: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = arguments.get(name, default)
    if not isinstance(value, bool):
        raise PolicyError(f"its policy_kwargs have {name} = {value!r}, not true or false")
    return value


def _activation(arguments: Mapping[str, Any]) -> Activation:
    text = arguments.get("activation_fn")
    if text is None:
        return "tanh"
    found = _ACTIVATION.fullmatch(str(text))
    if found is None or found.group(1) not in _ACTIVATIONS:
        known = ", ".join(_ACTIVATIONS)
        raise PolicyError(f"its activation function is {text}; {known} are supported")
    return _ACTIVATIONS[found.group(1)]


def _layers(tensors: Tensors) -> dict[str, tuple[int, ...]]:
    """Return the widths of the shared trunk, the actor and the critic, from the tensors."""
    widths: dict[str, dict[int, int]] = {"shared_net": {}, "policy_net": {}, "value_net": {}}
    for name, tensor in tensors.items():
        if found := _LAYER.fullmatch(name):
            if tensor.ndim != 2:
                raise PolicyError(f"its tensor {name} is not the weight of a linear layer")
            widths[found.group(1)][int(found.group(2))] = tensor.shape[0]
    for net, numbered in widths.items():
        if sorted(numbered) != [2 * index for index in range(len(numbered))]:
            raise PolicyError(f"its {net} is not linear layers with activations in between")
    return {net: tuple(numbered[i] for i in sorted(numbered)) for net, numbered in widths.items()}


def _spec(data: Mapping[str, Any], tensors: Tensors, algorithm: Algorithm) -> PolicySpec:
    for name in tensors:
        if name.startswith("lstm_"):
            raise PolicyError(f"{_LSTM}; {_SUPPORTED}")
        for prefix, kind in _TENSOR_KINDS.items():
            if name.startswith(prefix):
                raise PolicyError(f"it is {kind}: it has the tensor {name}; {_SUPPORTED}")
    arguments = _arguments(data)
    layers = _layers(tensors)
    action = action_spec(data.get("action_space"))
    uses_sde = data.get("use_sde") is True or arguments.get("use_sde") is True
    distribution: Distribution = "categorical"
    exploration = None
    if action.kind == "box":
        distribution = "gsde" if uses_sde else "gaussian"
    if distribution == "gsde":
        exploration = StateDependentExploration(
            full_std=_flag(arguments, "full_std", default=True),
            use_expln=_flag(arguments, "use_expln", default=False),
            squash=_flag(arguments, "squash_output", default=False),
            sample_frequency=_frequency(data.get("sde_sample_freq")),
        )
        if exploration.squash:
            _check_finite(action)
    return PolicySpec(
        observation=observation_spec(data.get("observation_space")),
        action=action,
        shared=layers["shared_net"],
        actor=layers["policy_net"],
        critic=layers["value_net"],
        activation=_activation(arguments),
        distribution=distribution,
        exploration=exploration,
        masked=algorithm == "MaskablePPO",
    )


def _check_finite(action: ActionSpec) -> None:
    if not all(map(math.isfinite, (*action.low, *action.high))):
        raise PolicyError("its actions are squashed into bounds that are not finite")


def _plain(value: Any) -> tuple[bool, float | bool | None]:
    """Return whether a field states a number (or nothing), and which."""
    if isinstance(value, Mapping):
        found = _CONSTANT.fullmatch(str(value.get("value_schedule", "")))
        try:
            value = float(found.group(1)) if found else value
        except ValueError:
            return False, None
    if value is None or isinstance(value, bool):
        return True, value
    stated = isinstance(value, int | float) and math.isfinite(value)
    return stated, cast("float", value) if stated else None


def _frequency(value: Any) -> int:
    """Return after how many steps the noise is drawn anew; SB3's -1 is once a rollout, ours an episode."""
    return value if type(value) is int and value > 0 else -1


def _account(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what became of every field, the hyperparameters, and notes on what was replaced."""
    fields: dict[str, Status] = {}
    values: dict[str, float | bool | None] = {}
    notes: dict[str, str] = {}
    for name, value in data.items():
        fields[name] = "ignored"
        if name in _USED or name == "num_timesteps":
            fields[name] = "used"
        elif name == "sde_sample_freq" and data.get("use_sde") is not True:
            continue
        elif name in HYPERPARAMETERS:
            stated, number = _plain(value)
            if stated:
                fields[name], values[name] = "used", number
            else:
                fields[name] = "overridden"
                notes[name] = "written as code or as a schedule, not run; our default replaces it"
        elif name in _OVERRIDDEN:
            fields[name], notes[name] = "overridden", _OVERRIDDEN[name]
    if "lr_schedule" in data:
        stated, number = _plain(data["lr_schedule"])
        if stated and number is not None and "learning_rate" not in values:
            fields["lr_schedule"], values["learning_rate"] = "used", number
        else:
            fields["lr_schedule"] = "overridden"
            notes["lr_schedule"] = "learning-rate schedules are ours, from learning_rate"
    return {"fields": fields, "hyperparameters": values, "notes": notes}


def _normalizer(
    path: Path, given: Path | None, data: Mapping[str, Any], spec: PolicySpec
) -> tuple[Normalizer | None, str]:
    """Return the statistics that belong to the policy, and a word on where they come from."""
    beside = (
        path.with_name(f"{path.stem}.vecnormalize.pkl"),
        path.with_suffix("") / "vecnormalize.pkl",
        path.with_name("vecnormalize.pkl"),
    )
    source = given or next((place for place in beside if place.is_file()), None)
    if source is None:
        # Stable-Baselines3 keeps the raw observation only where a VecNormalize made another
        if data.get("_last_original_obs") is not None:
            return None, "missing: the policy was trained with VecNormalize; give its .pkl file"
        return None, "none"
    normalizer = read_vecnormalize(source)
    if normalizer.mean is not None:
        expected = spec.observation.size if spec.observation.kind == "box" else 0
        if normalizer.mean.size != expected:
            raise PolicyError(
                f"{source} normalises observations of size {normalizer.mean.size}; "
                f"the policy sees {spec.observation}"
            )
    return normalizer, source.name if given else f"{source.name} beside the file"


def read_sb3(path: Path, *, vecnormalize: Path | None = None) -> Policy:
    """Return the policy in a Stable-Baselines3 zip, without running anything that it holds.

    Parameters
    ----------
    path
        A zip that PPO, A2C or MaskablePPO saved, of version 1.0 or later.
    vecnormalize
        Its normaliser's file; without it, ``STEM.vecnormalize.pkl``, ``STEM/vecnormalize.pkl`` or
        ``vecnormalize.pkl`` beside the zip is taken where there is one.

    Returns
    -------
    Policy
        With a `record` of where it comes from and what became of each field of the file.

    Raises
    ------
    PolicyError
        If the file is missing, damaged, or holds a kind of model that is not supported, by name.

    """
    path = Path(path)
    archive = read_archive(path)
    data = archive.data
    try:
        algorithm = _algorithm(data)
        tensors = unpack_tensors(archive.parameters, path)
        spec = _spec(data, tensors, algorithm)
    except PolicyError as error:
        text = str(error)
        raise PolicyError(text if text.startswith(str(path)) else f"{path}: {text}") from error
    normalizer, origin = _normalizer(path, vecnormalize, data, spec)
    steps = data.get("num_timesteps")
    record = {
        "source": path.name,
        "source_sha256": archive.sha256,
        "algorithm": algorithm,
        "sb3_version": archive.version,
        **_account(data),
        "environment_steps": steps if type(steps) is int else None,
        "normalizer": origin,
        "optimizer": "not carried over",
        "observation_space": printed_space(data["observation_space"]),
    }
    try:
        return Policy(spec=spec, tensors=tensors, normalizer=normalizer, record=record)
    except PolicyError as error:
        raise PolicyError(f"{path}: {error}") from error
