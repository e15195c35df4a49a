"""An environment that takes its time and counts its own steps in a file, so that killing it loses no count."""

import os
import time
from pathlib import Path

from environments import Counting, Taught
from ratchet.seeding import TRAINING_DOMAIN

SECONDS, COUNT = "SLOWLY_SECONDS", "SLOWLY_COUNT"


class Slow(Counting):
    """A step takes SLOWLY_SECONDS; one of training adds a byte to the file SLOWLY_COUNT."""

    def reset(self, *, seed=None, options=None):
        self._training = seed is not None and seed >= TRAINING_DOMAIN
        return super().reset(seed=seed)

    def step(self, action):
        time.sleep(float(os.environ.get(SECONDS, "0")))
        if self._training and COUNT in os.environ:
            with Path(os.environ[COUNT]).open("ab") as file:
                file.write(b".")
        return super().step(action)


def make_taught():
    return Taught("slowly-taught", Slow)
