"""How numbers are written: the single place where a value becomes text.

Invariants: what is not a number is written ``n/a``; a value that rounds to zero has no sign; an
interval is ``estimate [low, high]`` in the unit of its estimate, whichever that is; a difference is
``0.0 [0.0, 0.0]`` only if it is zero.
"""

from __future__ import annotations

import math
from typing import Literal, Protocol, runtime_checkable

MISSING = "n/a"
_FINEST = 6  # digits; what is smaller is the rounding of sums

Format = Literal[
    "text",
    "count",
    "number",
    "signed",
    "significant",
    "percent",
    "signed_percent",
    "seconds",
    "p_value",
]
"""How a column writes its values; an interval is written with the same format three times."""


@runtime_checkable
class IntervalLike(Protocol):
    """An estimate with its interval, whatever class it has."""

    @property
    def estimate(self) -> float:
        """The value itself."""

    @property
    def low(self) -> float:
        """The interval's lower end."""

    @property
    def high(self) -> float:
        """The interval's upper end."""


Value = str | bool | int | float | IntervalLike | None
"""What a cell can hold."""


def number(value: float | None, digits: int = 1, *, signed: bool = False) -> str:
    """Return ``1,234.5``; with a plus sign if `signed` and the value is above zero."""
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    rounded = round(float(value), digits)
    if rounded == 0:
        return f"{0:.{digits}f}"  # neither -0.0 nor +0.0
    return f"{rounded:{'+' if signed else ''},.{digits}f}"


def count(value: float | None) -> str:
    """Return a whole number with thousands separated: ``32,768``."""
    return number(value, 0)


def percent(value: float | None, digits: int = 0, *, signed: bool = False) -> str:
    """Return a share of one as ``87%``."""
    text = number(None if value is None else 100 * value, digits, signed=signed)
    return text if text == MISSING else f"{text}%"


def significant(value: float | None, digits: int = 3) -> str:
    """Return a number with that many digits that matter, without an exponent: ``0.00001875``."""
    if value is None or not math.isfinite(value) or value == 0:
        return number(value, 0)
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def seconds(value: float | None) -> str:
    """Return a duration in the unit that a person would say: ``12 ms``, ``3.2 s``, ``2 min 05 s``."""
    if value is None or math.isnan(value):
        return MISSING
    if value < 0.9995:
        return f"{value * 1000:.{0 if value >= 0.01 else 1}f} ms"
    if value < 59.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02d} min"


def p_value(value: float | None) -> str:
    """Return a probability to three digits; below a thousandth, that it is."""
    if value is not None and value < 0.001:
        return "< 0.001"
    return number(value, 3)


def interval(value: IntervalLike, style: Format = "number", digits: int = 1) -> str:
    """Return ``+62.3 [55.1, 69.9]``; only the estimate carries a plus sign.

    A difference that would read as nothing but zeros has as many digits as show that it is not.
    """
    unsigned: dict[Format, Format] = {"signed": "number", "signed_percent": "percent"}
    ends = unsigned.get(style, style)
    if math.isnan(value.estimate):
        return MISSING
    if style == "signed":
        digits = _telling(value, digits)
    return (
        f"{scalar(value.estimate, style, digits)} "
        f"[{scalar(value.low, ends, digits)}, {scalar(value.high, ends, digits)}]"
    )


def _telling(value: IntervalLike, digits: int) -> int:
    """Return the fewest digits, from these on, at which an interval is not all zeros; these if none are."""
    for more in range(digits, _FINEST + 1):
        if any(round(end, more) != 0 for end in (value.estimate, value.low, value.high)):
            return more
    return digits


def scalar(value: float | None, style: Format = "number", digits: int = 1) -> str:
    """Return one number in one of the formats."""
    if style == "count":
        return count(value)
    if style == "seconds":
        return seconds(value)
    if style == "p_value":
        return p_value(value)
    if style == "significant":
        return significant(value, digits)
    if style in {"percent", "signed_percent"}:
        return percent(value, digits, signed=style == "signed_percent")
    return number(value, digits, signed=style == "signed")


def written(value: Value, style: Format = "text", digits: int = 1) -> str:
    """Return any cell value as text; text stays as it is, whatever the format."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        if style == "text":
            return count(value) if isinstance(value, int) else number(value, digits)
        return scalar(value, style, digits)
    return interval(value, "number" if style == "text" else style, digits)


def machine_value(value: Value) -> object:
    """Return a cell value for JSON: an interval as an object, what is not finite as null."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return {
        "estimate": machine_value(float(value.estimate)),
        "low": machine_value(float(value.low)),
        "high": machine_value(float(value.high)),
    }
