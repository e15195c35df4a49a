"""Compilation: the one decorator of every kernel, the cache it compiles into, and the records it works on.

Numba's own cache looks at the file of a function and not at the files of the functions it calls. Here
the cache directory is named by a hash of every file of this installation that kernels may come from, so a change
anywhere starts a new one; kernels may call each other across files, and constants of one file may stand in the code of
another.

Kernels also run as plain Python (``NUMBA_DISABLE_JIT=1``) and give the same. Four rules keep it so:

* 64-bit words of generators are ``np.uint64`` in every operand; they wrap around in both worlds.
* Everything else is signed. Small fields of a record (int8, int16) are widened with ``int()`` before
  arithmetic that could leave their range: compiled code widens by itself, NumPy does not.
* Numbers the game holds in single precision are ``np.float32`` in every operand.
* A kernel changes arrays and records in place, and never rebinds a variable to another kind of value.
"""

from __future__ import annotations

import functools
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import llvmlite.binding as llvm  # type: ignore[import-untyped]
import numba
import numpy as np
from numba import types
from numba.misc.appdirs import AppDirs

Function = TypeVar("Function", bound=Callable[..., Any])

_CONFIG: Any = numba.config  # its settings are made as it is read, unseen by a type checker
_PACKAGE = Path(__file__).parent
_WITHOUT_KERNELS = {"__pycache__", "replay", "terminal"}
"""No kernel is in there, and none may import from there (a contract in `pyproject.toml`)."""
_KEPT = 8
"""How many versions of the package keep their compiled code; those not used for longest are removed."""


def record(fields: Sequence[tuple[Any, ...]]) -> np.dtype[Any]:
    """Return the aligned dtype of a record whose fields read as attributes, compiled or not.

    Fields are ``(name, dtype)`` or ``(name, dtype, shape)``; a dtype may be a record too. The offsets are
    reckoned here, since NumPy forgets the alignment of a record inside another.
    """
    names, formats, offsets, end = [], [], [], 0
    for name, *form in fields:
        layout = np.dtype(tuple(form) if len(form) > 1 else form[0])
        end += -end % _alignment(layout)
        names.append(name)
        formats.append(layout)
        offsets.append(end)
        end += layout.itemsize
    end += -end % max(map(_alignment, formats))
    layout = np.dtype(
        {"names": names, "formats": formats, "offsets": offsets, "itemsize": end}, align=True
    )
    return np.dtype((np.record, layout))


def _alignment(layout: np.dtype[Any]) -> int:
    """Return the alignment of what a dtype is made of."""
    fields = layout.base.fields
    if fields is None:
        return layout.base.alignment
    return max(_alignment(form) for form, *_ in fields.values())


def fingerprint(package: Path = _PACKAGE) -> str:
    """Return a hash of every file that code may come from, of Numba's version and settings, and of the processor.

    A file is where it is, since when, and what is in it: Numba takes the code of no other, so two installations
    of the same version have a directory each.
    """
    digest = hashlib.sha256(str(package).encode())
    for path in sorted(path for path in package.rglob("*") if path.is_file()):
        if not _WITHOUT_KERNELS.intersection(path.relative_to(package).parts):
            digest.update(f"{path.relative_to(package).as_posix()}\0".encode())
            digest.update(f"{path.stat().st_mtime_ns}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    settings = (_CONFIG.OPT, _CONFIG.BOUNDSCHECK, _CONFIG.CPU_NAME, _CONFIG.CPU_FEATURES)
    processor = (llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    digest.update(repr((numba.__version__, np.__version__, settings, processor)).encode())
    return digest.hexdigest()[:32]


@functools.cache
def cache_directory() -> Path | None:
    """Return where compiled kernels are kept, or None where no directory of the user's can be written.

    It lies in Numba's cache directory where one is set (``NUMBA_CACHE_DIR``), else in the user's cache
    directory: the package itself may be installed where nothing can be written.
    """
    base = (
        Path(_CONFIG.CACHE_DIR or AppDirs("spire", appauthor=False).user_cache_dir)
        / "spire-kernels"
    )
    directory = base / fingerprint()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
        directory.touch()
    except OSError:
        return None
    # Another process may be tidying up too.
    with suppress(OSError):
        versions = sorted(base.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in versions[_KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
    return directory


@contextmanager
def _caching_in(directory: Path) -> Iterator[None]:
    """Have Numba look for its cache there, and nowhere else; it asks once, as a function is decorated."""
    own = {"CACHE_DIR": str(directory), "CACHE_LOCATOR_CLASSES": ""}
    before = {name: getattr(_CONFIG, name, "") for name in own}
    for name, value in own.items():
        setattr(_CONFIG, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(_CONFIG, name, value)


def _plain(argument: Any) -> Any:
    """Return the type that stands for a type of argument: one for all constants and all signed integers."""
    argument = types.unliteral(argument)
    narrow = argument in (types.int8, types.int16, types.int32)
    return types.int64 if narrow else argument


def _share_specialisations(dispatcher: Any) -> None:
    """Have kernels that call this one share its compiled code.

    By default Numba compiles a function again for every constant it is called with, and for every mix of
    integer widths: for ``random_int(…, 99)`` and ``random_int(…, 5)`` twice.
    """
    template = dispatcher.get_call_template

    def get_call_template(args: Sequence[Any], kws: dict[str, Any]) -> Any:
        return template(
            tuple(_plain(each) for each in args), {name: _plain(each) for name, each in kws.items()}
        )

    dispatcher.get_call_template = get_call_template


def kernel(function: Function) -> Function:
    """Compile a function in the way of this package, and keep the result for the next process.

    Nothing is counted that it refers to, which costs more than most kernels do; so it can make no arrays.
    """
    return _compile(function, counts=False)


def allocating_kernel(function: Function) -> Function:
    """Compile a function that makes arrays, else like `kernel`."""
    return _compile(function, counts=True)


def _compile(function: Function, *, counts: bool) -> Function:
    if _CONFIG.DISABLE_JIT:
        # Compiled words wrap around silently; a scalar of NumPy says so, and wraps around too.
        silent: Function = np.errstate(over="ignore")(function)
        return silent
    directory = cache_directory()
    compiler: Any = functools.partial(
        numba.njit, nogil=True, error_model="numpy", no_cfunc_wrapper=True, _nrt=counts
    )
    if directory is None:
        dispatcher = compiler()(function)
    else:
        with _caching_in(directory):
            dispatcher = compiler(cache=True)(function)
    _share_specialisations(dispatcher)
    compiled: Function = dispatcher
    return compiled
