"""The bytes of a Stable-Baselines3 zip, opened without running any of them.

Invariants: nothing is unpickled but tensors, by an allow-list of our own for the layout that all
files have, and by ``torch.load(weights_only=True)`` for any other; the file is read once, so that what
is hashed is what is used; what it unpacks to is bounded before it is unpacked.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import PolicyError
from ratchet.policies.state_dict import OtherLayoutError, read_state_dict

UNPACKED_LIMIT = 2**30
"""Most bytes that a file may hold, packed or unpacked."""

MEMBER_LIMIT = 4096
"""Most members of a zip: Stable-Baselines3 writes six or seven, PyTorch one for each tensor."""


@dataclass(frozen=True, kw_only=True)
class Archive:
    """What a zip says: its fields, its tensors, who wrote it."""

    data: dict[str, Any]
    parameters: bytes
    version: str
    sha256: str


def _check_members(archive: zipfile.ZipFile, path: Path, what: str) -> None:
    members = archive.infolist()
    # the end of a zip within a truncated zip looks like the end of a zip that starts later
    if members and min(member.header_offset for member in members) != 0:
        raise PolicyError(f"{path}: {what} is damaged: it is truncated, or bytes stand before it")
    if len(members) > MEMBER_LIMIT:
        raise PolicyError(f"{path}: {what} has {len(members)} members; the most is {MEMBER_LIMIT}")
    size = sum(member.file_size for member in members)
    if size > UNPACKED_LIMIT:
        raise PolicyError(f"{path}: {what} unpacks to {size} bytes; the most is {UNPACKED_LIMIT}")
    names = [member.filename for member in members]
    if len(set(names)) != len(names):
        raise PolicyError(f"{path}: {what} holds a member twice; which one counts is unclear")


def _check_model(archive: zipfile.ZipFile, path: Path) -> None:
    for needed in ("data", "policy.pth"):
        if needed not in archive.namelist():
            raise PolicyError(
                f"{path} has no member {needed!r}; it is not a model that Stable-Baselines3 saved"
            )


def read_archive(path: Path) -> Archive:
    """Return the fields of a Stable-Baselines3 zip, with its parameters still packed.

    Raises
    ------
    PolicyError
        If the file is missing, no zip, damaged, too large, or not written by Stable-Baselines3.

    """
    if path.is_dir():
        raise PolicyError(f"{path} is a directory, not a Stable-Baselines3 zip")
    try:
        with path.open("rb") as file:
            content = file.read(UNPACKED_LIMIT + 1)
    except OSError as error:
        raise PolicyError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(content) > UNPACKED_LIMIT:
        raise PolicyError(f"{path} is larger than {UNPACKED_LIMIT} bytes")
    if not content.startswith(b"PK"):
        raise PolicyError(f"{path} is not a zip file")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_members(archive, path, "the zip")
            _check_model(archive, path)
            fields, parameters = archive.read("data"), archive.read("policy.pth")
            version = "unknown"
            if "_stable_baselines3_version" in archive.namelist():
                version = archive.read("_stable_baselines3_version").decode().strip()[:40]
    except PolicyError:
        raise
    except Exception as error:  # zipfile raises errors of a dozen types on damaged bytes
        raise PolicyError(f"{path} is a damaged zip: {error}") from error
    try:
        data = json.loads(fields)
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"{path}: its member 'data' is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise PolicyError(f"{path}: its member 'data' is not a JSON object")
    return Archive(
        data=data,
        parameters=parameters,
        version=version,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def unpack_tensors(parameters: bytes, path: Path) -> dict[str, NDArray[np.float32]]:
    """Return the float32 tensors of a ``policy.pth``.

    Parameters
    ----------
    parameters
        The bytes of a state dictionary that ``torch.save`` wrote, of any version.
    path
        The file that they come from, for messages.

    Raises
    ------
    PolicyError
        If the bytes hold anything but a dictionary of plain tensors, or cannot be read.

    """
    where = f"{path}: its member 'policy.pth'"
    try:
        if parameters.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(parameters)) as inner:
                _check_members(inner, path, "its member 'policy.pth'")
            with contextlib.suppress(OtherLayoutError):
                return read_state_dict(parameters)
        import torch  # noqa: PLC0415 - two seconds, spent on files of another layout only

        with warnings.catch_warnings():
            # old layouts make PyTorch warn about its own storage classes
            warnings.simplefilter("ignore")
            state = torch.load(io.BytesIO(parameters), weights_only=True, map_location="cpu")
    except PolicyError:
        raise
    except Exception as error:  # PyTorch raises errors of a dozen types on damaged bytes
        # its own message advises to load the file without protection
        raise PolicyError(
            f"{where} holds more than tensors, or is damaged; nothing of it was run"
        ) from error
    if not isinstance(state, dict):
        raise PolicyError(f"{where} is not a dictionary of tensors")
    tensors: dict[str, NDArray[np.float32]] = {}
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise PolicyError(f"{where} holds {name!r}, which is not a tensor")
        plain = tensor.layout == torch.strided and tensor.device.type == "cpu"
        # a tensor of stride 0 claims more numbers than its storage has, without limit
        if not plain or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise PolicyError(f"{where}: tensor {name} is not stored plainly")
        if not tensor.is_floating_point():
            raise PolicyError(f"{where}: tensor {name} has type {tensor.dtype}, not a float")
        tensors[name] = tensor.detach().to(torch.float32).contiguous().numpy().copy()
    return tensors
