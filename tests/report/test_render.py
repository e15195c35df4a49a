"""Markdown, HTML and files: escaped, aligned, self-contained, the same every time."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet.report import (
    Column,
    Document,
    Figure,
    Heading,
    KeyValues,
    Table,
    Text,
    render_html,
    render_markdown,
    write_report,
)
from ratchet.report.html import inline as html_inline
from ratchet.report.markdown import inline
from report import sample

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Checks that tags nest and close, that ids are unique, and remembers what it saw."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []
        ids = [attributes["id"] for _, attributes in self.seen if "id" in attributes]
        assert len(ids) == len(set(ids))

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def page(pictures):
    return render_html(sample.document(pictures))


def test_the_page_is_well_formed_and_accessible(page):
    parsed = Page(page)
    tags = [tag for tag, _ in parsed.seen]
    assert ("html", {"lang": "en"}) in parsed.seen
    assert tags.count("h1") == tags.count("main") == 1
    assert "script" not in tags
    for tag, attributes in parsed.seen:
        if tag == "img":
            assert attributes["alt"]
        if tag == "th":
            assert attributes["scope"] in {"col", "row"}
    links = [a["href"][1:] for tag, a in parsed.seen if tag == "a"]
    ids = {a["id"] for _, a in parsed.seen if "id" in a}
    assert set(links) <= ids
    assert len(links) == 7  # six headings and the skip link


def test_the_page_fetches_nothing(page):
    assert not re.search(r"https?://|//[a-z]|@import|url\(", page)
    for _, attributes in Page(page).seen:
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:"))
    assert "default-src 'none'" in page


def test_text_is_escaped(page):
    assert "<script>alert(1)</script> & friends" in Page(page).text
    assert html_inline('<b a="1">`<i>`**<u>**') == (
        "&lt;b a=&quot;1&quot;&gt;<code>&lt;i&gt;</code><strong>&lt;u&gt;</strong>"
    )


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
def test_no_text_becomes_a_tag(text):
    document = Document(text, text, (Heading(text), Text(text), KeyValues(((text, text),))))
    blank = Document(
        "x", "x", (Heading("x"), Text("x" if text.strip() else ""), KeyValues((("x", "x"),)))
    )
    tags, expected = (
        [t for t, _ in Page(render_html(d)).seen if t not in {"strong", "code", "p"}]
        for d in (document, blank)
    )
    assert tags == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+62.3 [55.1, 69.9]", "+62.3 [55.1, 69.9]"),
        ("slot_dropout_0.3", "slot_dropout_0.3"),
        ("_this_ *that*", r"\_this\_ \*that\*"),
        ("<b> & a", "&lt;b&gt; &amp; a"),
        ("[a](b) and [c]: d", r"[a\](b) and [c\]: d"),
        ("# no heading", r"\# no heading"),
        ("- no list", r"\- no list"),
        ("1. no list", r"1\. no list"),
        ("-3.0", "-3.0"),
        ("**b** `c|d`", "**b** `c|d`"),
        ("~4k", "~4k"),
        ("~~gone~~", r"\~\~gone\~\~"),
        ("two\nlines", "two lines"),
    ],
)
def test_markdown_text(text, expected):
    assert inline(text) == expected


def test_a_markdown_table_lines_up_and_holds_its_bars():
    table = Table(
        "t",
        (
            Column("name", "Name"),
            Column("steps", "Steps", "count"),
            Column("c", "Mid", align="center"),
        ),
        (("a|b", 32768, "x"), ("`c|d`", None, "yy")),
    )
    lines = render_markdown(Document("T", blocks=(table,))).splitlines()[2:]
    assert lines == [
        "| Name   |  Steps | Mid |",
        "| :----- | -----: | :-: |",
        r"| a\|b   | 32,768 |  x  |",
        r"| `c\|d` |    n/a |  yy |",
    ]


def test_the_same_document_gives_the_same_files(tmp_path, pictures):
    first = write_report(sample.document(pictures), tmp_path / "a")
    second = write_report(sample.document(sample.figures()), tmp_path / "b")
    files = [
        path.relative_to(tmp_path / "a")
        for path in sorted((tmp_path / "a").rglob("*"))
        if path.is_file()
    ]
    assert len(files) == 3 + len(first.figures)
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    text = second.markdown.read_text()
    for name in re.findall(r"\]\((figures/[^)]+)\)", text):
        assert (tmp_path / "b" / name).is_file()


def test_every_table_is_rows_in_json(tmp_path, pictures):
    data = json.loads(write_report(sample.document(pictures), tmp_path).json.read_text())
    assert set(data["tables"]) == {"results", "claims"}
    row = data["tables"]["results"][0]
    assert row["before"] == {"estimate": 426.1, "low": 418.0, "high": 434.0}
    assert row["steps"] == 1000
    assert data["tables"]["results"][3]["before"] is None
    assert data["values"]["provenance"]["seeds"] == 500


def test_a_new_report_removes_only_the_figures_of_the_old(tmp_path, pictures):
    write_report(sample.document(pictures), tmp_path)
    (tmp_path / "figures" / "mine.svg").write_text("<svg/>")
    write_report(Document("T", blocks=(pictures[0],)), tmp_path)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        "before-after.svg",
        "mine.svg",
    }


def test_figures_are_svg_of_their_own_kind(pictures):
    for figure in pictures:
        root = ET.fromstring(figure.image)
        assert root.tag.endswith("svg")
        assert b"prefers-color-scheme: dark" in figure.image
        assert b"<metadata" not in figure.image
        assert figure.suffix == "svg"
    assert Figure("p", b"\x89PNG\r\n", "", "x").suffix == "png"


def test_what_makes_no_document_is_refused():
    table = Table("t", (Column("a"),), ((1,),))
    with pytest.raises(ValueError, match="more than one key named 't'"):
        Document("T", blocks=(table, table))
    with pytest.raises(ValueError, match="1 columns and a row of 2"):
        Table("t", (Column("a"),), ((1, 2),))
    with pytest.raises(ValueError, match="no alt text"):
        Figure("f", b"<svg/>", "", " ")
    with pytest.raises(ValueError, match="is not made of"):
        Figure("../f", b"<svg/>", "", "x")


def test_importing_the_report_does_not_import_matplotlib():
    import subprocess
    import sys
    from pathlib import Path

    source = Path(__file__).resolve().parents[2] / "src"
    code = "import sys, ratchet.report; sys.exit('matplotlib' in sys.modules or 'torch' in sys.modules)"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], check=False, env={"PYTHONPATH": str(source)}
        ).returncode
        == 0
    )
