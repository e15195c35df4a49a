"""The pictures of budgets: whole SVGs, with what is missing left out."""

from __future__ import annotations

import math
from xml.etree import ElementTree as ET

import pytest

from ratchet.evaluation.statistics import Interval
from ratchet.report.laboratory.panels import BudgetCurve, Panel, budget_curves

NOTHING = Interval(math.nan, math.nan, math.nan)


def around(value):
    return Interval(value, value - 3.0, value + 4.0)


def panel(title, *values):
    return Panel(title, [BudgetCurve("gate", values), BudgetCurve("head", values[::-1])])


@pytest.mark.parametrize("small", [0, 1, 3, 4])
def test_budget_curves(small):
    panels = [
        panel(f"mode {place}", around(1.0), None, around(place)) for place in range(small + 1)
    ]
    image = budget_curves(panels, (1, 5, 30))
    ET.fromstring(image)
    assert image == budget_curves(panels, (1, 5, 30))
    # One large panel and the small ones, each a group of its own.
    assert image.count(b'id="axes_') == small + 1


def test_a_budget_that_was_not_measured_is_left_out():
    whole = budget_curves([panel("all", around(1.0), around(2.0), around(3.0))], (1, 5, 30))
    some = budget_curves([panel("all", around(1.0), NOTHING, around(3.0))], (1, 5, 30))
    assert some != whole
    assert b"nan" not in some
