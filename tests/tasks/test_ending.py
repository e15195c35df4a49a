"""What is told of an episode that has ended: its own metrics and parts, and no other columns."""

import numpy as np
import pytest

from ratchet.errors import TaskError
from ratchet.tasks.ending import read_metrics, read_parts
from ratchet.tasks.gymnasium import callable_task

TASK = callable_task("environments:make_stretches")
STRETCHES = [{"action": 1, "steps": 3}, {"action": 0, "steps": 1}]


def test_each_copy_has_its_own():
    info = {"metrics": {"ones": np.array([0.0, 3.0])}, "parts": {1: STRETCHES, 0: []}}
    assert read_metrics(info, 1) == {"ones": 3.0}
    assert read_parts(TASK, info, 1) == tuple(STRETCHES)
    assert read_parts(TASK, info, 0) == ()


def test_nothing_told_is_nothing_read():
    assert read_metrics({}, 0) == {}
    assert read_parts(TASK, {}, 0) == read_parts(TASK, {"parts": {1: STRETCHES}}, 0) == ()


@pytest.mark.parametrize("part", [{"action": 1}, {"action": 1, "steps": 3, "speed": 2.0}])
def test_other_columns_are_refused(part):
    with pytest.raises(TaskError, match=r"columns \['action.*names \['action', 'steps'\]"):
        read_parts(TASK, {"parts": {0: [STRETCHES[0], part]}}, 0)
