"""Log: one row for every fight of a game, written as the fight begins and as it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spire.compiled import kernel
from spire.ids import Encounter, Monster, Room
from spire.state import LOGGED, Fight, FightKind


@kernel
def clear_log(game: Any) -> None:
    """Forget the fights of another game."""
    game.log.count = 0
    for kind in range(game.log.fought.size):
        game.log.fought[kind] = 0
        game.log.won[kind] = 0


@kernel
def _kind(game: Any) -> Any:
    if game.room == Room.EVENT:
        return FightKind.EVENT
    if game.combat.boss:
        return FightKind.BOSS
    return FightKind.ELITE if game.combat.elite else FightKind.MONSTER


@kernel
def open_fight(game: Any) -> None:
    """Begin the row of a fight whose monsters are there."""
    log, combat = game.log, game.combat
    row = log.fights[min(int(log.count), LOGGED - 1)]
    log.count += 1
    row.kind = _kind(game)
    log.fought[row.kind] += 1
    row.result = Fight.ON
    row.act = game.act
    row.floor = game.floor
    row.encounter = combat.encounter
    row.monster_hp = 0
    for m in range(row.monsters.size):
        there = m < combat.monster_count and combat.monsters[m].used
        row.monsters[m] = combat.monsters[m].id if there else 0
        if there:
            row.monster_hp += combat.monsters[m].hp
    row.hp_before = combat.hp_before
    row.hp_after = combat.hp_before
    row.max_hp = game.max_hp
    row.turns = 0
    row.damage_taken = 0
    row.largest_hit = 0


@kernel
def close_fight(game: Any) -> None:
    """End the row of the fight that is over: won, lost or fled from.

    The HP after it are those that the run goes on with: what relics heal after a victory is in them.
    """
    log, combat = game.log, game.combat
    row = log.fights[min(int(log.count), LOGGED) - 1]
    row.result = combat.fight
    if combat.fight == Fight.WON:
        log.won[row.kind] += 1
    row.hp_after = game.hp
    row.max_hp = game.max_hp
    # The first turn is number 0.
    row.turns = combat.turn + 1
    row.damage_taken = combat.damage_taken
    row.largest_hit = combat.largest_hit


def fight_rows(game: Any) -> list[dict[str, Any]]:
    """Return the fights of a game, oldest first, in plain values."""
    log = game["log"]
    return as_rows(log["fights"], int(log["count"]))


def as_rows(fights: Any, count: int) -> list[dict[str, Any]]:
    """Return the fights of a game in plain values, of which `count` have begun; see `spire.state.LOG`."""
    return [_as_row(*fields) for fields in fights[: min(count, LOGGED)].tolist()]


_KINDS = {int(each): each.name.lower() for each in FightKind}
_ENCOUNTERS = {int(each): each.name.lower() for each in Encounter}
_MONSTERS = {int(each): each.name.lower() for each in Monster}
_RESULTS = {int(each): each.name.lower() for each in Fight}
_WON = int(Fight.WON)


def _as_row(
    kind: int,
    result: int,
    act: int,
    floor: int,
    encounter: int,
    monsters: Sequence[int],
    _monster_hp: int,
    hp_before: int,
    hp_after: int,
    max_hp: int,
    turns: int,
    damage_taken: int,
    largest_hit: int,
) -> dict[str, Any]:
    """Return a row; what it takes are the fields of `spire.state.FIGHT`, in their order."""
    return {
        "kind": _KINDS[kind],
        "encounter": _ENCOUNTERS[encounter],
        "monsters": [_MONSTERS[each] for each in monsters if each],
        "act": act,
        "floor": floor,
        "hp_before": hp_before,
        "hp_after": hp_after,
        "max_hp": max_hp,
        "turns": turns,
        "damage_taken": damage_taken,
        "largest_hit": largest_hit,
        "result": _RESULTS[result],
        "won": result == _WON,
    }


ROW = tuple(_as_row(0, 0, 0, 0, 0, (), 0, 0, 0, 0, 0, 0, 0))
"""The names of what a row says."""
