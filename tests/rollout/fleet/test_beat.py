"""A heartbeat is what its worker last said, however that ended, and its books add up."""

import os
import signal

from ratchet.rollout.fleet.beat import Beat, Count, Phase, new_beat, read_pulse, settle


def test_what_is_read_is_what_was_said(tmp_path):
    path = tmp_path / "beat"
    beat = new_beat(path, before=None, pid=77, writer=3)
    assert read_pulse(path).phase == Phase.STARTING
    beat.counts[Count.BEGUN] += 5
    beat.counts[Count.FINISHED] += 2
    beat.counts[Count.STEPS] = 10**15
    beat.rate(2.5)
    first = beat.enter(Phase.STEPPING)
    second = beat.enter(Phase.WAITING)
    pulse = read_pulse(path)
    assert (pulse[Count.PID], pulse[Count.WRITER], pulse[Count.MARK]) == (77, 3, 2)
    assert (pulse[Count.PROCESSES], pulse[Count.VERSION]) == (1, -1)
    assert (pulse.phase, pulse.in_progress, beat.in_progress) == (Phase.WAITING, 3, 3)
    assert (pulse[Count.STEPS], pulse.rate) == (10**15, 2.5)
    assert pulse.seconds[Phase.STEPPING] == second - first
    assert pulse.seconds[Phase.WAITING] == 0.0


def test_no_phase_and_no_count_has_the_place_of_another(tmp_path):
    beat = new_beat(tmp_path / "beat", before=None, pid=1)
    for place, name in enumerate(Count):
        beat.counts[name] = 3 + place % len(Phase)
    beat.counts[Count.PHASE] = Phase.CHOOSING
    for phase in Phase:
        beat.enter(phase)
    beat.rate(9.0)
    pulse = read_pulse(tmp_path / "beat")
    moving = {Count.PHASE, Count.MARK}
    assert all(pulse[n] == 3 + i % len(Phase) for i, n in enumerate(Count) if n not in moving)
    assert pulse.rate == 9.0
    assert all(0.0 <= spent < 5.0 for spent in pulse.seconds)


def test_a_kill_loses_nothing(tmp_path):
    path = tmp_path / "beat"
    new_beat(path, before=None, pid=1)
    child = os.fork()
    if child == 0:
        beat = Beat(path)
        for number in range(1000):
            beat.counts[Count.STEPS] = number
        beat.enter(Phase.STEPPING)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    pulse = read_pulse(path)
    assert (pulse[Count.STEPS], pulse.phase) == (999, Phase.STEPPING)


def test_the_next_process_goes_on_with_the_counts(tmp_path):
    path = tmp_path / "beat"
    beat = new_beat(path, before=None, pid=1, writer=0)
    beat.counts[Count.BEGUN], beat.counts[Count.FINISHED], beat.counts[Count.STEPS] = 10, 6, 55
    beat.counts[Count.WARM] = 1
    # One more was in the spool than it had come to say.
    settled = settle(path, read_pulse(path), written=7)
    assert (settled[Count.FINISHED], settled[Count.DISCARDED], settled.in_progress) == (7, 3, 0)
    assert read_pulse(path).counts == settled.counts
    beat = new_beat(path, before=settled, pid=2, writer=4)
    beat.counts[Count.BEGUN] += 4
    beat.counts[Count.FINISHED] += 1
    pulse = read_pulse(path)
    assert (pulse[Count.PID], pulse[Count.WRITER], pulse[Count.PROCESSES]) == (2, 4, 2)
    assert (pulse[Count.STEPS], pulse[Count.WARM]) == (55, 0)
    settled = settle(path, pulse, written=1)
    assert [settled[name] for name in (Count.BEGUN, Count.FINISHED, Count.DISCARDED)] == [14, 8, 6]


def test_what_is_no_heartbeat_says_nothing(tmp_path):
    path = tmp_path / "beat"
    assert read_pulse(path) is None
    new_beat(path, before=None, pid=1)
    content = path.read_bytes()
    for wrong in (b"", content[:-1], b"x" + content[1:]):
        path.write_bytes(wrong)
        assert read_pulse(path) is None
