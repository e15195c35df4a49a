"""Codes: named integers that people read as names and kernels read as integers.

A subclass of `Codes` is an ordinary enumeration in Python. In a kernel ``Relic.ANCHOR`` is the plain
64-bit integer it stands for: Numba's own enumerations mix with other integers neither in a variable nor
in the signature of a function.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import EnumMeta, IntEnum
from typing import Any

import numpy as np
from numba import types
from numba.core.imputils import lower_constant, lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import models, register_model, typeof_impl
from numpy.typing import NDArray


class _Meta(EnumMeta):
    """Tells these enumerations from others, for Numba."""


class Codes(IntEnum, metaclass=_Meta):
    """Base of the enumerations whose members are plain integers in kernels."""


class _CodesType(types.Type):
    """The type of a subclass of `Codes` (of the class, not of its members)."""

    def __init__(self, codes: type[Codes]) -> None:
        self.codes = codes
        super().__init__(name=f"Codes({codes.__module__}.{codes.__qualname__})")


register_model(_CodesType)(models.OpaqueModel)


@typeof_impl.register(_Meta)
def _type_of_class(codes: type[Codes], _context: Any) -> Any:
    return _CodesType(codes)


@typeof_impl.register(Codes)
def _type_of_member(_member: Codes, _context: Any) -> Any:
    return types.int64


@infer_getattr
class _Member(AttributeTemplate):
    key = _CodesType

    def generic_resolve(  # type: ignore[override]
        self, value: _CodesType, attribute: str
    ) -> Any:
        return types.int64 if attribute in value.codes.__members__ else None


@lower_getattr_generic(_CodesType)
def _lower_member(
    context: Any, _builder: Any, value: _CodesType, _constant: Any, attribute: str
) -> Any:
    return context.get_constant(types.int64, int(value.codes[attribute]))


@lower_constant(_CodesType)
def _lower_class(context: Any, _builder: Any, _type: Any, _codes: Any) -> Any:
    return context.get_dummy_value()


def table(rows: Iterable[Iterable[int]]) -> NDArray[np.int16]:
    """Return rows of codes as one array, short rows filled up with 0."""
    listed = [tuple(row) for row in rows]
    filled = np.zeros((len(listed), max(map(len, listed))), dtype=np.int16)
    for index, row in enumerate(listed):
        filled[index, : len(row)] = row
    return filled
