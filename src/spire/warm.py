"""Warming up: compiling what is linked in several processes, before it is needed, and saying how far it is.

It happens by itself before the first kernel runs. Compiled code is kept for the next process, which only
loads it; a process that comes while another compiles waits for it. Where no directory can be written, nothing is
kept and nothing is done here but to say so.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numba

from spire.compiled import cache_directory
from spire.linked import LINKS

Progress = Callable[[int, int], None]

_CONFIG: Any = numba.config

_TOPS = ("spire.actions", "spire.encode", "spire.heuristic.player")
"""What imports all that is linked."""
_WHOLE = "whole"
_MOST_PROCESSES = 4
_COMPILED = "compiled"
_PACKAGES = Path(__file__).parent.parent


def show(done: int, of: int) -> None:
    """Say on the standard error how many parts are compiled: in one line of a terminal, else as it begins."""
    text = f"spire: compiling the engine, once ... {done} of {of}"
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text if done < of else ''}")
    elif done == 0:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def warm_up(progress: Progress = show) -> None:
    """Compile all of the engine that has not been compiled before.

    `progress` is told how many parts of how many are done, while something is compiled. Where nothing can be
    kept, each part is left to the moment that needs it, and that is said.
    """
    if _CONFIG.DISABLE_JIT:
        return
    directory = cache_directory()
    if directory is None:
        _tell_unkept()
        return
    done = directory / "linked"
    done.mkdir(exist_ok=True)
    with _alone(done):
        if not (done / _WHOLE).exists():
            # All at once, so that nobody waits for it a second time.
            for name in _TOPS:
                if find_spec(".".join(name.split(".")[:2])):
                    import_module(name)
        missing = [name for name in LINKS if not (done / _as_file(name)).exists()]
        if missing:
            _compile(missing, done, progress)
        (done / _WHOLE).touch()


@functools.cache
def _tell_unkept() -> None:
    """Say on the standard error, once, why it takes so long: what is compiled cannot be kept."""
    sys.stderr.write(
        "spire: compiling the engine, each time anew: no directory to keep it in can be written; "
        "NUMBA_CACHE_DIR may name one\n"
    )
    sys.stderr.flush()


def _as_file(name: str) -> str:
    return name.replace(":", "-")


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Wait until no other process is compiling."""
    try:
        import fcntl  # noqa: PLC0415 -- there is none on Windows, where two may do the same work
    except ImportError:
        yield
        return
    with (directory / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not (directory / _WHOLE).exists():
                sys.stderr.write("spire: another process compiles the engine; waiting for it\n")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _compile(names: list[str], done: Path, progress: Progress) -> None:
    """Compile parts in processes of their own.

    What they cannot compile, for whatever reason, is left to the process that needs it.
    """
    waiting, workers, telling = deque(names), [], Lock()
    finished = 0

    def serve(place: int, worker: subprocess.Popen[str]) -> None:
        nonlocal finished
        # What lies together calls the same small kernels, which one process then compiles for both.
        take = waiting.pop if place % 2 else waiting.popleft
        assert worker.stdin is not None
        assert worker.stdout is not None
        while waiting:
            try:
                name = take()
                print(name, file=worker.stdin, flush=True)
            except (IndexError, OSError):
                return
            answer = worker.stdout.readline()
            if not answer:
                return
            if answer.strip() == _COMPILED:
                (done / _as_file(name)).touch()
            with telling:
                finished += 1
                progress(finished, len(names))

    progress(0, len(names))
    count = min(len(names), os.cpu_count() or 1, _MOST_PROCESSES)
    with ExitStack() as ending, ThreadPoolExecutor(count) as pool:
        try:
            workers += [ending.enter_context(_start_worker()) for _ in range(count)]
            for job in [pool.submit(serve, *each) for each in enumerate(workers)]:
                job.result()
        finally:
            # Before the pool waits for its threads: an interrupt is not to wait for what is left.
            waiting.clear()
            for worker in workers:
                worker.kill()
            progress(len(names), len(names))


def _start_worker() -> subprocess.Popen[str]:
    paths = [str(_PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-P", "-c", "from spire.warm import work; work()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        # An interrupt is for the process that waits, which ends this one.
        start_new_session=True,
        text=True,
    )


def work() -> None:
    """Compile the parts whose names come in on the standard input, and say of each how it went."""
    for line in sys.stdin:
        name = line.strip()
        try:
            import_module(name.partition(":")[0])
            LINKS[name].fill()
        except Exception as error:  # noqa: BLE001 -- it is met again where the part is needed
            print(type(error).__name__, flush=True)  # noqa: T201 -- to the process that waits
        else:
            print(_COMPILED, flush=True)  # noqa: T201
