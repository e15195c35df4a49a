"""Plots at their edges: missing values, nothing at all, and a page whose headings clash."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest

from ratchet.report import Curve, before_after, forest, heat_map, learning_curves
from report.sample import AFTER, BEFORE, MODES, Estimate

NONE = Estimate(np.nan, np.nan, np.nan)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: before_after(["a"], [NONE], [Estimate(1, 1, 1)]),
        lambda: before_after(["x" * 40, "b"], [NONE, NONE], [NONE, NONE], 500),
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


def test_a_users_own_settings_change_nothing_and_are_kept():
    drawn = before_after(MODES, BEFORE, AFTER, 500)
    with mpl.rc_context({"font.size": 30, "lines.linestyle": ":"}):
        assert before_after(MODES, BEFORE, AFTER, 500) == drawn
        assert mpl.rcParams["font.size"] == 30
