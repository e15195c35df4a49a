"""Kernels that are called by their address give what they give as plain Python, also when they change."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import spire
from spire.linked import LINKS

PACKAGE = Path(spire.__file__).parent
NEEDED = ("__init__.py", "errors.py", "compiled.py", "linked.py", "warm.py", "state.py", "rng.py")

INNER = """
from spire.linked import linked

@linked()
def add(game, amount) -> None:
    game.gold += amount * {factor}

@linked()
def add_twice(game) -> None:
    add(game, 1)
    add(game, 2)
"""
OUTER = """
import sys
from spire.compiled import kernel
from spire.inner import add, add_twice
from spire.state import empty

@kernel
def add_often(game, times):
    for _ in range(times):
        add_twice(game)
    return game.gold

game = empty(1)[0]
print(add_often(game, 5))
add(game, 100)
print(game.gold, "compiling" if "spire.warm" in sys.modules else "plain")
"""


def test_a_call_by_address_is_a_call(tmp_path):
    copy = tmp_path / "site" / "spire"
    copy.mkdir(parents=True)
    for name in NEEDED:
        shutil.copy(PACKAGE / name, copy)
    for name in imported_by(copy):
        shutil.copy(PACKAGE / name, copy)
    (copy / "outer.py").write_text(OUTER)

    def run(
        *, factor: int, disable: str, cache: Path = tmp_path / "cache", told: str = ""
    ) -> list[str]:
        (copy / "inner.py").write_text(INNER.format(factor=factor))
        environment = {
            **os.environ,
            "PYTHONPATH": str(copy.parent),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NUMBA_CACHE_DIR": str(cache),
            "NUMBA_DISABLE_JIT": disable,
        }
        command = [sys.executable, "-c", "import spire.outer"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        said = "spire: compiling the engine, once ... 0 of 2\n"
        assert done.stderr == told if told else done.stderr in ("", said)
        return done.stdout.split()

    assert run(factor=1, disable="1") == ["15", "115", "plain"]
    assert run(factor=1, disable="0") == ["15", "115", "compiling"]
    # Other processes have compiled, and say so.
    (version,) = (tmp_path / "cache" / "spire-kernels").iterdir()
    parts = {path.name for path in (version / "linked").iterdir()}
    assert parts == {"lock", "whole", "spire.inner-add", "spire.inner-add_twice"}
    assert run(factor=1, disable="0") == ["15", "115", "compiling"]
    assert run(factor=2, disable="0") == ["30", "230", "compiling"]
    # Where nothing can be kept, that is said once, and the rest is the same.
    (tmp_path / "file").touch()
    unkept = tmp_path / "file" / "cache"
    told = (
        "spire: compiling the engine, each time anew: no directory to keep it in can be written; "
        "NUMBA_CACHE_DIR may name one\n"
    )
    for _ in range(2):
        ran = run(factor=2, disable="0", cache=unkept, told=told)
        assert ran == ["30", "230", "compiling"]


def imported_by(copy: Path) -> set[str]:
    """Return the files of the package that those already copied import, and so on."""
    found: set[str] = set()
    waiting = list(copy.iterdir())
    while waiting:
        for line in waiting.pop().read_text().splitlines():
            words = line.split()
            if words[:1] == ["from"] and words[1].startswith("spire."):
                name = words[1].removeprefix("spire.") + ".py"
                if name not in found and (PACKAGE / name).exists():
                    found.add(name)
                    waiting.append(PACKAGE / name)
    return found


def test_links_have_their_own_names():
    symbols = [link.symbol for link in LINKS.values()]
    assert len(set(symbols)) == len(symbols)
