"""Whatever happens to its workers, the supervisor keeps them playing, and nothing of it is unknown."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

import faulty
from fleets import ENVIRONMENT, made_run, start_worker, until
from ratchet.errors import LedgerError, RecipeError
from ratchet.rollout.fleet.beat import FILE as BEAT
from ratchet.rollout.fleet.beat import Count, read_pulse
from ratchet.rollout.fleet.crash import crash_numbers, read_crash
from ratchet.rollout.fleet.home import CRASHES, SPOOL, SUPERVISION, is_taken, worker_home
from ratchet.rollout.fleet.restarts import Cause, Restarts
from ratchet.rollout.fleet.status import read_workers
from ratchet.rollout.fleet.supervisor import Supervisor
from ratchet.rollout.spool import read_counts

AT_ONCE = Restarts(first_seconds=0.01, longest_seconds=0.05)


def crashes_of(run):
    numbers = crash_numbers(run / CRASHES)
    return [read_crash(run / CRASHES / f"{number:08d}.json") for number in numbers]


def worker_of(run, name="w0"):
    return next(status for status in read_workers(run) if status.name == name)


def alive(pid):
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_it_survives_every_way_to_fail_and_leaves_a_record_of_each(tmp_path, monkeypatch):
    room, run = tmp_path / "room", tmp_path / "run"
    room.mkdir()
    monkeypatch.setenv(faulty.ROOM, str(room))
    made_run(run, "faulty:ByProcess", batch=300, max_lag=0, step_seconds=1.0)
    with Supervisor(run, 1, restarts=AT_ONCE) as fleet:
        until(lambda: len(crash_numbers(run / CRASHES)) == 5)
        first = worker_of(run).episodes
        until(lambda: worker_of(run).episodes > first + 10)
        (status,) = fleet.status()
        assert (status.alive, status.restarts, status.last_cause) == (True, 5, "killed")
        assert status.crashes == {"exception": 1, "deadline": 2, "exit": 1, "killed": 1}
    crashes = crashes_of(run)
    assert [(crash.cause, crash.status) for crash in crashes] == [
        (Cause.EXCEPTION, 1),
        (Cause.DEADLINE, -9),
        (Cause.DEADLINE, -9),
        (Cause.EXIT, 7),
        (Cause.KILLED, -11),
    ]
    cut = 0
    for crash in crashes:
        assert (crash.run, crash.task, crash.worker) == ("first", "faulty:ByProcess", "w0")
        doomed = [one for one in crash.episodes if one.seed % 4 == 0 and len(one.actions) == 3]
        assert doomed, "the episode that it died of, up to its last action"
        assert {one.mode for one in crash.episodes} == {"default"}
        assert {one.version for one in crash.episodes} == {0}
        cut += len(crash.episodes)
    assert "RuntimeError: the dragon has no name" in crashes[0].output
    for stuck in crashes[1:3]:
        assert "in fail" in stuck.output, "its stacks"
        assert stuck.doing == "stepping"
        assert 1.0 < stuck.stuck < 30.0
    assert "Segmentation fault" in crashes[4].output
    status = worker_of(run)
    assert (status.state, status.alive, status.playing) == ("ended", False, 0)
    assert status.discarded >= cut, "those of the crashes, and of the end"
    said = read_pulse(worker_home(run, "w0") / BEAT)
    assert said[Count.BEGUN] == status.episodes + status.discarded
    assert read_counts(run / SPOOL).collected == status.episodes


def test_the_budget_of_a_cause_ends(tmp_path):
    made_run(tmp_path, "faulty:Unready")
    with Supervisor(tmp_path, 1, restarts=Restarts(budget=1, first_seconds=0.0)) as fleet:
        assert fleet.wait(60.0)
        assert fleet.over
        (status,) = fleet.status()
    assert (status.state, status.alive, status.restarts) == ("down", False, 1)
    assert status.crashes == {"exception": 2}
    assert "its restarts after exception are used up" in status.reason
    assert "RuntimeError: the licence has expired (00000002.json)" in status.reason
    assert (status.discarded, status.episodes) == (6, 0)
    assert [len(crash.episodes) for crash in crashes_of(tmp_path)] == [3, 3]
    # A later attempt has a budget of its own, and counts all.
    with Supervisor(tmp_path, 1, restarts=Restarts(budget=0)) as fleet:
        assert fleet.wait(60.0)
        (status,) = fleet.status()
    assert (status.restarts, status.crashes) == (1, {"exception": 3})


def test_a_worker_that_cannot_start_says_why(tmp_path):
    made_run(tmp_path)
    plan = tmp_path / "fleet.json"
    plan.write_text(plan.read_text().replace("environments:Counting", "nowhere:Nothing"))
    with Supervisor(tmp_path, 1, restarts=Restarts(budget=0)) as fleet:
        assert fleet.wait(60.0)
        (status,) = fleet.status()
    assert (status.state, status.last_cause) == ("down", "start")
    assert "module 'nowhere' cannot be imported" in status.reason
    assert crashes_of(tmp_path)[0].episodes == ()


def test_a_start_has_its_deadline(tmp_path):
    made_run(tmp_path, start_seconds=0.01)
    with Supervisor(tmp_path, 1, restarts=Restarts(budget=0)) as fleet:
        assert fleet.wait(60.0)
    (crash,) = crashes_of(tmp_path)
    assert (crash.cause, crash.doing) == (Cause.START, "starting")
    assert crash.stuck > 0.01


PARENT = """
import sys, time
from pathlib import Path
from ratchet.rollout.fleet.supervisor import Supervisor
with Supervisor(Path(sys.argv[1]), 2):
    time.sleep(1000)
"""


@pytest.mark.parametrize("task", ["faulty:Paced", "faulty:Holding"])
def test_workers_die_with_their_parent_even_in_code_that_gives_nobody_a_turn(tmp_path, task):
    made_run(tmp_path, task, batch=300, max_lag=0)
    parent = subprocess.Popen([sys.executable, "-c", PARENT, tmp_path], env=ENVIRONMENT)

    def both():
        found = read_workers(tmp_path)
        return len(found) == 2 and all(one.alive and one.steps > 3 for one in found)

    until(both)
    pids = [status.pid for status in read_workers(tmp_path)]
    assert all(alive(pid) for pid in pids)
    parent.kill()
    parent.wait()
    until(lambda: not any(alive(pid) for pid in pids), 10.0)
    until(lambda: not any(one.alive for one in read_workers(tmp_path)), 10.0)
    dead = read_workers(tmp_path)
    assert {one.state for one in dead} == {"dead"}
    assert sum(one.episodes for one in dead) == read_counts(tmp_path / SPOOL).collected
    assert all(one.discarded >= 1 for one in dead), "what they were playing"
    # The next one goes on with the same names, and with their counts.
    with Supervisor(tmp_path, 2) as fleet:
        assert fleet.names == ["w0", "w1"]
        until(both)
        for one, before in zip(fleet.status(), dead, strict=True):
            assert one.discarded == before.discarded
            assert one.episodes >= before.episodes


def test_workers_come_and_go_while_it_runs(tmp_path):
    publication = made_run(tmp_path, "faulty:Paced", batch=300, max_lag=0)
    with Supervisor(tmp_path, 1) as fleet:
        joined = [start_worker(tmp_path, name) for name in ("anna", "bob")]
        until(lambda: len(fleet.status()) == 3 and all(one.episodes > 2 for one in fleet.status()))
        assert [(one.name, one.alive) for one in fleet.status()] == [
            ("anna", True), ("bob", True), ("w0", True)
        ]  # fmt: skip
        assert all(one.steps_per_second >= 0.0 for one in fleet.status())
        joined[0].send_signal(signal.SIGTERM)
        joined[1].kill()
        assert [process.wait(20) for process in joined] == [0, -signal.SIGKILL]
        states = {one.name: one.state for one in fleet.status()}
        assert (states["anna"], states["bob"]) == ("ended", "dead")
        until(lambda: worker_of(tmp_path).episodes > 10)
        publication.finish()
        assert fleet.wait(60.0)
    statuses = read_workers(tmp_path)
    assert {one.state for one in statuses} == {"ended", "dead"}
    assert sum(one.episodes for one in statuses) == read_counts(tmp_path / SPOOL).collected
    assert worker_of(tmp_path).discarded == 0, "it ended after its episodes"
    assert worker_of(tmp_path, "bob").discarded > 0
    assert crash_numbers(tmp_path / CRASHES) == [], "nobody else's end is its business"
    for process in joined:
        process.stderr.close()


def test_one_that_was_asked_to_end_is_not_started_again(tmp_path):
    made_run(tmp_path, batch=300, max_lag=0)
    with Supervisor(tmp_path, 1) as fleet:
        until(lambda: fleet.status() and worker_of(tmp_path).episodes > 0)
        os.kill(worker_of(tmp_path).pid, signal.SIGTERM)
        assert fleet.wait(30.0)
    status = worker_of(tmp_path)
    assert (status.state, status.reason, status.restarts) == ("ended", "it was asked to end", 0)


def test_what_a_simulator_has_started_is_ended_with_it(tmp_path, monkeypatch):
    room, run = tmp_path / "room", tmp_path / "run"
    room.mkdir()
    monkeypatch.setenv(faulty.ROOM, str(room))
    made_run(run, "faulty:Rooted", batch=300, max_lag=0, environments=2)
    with Supervisor(run, 1, restarts=AT_ONCE) as fleet:
        until(lambda: fleet.status() and worker_of(run).episodes > 0)
        games = [int(path.name) for path in room.iterdir()]
        assert len(games) == 2
        assert all(alive(game) for game in games)
        os.kill(worker_of(run).pid, signal.SIGKILL)
        until(lambda: not any(alive(game) for game in games))
        until(lambda: worker_of(run).alive and worker_of(run).restarts == 1)
    assert not any(alive(int(path.name)) for path in room.iterdir())


def test_a_wall_clock_that_jumps_changes_nothing(tmp_path, monkeypatch):
    made_run(tmp_path, "faulty:Jumping", batch=300, max_lag=0, step_seconds=5.0)
    real, jumps = time.time, iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: real() + (next(jumps) % 5 - 2) * 1e8)
    with Supervisor(tmp_path, 1, restarts=AT_ONCE) as fleet:
        until(lambda: fleet.status() and worker_of(tmp_path).episodes > 50)
        assert worker_of(tmp_path).restarts == 0
    assert crash_numbers(tmp_path / CRASHES) == []
    assert read_counts(tmp_path / SPOOL).collected == worker_of(tmp_path).episodes


def test_what_the_supervisor_itself_meets_is_told(tmp_path, monkeypatch):
    made_run(tmp_path)
    fleet = Supervisor(tmp_path, 1)

    def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(fleet._workers[0], "look", fail)
    fleet.start()
    assert fleet.wait(20.0)
    with pytest.raises(ZeroDivisionError):
        fleet.stop()


def test_names_of_living_workers_are_left_to_them(tmp_path):
    made_run(tmp_path, batch=300, max_lag=0)
    process = start_worker(tmp_path, "w0")
    until(lambda: is_taken(worker_home(tmp_path, "w0")))
    assert Supervisor(tmp_path, 2).names == ["w1", "w2"]
    assert Supervisor(tmp_path, 1, prefix="anna").names == ["anna0"]
    process.kill()
    process.wait()
    process.stderr.close()


def test_bad_input_is_one_sentence_and_nothing_changes(tmp_path):
    with pytest.raises(LedgerError, match="is not the run of a fleet"):
        Supervisor(tmp_path, 1)
    made_run(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RecipeError, match="0 workers are asked for; it must be at least 1"):
        Supervisor(tmp_path, 0)
    with suppress(LedgerError):
        Supervisor(tmp_path, 1, prefix="../x")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_name_is_one_supervisors_also_before_its_worker_lives(tmp_path):
    made_run(tmp_path)
    first, second = (Supervisor(tmp_path, 1, prefix="joined") for _ in range(2))
    assert (first.names, second.names) == (["joined0"], ["joined1"])
    first.stop()
    assert Supervisor(tmp_path, 1, prefix="joined").names == ["joined0"]


def test_what_a_dead_supervisor_said_is_not_believed(tmp_path):
    made_run(tmp_path)
    home = worker_home(tmp_path, "w0")
    home.mkdir(parents=True)
    for state, shown in (("restarting", "not started"), ("down", "down")):
        (home / SUPERVISION).write_text(json.dumps({"state": state}))
        (status,) = read_workers(tmp_path)
        assert (status.state, status.alive) == (shown, False)
