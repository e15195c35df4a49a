"""Ten minutes of faults: nothing lost, nothing learned from twice, nothing torn, and the books add up.

SOAK_MINUTES and SOAK_SEED choose another storm; the figures of ten minutes or more go to docs/RELIABILITY.md.
"""

import os
import tempfile
from pathlib import Path

import pytest

from soak.storm import Storm, origin, page

pytestmark = pytest.mark.soak

MINUTES = float(os.environ.get("SOAK_MINUTES", "10"))
SEED = int(os.environ.get("SOAK_SEED", "0"))
PAGE = Path(__file__).parents[2] / "docs" / "RELIABILITY.md"


def test_a_fleet_survives_a_storm():
    with tempfile.TemporaryDirectory() as home:
        storm = Storm(Path(home) / "storm", seed=SEED, seconds=60 * MINUTES)
        try:
            storm.blow()
            figures = storm.figures()
        finally:
            storm.clear()
    if MINUTES >= 10:
        PAGE.write_text(page(figures, seed=SEED, seconds=60 * MINUTES, origin=origin()))
    assert figures["wrong"] == []
    assert figures["faults"] >= 20 * MINUTES
