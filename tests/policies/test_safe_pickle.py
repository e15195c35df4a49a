"""Normaliser files are read as data: whatever the bytes say, nothing runs."""

import io
import os
import pickle
import pickletools
import struct
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratchet.errors import PolicyError
from ratchet.policies.normalizer import Normalizer
from ratchet.policies.sb3.safe_pickle import read_vecnormalize

DATA = Path(__file__).resolve().parents[2] / "../shared/data/sb3"
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*dtype\\(\\).*align.*"),
    pytest.mark.filterwarnings("ignore:.*precision lowered.*:UserWarning"),
]


class VecNormalize:
    """A stand-in with the state of the real one, pickled under the real one's name."""


class RunningMeanStd:
    pass


def statistics(mean, var):
    one = RunningMeanStd()
    one.__dict__.update(mean=mean, var=var, count=10.0)
    return one


class Pickler(pickle._Pickler):
    """Writes the two stand-ins under the names that Stable-Baselines3 has for them."""

    def save_global(self, obj, name=None):
        places = {
            VecNormalize: "stable_baselines3.common.vec_env.vec_normalize",
            RunningMeanStd: "stable_baselines3.common.running_mean_std",
        }
        if obj in places:
            self.write(pickle.GLOBAL + f"{places[obj]}\n{obj.__name__}\n".encode())
            self.memoize(obj)
        else:
            super().save_global(obj, name)

    dispatch = {**pickle._Pickler.dispatch, type: save_global}  # noqa: RUF012 - as in the base class


def dump(protocol=4, **changes):
    wrapper = VecNormalize()
    space = gym.spaces.Box(-1.0, 1.0, (3,))
    space.seed(1)
    wrapper.__dict__.update(
        {
            "num_envs": 1,
            "observation_space": space,
            "action_space": gym.spaces.Discrete(2, seed=3),
            "norm_obs": True,
            "norm_reward": True,
            "obs_rms": statistics(np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 9.0])),
            "ret_rms": statistics(np.float64(0.0), np.float64(25.0)),
            "clip_obs": 5.0,
            "clip_reward": np.float32(7.0),
            "epsilon": 1e-6,
            "old_obs": np.zeros((2, 3), dtype=np.float32),
        },
        **changes,
    )
    buffer = io.BytesIO()
    Pickler(buffer, protocol).dump(wrapper)
    return buffer.getvalue()


def read(content, tmp_path) -> Normalizer:
    path = tmp_path / "vecnormalize.pkl"
    path.write_bytes(content)
    return read_vecnormalize(path)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_statistics_are_read_whatever_the_protocol(tmp_path, protocol):
    normalizer = read(dump(protocol), tmp_path)
    np.testing.assert_array_equal(normalizer.mean, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(normalizer.variance, [1.0, 4.0, 9.0])
    assert normalizer.settings() == {
        "clip_observation": 5.0,
        "return_variance": 25.0,
        "clip_reward": 7.0,
        "epsilon": 1e-6,
    }


def test_what_is_not_normalised_is_none(tmp_path):
    normalizer = read(dump(norm_obs=False, norm_reward=False), tmp_path)
    assert normalizer.mean is None
    assert normalizer.variance is None
    assert normalizer.return_variance is None


def test_fortran_order_and_shape_are_flattened_as_they_index(tmp_path):
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    normalizer = read(dump(obs_rms=statistics(array, array + 1)), tmp_path)
    np.testing.assert_array_equal(normalizer.mean, np.arange(6.0))


def test_big_endian_arrays_are_read_as_numbers(tmp_path):
    normalizer = read(dump(obs_rms=statistics(np.arange(3, dtype=">f4"), np.ones(3))), tmp_path)
    np.testing.assert_array_equal(normalizer.mean, [0.0, 1.0, 2.0])


def test_dictionary_observations_are_refused_by_name(tmp_path):
    both = {"camera": statistics(np.ones(2), np.ones(2))}
    with pytest.raises(PolicyError, match=r"dictionary of observations \(camera\)"):
        read(dump(obs_rms=both), tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"obs_rms": statistics(np.array([np.nan]), np.ones(1))},
        {"obs_rms": statistics(np.ones(2), np.ones(3))},
        {"obs_rms": statistics(np.ones(2), -np.ones(2))},
        {"obs_rms": statistics(np.array(["a"]), np.ones(1))},
        {"obs_rms": statistics(np.array([{}], dtype=object), np.ones(1))},
        {"obs_rms": None},
        {"ret_rms": statistics(0.0, np.ones(2))},
        {"epsilon": "small"},
        {"clip_obs": float("inf")},
    ],
)
def test_statistics_that_are_no_numbers_are_refused(tmp_path, changes):
    with pytest.raises(PolicyError, match=r"vecnormalize\.pkl is refused"):
        read(dump(**changes), tmp_path)


class Evil:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def hostile(marker: Path):
    """Pickles that would make `marker`, or reach for something that could."""
    shell = f"touch {marker}"
    stack_global = b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c" + bytes([len(shell)])
    dotted = b"\x80\x04\x8c\x05numpy\x8c\x14testing.suppress_warn\x93."  # a name with a dot in it
    array_type = b"cnumpy\nndarray\n"
    reconstruct = b"cnumpy.core.multiarray\n_reconstruct\n"
    return {
        "os.system": pickle.dumps(Evil(os.system, shell)),
        "eval": pickle.dumps(Evil(eval, f"open({str(marker)!r}, 'w')")),
        "in the state": dump(old_obs=Evil(os.system, shell)),
        "stack global": stack_global + shell.encode() + b"\x85R.",
        "dotted": dotted,
        "getattr": b"c__builtin__\ngetattr\n(c__builtin__\n__import__\nS'x'\ntR.",
        "partial": b"cfunctools\npartial\n(cos\nsystem\nS'" + shell.encode() + b"'\ntR)R.",
        "numpy function": b"cnumpy\nfromfile\n(S'/etc/hostname'\ntR.",
        "numpy load": b"cnumpy.lib.npyio\nload\n(S'x.npy'\ntR.",
        "other subtype": reconstruct + b"(cnumpy\ndtype\n(I0\ntS'b'\ntR.",
        "unknown subtype": reconstruct + b"(cnumpy\nmemmap\n(I0\ntS'b'\ntR.",
        "persistent": b"Pposix.system\n.",
        "binary persistent": b"S'a'\nQ.",
        "extension": b"\x82\x01.",
        "extension 2": b"\x83\x01\x01.",
        "extension 4": b"\x84\x01\x01\x01\x01.",
        "instance": b"(S'" + shell.encode() + b"'\nios\nsystem\n.",
        "object": b"(cos\nsystem\nS'" + shell.encode() + b"'\no.",
        "class state": array_type + b"(NI00\n}S'__setstate__'\ncnumpy\ndtype\nstb.",
        "function state": reconstruct + b"(N}S'__defaults__'\nI1\nstb.",
        "memo bomb": b"\x80\x02]r\xff\xff\xff\x7f.",
        "bytes bomb": b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b".",
        "opcode bomb": b"\x80\x02" + b"N0" * 60_000 + b"N.",
        "deep": b"\x80\x02)" + b"\x85" * 60_000 + b".",
        "out of band": b"\x80\x05\x97.",
        "not a VecNormalize": pickle.dumps({"obs_rms": None}),
        "empty": b"",
        "text": b"hello",
    }


@pytest.mark.parametrize("name", list(hostile(Path("m"))))
def test_nothing_runs(tmp_path, name):
    marker = tmp_path / "marker"
    with pytest.raises(PolicyError, match="is refused"):
        read(hostile(marker)[name], tmp_path)
    assert not marker.exists()


def test_the_hostile_pickles_are_live(tmp_path):
    marker = tmp_path / "marker"
    pickle.loads(hostile(marker)["stack global"])
    assert marker.exists()


def test_a_refusal_changes_nothing_for_the_next_file(tmp_path):
    for content in hostile(tmp_path / "marker").values():
        with pytest.raises(PolicyError):
            read(content, tmp_path)
    assert read(dump(), tmp_path).clip_observation == 5.0


def test_a_missing_or_endless_file_is_refused(tmp_path, monkeypatch):
    with pytest.raises(PolicyError, match=r"none\.pkl cannot be read"):
        read_vecnormalize(tmp_path / "none.pkl")
    monkeypatch.setattr("ratchet.policies.sb3.safe_pickle.SIZE_LIMIT", 100)
    with pytest.raises(PolicyError, match="larger than 100 bytes"):
        read(dump(), tmp_path)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), cut=st.booleans())
def test_damaged_bytes_give_statistics_or_a_refusal(tmp_path, where, value, cut):
    content = bytearray(dump())
    place = int(where * len(content))
    content = content[:place] if cut else content
    if not cut:
        content[place] = value
    try:
        normalizer = read(bytes(content), tmp_path)
    except PolicyError:
        return
    assert normalizer.mean is None or np.isfinite(normalizer.mean).all()


@pytest.mark.skipif(not DATA.exists(), reason="the shared data are absent")
@pytest.mark.parametrize("name", ["acrobot_a2c_zoo", "mountaincar_zoo"])
def test_old_files_are_read(name):
    path = DATA / name / "vecnormalize.pkl"
    assert any(one.name == "GLOBAL" for one, _, _ in pickletools.genops(path.read_bytes()))
    normalizer = read_vecnormalize(path)
    assert normalizer.mean is not None
    assert normalizer.variance is not None
    assert (normalizer.variance > 0).all()
    assert normalizer.clip_observation == 10.0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_files_of_the_current_version_are_read(tmp_path):
    from stable_baselines3.common.vec_env import DummyVecEnv
    from stable_baselines3.common.vec_env import VecNormalize as Real

    env = Real(DummyVecEnv([lambda: gym.make("Pendulum-v1")] * 2), clip_obs=3.0)
    env.seed(1)
    env.reset()
    for _ in range(20):
        env.step([env.action_space.sample()] * 2)
    env.save(str(tmp_path / "v.pkl"))
    normalizer = read_vecnormalize(tmp_path / "v.pkl")
    raw = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32) * 5
    np.testing.assert_array_equal(normalizer.observations(raw), env.normalize_obs(raw))
    reward = np.linspace(-9, 9, 50)
    np.testing.assert_array_equal(normalizer.rewards(reward), env.normalize_reward(reward))
    env.close()
