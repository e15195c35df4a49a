"""What the game tells of its actions and screens, and the heuristic player as a teacher."""

import numpy as np
import pytest

from ratchet.rollout.demonstrations import read_demonstrations
from ratchet.rollout.recording import record_demonstrations
from ratchet.tasks.registry import find_task
from ratchet.tasks.spire import SpireTask
from ratchet.tasks.task import Mode
from spire.actions import ACTIONS
from spire.state import Screen

WEAK = Mode("weak", {"encounter": "CULTIST", "deck": ["STRIKE_RED"] * 2, "hp": 3})


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (0, "targeted card"),
        (49, "targeted card"),
        (50, "untargeted card"),
        (59, "untargeted card"),
        (60, "end turn"),
        (61, "targeted potion"),
        (85, "targeted potion"),
        (86, "untargeted potion"),
        (90, "untargeted potion"),
        (91, "choice"),
        (130, "choice"),
        (131, "proceed"),
        (132, "leave"),
        (133, "wait"),
        (134, "throw potion"),
        (138, "throw potion"),
        (139, "choice"),
        (258, "choice"),
    ],
)
def test_the_kinds_of_actions(action, kind):
    assert SpireTask.action_kinds[action] == kind
    assert len(SpireTask.action_kinds) == ACTIONS == 259


def test_the_screens_of_observations():
    task = find_task("spire")
    env = task.make(4)
    env.reset(seed=[1, 2, 3, 4], options={"modes": [0, 0, 0, task.mode_index("fight-jaw-worm")]})
    met = set()
    for _ in range(12):
        shown = [task.situations[number] for number in task.situation_of(env.observations)]
        assert shown == [Screen(int(env.game(copy).screen)).name.lower() for copy in range(4)]
        met.update(shown)
        env.step(env.masks.argmax(axis=1))
    assert {"neow", "map", "combat"} <= met


def test_the_heuristic_teaches(tmp_path):
    task = SpireTask("fights", [WEAK])
    assert list(task.teachers) == ["heuristic"]
    record_demonstrations(tmp_path, task, "heuristic", episodes=2)
    shown = read_demonstrations(tmp_path, task)
    assert (shown.episodes, shown.teacher) == (2, "heuristic")
    every = np.arange(len(shown))
    assert shown.masks(every)[every, shown.actions].all()
    kinds = {task.action_kinds[action] for action in shown.actions}
    assert kinds <= {"targeted card", "end turn"}
    # Most of an observation is nothing, and takes no room.
    assert shown.rows.nbytes < shown.rows.dense(np.arange(len(shown.rows))).nbytes / 10
    again = tmp_path / "again"
    record_demonstrations(again, task, "heuristic", episodes=2)
    assert read_demonstrations(again, task).id == shown.id
