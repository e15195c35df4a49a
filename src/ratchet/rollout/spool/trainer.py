"""The trainer's end of the spool: it claims episodes for an update, and says which it has learned from.

Invariants:

- One trainer at a time, by the kernel's lock. Everything in a spool but what writers put in is moved
  by its trainer.
- An episode is learned from at most once. What a claim becomes is decided by the published checkpoint's
  own list of what it has learned from: `recover` makes the files agree with it, wherever a crash, or a
  loss of power after it, has left them.
- A refused file has its reason beside it, from before it is in its place.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from ratchet.errors import CorruptError, ForeignError, SpoolError
from ratchet.ledger.lock import RunLock
from ratchet.policies.durable import replace_file, strict_json
from ratchet.rollout.episode import Episode
from ratchet.rollout.episode_file import read_episode
from ratchet.rollout.kind import EpisodeKind
from ratchet.rollout.spool.lag import MAX_LAG, lag
from ratchet.rollout.spool.layout import (
    CLAIMED,
    CONSUMED,
    CORRUPT,
    FOREIGN,
    INCOMING,
    REASON,
    STALE,
    Key,
    Name,
    create_spool,
    entries,
    files_of,
    flush,
    keys_elsewhere,
    moving,
    of_update,
    parse_name,
    stray_name,
    stray_number,
    unusable,
    updates_in,
    writers_of,
)
from ratchet.rollout.spool.recovery import clear, settle
from ratchet.rollout.spool.retired import Retired, retire

KEEP = 4
"""For how many updates the files of consumed and stale episodes are kept."""


class Claimed(NamedTuple):
    """An episode that is claimed: its name in the spool, its lag, and itself."""

    name: str
    lag: int
    episode: Episode


class Spool:
    """A spool, for the one process that learns from it; use it as a context manager.

    Parameters
    ----------
    directory
        The spool; it is made if there is none.
    kind
        The kind of episodes that it is for.
    update
        The number of the published checkpoint that training goes on from: 0 before the first update.
    learned
        The names of all episodes that this checkpoint says its update has learned from.
    keep
        For how many updates consumed and stale files are kept; None keeps them for good. Counted they
        are for good.

    Raises
    ------
    SpoolError
        On entering, if the spool is of another kind or cannot be used.
    LedgerError
        On entering, if another trainer uses it.

    """

    def __init__(
        self,
        directory: Path,
        kind: EpisodeKind,
        *,
        update: int = 0,
        learned: Collection[str] = (),
        keep: int | None = KEEP,
    ) -> None:
        self.directory = Path(directory)
        self._kind = kind
        self._keep = keep
        self._update, self._learned = update, learned
        self._lock = RunLock(self.directory)
        self._open = False
        self._retired = Retired({}, {})
        self._elsewhere: set[Key] = set()
        self._strays = 0

    def __enter__(self) -> Self:
        self._lock.acquire()
        self._open = True
        try:
            create_spool(self.directory, self._kind)
            self.recover(self._update, self._learned)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def claim(
        self,
        update: int,
        count: int,
        *,
        version: int,
        policies: Mapping[int, str],
        max_lag: int = MAX_LAG,
    ) -> list[Claimed]:
        """Take up to `count` episodes for an update that is about to begin; fewer if fewer wait.

        Those of the oldest version come first, and of one version each writer's first, then each one's
        second: no clock has a say. What is refused on the way goes where it belongs.

        Parameters
        ----------
        update
            The number of the update. Claims for one end before those for another begin.
        count
            How many.
        version
            The newest published version; lag is counted up to it.
        policies
            The policy's id of each published version that is not too old.
        max_lag
            The largest lag that is not stale.

        Raises
        ------
        SpoolError
            If the update is published already, another one has claims, or the spool cannot be used:
            what this call had claimed until then stays claimed for the update, until `release` or
            `consume` lets it wait again.

        """
        self._check_open()
        if update <= self._update:
            raise SpoolError(f"update {update} has been published; the last one is {self._update}")
        for other in updates_in(self.directory, CLAIMED):
            if other != update and files_of(self.directory, CLAIMED, other):
                raise SpoolError(f"update {other} has claims; consume or release them first")
        claimed: list[Claimed] = []
        try:
            for name in self._waiting(update):
                if len(claimed) == count:
                    break
                found = self._admit(name, update, version, policies, max_lag)
                if found is not None:
                    claimed.append(found)
        except OSError as problem:
            raise unusable(problem, self.directory) from problem
        return claimed

    def consume(self, update: int, names: Iterable[str]) -> None:
        """Settle the claims of an update: its checkpoint is published, and lists these as learned.

        Claims of it that are not among them go back to the queue. To say it again changes nothing.

        Raises
        ------
        SpoolError
            If one of them was never claimed for the update (nothing has moved then), or the spool cannot
            be used (say it again then).

        """
        self._check_open()
        wanted = set(names)
        claims = files_of(self.directory, CLAIMED, update)
        done = files_of(self.directory, CONSUMED, update)
        for text in sorted(wanted - set(claims) - set(done)):
            name = parse_name(text)
            if name is None or name.key not in self._retired:
                raise SpoolError(f"{text} was not claimed for update {update}")
        source = of_update(self.directory, CLAIMED, update)
        target = of_update(self.directory, CONSUMED, update)
        try:
            target.mkdir(exist_ok=True)
            for text in wanted & set(claims):
                (source / text).rename(target / text)
            flush(target, target.parent, source)
            self._return(update, set(claims) - wanted)
            self._update = max(self._update, update)
            self._retire()
        except OSError as problem:
            raise unusable(problem, self.directory) from problem

    def release(self, update: int) -> None:
        """Let the claims of an update that did not come about go back to the queue.

        Raises
        ------
        SpoolError
            If the spool cannot be used.

        """
        self._check_open()
        try:
            self._return(update, files_of(self.directory, CLAIMED, update))
        except OSError as problem:
            raise unusable(problem, self.directory) from problem

    def recover(self, update: int, learned: Collection[str]) -> None:
        """Make the files agree with a published checkpoint, whatever went on when its trainer died.

        What it has learned from is consumed, wherever it is; all other claims, and what only updates
        after it had consumed, go back to the queue as far as the files are kept.

        Parameters
        ----------
        update
            The number of the checkpoint's update.
        learned
            The names of what it has learned from: those of its own update at least.

        Raises
        ------
        SpoolError
            If the spool cannot be used.

        """
        self._check_open()
        try:
            with moving(self.directory):
                self._retired = clear(self.directory)
                settle(self.directory, update, set(learned), self._retired)
            self._read_elsewhere()
            self._update = update
            self._retire()
        except OSError as problem:
            raise unusable(problem, self.directory) from problem

    def _close(self) -> None:
        self._open = False
        self._lock.release()

    def _check_open(self) -> None:
        if not self._open:
            raise SpoolError(f"the spool {self.directory} is not open; use it in a with statement")

    def _waiting(self, update: int) -> list[Name]:
        """Return what waits, in the order in which it is taken; what has no name of ours goes."""
        found, strays = [], []
        writers = writers_of(self.directory)
        for entry in entries(self.directory / INCOMING):
            name = parse_name(entry.name)
            if name is None or name.writer not in writers:
                strays.append((entry.name, "no worker of this spool has given this name"))
            elif not entry.is_file(follow_symlinks=False):
                strays.append((entry.name, "it is not a file"))
            elif self._has_been(name.key):
                strays.append((entry.name, "an episode of this name has been here before"))
            else:
                found.append(name)
        for text, reason in sorted(strays):
            self._set_aside(text, update, f"{text!r}: {reason}")
        turns: Counter[tuple[int, int]] = Counter()
        order = []
        for name in sorted(found):
            order.append((name.version, turns[name.version, name.writer], name.writer, name))
            turns[name.version, name.writer] += 1
        return [name for *_, name in sorted(order)]

    def _has_been(self, key: Key) -> bool:
        return key in self._retired or key in self._elsewhere

    def _admit(
        self, name: Name, update: int, version: int, policies: Mapping[int, str], max_lag: int
    ) -> Claimed | None:
        """Claim an episode and return it, or put it where it belongs."""
        text, waiting = str(name), self.directory / INCOMING / str(name)
        if self._has_been(name.key):  # twice in the queue, under two versions
            self._set_aside(text, update, f"{text!r}: an episode of this name has been here before")
            return None
        try:
            episode = read_episode(waiting)
        except CorruptError as error:
            self._refuse(waiting, CORRUPT, update, name.key, str(error))
            return None
        except ForeignError as error:
            self._refuse(waiting, FOREIGN, update, name.key, str(error))
            return None
        other = self._kind.mismatch(episode)
        if other is not None:  # the name is a worker's of this run, which may still need it
            self._set_aside(text, update, f"{text!r}: {other}")
            return None
        behind = lag(name.version, version)
        if behind < 0:
            reason = f"it is of version {name.version}, and {version} is the newest"
            self._refuse(waiting, FOREIGN, update, name.key, reason)
            return None
        if behind > max_lag:
            reason = f"its lag is {behind} versions; {max_lag} is the most"
            self._refuse(waiting, STALE, update, name.key, reason)
            return None
        mismatch = self._mismatch(name, episode, policies)
        if mismatch is not None:
            self._refuse(waiting, FOREIGN, update, name.key, mismatch)
            return None
        claims = of_update(self.directory, CLAIMED, update)
        claims.mkdir(exist_ok=True)
        waiting.rename(claims / text)
        self._elsewhere.add(name.key)
        return Claimed(text, behind, episode)

    @staticmethod
    def _mismatch(name: Name, episode: Episode, policies: Mapping[int, str]) -> str | None:
        origin = episode.origin
        if origin.version != name.version:
            return f"its name says version {name.version}, and it says {origin.version}"
        published = policies.get(name.version)
        if origin.policy != published:
            return f"version {name.version} is policy {published}, and it is of {origin.policy}"
        return None

    def _refuse(self, path: Path, state: str, update: int, key: Key, reason: str) -> None:
        """Move a file to where it is refused, its reason going before it."""
        place = of_update(self.directory, state, update)
        place.mkdir(exist_ok=True)
        name = path.name if not isinstance(key, str) else key
        said = {"state": state, "reason": reason}
        replace_file(place / (name + REASON), strict_json(said, "a reason"))
        path.rename(place / name)
        self._elsewhere.add(key)

    def _set_aside(self, text: str, update: int, reason: str) -> None:
        """Refuse what came under a name that is not its own; it gets one."""
        with moving(self.directory):
            name = stray_name(self._strays)
            self._refuse(self.directory / INCOMING / text, FOREIGN, update, name, reason)
            self._strays += 1

    def _return(self, update: int, names: Iterable[str]) -> None:
        """Let claims go back to the queue, and leave no empty directory."""
        source, target = of_update(self.directory, CLAIMED, update), self.directory / INCOMING
        back = [name for text in names if (name := parse_name(text)) is not None]
        if back:
            with moving(self.directory):
                for name in back:
                    (source / str(name)).rename(target / str(name))
                    self._elsewhere.discard(name.key)
            flush(target, source)
        with contextlib.suppress(OSError):
            source.rmdir()

    def _retire(self) -> None:
        if self._keep is None:
            return
        retired = retire(self.directory, self._update - self._keep)
        if retired is not None:
            self._retired = retired
            self._read_elsewhere()

    def _read_elsewhere(self) -> None:
        self._elsewhere = keys_elsewhere(self.directory)
        strays = [stray_number(key) for key in self._elsewhere if isinstance(key, str)]
        self._strays = max(strays, default=-1) + 1
