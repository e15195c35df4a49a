"""The guide's answer on scope and budget says nothing that the experiments' reports do not."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SECTION = re.compile(r"### Which scope, with what budget\?\n(.*?)\n### ", re.DOTALL)
MEASURED = re.compile(r"[+-]?\d[\d,]*(?:\.\d+)? \[[^\]]+\]|[+-]\d[\d,]*\.\d+|\d+\.\d+")


def test_every_measurement_of_the_answer_is_in_a_report():
    (answer,) = SECTION.findall((ROOT / "docs" / "guide.md").read_text())
    reports = (ROOT / "docs" / "experiments").glob("*/report.md")
    report = "\n".join(path.read_text() for path in reports)
    # Lines are broken in the guide where they are not in a report.
    measured = MEASURED.findall(re.sub(r"\]\([^)]*\)", "]", answer.replace("\n", " ")))
    assert len(measured) > 20
    missing = [each for each in measured if re.sub(r"\s+", " ", each) not in report]
    assert not missing
