"""Checkpoints of a long run: the newest whole one is found, and old ones go."""

import errno

import numpy as np
import pytest

from ratchet.errors import PolicyError
from ratchet.learning.whole_runs import WholeRuns
from ratchet.policies.checkpoint import TrainingState
from strategies import discrete_spec, random_policy


def runs_in(home, *, keep=3, notes=None):
    return WholeRuns(home, keep=keep, note=[].append if notes is None else notes.append)


def fill(runs, numbers):
    for number in numbers:
        policy = random_policy(discrete_spec(), number)
        state = TrainingState(arrays={"x": np.arange(number)}, data={"number": number})
        runs.publish(number, policy, state)


def names(home):
    return sorted(path.name for path in home.iterdir())


def test_the_newest_is_found_with_all_that_belongs_to_it(tmp_path):
    runs = runs_in(tmp_path / "fleet")
    assert runs.newest() is None
    fill(runs, (1, 2, 10))
    number, policy, state = runs.newest()
    assert number == state.data["number"] == len(state.arrays["x"]) == 10
    assert policy.id == random_policy(discrete_spec(), 10).id
    with pytest.raises(PolicyError, match="a checkpoint is never overwritten"):
        runs.publish(2, policy, state)


@pytest.mark.parametrize("file", ["policy.safetensors", "training.json", "manifest.json"])
def test_a_damaged_one_is_set_aside_for_the_one_before_it(tmp_path, file):
    notes = []
    runs = runs_in(tmp_path, notes=notes)
    fill(runs, (1, 2, 3))
    path = runs.place(3) / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert runs.newest()[0] == 2
    assert names(tmp_path) == ["damaged-update-00000003", "update-00000001", "update-00000002"]
    assert len(notes) == 1
    assert "set aside as damaged-update-00000003" in notes[0]


def test_without_a_whole_one_it_does_not_begin_anew(tmp_path):
    runs = runs_in(tmp_path)
    fill(runs, (2, 3))
    for number in (2, 3):
        (runs.place(number) / "policy.json").unlink()
    for _ in range(2):
        with pytest.raises(PolicyError, match=r"none of the 2 checkpoints in .* is whole"):
            runs.newest()


def test_before_the_first_one_is_the_start(tmp_path):
    runs = runs_in(tmp_path)
    fill(runs, (1, 2))
    for number in (1, 2):
        (runs.place(number) / "policy.json").unlink()
    assert runs.newest() is None


def test_what_cannot_be_read_now_is_not_taken_for_damaged(tmp_path, monkeypatch):
    runs = runs_in(tmp_path)
    fill(runs, (1, 2))

    def out_of_order(path):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.read_bytes", out_of_order)
        with pytest.raises(PolicyError, match="cannot be read: Input/output error"):
            runs.newest()
    assert runs.newest()[0] == 2


def test_old_ones_go(tmp_path):
    runs = runs_in(tmp_path, keep=2)
    fill(runs, (1, 2, 3))
    (tmp_path / "other").mkdir()
    runs.prune()
    assert names(tmp_path) == ["other", "update-00000002", "update-00000003"]
    fill(runs, (4, 5))
    runs.prune()
    assert names(tmp_path) == ["other", "update-00000004", "update-00000005"]
