"""A crash is played again, and the episodes in which it happens are told from the others."""

import numpy as np
import pytest

from ratchet.errors import LedgerError
from ratchet.rollout.fleet.black_box import CutEpisode
from ratchet.rollout.fleet.crash import CrashRecord, write_crash
from ratchet.rollout.fleet.replay import Replayed, replay
from ratchet.rollout.fleet.restarts import Cause

BASE = 10**18
"""A seed that ends in 0."""


def record(task, *episodes, **changes):
    said = {
        "run": "first",
        "task": task,
        "worker": "w0",
        "pid": 1,
        "cause": Cause.EXIT,
        "status": 7,
        "doing": "stepping",
        "stuck": None,
        "at": 0.0,
        "step_seconds": 1.0,
        "start_seconds": 60.0,
        "output": "",
        "episodes": episodes,
    }
    return CrashRecord(**(said | changes))


def cut(seed, actions, mode="default"):
    return CutEpisode(
        copy=seed % 10, seed=seed, mode=mode, version=0, policy="0" * 16, actions=np.array(actions)
    )


def test_each_episode_fails_in_its_own_way_or_not(tmp_path):
    episodes = [cut(BASE + digit, [0, 1, 0]) for digit in (9, 0, 2, 3, 8)]
    path = write_crash(tmp_path, record("faulty:BySeed", *episodes))
    results = replay(path)
    assert [result.seed for result in results] == [episode.seed for episode in episodes]
    assert [(result.cause, result.status) for result in results] == [
        (None, None),
        (Cause.EXCEPTION, 1),
        (Cause.DEADLINE, -9),
        (Cause.EXIT, 7),
        (None, None),
    ]
    assert [result.played for result in results] == [3, 2, 2, 2, 3]
    assert {result.steps for result in results} == {3}
    outputs = [result.output for result in results]
    assert "RuntimeError: the dragon has no name" in outputs[1]
    assert "in hold" in outputs[2], "its stacks"
    assert outputs[0] == outputs[3] == outputs[4] == ""


def test_what_ends_before_its_actions_do_is_told(tmp_path):
    path = write_crash(tmp_path, record("environments:Counting", cut(BASE, [0] * 50)))
    (result,) = replay(path)
    assert result.cause is None
    assert 0 < result.played < result.steps == 50


def test_modes_and_parameters_are_the_crashs(tmp_path):
    moon = {"parameters": {"moon": {"gravity": 1.6}}}
    path = write_crash(tmp_path, record("CartPole-v1", cut(BASE, [0, 1, 1], "moon"), **moon))
    (result,) = replay(path)
    assert (result.cause, result.played, result.mode) == (None, 3, "moon")


def test_a_crash_in_nothing_has_nothing_to_play(tmp_path):
    assert replay(write_crash(tmp_path, record("environments:Counting"))) == []


def test_what_cannot_be_played_is_refused(tmp_path):
    with pytest.raises(LedgerError, match="there is no such file"):
        replay(tmp_path / "1.json")
    path = write_crash(tmp_path, record("nowhere:Nothing", cut(BASE, [0])))
    with pytest.raises(
        LedgerError, match=r"cannot be played: .*module 'nowhere' cannot be imported"
    ):
        replay(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"played": 5}, "plays through its 5 steps"),
        ({"played": 3}, "ended at step 3 of 5; the simulator does not repeat itself"),
        (
            {"played": 2, "cause": Cause.EXCEPTION, "output": "Traceback\nRuntimeError: no name\n"},
            "fails again at step 3 of 5: exception: RuntimeError: no name",
        ),
    ],
)
def test_what_became_of_an_episode_in_a_line(changes, said):
    one = Replayed(**({"copy": 1, "seed": 7, "mode": "calm", "steps": 5} | changes))
    assert str(one) == f"copy 1, mode calm, seed 7: {said}"
