"""A pickle reader that can build arrays and nothing else, for ``vecnormalize.pkl``.

Invariants, whatever the bytes say:

- Nothing outside this module is ever called. A name in the pickle is looked up in the tables below
  and becomes an inert stand-in of ours, never the object it names; an unknown name is refused.
- Arrays are not even NumPy's while the pickle is read: a stand-in keeps shape, type text and raw
  bytes, and an array is built from them afterwards, for plain numeric types only.
- Opcodes are scanned before the first is run: persistent ids, extension codes, old-style instances
  and out-of-band buffers are refused, as are memo numbers and lengths that would fill the memory.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import PolicyError
from ratchet.policies.normalizer import Normalizer

SIZE_LIMIT = 16 * 2**20
"""Largest file in bytes; statistics of 100,000 inputs need a tenth of it."""

OPCODE_LIMIT = 50_000
"""Most opcodes; a file needs some 400. It also bounds how deep tuples can nest."""

_REFUSED_OPCODES = frozenset(
    ["PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "INST", "OBJ", "NEXT_BUFFER", "READONLY_BUFFER"]
)
_NUMERIC = re.compile(r"[fiub][1248]|\?")


class _Sealed(type):
    """Keeps a pickle from setting attributes on a stand-in class."""

    def __setattr__(cls, name: str, value: object) -> NoReturn:
        raise pickle.UnpicklingError(f"it sets {name!r} on a class")


class _Inert(metaclass=_Sealed):
    """An instance of a class that we know by name only: keeps what it is given, does nothing."""

    __slots__ = ("arguments", "state")
    arguments: tuple[Any, ...]
    state: Any

    def __new__(cls, *arguments: Any) -> Self:
        self = super().__new__(cls)
        self.arguments, self.state = arguments, None
        return self

    def __init__(self, *arguments: Any) -> None:
        """Take what `__new__` has kept."""

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """Drop the item; no container outside the statistics matters."""

    def append(self, item: Any) -> None:
        """Drop the item."""

    def extend(self, items: Any) -> None:
        """Drop the items."""


class _VecNormalize(_Inert):
    """The wrapper whose state is read."""

    __slots__ = ()


class _RunningMeanStd(_Inert):
    """Statistics: mean, var, count."""

    __slots__ = ()


class _ArrayType(_Inert):
    """The class ``numpy.ndarray``, as an argument."""

    __slots__ = ()


class _Dtype(_Inert):
    """A type of array elements; its state holds the byte order."""

    __slots__ = ()

    def resolve(self) -> np.dtype[Any]:
        text = self.arguments[0] if self.arguments else None
        if not isinstance(text, str) or not _NUMERIC.fullmatch(text):
            raise pickle.UnpicklingError(f"it holds an array of type {text!r}, which is no number")
        order = self.state[1] if isinstance(self.state, tuple) and len(self.state) > 1 else "="
        return np.dtype(order + text if order in ("<", ">") else text)


class _Array(_Inert):
    """An array to be: shape, type, order and bytes."""

    __slots__ = ()

    def resolve(self) -> NDArray[np.float64]:
        if not isinstance(self.state, tuple) or len(self.state) != 5:
            raise pickle.UnpicklingError("it holds an array without content")
        _, shape, dtype, fortran, raw = self.state
        return _build(shape, dtype, "F" if fortran else "C", raw)


def _build(shape: Any, dtype: Any, order: str, raw: Any) -> NDArray[np.float64]:
    if not isinstance(dtype, _Dtype) or not isinstance(raw, bytes | bytearray):
        raise pickle.UnpicklingError("it holds an array of objects")
    element = dtype.resolve()
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise pickle.UnpicklingError("it holds an array without a shape")
    if math.prod(shape) * element.itemsize != len(raw):
        raise pickle.UnpicklingError("it holds an array whose bytes do not fill its shape")
    flat = np.frombuffer(bytes(raw), dtype=element).astype(np.float64)
    return flat.reshape(shape, order="F" if order == "F" else "C")


class _Call:
    """One of our functions, sealed: a pickle can call it and cannot change it."""

    __slots__ = ("_run",)
    _run: Callable[..., Any]

    def __init__(self, run: Callable[..., Any]) -> None:
        object.__setattr__(self, "_run", run)

    def __call__(self, *arguments: Any) -> Any:
        return self._run(*arguments)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise pickle.UnpicklingError(f"it sets {name!r} on a function")

    def __setstate__(self, state: object) -> NoReturn:
        raise pickle.UnpicklingError("it sets the state of a function")


@_Call
def _reconstruct(subtype: Any = None, *_: Any) -> _Array:
    if subtype is not _ArrayType:
        raise pickle.UnpicklingError("it rebuilds an array of a class of its own")
    return _Array()


@_Call
def _from_buffer(raw: Any, dtype: Any, shape: Any, order: Any = "C", *_: Any) -> _Array:
    array = _Array()
    array.state = (1, shape, dtype, order == "F", raw)
    return array


@_Call
def _scalar(dtype: Any, raw: Any) -> _Array:
    array = _Array()
    array.state = (1, (), dtype, False, raw)
    return array


@_Call
def _encode(text: Any, encoding: Any = "latin1", *_: Any) -> bytes:
    # how protocols 0 to 2 write bytes
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("it encodes text")
    return text.encode("latin1")


_SB3 = "stable_baselines3.common."
_KNOWN: dict[tuple[str, str], Any] = {
    (_SB3 + "vec_env.vec_normalize", "VecNormalize"): _VecNormalize,
    (_SB3 + "running_mean_std", "RunningMeanStd"): _RunningMeanStd,
    ("numpy", "ndarray"): _ArrayType,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): _Inert,
    ("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence"): _Inert,
    ("numpy.random.bit_generator", "SeedSequence"): _Inert,
    ("numpy.random._generator", "Generator"): _Inert,
    ("numpy.random.mtrand", "RandomState"): _Inert,
}
for _core in ("numpy.core", "numpy._core"):
    _KNOWN[_core + ".multiarray", "_reconstruct"] = _reconstruct
    _KNOWN[_core + ".multiarray", "scalar"] = _scalar
    _KNOWN[_core + ".numeric", "_frombuffer"] = _from_buffer
for _name in ("randomstate", "generator", "bit_generator"):
    _KNOWN["numpy.random._pickle", f"__{_name}_ctor"] = _Inert
for _name in ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"):
    _KNOWN[f"numpy.random._{_name.removesuffix('DXSM').lower()}", _name] = _Inert
for _name in ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool_"):
    _KNOWN["numpy", _name] = _Inert
for _gym in ("gym", "gymnasium"):
    for _name in ("Box", "Discrete", "Dict", "Tuple", "Text", "Graph", "Sequence"):
        _KNOWN[f"{_gym}.spaces.{_name.lower()}", _name] = _Inert
    _KNOWN[f"{_gym}.spaces.multi_discrete", "MultiDiscrete"] = _Inert
    _KNOWN[f"{_gym}.spaces.multi_binary", "MultiBinary"] = _Inert
    _KNOWN[f"{_gym}.utils.seeding", "RandomNumberGenerator"] = _Inert
    _KNOWN[f"{_gym}.utils.seeding", "RandomNumberGenerator._generator_ctor"] = _Inert


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _KNOWN[module, name]
        except KeyError:
            message = f"it names {module}.{name}, which has no place in normaliser statistics"
            raise pickle.UnpicklingError(message) from None

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError(f"it refers to the outside object {pid!r}")


def _scan(content: bytes) -> None:
    """Refuse opcodes that a normaliser never needs, before anything is run."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if count >= OPCODE_LIMIT:
            raise pickle.UnpicklingError(f"it has more than {OPCODE_LIMIT} opcodes")
        if opcode.name in _REFUSED_OPCODES:
            raise pickle.UnpicklingError(f"it uses the opcode {opcode.name}")
        # a memo number sizes a table; nobody numbers more entries than there are opcodes
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and not 0 <= (argument or 0) <= count:
            raise pickle.UnpicklingError(f"it numbers a memo entry {argument}")


def _numbers(value: Any, name: str) -> NDArray[np.float64]:
    array = value.resolve() if isinstance(value, _Array) else value
    if isinstance(array, bool | int | float):
        array = np.float64(array)
    if not isinstance(array, np.ndarray | np.float64) or not np.isfinite(array).all():
        raise pickle.UnpicklingError(f"its {name} is not made of finite numbers")
    return np.asarray(array, dtype=np.float64)


def _number(state: dict[str, Any], name: str) -> float:
    array = _numbers(state.get(name), name)
    if array.size != 1:
        raise pickle.UnpicklingError(f"its {name} is not one number")
    return float(array.reshape(()))


def _statistics(state: dict[str, Any], name: str) -> dict[str, Any]:
    statistics = state.get(name)
    if isinstance(statistics, dict):
        raise PolicyError(
            "it normalises a dictionary of observations "
            f"({', '.join(sorted(map(str, statistics)))}); only flat Box observations are supported"
        )
    if not isinstance(statistics, _RunningMeanStd) or not isinstance(statistics.state, dict):
        raise pickle.UnpicklingError(f"its {name} are not running statistics")
    return statistics.state


def _normalizer(root: Any) -> Normalizer:
    if not isinstance(root, _VecNormalize) or not isinstance(root.state, dict):
        raise pickle.UnpicklingError("it does not hold a VecNormalize")
    state = root.state
    mean: NDArray[np.float64] | None = None
    variance: NDArray[np.float64] | None = None
    return_variance: float | None = None
    if state.get("norm_obs", True):
        observed = _statistics(state, "obs_rms")
        mean = _numbers(observed.get("mean"), "obs_rms.mean").reshape(-1)
        variance = _numbers(observed.get("var"), "obs_rms.var").reshape(-1)
        if mean.shape != variance.shape or mean.size == 0 or (variance < 0).any():
            raise pickle.UnpicklingError("its obs_rms are not a mean and a variance of one shape")
    if state.get("norm_reward", True):
        return_variance = _number(_statistics(state, "ret_rms"), "var")
        if return_variance < 0:
            raise pickle.UnpicklingError("its ret_rms.var is negative")
    return Normalizer(
        mean=mean,
        variance=variance,
        clip_observation=_number(state, "clip_obs"),
        return_variance=return_variance,
        clip_reward=_number(state, "clip_reward"),
        epsilon=_number(state, "epsilon"),
    )


def read_vecnormalize(path: Path) -> Normalizer:
    """Return the statistics of a ``vecnormalize.pkl`` of Stable-Baselines3, running none of it.

    Parameters
    ----------
    path
        A file that ``VecNormalize.save`` wrote, of any version since 1.0.

    Returns
    -------
    Normalizer
        `mean` and `variance` of shape ``(size,)``, or None where observations were not normalised.

    Raises
    ------
    PolicyError
        If the file is missing, damaged or too large, names anything but arrays and the classes that
        such a file has, or holds statistics of dictionary observations.

    """
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise PolicyError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(content) > SIZE_LIMIT:
        raise PolicyError(f"{path} is larger than {SIZE_LIMIT} bytes; it is no normaliser file")
    try:
        _scan(content)
        return _normalizer(_Reader(io.BytesIO(content)).load())
    except PolicyError as error:
        raise PolicyError(f"{path} is refused: {error}") from error
    except Exception as error:  # damaged pickles raise errors of a dozen types
        raise PolicyError(f"{path} is refused: {error or type(error).__name__}") from error
