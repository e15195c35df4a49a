"""A task is found by its name, and an unknown name is answered with the nearest one."""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from ratchet.errors import TaskError
from ratchet.tasks import registry
from ratchet.tasks.cartpole import CartPoleTask, cartpole_modes
from ratchet.tasks.registry import find_task, task_names


@dataclass
class Point:
    name: str
    made: Any

    def load(self):
        if isinstance(self.made, Exception):
            raise self.made
        return lambda: self.made


@pytest.fixture
def points(monkeypatch):
    found = [
        Point("theirs", CartPoleTask("theirs", cartpole_modes().modes[:1])),
        Point("odd", 3),
        Point("broken", ImportError("no module named theirs")),
    ]
    monkeypatch.setattr(
        registry, "entry_points", lambda group: found if group == "ratchet.tasks" else []
    )


def test_built_in_tasks():
    assert task_names() == ["cartpole-extreme", "cartpole-modes", "spire", "spire-sparse"]
    for name in ("cartpole-extreme", "cartpole-modes"):
        task = find_task(name)
        assert task.name == name
        assert [mode.name for mode in task.modes] == ["0", "1", "2"]


@pytest.mark.usefixtures("points")
def test_tasks_of_other_packages():
    assert "theirs" in task_names()
    assert find_task("theirs").name == "theirs"
    with pytest.raises(TaskError, match="entry point 'odd' makes int, not a Task"):
        find_task("odd")
    with pytest.raises(TaskError, match="entry point 'broken' cannot be loaded: no module named"):
        find_task("broken")
    with pytest.raises(TaskError, match="did you mean 'theirs'"):
        find_task("thiers")


def test_gymnasium_ids_and_callables():
    task = find_task("MountainCar-v0", {"easy": {"gravity": 0.001}})
    assert task.name == "MountainCar-v0"
    assert task.modes[0].parameters == {"gravity": 0.001}
    assert [mode.name for mode in find_task("Acrobot-v1").modes] == ["default"]
    assert find_task("environments:Counting").name == "environments:Counting"
    assert find_task("environments:Counting", {"m": {"bonus": 1.0}}).modes[0].name == "m"
    assert find_task("environments:make_task").name == "cartpole-modes"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cartpole-mode", "there is no task 'cartpole-mode': did you mean 'cartpole-modes'?"),
        ("LunarLander-v2", "there is no task 'LunarLander-v2': did you mean 'LunarLander-v3'?"),
        ("lunarlander-v3", "did you mean 'LunarLander-v3'?"),
        ("Pendulum", "did you mean 'Pendulum-v1'?"),
        ("qqqqqqqq", "known: cartpole-extreme, cartpole-modes"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(name, says):
    with pytest.raises(TaskError, match=re.escape(says)) as caught:
        find_task(name)
    assert len(str(caught.value)) < 300


def test_a_task_with_modes_takes_no_others():
    with pytest.raises(TaskError, match="has modes of its own"):
        find_task("cartpole-modes", {"m": {"gravity": 1.0}})
