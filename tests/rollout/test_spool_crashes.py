"""Killed anywhere: nothing is lost, and nothing is learned from twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from episodes import KIND, made, number_of, policy_of
from ratchet.errors import LedgerError
from ratchet.policies.durable import replace_file
from ratchet.rollout.spool import Spool, SpoolWriter, create_spool, read_counts
from ratchet.rollout.spool.layout import keys_elsewhere
from ratchet.rollout.spool.retired import Retired

POLICIES = {version: policy_of(version) for version in range(10_000)}
ROOMS = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def published(run):
    """Return the checkpoint: its update, what that learned from, and all that ever was learned from."""
    path = run / "checkpoint.json"
    return json.loads(path.read_bytes()) if path.exists() else [0, [], []]


def train(run, *, batch=2, keep=0, updates=10**9, max_lag=10**6):
    """Learn until nothing waits, a checkpoint after each batch, as a trainer would."""
    update, learned, ever = published(run)
    with Spool(run / "spool", KIND, update=update, learned=learned, keep=keep) as spool:
        for _ in range(updates):
            claims = spool.claim(
                update + 1, batch, version=update, policies=POLICIES, max_lag=max_lag
            )
            if not claims:
                break
            learned = [each.name for each in claims]
            update, ever = update + 1, ever + [number_of(each.episode) for each in claims]
            replace_file(run / "checkpoint.json", json.dumps([update, learned, ever]).encode())
            spool.consume(update, learned)


def play(run, count):
    """Put episodes in, the third of which is damaged, and a file that is none."""
    with SpoolWriter(run / "spool", KIND) as writer:
        for k in range(count):
            name = writer.put(made(k, steps=2))
            if k == 2:
                (run / "spool" / "incoming" / name).write_bytes(b"PK")
    (run / "spool" / "incoming" / "notes").touch()


def small_run(run):
    create_spool(run / "spool", KIND)
    play(run, 5)
    train(run)


def killed_at(run, step):
    """Whether it was killed: in a child process, before its `step`-th call that changes the disk."""
    child = os.fork()
    if child == 0:
        left = step

        def watch(event, details):
            nonlocal left
            changes = event in {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link"}
            if changes or (
                event == "open" and details[1] is not None and set("wx") & set(details[1])
            ):
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1

        sys.addaudithook(watch)
        small_run(run)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def every_step(runs):
    """Kill the run before each of its steps, and see what the next trainer makes of it."""
    os.fsync = lambda _: None
    for step in range(1000):
        run = runs / str(step)
        run.mkdir()
        killed = killed_at(run, step)
        if (run / "spool" / "spool.json").exists():
            before = read_counts(run / "spool")
            assert before.missing == 0, (step, before)
            train(run)
            after = read_counts(run / "spool")
            ever = Counter(published(run)[2])
            assert set(ever.values()) <= {1}, (step, ever)
            assert after.collected == before.collected, (step, before, after)
            assert after.consumed == len(ever), (step, after, ever)
            # A worker that dies has had no time to damage its own third one.
            put = after.collected - after.foreign
            assert after.corrupt + after.consumed == put, (step, after)
            assert (after.waiting, after.claimed, after.missing) == (0, 0, 0), (step, after)
            retired = Retired.read(run / "spool")
            assert not [key for key in keys_elsewhere(run / "spool") if key in retired], step
            left = [str(path) for path in (run / "spool").rglob(".tmp-*")]
            assert not left, (step, left)
        if not killed:
            assert (after.collected, after.corrupt, after.foreign) == (6, 1, 1)
            return step
    raise AssertionError("it never ends")


def test_killed_before_every_single_step(tmp_path):
    # A process of its own, to have one thread and to be forked.
    code = (
        "import sys; from pathlib import Path; sys.path[:0] = sys.argv[2:]\n"
        "from test_spool_crashes import every_step; print(every_step(Path(sys.argv[1])))"
    )
    places = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), *places],
        capture_output=True,
        text=True,
        check=False,
        env=ROOMS,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 60


FOREVER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from test_spool_crashes import KIND, SpoolWriter, made, train
run = Path(sys.argv[1])
print("ready", flush=True)
if sys.argv[2] == "trainer":
    while True:
        train(run, updates=20)
number = int(sys.argv[2]) * 1_000_000
with SpoolWriter(run / "spool", KIND) as writer:
    while True:
        writer.put(made(number, steps=2))
        number += 1
"""


def test_workers_and_trainers_killed_at_random(tmp_path):
    """Each in a process of its own, and a reader of the counts meanwhile."""
    create_spool(tmp_path / "spool", KIND)
    places = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    draw, begun = random.Random(0), 0
    running = []

    def start(role):
        process = subprocess.Popen(
            [sys.executable, "-c", FOREVER, str(tmp_path), role, *places],
            stdout=subprocess.PIPE,
            env=ROOMS,
        )
        running.append((role, process))
        return process

    try:
        for role in ("trainer", "0"):
            start(role)
        for _, process in running:
            process.stdout.readline()
        collected = 0
        for begun in range(1, 4):
            until = time.monotonic() + draw.uniform(0.1, 0.3)
            while time.monotonic() < until:
                counts = read_counts(tmp_path / "spool")
                assert counts.missing == 0
                assert counts.collected >= collected
                collected = counts.collected
            index = draw.randrange(2)
            role, process = running.pop(index)
            process.kill()
            process.communicate()
            start("trainer" if role == "trainer" else str(begun)).stdout.readline()
    finally:
        for _, process in running:
            process.kill()
            process.communicate()
    train(tmp_path, batch=50)
    counts = read_counts(tmp_path / "spool")
    ever = Counter(published(tmp_path)[2])
    assert set(ever.values()) == {1}
    assert counts.collected == counts.consumed == len(ever) >= collected > 10
    assert not list((tmp_path / "spool").rglob(".tmp-*"))
    for role in {number // 1_000_000 for number in ever}:
        mine = sorted(number % 1_000_000 for number in ever if number // 1_000_000 == role)
        assert mine == list(range(len(mine)))


HOLD = """
import sys, time
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from test_spool_crashes import KIND, Spool
with Spool(Path(sys.argv[1]), KIND):
    print("ready", flush=True)
    time.sleep(60)
"""


def test_a_second_trainer_is_refused_until_the_first_is_dead(tmp_path):
    places = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "spool"), *places],
        stdout=subprocess.PIPE,
        env=ROOMS,
    ) as process:
        process.stdout.readline()
        with pytest.raises(LedgerError, match=f"in use by process {process.pid}"):
            Spool(tmp_path / "spool", KIND).__enter__()
        process.kill()
    with Spool(tmp_path / "spool", KIND):
        pass
