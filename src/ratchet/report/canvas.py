"""The paper that plots are drawn on: fonts, colours, and SVG that is the same every time.

Invariants: the same numbers give the same bytes (a fixed hash salt, no date); a picture reads on a
phone, being drawn as narrow as one; colours are told apart without red and green (Okabe and Ito's
palette) and never carry meaning alone; an SVG carries its own dark colours, so it is legible on any
page that follows the reader's preference.
"""

from __future__ import annotations

import contextlib
import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAPER, INK, SOFT, LINE = "#ffffff", "#1c2128", "#57606a", "#d9dee4"
BLUE, ORANGE, GREEN, PURPLE, SKY, AMBER = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#b05a91",
    "#3d9fd6",
    "#b98300",
)
SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, AMBER)
"""Colours of series, in order; line styles and markers differ as well."""

_DARK = {
    PAPER: "#14181d",
    INK: "#e2e6eb",
    SOFT: "#9ba6b2",
    LINE: "#333b45",
    BLUE: "#4fa8e0",
    ORANGE: "#f0894a",
    GREEN: "#35c39a",
    PURPLE: "#d68abc",
    SKY: "#8ecbf0",
    AMBER: "#e0b040",
}

WIDTH = 4.5
"""Inches; a phone shows it at about three quarters of its natural size."""

_SETTINGS: dict[str, object] = {
    "svg.hashsalt": "ratchet",
    "svg.fonttype": "path",
    "font.family": ["DejaVu Sans"],
    "font.size": 10.0,
    "axes.labelsize": 10.0,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 9.5,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "figure.facecolor": PAPER,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": INK,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.8,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "axes.unicode_minus": False,  # as in the tables
}


@contextlib.contextmanager
def canvas(height: float) -> Iterator[tuple[Figure, Axes]]:
    """Give a figure and its axes, under the report's settings and no global state of pyplot."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import, and only plots need it
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context():
        mpl.rcdefaults()  # a user's own matplotlibrc must not change a report
        mpl.rcParams.update(_SETTINGS)  # type: ignore[arg-type]
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.add_subplot()
        axes.tick_params(length=0)
        yield figure, axes


def svg(figure: Figure) -> bytes:
    """Return the figure as SVG without date, metadata or document type; call it inside `canvas`."""
    stream = io.StringIO()
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(stream, format="svg", metadata=metadata)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    head, rest = text.split(">", 1)
    return f"{head}>\n <style>{_dark_style()}</style>{rest}".encode()


def _dark_style() -> str:
    """Map every named colour to its dark counterpart, where the reader prefers dark."""
    rules = "".join(
        f'[style*="{use}: {light}"]{{{use}:{dark}!important}}'
        for light, dark in _DARK.items()
        for use in ("fill", "stroke")
    )
    return f"@media (prefers-color-scheme: dark){{{rules}}}"
