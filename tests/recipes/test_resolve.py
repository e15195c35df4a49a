"""What a POLICY means: each way of naming one, and what is said where there is none."""

from dataclasses import replace

import numpy as np
import pytest
from gymnasium.spaces import Box

from policies import zips
from ratchet.errors import PolicyError
from ratchet.policies.checkpoint import point, publish
from ratchet.policies.initial import new_policy
from ratchet.policies.sb3.exporter import write_sb3
from ratchet.recipes.resolve import check_usable, load_player, load_policy
from ratchet.rollout.fit import check_fit, spec_for
from ratchet.tasks.cartpole import cartpole_modes
from ratchet.tasks.gymnasium import callable_task, gymnasium_task

TASK = cartpole_modes()
FIRST, SECOND = (new_policy(spec_for(TASK), seed) for seed in (1, 2))


@pytest.fixture
def root(tmp_path):
    """A run with two checkpoints: the first is its best, the second its latest."""
    run = tmp_path / "runs" / "one"
    first = publish(FIRST, run / "checkpoints" / "a")
    second = publish(SECOND, run / "checkpoints" / "b")
    point(run, "best", first)
    point(run, "latest", second)
    return tmp_path / "runs"


def test_every_way(root, monkeypatch):
    run = root / "one"
    assert load_policy(str(run / "checkpoints" / "b"), root).id == SECOND.id
    assert load_policy(str(run), root).id == FIRST.id
    assert load_policy(f"{run}@best", root).id == FIRST.id
    assert load_policy(f"{run}@latest", root).id == SECOND.id
    assert load_policy("one@latest", root).id == SECOND.id
    monkeypatch.chdir(root.parent)
    assert load_policy("runs/one@latest", root).id == SECOND.id
    assert load_policy("runs/one", root).id == FIRST.id
    (run / "best.json").unlink()
    assert load_policy(str(run), root).id == SECOND.id


def test_an_at_in_a_path(root, tmp_path):
    path = publish(FIRST, tmp_path / "me@home" / "policy")
    assert load_policy(str(path), root).id == FIRST.id
    (tmp_path / "me@home" / "run").mkdir()
    point(tmp_path / "me@home" / "run", "best", path)
    assert load_policy(f"{tmp_path}/me@home/run@best", root).id == FIRST.id


def test_a_zip(root, tmp_path):
    (written,) = write_sb3(FIRST, tmp_path / "policy.zip")
    read = load_policy(str(written), root)
    for name, tensor in FIRST.tensors.items():
        np.testing.assert_array_equal(read.tensors[name], tensor)
    assert load_player(str(written), TASK, root).policy.id == read.id


@pytest.mark.skipif(not zips.OLD, reason="needs the files of old models")
@pytest.mark.parametrize("path", zips.OLD, ids=lambda path: path.parent.name)
def test_real_zips(path, root):
    assert load_policy(str(path), root).parameter_count > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "there is no policy 'nothing': it is a checkpoint directory"),
        ("one@bset", "has no 'bset'"),
        ("two@best", "there is no run directory"),
        ("one@", "pointer '' is not a name"),
        ("missing.zip", "missing.zip"),
        ("random", "'random' has no parameters"),
        ("heuristic", "'heuristic' has no parameters"),
    ],
)
def test_what_is_no_policy(root, text, message):
    with pytest.raises(PolicyError, match=message):
        load_policy(text, root)


def test_files_that_are_no_policy(root, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(PolicyError, match="is not a checkpoint"):
        load_policy(str(tmp_path / "empty"), root)
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(PolicyError, match=r"broken\.zip"):
        load_policy(str(tmp_path / "broken.zip"), root)


def test_a_damaged_checkpoint_names_the_last_good_one(root):
    path = root / "one" / "checkpoints" / "b" / "policy.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(PolicyError, match=r"hash.*last good one is .*checkpoints/a"):
        load_policy("one@latest", root)


def test_who_plays(root):
    for name in ("random", "heuristic"):
        player = load_player(name, TASK, root)
        assert (player.label, player.policy, player.who.id) == (name, None, name)
    assert load_player("one@best", TASK, root).policy.id == FIRST.id
    with pytest.raises(PolicyError, match="'Pendulum-v1' has no heuristic"):
        load_player("heuristic", gymnasium_task("Pendulum-v1"), root)


def test_random_is_uniform_over_what_is_legal():
    seeds = np.arange(4000, dtype=np.uint64)

    def executed(chooser, masks=None, seeds=seeds):
        n = len(seeds)
        seen, memory = np.zeros((n, 4), dtype=np.float32), np.zeros((n, 0), dtype=np.float32)
        steps = np.zeros(n, dtype=np.int64)
        choice = chooser.act(seen, masks, seeds, steps, deterministic=True, state=memory)
        return choice.executed

    discrete = load_player("random", TASK, None).who
    assert discrete.memory == 0
    assert 0.45 < executed(discrete).mean() < 0.55
    masks = np.tile([True, False], (4000, 1))
    assert not executed(discrete, masks).any()
    with pytest.raises(PolicyError, match="no legal action"):
        executed(discrete, ~masks & masks)
    offset = load_player("random", callable_task("environments:Offset"), None).who
    assert set(executed(offset)) == {5, 6, 7}
    box = load_player("random", gymnasium_task("Pendulum-v1"), None).who
    torques = executed(box)
    assert -2.0 <= torques.min() < -1.9
    assert 1.9 < torques.max() <= 2.0
    np.testing.assert_array_equal(torques[7:8], executed(box, seeds=seeds[7:8]))


def test_random_needs_bounds():
    task = gymnasium_task("Pendulum-v1")
    task.action_space = Box(-np.inf, np.inf, (1,))
    with pytest.raises(PolicyError, match="'random' needs bounded actions"):
        load_player("random", task, None)


def test_a_policy_fits_its_task_or_both_are_named():
    check_fit(FIRST.spec, TASK)
    for task, message in [
        (
            "MountainCar-v0",
            r"sees Box\(shape=\(4,\)\), but task 'MountainCar-v0' shows Box\(shape=\(2,",
        ),
        (
            "FrozenLake-v1",
            r"sees Box\(shape=\(4,\)\), but task 'FrozenLake-v1' shows Discrete\(16\)",
        ),
    ]:
        with pytest.raises(PolicyError, match=message):
            check_fit(FIRST.spec, gymnasium_task(task))
    lunar = new_policy(spec_for(gymnasium_task("LunarLander-v3")), 0)
    action = replace(lunar.spec.action, n=2)
    with pytest.raises(
        PolicyError, match=r"chooses from Discrete\(2\), but .* takes Discrete\(4\)"
    ):
        check_fit(replace(lunar.spec, action=action), gymnasium_task("LunarLander-v3"))
    offset = callable_task("environments:Offset")
    spec = spec_for(offset)
    moved = replace(spec, action=replace(spec.action, start=0))
    with pytest.raises(PolicyError, match=r"3 actions count from 0, but those of .* from 5"):
        check_fit(moved, offset)
    pendulum = gymnasium_task("Pendulum-v1")
    spec = spec_for(pendulum)
    narrow = replace(spec, action=replace(spec.action, low=(-1.0,), high=(1.0,)))
    with pytest.raises(PolicyError, match=r"lie in \(-1.0,\) … \(1.0,\), but task 'Pendulum-v1'"):
        check_fit(narrow, pendulum)


def test_a_policy_without_its_statistics():
    lost = replace(FIRST, record={"source": "x.zip", "normalizer": "missing: trained with them"})
    with pytest.raises(PolicyError, match=r"vecnormalize\.pkl is missing"):
        check_usable(lost)
    check_usable(replace(FIRST, record={"normalizer": "none"}))
    check_usable(FIRST)
