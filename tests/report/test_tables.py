"""How numbers are written."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet.report import tables
from report.sample import Estimate

NAN = math.nan


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (tables.number(1234.56), "1,234.6"),
        (tables.number(-0.04), "0.0"),
        (tables.number(-0.04, signed=True), "0.0"),
        (tables.number(62.3, signed=True), "+62.3"),
        (tables.number(NAN), "n/a"),
        (tables.number(None), "n/a"),
        (tables.number(-math.inf), "-∞"),
        (tables.count(32768), "32,768"),
        (tables.percent(0.973), "97%"),
        (tables.percent(NAN), "n/a"),
        (tables.seconds(0.0012), "1.2 ms"),
        (tables.seconds(0.84), "840 ms"),
        (tables.seconds(12.34), "12.3 s"),
        (tables.seconds(59.97), "1 min 00 s"),
        (tables.seconds(125), "2 min 05 s"),
        (tables.seconds(3725), "1 h 02 min"),
        (tables.p_value(0.0001), "< 0.001"),
        (tables.significant(0.00001875, 4), "0.00001875"),
        (tables.significant(0.0364123, 3), "0.0364"),
        (tables.significant(3e-5), "0.00003"),
        (tables.significant(-12_345.6), "-12,346"),
        (tables.significant(200.0), "200"),
        (tables.significant(0.0), "0"),
        (tables.significant(NAN), "n/a"),
        (tables.interval(Estimate(62.3, 55.1, 69.9), "signed"), "+62.3 [55.1, 69.9]"),
        (tables.interval(Estimate(0.0, 0.0, 0.0), "signed"), "0.0 [0.0, 0.0]"),
        (tables.interval(Estimate(-0.004, -0.012, 0.0), "signed"), "0.00 [-0.01, 0.00]"),
        (tables.interval(Estimate(0.3, -0.2, 0.4), "signed", 0), "+0.3 [-0.2, 0.4]"),
        (tables.interval(Estimate(1e-17, 0.0, 1e-16), "signed"), "0.0 [0.0, 0.0]"),
        (tables.interval(Estimate(0.004, 0.0, 0.01)), "0.0 [0.0, 0.0]"),  # no difference
        (tables.interval(Estimate(0.5, 0.25, 0.75), "percent", 0), "50% [25%, 75%]"),
        (tables.interval(Estimate(NAN, NAN, NAN)), "n/a"),
        (tables.written(True), "yes"),
        (tables.written(1000), "1,000"),
        (tables.written(None), "n/a"),
        (tables.written(Estimate(1, 0, 2)), "1.0 [0.0, 2.0]"),
    ],
)
def test_written(text, expected):
    assert text == expected


@given(st.floats(), st.sampled_from(["count", "number", "signed", "percent", "signed_percent"]))
def test_every_number_can_be_written_and_none_is_a_signed_zero(value, style):
    text = tables.scalar(value, style)
    assert text
    assert text.strip("%") not in {"-0", "-0.0", "+0", "+0.0", "nan", "inf"}


def test_machine_values_are_json():
    assert tables.machine_value(Estimate(1, NAN, 2)) == {"estimate": 1, "low": None, "high": 2}
    assert tables.machine_value(math.inf) is None
