"""Making the files of a spool agree with a published checkpoint, whatever a crash has left.

Invariant: each of these steps may be broken off anywhere and done again.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from ratchet.rollout.spool.layout import (
    CLAIMED,
    CONSUMED,
    INCOMING,
    REASON,
    STATES,
    files_of,
    flush,
    keys_elsewhere,
    of_update,
    parse_name,
    updates_in,
)
from ratchet.rollout.spool.retired import Retired
from ratchet.rollout.spool.writer import sweep


def clear(directory: Path) -> Retired:
    """Remove what dead processes left unfinished, and files that have retired; return which have.

    Raises
    ------
    SpoolError
        If the list of the retired cannot be read.
    OSError
        If something cannot be removed.

    """
    sweep(directory)
    retired = Retired.read(directory)
    for leftover in directory.glob(".tmp-*"):
        leftover.unlink()
    for state in STATES[1:]:
        for update in updates_in(directory, state):
            place = of_update(directory, state, update)
            for leftover in place.glob(".tmp-*"):
                leftover.unlink()
            for name, key in files_of(directory, state, update).items():
                if key in retired:
                    (place / name).unlink()
            for reason in place.glob("*" + REASON):
                if not (place / reason.name.removesuffix(REASON)).exists():
                    reason.unlink()
    return retired


def settle(directory: Path, update: int, learned: set[str], retired: Retired) -> None:
    """Move every episode to where the checkpoint of an update says that it belongs.

    What it has learned from is consumed. Other claims wait again, and so does what only updates after
    it had consumed.

    Raises
    ------
    OSError
        If something cannot be moved.

    """
    touched: set[Path] = set()

    def move(source: Path, target: Path) -> None:
        target.mkdir(exist_ok=True)
        source.rename(target / source.name)
        touched.update((source.parent, target, target.parent))

    for state, first in ((CLAIMED, 0), (CONSUMED, update + 1)):
        for of in updates_in(directory, state):
            for text in files_of(directory, state, of) if of >= first else ():
                move(of_update(directory, state, of) / text, directory / INCOMING)
    settled = keys_elsewhere(directory)
    for text in learned:
        # Wherever it was: where the power went, the checkpoint may have reached the disk and the claim not.
        name, path = parse_name(text), directory / INCOMING / text
        known = name is None or name.key in settled or name.key in retired
        if not known and path.is_file():
            move(path, of_update(directory, CONSUMED, update))
    flush(*touched)
    for state in STATES[1:]:
        for of in updates_in(directory, state):
            with contextlib.suppress(OSError):  # only what is empty goes
                of_update(directory, state, of).rmdir()
