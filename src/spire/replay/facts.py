"""Facts: the parts of a state that say something of the game.

Left out are the reference engine's own numbers of monsters, what it remembers of earlier selections, its
mark for draws it doubts, a count of discards that it does not keep, and what dead monsters are left with.
Of the wording of events, what an event has drawn is kept.
"""

from __future__ import annotations

import re
from typing import Any

OWN_NUMBERS = ("misc", "up0", "up1")
REMAINS = ("i", "id", "hp", "max_hp", "dead")


def comparable(state: dict[str, Any]) -> dict[str, Any]:
    """Return what is compared of a state, of a trace or of ours."""
    kept = dict(state)
    if "combat" in state:
        kept["combat"] = _combat(state["combat"])
    if "text" in state.get("event", ()):
        event = state["event"]["id"]
        kept["event"] = {"id": event, "told": _told(event, state["event"]["text"])}
    return kept


def _told(event: str, text: list[str]) -> list[Any]:
    """Return what the wording of an event tells of what the event holds, by option.

    The wording of other events tells what the states that follow show.
    """
    if event == "WE_MEET_AGAIN":
        asked = [line.split(" Lose ")[1].rstrip(".") for line in text if " Lose " in line]
        return [int(what[:-1]) if what[0].isdigit() else _as_id(what) for what in asked]
    if event in ("DEAD_ADVENTURER", "SCRAP_OOZE"):
        return [int(part) for line in text[:1] for part in re.findall(r"(\d+)%", line)]
    return []


def _as_id(name: str) -> str:
    """Return an id for the name of a card or a potion, with a + where it is upgraded."""
    return re.sub(r"[^A-Z0-9+]+", "_", name.upper().replace(".", "").replace("'", ""))


def _combat(combat: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in combat.items() if name != "undefined_behavior"}
    monsters = [monster and _monster(monster) for monster in combat["monsters"]]
    while monsters and monsters[-1] is None:
        monsters.pop()
    kept["monsters"] = monsters
    kept["ctr"] = {name: count for name, count in combat["ctr"].items() if name != "discarded"}
    if "NO_DRAW" in combat["powers"]:
        kept["powers"] = combat["powers"] | {"NO_DRAW": 1}
    if "select" in combat:
        select = combat["select"]
        kept["select"] = {name: select[name] for name in ("task", "cards") if name in select}
    return kept


def _monster(monster: dict[str, Any]) -> dict[str, Any]:
    """Return what is compared of a monster. What a dead one is left with plays no part in a game."""
    if monster.get("dead") and not monster.get("half_dead"):
        return {name: monster[name] for name in REMAINS}
    return {name: value for name, value in monster.items() if name not in OWN_NUMBERS}
