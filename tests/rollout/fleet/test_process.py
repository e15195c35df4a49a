"""Only what was seen counts, and only the monotonic clock."""

import pytest

from ratchet.rollout.fleet.beat import Count, Phase, Pulse
from ratchet.rollout.fleet.process import Deadline, limit


def pulse_at(phase, *, warm):
    counts = [0] * len(Count)
    counts[Count.PHASE], counts[Count.WARM] = phase, int(warm)
    return Pulse(tuple(counts), (0.0,) * len(Phase), 0.0)


def test_a_mark_that_stays_adds_up_and_one_that_moves_does_not():
    deadline = Deadline(0.0)
    assert deadline.look(5, 0.5) == 0.0
    assert deadline.look(5, 1.0) == 0.5
    assert deadline.look(5, 1.75) == 1.25
    assert deadline.look(6, 2.0) == 0.0
    assert deadline.look(6, 2.5) == 0.5


def test_where_the_observer_was_stopped_nobody_is_late():
    deadline = Deadline(0.0)
    deadline.look(5, 0.1)
    assert deadline.look(5, 1000.0) == 1.0
    assert deadline.look(5, 1000.5) == 1.5


@pytest.mark.parametrize(
    ("phase", "warm", "seconds"),
    [
        (Phase.STEPPING, True, 2.0),
        (Phase.STEPPING, False, 60.0),
        (Phase.STARTING, False, 60.0),
        (Phase.LOADING, True, 60.0),
        (Phase.WRITING, True, 60.0),
        (Phase.WAITING, True, 60.0),
        (Phase.ENDED, True, 10.0),
        (Phase.FAILED, True, 10.0),
    ],
)
def test_each_thing_has_its_deadline(phase, warm, seconds):
    assert limit(pulse_at(phase, warm=warm), 2.0, 60.0) == seconds
