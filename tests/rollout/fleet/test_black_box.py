"""A black box holds the seeds and actions of all episodes in progress, however its process ended."""

import os
import signal

import numpy as np
import pytest

from ratchet.errors import LedgerError
from ratchet.rollout.fleet.black_box import BlackBox, read_black_box

MODES = ["easy", "hard"]


def play(box, dtype, shape, seed, ticks=120, count=3):
    """Begin, act and end at random; return by copy what is in progress in the end."""
    rng = np.random.default_rng(seed)
    playing = {}
    for tick in range(ticks):
        free = np.array([copy for copy in range(count) if copy not in playing], dtype=np.int64)
        begins = free[rng.random(len(free)) < 0.5]
        seeds = rng.integers(0, 2**63, len(begins), dtype=np.uint64)
        modes = rng.integers(0, 2, len(begins))
        box.begin(begins, seeds, modes, tick, f"{tick:016x}")
        for copy, given, mode in zip(begins.tolist(), seeds, modes, strict=True):
            playing[copy] = (int(given), MODES[mode], tick, f"{tick:016x}", [])
        actions = (rng.normal(size=(count, *shape)) * 9).astype(dtype)
        box.note(actions)
        for copy, (*_, done) in playing.items():
            done.append(actions[copy])
        if tick < ticks - 1:
            for copy in [copy for copy in playing if rng.random() < 0.05]:
                del playing[copy]
                box.end(copy)
    return playing


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("dtype", "shape"), [(np.int64, ()), (np.float32, (2,))])
def test_what_is_read_is_what_is_in_progress(tmp_path, seed, dtype, shape):
    path = tmp_path / "box"
    box = BlackBox(path, 3, np.dtype(dtype), shape, MODES, rows=2)
    playing = play(box, dtype, shape, seed)
    cut = read_black_box(path)
    assert [episode.copy for episode in cut] == sorted(playing)
    for episode in cut:
        given, mode, version, policy, actions = playing[episode.copy]
        assert (episode.seed, episode.mode) == (given, mode)
        assert (episode.version, episode.policy) == (version, policy)
        assert episode.actions.dtype == dtype
        np.testing.assert_array_equal(episode.actions, np.array(actions))
    assert [file.name for file in tmp_path.iterdir()] == ["box"]


def test_an_episode_that_has_begun_and_done_nothing(tmp_path):
    box = BlackBox(tmp_path / "box", 2, np.dtype(np.int64), (), MODES)
    box.begin(np.array([1]), np.array([5], dtype=np.uint64), np.array([0]), 2, "0123456789abcdef")
    (episode,) = read_black_box(tmp_path / "box")
    assert (episode.copy, episode.seed, episode.mode, len(episode.actions)) == (1, 5, "easy", 0)


def test_a_kill_loses_nothing(tmp_path):
    path = tmp_path / "box"
    child = os.fork()
    if child == 0:
        play(BlackBox(path, 3, np.dtype(np.int64), (), MODES, rows=2), np.int64, (), 3)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    box = BlackBox(tmp_path / "other", 3, np.dtype(np.int64), (), MODES, rows=2)
    playing = play(box, np.int64, (), 3)
    assert {episode.copy: episode.actions.tolist() for episode in read_black_box(path)} == {
        copy: [int(action) for action in done] for copy, (*_, done) in playing.items()
    }


def test_a_new_one_takes_the_place_of_the_old(tmp_path):
    path = tmp_path / "box"
    play(BlackBox(path, 3, np.dtype(np.int64), (), MODES), np.int64, (), 1)
    BlackBox(path, 3, np.dtype(np.int64), (), MODES)
    assert read_black_box(path) == []


def test_what_is_no_black_box(tmp_path):
    assert read_black_box(tmp_path / "nothing") == []
    path = tmp_path / "box"
    play(BlackBox(path, 3, np.dtype(np.int64), (), MODES), np.int64, (), 1)
    content = path.read_bytes()
    for wrong in (b"", b"x" * 500, content[:100], content[:-1]):
        path.write_bytes(wrong)
        with pytest.raises(LedgerError, match="is not a worker's black box"):
            read_black_box(path)
