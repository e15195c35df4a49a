"""An examiner plays what an evaluation in this process would, and fails alone."""

import os
import signal

import pytest

import fleets
from ratchet.evaluation.examiner import ExaminationError, Examiner
from ratchet.evaluation.play import play
from ratchet.policies.recurrent.actor import actor_for
from ratchet.rollout.fleet.beat import Count, read_pulse
from ratchet.rollout.fleet.crash import crash_numbers, read_crash
from ratchet.rollout.fleet.replay import replay
from ratchet.rollout.plan import read_plan

BASE = 10**18
"""A seed that ends in 0."""


def examined(examiner, policy, seeds, mode="default"):
    played = []
    settings = {"deterministic": True, "stall_after": 0, "on_episodes": played.extend}
    examiner.play(policy, seeds, mode, **settings)
    return played


@pytest.fixture
def made(tmp_path):
    """Return a function that makes the run of a task; it returns the directory, the task and a policy."""

    def make(name, **settings):
        run = tmp_path / "run"
        fleets.made_run(run, name, **settings)
        task = read_plan(run).make_task()
        return run, task, fleets.policy_for(task, 1)

    return make


@pytest.mark.parametrize("name", ["environments:Counting", "cartpole-modes", "spire"])
def test_its_episodes_are_those_of_this_process(made, name):
    run, task, policy = made(name)
    mode = task.modes[-1].name
    seeds = [5, 2**40, 7, 11, -(2**63) if name == "spire" else 2**62]
    with Examiner(run, task) as examiner:
        for chosen in (seeds, [1, *seeds[:2]]):  # the same process plays the second, too
            played = examined(examiner, policy, chosen, mode)
            alone = play(task, actor_for(policy), chosen, mode)
            assert sorted(map(repr, played)) == sorted(map(repr, alone))
    assert crash_numbers(run / "crashes") == []
    assert not list((run / "examiner").glob("policy-*"))


@pytest.mark.parametrize(
    ("way", "cause", "told"),
    [
        (0, "exception", "RuntimeError: the dragon has no name"),
        (1, "deadline", "stepping for"),
        (2, "deadline", "stepping for"),
        (3, "exit", "exit status 7"),
        (4, "killed", "exit status -11"),
    ],
)
def test_a_simulator_that_fails_is_recorded_and_can_be_replayed(made, way, cause, told):
    run, task, policy = made("faulty:BySeed", step_seconds=0.5)
    seeds = [BASE + 5, BASE + way, BASE + 6]
    with (
        Examiner(run, task) as examiner,
        pytest.raises(ExaminationError, match=rf"{told}.*\(00000001\.json\)"),
    ):
        examined(examiner, policy, seeds)
    path = run / "crashes" / "00000001.json"
    crash = read_crash(path)
    assert (crash.worker, crash.cause) == ("examiner", cause)
    assert [episode.seed for episode in crash.episodes] == seeds
    assert {len(episode.actions) for episode in crash.episodes} == {3}
    failed = [one for one in replay(path) if one.cause is not None]
    assert [(one.seed, one.cause) for one in failed] == [(BASE + way, cause)]


def test_another_process_goes_on_where_one_has_failed(made, monkeypatch, tmp_path):
    room = tmp_path / "room"
    # The first process is the one that crashes, and the next is sound.
    for number in range(4):
        (room / str(number)).mkdir(parents=True)
    monkeypatch.setenv("FAULTY_ROOM", str(room))
    run, task, policy = made("faulty:ByProcess")
    seeds = [*range(1, 60, 2), 4]
    with Examiner(run, task) as examiner:
        played = examined(examiner, policy, seeds)
    assert sorted(one.seed for one in played) == sorted(seeds)
    assert crash_numbers(run / "crashes") == [1]


def test_one_that_was_killed_between_two_orders_is_replaced(made):
    run, task, policy = made("environments:Counting")
    with Examiner(run, task) as examiner:
        first = examined(examiner, policy, [1, 2])
        child = read_pulse(run / "examiner" / "beat")[Count.PID]
        os.kill(child, signal.SIGKILL)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        assert examined(examiner, policy, [1, 2]) == first
    assert crash_numbers(run / "crashes") == []
