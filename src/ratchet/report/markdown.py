"""A document as Markdown (GitHub's), for reading in a repository.

Invariants: text from outside cannot become markup; figures are files in `figures/` beside the
document, linked relatively; the same document gives the same bytes.
"""

from __future__ import annotations

import re

from ratchet.report.document import (
    Block,
    Bullets,
    Callout,
    Document,
    Figure,
    Heading,
    KeyValues,
    Table,
    Text,
    cell_text,
    spans,
)
from ratchet.report.tables import written

FIGURES = "figures"
"""The directory of figures, beside the document."""

_ALERTS = {"note": "NOTE", "good": "TIP", "warning": "WARNING", "bad": "CAUTION"}
_RULES = {"left": ":--", "right": "--:", "center": ":-:"}
_LEAD = re.compile(
    r"^(\s*)(#{1,6}(?=\s|$)|[-+](?=\s|$)|\[(?=[ xX]\])|=+\s*$|-{3,}\s*$|\d+(?=[.)](?:\s|$)))"
)


def render_markdown(document: Document) -> str:
    """Return the document's Markdown.

    Parameters
    ----------
    document : Document
        What to render; `ratchet.report.publish.write_report` saves its figures beside the text.

    """
    parts = [f"# {inline(document.title)}"]
    if document.subtitle:
        parts.append(inline(document.subtitle))
    parts += [_block(block) for block in document.blocks]
    return "\n\n".join(part for part in parts if part) + "\n"


def inline(text: str) -> str:
    """Return one line of text as Markdown in which only bold and code are markup."""
    pieces = []
    for span in spans(" ".join(text.split())):
        if span.style == "code":
            pieces.append(f"`{span.text}`")
        elif span.style == "bold":
            pieces.append(f"**{_escape(span.text)}**")
        else:
            pieces.append(_escape(span.text))
    return _LEAD.sub(_escape_lead, "".join(pieces))


def _escape(text: str) -> str:
    """Escape what Markdown would read; an underscore inside a word is left alone, for readability."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*|$])", r"\\\1", text)
    text = re.sub(r"(?<=\S)~|~(?!\d)", r"\~", text)  # strikes through; but ~4 is about four
    # An interval's brackets are only text; before these they would make a link or a definition.
    text = re.sub(r"\](?=[(\[:])", r"\]", text)
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)


def _escape_lead(match: re.Match[str]) -> str:
    """Escape what would begin a heading, list or rule: a digit is escaped behind it, not before."""
    space, mark = match.groups()
    return f"{space}{mark}\\" if mark.isdigit() else f"{space}\\{mark}"


def _block(block: Block) -> str:
    match block:
        case Heading(text=text, level=level):
            return f"{'#' * level} {inline(text)}"
        case Text():
            return "\n\n".join(inline(paragraph) for paragraph in block.paragraphs)
        case Bullets(items=items):
            return "\n".join(f"- {inline(item)}" for item in items)
        case Callout(kind=kind, text=text):
            return f"> [!{_ALERTS[kind]}]\n> {inline(text)}"
        case Table():
            return _table(block)
        case Figure(name=name, caption=caption, alt=alt):
            picture = f"![{inline(alt)}]({FIGURES}/{name}.{block.suffix})"
            return f"{picture}\n\n*{inline(caption)}*" if caption else picture
        case KeyValues(items=items):
            return "\n".join(
                f"- **{_escape(' '.join(name.split()))}**: {inline(written(value))}"
                for name, value in items
            )


def _table(table: Table) -> str:
    """Return a table whose columns line up in the source too."""
    lines = [[_cell(column.title) for column in table.columns]]
    for row in table.cells:
        texts = []
        for cell, column in zip(row, table.columns, strict=True):
            text = _cell(cell_text(cell, column))
            texts.append(f"**{text}**" if cell.strong and text and "**" not in text else text)
        lines.append(texts)
    widths = [max(3, *(len(line[index]) for line in lines)) for index in range(len(table.columns))]
    rule = [
        _RULES[column.alignment].replace("--", "-" * (width - 1))
        if column.alignment != "center"
        else f":{'-' * (width - 2)}:"
        for column, width in zip(table.columns, widths, strict=True)
    ]
    text = "\n".join(
        "| " + " | ".join(_pad(cell, width, column.alignment) for cell, width, column in
                          zip(line, widths, table.columns, strict=True)) + " |"
        for line in (lines[0], rule, *lines[1:])
    )  # fmt: skip
    return f"*{inline(table.caption)}*\n\n{text}" if table.caption else text


def _cell(text: str) -> str:
    """Return a cell's Markdown; a bar ends a cell even inside code, so code is escaped there too."""
    text = inline(text)
    return re.sub(r"(?<!\\)\|", r"\\|", text)


def _pad(text: str, width: int, align: str) -> str:
    if align == "right":
        return text.rjust(width)
    return text.center(width) if align == "center" else text.ljust(width)
