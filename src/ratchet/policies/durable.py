"""Files that are whole or absent: written under another name, flushed to the disk, then renamed.

A reader's pattern never matches the temporary name (``.tmp-…``), so that a crash at any instant
leaves either what was there before or the whole new file.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import socket
from pathlib import Path
from typing import Any

from ratchet.errors import PolicyError


def temporary_name() -> str:
    """Return a new name that says who made it: ``.tmp-HOST-PID-RANDOM``."""
    host = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
    return f".tmp-{host}-{os.getpid()}-{secrets.token_hex(4)}"


def flush_directory(directory: Path) -> None:
    """Make the names in a directory durable (a rename is not, before this)."""
    if os.name == "nt":  # pragma: no cover - Windows cannot open a directory
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_flushed(path: Path, *content: bytes | memoryview) -> None:
    """Write a new file, one part after the other, and flush it to the disk; it must not exist."""
    with path.open("xb") as file:
        for part in content:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step, in place of whatever file is there."""
    temporary = path.with_name(temporary_name())
    try:
        write_flushed(temporary, content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    flush_directory(path.parent)


def create_file(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step.

    Raises
    ------
    FileExistsError
        If something is there already; it stays as it is.

    """
    temporary = path.with_name(temporary_name())
    try:
        write_flushed(temporary, content)
        try:
            os.link(temporary, path)  # unlike a rename, it fails where the name is taken
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            if path.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    flush_directory(path.parent)


def write_failure(what: str, error: OSError) -> PolicyError:
    """Return the error that tells a person why `what` could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return PolicyError(f"{what} cannot be written: the disk is full; nothing was left behind")
    return PolicyError(f"{what} cannot be written: {error.strerror or error}")


def strict_json(value: Any, what: str) -> bytes:
    """Return `value` as canonical JSON bytes: sorted keys, no spaces, nothing that is not a number.

    Raises
    ------
    PolicyError
        If it holds something that JSON has no word for, NaN and infinity among them.

    """
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise PolicyError(f"{what} is not plain JSON data: {error}") from error
    return text.encode()
