"""An episode as one file: a NumPy archive (`.npz`) that is whole, or refused.

Invariants:

- The file ends in a SHA-256 over every byte before it, and the end itself is compared, so that no bit
  of the file can be another and the file be read.
- Nothing in it is executed: the arrays are read with ``allow_pickle=False``, the rest is JSON.
- What is written is what is read, bit for bit: observations that are mostly zeros are kept as the
  numbers that are not (-0.0 and NaN among them) and the gaps between them, and integer actions in the
  smallest type that holds them all.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import CorruptError, ForeignError, SpoolError
from ratchet.ledger.files import explain
from ratchet.ledger.values import plain
from ratchet.policies.durable import flush_directory, strict_json, temporary_name, write_flushed
from ratchet.rollout.episode import Episode, Origin
from ratchet.rollout.trajectory import EpisodeRecord

FORMAT = 1
"""Version of the layout; a reader refuses one that it does not know."""

_HEAD = "ratchet_episode"
"""The first member: bytes of JSON. Its name stands at a fixed place of the file."""
_BEGIN = b"PK\x03\x04", f"{_HEAD}.npy".encode()
_SEAL = b"ratchet episode, sha256 "
_SEAL_SIZE = len(_SEAL) + 64

_LEVEL = 1
"""Of zlib. Above it, writing takes longer than it saves anywhere."""
_WORTH_PACKING = 512
"""Bytes of an array below which there is nothing to save."""
_NPY = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(?P<descr>[<>|][biuf]\d)', 'fortran_order': False, "
    rb"'shape': \((?P<shape>[\d, ]*)\), \} *\n",
    re.DOTALL,
)
_STORED, _DEFLATED = 0, 8
_MADE_BY = struct.pack("<H", 20)


def pack_episode(episode: Episode) -> bytes:
    """Return the bytes of an episode's file.

    Raises
    ------
    SpoolError
        If the episode has a fault.

    """
    fault = episode.fault()
    if fault is not None:
        raise SpoolError(f"an episode cannot be written: {fault}")
    arrays = _without_zeros(episode.observations, episode.final_observation)
    masks = episode.masks
    if masks is not None:
        arrays["masks"] = np.packbits(masks, axis=1)
    arrays["actions"] = _narrowed(episode.actions)
    for name in ("log_probs", "values", "rewards"):
        arrays[name] = getattr(episode, name)
    # Not `asdict`, which copies every part of the record, and takes as long as all of the arrays.
    record = dict(vars(episode.record))
    # JSON has no word for a metric that is not a number.
    record["metrics"] = {name: repr(float(x)) for name, x in episode.record.metrics.items()}
    record["parts"] = plain(episode.record.parts)
    head = {
        "format": FORMAT,
        "origin": vars(episode.origin) | {"versions": dict(episode.origin.versions)},
        "record": record,
        "terminated": bool(episode.terminated),
        "bootstrap": float(episode.bootstrap),
        "observation": len(episode.final_observation),
        "masked": None if masks is None else masks.shape[1],
        "action_type": episode.actions.dtype.str,
    }
    arrays = {_HEAD: np.frombuffer(strict_json(head, "the episode's head"), np.uint8), **arrays}
    return _archive(arrays)


def unpack_episode(content: bytes, name: str) -> Episode:
    """Return the episode in the bytes of a file, which messages call by `name`.

    Raises
    ------
    CorruptError
        If it is an episode's file, but not as it was written.
    ForeignError
        If it is none, or of an unknown format.

    """
    body, seal = content[:-_SEAL_SIZE], content[-_SEAL_SIZE:]
    sealed, begun = seal.startswith(_SEAL), _begins(content)
    if not sealed and not begun:
        raise ForeignError(f"{name} is not an episode file of Ratchet")
    if not sealed:
        raise CorruptError(f"{name} is cut short or damaged at its end ({len(content)} bytes)")
    if _sealing(body) != seal:
        raise CorruptError(f"{name} does not have the hash that stands at its end")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {each.removesuffix(".npy"): archive.read(each) for each in archive.namelist()}
        head = json.loads(_array(members.pop(_HEAD)).tobytes())
        if head["format"] != FORMAT:
            raise ForeignError(  # noqa: TRY301
                f"{name} has the format {head['format']!r}; this version reads {FORMAT}"
            )
        episode = _rebuilt(head, {key: _array(member) for key, member in members.items()})
    except ForeignError:
        raise
    except Exception as error:  # its hash is right, so whoever wrote it wrote something else
        raise ForeignError(f"{name} was not written by Ratchet: {error}") from error
    fault = episode.fault()
    if fault is not None:
        raise ForeignError(f"{name} was not written by Ratchet: {fault}")
    return episode


def write_episode(path: Path, episode: Episode) -> None:
    """Write an episode's file, which is whole or absent whatever happens meanwhile.

    A file of that name is replaced.

    Raises
    ------
    SpoolError
        If the episode has a fault, or the file cannot be written.

    """
    place_file(path, pack_episode(episode), path.parent)
    try:
        flush_directory(path.parent)
    except OSError as problem:
        raise SpoolError(str(explain(problem, path.parent))) from problem


def place_file(path: Path, content: bytes, home: Path) -> None:
    """Put a file at `path` in one step, flushed; until then it has a temporary name in `home`.

    Raises
    ------
    SpoolError
        If it cannot be written. There is none then, and none of the temporary name.

    """
    temporary = home / temporary_name()
    try:
        write_flushed(temporary, content)
        temporary.rename(path)
    except OSError as problem:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise SpoolError(str(explain(problem, path))) from problem


def read_episode(path: Path) -> Episode:
    """Return the episode in a file.

    Raises
    ------
    CorruptError
        If it is an episode's file, but not as it was written.
    ForeignError
        If it is none, or of an unknown format.
    SpoolError
        If the file cannot be read.

    """
    try:
        content = Path(path).read_bytes()
    except OSError as problem:
        if problem.errno == errno.EIO:  # the disk's own checksum
            raise CorruptError(f"{Path(path).name} cannot be read: {problem.strerror}") from problem
        raise SpoolError(str(explain(problem, Path(path)))) from problem
    return unpack_episode(content, Path(path).name)


def _begins(content: bytes) -> bool:
    """Return whether a file begins as ours do, as far as it goes."""
    mark, name = _BEGIN
    return mark.startswith(content[:4]) and name.startswith(content[30 : 30 + len(name)])


def _sealing(body: bytes) -> bytes:
    return _SEAL + hashlib.sha256(body).hexdigest().encode()


def _archive(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return a sealed archive: the seal is the comment that a zip file may end in.

    The library's own writers take three times as long for a short episode.
    """
    members, directory, size = [], [], 0
    for name, array in arrays.items():
        content = _npy(array)
        packed, method = content, _STORED
        if len(content) >= _WORTH_PACKING:
            packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
            packed, method = packer.compress(content) + packer.flush(), _DEFLATED
        called = f"{name}.npy".encode()
        # Version, flags, method; a time that is no time, so that the same episode is the same bytes.
        said = struct.pack(
            "<5H3I2H",
            20, 0, method, 0, 0x21, zlib.crc32(content), len(packed), len(content), len(called), 0,
        )  # fmt: skip
        members += [b"PK\x03\x04", said, called, packed]
        directory += [
            b"PK\x01\x02", _MADE_BY, said, struct.pack("<3H2I", 0, 0, 0, 0, size), called
        ]  # fmt: skip
        size += 4 + len(said) + len(called) + len(packed)
    listed = b"".join(directory)
    count = len(arrays)
    end = struct.pack("<4H2IH", 0, 0, count, count, len(listed), size, _SEAL_SIZE)
    body = b"".join([*members, listed, b"PK\x05\x06", end])
    return body + _sealing(body)


def _npy(array: NDArray[Any]) -> bytes:
    """Return an array in NumPy's format, version 1.0."""
    header = f"{{'descr': {array.dtype.str!r}, 'fortran_order': False, 'shape': {array.shape!r}, }}"
    # Ten bytes stand before it, and what follows is aligned; to 16 bytes, since there are many small arrays.
    header = header.ljust(-(-(len(header) + 11) // 16) * 16 - 11) + "\n"
    return b"\x93NUMPY\x01\x00%b%b%b" % (
        len(header).to_bytes(2, "little"),
        header.encode("latin1"),
        array.tobytes(),
    )


def _array(content: bytes) -> NDArray[Any]:
    """Return an array in NumPy's format; how `_npy` writes it is read faster than NumPy's reader does."""
    match = _NPY.match(content)
    if match is None:
        return np.asarray(np.load(io.BytesIO(content), allow_pickle=False))
    shape = tuple(int(size) for size in match["shape"].split(b",") if size.strip())
    array = np.frombuffer(content, np.dtype(match["descr"].decode()), offset=match.end())
    return array.reshape(shape).copy()


def _without_zeros(
    observations: NDArray[np.float32], final: NDArray[np.float32]
) -> dict[str, NDArray[Any]]:
    """Return all observations as they are, or where most are zero the others and the gaps between."""
    places, numbers, before = [], [], 0
    for part in (observations, final):
        flat = np.ascontiguousarray(part).reshape(-1)
        # Compared as bits: -0.0 is no zero here, and NaN is kept as it is.
        found = np.flatnonzero(flat.view(np.uint32) != 0)
        places.append(found + before)
        numbers.append(flat[found])
        before += len(flat)
    if 2 * sum(map(len, places)) >= before:
        return {"observations": np.concatenate([observations, final[None]])}
    gaps = np.diff(np.concatenate(places), prepend=0)
    return {"gaps": _narrowed(gaps), "numbers": np.concatenate(numbers)}


def _with_zeros(arrays: Mapping[str, NDArray[Any]], rows: int, size: int) -> NDArray[np.float32]:
    if "observations" in arrays:
        return np.asarray(arrays["observations"])
    flat = np.zeros(rows * size, dtype=np.float32)
    places = np.cumsum(arrays["gaps"], dtype=np.int64)
    flat.view(np.uint32)[places] = arrays["numbers"].view(np.uint32)
    return flat.reshape(rows, size)


def _narrowed(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return whole numbers in the smallest type that holds them all, and others as they are."""
    if numbers.dtype.kind not in "iu" or numbers.size == 0:
        return numbers
    least, most = numbers.min(), numbers.max()
    smallest = np.promote_types(np.min_scalar_type(least), np.min_scalar_type(most))
    return numbers.astype(smallest) if smallest.itemsize < numbers.dtype.itemsize else numbers


def _rebuilt(head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Episode:
    """Return what `pack_episode` was given; whatever goes wrong in here is the file's fault."""
    steps, masked = len(arrays["rewards"]), head["masked"]
    observations = _with_zeros(arrays, steps + 1, int(head["observation"]))
    masks = None
    if masked is not None:
        masks = np.unpackbits(arrays["masks"], axis=1, count=int(masked)).view(np.bool_)
    record, origin = dict(head["record"]), dict(head["origin"])
    record["metrics"] = {name: float(x) for name, x in record["metrics"].items()}
    record["parts"] = tuple(record["parts"])
    return Episode(
        observations=observations[:-1],
        actions=arrays["actions"].astype(np.dtype(head["action_type"]), copy=False),
        masks=masks,
        log_probs=arrays["log_probs"],
        values=arrays["values"],
        rewards=arrays["rewards"],
        terminated=bool(head["terminated"]),
        final_observation=observations[-1],
        bootstrap=float(head["bootstrap"]),
        record=EpisodeRecord(**record),
        origin=Origin(**origin),
    )
