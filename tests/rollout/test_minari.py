"""Minari datasets in and out: nothing is lost, nothing is run, and what does not fit is refused by its place."""

import json
import shutil
import sys
from dataclasses import replace
from types import ModuleType

import gymnasium
import minari
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from minari.data_collector import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage

from environments import counted
from ratchet.errors import CorruptError, TaskError
from ratchet.policies.actor import Actor
from ratchet.policies.initial import new_policy
from ratchet.rollout.demonstrations import (
    SETTINGS,
    DemonstrationSettings,
    episode_path,
    read_demonstrations,
    read_settings,
    recorded_seeds,
)
from ratchet.rollout.episode import Episode, Origin
from ratchet.rollout.episode_file import read_episode
from ratchet.rollout.fit import spec_for
from ratchet.rollout.minari_export import write_minari
from ratchet.rollout.minari_import import minari_source
from ratchet.rollout.recording import record_demonstrations
from ratchet.rollout.sources import DemonstrationSource, copy_demonstrations, directory_source
from ratchet.rollout.trajectory import EpisodeRecord
from ratchet.seeding import TRAINING_DOMAIN
from ratchet.tasks.cartpole import cartpole_modes
from ratchet.tasks.gymnasium import callable_task, gymnasium_task

# A collector leaves its temporary directory to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Implicitly cleaning up <TemporaryDirectory:ResourceWarning"
)


def tree_map(function, tree, *rest):
    if isinstance(tree, dict):
        return {key: tree_map(function, tree[key], *(each[key] for each in rest)) for key in tree}
    return function(tree, *rest)


@pytest.fixture
def minari_home(tmp_path, monkeypatch):
    """Where Minari keeps its datasets; a collector takes one function of JAX, which need not be installed."""
    home = tmp_path / "minari"
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(home))
    try:
        import jax.tree_util
    except ImportError:
        jax, util = ModuleType("jax"), ModuleType("jax.tree_util")
        util.tree_map, jax.tree_util = tree_map, util
        monkeypatch.setitem(sys.modules, "jax", jax)
        monkeypatch.setitem(sys.modules, "jax.tree_util", util)
    return home


def collected(name, *, seeds=(5, 6, 7), identity="cartpole/short-v0", infos=False, steps=None):
    """Play by Minari's own collector, the k-th episode with actions drawn by seed k; return the dataset."""
    env = minari.DataCollector(gymnasium.make(name), record_infos=infos)
    for number, seed in enumerate(seeds):
        env.action_space.seed(number)
        _, info = env.reset(seed=seed)
        over, taken = False, 0
        while not over and taken != steps:
            action = env.action_space.sample(info.get("action_mask"))
            _, _, terminated, truncated, info = env.step(action)
            over, taken = terminated or truncated, taken + 1
    with pytest.warns(UserWarning, match="is set to None"):
        dataset = env.create_dataset(identity)
    env.close()
    return dataset


def small_task(observation=None, action=None):
    """A task of these spaces, which is not played."""
    task = callable_task("environments:Masked")
    task.observation_space = observation or Box(-np.inf, np.inf, (3,), dtype=np.float32)
    task.action_space = action or Discrete(4)
    return task


def stored(home, *, episodes=None, observation=None, action=None, **metadata):
    """Write a dataset by Minari's own means; return its directory."""
    home.mkdir(parents=True)
    storage = MinariStorage.new(
        home / "data",
        observation_space=observation or small_task().observation_space,
        action_space=action or Discrete(4),
    )
    stated = {"dataset_id": "made/small-v0", "minari_version": minari.__version__, **metadata}
    storage.update_metadata(stated)
    storage.update_episodes([buffer()] if episodes is None else episodes)
    return home


def buffer(steps=3, **changes):
    """An episode of `small_task` that terminates."""
    flags = np.arange(1, steps + 1) == steps
    parts = {
        "seed": 11,
        "observations": np.arange(3 * (steps + 1), dtype=np.float32).reshape(-1, 3),
        "actions": np.arange(steps) % 4,
        "rewards": np.arange(steps, dtype=np.float64),
        "terminations": flags,
        "truncations": np.zeros_like(flags),
        "infos": None,
    }
    return EpisodeBuffer(**(parts | changes))


def whole(source):
    return [source.read(place) for place in range(len(source.seeds))]


def same(first, second):
    for name in ("observations", "final_observation", "actions", "rewards", "masks"):
        mine, theirs = getattr(first, name), getattr(second, name)
        assert (mine is None) == (theirs is None)
        if mine is not None:
            assert mine.dtype == theirs.dtype
            assert mine.shape == theirs.shape
            assert mine.tobytes() == theirs.tobytes()
    assert first.terminated == second.terminated
    for name in ("seed", "mode", "length", "episode_return"):
        assert getattr(first.record, name) == getattr(second.record, name)


# --- out and in again ---------------------------------------------------------------------------


def drawn(data, task, seed):
    """An episode of a task, any that there may be."""
    steps = data.draw(st.integers(1, 5))
    space, count = task.observation_space, int(task.action_space.n)
    if isinstance(space, Discrete):
        places = data.draw(arrays.arrays(np.int64, steps + 1, elements=st.integers(0, 2)))
        seen = np.eye(3, dtype=np.float32)[places]
    else:
        numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
        size = int(np.prod(space.shape))
        seen = data.draw(arrays.arrays(np.float32, (steps + 1, size), elements=numbers))
    actions = data.draw(arrays.arrays(np.int64, steps, elements=st.integers(0, count - 1)))
    masks = data.draw(arrays.arrays(np.bool_, (steps, count)))
    masks[np.arange(steps), actions] = True
    rewards = data.draw(arrays.arrays(np.float32, steps, elements=st.floats(-1e6, 1e6, width=32)))
    return Episode(
        observations=seen[:-1],
        actions=actions,
        masks=masks,
        log_probs=np.zeros(steps, np.float32),
        values=np.zeros(steps, np.float32),
        rewards=rewards,
        terminated=data.draw(st.booleans()),
        final_observation=seen[-1],
        bootstrap=0.0,
        record=EpisodeRecord(
            attempt=0,
            worker=0,
            episode=0,
            seed=seed,
            mode="default",
            episode_return=float(rewards.sum(dtype=np.float64)),
            length=steps,
        ),
        origin=Origin(
            run="", task="", task_hash="", policy="", version=0, begun_at=0.0, ended_at=0.0
        ),
    )


SPACES = [
    Box(-1, 1, (2,), dtype=np.float32),
    Box(-(10.0**300), 10.0**300, (2, 3), dtype=np.float64),
    Box(0, 255, (40, 40), dtype=np.uint8),  # of which Minari would make a picture, with losses
    Discrete(3, start=-1),
]


@settings(max_examples=25)
@given(
    data=st.data(),
    space=st.sampled_from(SPACES[:2] + SPACES[3:]),
    start=st.sampled_from([0, 2]),
    masked=st.booleans(),
    seeds=st.sets(st.integers(0, 2**63 - 1), min_size=1, max_size=4),
)
def test_what_goes_out_comes_in_again(tmp_path_factory, data, space, start, masked, seeds):
    task = small_task(space, Discrete(3, start=start))
    episodes = [drawn(data, task, seed) for seed in sorted(seeds)]
    if not masked:
        episodes = [replace(each, masks=None) for each in episodes]
    said = DemonstrationSettings.of(task, "someone", "default", 3)
    source = DemonstrationSource(
        name="mine", settings=said, seeds=tuple(sorted(seeds)), read=episodes.__getitem__
    )
    out = tmp_path_factory.mktemp("out") / "games-v0"
    assert write_minari(out, task, source) == "games-v0"
    back = minari_source(str(out), task)
    assert (back.settings, back.seeds) == (said, source.seeds)
    for mine, theirs in zip(episodes, whole(back), strict=True):
        same(mine, theirs)
    shutil.rmtree(out)


def test_whole_numbers_in_two_axes_are_no_picture(tmp_path):
    task = small_task(SPACES[2])
    seen = np.random.default_rng(0).integers(0, 256, (4, 1600)).astype(np.float32)
    episode = minari_source(str(stored(tmp_path / "any-v0")), small_task()).read(0)
    episode = replace(episode, observations=seen[:-1], final_observation=seen[-1])
    said = DemonstrationSettings.of(task, "someone", "default", 0)
    source = DemonstrationSource(
        name="mine", settings=said, seeds=(11,), read=lambda place: episode
    )
    write_minari(tmp_path / "out-v0", task, source)
    same(minari_source(str(tmp_path / "out-v0"), task).read(0), episode)


@pytest.mark.parametrize("mode", ["1", None])
def test_a_directory_comes_back_as_it_was(tmp_path, mode):
    task = cartpole_modes()
    seeds = record_demonstrations(
        tmp_path / "games", task, "heuristic", episodes=6, mode=mode, run_seed=4
    )
    source = directory_source(tmp_path / "games", task)
    write_minari(tmp_path / "games-v3", task, source)
    back = minari_source(str(tmp_path / "games-v3"), task)
    assert sorted(copy_demonstrations(tmp_path / "again", back)) == sorted(seeds)
    for seed in seeds:
        first, second = (
            read_episode(episode_path(tmp_path / name, seed)) for name in ("games", "again")
        )
        same(first, second)
    assert read_settings(tmp_path / "again") == read_settings(tmp_path / "games")
    first, second = (read_demonstrations(tmp_path / name, task) for name in ("games", "again"))
    assert first.id == second.id == back.demonstrations(task).id
    # And what is recorded goes on from what came in.
    more = record_demonstrations(
        tmp_path / "again", task, "heuristic", episodes=8, mode=mode, run_seed=4
    )
    assert more[:6] == seeds


def test_minari_reads_what_is_written(tmp_path, minari_home):
    task = callable_task("environments:Masked")
    teacher = Actor(new_policy(spec_for(task), 0))
    record_demonstrations(tmp_path / "games", task, teacher, episodes=3)
    source = directory_source(tmp_path / "games", task)
    assert write_minari(minari_home / "mine/games-v0", task, source) == "mine/games-v0"
    dataset = minari.load_dataset("mine/games-v0")
    assert list(minari.list_local_datasets()) == ["mine/games-v0"]
    assert (dataset.total_episodes, dataset.total_steps) == (3, 24)
    assert dataset.observation_space == task.observation_space
    assert dataset.action_space == task.action_space
    said = dataset.storage.metadata
    assert said["algorithm_name"] == teacher.id
    assert said["ratchet"] == {
        "task": task.name, "teacher": teacher.id, "mode": None, "seed": 0
    }  # fmt: skip
    for seed, stated in zip(
        source.seeds, dataset.storage.get_episode_metadata(range(3)), strict=True
    ):
        assert (stated["seed"], stated["mode"]) == (seed, "default")
    mine = source.read(0)
    theirs = dataset[0]
    np.testing.assert_array_equal(theirs.observations[:-1], mine.observations)
    np.testing.assert_array_equal(theirs.observations[-1], mine.final_observation)
    np.testing.assert_array_equal(theirs.infos["action_mask"][:-1], mine.masks)
    assert theirs.infos["action_mask"][-1].all()
    assert theirs.terminations.tolist() == [False] * 7 + [True]
    assert not theirs.truncations.any()
    assert sorted(path.name for path in (minari_home / "mine").iterdir()) == ["games-v0"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "games",
            "'games' is no name of a Minari dataset; it must end in a version, such as games-v0",
        ),
        ("a game-v0", "'a game-v0' is no name of a Minari dataset"),
        ("there-v0", "there-v0 is there already"),
        ("file/games-v0", "games-v0 cannot be written: .*Not a directory"),
    ],
)
def test_where_a_dataset_cannot_be_written(tmp_path, name, message):
    task = small_task()
    source = minari_source(str(stored(tmp_path / "any-v0")), task)
    (tmp_path / "there-v0").mkdir()
    (tmp_path / "file").write_text("")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(TaskError, match=message):
        write_minari(tmp_path / name, task, source)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_export_that_fails_leaves_nothing(tmp_path):
    task = cartpole_modes()
    seeds = record_demonstrations(tmp_path / "games", task, "heuristic", episodes=3, mode="1")
    episode_path(tmp_path / "games", max(seeds)).write_bytes(b"PK\x03\x04")
    with pytest.raises(CorruptError):
        write_minari(tmp_path / "out-v0", task, directory_source(tmp_path / "games", task))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["games"]


# --- what others have made ----------------------------------------------------------------------


def test_what_a_collector_has_made(tmp_path, minari_home):
    dataset = collected("CartPole-v1", seeds=(5, 1 << 62, (1 << 64) - 1, 5))
    task = gymnasium_task("CartPole-v1")
    source = minari_source("cartpole/short-v0", task)
    assert minari_source(str(minari_home / "cartpole/short-v0"), task).seeds == source.seeds
    assert minari_source(str(minari_home / "cartpole/short-v0/data"), task).seeds == source.seeds
    assert source.settings.teacher == "minari:cartpole/short-v0"
    assert source.settings.mode == "default"
    # Of four seeds two are kept: one has 64 bits, one was there before.
    assert source.seeds[:2] == (5, 1 << 62)
    assert all(TRAINING_DOMAIN <= seed < 1 << 63 for seed in source.seeds[2:])
    assert source.evaluation_seeds == 1
    env = task.make(1)
    for mine, theirs in zip(whole(source), dataset, strict=True):
        np.testing.assert_array_equal(mine.observations, theirs.observations[:-1])
        np.testing.assert_array_equal(mine.final_observation, theirs.observations[-1])
        np.testing.assert_array_equal(mine.actions, theirs.actions)
        np.testing.assert_array_equal(mine.rewards, theirs.rewards)
        assert mine.masks is None
        assert mine.terminated == theirs.terminations[-1]
    env.begin(np.zeros(1, np.int64), [5], np.zeros(1, np.int64))
    np.testing.assert_array_equal(env.observations[0], source.read(0).observations[0])


def test_masks_are_read_from_the_infos(minari_home):
    name = next(each for each in gymnasium.registry if each.startswith("Taxi-"))
    collected(name, identity="taxi-v0", infos=True, steps=20)
    task = gymnasium_task(name)
    shown = minari_source("taxi-v0", task).demonstrations(task)
    assert not shown.terminated.any()  # all were cut after 20 steps
    every = np.arange(len(shown))
    assert (shown.observations(every).sum(axis=1) == 1).all()
    masks = shown.masks(every)
    assert masks[every, shown.actions].all()
    assert not masks.all()


def test_an_import_goes_on_where_it_was_broken_off(tmp_path, minari_home):
    collected("CartPole-v1", seeds=range(10))
    task = gymnasium_task("CartPole-v1")
    source, told = minari_source("cartpole/short-v0", task), []

    def stop(record):
        told.append(record.seed)
        if len(told) == 4:
            raise KeyboardInterrupt

    games = tmp_path / "games"
    with pytest.raises(KeyboardInterrupt):
        copy_demonstrations(games, source, on_episode=stop)
    assert recorded_seeds(games) == told == [0, 1, 2, 3]
    before = {path.name: path.stat().st_mtime_ns for path in games.glob("*.npz")}
    (games / ".tmp-00000000-1-abcd").write_bytes(b"half")
    assert copy_demonstrations(games, source) == list(range(10))
    after = {path.name: path.stat().st_mtime_ns for path in games.glob("*.npz")}
    assert len(after) == 10
    assert before.items() <= after.items()
    assert not list(games.glob(".tmp-*"))
    shown = read_demonstrations(games, task)
    assert shown.id == source.demonstrations(task).id
    assert shown.episodes == 10
    # A damaged one is written again.
    episode_path(games, 3).write_bytes(b"PK\x03\x04")
    copy_demonstrations(games, source)
    assert read_demonstrations(games, task).id == shown.id


def test_another_dataset_is_not_mixed_in(tmp_path):
    task, games = small_task(), tmp_path / "games"
    first = minari_source(str(stored(tmp_path / "first")), task)
    copy_demonstrations(games, first)
    other = stored(tmp_path / "other", dataset_id="made/other-v0")
    with pytest.raises(TaskError, match="whose teacher is 'minari:made/small-v0', not"):
        copy_demonstrations(games, minari_source(str(other), task))
    # The same id, but another content.
    for changes, message in [
        ({"actions": np.array([3, 3, 3])}, "another demonstration of seed 11"),
        ({"infos": {"action_mask": np.ones((4, 4), bool)}}, "another demonstration of seed 11"),
        ({"seed": 12}, "1 demonstrations that .* has not, such as that of seed 11"),
    ]:
        changed = stored(tmp_path / f"changed {list(changes)}", episodes=[buffer(**changes)])
        with pytest.raises(TaskError, match=message):
            copy_demonstrations(games, minari_source(str(changed), task))
    assert recorded_seeds(games) == [11]
    same(read_episode(episode_path(games, 11)), first.read(0))


def test_the_first_so_many(tmp_path):
    task = small_task()
    games = stored(tmp_path / "any", episodes=[buffer(seed=seed) for seed in (9, 3, None)])
    source = minari_source(str(games), task)
    assert source.seeds[:2] == (9, 3)
    assert source.first(None).seeds == source.seeds
    assert source.first(2).seeds == (9, 3)
    assert source.demonstrations(task).seeds.tolist() == sorted(source.seeds)
    for episodes in (0, 4):
        with pytest.raises(
            TaskError, match=f"holds 3 demonstrations, and {episodes} are asked for"
        ):
            source.first(episodes)


def test_an_episode_that_merely_stops_was_cut_there(tmp_path):
    no = np.zeros(3, bool)
    yes = np.array([False, False, True])
    episodes = [
        buffer(seed=seed, terminations=over, truncations=late)
        for seed, (over, late) in enumerate([(no, no), (no, yes), (yes, yes)])
    ]
    found = whole(minari_source(str(stored(tmp_path / "any", episodes=episodes)), small_task()))
    assert [each.terminated for each in found] == [False, False, True]


def test_modes_that_a_dataset_does_not_say(tmp_path):
    task = cartpole_modes()
    space, action = task.observation_space, task.action_space
    episode = buffer(observations=np.zeros((4, 4), np.float32), actions=np.zeros(3, np.int64))
    games = stored(tmp_path / "any", episodes=[episode], observation=space, action=action)
    with pytest.raises(TaskError, match="give it by --mode"):
        minari_source(str(games), task)
    with pytest.raises(TaskError, match="has no mode '99'"):
        minari_source(str(games), task, "99")
    assert minari_source(str(games), task, "2").read(0).record.mode == "2"


def test_what_ratchet_wrote_of_another_task_is_not_believed(tmp_path):
    task = small_task()
    said = {"task": "another", "teacher": "heuristic", "mode": "7", "seed": 0}
    source = minari_source(str(stored(tmp_path / "any", ratchet=said)), task)
    assert source.settings.teacher == "minari:made/small-v0"
    for change, message in [
        ({"mode": "7"}, "has no mode '7'"),
        ({"seed": "x"}, "has no teacher and seed"),
        ({"teacher": None}, "has no teacher and seed"),
        ({"mode": None}, "episode 0 of .* is of mode 'None'"),
    ]:
        block = {"task": task.name, "teacher": "me", "mode": "default", "seed": 0} | change
        with pytest.raises(TaskError, match=message):
            minari_source(str(stored(tmp_path / f"{change}", ratchet=block)), task)
    block = {"task": task.name, "teacher": "me", "mode": "default", "seed": 0}
    games = stored(tmp_path / "mine", ratchet=block)
    with pytest.raises(TaskError, match="whose mode is 'default', not 'hard'"):
        minari_source(str(games), task, "hard")


# --- bad input ----------------------------------------------------------------------------------

MASK = np.ones((4, 4), np.int8)
NOT_ONE = MASK.copy()
NOT_ONE[1, 1] = 0
OBSERVED = np.zeros((4, 3), np.float32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"actions": np.array([0, 4, 0])}, "takes action 4 at step 1, which is not legal"),
        ({"actions": np.array([0, 0, -1])}, "takes action -1 at step 2, which is not legal"),
        ({"infos": {"action_mask": NOT_ONE}}, "takes action 1 at step 1, which is not legal"),
        ({"actions": np.array([0.0, 1.0, 2.0])}, "the actions of .* whole numbers of shape"),
        ({"actions": np.zeros((3, 1), int)}, r"the actions of .* of shape \(3, 1\)"),
        ({"infos": {"action_mask": MASK[:-1]}}, r"action_mask of .* flags of shape \(4, 4\)"),
        ({"infos": {"action_mask": MASK[:, :-1]}}, r"int8 of shape \(4, 3\)"),
        ({"observations": OBSERVED[:-1]}, r"numbers of shape \(4, 3\)"),
        ({"observations": OBSERVED + np.float32(np.inf)}, "shows a number at step 0"),
        ({"observations": OBSERVED.astype(np.float64) + 1e300}, "too large for float32"),
        ({"rewards": np.array([0, np.nan, 0])}, "its rewards are not all finite"),
        ({"rewards": np.array([0, 1e300, 0])}, "its rewards are not all finite"),
        ({"rewards": np.zeros((3, 1))}, "the rewards of"),
        ({"terminations": np.array([True, False, True])}, "ends at step 0, and yet has 3 steps"),
        ({"truncations": np.array([False, True, False])}, "ends at step 1, and yet has 3 steps"),
        ({"truncations": np.zeros(2, bool)}, "the truncations of"),
    ],
)
def test_an_episode_that_does_not_fit_is_refused_by_its_number(tmp_path, changes, message):
    games = stored(tmp_path / "any", episodes=[buffer(), buffer(seed=12, **changes)])
    source = minari_source(str(games), small_task())
    source.read(0)
    with pytest.raises(TaskError, match=message) as caught:
        source.read(1)
    assert "episode 1 of the Minari dataset made/small-v0" in str(caught.value)


def test_a_place_that_is_none(tmp_path):
    space = Discrete(3, start=1)
    for number, (shown, message) in enumerate(
        [
            ([1, 2, 3, 4], "shows 4 at step 3"),
            ([1, 0, 3, 3], "shows 0 at step 1"),
            (4 * [0.5], "whole"),
        ]
    ):
        episode = buffer(observations=np.array(shown))
        games = stored(tmp_path / f"{number}", episodes=[episode], observation=space)
        with pytest.raises(TaskError, match=message):
            minari_source(str(games), small_task(space)).read(0)


@pytest.mark.parametrize(
    ("observation", "action", "message"),
    [
        (Box(-1, 1, (4,)), None, "has observations Box"),
        (Discrete(3), None, "has observations Discrete"),
        (gymnasium.spaces.Dict({"a": Box(-1, 1, (3,))}), None, "has observations Dict"),
        (None, Discrete(5), r"has actions Discrete\(5\)"),
        (None, Discrete(4, start=1), r"has actions Discrete\(4, start=1\)"),
        (None, Box(-1, 1, (1,)), "has actions Box"),
        (None, gymnasium.spaces.MultiDiscrete([4]), "has actions MultiDiscrete"),
    ],
)
def test_other_spaces_do_not_fit(tmp_path, observation, action, message):
    games = stored(tmp_path / "any", episodes=[], observation=observation, action=action)
    with pytest.raises(TaskError, match=message):
        minari_source(str(games), small_task())


def test_a_task_of_other_actions_has_no_demonstrations(tmp_path):
    with pytest.raises(TaskError, match="demonstrations are of Discrete ones"):
        minari_source(str(tmp_path), gymnasium_task("Pendulum-v1"))


def change_metadata(games, **changes):
    path = games / "data" / "metadata.json"
    said = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in said.items() if value is not None}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset_id": None}, "it has no dataset_id"),
        ({"dataset_id": 5}, "it has no dataset_id"),
        ({"observation_space": 5}, "does not state the observation_space"),
        ({"observation_space": '{"type": "Graph"}'}, "cannot be read"),
        ({"action_space": "{"}, "cannot be read"),
        ({"minari_version": "9.0.0"}, "is of Minari '9.0.0'"),
        ({"data_format": "pickle"}, "has the format 'pickle'; hdf5, arrow and parquet are read"),
        ({"data_format": None}, "has the format None"),
        ({"total_episodes": 2}, "cannot be read"),
        ({"total_episodes": "many"}, "cannot be read"),
        ({"total_episodes": 0}, "has no episodes"),
    ],
)
def test_metadata_that_are_none(tmp_path, changes, message):
    games = stored(tmp_path / "any")
    change_metadata(games, **changes)
    with pytest.raises(TaskError, match=message):
        minari_source(str(games), small_task())


@pytest.mark.parametrize("kind", ["arrow", "parquet"])
def test_other_formats_need_a_reader_that_runs_nothing(tmp_path, monkeypatch, kind):
    games = stored(tmp_path / "any")
    change_metadata(games, data_format=kind)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(TaskError, match=rf"'{kind}', which needs pyarrow: .*minari\[arrow\]"):
        minari_source(str(games), small_task())
    monkeypatch.setitem(sys.modules, "pyarrow", ModuleType("pyarrow"))
    monkeypatch.setattr(sys.modules["pyarrow"], "__version__", "14.0.0", raising=False)
    with pytest.raises(TaskError, match=rf"'{kind}', in which pyarrow 14.0.0 runs code"):
        minari_source(str(games), small_task())


def test_no_environment_of_a_dataset_is_made(tmp_path):
    games, task = stored(tmp_path / "any"), small_task()
    spec = {"id": "Counting-v0", "entry_point": "environments:Counting", "additional_wrappers": []}
    change_metadata(games, env_spec=json.dumps(spec))
    counted.clear()
    minari_source(str(games), task).read(0)
    for key in ("observation_space", "action_space"):
        change_metadata(games, **{key: None})
        with pytest.raises(TaskError, match="would run the dataset's environment"):
            minari_source(str(games), task)
    assert not counted


def test_damaged_files_are_refused(tmp_path):
    games, task = stored(tmp_path / "any"), small_task()
    data = games / "data" / "main_data.hdf5"
    content = data.read_bytes()
    data.write_bytes(content[: len(content) // 2])
    with pytest.raises(TaskError, match="the Minari dataset made/small-v0 cannot be read"):
        minari_source(str(games), task)
    data.unlink()
    with pytest.raises(TaskError, match="cannot be read: No data found"):
        minari_source(str(games), task)
    for text in ("{", "[]"):
        (games / "data" / "metadata.json").write_text(text)
        with pytest.raises(TaskError, match=r"metadata.json"):
            minari_source(str(games), task)


def test_a_dataset_that_is_missing_is_not_downloaded(tmp_path, minari_home, monkeypatch):
    monkeypatch.setattr(minari, "download_dataset", None)
    for text in ("D4RL/door/human-v2", "nothing", str(tmp_path), ""):
        with pytest.raises(TaskError, match=r"there are no demonstrations .*nothing is downloaded"):
            minari_source(text, small_task())
    assert not minari_home.exists()


def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch):
    task = small_task()
    games = stored(tmp_path / "any")
    source = minari_source(str(games), task)
    monkeypatch.setitem(sys.modules, "minari", None)
    named = r"needs the package minari, which is not installed: pip install 'ratchet-rl\[minari\]'"
    with pytest.raises(TaskError, match=f"reading the Minari dataset in .* {named}"):
        minari_source(str(games), task)
    with pytest.raises(TaskError, match=f"writing a Minari dataset {named}"):
        write_minari(tmp_path / "out-v0", task, source)
    with pytest.raises(TaskError, match="there are no demonstrations 'nowhere'"):
        minari_source("nowhere", task)


def test_a_directory_as_a_source(tmp_path):
    task = cartpole_modes()
    seeds = record_demonstrations(tmp_path / "games", task, "heuristic", episodes=3, mode="1")
    source = directory_source(tmp_path / "games", task, "1")
    assert source.seeds == tuple(sorted(seeds))
    copy_demonstrations(tmp_path / "copy", source.first(2))
    assert recorded_seeds(tmp_path / "copy") == sorted(seeds)[:2]
    with pytest.raises(TaskError, match="whose mode is '1', not '2'"):
        directory_source(tmp_path / "games", task, "2")
    with pytest.raises(TaskError, match="of task 'cartpole-modes', not 'CartPole-v1'"):
        directory_source(tmp_path / "games", gymnasium_task("CartPole-v1"))
    (tmp_path / "empty").mkdir()
    shutil.copy(tmp_path / "games" / SETTINGS, tmp_path / "empty")
    with pytest.raises(TaskError, match="holds no demonstrations yet"):
        directory_source(tmp_path / "empty", task)
