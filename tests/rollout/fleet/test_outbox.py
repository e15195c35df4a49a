"""What has been played gets into the spool, in its order and once, or it is known that it did not."""

import threading

import pytest

from episodes import KIND, made, names_in, number_of
from fleets import until
from ratchet.errors import SpoolError
from ratchet.rollout.episode_file import read_episode
from ratchet.rollout.fleet import outbox as module
from ratchet.rollout.fleet.outbox import Outbox
from ratchet.rollout.spool import SpoolWriter, create_spool


@pytest.fixture
def spool(tmp_path):
    create_spool(tmp_path / "spool", KIND)
    return tmp_path / "spool"


class Unsteady(SpoolWriter):
    """Fails while it is told to."""

    full = False
    tries = 0

    def put(self, episode, *, flush=True):
        self.tries += 1
        if self.full:
            raise SpoolError("the disk is full")
        return super().put(episode, flush=flush)


def numbers_in(spool):
    return [
        number_of(read_episode(spool / "incoming" / name)) for name in names_in(spool / "incoming")
    ]


def test_all_is_written_in_order_and_told(spool):
    told = []
    with SpoolWriter(spool, KIND) as writer:
        outbox = Outbox(writer, told.append, 3)
        for number in range(20):
            outbox.add(made(number))
        outbox.close()
        assert len(outbox) == 0
        assert writer._flushed, "its places are durable too"
    assert numbers_in(spool) == [number_of(episode) for episode in told] == list(range(20))


def test_places_become_durable_without_another_episode(spool):
    with SpoolWriter(spool, KIND) as writer:
        outbox = Outbox(writer, lambda _: None, 3)
        outbox.add(made(0))
        until(lambda: len(outbox) == 0 and writer._flushed)
        outbox.close()


def test_what_cannot_be_written_waits_and_nothing_overtakes_it(spool, monkeypatch):
    monkeypatch.setattr(module, "RETRY", 0.01)
    with Unsteady(spool, KIND) as writer:
        outbox = Outbox(writer, lambda _: None, 3)
        writer.full = True
        for number in range(3):
            assert not outbox.full
            outbox.add(made(number))
        until(lambda: writer.tries > 3)
        assert outbox.full
        assert (outbox.trouble, len(outbox)) == ("the disk is full", 3)
        writer.full = False
        until(lambda: len(outbox) == 0)
        assert outbox.trouble == ""
        outbox.close()
    assert numbers_in(spool) == [0, 1, 2]


def test_in_trouble_an_end_gives_up_what_is_left(spool):
    told = []
    with Unsteady(spool, KIND) as writer:
        outbox = Outbox(writer, told.append, 3)
        outbox.add(made(0))
        until(lambda: len(outbox) == 0)
        writer.full = True
        outbox.add(made(1))
        outbox.add(made(2))
        until(lambda: writer.tries > 1)
        closing = threading.Thread(target=outbox.close)
        closing.start()
        closing.join(20)
        assert not closing.is_alive()
    assert [number_of(episode) for episode in told] == numbers_in(spool) == [0]


def test_what_is_no_trouble_of_the_disk_is_raised_where_it_is_played(spool):
    with SpoolWriter(spool, KIND) as writer:
        outbox = Outbox(writer, lambda _: None, 3)
        outbox.add(made(0, terminated=True, bootstrap=1.0))
        with pytest.raises(SpoolError, match="cannot be written: it terminated"):
            until(outbox.check)
        with pytest.raises(SpoolError):
            outbox.add(made(1))
        outbox.close()
