"""A document becomes files: `report.md`, `report.html`, `report.json` and `figures/`.

Invariants: each file is whole or absent, and figures come before the text that links them; the same
document gives the same bytes; figures of an earlier report in the directory are removed, files of
anybody else are not touched.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ratchet.ledger import write_atomically
from ratchet.report.document import Document, KeyValues, Table
from ratchet.report.html import render_html
from ratchet.report.markdown import FIGURES, render_markdown
from ratchet.report.tables import machine_value

REPORT_VERSION = 1


@dataclass(frozen=True)
class Published:
    """Where a report's files are."""

    markdown: Path
    html: Path
    json: Path
    figures: tuple[Path, ...]


def write_report(document: Document, directory: Path | str) -> Published:
    """Write a document in every form.

    Parameters
    ----------
    document : Document
        The report.
    directory : Path or str
        Where its files go; made if it is missing.

    Raises
    ------
    LedgerError
        If the disk is full or the directory cannot be written.

    """
    directory = Path(directory)
    published = Published(
        markdown=directory / "report.md",
        html=directory / "report.html",
        json=directory / "report.json",
        figures=tuple(
            directory / FIGURES / f"{figure.name}.{figure.suffix}" for figure in document.figures
        ),
    )
    earlier = _listed_figures(published.json, directory / FIGURES)
    for figure, path in zip(document.figures, published.figures, strict=True):
        write_atomically(path, figure.image)
    write_atomically(published.markdown, render_markdown(document).encode())
    write_atomically(published.html, render_html(document).encode())
    content = json.dumps(report_data(document), indent=2, ensure_ascii=False) + "\n"
    write_atomically(published.json, content.encode())
    for path in earlier - set(published.figures):
        with contextlib.suppress(OSError):
            path.unlink()
    return published


def report_data(document: Document) -> dict[str, Any]:
    """Return every table of the document as rows, for `--json`: values, not their text."""
    return {
        "schema": REPORT_VERSION,
        "title": document.title,
        "tables": {table.key: table_rows(table) for table in document.tables},
        "values": {
            block.key: {name: machine_value(value) for name, value in block.items}
            for block in document.blocks
            if isinstance(block, KeyValues) and block.key
        },
        "figures": [f"{figure.name}.{figure.suffix}" for figure in document.figures],
    }


def table_rows(table: Table) -> list[dict[str, object]]:
    """Return a table as one object a row, by column name."""
    return [
        {
            column.name: machine_value(cell.value)
            for column, cell in zip(table.columns, row, strict=True)
        }
        for row in table.cells
    ]


def _listed_figures(report: Path, figures: Path) -> set[Path]:
    """Return the figures that an earlier report in the directory says are its own."""
    try:
        names = json.loads(report.read_bytes())["figures"]
        return {figures / name for name in names if Path(name).name == name}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
