"""Whole dungeons: beside an independent engine, and compiled beside plain Python."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import dungeons

TESTS = Path(dungeons.__file__).parent
TRACES = TESTS.parent / "../shared/data/spire/dungeons_open.jsonl.gz"
CASES = [(1, 0), (-960161659727720390, 0), (1234567890123, 20), (11001, 20)]


@pytest.mark.skipif(not TRACES.exists(), reason="the shared data are absent")
def test_every_shared_dungeon():
    with gzip.open(TRACES, "rt") as lines:
        traces = [json.loads(line) for line in lines]
    assert len(traces) == 467
    for trace in traces:
        found = dungeons.reference_dungeon(trace["seed"], trace["ascension"])
        case = (trace["seed"], trace["ascension"])
        assert {*found} <= {*trace}, case
        for part in found:
            assert found[part] == trace[part], (*case, part)


def test_plain_python_gives_the_same():
    run = subprocess.run(
        [sys.executable, "-W", "error", str(TESTS / "dungeons.py"), json.dumps(CASES)],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(run.stdout) == [dungeons.reference_dungeon(*case) for case in CASES]


def test_plain_python_draws_the_same_numbers():
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "spire/test_rng.py"],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
