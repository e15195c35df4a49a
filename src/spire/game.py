"""Game: one game in Python: start it, ask what may be done, do it, copy it."""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.actions import ACTIONS, CHOOSE, take, write_mask
from spire.content import missing
from spire.decisions import refusal
from spire.errors import ActionError, RecordError, RunError, SeedError
from spire.ids import Relic
from spire.run.shop import Ware, can_pay
from spire.run.start import new_run
from spire.seeds import parse_seed, seed_text, seed_word
from spire.state import GAME, LAYOUT, Outcome, Screen, empty

MAX_ASCENSION = 20


class Game:
    """A game of Slay the Spire: the Ironclad, from Neow to the end of act 1.

    A game is a function of its seed, its ascension and the actions taken. `record` is all of its state.
    """

    def __init__(self, record: Any) -> None:
        if record.dtype != GAME or int(record.layout) != int(LAYOUT):
            raise RecordError("the record was written by another version of this package")
        self.record = record

    @classmethod
    def new(cls, seed: int | str, ascension: int = 0, *, reference: bool = False) -> Game:
        """Start a game.

        Parameters
        ----------
        seed
            The seed as the game shows it (text), or the number it stands for.
        ascension
            From 0 to 20.
        reference
            Take the numbers of the reference engine where they differ; only replays do.

        Raises
        ------
        SeedError
            If no game has that seed.
        RunError
            If there is no such ascension.

        """
        if not isinstance(ascension, (int, np.integer)) or not 0 <= ascension <= MAX_ASCENSION:
            raise RunError(f"ascension {ascension!r} is no whole number from 0 to {MAX_ASCENSION}")
        if not isinstance(seed, (str, int, np.integer)):
            raise SeedError(f"seed {seed!r} is neither a seed's text nor its number")
        number = parse_seed(seed) if isinstance(seed, str) else int(seed)
        record = empty(1)[0]
        record.layout = LAYOUT
        record.reference = int(reference)
        new_run(record, seed_word(number), ascension)
        return cls(record)

    @property
    def is_over(self) -> bool:
        """Whether no action is left."""
        return bool(self.record.outcome != Outcome.NONE)

    @property
    def screen(self) -> Screen:
        """What the game asks for."""
        return Screen(int(self.record.screen))

    @property
    def seed(self) -> str:
        """The seed as the game shows it."""
        return seed_text(int(self.record.seed))

    def mask(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return which actions are allowed, as booleans by action."""
        mask = np.zeros(ACTIONS, dtype=np.bool_)
        write_mask(self.record, mask)
        return mask

    def legal(self) -> list[int]:
        """Return the actions that are allowed."""
        return [int(action) for action in np.flatnonzero(self.mask())]

    def act(self, action: int) -> None:
        """Take an action.

        Raises
        ------
        ActionError
            If the action is not allowed now; the game is as before.

        """
        legal = self.legal()
        if action not in legal:
            raise ActionError(refusal(action, self.screen.name, legal) + self._missing(action))
        take(self.record, action)

    def copy(self) -> Game:
        """Return a game that goes its own way from here."""
        twin = Game.__new__(Game)
        # Bytes are copied some fifty times faster than fields.
        twin.record = np.ndarray((1,), GAME, np.frombuffer(self.record, np.uint8).copy())[0]
        return twin

    def _missing(self, action: int) -> str:
        """Return what to add to a refusal where an action asks for something that is not there yet."""
        record = self.record
        if self.screen != Screen.SHOP or not CHOOSE <= action < CHOOSE + Ware.END:
            return ""
        wares = [k for k in range(Ware.END) if can_pay(record, k)][action - CHOOSE :]
        if not wares or not Ware.RELICS <= wares[0] < Ware.POTIONS:
            return ""
        relic = Relic(int(record.shop.relics[wares[0] - Ware.RELICS]))
        why = missing.RELICS.get(relic)
        return f" ({relic.name}: {why})" if why else ""
