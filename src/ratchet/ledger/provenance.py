"""What a run was run with: versions, machine, commit.

Invariants: nothing heavy is imported to find a version, no process is started, and nothing that
identifies the host or its user is recorded.
"""

from __future__ import annotations

import os
import platform
import re
import sqlite3
from importlib import metadata
from pathlib import Path

DISTRIBUTION = "ratchet-rl"

LIBRARIES = ("gymnasium", "matplotlib", "numba", "numpy", "safetensors", "scipy", "torch")
"""The libraries whose versions can change a result or its picture."""

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def version() -> str:
    """Return Ratchet's own version; `unknown` where it is used without being installed."""
    return _distribution_version(DISTRIBUTION) or "unknown"


def versions() -> dict[str, str]:
    """Return the versions of Ratchet, Python, SQLite and every library installed that matters."""
    found = {
        "ratchet": version(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    for library in LIBRARIES:
        installed = _distribution_version(library)
        if installed is not None:
            found[library] = installed
    return found


def machine() -> dict[str, str | int | None]:
    """Return the system, architecture, processor, cores (usable and present) and memory in bytes."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "cores_usable": _usable_cores(),
        "memory_bytes": _memory(),
    }


def commit(package: Path | None = None) -> str | None:
    """Return the git commit of the checkout that Ratchet runs from, or None.

    Parameters
    ----------
    package : Path, optional
        The package's directory; by default that of the running Ratchet. Only the layout
        ``CHECKOUT/src/ratchet`` counts: an installed copy may lie inside somebody else's checkout.

    """
    package = Path(__file__).resolve().parent.parent if package is None else package
    root = package.parent.parent
    if package.parent.name != "src" or not (root / "pyproject.toml").is_file():
        return None
    try:
        return _head(root / ".git")
    except (OSError, UnicodeDecodeError):
        return None


def _head(git: Path) -> str | None:
    """Follow HEAD to a commit, in a plain checkout or a worktree, reading files only."""
    if git.is_file():
        git = (git.parent / git.read_text().removeprefix("gitdir:").strip()).resolve()
    head = (git / "HEAD").read_text().strip()
    if not head.startswith("ref:"):
        return head if _COMMIT.fullmatch(head) else None
    name = head.removeprefix("ref:").strip()
    shared = git
    if (git / "commondir").is_file():
        shared = (git / (git / "commondir").read_text().strip()).resolve()
    for place in (git, shared):
        if (place / name).is_file():
            return (place / name).read_text().strip()
    packed = shared / "packed-refs"
    if packed.is_file():
        for line in packed.read_text().splitlines():
            words = line.split()
            if len(words) == 2 and words[1] == name:
                return words[0]
    return None


def _distribution_version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str | None:
    """Return the processor's model; `platform.processor` is empty on most Linux systems."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor() or None


def _usable_cores() -> int | None:
    """Return the cores that this process may use, which a container can hold below the count."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
