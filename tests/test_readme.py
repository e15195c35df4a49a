"""The front page says nothing that the experiments' reports do not."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOUND = re.compile(r"## What it found.*?\n(.*?)\n## ", re.DOTALL)
NUMBER = re.compile(r"[+-]?\d[\d,]*(?:\.\d+)?(?: \[[^\]]+\])?%?")


def test_every_number_of_the_front_page_is_in_the_report():
    (found,) = FOUND.findall((ROOT / "README.md").read_text())
    reports = (ROOT / "docs" / "experiments").glob("*/report.md")
    report = "\n".join(path.read_text() for path in reports)
    numbers = NUMBER.findall(re.sub(r"\(.*?\.md\)", "", found))
    assert len(numbers) > 8
    missing = [number for number in numbers if number not in report]
    assert not missing


def test_every_link_of_the_front_page_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+?)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
