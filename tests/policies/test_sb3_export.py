"""Exported zips open in Stable-Baselines3 and act the same, there and when read back."""

import errno
import json
import pickletools
import subprocess
import sys
import zipfile

import gymnasium as gym
import numpy as np
import pytest

from policies import zips
from ratchet.errors import PolicyError
from ratchet.policies.normalizer import Normalizer
from ratchet.policies.policy import Policy
from ratchet.policies.sb3.exporter import write_sb3
from ratchet.policies.sb3.importer import read_sb3
from ratchet.policies.spec import ActionSpec, ObservationSpec, PolicySpec

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:We recommend using a `batch_size`.*"),
    pytest.mark.filterwarnings("ignore:.*out of date.*"),
]


def invented(seed=0, **changes):
    """Return a policy with random tensors; by default the CartPole one."""
    options = {
        "observation": ObservationSpec(kind="box", shape=(4,)),
        "action": ActionSpec(kind="discrete", n=2),
    } | changes.pop("spec", {})
    spec = PolicySpec(**options)
    rng = np.random.default_rng(seed)
    tensors = {
        name: rng.normal(size=shape).astype(np.float32) * 0.3
        for name, shape in spec.tensor_shapes().items()
    }
    return Policy(spec=spec, tensors=tensors, **changes)


@pytest.mark.parametrize("name", list(zips.SMALL))
def test_small_zips_survive_the_round(tmp_path, name):
    zips.save_small(name, tmp_path / "in.zip")
    policy = read_sb3(tmp_path / "in.zip")
    (out,) = write_sb3(policy, tmp_path / "out.zip")
    again = read_sb3(out)
    assert again.id == policy.id
    model = zips.algorithm_class(zips.SMALL[name][0]).load(out, device="cpu")
    masks = np.ones((1000, 10), dtype=bool) if name == "maskable" else None
    zips.assert_same(policy, model, masks)
    assert model.use_sde == name.startswith("gsde")


@pytest.mark.skipif(not zips.OLD, reason="the shared data are absent")
@pytest.mark.parametrize("path", zips.OLD, ids=lambda path: path.parent.name)
def test_old_zips_become_new_ones(tmp_path, path):
    policy = read_sb3(path)
    out, *statistics = write_sb3(policy, tmp_path / "out.zip")
    assert bool(statistics) == (policy.normalizer is not None)
    model = zips.algorithm_class(policy.record["algorithm"]).load(out, device="cpu")
    zips.assert_same(policy, model)
    again = read_sb3(out)
    assert again.id == policy.id
    assert again.record["hyperparameters"]["gamma"] == policy.record["hyperparameters"]["gamma"]


def test_an_exported_policy_goes_on_learning_where_its_environment_is(tmp_path):
    zips.save_small("ppo", tmp_path / "in.zip")
    policy = read_sb3(tmp_path / "in.zip")
    (out,) = write_sb3(policy, tmp_path / "out.zip")
    model = zips.algorithm_class("PPO").load(out, env=gym.make("CartPole-v1"), device="cpu")
    model.learn(64)
    model.save(tmp_path / "again.zip")
    assert read_sb3(tmp_path / "again.zip").id != policy.id


def test_a_trained_child_is_given_the_space_of_its_task(tmp_path):
    child = invented()
    env = gym.make("CartPole-v1")
    (out,) = write_sb3(child, tmp_path / "a.zip", observation_space=env.observation_space)
    zips.algorithm_class("PPO").load(out, env=env, device="cpu")
    (out,) = write_sb3(child, tmp_path / "b.zip")
    zips.assert_same(child, zips.algorithm_class("PPO").load(out, device="cpu"))


@pytest.mark.parametrize("trunks", [((), ()), ((5,), ()), ((5, 3), (4, 4))])
def test_shared_trunks_are_written_once_for_each(tmp_path, trunks):
    actor, critic = trunks
    policy = invented(spec={"shared": (8, 6), "actor": actor, "critic": critic})
    (out,) = write_sb3(policy, tmp_path / "out.zip")
    zips.assert_same(policy, zips.algorithm_class("PPO").load(out, device="cpu"))
    assert read_sb3(out).spec.actor == (8, 6, *actor)


def test_actions_counted_from_elsewhere_and_boxes_without_end(tmp_path):
    box = ActionSpec(kind="box", shape=(2,), low=(-np.inf, -0.1), high=(np.inf, 1 / 3))
    for action, kind in (
        (ActionSpec(kind="discrete", n=3, start=-1), "categorical"),
        (box, "gaussian"),
    ):
        policy = invented(spec={"action": action, "distribution": kind})
        (out,) = write_sb3(policy, tmp_path / f"{kind}.zip")
        read = read_sb3(out).spec.action
        assert (read.n, read.start, read.shape) == (action.n, action.start, action.shape)
        np.testing.assert_array_equal(np.float32(read.high), np.float32(action.high))
        zips.algorithm_class("PPO").load(out, device="cpu")


def test_the_normaliser_opens_in_its_library(tmp_path):
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    rng = np.random.default_rng(0)
    normalizer = Normalizer(
        mean=rng.normal(size=4), variance=rng.random(4), clip_observation=2.0, return_variance=9.0
    )
    policy = invented(normalizer=normalizer)
    out, statistics = write_sb3(policy, tmp_path / "out.zip")
    env = VecNormalize.load(str(statistics), DummyVecEnv([lambda: gym.make("CartPole-v1")]))
    raw = rng.normal(size=(100, 4)).astype(np.float32) * 3
    np.testing.assert_array_equal(env.normalize_obs(raw), policy.observe(raw))
    rewards = np.linspace(-99, 99, 9)
    np.testing.assert_array_equal(env.normalize_reward(rewards), normalizer.rewards(rewards))
    assert not env.training
    assert env.reset().shape == (1, 4)
    assert env.step([0])[0].shape == (1, 4)
    assert read_sb3(out).id == policy.id
    rewards_only = invented(normalizer=Normalizer(return_variance=4.0))
    out, statistics = write_sb3(rewards_only, tmp_path / "rewards.zip")
    VecNormalize.load(str(statistics), DummyVecEnv([lambda: gym.make("CartPole-v1")]))
    assert read_sb3(out).normalizer.mean is None


def test_the_same_policy_gives_the_same_fields_and_names_no_place(tmp_path):
    policy = invented()
    (one,) = write_sb3(policy, tmp_path / "one.zip")
    (two,) = write_sb3(policy, tmp_path / "two.zip")
    assert zips.fields_of(one) == zips.fields_of(two)
    with zipfile.ZipFile(one) as archive:
        assert all(str(tmp_path).encode() not in archive.read(name) for name in archive.namelist())
    json.dumps(zips.fields_of(one), allow_nan=False)


def test_nothing_is_overwritten(tmp_path):
    policy = invented(normalizer=Normalizer(mean=np.zeros(4), variance=np.ones(4)))
    for name in ("out.zip", "out.vecnormalize.pkl"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(PolicyError, match=f"{name} already exists"):
            write_sb3(policy, tmp_path / "out.zip")
        assert [file.name for file in tmp_path.iterdir()] == [name]
        assert (tmp_path / name).read_text() == "mine"
        (tmp_path / name).unlink()


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    policy = invented(normalizer=Normalizer(mean=np.zeros(4), variance=np.ones(4)))
    calls = []

    def fail(descriptor):
        calls.append(descriptor)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(PolicyError, match="the disk is full"):
        write_sb3(policy, tmp_path / "out.zip")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PolicyError, match="cannot be written"):
        write_sb3(policy, tmp_path / "nowhere" / "out.zip")


def test_it_is_written_without_the_library(tmp_path):
    program = (
        "import sys; sys.modules['stable_baselines3'] = sys.modules['sb3_contrib'] = None\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from ratchet.policies.sb3.exporter import write_sb3\n"
        "from ratchet.policies.policy import Policy\n"
        "from ratchet.policies.normalizer import Normalizer\n"
        "from ratchet.policies.spec import ActionSpec, ObservationSpec, PolicySpec\n"
        "spec = PolicySpec(observation=ObservationSpec(kind='box', shape=(4,)),\n"
        "                  action=ActionSpec(kind='discrete', n=2), masked=True)\n"
        "tensors = {n: np.zeros(s, np.float32) for n, s in spec.tensor_shapes().items()}\n"
        "stats = Normalizer(mean=np.zeros(4), variance=np.ones(4))\n"
        "policy = Policy(spec=spec, tensors=tensors, normalizer=stats)\n"
        f"write_sb3(policy, Path({str(tmp_path / 'out.zip')!r}))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    content = (tmp_path / "out.vecnormalize.pkl").read_bytes()
    names = {arg for op, arg, _ in pickletools.genops(content) if op.name == "GLOBAL"}
    assert "stable_baselines3.common.vec_env.vec_normalize VecNormalize" in names
    zips.algorithm_class("MaskablePPO").load(tmp_path / "out.zip", device="cpu")
