"""A worker plays while there is room and a policy, and what it has begun is in the spool or discarded."""

import signal
import threading
import time
from collections import Counter
from contextlib import contextmanager

import pytest

from fleets import learned, made_run, policy_for, start_worker, until
from ratchet.errors import LedgerError, PolicyError, SpoolError
from ratchet.policies.initial import new_policy
from ratchet.rollout.episode_file import read_episode
from ratchet.rollout.fit import spec_for
from ratchet.rollout.fleet import home as home_module
from ratchet.rollout.fleet import outbox
from ratchet.rollout.fleet.beat import FILE as BEAT
from ratchet.rollout.fleet.beat import Count, Phase, read_pulse
from ratchet.rollout.fleet.books import close_books
from ratchet.rollout.fleet.home import SPOOL, is_taken, worker_home
from ratchet.rollout.fleet.status import read_workers
from ratchet.rollout.fleet.worker import EXCEPTION, REFUSED, Worker
from ratchet.rollout.plan import read_plan
from ratchet.rollout.spool import SpoolWriter, read_counts
from ratchet.rollout.spool.layout import parse_name
from ratchet.tasks.cartpole import cartpole_modes


@contextmanager
def working(run, name="w0"):
    """A worker that works in a thread of this process."""
    worker = Worker(run, name)
    failures = []

    def work():
        try:
            worker.work()
        except BaseException as error:  # noqa: BLE001 - for the test's own thread
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        worker.stop()
        thread.join()
    assert not failures


def pulse(run, name="w0"):
    return read_pulse(worker_home(run, name) / BEAT)


def episodes_in(run):
    """Return the episodes that wait, in the order in which they were put in."""
    paths = sorted((run / SPOOL / "incoming").iterdir(), key=lambda path: parse_name(path.name).key)
    return [read_episode(path) for path in paths]


def check_books(run, name="w0"):
    """Everything that was begun is in the spool, or discarded, and no episode twice."""
    (status,) = [one for one in read_workers(run) if one.name == name]
    said = pulse(run, name)
    assert said[Count.BEGUN] == status.episodes + status.discarded
    counts = read_counts(run / SPOOL)
    assert counts.missing == 0
    seeds = Counter(episode.record.seed for episode in episodes_in(run))
    assert set(seeds.values()) <= {1}
    return status


def test_without_room_there_is_no_progress(tmp_path):
    publication = made_run(tmp_path, batch=2, max_lag=3)
    with working(tmp_path):
        until(lambda: pulse(tmp_path)[Count.FINISHED] == 4)
        until(lambda: pulse(tmp_path).phase == Phase.WAITING)
        before = pulse(tmp_path)
        time.sleep(0.3)
        after = pulse(tmp_path)
        assert read_counts(tmp_path / SPOOL).waiting == 4, (
            "half of the four batches that would be fresh"
        )
        for count in (Count.STEPS, Count.BEGUN, Count.FINISHED):
            assert before[count] == after[count]
        assert before[Count.MARK] < after[Count.MARK], "it lives"
        learned(tmp_path, 1, publication, 2)
        until(lambda: pulse(tmp_path)[Count.FINISHED] == 6)
        time.sleep(0.1)
        assert pulse(tmp_path)[Count.BEGUN] == 6
    assert check_books(tmp_path).discarded == 0


def test_the_newest_version_is_taken_at_episode_ends(tmp_path):
    publication = made_run(tmp_path, "faulty:Paced", batch=100)
    task = read_plan(tmp_path).make_task()
    with working(tmp_path):
        until(lambda: pulse(tmp_path)[Count.FINISHED] > 2)
        playing = pulse(tmp_path)
        publication.publish(1, policy_for(task, 1))
        begun_before = playing[Count.BEGUN]
        until(lambda: pulse(tmp_path)[Count.VERSION] == 1)
        until(lambda: pulse(tmp_path)[Count.FINISHED] > begun_before + 6)
    played = {episode.record.episode: episode.origin.version for episode in episodes_in(tmp_path)}
    versions = [played[ordinal] for ordinal in sorted(played)]
    assert versions == sorted(versions), "who begins later has the newer one"
    assert set(versions) == {0, 1}
    assert all(version == 0 for ordinal, version in played.items() if ordinal < begun_before)
    ids = publication.ids()
    assert all(one.origin.policy == ids[one.origin.version] for one in episodes_in(tmp_path))
    check_books(tmp_path)


def test_it_waits_for_the_first_policy_and_ends_after_its_episodes(tmp_path):
    publication = made_run(tmp_path, batch=1000, publish=False)
    task = read_plan(tmp_path).make_task()
    with working(tmp_path) as thread:
        until(lambda: pulse(tmp_path).phase == Phase.EXPECTING)
        publication.publish(4, policy_for(task, 0))
        until(lambda: pulse(tmp_path)[Count.FINISHED] > 5)
        publication.finish()
        thread.join(20)
        assert not thread.is_alive()
    said = pulse(tmp_path)
    assert said.phase == Phase.ENDED
    assert said[Count.BEGUN] == said[Count.FINISHED] == read_counts(tmp_path / SPOOL).waiting
    assert check_books(tmp_path).discarded == 0
    assert {episode.origin.version for episode in episodes_in(tmp_path)} == {4}


def test_a_damaged_version_is_passed_over(tmp_path):
    publication = made_run(tmp_path, batch=1000)
    task = read_plan(tmp_path).make_task()
    publication.publish(1, policy_for(task, 1))
    damaged = next((tmp_path / "versions").glob("00000001-*")) / "policy.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with working(tmp_path):
        until(lambda: pulse(tmp_path)[Count.FINISHED] > 5)
        assert pulse(tmp_path)[Count.VERSION] == 0
        publication.publish(1, policy_for(task, 1))
        until(lambda: pulse(tmp_path)[Count.VERSION] == 1)


def test_what_cannot_be_written_waits_and_is_not_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(outbox, "RETRY", 0.01)
    made_run(tmp_path, batch=1000)
    put, full = SpoolWriter.put, threading.Event()

    def sometimes(self, episode, *, flush=True):
        if full.is_set():
            raise SpoolError("the disk that holds the spool is full")
        return put(self, episode, flush=flush)

    monkeypatch.setattr(SpoolWriter, "put", sometimes)
    with working(tmp_path):
        until(lambda: pulse(tmp_path)[Count.FINISHED] > 2)
        full.set()
        until(lambda: pulse(tmp_path).phase == Phase.HOLDING)
        steps = pulse(tmp_path)[Count.STEPS]
        time.sleep(0.1)
        assert pulse(tmp_path)[Count.STEPS] == steps
        (status,) = read_workers(tmp_path)
        assert status.state == "cannot write"
        full.clear()
        until(lambda: pulse(tmp_path)[Count.STEPS] > steps + 50)
    assert check_books(tmp_path).discarded <= 3
    ordinals = [episode.record.episode for episode in episodes_in(tmp_path)]
    assert sorted(set(range(max(ordinals))) - set(ordinals))[3:] == []


def test_told_to_end_it_discards_what_it_plays_and_counts_it(tmp_path):
    made_run(tmp_path, "faulty:Paced", batch=1000, environments=5)
    process = start_worker(tmp_path, "anna")
    until(lambda: (said := pulse(tmp_path, "anna")) is not None and said[Count.FINISHED] > 3)
    assert is_taken(worker_home(tmp_path, "anna"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    process.stderr.close()
    status = check_books(tmp_path, "anna")
    assert (status.state, status.alive, status.playing, status.pid) == ("ended", False, 0, None)
    assert status.discarded > 0
    assert read_counts(tmp_path / SPOOL).collected == status.episodes


def test_after_a_kill_the_books_are_closed_by_what_the_spool_knows(tmp_path):
    made_run(tmp_path, batch=1000)
    process = start_worker(tmp_path, "anna")
    until(lambda: (said := pulse(tmp_path, "anna")) is not None and said[Count.FINISHED] > 3)
    process.kill()
    process.wait()
    process.stderr.close()
    home = worker_home(tmp_path, "anna")
    before = pulse(tmp_path, "anna")
    (status,) = read_workers(tmp_path)
    assert (status.state, status.alive) == ("dead", False)
    assert status.episodes == read_counts(tmp_path / SPOOL).collected
    assert status.episodes + status.discarded == before[Count.BEGUN]
    assert 0 < status.discarded <= 3 + 3
    closed = close_books(tmp_path, home)
    assert (closed[Count.FINISHED], closed[Count.DISCARDED]) == (status.episodes, status.discarded)
    with working(tmp_path, "anna"):
        assert pulse(tmp_path, "anna")[Count.WRITER] == before[Count.WRITER] + 1
        until(lambda: pulse(tmp_path, "anna")[Count.FINISHED] > status.episodes + 3)
        (now,) = read_workers(tmp_path)
        assert now.discarded == status.discarded
    check_books(tmp_path, "anna")


def test_after_an_exception_it_is_over(tmp_path):
    made_run(tmp_path, "faulty:Unready")
    process = start_worker(tmp_path, "w0")
    assert "RuntimeError: the licence has expired" in process.communicate(timeout=60)[1]
    assert process.returncode == EXCEPTION
    assert pulse(tmp_path).phase == Phase.FAILED
    assert check_books(tmp_path).discarded == 3


def test_what_was_played_before_an_exception_is_in_the_spool(tmp_path):
    made_run(tmp_path, "faulty:Raising", batch=1000)
    worker = Worker(tmp_path, "w0")
    ended, played = [], worker._player.ended
    worker._player.ended = lambda: [ended.append(one) or one for one in played()]
    with pytest.raises(RuntimeError, match="the dragon has no name"):
        worker.work()
    worker.fail()
    assert pulse(tmp_path).phase == Phase.FAILED
    assert len(ended) == len(episodes_in(tmp_path))


def test_one_process_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr(home_module, "_PATIENCE", 0.05)
    made_run(tmp_path, batch=1000)
    with working(tmp_path), pytest.raises(LedgerError, match="is in use by process"):
        Worker(tmp_path, "w0")


def test_who_only_asks_whether_it_lives_does_not_keep_it_from_starting(tmp_path):
    home = worker_home(tmp_path, "w0")
    home.mkdir(parents=True)
    home_module.take(home).release()
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            is_taken(home)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        home_module.take(home).release()
    stop.set()
    for thread in threads:
        thread.join()


def test_bad_input_is_one_sentence(tmp_path):
    with pytest.raises(LedgerError, match="is not the run of a fleet"):
        Worker(tmp_path, "w0")
    with pytest.raises(LedgerError, match=r"'\.\./w0' is not a name for a worker"):
        Worker(tmp_path, "../w0")
    made_run(tmp_path / "mine")
    made_run(tmp_path / "other", "environments:Offset")
    (tmp_path / "mine" / SPOOL / "spool.json").write_bytes(
        (tmp_path / "other" / SPOOL / "spool.json").read_bytes()
    )
    with pytest.raises(SpoolError, match="is of another run or task"):
        Worker(tmp_path / "mine", "w0")
    assert not is_taken(worker_home(tmp_path / "mine", "w0"))


def test_a_policy_that_does_not_fit_ends_it(tmp_path):
    publication = made_run(tmp_path, publish=False)
    publication.publish(0, new_policy(spec_for(cartpole_modes()), 0))
    with pytest.raises(PolicyError, match="the policy sees"):
        Worker(tmp_path, "w0").work()


def test_in_a_terminal_the_last_line_says_why_it_was_refused(tmp_path):
    process = start_worker(tmp_path, "w0")
    said = process.communicate(timeout=60)[1]
    assert process.returncode == REFUSED
    assert (
        said.strip().rsplit("\n", 1)[-1].endswith("is not the run of a fleet: it has no fleet.json")
    )
