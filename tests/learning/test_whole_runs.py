"""Checkpoints of a long run: the newest whole one is found, old ones go, and what is protected stays."""

import numpy as np
import pytest

from ratchet.errors import PolicyError
from ratchet.learning.whole_runs import WholeRuns
from ratchet.policies.checkpoint import TrainingState
from strategies import discrete_spec, random_policy


def runs_in(home, *, keep=3, protected=lambda _: False, notes=None):
    return WholeRuns(
        home, keep=keep, protected=protected, note=[].append if notes is None else notes.append
    )


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


def test_old_ones_go_but_for_those_that_are_protected(tmp_path):
    runs = runs_in(tmp_path, keep=2, protected=lambda path: path.name.endswith("2"))
    fill(runs, (1, 2, 3))
    (tmp_path / "other").mkdir()
    runs.prune()
    assert names(tmp_path) == ["other", "update-00000002", "update-00000003"]
    fill(runs, (4, 5))
    runs.prune()
    assert names(tmp_path) == ["other", "update-00000002", "update-00000004", "update-00000005"]
