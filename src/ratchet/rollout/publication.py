"""Policies that a trainer publishes for workers, by version number.

Invariant: a version is published by one rename of a whole checkpoint, whose name says version and policy, and
a version is one policy for good. So there is nothing beside the directory that could disagree with it, and
no reader sees a part.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path

from ratchet.errors import PolicyError
from ratchet.policies.checkpoint import publish, publish_again, read_checkpoint
from ratchet.policies.durable import (
    create_file,
    flush_directory,
    temporary_name,
    write_failure,
)
from ratchet.policies.policy import Policy

_NAME = re.compile(r"(\d{8,})-([0-9a-f]{16})")
_FINISHED = "finished"


class Publication:
    """The policies of a fleet's run, for its one trainer and all of its workers.

    Parameters
    ----------
    directory
        Where they are; the first `publish` makes it.

    """

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)

    def publish(self, version: int, policy: Policy, *, written: Path | None = None) -> None:
        """Publish a policy under a version number; it is durable before any worker can see it.

        To publish the same again changes nothing, unless what is there is damaged: then it is replaced.
        `written` is a checkpoint to which this process has just written it; it saves writing it again.

        Raises
        ------
        PolicyError
            If the version is another policy, or the policy cannot be written.

        """
        if version < 0:
            raise PolicyError(f"version {version} cannot be published; the first is 0")
        there = self.ids().get(version)
        if there is not None and there != policy.id:
            raise PolicyError(
                f"version {version} in {self.directory} is policy {there}, not {policy.id}; "
                "a version is one policy for good"
            )
        if there is not None:
            try:
                self.load(version)
            except PolicyError:
                self._remove(self._place(version, there))
            else:
                return
        place = self._place(version, policy.id)
        if written is None:
            publish(policy, place)
        else:
            publish_again(policy, place, written)

    def newest(self) -> int | None:
        """Return the number of the newest version, or None where nothing is published."""
        return max(self.ids(), default=None)

    def load(self, version: int) -> Policy:
        """Return the policy of a version, verified.

        Raises
        ------
        PolicyError
            If it is gone, was never published, or is damaged.

        """
        identity = self.ids().get(version)
        if identity is None:
            raise PolicyError(f"{self.directory} has no version {version}")
        policy = read_checkpoint(self._place(version, identity))
        if policy.id != identity:
            raise PolicyError(f"{self._place(version, identity)} holds policy {policy.id}")
        return policy

    def ids(self) -> dict[int, str]:
        """Return the policy's id of every version that is kept, the oldest first."""
        found = {}
        with contextlib.suppress(FileNotFoundError):
            for entry in self.directory.iterdir():
                match = _NAME.fullmatch(entry.name)
                if match is not None:
                    found[int(match.group(1))] = match.group(2)
        return dict(sorted(found.items()))

    def keep(self, versions: int) -> None:
        """Forget all but the newest so many versions.

        Raises
        ------
        PolicyError
            If an old one cannot be removed, or fewer than one would be left.

        """
        if versions < 1:
            raise PolicyError(f"{versions} versions cannot be kept; it must be at least 1")
        for version, identity in list(self.ids().items())[:-versions]:
            self._remove(self._place(version, identity))

    def finish(self) -> None:
        """Say that no version will come any more: workers end.

        Raises
        ------
        PolicyError
            If it cannot be written.

        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                create_file(self.directory / _FINISHED, b"")
        except OSError as error:
            raise write_failure(str(self.directory / _FINISHED), error) from error

    def reopen(self) -> None:
        """Say that versions will come after all, where a finished fleet goes on.

        Raises
        ------
        PolicyError
            If it cannot be written.

        """
        try:
            if self.finished:
                (self.directory / _FINISHED).unlink()
                flush_directory(self.directory)
        except OSError as error:
            raise write_failure(str(self.directory / _FINISHED), error) from error

    @property
    def finished(self) -> bool:
        """Whether no version will come any more."""
        return (self.directory / _FINISHED).exists()

    def _place(self, version: int, identity: str) -> Path:
        return self.directory / f"{version:08d}-{identity}"

    def _remove(self, place: Path) -> None:
        """Remove a version; from the first moment on no reader finds it under its name."""
        hidden = place.with_name(temporary_name())
        try:
            place.rename(hidden)
            shutil.rmtree(hidden)
        except OSError as error:
            raise write_failure(str(place), error) from error
