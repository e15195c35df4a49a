"""Maps: the map of an act as lines of text, with the player's place and where the paths lead."""

from __future__ import annotations

from rich.text import Text

from spire.game import Game
from spire.ids import Room
from spire.maps import BOSS_COLUMN, COLUMNS, ROWS
from spire.terminal.choices import reachable
from spire.terminal.words import ROOMS

_STEP = 4
WIDTH = _STEP * COLUMNS
LEGEND = tuple(f"{letter} {name}" for letter, name in list(ROOMS.values())[:7])
_STYLES = {
    Room.ELITE: "red",
    Room.REST: "green",
    Room.SHOP: "yellow",
    Room.TREASURE: "yellow",
    Room.EVENT: "cyan",
    Room.BOSS: "bold red",
}


def map_lines(game: Game, chosen: int = -1) -> tuple[list[Text], int]:
    """Return the map from the boss down, and the line of the player's place.

    Places that can be gone to stand in brackets, the player's in round ones; `chosen` is the column that
    is marked.
    """
    record = game.record
    here = (int(record.x), int(record.y))
    ahead = {(x, here[1] + 1) for x in reachable(game)}
    lines = [_row({BOSS_COLUMN: Room.BOSS}, ROWS, here, ahead, chosen)]
    for y in range(ROWS - 1, -1, -1):
        edges = record.map.edges[y].tolist()
        lines.append(_paths(edges))
        rooms = {x: Room(record.map.room[y, x]) for x in range(COLUMNS) if edges[x]}
        row = _row(rooms, y, here, ahead, chosen)
        if y == record.map.burning_y and not record.emerald_key:
            row.stylize(
                "bold blink", _STEP * record.map.burning_x, _STEP * record.map.burning_x + 3
            )
        lines.append(row)
    return lines, min(len(lines) - 1, max(0, 2 * (ROWS - here[1])))


def _row(
    rooms: dict[int, Room], y: int, here: tuple[int, int], ahead: set[tuple[int, int]], chosen: int
) -> Text:
    line = Text()
    for x in range(COLUMNS):
        room = rooms.get(x)
        if room is None:
            line.append(" " * _STEP)
            continue
        letter, style = ROOMS[room][0], _STYLES.get(room, "")
        if (x, y) == here or (y == ROWS and here[1] >= ROWS):
            line.append(f"({letter})", "bold black on white")
        elif (x, y) in ahead:
            line.append(f"[{letter}]", f"bold {style} {'reverse' if x == chosen else ''}")
        else:
            line.append(f" {letter} ", style)
        line.append(" ")
    return line


def _paths(edges: list[int]) -> Text:
    """Return the line of the paths that lead up from a row."""
    marks = [" "] * WIDTH
    for x, bits in enumerate(edges):
        for target in range(COLUMNS):
            if bits >> target & 1:
                middle = _STEP * x + 1 + _STEP * (target - x) // 2
                if abs(target - x) > 1:  # out of the last row, all to the boss
                    middle = _STEP * x + 1 + (2 if target > x else -2)
                marks[middle] = "|" if target == x else "/" if target > x else "\\"
    return Text("".join(marks), "dim")
