"""A document as one HTML file that needs nothing else.

Invariants: the file fetches nothing (a content policy in its head forbids it, and pictures are data
inside `img`, where not even a script in an SVG could run); all text is escaped; the same document
gives the same bytes; on a phone only tables scroll sideways, each in its own box.
"""

from __future__ import annotations

import base64
import re
from html import escape

from ratchet.report.document import (
    Block,
    Bullets,
    Callout,
    Cell,
    Column,
    Document,
    Figure,
    Heading,
    KeyValues,
    Table,
    Text,
    cell_text,
    spans,
    unstyled,
)
from ratchet.report.style import STYLE
from ratchet.report.tables import written

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_MIME = {"svg": "image/svg+xml", "png": "image/png"}
_CALLOUTS = {"note": "Note", "good": "✓", "warning": "Caution", "bad": "✗"}


def render_html(document: Document) -> str:
    """Return the document as one self-contained HTML page."""
    anchors = _anchors(document)
    body = "\n".join(_block(block, anchors) for block in document.blocks)
    title = escape(unstyled(document.title))
    subtitle = f'<p class="subtitle">{inline(document.subtitle)}</p>' if document.subtitle else ""
    contents = _contents(anchors)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{STYLE}</style>
</head>
<body>
<a class="skip" href="#report">Skip to the report</a>
<div class="page{"" if contents else " single"}">
{contents}<main id="report">
<header>
<h1>{inline(document.title)}</h1>
{subtitle}
</header>
{body}
</main>
</div>
</body>
</html>
"""


def inline(text: str) -> str:
    """Return text as HTML in which only bold and code are markup."""
    tags = {"plain": "{}", "bold": "<strong>{}</strong>", "code": "<code>{}</code>"}
    return "".join(tags[span.style].format(escape(span.text)) for span in spans(text))


def _anchors(document: Document) -> dict[int, tuple[Heading, str]]:
    """Return, by the identity of each heading block, a fragment name that is unique on the page."""
    taken = {"report"}
    taken |= {f"table-{table.key}" for table in document.tables}
    taken |= {f"figure-{figure.name}" for figure in document.figures}
    anchors: dict[int, tuple[Heading, str]] = {}
    for block in document.blocks:
        if isinstance(block, Heading):
            stem = re.sub(r"[^a-z0-9]+", "-", unstyled(block.text).lower()).strip("-") or "section"
            name, number = stem, 2
            while name in taken:
                name, number = f"{stem}-{number}", number + 1
            taken.add(name)
            anchors[id(block)] = (block, name)
    return anchors


def _contents(anchors: dict[int, tuple[Heading, str]]) -> str:
    if len(anchors) < 2:
        return ""
    entries = "\n".join(
        f'<li class="level-{heading.level}"><a href="#{name}">{inline(heading.text)}</a></li>'
        for heading, name in anchors.values()
    )
    return (
        '<nav class="contents" aria-label="Contents">\n'
        f'<p class="contents-title">Contents</p>\n<ul>\n{entries}\n</ul>\n</nav>\n'
    )


def _block(block: Block, anchors: dict[int, tuple[Heading, str]]) -> str:
    match block:
        case Heading(text=text, level=level):
            name = anchors[id(block)][1]
            return f'<h{level} id="{name}">{inline(text)}</h{level}>'
        case Text():
            return "\n".join(f"<p>{inline(paragraph)}</p>" for paragraph in block.paragraphs)
        case Bullets(items=items):
            return "<ul>\n" + "\n".join(f"<li>{inline(item)}</li>" for item in items) + "\n</ul>"
        case Callout(kind=kind, text=text):
            return (
                f'<aside class="callout {kind}"><p>'
                f'<span class="kind">{_CALLOUTS[kind]}</span> {inline(text)}</p></aside>'
            )
        case Table():
            return _table(block)
        case Figure():
            return _figure(block)
        case KeyValues(items=items):
            pairs = "\n".join(
                f"<div><dt>{inline(name)}</dt><dd>{inline(written(value))}</dd></div>"
                for name, value in items
            )
            return f'<dl class="pairs">\n{pairs}\n</dl>'


def _figure(figure: Figure) -> str:
    data = base64.b64encode(figure.image).decode("ascii")
    caption = f"<figcaption>{inline(figure.caption)}</figcaption>" if figure.caption else ""
    return (
        f'<figure id="figure-{figure.name}"><img alt="{escape(figure.alt)}" '
        f'src="data:{_MIME[figure.suffix]};base64,{data}">{caption}</figure>'
    )


def _table(table: Table) -> str:
    """Return a table in a box that scrolls by itself and that the keyboard can reach."""
    head = "".join(
        f'<th scope="col" class="{column.alignment}">{inline(column.title)}</th>'
        for column in table.columns
    )
    rows = "\n".join(
        "<tr>"
        + "".join(
            _cell(cell, column, first=index == 0)
            for index, (cell, column) in enumerate(zip(row, table.columns, strict=True))
        )
        + "</tr>"
        for row in table.cells
    )
    label = escape(unstyled(table.caption) or table.key)
    # Not a <caption>: that would be as wide as the table, and cut off where the box scrolls.
    caption = f'<p class="caption">{inline(table.caption)}</p>\n' if table.caption else ""
    return (
        f'{caption}<div class="scroll" role="region" tabindex="0" aria-label="{label}">\n'
        f'<table id="table-{table.key}" aria-label="{label}">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _cell(cell: Cell, column: Column, *, first: bool) -> str:
    """Return one cell; the first of a row is its header."""
    text = inline(cell_text(cell, column))
    if cell.strong:
        text = f"<strong>{text}</strong>"
    classes: list[str] = [column.alignment, *([cell.tone] if cell.tone != "plain" else [])]
    if column.format != "text" or not isinstance(cell.value, str):
        classes.append("numeric")
    tag, scope = ("th", ' scope="row"') if first else ("td", "")
    return f'<{tag}{scope} class="{" ".join(classes)}">{text}</{tag}>'
