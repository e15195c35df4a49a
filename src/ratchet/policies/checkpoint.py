"""Checkpoints: a directory of safetensors and JSON that is whole or absent.

Invariants:

- A directory appears under its name by one rename, after every byte in it has reached the disk, and
  is never written to again. What is unfinished is called ``.tmp-…``, which no reader looks at.
- ``manifest.json`` holds size and SHA-256 of every file, and its own. A reader verifies all of it
  before it uses any of it; what does not verify is refused, and the last good neighbour is named.
- No file holds code: tensors are safetensors, everything else is strict JSON.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays

from ratchet.errors import DamageError, PolicyError
from ratchet.policies.durable import (
    flush_directory,
    replace_file,
    strict_json,
    temporary_name,
    write_failure,
    write_flushed,
)
from ratchet.policies.normalizer import Normalizer
from ratchet.policies.policy import Policy
from ratchet.policies.spec import read_spec

FORMAT = 1
"""Version of the layout; a reader refuses one that it does not know."""

MANIFEST = "manifest.json"
POLICY = ("policy.json", "policy.safetensors")
"""The files that every checkpoint has."""
STALE_SECONDS = 3600.0
"""A temporary directory of this age belongs to nobody."""

_TYPES = {
    "<u8": "U64", "<i8": "I64", "<f8": "F64", "<f4": "F32", "<u4": "U32", "<i4": "I32",
    "<f2": "F16", "<u2": "U16", "<i2": "I16", "|i1": "I8", "|u1": "U8", "|b1": "BOOL",
}  # fmt: skip
"""NumPy's types by what safetensors calls them, in the order in which it writes them."""

_TEMPORARY = re.compile(r"\.tmp-([0-9a-f]{8})-(\d+)-[0-9a-f]+")
_POINTER = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingState:
    """What a run needs to go on exactly: optimizer moments, generators, counters; opaque here.

    `arrays` hold numbers of any shape and type that safetensors knows; `data` is plain JSON.
    """

    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


Parts = list[bytes | memoryview]
"""What a file holds, one part after the other; arrays are not copied for it."""


def _pack(arrays: Mapping[str, NDArray[Any]]) -> Parts:
    """Return arrays as safetensors, as the library writes them.

    It copies everything several times over: where a run is written after each of its updates, that takes
    longer than the disk.
    """
    whole = {}
    for name, array in arrays.items():
        little = array.dtype.newbyteorder("<")
        if little.str not in _TYPES:
            raise PolicyError(f"array {name} is {array.dtype}, which a checkpoint cannot hold")
        # not ascontiguousarray: it would give a scalar a dimension
        whole[name] = np.asarray(array, dtype=little, order="C")
    # The widest types first: every array then begins at a multiple of its type's size.
    types = list(_TYPES)
    order = sorted(whole, key=lambda name: (types.index(whole[name].dtype.str), name))
    header, end = {}, 0
    for name in order:
        array = whole[name]
        begin, end = end, end + array.nbytes
        header[name] = {
            "dtype": _TYPES[array.dtype.str],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    parts = [whole[name].reshape(-1).view(np.uint8).data for name in order]
    return [len(text).to_bytes(8, "little"), text, *parts]


def _spell(numbers: list[float] | tuple[float, ...]) -> list[float | str]:
    """Return bounds with infinity as a word, since JSON has no number for it."""
    return [number if math.isfinite(number) else str(number) for number in numbers]


def _contents(policy: Policy, state: TrainingState | None) -> dict[str, Parts]:
    """Return what every file of a checkpoint holds, by name."""
    arrays: dict[str, NDArray[Any]] = dict(policy.tensors)
    if policy.normalizer is not None:
        arrays.update(policy.normalizer.arrays())
    spec = policy.spec.to_json()
    for name in ("low", "high"):
        spec["action"][name] = _spell(spec["action"][name])
    described = {
        "format": FORMAT,
        "id": policy.id,
        "spec": spec,
        "normalizer": policy.normalizer.settings() if policy.normalizer else None,
        "lineage": list(policy.lineage),
        "record": dict(policy.record),
    }
    files: dict[str, Parts] = {
        POLICY[0]: [strict_json(described, "the policy's record")],
        POLICY[1]: _pack(arrays),
    }
    if state is not None:
        files["training.json"] = [strict_json(dict(state.data), "the training state")]
        files["training.safetensors"] = _pack(state.arrays)
    listed = {name: _entry(parts) for name, parts in sorted(files.items())}
    files[MANIFEST] = [_manifest(listed)]
    return files


def _entry(parts: Parts) -> dict[str, Any]:
    """Return what the manifest says of a file."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part)
    return {"size": sum(map(len, parts)), "sha256": sha.hexdigest()}


def _manifest(listed: Mapping[str, Any]) -> bytes:
    """Return the manifest, which also holds the hash of itself without that hash."""
    content = {"format": FORMAT, "files": dict(listed)}
    own = hashlib.sha256(strict_json(content, MANIFEST)).hexdigest()
    return strict_json({**content, "sha256": own}, MANIFEST)


class _DamageError(Exception):
    """Why a checkpoint does not verify."""


def _read_verified(directory: Path) -> dict[str, bytes]:
    """Return the bytes of every file that the manifest lists, each as it should be."""
    try:
        manifest = (directory / MANIFEST).read_bytes()
    except FileNotFoundError as error:
        raise _DamageError(f"{MANIFEST} is missing") from error
    except OSError as error:
        raise PolicyError(f"{directory / MANIFEST} cannot be read: {error.strerror}") from error
    try:
        parsed = json.loads(manifest)
        version, listed = parsed["format"], parsed["files"]
        expected = {
            name: (int(entry["size"]), str(entry["sha256"])) for name, entry in listed.items()
        }
        ours = _manifest(listed)
        # By its hash it is of this format, whatever it says.
        known = parsed.get("sha256") == json.loads(ours)["sha256"]
        if manifest != ours and (version == FORMAT or known):
            raise _DamageError(f"{MANIFEST} is damaged")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, PolicyError) as error:
        raise _DamageError(f"{MANIFEST} is damaged") from error
    if version != FORMAT:
        raise PolicyError(
            f"checkpoint {directory} has the format {version!r}; this version reads {FORMAT}"
        )
    files: dict[str, bytes] = {}
    for name, (size, sha256) in expected.items():
        if Path(name).name != name:
            raise _DamageError(f"{MANIFEST} lists {name!r}, which is not in the directory")
        try:
            content = (directory / name).read_bytes()
        except FileNotFoundError as error:
            raise _DamageError(f"{name} is missing") from error
        except OSError as error:
            raise PolicyError(f"{directory / name} cannot be read: {error.strerror}") from error
        if len(content) != size:
            raise _DamageError(f"{name} has {len(content)} bytes; it should have {size}")
        if hashlib.sha256(content).hexdigest() != sha256:
            raise _DamageError(f"{name} does not have the hash that {MANIFEST} says")
        files[name] = content
    if "policy.json" not in files or "policy.safetensors" not in files:
        raise _DamageError(f"{MANIFEST} lists no policy")
    return files


def last_good(parent: Path, *, but: Path | None = None) -> Path | None:
    """Return the newest directory in `parent` that verifies, or None.

    Newest is by the number that its name ends in, then by time. `but` is left out.
    """

    def age(directory: Path) -> tuple[int, float]:
        number = re.search(r"(\d+)$", directory.name)
        return int(number.group(1)) if number else -1, directory.stat().st_mtime

    with contextlib.suppress(OSError):
        candidates = [
            one
            for one in parent.iterdir()
            if one.is_dir() and not one.name.startswith(".") and (one / MANIFEST).is_file()
        ]
        for directory in sorted(candidates, key=age, reverse=True):
            if but is not None and directory.resolve() == but.resolve():
                continue
            with contextlib.suppress(_DamageError, PolicyError):
                _read_verified(directory)
                return directory
    return None


def _nearest_good(damaged: Path) -> Path | None:
    """Return the last good checkpoint beside a damaged one, or in its run: the newest by time."""
    home = next((p for p in damaged.parents if p.name == "checkpoints"), None)
    if home is None:
        return last_good(damaged.parent, but=damaged)
    found = [
        path.parent
        for path in home.rglob(MANIFEST)
        if path.parent != damaged and not any(p.startswith(".") for p in path.parts)
    ]
    for directory in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True):
        with contextlib.suppress(_DamageError, PolicyError):
            _read_verified(directory)
            return directory
    return None


def _verified(directory: Path) -> dict[str, bytes]:
    """Return the bytes of a checkpoint, or the error that a person can act on."""
    if not directory.is_dir():
        what = "it is a file" if directory.exists() else "there is no such directory"
        raise PolicyError(f"{directory} is not a checkpoint: {what}")
    if not (directory / MANIFEST).is_file() and not (directory / "policy.json").is_file():
        raise PolicyError(f"{directory} is not a checkpoint: it has no {MANIFEST}")
    try:
        return _read_verified(directory)
    except _DamageError as damage:
        good = _nearest_good(directory.absolute())
        advice = f"the last good one is {good}" if good else "there is no good one beside it"
        raise DamageError(f"checkpoint {directory} is refused: {damage}; {advice}") from damage


def is_checkpoint(path: Path) -> bool:
    """Return whether `path` looks like a checkpoint (which a reader may still refuse)."""
    return (path / MANIFEST).is_file()


def read_checkpoint(directory: Path) -> Policy:
    """Return the policy of a checkpoint, after verifying every file in it.

    Raises
    ------
    PolicyError
        If there is none, or a file is missing, damaged or of an unknown format; it names the file
        and the last good checkpoint beside it.

    """
    directory = Path(directory)
    files = _verified(directory)
    try:
        described = json.loads(files["policy.json"])
        if described["format"] != FORMAT:
            raise PolicyError(f"format {described['format']!r} is not {FORMAT}")  # noqa: TRY301
        for name in ("low", "high"):
            described["spec"]["action"][name] = [
                float(number) for number in described["spec"]["action"][name]
            ]
        arrays = load_arrays(files["policy.safetensors"])
        statistics = {name: arrays.pop(name) for name in list(arrays) if "normalizer." in name}
        settings = described["normalizer"]
        policy = Policy(
            spec=read_spec(described["spec"]),
            tensors=arrays,
            normalizer=None if settings is None else Normalizer.restore(settings, statistics),
            lineage=tuple(described["lineage"]),
            record=described["record"],
        )
    except (PolicyError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise PolicyError(f"checkpoint {directory} cannot be read: {error}") from error
    if policy.id != described["id"]:
        raise PolicyError(f"checkpoint {directory} says id {described['id']}, but is {policy.id}")
    return policy


def read_training_state(directory: Path) -> TrainingState:
    """Return the training state of a checkpoint, after verifying every file in it.

    Raises
    ------
    PolicyError
        If the checkpoint is damaged, or holds a policy alone.

    """
    directory = Path(directory)
    files = _verified(directory)
    if "training.json" not in files or "training.safetensors" not in files:
        raise PolicyError(
            f"checkpoint {directory} holds a policy and no training state; "
            "training cannot go on from it, but fine-tuning can start from it"
        )
    try:
        return TrainingState(
            arrays=load_arrays(files["training.safetensors"]),
            data=json.loads(files["training.json"]),
        )
    except (SafetensorError, ValueError) as error:
        raise PolicyError(f"checkpoint {directory} cannot be read: {error}") from error


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _sweep(parent: Path) -> None:
    """Remove what publishers that died have left."""
    here = _TEMPORARY.fullmatch(temporary_name())
    for leftover in parent.glob(".tmp-*"):
        made = _TEMPORARY.fullmatch(leftover.name)
        if made is None or here is None:
            continue
        with contextlib.suppress(OSError):
            old = time.time() - leftover.stat().st_mtime > STALE_SECONDS
            orphan = made.group(1) == here.group(1) and not _alive(int(made.group(2)))
            if (old or orphan) and leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            elif old or orphan:
                leftover.unlink()


def _already_there(directory: Path, policy: Policy, state: TrainingState | None) -> bool:
    """Return whether `directory` holds this very checkpoint; refuse it if it holds another."""
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return False
    there = read_checkpoint(directory)
    if there.id != policy.id:
        raise PolicyError(
            f"{directory} already holds policy {there.id}, not {policy.id}; "
            "a checkpoint is never overwritten"
        )
    if state is not None and not (directory / "training.json").is_file():
        raise PolicyError(f"{directory} already holds policy {there.id}, without a training state")
    return True


def publish(policy: Policy, directory: Path, *, state: TrainingState | None = None) -> Path:
    """Write a checkpoint that is whole or absent, whatever happens meanwhile.

    Parameters
    ----------
    policy
        The policy.
    directory
        Where it will be found. Where the same policy is already there, nothing is written.
    state
        What training needs to go on from here; without it the checkpoint holds the policy alone.

    Returns
    -------
    Path
        `directory`.

    Raises
    ------
    PolicyError
        If another policy is there, its record is not plain JSON, or it cannot be written.

    """
    directory = Path(directory)
    if directory.name.startswith("."):
        raise PolicyError(f"{directory} cannot be a checkpoint: its name starts with a dot")
    if _already_there(directory, policy, state):
        return directory
    files = _contents(policy, state)
    temporary = directory.with_name(temporary_name())
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        _sweep(directory.parent)
        temporary.mkdir()
        for name, parts in files.items():
            write_flushed(temporary / name, *parts)
        flush_directory(temporary)
        temporary.rename(directory)
        flush_directory(directory.parent)
    except OSError as error:
        # another publisher may have been faster, with the same policy
        if temporary.is_dir() and is_checkpoint(directory):
            _already_there(directory, policy, state)
            return directory
        raise write_failure(f"checkpoint {directory}", error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return directory


def publish_again(policy: Policy, directory: Path, written: Path) -> Path:
    """Publish a policy that this process has just written to the checkpoint `written`; no training state.

    The files are shared with that one where the file system can, so nothing is hashed or written again.
    Otherwise it is what `publish` is.
    """
    directory = Path(directory)
    temporary = directory.with_name(temporary_name())
    try:
        entries = json.loads((written / MANIFEST).read_bytes())["files"]
        directory.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        for name in POLICY:
            os.link(written / name, temporary / name)
        write_flushed(temporary / MANIFEST, _manifest({name: entries[name] for name in POLICY}))
        flush_directory(temporary)
        temporary.rename(directory)
        flush_directory(directory.parent)
    except (OSError, ValueError, KeyError, TypeError):
        return publish(policy, directory)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return directory


def _pointer(run_dir: Path, name: str) -> Path:
    if not _POINTER.fullmatch(name):
        raise PolicyError(f"pointer {name!r} is not a name like 'best' or 'latest'")
    return run_dir / f"{name}.json"


def point(run_dir: Path, name: str, checkpoint_dir: Path, *, written: str | None = None) -> Path:
    """Make `name` (``best``, ``latest``) of a run mean a checkpoint, in one step.

    It is verified first, unless its id is given as `written`: by whoever has just written it.

    Returns
    -------
    Path
        The pointer: ``NAME.json`` with the relative place of the checkpoint, and its id.

    Raises
    ------
    PolicyError
        If the checkpoint does not verify, or the pointer cannot be written.

    """
    pointer = _pointer(Path(run_dir), name)
    identity = written or read_checkpoint(checkpoint_dir).id
    place = os.path.relpath(Path(checkpoint_dir).absolute(), Path(run_dir).absolute())
    content = {"checkpoint": Path(place).as_posix(), "id": identity}
    try:
        replace_file(pointer, strict_json(content, pointer.name))
    except OSError as error:
        raise write_failure(str(pointer), error) from error
    return pointer


def follow(run_dir: Path, name: str) -> Path:
    """Return the checkpoint that `name` means in a run; it is verified.

    Raises
    ------
    PolicyError
        If there is no such pointer, or the checkpoint is missing, damaged, or not the one meant.

    """
    pointer = _pointer(Path(run_dir), name)
    try:
        content = json.loads(pointer.read_bytes())
        place, identity = str(content["checkpoint"]), str(content["id"])
    except FileNotFoundError:
        raise PolicyError(f"{run_dir} has no {name!r}: there is no {pointer.name}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PolicyError(f"{pointer} cannot be read: {error}") from error
    directory = Path(run_dir) / place
    found = read_checkpoint(directory).id
    if found != identity:
        raise PolicyError(f"{pointer} means policy {identity}, but {directory} holds {found}")
    return directory
