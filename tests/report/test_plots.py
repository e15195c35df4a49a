"""Plots at their edges: labels that must fit, missing values, nothing at all, and a page whose headings clash."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest

from ratchet.report import Curve, before_after, forest, heat_map, learning_curves
from ratchet.report.plots import two_figures
from report.sample import AFTER, BEFORE, MODES, Estimate

NONE = Estimate(np.nan, np.nan, np.nan)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: before_after(["a"], [NONE], [Estimate(1, 1, 1)]),
        lambda: before_after(["x" * 40, "b"], [NONE, NONE], [NONE, NONE], 500),
        lambda: two_figures([], [], [], ("gain", "loss"), quantity="change"),
        lambda: two_figures(
            ["a"], [NONE], [Estimate(1, 0, 2)], ("gain", "loss"), quantity="change"
        ),
        lambda: forest([], []),
        lambda: forest(["a", "b"], [NONE, Estimate(0, 0, 0)]),
        lambda: learning_curves([]),
        lambda: learning_curves([Curve("one", [100], [np.nan])]),
        lambda: learning_curves([Curve(f"seed {i}", [0, 1], [i, i]) for i in range(9)]),
        lambda: heat_map([[0.0, 0.0]], ["a"], ["b", "c"]),
        lambda: heat_map([[np.nan, NONE]], ["a"], ["b", "c"]),
        lambda: heat_map([[1, Estimate(-2, -3, -1)]], ["a"], ["b", "c"]),
    ],
)
def test_every_plot_can_be_drawn(draw):
    assert ET.fromstring(draw()).tag.endswith("svg")


def test_a_label_is_text_and_not_mathematics_or_markup():
    ET.fromstring(forest(["<b> & $x$"], [Estimate(1, 0, 2)]))
    ET.fromstring(forest(["$\\frac{$"], [Estimate(1, 0, 2)]))


def test_many_long_labels_fit_on_the_page():
    labels = [f"a-base-of-a-long-name\nan arm with a long label, number {n}" for n in range(11)]
    values = [Estimate(n, n - 1, n + 1) for n in range(11)]
    image = two_figures(labels, values, values, ("gain", "elsewhere"), quantity="change").decode()
    width = float(ET.fromstring(image).attrib["viewBox"].split()[2])
    # Every line of text is a group that a comment names; the longest are right-aligned at the axis.
    for label in labels:
        line = label.split("\n")[1]
        place = re.search(rf"<!-- {re.escape(line)} -->\s*<g[^>]*translate\(([\d.-]+) ", image)
        assert place is not None
        assert 0.0 <= float(place[1]) < 0.5 * width
    # The legend names two things, however many arms there are.
    assert image.count("<!-- gain -->") == image.count("<!-- elsewhere -->") == 1


def test_no_line_runs_through_the_numbers_of_a_forest():
    labels = ["a", "b", "c"]
    image = forest(labels, [Estimate(0, 0, 0), Estimate(1, -1, 3), Estimate(-1, -2, 3)]).decode()
    for text in ("0.0 [0.0, 0.0]", "+1.0 [-1.0, 3.0]", "-1.0 [-2.0, 3.0]"):
        before = image[: image.index(f"<!-- {text} -->")]
        own = before[before.rindex('<g id="text_') :]
        assert '<path d="M' in own  # a filled box, drawn before the number
        assert "fill: #ffffff" in own


def test_a_users_own_settings_change_nothing_and_are_kept():
    drawn = before_after(MODES, BEFORE, AFTER, 500)
    with mpl.rc_context({"font.size": 30, "lines.linestyle": ":"}):
        assert before_after(MODES, BEFORE, AFTER, 500) == drawn
        assert mpl.rcParams["font.size"] == 30
