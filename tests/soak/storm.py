"""A storm: a fleet and an evaluation at work, and faults that come down on them at random.

`Storm` starts the command as a person would, breaks it in every way that it knows, starts it again, and at last
looks whether all that was promised still holds. A seed repeats the order of the faults, though not the instants at
which they meet the processes.
"""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from ratchet.errors import RatchetError
from ratchet.ledger import queries
from ratchet.ledger.ledger import Ledger
from ratchet.policies.checkpoint import follow, publish, read_checkpoint, read_training_state
from ratchet.policies.initial import new_policy
from ratchet.rollout.fit import spec_for
from ratchet.rollout.fleet.beat import Count, Phase, read_pulse
from ratchet.rollout.fleet.crash import crash_numbers, read_crash
from ratchet.rollout.fleet.status import read_workers
from ratchet.rollout.spool import read_counts
from ratchet.seeding import selection_seeds
from ratchet.tasks.registry import find_task

TASK = "faulty:Stormy"
EVALUATED = "environments:Counting"
SEEDS = 4000
BATCH = 8
WORKERS = 3
NAME = "fleet"
TESTS = Path(__file__).resolve().parents[1]
DISK_BYTES = 400 << 20

# The wall clock as a process sees it: off by what a file says.
_CLOCK = """
import os, time
_real = time.time
def _off():
    try:
        with open(os.environ["STORM_CLOCK"]) as file:
            return float(file.read() or 0)
    except (OSError, ValueError):
        return 0.0
time.time = lambda: _real() + _off()
"""


class Storm:
    """Faults on a fleet in a directory, for so many seconds; `tally` counts those that met something."""

    def __init__(self, home, *, seed, seconds):
        self.home, self.seconds = Path(home), seconds
        self.random = random.Random(seed)
        self.tally = Counter()
        self.statuses = Counter()
        self.wrong = []
        self.root = self.home / "disk" / "runs"
        self.run = self.root / NAME
        self.disk = self._mount()
        self.root.mkdir(parents=True)
        self.policy = self.home / "policy"
        publish(new_policy(spec_for(find_task(TASK)), 0), self.policy)
        (self.home / "site").mkdir()
        (self.home / "site" / "sitecustomize.py").write_text(_CLOCK)
        self.clock = self.home / "clock"
        self.clock.write_text("0")
        self.fleet = self.judge = None
        self.judges = ["judge-1"]
        self.started = 0

    def blow(self):
        """Let it all happen; then let the fleet and the evaluation end in peace."""
        faults = [
            (self.kill_worker, 6), (self.freeze_worker, 3), (self.kill_trainer, 4),
            (self.kill_examiner, 2), (self.freeze_examiner, 1),
            (self.truncate_episode, 4), (self.flip_episode, 4), (self.flip_checkpoint, 2),
            (self.truncate_checkpoint, 2), (self.second_trainer, 1), (self.fill_disk, 1),
            (self.jump_clock, 4), (self.kill_evaluation, 2),
        ]  # fmt: skip
        names, weights = zip(*faults, strict=True)
        end = time.monotonic() + self.seconds
        try:
            while time.monotonic() < end:
                self._see_to_fleet()
                self._see_to_judge()
                time.sleep(self.random.uniform(0.3, 1.7))
                fault = self.random.choices(names, weights)[0]
                if fault():
                    self.tally[fault.__name__.replace("_", " ")] += 1
            self.clock.write_text("0")
            self._end()
        finally:
            for process in (self.fleet, self.judge):
                if process is not None and process.poll() is None:
                    process.kill()
                    process.wait()

    # Faults: each returns whether it has met something.

    def kill_worker(self):
        return self._signal_worker(signal.SIGKILL)

    def freeze_worker(self):
        return self._signal_worker(signal.SIGSTOP)

    def kill_examiner(self):
        return self._signal_examiner(signal.SIGKILL)

    def freeze_examiner(self):
        return self._signal_examiner(signal.SIGSTOP)

    def kill_trainer(self):
        if self.fleet is None or self.fleet.poll() is not None:
            return False
        self.fleet.kill()
        self.fleet.wait()
        return True

    def truncate_episode(self):
        return self._damage(self._waiting(), _truncate)

    def flip_episode(self):
        return self._damage(self._waiting(), self._flip)

    def flip_checkpoint(self):
        # Only one that starts anew reads a checkpoint.
        return self.kill_trainer() and self._damage(self._newest(), self._flip)

    def truncate_checkpoint(self):
        return self.kill_trainer() and self._damage(self._newest(), _truncate)

    def second_trainer(self):
        if self.fleet is None or self.fleet.poll() is not None or not self._begun(NAME):
            return False
        second = self._start(*self._fleet_words(), "--resume")
        until = time.monotonic() + 60.0
        while second.poll() is None and self.fleet.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        if self.fleet.poll() is not None and second.poll() is None:
            # The first has ended by something else, before the second looked: it is the only one.
            self._over(self.fleet, "fleet")
            self.fleet = second
        elif self.fleet.poll() is None and second.poll() != 2:
            second.kill()
            self.wrong.append(f"a second trainer came to {second.poll()}: {_said(second)}")
        return True

    def fill_disk(self):
        if self.disk is None:
            return False
        ballast = self.disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(bytes(1 << 20))
                file.flush()
        time.sleep(self.random.uniform(0.5, 2.0))
        ballast.unlink()
        return True

    def jump_clock(self):
        self.clock.write_text(str(self.random.uniform(-1e8, 1e8)))
        return True

    def kill_evaluation(self):
        if self.judge is None or self.judge.poll() is not None:
            return False
        self.judge.kill()
        self.judge.wait()
        return True

    # What is at work.

    def _fleet_words(self, *more):
        return [
            "fleet", TASK, "--policy", self.policy, "--workers", WORKERS, "--name", NAME,
            "--promote-every", 400, "--restarts", 1000, "--episodes", 10**8,
            "--set", "environments=4", "--set", "step_seconds=2", "--set", "batch_size=32",
            "--set", "n_epochs=1", *more,
        ]  # fmt: skip

    def _see_to_fleet(self):
        if self.fleet is None or self._over(self.fleet, "fleet"):
            again = ["--resume"] if self._begun(NAME) else []
            self.fleet = self._start(*self._fleet_words(*again))

    def _see_to_judge(self, *, another=True):
        """Go on with an evaluation that was broken off; begin the next where one is over."""
        if self.judge is not None:
            if not self._over(self.judge, "evaluation"):
                return
            if self.judge.returncode == 0:
                if not another:
                    return
                self.judges.append(f"judge-{len(self.judges) + 1}")
        name = self.judges[-1]
        again = ["--resume"] if self._begun(name) else []
        self.judge = self._start(
            "evaluate", self.policy, EVALUATED, "--seeds", SEEDS, "--name", name, *again
        )

    def _over(self, process, what):
        if process.poll() is None:
            return False
        if process.returncode not in (0, -signal.SIGKILL):
            self.statuses[f"{what}: {process.returncode}"] += 1
            said = _said(process)
            if "Traceback" in said:
                self.wrong.append(f"{what} ended with {process.returncode}: {said}")
        return True

    def _end(self):
        """Let both end in peace."""
        if self.fleet.poll() is None:
            self.fleet.send_signal(signal.SIGINT)
            self.fleet.wait(timeout=120)
        last = self._start(*self._fleet_words("--resume", "--minutes", "0.1"))
        last.wait(timeout=300)
        if last.returncode:
            self.wrong.append(f"the last fleet ended with {last.returncode}: {_said(last)}")
        self._see_to_judge(another=False)
        while self.judge.poll() is None or self.judge.returncode:
            self.judge.wait(timeout=300)
            self._see_to_judge(another=False)

    def _begun(self, name):
        with contextlib.suppress(sqlite3.Error):
            file = f"file:{self.root / 'ledger.sqlite'}?mode=ro"
            with contextlib.closing(sqlite3.connect(file, uri=True)) as one:
                return one.execute("SELECT 1 FROM runs WHERE name = ?", (name,)).fetchone()
        return None

    def _start(self, *words):
        paths = [self.home / "site", TESTS]
        self.started += 1
        log = self.home / f"said-{self.started:04d}"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "ratchet", *map(str, words), "--root", str(self.root)],
                cwd=self.home,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(map(str, paths)),
                    "OPENBLAS_NUM_THREADS": "1",
                    "STORM_CLOCK": str(self.clock),
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=file,
            )
        process.log = log
        return process

    # Where to strike.

    def _signal_worker(self, number):
        with contextlib.suppress(RatchetError, OSError):
            alive = [one.pid for one in read_workers(self.run) if one.alive and one.pid]
            if alive:
                os.kill(self.random.choice(alive), number)
                return True
        return False

    def _signal_examiner(self, number):
        """Strike the process of the pawl's games, if it comes to play within a while."""
        until = time.monotonic() + 1.0
        while self.fleet is not None and self.fleet.poll() is None and time.monotonic() < until:
            pulse = read_pulse(self.run / "examiner" / "beat")
            if pulse is not None and pulse.phase == Phase.STEPPING:
                with contextlib.suppress(OSError):
                    # The heartbeat may be of one that is dead, and its number another's.
                    if b"examiner" in Path(f"/proc/{pulse[Count.PID]}/cmdline").read_bytes():
                        os.kill(pulse[Count.PID], number)
                        return True
            time.sleep(0.01)
        return False

    def _waiting(self):
        with contextlib.suppress(OSError):
            return sorted((self.run / "spool" / "incoming").glob("*.npz"))
        return []

    def _newest(self):
        home = self.run / "checkpoints" / "fleet"
        found = sorted(home.glob("update-*"))
        return sorted(found[-1].iterdir()) if found else []

    def _damage(self, files, how):
        if not files:
            return False
        with contextlib.suppress(OSError):
            return how(self.random.choice(files))
        return False

    def _flip(self, path):
        with path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if not size:
                return False
            at = self.random.randrange(size)
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1 << self.random.randrange(8)]))
        return True

    def _mount(self):
        """Return a small disk of its own that can be filled up, or None where this user may not mount one."""
        disk = self.home / "disk"
        disk.mkdir(parents=True)
        if shutil.which("mount") is None:
            return None
        words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(disk)]
        done = subprocess.run(words, capture_output=True, check=False)
        return disk if done.returncode == 0 else None

    def clear(self):
        """Give the disk back."""
        if self.disk is not None:
            subprocess.run(["umount", "-l", str(self.disk)], check=False)

    # What must hold.

    def figures(self):
        """Return what the storm has come to; `wrong` says what does not hold."""
        wrong = list(self.wrong)
        crashes = Counter(
            read_crash(self.run / "crashes" / f"{number:08d}.json").cause.value
            if (self.run / "crashes" / f"{number:08d}.json").exists()
            else "unreadable"
            for number in crash_numbers(self.run / "crashes")
        )
        counts = read_counts(self.run / "spool")
        workers = read_workers(self.run)
        with Ledger.open(self.root / "ledger.sqlite", create=False) as ledger:
            (training,) = queries.trainings(ledger, NAME)
            updates = queries.updates(ledger, training.id)["update_number"]
            played = queries.training_episodes(ledger, training.id)
            looks = len(queries.verdicts(ledger, NAME))
            looked = [
                sorted(row.seed for row in queries.episodes(ledger, one.id))
                for one in queries.evaluations(ledger, NAME)
                if one.status == "finished"
            ]
            found = [one for name in self.judges for one in queries.evaluations(ledger, name)]
            judged = [sorted(row.seed for row in queries.episodes(ledger, one.id)) for one in found]
        learned = len(played.seeds)
        checks = {
            "episodes missing from the spool": (counts.missing, 0),
            "consumed episodes": (counts.consumed, training.episodes),
            "episodes in the ledger": (learned, training.episodes),
            "different episodes in the ledger": (len(set(played.seeds.tolist())), learned),
            "learned in whole batches": (training.episodes, BATCH * training.updates),
            "updates in the ledger": (len(updates), training.updates),
            "evaluated seeds": (judged, [list(range(SEEDS))] * len(self.judges)),
            "seeds that the pawl has looked at": (looked, [sorted(selection_seeds(100))] * len(looked)),
            "status of the evaluations": ({one.status for one in found}, {"finished"}),
            "status of the training": (training.status, "finished"),
            "episodes that workers have put in": (
                sum(worker.episodes for worker in workers), counts.collected,
            ),
        }  # fmt: skip
        wrong += [
            f"{name}: {here!r:.200}, not {due!r:.200}"
            for name, (here, due) in checks.items()
            if here != due
        ]
        torn = 0
        if len(looked) < looks:
            wrong.append(f"{looks} looks of the pawl at {len(looked)} whole evaluations")
        try:
            read_checkpoint(follow(self.run, "best"))
        except RatchetError as error:
            wrong.append(f"there is no best: {error}")
        for place in sorted((self.run / "checkpoints" / "fleet").glob("update-*")):
            try:
                read_checkpoint(place)
                read_training_state(place)
            except RatchetError as error:
                torn += 1
                wrong.append(f"a torn checkpoint: {error}")
        jumps = self.tally["jump clock"]
        injected, simulated = sum(self.tally.values()) - jumps, sum(crashes.values())
        return {
            "injected": dict(sorted(self.tally.items())),
            "faults": injected,
            "jumps": jumps,
            "crashes of workers": dict(sorted(crashes.items())),
            "crash records": simulated,
            "endings": dict(sorted(self.statuses.items())),
            "spool": vars(counts),
            "updates": training.updates,
            "episodes": training.episodes,
            "discarded": sum(worker.discarded for worker in workers),
            "evaluations": len(judged),
            "looks": looks,
            "torn": torn,
            "full disk": self.disk is not None,
            "wrong": wrong,
        }


def _said(process):
    return process.log.read_text(errors="replace")[-2000:]


def _truncate(path):
    size = path.stat().st_size
    os.truncate(path, size // 2)
    return size > 0


def page(figures, *, seed, seconds, origin):
    """Return ``docs/RELIABILITY.md``."""
    spool = figures["spool"]
    names = ("waiting", "claimed", "consumed", "stale", "corrupt", "foreign")
    total = " + ".join(f"{spool[name]:,} {name}" for name in names)
    rows = "\n".join(f"| {name} | {number} |" for name, number in figures["injected"].items())
    crashes = "\n".join(
        f"| {name} | {number} |" for name, number in figures["crashes of workers"].items()
    )
    disk = "" if figures["full disk"] else " This user may not mount a disk, so none was filled up."
    kept = not figures["wrong"]
    return f"""# Reliability

`make soak` let a storm come down on a fleet of {WORKERS} workers and on evaluations of {SEEDS:,} seeds, one after
the other, for {seconds / 60:.0f} minutes (seed {seed}; `SOAK_SEED` and `SOAK_MINUTES` choose others), and wrote this page. Processes
were started again as a person would, with `--resume`.{disk}

**{figures["faults"]} faults, {figures["jumps"]} jumps of the clock not counted; {"everything that is promised held" if kept else "NOT everything that is promised held"}.**

| fault | times |
| --- | ---: |
{rows}

"Kill" is `kill -9`, "freeze" is a stop that only the deadline ends, or the end of who has started it, "flip" is one bit, "truncate" is half a file.
A damaged checkpoint is one that the trainer goes on from, and a jump of the clock is up to three years.

The simulators failed by themselves, too, in one episode of two thousand: exceptions, endless loops with and without
Python's lock, ends of the process, native crashes. With the kills above, that left {figures["crash records"]} crash records:

| cause | records |
| --- | ---: |
{crashes}

What was left:

- the spool: {spool["collected"]:,} collected = {total}; {spool["missing"]} missing;
- the trainer: {figures["updates"]:,} updates from {figures["episodes"]:,} episodes, each learned from once;
- {figures["discarded"]:,} episodes were cut by crashes, and counted;
- {figures["torn"]} torn checkpoints;
- {figures["looks"]:,} looks of the pawl, and a whole `best`;
- {figures["evaluations"]:,} evaluations, all of them of all seeds, each once.

{"" if kept else "What did not hold: " + "; ".join(figures["wrong"])}

{origin}
"""


def origin():
    """Return with what it was run."""
    from ratchet.ledger import provenance

    machine = provenance.machine()
    versions = ", ".join(f"{name} {version}" for name, version in provenance.versions().items())
    return (
        f"- commit: `{provenance.commit()}`\n- machine: {machine['processor']}, "
        f"{machine['cores_usable']} cores\n- versions: {versions}"
    )
