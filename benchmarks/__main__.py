"""Run the claims and write ``docs/BENCHMARKS.md`` from what was measured.

``python -m benchmarks`` runs all of them; names choose some, ``--list`` names them, ``--quick`` only tries
the machinery, with tiny sizes. What was measured is kept in ``build/benchmarks`` claim by claim, and ``--resume``
goes on with a run that was broken off, as long as the commit is the same. The page is written once every claim has
been measured; one that was at another commit says so. ``--out`` writes what this run has measured elsewhere.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.measure import ROOT, Result, table
from ratchet.ledger import provenance

CLAIMS = (
    "train_cartpole",
    "minibatch",
    "train_jax",
    "train_recurrent",
    "finetune",
    "adapt",
    "cold_start",
    "evaluate",
    "environment",
    "memory",
    "spire_engine",
    "spire_heuristic",
    "spire_compile",
    "fleet_learning",
    "fleet_throughput",
    "fleet_pace",
    "fleet_lag",
)
PAGE = ROOT / "docs" / "BENCHMARKS.md"
KEPT = ROOT / "build" / "benchmarks"
PEERS = ("stable-baselines3", "sb3-contrib", "jax", "gymnax")


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help="all of them if none is named")
    parser.add_argument("--list", action="store_true", help="name the claims and their targets")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument("--out", type=Path, help="where to write the page")
    parser.add_argument(
        "--resume", action="store_true", help="go on with a run that was broken off"
    )
    chosen = parser.parse_args()
    unknown = set(chosen.claims) - set(CLAIMS)
    if unknown:
        parser.error(f"there is no claim {', '.join(sorted(unknown))}; known: {', '.join(CLAIMS)}")
    names = [name for name in CLAIMS if not chosen.claims or name in chosen.claims]
    modules = {name: importlib.import_module(f"benchmarks.{name}") for name in names}
    if chosen.list:
        for name, module in modules.items():
            print(f"{name:16}{module.NAME}: {module.TARGET}")
        return
    commit, sections = _commit(), []
    for name, module in modules.items():
        kept = _kept(name) if chosen.resume and not chosen.quick else None
        if kept is None or kept.commit != commit:
            started = time.perf_counter()
            result = module.measure(quick=chosen.quick)
            wall = time.perf_counter() - started
            kept = _Section(commit, _text(module, result, wall), *_judged(result), wall)
            if not chosen.quick:
                _keep(name, kept)
            print(kept.text, flush=True)
        sections.append(kept)
    where = chosen.out
    if where is None and not chosen.quick:
        whole = [kept for name in CLAIMS if (kept := _kept(name)) is not None]
        if len(whole) == len(CLAIMS):
            where, sections = PAGE, whole
    if where is not None:
        where.write_text(_page(sections, commit, quick=chosen.quick), encoding="utf-8")
        print(f"written: {where}")


class _Section(NamedTuple):
    """A claim on the page: its text, how many of its targets were met of how many, its seconds, and of which commit."""

    commit: str
    text: str
    met: int
    targets: int
    wall: float


def _judged(result: Result) -> tuple[int, int]:
    judged = [row.met for row in result.rows if row.met is not None]
    return sum(judged), len(judged)


def _keep(name: str, section: _Section) -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{name}.json").write_text(json.dumps(section._asdict()), encoding="utf-8")


def _kept(name: str) -> _Section | None:
    """Return what this run or an earlier one has measured of a claim."""
    with suppress(OSError, ValueError, TypeError):
        return _Section(**json.loads((KEPT / f"{name}.json").read_text(encoding="utf-8")))
    return None


def _page(sections: Sequence[_Section], commit: str, *, quick: bool) -> str:
    met, targets = sum(each.met for each in sections), sum(each.targets for each in sections)
    head = [
        "# Benchmarks",
        (
            "Every number here was measured by `python -m benchmarks`, which wrote this page; each claim is one run. A "
            "contender has a process of its own, contenders are called by turns, and a figure is the median "
            "of its repetitions (least to greatest). A ratio says how many times faster, or smaller, "
            "Ratchet is than the peer; against a target of the form *at most* it is the multiple of the "
            "limit."
        ),
        f"**{met} of {targets} targets met.**",
        *(
            ["This was a quick run, to try the machinery: its figures mean nothing."]
            if quick
            else []
        ),
        _origin(sum(each.wall for each in sections), commit),
    ]
    return "\n\n".join([*head, *(_dated(each, commit) for each in sections)]) + "\n"


def _dated(section: _Section, commit: str) -> str:
    """Return a claim's text, and of which commit it is where that is not the page's."""
    if section.commit == commit:
        return section.text
    title, rest = section.text.split("\n\n", 1)
    return f"{title}\n\nMeasured at commit {section.commit}.\n\n{rest}"


def _origin(wall: float, commit: str) -> str:
    machine = provenance.machine()
    memory = int(machine["memory_bytes"] or 0) / (1 << 30)
    versions = provenance.versions()
    for peer in PEERS:
        with suppress(metadata.PackageNotFoundError):
            versions[peer] = metadata.version(peer)
    lines = {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": commit,
        "machine": f"{machine['processor']}, {machine['cores_usable']} of {machine['cores']} cores, "
        f"{memory:.0f} GiB, {machine['system']} {machine['architecture']}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "wall time of all claims": f"{wall / 60:.1f} min",
    }
    return "\n".join(f"- {name}: {value}" for name, value in lines.items())


def _commit() -> str:
    found = provenance.commit()
    if found is None:
        return "unknown"
    try:
        changed = subprocess.run(
            ["git", "status", "--porcelain", "src", "benchmarks"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        changed = ""
    return f"`{found}`" + (", with changes since" if changed.strip() else "")


def _text(module: Any, result: Result, wall: float) -> str:
    name = module.__name__.rpartition(".")[2]
    return "\n\n".join(
        [
            f"## {module.NAME}",
            f"Target: {module.TARGET}. (`benchmarks/{name}.py`, {wall:.0f} s)",
            table(result.rows),
            *result.notes,
            *(" ".join(part.split()) for part in (module.__doc__ or "").split("\n\n")),
        ]
    )


if __name__ == "__main__":
    main()
