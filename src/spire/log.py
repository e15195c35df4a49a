"""Log: one row for every fight of a game, written as the fight begins and as it ends."""

from __future__ import annotations

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
    kept = game.log.fights[: min(int(game.log.count), LOGGED)]
    return [
        {
            "kind": FightKind(int(row.kind)).name.lower(),
            "encounter": Encounter(int(row.encounter)).name.lower(),
            "monsters": [Monster(int(each)).name.lower() for each in row.monsters if each],
            "act": int(row.act),
            "floor": int(row.floor),
            "hp_before": int(row.hp_before),
            "hp_after": int(row.hp_after),
            "max_hp": int(row.max_hp),
            "turns": int(row.turns),
            "damage_taken": int(row.damage_taken),
            "largest_hit": int(row.largest_hit),
            "result": Fight(int(row.result)).name.lower(),
            "won": bool(row.result == Fight.WON),
        }
        for row in kept
    ]
