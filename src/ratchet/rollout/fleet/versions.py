"""Published policies as a worker has them: ready to play, the newest taken when one is asked for."""

from __future__ import annotations

import contextlib
import time

from ratchet.errors import PolicyError
from ratchet.policies.actor import Chooser
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.actor import actor_for
from ratchet.rollout.fit import check_fit
from ratchet.rollout.fleet.critic import Critic
from ratchet.rollout.publication import Publication
from ratchet.tasks.task import Task

_AGAIN = 1.0


class Version:
    """A published policy under its number: `chooser` plays, `critic` says what that was worth."""

    def __init__(self, number: int, policy: Policy) -> None:
        self.number, self.policy = number, policy.id
        self.chooser: Chooser = actor_for(policy)
        self.critic = Critic(policy)


class Versions:
    """The versions of a publication, for a worker that plays a task."""

    def __init__(self, publication: Publication, task: Task) -> None:
        self._publication, self._task = publication, task
        self.current: Version | None = None
        """The one that episodes begin with."""
        self._refused: dict[int, float] = {}
        """When, on the monotonic clock, versions that could not be loaded may be tried again."""

    def look(self) -> bool:
        """Look what is published; return whether there is something newer than `current` to load."""
        return bool(self._loadable(self._publication.ids()))

    def load(self) -> bool:
        """Take the newest that can be loaded and is newer than `current`; return whether there was one.

        One that is gone again or damaged is passed over; the one before it will do.

        Raises
        ------
        PolicyError
            If the policy does not fit the task.

        """
        ids = self._publication.ids()
        for number in self._loadable(ids):
            policy = None
            with contextlib.suppress(PolicyError):
                policy = self._publication.load(number)
            if policy is None:
                self._refused[number] = time.monotonic() + _AGAIN
                continue
            check_fit(policy.spec, self._task)
            self.current = Version(number, policy)
            return True
        return False

    def _loadable(self, ids: dict[int, str]) -> list[int]:
        least = -1 if self.current is None else self.current.number
        newer = [number for number in reversed(ids) if number > least]
        if self._refused:
            now = time.monotonic()
            self._refused = {n: again for n, again in self._refused.items() if again > now}
            newer = [number for number in newer if number not in self._refused]
        return newer
