"""Compilation: where kernels are kept, what starts a new cache, and how calls share compiled code."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import spire
from spire import compiled
from spire.compiled import fingerprint, kernel, record
from spire.ids import Relic

PACKAGE = Path(spire.__file__).parent
PAIR = record([("small", np.int8), ("inner", record([("values", np.int16, (3,))]))])


@kernel
def added(pair, value):
    pair.inner.values[1] += value
    return pair.inner.values[1]


@kernel
def called_often(pair):
    added(pair, 1)
    added(pair, 2)
    added(pair, pair.small)
    return added(pair, Relic.ANCHOR)


def test_records_read_the_same_in_both_worlds():
    pairs = np.zeros(2, dtype=PAIR)
    assert added(pairs[1], 7) == 7
    assert pairs[1].inner.values.tolist() == [0, 7, 0]
    assert not pairs[0].inner.values.any()


def test_records_within_records_are_aligned():
    inner = record([("byte", np.int8), ("word", np.int64)])
    outer = record([("byte", np.int8), ("inner", inner, (2,)), ("end", np.int16)])
    assert (inner.itemsize, outer.itemsize) == (16, 48)
    assert [outer.fields[name][1] for name in outer.names] == [0, 8, 40]


@pytest.mark.skipif(not hasattr(called_often, "signatures"), reason="nothing is compiled")
def test_constants_and_widths_share_one_compilation():
    pair = np.zeros(1, dtype=PAIR)[0]
    pair.small = 4
    before = len(added.signatures)
    assert called_often(pair) == 1 + 2 + 4 + Relic.ANCHOR
    assert len(added.signatures) <= before + 1


def test_a_change_in_any_file_is_another_fingerprint(tmp_path):
    copy = tmp_path / "spire"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    first = fingerprint(copy)
    (copy / "__pycache__").mkdir()
    (copy / "__pycache__" / "ids.pyc").write_bytes(b"0")
    assert fingerprint(copy) == first
    stat = (copy / "ids.py").stat()
    with (copy / "ids.py").open("a") as file:
        file.write("\n")
    os.utime(copy / "ids.py", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert fingerprint(copy) != first


def test_an_installation_elsewhere_or_again_is_another_fingerprint(tmp_path):
    # Numba would not take what the other has compiled, and who compiles would believe that it does.
    first, second = tmp_path / "one" / "spire", tmp_path / "two" / "spire"
    for copy in (first, second):
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    before = fingerprint(first)
    assert fingerprint(second) != before
    os.utime(first / "ids.py")
    assert fingerprint(first) != before


CALLER = "from spire.compiled import kernel\nfrom spire.callee import three\n\n@kernel\ndef four():\n    return three() + 1\n"
CALLEE = "from spire.compiled import kernel\n\n@kernel\ndef three():\n    return {}\n"


def test_a_changed_callee_is_never_stale(tmp_path):
    copy = tmp_path / "site" / "spire"
    copy.mkdir(parents=True)
    for name in ("__init__.py", "errors.py", "compiled.py"):
        shutil.copy(PACKAGE / name, copy)
    (copy / "caller.py").write_text(CALLER)
    environment = {
        **os.environ,
        "PYTHONPATH": str(copy.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "NUMBA_DISABLE_JIT": "0",
    }
    for value in (3, 30):
        (copy / "callee.py").write_text(CALLEE.format(value))
        run = subprocess.run(
            [sys.executable, "-c", "from spire.caller import four; print(four())"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.split() == [str(value + 1)]
    versions = list((tmp_path / "cache" / "spire-kernels").iterdir())
    assert len(versions) == 2
    assert not list(copy.rglob("*.nbi"))


def test_without_a_place_to_write_nothing_is_kept(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(compiled._CONFIG, "CACHE_DIR", str(tmp_path / "file"))
    compiled.cache_directory.cache_clear()
    try:
        assert compiled.cache_directory() is None
        assert kernel(lambda: 5)() == 5
    finally:
        compiled.cache_directory.cache_clear()


def test_old_versions_are_removed(tmp_path, monkeypatch):
    base = tmp_path / "spire-kernels"
    for age in range(20):
        (base / f"old-{age}").mkdir(parents=True)
        os.utime(base / f"old-{age}", (1000 - age, 1000 - age))
    monkeypatch.setattr(compiled._CONFIG, "CACHE_DIR", str(tmp_path))
    compiled.cache_directory.cache_clear()
    try:
        directory = compiled.cache_directory()
    finally:
        compiled.cache_directory.cache_clear()
    kept = {path.name for path in base.iterdir()}
    assert kept == {directory.name, *(f"old-{age}" for age in range(7))}
