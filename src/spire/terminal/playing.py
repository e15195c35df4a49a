"""Playing: a person plays a game, by keys or by typed numbers."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.live import Live

from spire.actions import END_TURN
from spire.game import Game
from spire.state import Screen
from spire.terminal.choices import Choice, refusal
from spire.terminal.keys import Keys
from spire.terminal.recording import Recorder
from spire.terminal.view import PAGES, Look, print_view, show, turn_page

_ENDED = "The game is over; q quits."


class Player:
    """A game that somebody plays: what the keys do."""

    def __init__(self, game: Game, recorder: Recorder | None = None) -> None:
        self.game = game
        self.look = Look()
        self._recorder = recorder

    def press(self, key: str) -> None:
        """Do what a key says."""
        look, game = self.look, self.game
        look.note = ""
        look.settle(game)
        if look.page in ("", "potions"):
            if key in ("enter", "space") and look.offered:
                self._choose(look.offered[look.chosen])
                return
            if key.isdecimal():
                place = (int(key) - 1) % 10
                if place < len(look.offered):
                    look.chosen = place
                    self._choose(look.offered[place])
                else:
                    look.note = f"There is no choice {key} here."
                return
            if key in ("left", "right") and look.target >= 0:
                look.aim(game, 1 if key == "right" else -1)
                return
        if key == "e":
            if game.screen == Screen.COMBAT:
                self.take(END_TURN)
            else:
                look.note = "There is no turn to end here."
        elif not turn_page(look, key):
            look.note = f"The key {key} does nothing; ? shows those that do."

    def _choose(self, choice: Choice) -> None:
        if choice.why_not:
            self.look.note = choice.why_not
        else:
            self.take(choice.action(self.look.target))

    def take(self, action: int) -> None:
        """Take an action if it is allowed; say what it cost, or why it is not allowed."""
        game, look = self.game, self.look
        if action not in game.legal():
            look.note = refusal(game, action)
            return
        if self._recorder:
            self._recorder.take(game, action)
        screen, before = game.screen, _purse(game)
        game.act(action)
        look.page = ""
        if game.screen != screen:
            look.chosen = 0
        changed = [
            f"{name} {now - then:+}"
            for (name, then), now in zip(before.items(), _purse(game).values(), strict=True)
            if now != then
        ]
        look.note = _ENDED if game.is_over else ", ".join(changed)


def _purse(game: Game) -> dict[str, int]:
    record = game.record
    return {"HP": int(record.hp), "max HP": int(record.max_hp), "gold": int(record.gold)}


def play_by_keys(game: Game, keys: Keys, console: Console, recorder: Recorder | None) -> None:
    """Let somebody play a game in a terminal, until it is quit."""
    player = Player(game, recorder)
    sure = False
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(show(console, game, player.look, console.height), refresh=True)
            key = keys.read()
            if key == "q" and (sure or game.is_over):
                return
            sure = key == "q"
            if sure:
                player.look.note = "q once more quits the game; any other key goes on."
            else:
                player.press(key)


def play_by_lines(
    game: Game, lines: Iterable[str], console: Console, recorder: Recorder | None
) -> None:
    """Let somebody play a game by typing: a line is an action number, the key of a page, or q."""
    player = Player(game, recorder)
    player.look.numbered = True
    print_view(console, game, player.look)
    for line in lines:
        typed = line.strip()
        if typed == "q":
            return
        if not typed:
            continue
        player.look.note = ""
        if typed.isdecimal():
            player.take(int(typed))
        elif typed in PAGES:
            player.look.page = PAGES[typed]
        else:
            pages = ", ".join(f"{key} {page}" for key, page in PAGES.items())
            player.look.note = f"{typed!r} is neither an action number nor one of: {pages}, q quit."
        print_view(console, game, player.look)
        player.look.page = ""
        if game.is_over:
            return
