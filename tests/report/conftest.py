"""The sample's figures, drawn once."""

import pytest


@pytest.fixture(scope="session")
def pictures():
    from report import sample

    return sample.figures()
