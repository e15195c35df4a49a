"""Showing it: tables, plots, Markdown and HTML, each number a query over the ledger."""

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
)
from ratchet.report.html import render_html
from ratchet.report.markdown import render_markdown
from ratchet.report.plots import Curve, before_after, forest, heat_map, learning_curves
from ratchet.report.publish import Published, report_data, table_rows, write_report
from ratchet.report.tables import IntervalLike

__all__ = [
    "Block",
    "Bullets",
    "Callout",
    "Cell",
    "Column",
    "Curve",
    "Document",
    "Figure",
    "Heading",
    "IntervalLike",
    "KeyValues",
    "Published",
    "Table",
    "Text",
    "before_after",
    "forest",
    "heat_map",
    "learning_curves",
    "render_html",
    "render_markdown",
    "report_data",
    "table_rows",
    "write_report",
]
