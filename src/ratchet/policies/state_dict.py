"""A PyTorch state dictionary, read without PyTorch.

Loading PyTorch takes two seconds, longer than a short fine-tuning. The layout that every Stable-Baselines3
file has (a zip, a pickle of names and shapes, raw storages) is read here by an allow-list that knows
three names and builds arrays only. Whatever is laid out otherwise is not judged here: the caller turns to
``torch.load(weights_only=True)``.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_STORAGES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
}
PICKLE_LIMIT = 16 * 2**20
"""Largest pickle in bytes: it holds names and shapes, and no numbers."""


class OtherLayoutError(Exception):
    """The bytes are not laid out as is read here; they may still be a state dictionary."""


class _State(dict[str, Any]):
    """The dictionary itself; PyTorch hangs version notes on it, which are dropped."""

    def __setstate__(self, state: object) -> None:
        """Drop the notes."""


class _Tensor(NamedTuple):
    """Where a tensor's numbers are: storage, first element, shape and strides in elements."""

    storage: Any
    offset: Any
    shape: Any
    strides: Any


class _Rebuild:
    """What stands for PyTorch's function; a pickle can call it and cannot change it."""

    __slots__ = ()

    def __call__(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
        return _Tensor(storage, offset, shape, strides)

    def __setstate__(self, state: object) -> None:
        raise OtherLayoutError("it sets the state of a function")


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype[Any]


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return _State
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Rebuild()
        if module == "torch" and name in _STORAGES:
            return name
        raise OtherLayoutError(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> _Storage:
        if isinstance(pid, tuple) and len(pid) == 5 and pid[0] == "storage":
            kind, key = pid[1:3]
            if isinstance(kind, str) and isinstance(key, str) and kind in _STORAGES:
                return _Storage(key, _STORAGES[kind])
        raise OtherLayoutError(f"it refers to {pid!r}")


def read_state_dict(content: bytes) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of a ``.pth`` file that ``torch.save`` wrote, by name, as float32.

    Raises
    ------
    OtherLayoutError
        If the bytes are not that layout, or are damaged.

    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _read(archive)
    except OtherLayoutError:
        raise
    except Exception as error:  # damaged zips and pickles raise errors of a dozen types
        raise OtherLayoutError(str(error) or type(error).__name__) from error


def _read(archive: zipfile.ZipFile) -> dict[str, NDArray[np.float32]]:
    (head,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if archive.getinfo(head).file_size > PICKLE_LIMIT:
        raise OtherLayoutError("its pickle is too large")
    home = head.removesuffix("data.pkl")
    order = home + "byteorder"
    if order in archive.namelist() and archive.read(order) != b"little":
        raise OtherLayoutError("its numbers are big-endian")
    state = _Reader(io.BytesIO(archive.read(head))).load()
    if type(state) not in {_State, dict}:
        raise OtherLayoutError("it is no state dictionary")
    return {name: _array(name, tensor, archive, home) for name, tensor in state.items()}


def _array(name: Any, tensor: Any, archive: zipfile.ZipFile, home: str) -> NDArray[np.float32]:
    if not isinstance(name, str) or not isinstance(tensor, _Tensor):
        raise OtherLayoutError(f"{name!r} is no tensor")
    storage, offset, shape, strides = tensor
    if not isinstance(storage, _Storage) or not isinstance(shape, tuple):
        raise OtherLayoutError(f"{name!r} has no storage")
    count = 1
    step: list[int] = []
    for length in reversed(shape):
        step.insert(0, count)
        count *= length
    # Only tensors that fill a stretch of their storage row by row, as parameters do.
    if tuple(strides) != tuple(step) or not all(type(n) is int and n > 0 for n in shape):
        raise OtherLayoutError(f"{name!r} is not stored row by row")
    raw = archive.read(f"{home}data/{storage.key}")
    if type(offset) is not int or offset < 0:
        raise OtherLayoutError(f"{name!r} begins at {offset!r}")
    flat = np.frombuffer(
        raw, storage.dtype, count=math.prod(shape), offset=offset * storage.dtype.itemsize
    )
    return flat.reshape(shape).astype(np.float32)
