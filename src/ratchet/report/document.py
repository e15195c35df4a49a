"""A report before it has a form: blocks that Markdown and HTML both render.

Invariants: a document is immutable and holds values, not formatted numbers, so every rendering and
`report.json` say the same; table keys and figure names are unique within it; every piece of text is
data, escaped by the renderers, in which only ``**bold**`` and ```code``` mean something.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from ratchet.report.tables import Format, Value, written

if TYPE_CHECKING:
    from collections.abc import Iterator

Tone = Literal["plain", "good", "bad", "muted"]
CalloutKind = Literal["note", "good", "warning", "bad"]
Align = Literal["left", "right", "center"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_INLINE = re.compile(r"\*\*(?P<bold>(?=\S)[^*]+(?<=\S))\*\*|`(?P<code>[^`\n]+)`")


class Span(NamedTuple):
    """A stretch of text in one style."""

    style: Literal["plain", "bold", "code"]
    text: str


def spans(text: str) -> Iterator[Span]:
    """Yield the stretches of a text with ``**bold**`` and ```code``` in it."""
    position = 0
    for match in _INLINE.finditer(text):
        if match.start() > position:
            yield Span("plain", text[position : match.start()])
        if match["bold"] is not None:
            yield Span("bold", match["bold"])
        else:
            yield Span("code", match["code"])
        position = match.end()
    if position < len(text):
        yield Span("plain", text[position:])


def unstyled(text: str) -> str:
    """Return the text without its bold and code marks."""
    return "".join(span.text for span in spans(text))


@dataclass(frozen=True)
class Heading:
    """A heading; level 2 and 3 make the table of contents (the title is level 1)."""

    text: str
    level: Literal[2, 3] = 2


@dataclass(frozen=True)
class Text:
    """Prose; an empty line begins a new paragraph."""

    text: str

    @property
    def paragraphs(self) -> list[str]:
        """The paragraphs, each on one line."""
        return [" ".join(part.split()) for part in re.split(r"\n\s*\n", self.text) if part.strip()]


@dataclass(frozen=True)
class Bullets:
    """A list of short statements."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Callout:
    """One statement that the reader must not miss."""

    kind: CalloutKind
    text: str


@dataclass(frozen=True)
class Cell:
    """A table cell that wants a tone or weight, or another format or digits than its column."""

    value: Value
    tone: Tone = "plain"
    strong: bool = False
    format: Format | None = None
    digits: int | None = None


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : str
        The key in `report.json`.
    header : str
        What people read; the name by default.
    format : Format
        How values are written.
    digits : int
        Decimals of numbers and percentages.
    align : Align, optional
        Numbers to the right and text to the left by default.

    """

    name: str
    header: str = ""
    format: Format = "text"
    digits: int = 1
    align: Align | None = None

    @property
    def title(self) -> str:
        """The header, or the name where there is none."""
        return self.header or self.name

    @property
    def alignment(self) -> Align:
        """The alignment, chosen by the format where none is stated."""
        return self.align or ("left" if self.format == "text" else "right")


@dataclass(frozen=True)
class Table:
    """Rows of values under columns; `key` names it in `report.json`."""

    key: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell | Value, ...], ...]
    caption: str = ""

    def __post_init__(self) -> None:
        _check_name("table", self.key)
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.key!r} has {len(self.columns)} columns and a row of {len(row)}"
                )

    @property
    def cells(self) -> tuple[tuple[Cell, ...], ...]:
        """The rows, every value in a cell."""
        return tuple(
            tuple(item if isinstance(item, Cell) else Cell(item) for item in row)
            for row in self.rows
        )


@dataclass(frozen=True)
class Figure:
    """A picture: SVG or PNG bytes; `alt` says in words what it shows."""

    name: str
    image: bytes
    caption: str
    alt: str

    def __post_init__(self) -> None:
        _check_name("figure", self.name)
        if not self.alt.strip():
            raise ValueError(f"figure {self.name!r} has no alt text; say what it shows")

    @property
    def suffix(self) -> Literal["svg", "png"]:
        """The kind of picture, read from its first bytes."""
        return "png" if self.image.startswith(b"\x89PNG") else "svg"


@dataclass(frozen=True)
class KeyValues:
    """Names with one value each: what a run was run with."""

    items: tuple[tuple[str, Value], ...]
    key: str = ""


Block = Heading | Text | Bullets | Callout | Table | Figure | KeyValues


@dataclass(frozen=True)
class Document:
    """A whole report."""

    title: str
    subtitle: str = ""
    blocks: tuple[Block, ...] = ()

    def __post_init__(self) -> None:
        for kind, names in (
            ("key", [b.key for b in self.blocks if isinstance(b, Table | KeyValues) and b.key]),
            ("figure", [figure.name for figure in self.figures]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"the document holds more than one {kind} named {twice[0]!r}")

    @property
    def tables(self) -> tuple[Table, ...]:
        """The document's tables, in order."""
        return tuple(block for block in self.blocks if isinstance(block, Table))

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The document's figures, in order."""
        return tuple(block for block in self.blocks if isinstance(block, Figure))


def cell_text(cell: Cell, column: Column) -> str:
    """Return what a cell says, in its own format or its column's."""
    digits = column.digits if cell.digits is None else cell.digits
    return written(cell.value, cell.format or column.format, digits)


def _check_name(what: str, name: str) -> None:
    """Names become file names and JSON keys."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{what} name {name!r} is not made of a-z, 0-9, '-' and '_'")
