"""Arrays: filling and copying in kernels.

The same as ``target[:] = source``; but that has Numba compile the texts of its error messages, which
takes longer than most kernels.
"""

from __future__ import annotations

from typing import Any

from spire.compiled import kernel


@kernel
def fill(target: Any, value: Any) -> None:
    """Set every element of a one-dimensional array."""
    for index in range(target.size):
        target[index] = value


@kernel
def copy(target: Any, source: Any) -> None:
    """Set every element of a one-dimensional array from another that is as long, or longer."""
    for index in range(target.size):
        target[index] = source[index]
