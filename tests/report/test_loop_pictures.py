"""The pictures of a fleet: drawn of little and of much, and never of what was not measured."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from ratchet.evaluation.statistics import Interval
from ratchet.report.loop.pictures import (
    Judged,
    averaged,
    pawl_picture,
    queue_picture,
    returns_picture,
    tuning_picture,
)

FINDINGS = ("", "healthy", "over-moving", "between", "under-moving")


def numbers(size):
    return np.arange(1, size + 1, dtype=float)


def tuning(size):
    wave = 0.02 + 0.01 * np.sin(numbers(size))
    wave[0] = np.nan
    lines = {"approximate KL": wave, "learning rate": np.full(size, 3e-5)}
    findings = [FINDINGS[place % len(FINDINGS)] for place in range(size)]
    return tuning_picture(numbers(size), lines, findings, target_kl=0.03)


def queue(size):
    ones = np.ones(size)
    return queue_picture(numbers(size), ones, 2 * ones, ones, ones, 4)


def returns(size):
    return returns_picture(numbers(size), np.sin(numbers(size)), 5)


@pytest.mark.parametrize("draw", [tuning, queue, returns])
def test_a_picture_of_weeks_has_the_size_of_one_of_minutes(draw):
    few, many = draw(2), draw(5000)
    for image in (few, many):
        ET.fromstring(image)
    assert len(many) < 25 * len(few)
    assert draw(2) == few


def test_means_of_neighbours():
    assert averaged(numbers(3), 5).tolist() == [1, 2, 3]
    assert averaged(numbers(6), 3).tolist() == [1.5, 3.5, 5.5]
    assert averaged(np.array([1.0, np.nan, np.nan, np.nan]), 2).tolist()[0] == 1.0
    assert np.isnan(averaged(np.array([1.0, np.nan, np.nan, np.nan]), 2)[1])


def test_the_pawls_picture_with_and_without_a_candidate_taken():
    start = Interval(10.0, 9.0, 11.0)
    judged = [Judged(4, Interval(11.0, 10.0, 12.0), accepted=True),
              Judged(8, Interval(9.0, 8.0, 10.0), accepted=False)]  # fmt: skip
    for some in (judged, judged[1:]):
        ET.fromstring(pawl_picture(some, start, "mean final floor"))
