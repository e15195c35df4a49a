"""Zips of Stable-Baselines3 are read without running them, act the same, or are refused by name."""

import base64
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

from policies import zips
from ratchet.errors import PolicyError
from ratchet.policies.sb3.importer import read_sb3

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*A2C/PPO model saved with SB3 < 1.7.0.*"),
    pytest.mark.filterwarnings("ignore:As shared layers in the mlp_extractor.*"),
    pytest.mark.filterwarnings("ignore:We recommend using a `batch_size`.*"),
    pytest.mark.filterwarnings("ignore:You are trying to run.*on the GPU.*"),
    pytest.mark.filterwarnings("ignore:.*out of date.*"),
]


@pytest.fixture(scope="module")
def cartpole(tmp_path_factory):
    path = tmp_path_factory.mktemp("zips") / "cartpole.zip"
    zips.save_small("ppo", path)
    return path


@pytest.mark.skipif(not zips.OLD, reason="the shared data are absent")
@pytest.mark.parametrize("path", zips.OLD, ids=lambda path: path.parent.name)
def test_every_shared_zip_acts_as_in_its_own_library(path):
    policy = read_sb3(path)
    zips.assert_same(policy, zips.load_old(path))
    statuses = policy.record["fields"]
    assert set(statuses) == set(zips.fields_of(path))
    assert set(statuses.values()) <= {"used", "ignored", "overridden"}
    expected = "vecnormalize.pkl beside the file"
    assert policy.record["normalizer"] == (
        expected if (path.parent / "vecnormalize.pkl").exists() else "none"
    )
    assert str(path.parent) not in json.dumps(policy.record, allow_nan=False)


@pytest.mark.parametrize("name", list(zips.SMALL))
def test_small_zips_act_as_in_their_own_library(tmp_path, name):
    path = tmp_path / f"{name}.zip"
    model = zips.save_small(name, path)
    policy = read_sb3(path)
    masks = None
    if name == "maskable":
        masks = np.random.default_rng(0).random((1000, 10)) < 0.5
        masks[:, 3] = True
    zips.assert_same(policy, model, masks)
    assert policy.record["algorithm"] == zips.SMALL[name][0].removesuffix("-gSDE")
    assert policy.spec.masked == (name == "maskable")
    assert (policy.spec.distribution == "gsde") == name.startswith("gsde")
    if name == "gsde_options":
        assert policy.spec.exploration.squash
        assert policy.spec.exploration.use_expln
        assert not policy.spec.exploration.full_std


def test_the_record_accounts_for_every_field(cartpole):
    record = read_sb3(cartpole).record
    fields = record["fields"]
    assert fields["observation_space"] == fields["n_steps"] == fields["num_timesteps"] == "used"
    assert fields["clip_range"] == "used"
    assert fields["seed"] == fields["lr_schedule"] == "overridden"
    assert fields["_last_obs"] == fields["ep_info_buffer"] == "ignored"
    assert record["hyperparameters"]["clip_range"] == 0.2
    assert record["hyperparameters"]["n_steps"] == 32
    assert record["source"] == "cartpole.zip"
    assert len(record["source_sha256"]) == 64
    assert record["environment_steps"] == 32
    assert record["optimizer"] == "not carried over"


def test_schedules_that_are_code_are_overridden(tmp_path):
    path = tmp_path / "schedule.zip"
    zips.save_small("ppo", path, learning_rate=lambda left: left * 1e-3, clip_range=lambda _: 0.1)
    record = read_sb3(path).record
    assert record["fields"]["learning_rate"] == "overridden"
    assert record["fields"]["clip_range"] == "overridden"
    assert "learning_rate" not in record["hyperparameters"]
    assert "clip_range" in record["notes"]


def test_shared_trunks_of_old_versions_are_kept(cartpole, tmp_path):
    state = {
        "mlp_extractor.shared_net.0.weight": torch.randn(8, 4),
        "mlp_extractor.shared_net.0.bias": torch.randn(8),
        "mlp_extractor.policy_net.0.weight": torch.randn(5, 8),
        "mlp_extractor.policy_net.0.bias": torch.randn(5),
        "action_net.weight": torch.randn(2, 5),
        "action_net.bias": torch.randn(2),
        "value_net.weight": torch.randn(1, 8),
        "value_net.bias": torch.randn(1),
    }
    path = zips.rewrite(cartpole, tmp_path / "shared.zip", policy=packed(state))
    spec = read_sb3(path).spec
    assert (spec.shared, spec.actor, spec.critic) == ((8,), (5,), ())


def packed(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


# nothing runs


def test_code_where_data_belongs_is_read_harmlessly(cartpole, tmp_path):
    """Every pickle that the library would run makes a file; reading makes none."""
    marker = tmp_path / "marker"
    encoded = base64.b64encode(zips.code(marker)).decode()
    data = {
        name: {**value, ":serialized:": encoded} if isinstance(value, dict) else value
        for name, value in zips.fields_of(cartpole).items()
    }
    data["extra"] = {":type:": "<class 'x'>", ":serialized:": encoded}
    path = zips.rewrite(
        cartpole,
        tmp_path / "hostile.zip",
        data=data,
        policy_optimizer=zips.code(marker),
        pytorch_variables=zips.code(marker),
    )
    assert read_sb3(path).id == read_sb3(cartpole).id
    assert not marker.exists()
    with pytest.raises(Exception):  # noqa: B017, PT011 - it is live in its own library
        zips.algorithm_class("PPO").load(path, device="cpu")
    assert marker.exists()


@pytest.mark.parametrize("layout", ["plain", "torch", "legacy"])
def test_code_among_the_tensors_is_refused(cartpole, tmp_path, layout):
    marker = tmp_path / "marker"
    content = zips.code(marker)
    if layout != "plain":
        target = tmp_path / "state.pth"
        state = {"action_net.weight": zips.Toucher(marker)}
        torch.save(state, target, _use_new_zipfile_serialization=layout == "torch")
        content = target.read_bytes()
    path = zips.rewrite(cartpole, tmp_path / "hostile.zip", policy=content)
    with pytest.raises(
        PolicyError, match=r"hostile\.zip: its member 'policy\.pth' holds more than"
    ):
        read_sb3(path)
    assert not marker.exists()


def test_code_in_the_normaliser_is_refused(cartpole, tmp_path):
    marker = tmp_path / "marker"
    path = zips.rewrite(cartpole, tmp_path / "model.zip")
    (tmp_path / "vecnormalize.pkl").write_bytes(zips.code(marker))
    with pytest.raises(PolicyError, match=r"vecnormalize\.pkl is refused: it names"):
        read_sb3(path)
    assert not marker.exists()


def test_the_library_is_not_imported():
    program = (
        "import sys, ratchet.policies.sb3.importer, ratchet.policies.sb3.exporter;"
        "print([name for name in sys.modules if name.startswith(('stable_baselines3', 'sb3_'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.stdout.strip() == "[]"


# refusals


def kind(module, name):
    return {
        ":type:": "<class 'abc.ABCMeta'>",
        "__module__": module,
        "__init__": f"<function {name}.__init__ at 0x1>",
    }


BOX = {":type:": "<class 'gymnasium.spaces.box.Box'>", "dtype": "float32", "_shape": [2]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"policy_class": kind("stable_baselines3.sac.policies", "SACPolicy")}, "a SAC model"),
        ({"policy_class": kind("stable_baselines3.td3.policies", "TD3Policy")}, "TD3 or DDPG"),
        ({"policy_class": kind("stable_baselines3.dqn.policies", "DQNPolicy")}, "a DQN model"),
        ({"policy_class": kind("sb3_contrib.qrdqn.policies", "QRDQNPolicy")}, "QR-DQN"),
        ({"policy_class": kind("sb3_contrib.tqc.policies", "TQCPolicy")}, "TQC"),
        ({"policy_class": kind("sb3_contrib.ars.policies", "ARSPolicy")}, "ARS"),
        ({"policy_class": kind("sb3_contrib.common.recurrent.policies", "R")}, "LSTM"),
        ({"cg_max_steps": 15}, "TRPO"),
        (
            {"policy_class": kind("stable_baselines3.common.policies", "ActorCriticCnnPolicy")},
            "CnnPolicy",
        ),
        (
            {"policy_class": kind("stable_baselines3.common.policies", "MultiInputActorCriticP")},
            "MultiInputPolicy",
        ),
        ({"policy_class": kind("__main__", "MyPolicy")}, "'MyPolicy' of the module '?__main__"),
        ({"policy_class": None}, "policy class is 'unknown'"),
        ({"policy_kwargs": {"features_extractor_class": "<class 'x.NatureCNN'>"}}, "a CNN policy"),
        ({"policy_kwargs": {"features_extractor_class": "<class 'x.Y'>"}}, "features extractor"),
        ({"policy_kwargs": {"sde_net_arch": []}}, "sde_net_arch"),
        (
            {"policy_kwargs": {"activation_fn": "<class 'torch.nn.modules.activation.SiLU'>"}},
            "SiLU",
        ),
        ({"policy_kwargs": {"activation_fn": "<function <lambda> at 0x1>"}}, "lambda"),
        (
            {"action_space": {":type:": "<class 'gymnasium.spaces.multi_discrete.MultiDiscrete'>"}},
            "MultiDiscrete",
        ),
        (
            {"action_space": {":type:": "<class 'gymnasium.spaces.multi_binary.MultiBinary'>"}},
            "MultiBinary",
        ),
        ({"observation_space": {":type:": "<class 'gymnasium.spaces.dict.Dict'>"}}, "Dict"),
        ({"observation_space": None}, "observation_space is of the kind None"),
        (
            {"observation_space": {**BOX, "dtype": "uint8", "_shape": [8, 8, 3]}},
            "images of shape",
        ),
        (
            {
                "observation_space": {
                    ":type:": "<class 'gymnasium.spaces.discrete.Discrete'>",
                    "n": "4",
                    "start": "1",
                }
            },
            "Discrete from 1",
        ),
        ({"action_space": {**BOX, "low": "[-1. ... -1.]", "high": "[1. ... 1.]"}}, "only in part"),
        ({"action_space": {**BOX, "low": "[-1. -1. -1.]", "high": "[1. 1.]"}}, "3 numbers in low"),
        ({"action_space": {**BOX, "low": "[-1. x]", "high": "[1. 1.]"}}, "not numbers"),
        ({"observation_space": {**BOX, "_shape": "many"}}, "shape 'many'"),
    ],
)
def test_other_kinds_are_refused_by_name(cartpole, tmp_path, changes, words):
    data = zips.fields_of(cartpole) | changes
    path = zips.rewrite(cartpole, tmp_path / "other.zip", data=data)
    with pytest.raises(PolicyError, match=words) as refusal:
        read_sb3(path)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        ("features_extractor.cnn.0.weight", "a CNN policy"),
        ("lstm_actor.weight_ih_l0", "an LSTM policy"),
        ("sde_features_extractor.0.weight", "sde_net_arch"),
        ("q_net.q_net.0.weight", "value-based"),
        ("features_extractor.linear.weight", "features extractor"),
        ("mlp_extractor.policy_net.1.weight", "not linear layers"),
        ("surprise", "unexpected"),
    ],
)
def test_other_tensors_are_refused_by_name(cartpole, tmp_path, tensor, words):
    state = {name: torch.from_numpy(array) for name, array in read_sb3(cartpole).tensors.items()}
    content = packed({**state, tensor: torch.zeros(2, 2)})
    path = zips.rewrite(cartpole, tmp_path / "other.zip", policy=content)
    with pytest.raises(PolicyError, match=words):
        read_sb3(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t * float("nan"), "not finite"),
        (lambda t: t.to(torch.int64), "not a float"),
        (lambda _: torch.zeros(1).expand(10**9, 10**6), "not stored plainly"),
        (lambda t: t.to_sparse(), "not stored plainly"),
        (lambda t: t[:1], "shape"),
    ],
)
def test_tensors_that_cannot_be_are_refused(cartpole, tmp_path, change, words):
    state = {name: torch.from_numpy(array) for name, array in read_sb3(cartpole).tensors.items()}
    state["action_net.weight"] = change(state["action_net.weight"])
    path = zips.rewrite(cartpole, tmp_path / "other.zip", policy=packed(state))
    with pytest.raises(PolicyError, match=words):
        read_sb3(path)


def test_damaged_files_are_refused_in_one_sentence(cartpole, tmp_path, monkeypatch):
    whole = cartpole.read_bytes()
    cases = {
        "missing.zip": (None, "cannot be read"),
        "empty.zip": (b"", "not a zip file"),
        "text.zip": (b"hello", "not a zip file"),
        "cut.zip": (whole[: len(whole) // 2], "is damaged: it is truncated"),
    }
    for name, (content, words) in cases.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(PolicyError, match=words) as refusal:
            read_sb3(tmp_path / name)
        assert name in str(refusal.value)
    with pytest.raises(PolicyError, match="is a directory"):
        read_sb3(tmp_path)
    for members, words in (
        ({"data": None}, "no member 'data'"),
        ({"policy": None}, r"no member 'policy\.pth'"),
        ({"data": b"{"}, "not JSON"),
        ({"data": b"[" * 100_000}, "not JSON"),
        ({"data": b"[]"}, "not a JSON object"),
        ({"policy": b"junk"}, "damaged"),
        ({"policy": packed([1])}, "not a dictionary"),
        ({"policy": packed({"a": 1})}, "not a tensor"),
    ):
        with pytest.raises(PolicyError, match=words):
            read_sb3(zips.rewrite(cartpole, tmp_path / "bad.zip", **members))
    monkeypatch.setattr("ratchet.policies.sb3.archive.UNPACKED_LIMIT", 200_000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data", b" " * 1_000_000)
    with pytest.raises(PolicyError, match="unpacks to 1000000 bytes"):
        read_sb3(tmp_path / "bomb.zip")


def test_a_member_that_stands_twice_is_refused(cartpole, tmp_path):
    path = zips.rewrite(cartpole, tmp_path / "twice.zip")
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(path, "a") as archive,
    ):
        archive.writestr("data", "{}")
    with pytest.raises(PolicyError, match="twice"):
        read_sb3(path)


def test_flipped_bytes_are_refused_or_harmless(cartpole, tmp_path):
    whole = bytearray(cartpole.read_bytes())
    original = read_sb3(cartpole).id
    rng = np.random.default_rng(0)
    path = tmp_path / "flipped.zip"
    for place in rng.integers(len(whole), size=150):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            assert read_sb3(path).id == original  # a byte that the CRC does not cover
        except PolicyError:
            continue


# normalisers


def test_a_normaliser_of_other_observations_is_refused(cartpole, tmp_path):
    old = zips.DATA / "mountaincar_zoo" / "vecnormalize.pkl"
    if not old.exists():
        pytest.skip("the shared data are absent")
    with pytest.raises(PolicyError, match="observations of size 2; the policy sees Box"):
        read_sb3(cartpole, vecnormalize=old)


def test_a_missing_normaliser_is_said(cartpole, tmp_path):
    data = zips.fields_of(cartpole)
    data["_last_original_obs"] = data["_last_obs"]
    path = zips.rewrite(cartpole, tmp_path / "model.zip", data=data)
    assert read_sb3(path).record["normalizer"].startswith("missing:")


def test_bounds_of_a_long_box_come_from_its_short_print(cartpole):
    from ratchet.policies.sb3.spaces import bounds

    box = {**BOX, "_shape": [2000], "low": "[-1. -1. ... -1.]", "low_repr": "-1.0"}
    assert bounds(box, "low") == (-1.0,) * 2000
    lines = {**BOX, "_shape": [2, 2], "low": "[[-1.5  -inf]\n [ 0.1 1e+30]]"}
    assert bounds(lines, "low") == (-1.5, -np.inf, float(np.float32(0.1)), float(np.float32(1e30)))


def test_pickles_that_are_live(tmp_path):
    pickle.loads(zips.code(tmp_path / "marker"))
    assert (tmp_path / "marker").exists()
