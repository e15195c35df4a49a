"""An episode's file is read as it was written, or refused for what is wrong with it."""

import errno
import io
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from episodes import KIND, made, names_in
from ratchet.errors import CorruptError, ForeignError, InputError, SpoolError
from ratchet.rollout import episode_file
from ratchet.rollout.episode_file import pack_episode, read_episode, unpack_episode, write_episode

WHOLE = pack_episode(made(1, steps=5))


def same_bits(left, right):
    assert left.dtype == right.dtype
    assert left.shape == right.shape
    assert np.ascontiguousarray(left).tobytes() == np.ascontiguousarray(right).tobytes()


def same(left, right):
    for name in (
        "observations", "actions", "log_probs", "values", "rewards", "final_observation"
    ):  # fmt: skip
        same_bits(getattr(left, name), getattr(right, name))
    assert (left.masks is None) == (right.masks is None)
    if left.masks is not None:
        same_bits(left.masks, right.masks)
    assert (left.terminated, left.bootstrap) == (right.terminated, right.bootstrap)
    assert left.origin == right.origin
    assert replace(left.record, metrics={}) == replace(right.record, metrics={})
    assert repr(left.record.metrics) == repr(right.record.metrics)


@pytest.mark.parametrize("terminated", [True, False])
def test_what_is_read_is_what_was_written(tmp_path, terminated):
    episode = made(3, steps=7, terminated=terminated)
    write_episode(tmp_path / "one.npz", episode)
    read = read_episode(tmp_path / "one.npz")
    same(read, episode)
    assert len(read) == 7
    assert read.truncated is not terminated
    assert names_in(tmp_path) == ["one.npz"]


floats = st.floats(width=32)  # NaN, infinity and -0.0 among them


@given(data=st.data(), steps=st.integers(1, 6), size=st.integers(1, 9))
def test_every_bit_of_the_arrays_is_kept(data, steps, size):
    sparse = data.draw(st.booleans())
    numbers = st.sampled_from([0.0, 0.0, 0.0, -0.0, 1.5]) if sparse else floats
    observations = data.draw(arrays.arrays(np.float32, (steps + 1, size), elements=numbers))
    kind = data.draw(st.sampled_from([np.int8, np.int64, np.uint64]))
    actions = data.draw(arrays.arrays(kind, steps))
    if data.draw(st.booleans()):
        actions = data.draw(arrays.arrays(np.float32, (steps, 2), elements=floats))
    masks = data.draw(arrays.arrays(np.bool_, (steps, data.draw(st.integers(1, 17)))))
    episode = made(
        steps=steps,
        observations=observations[:-1],
        final_observation=observations[-1],
        actions=actions,
        masks=masks if data.draw(st.booleans()) else None,
    )
    same(unpack_episode(pack_episode(episode), "it"), episode)


def test_the_same_episode_is_the_same_bytes_and_a_numpy_archive():
    assert pack_episode(made(1, steps=5)) == WHOLE
    with np.load(io.BytesIO(WHOLE), allow_pickle=False) as archive:
        assert set(archive.files) == {
            "ratchet_episode", "gaps", "numbers", "masks", "actions", "log_probs", "values", "rewards"
        }  # fmt: skip
        assert archive["masks"].shape == (5, 2)
        assert archive["actions"].dtype == np.uint8


def test_mostly_zeros_take_little_and_others_no_more():
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(51, 40)).astype(np.float32)
    kind = {"steps": 50, "masks": None}
    full = pack_episode(made(observations=dense[:-1], final_observation=dense[-1], **kind))
    dense[rng.random(dense.shape) < 0.95] = 0
    few = pack_episode(made(observations=dense[:-1], final_observation=dense[-1], **kind))
    assert len(few) < 0.3 * len(full) < 0.3 * (dense.nbytes + 4000)


@settings(max_examples=300)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_any_flipped_byte_is_corrupt(place, bits):
    damaged = bytearray(WHOLE)
    damaged[place] ^= bits
    with pytest.raises(CorruptError, match="it"):
        unpack_episode(bytes(damaged), "it")


def test_any_other_length_is_corrupt():
    for length in range(len(WHOLE)):
        with pytest.raises(CorruptError, match="cut short or damaged"):
            unpack_episode(WHOLE[:length], "it")
    with pytest.raises(CorruptError):
        unpack_episode(WHOLE + b"\0", "it")


def archive_of(**members):
    buffer = io.BytesIO()
    np.savez(buffer, **members)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"hello, this is no episode",
        os.urandom(4096),
        archive_of(observations=np.zeros(3), actions=np.zeros(3)),
        archive_of(observations=np.zeros(3))[:200],
    ],
    ids=["text", "noise", "an archive", "half an archive"],
)
def test_what_is_no_episode_is_foreign(content):
    with pytest.raises(ForeignError, match="it is not an episode file of Ratchet"):
        unpack_episode(content, "it")


def sealed(content):
    """Return a zip file with our seal, as one who means harm could make it."""
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = episode_file._SEAL + b"0" * 64
    body = buffer.getvalue()[: -episode_file._SEAL_SIZE]
    return body + episode_file._sealing(body)


class Trap:
    def __reduce__(self):
        return (os.mkdir, ("trapped",))


def test_nothing_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    head = np.array([Trap()], dtype=object)
    with pytest.raises(ForeignError, match=r"was not written by Ratchet: .*allow_pickle"):
        unpack_episode(sealed(archive_of(ratchet_episode=head)), "it")
    assert names_in(tmp_path) == []


def rewritten(**changes):
    """Return the bytes of an episode some members of which somebody has written anew."""
    with np.load(io.BytesIO(WHOLE), allow_pickle=False) as archive:
        members = {name: archive[name] for name in archive.files}
    members |= changes
    return sealed(
        archive_of(**{name: array for name, array in members.items() if array is not None})
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"ratchet_episode": np.frombuffer(b"{}", np.uint8)},
        {"ratchet_episode": np.frombuffer(b"\xff[", np.uint8)},
        {"rewards": None},
        {"rewards": np.zeros(4, np.float32)},
        {"rewards": np.zeros((5, 1), np.float32)},
        {"values": np.full(5, np.nan, np.float32)},
        {"values": np.zeros(5)},
        {"masks": np.zeros((5, 2))},
        {"masks": np.zeros((4, 2), np.uint8)},
        {"actions": np.array(["a"] * 5)},
        {"gaps": np.array([10**9])},
        {"gaps": np.array([-1, -1])},
        {"observations": np.zeros((6, 41), np.float32), "values": None},
    ],
)
def test_what_is_sealed_and_makes_no_sense_is_foreign(changes):
    with pytest.raises(ForeignError, match="it was not written by Ratchet"):
        unpack_episode(rewritten(**changes), "it")


def test_a_newer_format_is_foreign_as_such(monkeypatch):
    monkeypatch.setattr(episode_file, "FORMAT", 2)
    content = pack_episode(made())
    monkeypatch.undo()
    with pytest.raises(ForeignError, match="it has the format 2; this version reads 1"):
        unpack_episode(content, "it")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"rewards": np.zeros(0, np.float32)}, "no step"),
        ({"rewards": np.array([0, 1, np.inf], np.float32)}, "rewards are not all finite"),
        ({"log_probs": np.zeros(3)}, "log_probs are not one float32 a step"),
        ({"observations": np.zeros((3, 40))}, "not float32"),
        ({"observations": np.zeros((2, 40), np.float32)}, "2 observations and 3 rewards"),
        ({"final_observation": np.zeros(39, np.float32)}, "width"),
        ({"masks": np.zeros((3, 11))}, "masks"),
        ({"actions": np.array([True, False, True])}, "actions are bool"),
        ({"bootstrap": 1.0}, "terminated, and yet"),
        ({"bootstrap": float("nan"), "terminated": False}, "bootstrap"),
        ({"record": replace(made().record, length=4)}, "record says 4"),
        ({"origin": replace(made().origin, version=-1)}, "version -1"),
        ({"origin": replace(made().origin, ended_at=float("inf"))}, "times"),
    ],
)
def test_an_episode_with_a_fault_is_not_written(tmp_path, changes, text):
    with pytest.raises(SpoolError, match=text):
        write_episode(tmp_path / "one.npz", made(**changes))
    assert names_in(tmp_path) == []


def test_a_file_that_cannot_be_read(tmp_path, monkeypatch):
    with pytest.raises(SpoolError, match="No such file") as caught:
        read_episode(tmp_path / "one.npz")
    assert type(caught.value) is SpoolError

    def fails(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Path, "read_bytes", fails)
    with pytest.raises(CorruptError, match=r"one.npz cannot be read: Input/output error"):
        read_episode(tmp_path / "one.npz")


def test_the_errors_are_input_errors():
    for one in (SpoolError, CorruptError, ForeignError):
        assert issubclass(one, InputError)


def test_a_spool_of_continuous_actions_without_masks():
    kind = replace(KIND, action=(2,), masked=0)
    actions = np.zeros((3, 2), np.float32)
    assert kind.mismatch(made(actions=actions, masks=None)) is None
    assert "masked is 11, not 0" in kind.mismatch(made(actions=actions))
    assert "action is ()" in kind.mismatch(made(masks=None))
    assert "actions are float32" in replace(KIND, masked=0).mismatch(
        made(actions=actions[:, 0], masks=None)
    )
