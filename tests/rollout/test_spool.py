"""The spool: what goes in comes out once, or is refused with its reason, and everything is counted."""

import errno
import json
import os
import pathlib
import random
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from episodes import KIND, made, names_in, number_of, policy_of
from ratchet.errors import LedgerError, SpoolError
from ratchet.rollout.episode_file import pack_episode, read_episode
from ratchet.rollout.spool import (
    Counts,
    Spool,
    SpoolWriter,
    ahead,
    create_spool,
    lag,
    layout,
    read_counts,
    room,
)
from ratchet.rollout.spool import writer as writer_module
from ratchet.rollout.spool.layout import Name, parse_name, standing
from ratchet.rollout.spool.retired import Retired
from ratchet.rollout.spool.spans import Spans

POLICIES = {version: policy_of(version) for version in range(100)}


@pytest.fixture(autouse=True)
def _no_power_cut(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def root(tmp_path):
    create_spool(tmp_path / "spool", KIND)
    return tmp_path / "spool"


def counted(root):
    """The counts as a dictionary of those that are not 0, once they add up."""
    counts = read_counts(root)
    assert counts.missing == 0
    states = {k: v for k, v in vars(counts).items() if k != "collected" and v}
    assert counts.collected == sum(states.values())
    return states


def reason_of(root, state):
    (path,) = (root / state).glob("*/*.reason")
    assert path.with_suffix("").is_file()
    said = json.loads(path.read_bytes())
    assert said["state"] == state
    return said["reason"]


def claim(spool, update, count=99, version=0, **options):
    return spool.claim(update, count, version=version, policies=POLICIES, **options)


def test_from_a_worker_to_an_update(root):
    with SpoolWriter(root, KIND) as one, SpoolWriter(root, KIND) as two:
        assert (one.writer, two.writer) == (0, 1)
        names = [writer.put(made(k)) for k, writer in enumerate((one, one, two))]
    assert names == [
        "00000000-00000-00000000.npz", "00000000-00000-00000001.npz", "00000000-00001-00000000.npz"
    ]  # fmt: skip
    assert number_of(read_episode(root / "incoming" / names[1])) == 1
    assert counted(root) == {"waiting": 3}
    with Spool(root, KIND) as spool:
        claimed = claim(spool, 1, 2)
        assert [(each.name, each.lag, number_of(each.episode)) for each in claimed] == [
            (names[0], 0, 0),
            (names[2], 0, 2),
        ]
        assert counted(root) == {"waiting": 1, "claimed": 2}
        assert [each.name for each in claim(spool, 1, 2)] == [names[1]]
        assert claim(spool, 1) == []
        spool.consume(1, names)
        assert counted(root) == {"consumed": 3}
        spool.consume(1, names)
        assert counted(root) == {"consumed": 3}
    assert read_counts(root) == Counts(
        collected=3, waiting=0, claimed=0, consumed=3, stale=0, corrupt=0, foreign=0, missing=0
    )


def test_the_oldest_version_first_then_by_turns_and_no_clock(root, monkeypatch):
    with SpoolWriter(root, KIND) as one, SpoolWriter(root, KIND) as two:
        wanted = {}
        for k, (writer, version) in enumerate(
            [(one, 1), (one, 1), (one, 1), (two, 2), (two, 1), (one, 0), (two, 1)]
        ):
            # A clock that jumps to and fro, in the process, in the files and in what they say.
            now = random.Random(k).uniform(0, 4e9)
            monkeypatch.setattr(time, "time", lambda now=now: now)
            origin = replace(made(version=version).origin, begun_at=now, ended_at=now - 5)
            wanted[k] = writer.put(made(k, origin=origin))
            os.utime(root / "incoming" / wanted[k], (now, now))
    with Spool(root, KIND) as spool:
        order = [number_of(each.episode) for each in claim(spool, 1, version=2)]
    assert order == [5, 0, 4, 1, 6, 2, 3]


def test_lag_is_counted_when_the_update_begins(root):
    with SpoolWriter(root, KIND) as writer:
        names = [writer.put(made(version, version=version)) for version in range(5)]
    assert (lag(3, 3), lag(3, 8)) == (0, 5)
    with Spool(root, KIND) as spool:
        claimed = claim(spool, 1, version=6, max_lag=3)
        assert [each.lag for each in claimed] == [3, 2]
        assert counted(root) == {"claimed": 2, "stale": 3}
        spool.release(1)
        assert [each.lag for each in claim(spool, 2, 1, version=7)] == [4]
        assert counted(root) == {"claimed": 1, "waiting": 1, "stale": 3}
    place = root / "stale" / "00000001"
    assert sorted(one.name for one in place.glob("*.npz")) == names[:3]
    assert json.loads((place / f"{names[0]}.reason").read_bytes()) == {
        "state": "stale",
        "reason": "its lag is 6 versions; 3 is the most",
    }


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: content[:-20], "cut short or damaged"),
        (lambda content: b"", "cut short or damaged"),
        (lambda content: content[:90] + bytes([content[90] ^ 4]) + content[91:], "hash"),
    ],
)
def test_a_damaged_file_is_corrupt(root, damage, reason):
    with SpoolWriter(root, KIND) as writer:
        path = root / "incoming" / writer.put(made())
        writer.put(made(1))
    path.write_bytes(damage(path.read_bytes()))
    with Spool(root, KIND) as spool:
        assert [number_of(each.episode) for each in claim(spool, 1, 1)] == [1]
    assert counted(root) == {"claimed": 1, "corrupt": 1}
    assert reason in reason_of(root, "corrupt")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"notes", "not an episode file"),
        (pack_episode(made(kind=replace(KIND, run="second"))), "its run is 'second', not 'first'"),
        (pack_episode(made(kind=replace(KIND, task="walls"))), "its task is 'walls'"),
        (pack_episode(made(kind=replace(KIND, task_hash="f" * 16))), "its task hash is 'ffff"),
        (pack_episode(made(kind=replace(KIND, observation=41))), "its observation is 41, not 40"),
        (pack_episode(made(kind=replace(KIND, masked=0))), "its masked is 0, not 11"),
        (pack_episode(made(version=1)), "its name says version 0, and it says 1"),
        (
            pack_episode(made(policy="beef")),
            "version 0 is policy 0000000000000000, and it is of beef",
        ),
    ],
)
def test_what_is_not_of_this_run_is_foreign(root, content, reason):
    with SpoolWriter(root, KIND) as writer:
        (root / "incoming" / writer.put(made())).write_bytes(content)
    with Spool(root, KIND) as spool:
        assert claim(spool, 1) == []
    assert read_counts(root).foreign == 1
    assert reason in reason_of(root, "foreign")


def test_a_file_of_another_run_takes_no_name_that_a_worker_needs(root):
    other = pack_episode(made(kind=replace(KIND, run="second")))
    with SpoolWriter(root, KIND) as writer, Spool(root, KIND) as spool:
        writer.put(made())
        (root / "incoming" / str(Name(0, writer.writer, 1))).write_bytes(other)
        assert len(claim(spool, 1)) == 1
        assert counted(root) == {"claimed": 1, "foreign": 1}
        writer.put(made())
        assert len(claim(spool, 1)) == 1
        assert counted(root) == {"claimed": 2, "foreign": 1}
    assert "its run is 'second'" in reason_of(root, "foreign")


def test_a_version_that_was_never_published_is_foreign(root):
    with SpoolWriter(root, KIND) as writer:
        writer.put(made(version=7))
    with Spool(root, KIND) as spool:
        assert claim(spool, 1, version=6) == []
    assert reason_of(root, "foreign") == "it is of version 7, and 6 is the newest"


def test_what_has_no_name_of_a_worker_is_foreign_and_gets_one(root):
    with SpoolWriter(root, KIND) as writer:
        name = writer.put(made())
    content = (root / "incoming" / name).read_bytes()
    strays = ["notes.txt", "x" * 200, "00000000-00000-7.npz", "00000000-00009-00000000.npz"]
    for stray in strays:
        (root / "incoming" / stray).write_bytes(content)
    (root / "incoming" / "directory").mkdir()
    (root / "incoming" / ".hidden").touch()
    with Spool(root, KIND) as spool:
        assert counted(root) == {"waiting": 6}
        assert [each.name for each in claim(spool, 1)] == [name]
        assert counted(root) == {"claimed": 1, "foreign": 5}
    places = sorted((root / "foreign" / "00000001").glob("*.reason"))
    assert [place.name for place in places] == [f"stray-{k:08d}.reason" for k in range(5)]
    reasons = [json.loads(place.read_bytes())["reason"] for place in places]
    for stray in strays:
        assert any(repr(stray) in reason for reason in reasons)


def test_what_comes_a_second_time_is_not_learned_from_again(root):
    with SpoolWriter(root, KIND) as writer:
        names = [writer.put(made(k)) for k in range(2)]
    contents = [(root / "incoming" / name).read_bytes() for name in names]

    def again(name=names[0]):
        (root / "incoming" / name).write_bytes(contents[0])

    with Spool(root, KIND, keep=1) as spool:
        claim(spool, 1, 1)
        again()
        assert claim(spool, 1, 0) == []
        assert counted(root) == {"waiting": 1, "claimed": 1, "foreign": 1}
        spool.consume(1, names[:1])
        again()
        again("00000001-00000-00000000.npz")
        assert [each.name for each in claim(spool, 2, version=1)] == names[1:]
        spool.consume(2, names[1:])
        assert names[0] not in {path.name for path in (root / "consumed").glob("*/*")}
        again()
        assert claim(spool, 3) == []
    again()
    with Spool(root, KIND, update=2, learned=names[1:]) as spool:
        assert claim(spool, 3) == []
    assert counted(root) == {"consumed": 2, "foreign": 5}


def test_what_was_refused_and_comes_again_is_foreign(root):
    with SpoolWriter(root, KIND) as writer:
        path = root / "incoming" / writer.put(made())
    content = path.read_bytes()
    with Spool(root, KIND) as spool:
        claim(spool, 1, version=9)
        path.write_bytes(content)
        claim(spool, 1, version=9)
    assert counted(root) == {"stale": 1, "foreign": 1}
    assert "has been here before" in reason_of(root, "foreign")


def test_nothing_goes_back_while_somebody_counts(root):
    with SpoolWriter(root, KIND) as writer:
        writer.put(made())
    with Spool(root, KIND) as spool:
        claim(spool, 1)
        back = threading.Thread(target=spool.release, args=(1,))
        with standing(root):
            back.start()
            back.join(0.05)
            assert back.is_alive()
            assert counted(root) == {"claimed": 1}
        back.join()
    assert counted(root) == {"waiting": 1}


def test_what_has_been_said_is_durable(root, monkeypatch):
    """Every directory whose entries have changed is flushed before the call returns."""
    flushed = set()
    for module in (layout, writer_module):
        monkeypatch.setattr(module, "flush_directory", flushed.add)
    with SpoolWriter(root, KIND) as writer:
        assert flushed == {root / "writers"}
        name = writer.put(made())
    assert flushed == {root / "writers", root / "incoming"}
    one, two = (root / "consumed" / f"{update:08d}" for update in (1, 2))
    with Spool(root, KIND) as spool:
        claim(spool, 1)
        flushed.clear()
        spool.consume(1, [name])
        assert flushed >= {one, one.parent, root / "claimed" / "00000001"}
        flushed.clear()
        spool.recover(0, [])
        assert flushed >= {one, root / "incoming"}
        claim(spool, 2)
        flushed.clear()
        spool.recover(2, [name])
        assert flushed >= {two, two.parent, root / "claimed" / "00000002"}


def test_what_is_consumed_or_stale_is_removed_in_time_and_counted(root):
    with SpoolWriter(root, KIND) as writer:
        for k in range(20):
            writer.put(made(k, version=k % 10))
    with Spool(root, KIND, keep=2) as spool:
        for update in range(1, 5):
            names = [each.name for each in claim(spool, update, 3, version=9, max_lag=7)]
            spool.consume(update, names)
        assert counted(root) == {"consumed": 12, "stale": 4, "waiting": 4}
    assert names_in(root / "consumed") == ["00000003", "00000004"]
    assert names_in(root / "stale") == []
    assert len(list((root / "consumed").glob("*/*.npz"))) == 6
    retired = Retired.read(root)
    assert retired.counts == {"consumed": 6, "stale": 4}
    with Spool(root, KIND, update=4, learned=names, keep=None):
        assert counted(root) == {"consumed": 12, "stale": 4, "waiting": 4}


def test_claims_end_before_those_of_another_update_begin(root):
    with SpoolWriter(root, KIND) as writer:
        names = [writer.put(made(k)) for k in range(3)]
    with Spool(root, KIND) as spool:
        claim(spool, 1, 2)
        with pytest.raises(SpoolError, match="update 1 has claims; consume or release them"):
            claim(spool, 2)
        with pytest.raises(SpoolError, match=f"{names[2]} was not claimed for update 1"):
            spool.consume(1, names)
        assert counted(root) == {"claimed": 2, "waiting": 1}
        spool.consume(1, names[1:2])  # what it did not learn from waits again
        assert counted(root) == {"consumed": 1, "waiting": 2}
        with pytest.raises(SpoolError, match="update 1 has been published; the last one is 1"):
            claim(spool, 1)
        claim(spool, 5)
        spool.release(5)
        assert counted(root) == {"consumed": 1, "waiting": 2}
        assert names_in(root / "claimed") == []


def test_the_checkpoint_decides_what_a_claim_was(root):
    with SpoolWriter(root, KIND) as writer:
        names = [writer.put(made(k)) for k in range(4)]
    with Spool(root, KIND) as spool:
        claim(spool, 1, 2)
    with Spool(root, KIND) as spool:  # it died before update 1 was published
        assert counted(root) == {"waiting": 4}
        claim(spool, 1, 3)
    with Spool(root, KIND, update=1, learned=names[:2]) as spool:  # it died after that
        assert counted(root) == {"consumed": 2, "waiting": 2}
        claim(spool, 2, 1)
        spool.consume(2, names[2:3])
    with Spool(root, KIND, update=1, learned=names[:2]):  # update 2's checkpoint turned out damaged
        assert counted(root) == {"consumed": 2, "waiting": 2}
    # The power went: the checkpoint is there, but the claim has not reached the disk.
    with Spool(root, KIND, update=2, learned=names[2:]) as spool:
        assert counted(root) == {"consumed": 4}
        spool.recover(2, names[2:])
        assert counted(root) == {"consumed": 4}


def test_one_trainer_at_a_time(root):
    with Spool(root, KIND), pytest.raises(LedgerError, match=f"in use by process {os.getpid()}"):
        Spool(root, KIND).__enter__()
    spool = Spool(root, KIND)
    for call in (lambda: claim(spool, 1), lambda: spool.consume(1, []), lambda: spool.release(1)):
        with pytest.raises(SpoolError, match="is not open"):
            call()


def test_a_spool_of_another_run_is_refused(root, tmp_path):
    other = replace(KIND, run="second")
    for use in (
        lambda: Spool(root, other).__enter__(),
        lambda: SpoolWriter(root, other),
        lambda: create_spool(root, other),
    ):
        with pytest.raises(SpoolError, match="its run is 'first', not 'second'"):
            use()
    with Spool(root, KIND):
        pass  # the refused one has given its lock back
    (tmp_path / "empty").mkdir()
    for use in (
        lambda: SpoolWriter(tmp_path / "empty", KIND),
        lambda: read_counts(tmp_path / "empty"),
        lambda: ahead(tmp_path / "empty"),
    ):
        with pytest.raises(SpoolError, match=r"there is no spool in .*empty"):
            use()
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError, match="cannot be used"):
        create_spool(tmp_path / "file", KIND)
    said = json.loads((root / "spool.json").read_bytes())
    (root / "spool.json").write_text(json.dumps(said | {"format": 2}))
    with pytest.raises(SpoolError, match="format 2; this version reads 1"):
        read_counts(root)
    (root / "spool.json").write_text("{")
    with pytest.raises(SpoolError, match="is damaged"):
        read_counts(root)


def test_a_writer_refuses_what_does_not_belong(root):
    writer = SpoolWriter(root, KIND)
    with pytest.raises(SpoolError, match="its run is 'second', not 'first'"):
        writer.put(made(kind=replace(KIND, run="second")))
    writer.put(made())
    writer.close()
    with pytest.raises(SpoolError, match=r"writer 0 of the spool .* has been closed"):
        writer.put(made())
    assert counted(root) == {"waiting": 1}
    assert SpoolWriter(root, KIND).writer == 1


def test_only_what_the_dead_left_is_swept(root):
    dead, alive = SpoolWriter(root, KIND), SpoolWriter(root, KIND)
    homes = [root / "writers" / f"{each.writer:05d}" for each in (dead, alive)]
    for home in homes:
        (home / ".tmp-0").write_bytes(b"half an epi")
        os.utime(home / ".tmp-0", (0, 0))
    dead.close()
    with Spool(root, KIND):
        pass
    assert [names_in(home) for home in homes] == [[".lock"], [".lock", ".tmp-0"]]


def test_what_is_ahead_waits_or_is_claimed(root):
    with SpoolWriter(root, KIND) as writer:
        for k in range(4):
            assert ahead(root) == k
            writer.put(made(k))
        with Spool(root, KIND) as spool:
            names = [each.name for each in claim(spool, 1, 2)]
            assert ahead(root) == 4
            spool.consume(1, names)
            assert ahead(root) == 2


@given(batch=st.integers(1, 5), max_lag=st.integers(0, 6), before=st.integers(0, 60))
def test_room_is_exact(batch, max_lag, before):
    """Played out: an episode of version 0 with so many ahead of it, and batch after batch is taken."""
    version, queue = 0, ["other"] * before + ["it"]
    while "it" in queue[batch:]:
        queue, version = queue[batch:], version + 1
    fresh = lag(0, version) <= max_lag
    assert fresh == (before < room(batch, max_lag=max_lag))


@given(st.lists(st.integers(0, 30)))
def test_spans_are_a_set(numbers):
    spans = Spans()
    for number in numbers:
        spans.add(number)
    again = Spans(spans.to_json())
    for each in (spans, again):
        assert [n for n in range(32) if n in each] == sorted(set(numbers))
        assert len(each) == len(set(numbers))
        assert each.end == max(numbers, default=-1) + 1
    gaps = [second[0] - first[1] for first, second in zip(spans.to_json(), spans.to_json()[1:])]  # noqa: B905
    assert all(gap > 0 for gap in gaps)


def test_a_file_that_somebody_took_away_is_missing(root):
    with SpoolWriter(root, KIND) as writer:
        names = [writer.put(made(k)) for k in range(3)]
    (root / "incoming" / names[1]).unlink()
    counts = read_counts(root)
    assert (counts.collected, counts.waiting, counts.missing) == (3, 2, 1)


def test_it_adds_up_for_a_reader_while_everything_moves(root):
    """Collected never falls, and is the sum of the states, while files go on and back."""
    seen, over = [], threading.Event()

    def read():
        while not over.is_set():
            seen.append(read_counts(root))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        update, draw = 0, random.Random(0)
        with SpoolWriter(root, KIND) as one, SpoolWriter(root, KIND) as two:
            for _ in range(40):
                with Spool(root, KIND, update=update, keep=1) as spool:
                    for k in range(draw.randint(0, 4)):
                        (one, two)[k % 2].put(made(k))
                    (root / "incoming" / "stray").touch()
                    claimed = [each.name for each in claim(spool, update + 1, draw.randint(0, 3))]
                    if draw.random() < 0.6:
                        update += 1
                        spool.consume(update, claimed[:2])
                    elif draw.random() < 0.5:
                        spool.release(update + 1)
    finally:
        over.set()
        reader.join()
    assert len(seen) > 20
    for counts in seen:
        assert counts.missing == 0
        states = {k: v for k, v in vars(counts).items() if k != "collected"}
        assert counts.collected == sum(states.values())
    collected = [counts.collected for counts in seen]
    assert collected == sorted(collected)


class Full:
    """A disk on which the system call of a number fails, as if there were no space left."""

    CALLS = ("fsync", "rename", "replace", "mkdir", "pwrite", "unlink")

    def __init__(self, monkeypatch, number):
        self.left = number
        for name in self.CALLS:
            monkeypatch.setattr(os, name, self.failing(getattr(os, name)))
        monkeypatch.setattr(pathlib.Path, "open", self.failing_write(pathlib.Path.open))

    def spend(self):
        self.left -= 1
        return self.left == -1

    def failing(self, call):
        def instead(*arguments, **named):
            if self.spend():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*arguments, **named)

        return instead

    def failing_write(self, call):
        def instead(path, mode="r", *arguments, **named):
            file = call(path, mode, *arguments, **named)
            if "x" in mode and self.spend():
                file.write(b"half")
                file.close()
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return file

        return instead


def test_a_full_disk_while_an_episode_is_put_in(root, monkeypatch):
    writer = SpoolWriter(root, KIND)
    failed = 0
    for number in range(20):
        with monkeypatch.context() as context:
            disk = Full(context, number)
            try:
                name = writer.put(made(number))
            except SpoolError as error:
                assert "is full; free some space" in str(error)  # noqa: PT017
                name, failed = None, failed + 1
        waiting = names_in(root / "incoming")
        assert len(waiting) == number + 1 - failed
        assert name is None or name in waiting
        assert all(parse_name(each) for each in waiting)
        assert names_in(root / "writers" / "00000") == [".lock"]
        assert counted(root) == ({"waiting": len(waiting)} if waiting else {})
        if disk.left >= 0:
            break
    # It fails where it writes, flushes and renames the file; the directory is flushed the next time.
    assert failed == 3
    with Spool(root, KIND) as spool:
        assert len(claim(spool, 1)) == len(waiting)


def test_a_full_disk_while_a_trainer_works(tmp_path, monkeypatch):
    """Whichever step fails: the error is clear, the sum is right, and it goes on where there is room."""

    def work(root, published):
        with Spool(root, KIND, update=published[0], learned=published[1], keep=0) as spool:
            names = [each.name for each in claim(spool, published[0] + 1, 2, version=5)]
            if names:
                published[:] = [published[0] + 1, names]
                everything.extend(names)
            spool.consume(*published)
            return bool(names)

    for number in range(200):
        root, published, everything = tmp_path / str(number), [0, []], []
        create_spool(root, KIND)
        with SpoolWriter(root, KIND) as writer:
            names = [writer.put(made(k, version=k)) for k in range(5)]
        (root / "incoming" / names[2]).write_bytes(b"nothing")
        (root / "incoming" / "stray").touch()
        with monkeypatch.context() as context:
            disk = Full(context, number)
            try:
                work(root, published)
            except (SpoolError, LedgerError) as error:
                assert "is full; free some space" in str(error)  # noqa: PT017
        assert sum(counted(root).values()) == 6
        while work(root, published):
            pass
        assert counted(root) == {"consumed": 3, "stale": 1, "foreign": 2}
        assert sorted(everything) == [names[1], names[3], names[4]]
        if disk.left >= 0:
            break
    assert number > 20
