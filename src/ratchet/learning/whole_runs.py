"""The checkpoints of a run that learns for long: each the whole run, the newest ones kept.

Invariant: a checkpoint's name is its update's for good. One that is damaged is set aside under another name,
and the one before it takes its place.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from ratchet.errors import DamageError, PolicyError
from ratchet.policies.checkpoint import (
    TrainingState,
    publish,
    read_checkpoint,
    read_training_state,
)
from ratchet.policies.durable import temporary_name, write_failure
from ratchet.policies.policy import Policy

_NAME = re.compile(r"update-(\d{8,})")


class WholeRuns:
    """The checkpoints ``update-NNNNNNNN`` of a directory, which one process writes.

    Parameters
    ----------
    home
        The directory.
    keep
        How many of the newest ones stay.
    note
        Is told, in a sentence, what was set aside.

    """

    def __init__(
        self,
        home: Path,
        *,
        keep: int,
        note: Callable[[str], None],
    ) -> None:
        self.home = home
        self._keep, self._note = keep, note

    def place(self, number: int) -> Path:
        """Return where the checkpoint of an update is."""
        return self.home / f"update-{number:08d}"

    def publish(self, number: int, policy: Policy, state: TrainingState) -> None:
        """Write the checkpoint of an update; it is whole or absent.

        Raises
        ------
        PolicyError
            If another is there, or it cannot be written.

        """
        publish(policy, self.place(number), state=state)

    def newest(self) -> tuple[int, Policy, TrainingState] | None:
        """Return the newest update whose checkpoint is whole, with its policy and state; None before the first.

        Damaged ones are set aside. Where even the first update's is among those, its start is what was before.

        Raises
        ------
        PolicyError
            If none is whole of a run whose first ones are gone, or one cannot be read now.

        """
        for number in reversed(self._numbers()):
            path = self.place(number)
            try:
                return number, read_checkpoint(path), read_training_state(path)
            except DamageError as error:
                self._note(f"set aside as damaged-{path.name}: {error}")
                with contextlib.suppress(OSError):
                    path.rename(path.with_name(f"damaged-{path.name}"))
        damaged = self._numbers("damaged-")
        if damaged and damaged[0] != 1:
            raise PolicyError(
                f"none of the {len(damaged)} checkpoints in {self.home} is whole, so the run cannot go on "
                "where it was; begin another one"
            )
        return None

    def prune(self) -> None:
        """Remove what is not among the newest.

        Raises
        ------
        PolicyError
            If something cannot be removed.

        """
        for number in self._numbers()[: -self._keep]:
            path = self.place(number)
            hidden = path.with_name(temporary_name())
            try:
                path.rename(hidden)
                shutil.rmtree(hidden)
            except OSError as error:
                raise write_failure(str(path), error) from error

    def _numbers(self, prefix: str = "") -> list[int]:
        """Return the numbers of all updates that have a checkpoint, in order; `prefix` is that of their names."""
        with contextlib.suppress(FileNotFoundError):
            names = [path.name for path in self.home.iterdir() if path.name.startswith(prefix)]
            found = (_NAME.fullmatch(name.removeprefix(prefix)) for name in names)
            return sorted(int(match.group(1)) for match in found if match is not None)
        return []
