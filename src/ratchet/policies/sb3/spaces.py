"""Spaces as a Stable-Baselines3 zip prints them beside the pickles that are never opened.

A space's fields are readable strings: ``shape``, ``n``, ``start``, ``dtype``, and the bounds as NumPy
prints arrays. The bounds of actions clip what is executed, so they must be whole or are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ratchet.errors import PolicyError
from ratchet.policies.spec import ActionSpec, ObservationSpec

_KIND = re.compile(r"<class '(?:gym|gymnasium)\.spaces\.\w+\.(\w+)'>")


def _kind(space: Any, field: str) -> str:
    text = space.get(":type:") if isinstance(space, Mapping) else None
    found = _KIND.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise PolicyError(f"its {field} is of the kind {text!r}, which is no Gymnasium space")
    return found.group(1)


def _whole(space: Mapping[str, Any], name: str, default: int | None = None) -> int:
    try:
        return int(space.get(name, default))
    except (TypeError, ValueError):
        raise PolicyError(f"its space has {name} = {space.get(name)!r}, not a number") from None


def _shape(space: Mapping[str, Any]) -> tuple[int, ...]:
    shape = space.get("_shape", space.get("shape"))
    if not isinstance(shape, list) or not all(type(n) is int and n > 0 for n in shape):
        raise PolicyError(f"its space has the shape {shape!r}, which cannot be read")
    return tuple(shape)


def bounds(space: Mapping[str, Any], name: str) -> tuple[float, ...]:
    """Return the flat bound `name` ("low" or "high") of a printed Box.

    Raises
    ------
    PolicyError
        If the print leaves numbers out and gives no single number for all, or is no array.

    """
    size = math.prod(_shape(space))
    text = str(space.get(name))
    if "..." in text:
        # a long array is printed in part, but one whose numbers are all equal also as one number
        text = str(space.get(f"{name}_repr"))
        if "..." in text or "[" in text or text == "None":
            raise PolicyError(
                f"its space prints {name} only in part ({size} numbers); the bounds are needed"
            )
    try:
        numbers = [float(word) for word in text.replace("[", " ").replace("]", " ").split()]
    except ValueError:
        raise PolicyError(f"its space has {name} = {text!r}, which is not numbers") from None
    if len(numbers) == 1:
        numbers *= size
    if len(numbers) != size or any(map(math.isnan, numbers)):
        raise PolicyError(f"its space has {len(numbers)} numbers in {name}; it should have {size}")
    if space.get("dtype") == "float32":
        # the nearest float32 is the number that was printed
        with np.errstate(over="ignore"):
            numbers = [float(np.float32(number)) for number in numbers]
    return tuple(numbers)


def observation_spec(space: Any) -> ObservationSpec:
    """Return what a printed observation space says.

    Raises
    ------
    PolicyError
        If it is neither a flat Box nor a Discrete from 0, by name.

    """
    kind = _kind(space, "observation_space")
    if kind == "Discrete":
        if start := _whole(space, "start", 0):
            raise PolicyError(f"its observations are Discrete from {start}; only 0 is supported")
        return ObservationSpec(kind="discrete", n=_whole(space, "n"))
    if kind != "Box":
        raise PolicyError(
            f"its observation space is a {kind} (MultiInputPolicy or the like); "
            "Box and Discrete are supported"
        )
    shape = _shape(space)
    if space.get("dtype") == "uint8" and len(shape) == 3:
        raise PolicyError(f"its observations are images of shape {shape}; flat ones are supported")
    return ObservationSpec(kind="box", shape=shape)


def action_spec(space: Any) -> ActionSpec:
    """Return what a printed action space says.

    Raises
    ------
    PolicyError
        If it is neither a Box with whole bounds nor a Discrete, by name.

    """
    kind = _kind(space, "action_space")
    if kind == "Discrete":
        return ActionSpec(kind="discrete", n=_whole(space, "n"), start=_whole(space, "start", 0))
    if kind != "Box":
        raise PolicyError(f"its action space is {kind}; Discrete and Box are supported")
    return ActionSpec(
        kind="box", shape=_shape(space), low=bounds(space, "low"), high=bounds(space, "high")
    )


def printed_space(space: Mapping[str, Any]) -> dict[str, Any]:
    """Return the readable part of a Box or Discrete, as strict JSON, for the policy's record."""
    kept = ("dtype", "shape", "_shape", "low", "high", "low_repr", "high_repr", "n", "start")
    return {":type:": space[":type:"]} | {
        key: space[key] for key in kept if isinstance(space.get(key), str | int | list)
    }
