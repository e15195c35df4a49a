"""Room: what waits, what is claimed, and what all workers play is ahead of an episode that begins."""

import shutil

from fleets import learned, made_run
from ratchet.rollout.fleet import room as module
from ratchet.rollout.fleet.beat import FILE, Count, new_beat
from ratchet.rollout.fleet.home import SPOOL, taken, worker_home
from ratchet.rollout.fleet.player import Player
from ratchet.rollout.fleet.room import Room
from ratchet.rollout.fleet.versions import Version
from ratchet.rollout.kind import kind_of
from ratchet.rollout.plan import read_plan
from ratchet.rollout.publication import Publication
from ratchet.rollout.spool import SpoolWriter


def fill(run, count):
    """Put so many episodes into the spool."""
    plan = read_plan(run)
    task = plan.make_task()
    kind = kind_of(task, run=plan.run, masked=plan.masked)
    version = Version(0, Publication(run / "versions").load(0))
    with SpoolWriter(run / SPOOL, kind) as writer:
        player = Player(task, plan, kind, writer.writer)
        while count:
            player.begin(player.free, version)
            player.choose()
            player.step()
            for episode in player.ended()[:count]:
                writer.put(episode)
                count -= 1


def test_what_is_ahead(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_FRESH", 0.0)
    publication = made_run(tmp_path, batch=4, max_lag=5)
    room = Room(tmp_path, read_plan(tmp_path), "w0")
    assert room.free(0, 0) == 12
    assert room.free(3, 0) == 9
    fill(tmp_path, 5)
    assert room.free(3, 0) == 4
    learned(tmp_path, 1, publication, 2)
    assert room.free(3, 0) == 6
    home = worker_home(tmp_path, "w1")
    home.mkdir(parents=True)
    beat = new_beat(home / FILE, before=None, pid=1)
    beat.counts[Count.BEGUN], beat.counts[Count.FINISHED] = 9, 5
    assert room.free(3, 0) == 6, "it is dead"
    monkeypatch.setattr(module, "_ALIVE", 0.0)
    with taken(home):
        assert room.free(3, 0) == 6, "what it plays counts from when it is known to live"
        monkeypatch.setattr(module, "_ALIVE", 60.0)
        assert room.free(3, 0) == 2
    own = worker_home(tmp_path, "w0")
    shutil.copytree(home, own)
    with taken(own):
        assert room.free(3, 0) == 2, "what it plays itself it says itself"


def test_what_it_does_itself_counts_between_two_looks(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_FRESH", 1e9)
    monkeypatch.setattr(module, "_FULL", 1e9)
    made_run(tmp_path, batch=4, max_lag=5)
    room = Room(tmp_path, read_plan(tmp_path), "w0")
    assert room.free(2, 5) == 10
    assert room.free(1, 6) == 10
    assert room.free(1, 7) == 9
    fill(tmp_path, 9)
    assert room.free(1, 6) == 10
    monkeypatch.setattr(module, "_FULL", -1.0)
    assert room.free(11, 6) == 0
    assert room.free(1, 6) == 2, "where there was none, it looks again"
