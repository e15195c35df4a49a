"""Shaping: what an action is worth, as a weighted sum of what it changed.

`measure` takes a few numbers from a game; `score` weighs those from after an action against those from
before it. The weights are one table, `Weights`, with two settings of it: `SPARSE` and `SHAPED`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from spire.compiled import kernel, record
from spire.errors import RunError
from spire.ids import Room
from spire.run.picks import Purpose
from spire.state import LOGGED, Fight, FightKind, Outcome, Screen


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What each change is worth. All are 0 unless they are set; `PAID` says what each is paid for.

    `docs/spire/actions.md` has the table.
    """

    gold: float = 0.0
    relic: float = 0.0
    max_hp: float = 0.0
    card_removed: float = 0.0
    upgrade_at_rest: float = 0.0
    floor: float = 0.0
    floor_hp: float = 0.0
    hp_lost: float = 0.0
    heal: float = 0.0
    enemy_hp: float = 0.0
    kill: float = 0.0
    elite: float = 0.0
    boss: float = 0.0
    boss_hp: float = 0.0
    act: float = 0.0
    victory: float = 0.0
    defeat: float = 0.0
    defeat_floor: float = 0.0
    fight_won: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not np.isfinite(value):
                raise RunError(f"reward weight {name!r} is {value}; it must be a finite number")

    def as_record(self) -> Any:
        """Return the weights as the record that `score` reads."""
        one = np.zeros(1, dtype=WEIGHTS).view(np.recarray)[0]
        for name, value in asdict(self).items():
            one[name] = value
        return one


SPARSE = Weights(floor=0.01, act=1.0, victory=1.0, fight_won=1.0)
"""Winning is what counts, and how far up the spire the game came."""

SHAPED = Weights(
    gold=0.01,
    relic=1.0,
    max_hp=0.10,
    card_removed=0.2,
    upgrade_at_rest=0.30,
    floor=0.5,
    floor_hp=0.25,
    hp_lost=-0.08,
    heal=0.025,
    enemy_hp=0.015,
    kill=0.75,
    elite=4.0,
    boss=8.0,
    boss_hp=8.0,
    act=12.0,
    victory=60.0,
    defeat=-25.0,
    defeat_floor=0.25,
    fight_won=0.75,  # as much as the next floor would pay at full health
)
"""Most actions are answered at once."""

NAMED = {"sparse": SPARSE, "shaped": SHAPED}

PAID = (
    (("gold",), "for each piece of gold gained, and taken back for each one lost or spent"),
    (("relic",), "for each relic gained, and taken back for each one lost"),
    (("max_hp",), "for each point of maximum HP gained, and taken back for each one lost"),
    (("card_removed",), "for each card by which the deck gets smaller"),
    (("upgrade_at_rest",), "for the upgrade of a card at a rest site"),
    (("floor", "floor_hp"), "for each floor climbed: `floor` + `floor_hp` x share of HP"),
    (("hp_lost",), "for each HP that an action costs, in combat or out of it"),
    (("heal",), "for each HP healed out of combat, x share of HP that was missing"),
    (
        ("enemy_hp",),
        "for each HP that the monsters have less than before, all together; what they gain is taken back, so that a fight pays the HP they began with, whatever splits or heals",
    ),
    (("kill",), "for each monster killed"),
    (("elite",), "for each fight with an elite won, not counting those of events"),
    (
        ("boss", "boss_hp"),
        "for each boss beaten: `boss` + `boss_hp` x share kept of the HP at the start of the fight",
    ),
    (("act",), "for each act cleared"),
    (("victory",), "for the game won"),
    (
        ("defeat", "defeat_floor"),
        "for the game lost: `defeat` + `defeat_floor` x the floor reached",
    ),
    (("fight_won",), "for the fight won, where one fight is all of the game"),
)
"""What the weights are paid for. The share of HP is that of the maximum: 1 is full health."""


def table() -> str:
    """Return the weights as a table in Markdown."""
    rows = ["| weight | is paid | shaped | sparse |", "| :-- | :-- | --: | --: |"]
    for names, paid in PAID:
        named = ", ".join(f"`{name}`" for name in names)
        values = (
            ", ".join(f"{getattr(weights, name):g}" for name in names)
            for weights in (SHAPED, SPARSE)
        )
        rows.append(f"| {named} | {paid} | {' | '.join(values)} |")
    return "\n".join(rows)


def find_weights(chosen: str | Weights | Mapping[str, float]) -> Weights:
    """Return weights by name, as they are, or as changes to the shaped ones.

    Raises
    ------
    RunError
        If no weights go by that name, or there is no such weight.

    """
    if isinstance(chosen, Weights):
        return chosen
    if isinstance(chosen, str):
        if chosen not in NAMED:
            raise RunError(f"there are no rewards {chosen!r}; there are {', '.join(NAMED)}")
        return NAMED[chosen]
    known = {field.name for field in fields(Weights)}
    for name in chosen:
        if name not in known:
            raise RunError(f"there is no reward weight {name!r}; there are {', '.join(known)}")
        if isinstance(chosen[name], bool) or not isinstance(chosen[name], (int, float, np.number)):
            raise RunError(f"reward weight {name!r} is {chosen[name]!r}; it must be a number")
    return replace(SHAPED, **{name: float(value) for name, value in chosen.items()})


WEIGHTS = record([(field.name, np.float64) for field in fields(Weights)])

_NUMBERS = (
    "gold",
    "relics",
    "max_hp",
    "hp",
    "deck",
    "floor",
    "act",
    "monster_hp",
    "kills",
    "fights",
    "first_monster_hp",
    "elites",
    "bosses",
    "won",
    "hp_before",
    "hp_after",
    "fighting",
    "smithing",
    "outcome",
)
MEASURES = record([(name, np.int32) for name in _NUMBERS])
"""What a reward is made of. `act` is the act that the game has come to: the next one where one was cleared.
`monster_hp` and `kills` are of the fight that is on or was the last, `first_monster_hp` of its beginning;
`hp_before` and `hp_after` are the player's around it. `smithing` is 1 while the card that is upgraded at a
rest site is chosen, -1 while it is chosen what to do there, else 0."""


@kernel
def measure(game: Any, out: Any) -> None:
    """Write what a game stands at into a record of `MEASURES`."""
    combat, log = game.combat, game.log
    out.gold = game.gold
    out.relics = game.relic_count
    out.max_hp = game.max_hp
    out.hp = game.hp
    out.deck = game.deck_count
    out.floor = game.floor
    out.act = game.act
    if game.outcome == Outcome.ACT_CLEARED:
        out.act += 1
    hp = 0
    kills = 0
    for m in range(combat.monster_count):
        monster = combat.monsters[m]
        if monster.used:
            hp += int(monster.hp)
            if monster.dead and not monster.half_dead:
                kills += 1
    out.monster_hp = hp
    out.kills = kills
    out.fights = log.count
    out.elites = log.won[FightKind.ELITE]
    out.bosses = log.won[FightKind.BOSS]
    out.won = 0
    out.first_monster_hp = 0
    out.hp_before = 0
    out.hp_after = 0
    if log.count > 0:
        last = log.fights[min(int(log.count), LOGGED) - 1]
        out.first_monster_hp = last.monster_hp
        out.hp_before = last.hp_before
        out.hp_after = last.hp_after
        if last.result == Fight.WON:
            out.won = 1
    out.fighting = 1 if combat.fight == Fight.ON else 0
    out.smithing = 0
    if game.room == Room.REST:
        smiths = game.screen == Screen.GRID and game.pick.purpose == Purpose.UPGRADE
        if smiths or game.screen == Screen.REST:
            out.smithing = 1 if smiths else -1
    out.outcome = game.outcome


@kernel
def score(before: Any, after: Any, weights: Any) -> Any:
    """Return what an action is worth, by the measures from before and after it."""
    total = weights.gold * (after.gold - before.gold)
    total += weights.relic * (after.relics - before.relics)
    total += weights.max_hp * (after.max_hp - before.max_hp)
    total += weights.card_removed * max(before.deck - after.deck, 0)
    if before.smithing == 1 and after.smithing == 0:
        total += weights.upgrade_at_rest
    share = after.hp / after.max_hp
    total += (weights.floor + weights.floor_hp * share) * (after.floor - before.floor)
    gained = after.hp - before.hp
    if gained < 0:
        total -= weights.hp_lost * gained
    elif not before.fighting:
        total += weights.heal * gained * (1.0 - before.hp / before.max_hp)
    monster_hp = before.monster_hp
    kills = before.kills
    if after.fights != before.fights:
        # Another fight: it is weighed against its own beginning.
        monster_hp = after.first_monster_hp
        kills = 0
    total += weights.enemy_hp * (monster_hp - after.monster_hp)
    # A place may be taken by another monster, but nobody is brought back to life.
    total += weights.kill * max(after.kills - kills, 0)
    total += weights.elite * (after.elites - before.elites)
    if after.bosses > before.bosses:
        kept = min(after.hp_after / max(after.hp_before, 1), 1.0)
        total += weights.boss + weights.boss_hp * kept
    total += weights.act * (after.act - before.act)
    if after.outcome == Outcome.VICTORY:
        total += weights.victory
    elif after.outcome == Outcome.DEFEAT:
        total += weights.defeat + weights.defeat_floor * after.floor
    elif after.outcome == Outcome.FIGHT_OVER and after.won:
        total += weights.fight_won
    return total
