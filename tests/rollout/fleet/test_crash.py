"""A crash record is read as it was written, and never overwritten."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest

from ratchet.errors import LedgerError
from ratchet.rollout.fleet.beat import Phase
from ratchet.rollout.fleet.black_box import CutEpisode
from ratchet.rollout.fleet.crash import (
    CrashRecord,
    cause_of,
    crash_numbers,
    read_crash,
    write_crash,
)
from ratchet.rollout.fleet.restarts import Cause


def cut(copy=1, actions=(0, 2, 1), dtype=np.int64):
    return CutEpisode(
        copy=copy,
        seed=(1 << 62) + 3,
        mode="hard",
        version=4,
        policy="0123456789abcdef",
        actions=np.array(actions, dtype=dtype),
    )


def record(**changes):
    said = {
        "run": "first",
        "task": "faulty:Raising",
        "parameters": {"moon": {"gravity": 1.6}},
        "worker": "w1",
        "pid": 123,
        "cause": Cause.DEADLINE,
        "status": -9,
        "doing": "stepping",
        "stuck": 2.5,
        "at": 1_000.5,
        "step_seconds": 2.0,
        "start_seconds": 60.0,
        "output": "Thread 0x01\n  File é",
        "versions": {"numpy": "2"},
        "episodes": (cut(), cut(2, [[0.1, -1.5]], np.float32), cut(3, [])),
    }
    return CrashRecord(**(said | changes))


def test_what_is_read_is_what_was_written(tmp_path):
    path = write_crash(tmp_path / "crashes", record())
    assert path.name == "00000001.json"
    read = read_crash(path)
    assert replace(read, episodes=()) == record(episodes=())
    assert isinstance(read.cause, Cause)
    for mine, theirs in zip(read.episodes, record().episodes, strict=True):
        np.testing.assert_array_equal(mine.actions, theirs.actions)
        assert mine.actions.dtype == theirs.actions.dtype
        assert vars(mine) | {"actions": None} == vars(theirs) | {"actions": None}


def test_numbers_go_on_and_nothing_is_overwritten(tmp_path):
    assert crash_numbers(tmp_path / "crashes") == []
    paths = [write_crash(tmp_path / "crashes", record(pid=pid)) for pid in range(3)]
    paths[0].unlink()
    children = []
    for writer in range(4):
        child = os.fork()
        if child == 0:
            for k in range(5):
                write_crash(tmp_path / "crashes", record(pid=10 + 10 * writer + k))
            os._exit(0)
        children.append(child)
    assert all(os.waitpid(child, 0)[1] == 0 for child in children)
    assert crash_numbers(tmp_path / "crashes") == list(range(2, 24))
    pids = {read_crash(tmp_path / "crashes" / f"{n:08d}.json").pid for n in range(2, 24)}
    assert pids == {1, 2} | {10 + 10 * writer + k for writer in range(4) for k in range(5)}


def test_what_is_no_record(tmp_path):
    with pytest.raises(LedgerError, match="there is no such file"):
        read_crash(tmp_path / "1.json")
    path = write_crash(tmp_path, record())
    content = path.read_bytes()
    path.write_bytes(content[:-3])
    with pytest.raises(LedgerError, match="not a crash record, or damaged"):
        read_crash(path)
    said = json.loads(content)
    for wrong in ([], said | {"format": 9}):
        path.write_text(json.dumps(wrong))
        with pytest.raises(LedgerError, match="not a crash record of a format"):
            read_crash(path)
    for wrong in (said | {"more": 1}, said | {"cause": "boredom"}, said | {"episodes": [{}]}):
        path.write_text(json.dumps(wrong))
        with pytest.raises(LedgerError, match=r"is damaged|its fields are others"):
            read_crash(path)


def test_what_json_has_no_word_for_is_refused(tmp_path):
    with pytest.raises(LedgerError, match="not plain JSON"):
        write_crash(tmp_path / "crashes", record(episodes=(cut(0, [np.nan], np.float32),)))


@pytest.mark.parametrize(
    ("status", "phase", "cause"),
    [
        (1, None, Cause.START),
        (2, Phase.STARTING, Cause.START),
        (-9, Phase.EXPECTING, Cause.START),
        (1, Phase.FAILED, Cause.EXCEPTION),
        (-11, Phase.STEPPING, Cause.KILLED),
        (-9, Phase.WAITING, Cause.KILLED),
        (7, Phase.STEPPING, Cause.EXIT),
        (0, Phase.STEPPING, Cause.EXIT),
    ],
)
def test_why_a_process_ended(status, phase, cause):
    assert cause_of(status, phase) == cause
