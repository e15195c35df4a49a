"""The books of a worker whose process is dead: what it had begun was finished, or is discarded."""

from __future__ import annotations

from pathlib import Path

from ratchet.ledger.files import explain
from ratchet.rollout.fleet.beat import FILE, Count, Pulse, read_pulse, settle, settled_pulse
from ratchet.rollout.fleet.home import SPOOL
from ratchet.rollout.spool import written_by


def close_books(run: Path, home: Path) -> Pulse | None:
    """Close the books of a worker's last process, and return them; None where there never was one.

    The caller has the worker's directory, so that nobody else writes them.

    Raises
    ------
    SpoolError
        If the spool cannot be read.
    LedgerError
        If they cannot be written.

    """
    pulse = read_pulse(home / FILE)
    if pulse is None or pulse.in_progress == 0:
        return pulse
    try:
        return settle(home / FILE, pulse, _written(run, pulse))
    except OSError as problem:
        raise explain(problem, home) from problem


def read_books(run: Path, home: Path) -> Pulse | None:
    """Return the books of a worker's dead process as they will be closed.

    Raises
    ------
    SpoolError
        If the spool cannot be read.

    """
    pulse = read_pulse(home / FILE)
    if pulse is None or pulse.in_progress == 0:
        return pulse
    return settled_pulse(pulse, _written(run, pulse))


def _written(run: Path, pulse: Pulse) -> int:
    writer = pulse[Count.WRITER]
    return written_by(run / SPOOL, writer) if writer >= 0 else 0
