"""One living process in a run directory."""

from __future__ import annotations

import signal

import pytest

from ledger.helpers import spawn
from ratchet.errors import LedgerError
from ratchet.ledger import RunLock

HOLD = """
import os, sys, time
from pathlib import Path
from ratchet.ledger import RunLock
lock = RunLock(Path(sys.argv[1]))
lock.acquire()
child, (listen, tell) = None, os.pipe()
if sys.argv[2] == "fork":
    child = os.fork()
    if child == 0:
        os.write(tell, b".")  # it has run what the lock does in a child
        time.sleep(60)
        os._exit(0)
    os.read(listen, 1)
print(child or 0, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("kind", ["alone", "fork"])
def test_refused_while_the_holder_lives_and_free_when_it_is_killed(tmp_path, kind):
    import os

    with spawn(HOLD, tmp_path, kind) as holder:
        child = int(holder.stdout.readline())
        try:
            with pytest.raises(LedgerError, match=f"in use by process {holder.pid};"):
                RunLock(tmp_path).acquire()
            holder.send_signal(signal.SIGKILL)
            holder.wait()
            with RunLock(tmp_path):  # although its forked worker lives on
                pass
        finally:
            if child:
                os.kill(child, signal.SIGKILL)


def test_released_and_taken_again(tmp_path):
    first, second = RunLock(tmp_path / "run"), RunLock(tmp_path / "run")
    with first, pytest.raises(LedgerError):
        second.acquire()
    with second, pytest.raises(LedgerError, match="by this object"):
        second.acquire()
    second.release()


def test_a_directory_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError):
        RunLock(tmp_path / "file").acquire()
