"""Encode a view: the numbers of an observation, from a message of CommunicationMod alone.

This is written apart from `spire.encode`, in plain Python, and reads nothing but the message: where both agree, an
observation tells no more than the player sees. It takes messages of the real game, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from spire import names
from spire.content.cards import BY_ID, Kind, X
from spire.content.events import SCRIPTS
from spire.content.potions import BY_ID as POTION_DATA
from spire.content.relics import FACTS as RELIC_FACTS
from spire.content.scripts import ANY
from spire.ids import Card, Event, Monster, PlayerPower, Relic
from spire.neow import FIRST, SECOND, THIRD
from spire.observation import (
    ACTION_ORDER,
    BLOCKS,
    BOMB_TURNS,
    BOSS_ORDER,
    CARD_OFFERS,
    CARD_ORDER,
    COUNTED_ROOMS,
    DRAWBACK_ORDER,
    EVENT_OPTIONS,
    EVENT_ORDER,
    FORM,
    FORMS,
    INTENT_FLAGS,
    INTENTS,
    MAP_CHOICES,
    MONSTER_ORDER,
    MONSTER_POWER_ORDER,
    MOVE_NUMBERS,
    NEOW_ORDER,
    NODE_ORDER,
    POTION_OFFERS,
    POTION_ORDER,
    POWER_ORDER,
    PURPOSES,
    RELIC_OFFERS,
    RELIC_ORDER,
    REWARD_LINES,
    REWARD_ORDER,
    SCREEN_ORDER,
    SELECT_SLOTS,
    SIZE,
    Block,
)
from spire.shown import COUNTING, USED_UP
from spire.state import HAND, MONSTERS, POTIONS, Screen

Json = Mapping[str, Any]

_SELECTED_AT_ONCE = "GRID", "HAND_SELECT"


def _by_id(keys: Mapping[Any, str], order: Sequence[Any]) -> dict[str, int]:
    """Return the place of each thing in an order, by the id the game gives it."""
    return {keys[code]: place for place, code in enumerate(order)}


_CARDS = _by_id(names.CARDS, CARD_ORDER)
_CARD_CODES: dict[str, Card] = {key: card for card, key in names.CARDS.items()}
_RELICS = _by_id(names.RELICS, RELIC_ORDER)
_RELIC_CODES: dict[str, Relic] = {key: relic for relic, key in names.RELICS.items()}
_COUNTERS = _by_id(names.RELICS, COUNTING)
_POTIONS = _by_id(names.POTIONS, POTION_ORDER)
_POWERS = _by_id(names.PLAYER_POWERS, POWER_ORDER)
_MONSTER_POWERS = _by_id(names.MONSTER_POWERS, MONSTER_POWER_ORDER)
_STACKLESS = {names.PLAYER_POWERS[power] for power in names.STACKLESS}
_BOMB = names.PLAYER_POWERS[PlayerPower.THE_BOMB]
_MONSTERS = {names.MONSTERS[kind][0]: place for place, kind in enumerate(MONSTER_ORDER)}
_EVENTS = _by_id(names.EVENTS, EVENT_ORDER)
_EVENT_CODES: dict[str, Event] = {key: event for event, key in names.EVENTS.items()}
_BOSSES = _by_id(names.BOSSES, BOSS_ORDER)
_ROOMS = {name: place for place, name in enumerate(names.ROOMS.values())}
_SYMBOLS = {names.SYMBOLS[room]: place for place, room in enumerate(NODE_ORDER)}
_REWARDS = {names.REWARDS[kind]: place for place, kind in enumerate(REWARD_ORDER)}

_SCREENS: dict[str, Screen] = {
    kind: Screen(screen) for screen, (kind, _) in names.SCREENS.items() if screen != Screen.NEOW
}
_LARGE = {names.MONSTERS[kind][0] for kind in (Monster.ACID_SLIME_L, Monster.SPIKE_SLIME_L)}
_BOSS_SLIME = names.MONSTERS[Monster.SLIME_BOSS][0]
_AFTER_BOSS = 2


def _intents() -> dict[tuple[str, int], str]:
    """Return the intent that belongs to each move of each monster."""
    known = {}
    for kind, (key, _) in names.MONSTERS.items():
        for move, (number, intent) in names.MOVES.items():
            if move.name.startswith(kind.name + "_"):
                known[key, number] = intent
    known["Lagavulin", 4] = known["Lagavulin", 6] = names.STUN
    return known


_INTENTS = _intents()
"""Intents by id of the monster and number of the move: at first a message may say DEBUG."""


class _Writer:
    """Writes the fields of blocks into a vector."""

    def __init__(self) -> None:
        self.out = np.zeros(SIZE, dtype=np.float32)

    def put(self, block: str, name: str, value: float, slot: int = 0, place: int = 0) -> None:
        """Write a number, divided by the scale of its field."""
        form = BLOCKS[block]
        self.out[self._at(form, name, slot) + place] = value / form.scale(name)

    def flag(self, block: str, name: str, place: int | None, slot: int = 0) -> None:
        """Write 1 at a place, if there is one."""
        if place is not None:
            self.out[self._at(BLOCKS[block], name, slot) + place] = 1

    def bits(self, block: str, name: str, number: int, slot: int) -> None:
        """Write a number in binary."""
        form = BLOCKS[block]
        width = next(field.width for field in form.fields if field.name == name)
        for bit in range(width):
            self.out[self._at(form, name, slot) + bit] = number >> bit & 1

    @staticmethod
    def _at(form: Block, name: str, slot: int) -> int:
        return form.at(name) + slot * form.width


def encode_view(message: Json) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the observation of a message of CommunicationMod; zeros where no game is on."""
    writer = _Writer()
    state = message.get("game_state")
    if state is None:
        return writer.out
    shown = state.get("screen_state", {})
    screen = _screen(state, shown)
    _player(writer, state)
    for block, cards in (("deck", state["deck"]), ("upgraded", _upgraded(state["deck"]))):
        _pile(writer, block, cards)
    _holdings(writer, state)
    if "combat_state" in state and screen != Screen.GAME_OVER:
        _fight(writer, state["combat_state"])
        _monsters(writer, state)
    writer.flag("screen", "screen", SCREEN_ORDER.index(screen))
    write = _WRITERS.get(screen)
    if write is not None:
        write(writer, state, shown)
    return writer.out


def _screen(state: Json, shown: Json) -> Screen:
    if state["screen_type"] == "EVENT" and shown.get("event_id") == names.NEOW:
        return Screen.NEOW
    return _SCREENS.get(state["screen_type"], Screen.COMBAT)


def _player(writer: _Writer, state: Json) -> None:
    hp, max_hp = state["current_hp"], state["max_hp"]
    writer.put("player", "hp share", hp / max(max_hp, 1))
    writer.put("player", "hp", hp)
    writer.put("player", "max hp", max_hp)
    for name, key in (
        ("gold", "gold"),
        ("floor", "floor"),
        ("act", "act"),
        ("ascension", "ascension_level"),
    ):
        writer.put("player", name, state[key])
    keys = state.get("keys", {})
    for place, key in enumerate(("ruby", "emerald", "sapphire")):
        writer.put("player", "keys", float(keys.get(key, False)), place=place)
    writer.put("player", "deck", len(state["deck"]))
    writer.put("player", "potion slots", len(state["potions"]))
    writer.flag("boss", "boss", _BOSSES.get(state.get("act_boss", "")))
    writer.flag("room", "room", _ROOMS.get(state["room_type"]))


def _upgraded(cards: Iterable[Json]) -> list[Json]:
    return [card for card in cards if card["upgrades"] > 0]


def _pile(writer: _Writer, block: str, cards: Iterable[Json]) -> None:
    counts: dict[int, int] = {}
    for card in cards:
        place = _CARDS.get(card["id"])
        if place is not None:
            counts[place] = counts.get(place, 0) + 1
    for place, count in counts.items():
        writer.put(block, "count", count, place=place)


def _holdings(writer: _Writer, state: Json) -> None:
    for relic in state["relics"]:
        writer.flag("relics", "owned", _RELICS.get(relic["id"]))
        place, count = _COUNTERS.get(relic["id"]), relic["counter"]
        if place is not None and count > 0:
            writer.put("relics", "counter", count, place=place)
        elif place is not None and count == USED_UP:
            writer.out[BLOCKS["relics"].at("counter") + place] = -1
    for slot, potion in enumerate(state["potions"][:POTIONS]):
        if potion["id"] != names.EMPTY_SLOT:
            writer.flag("potions", "potion", _POTIONS.get(potion["id"]), slot)
            writer.put("potions", "usable", float(potion["can_use"]), slot)


# Cards.


def _numbered(card: Json) -> tuple[Card | None, int]:
    """Return a card's code, and its number in the observation: 0 for a card of another class."""
    return _CARD_CODES.get(card["id"]), _CARDS.get(card["id"], -1) + 1


def _card_damage(card: Json) -> int | None:
    """Return the damage of a card that its table does not know."""
    code = _CARD_CODES.get(card["id"])
    if code == Card.SEARING_BLOW:
        upgrades: int = card["upgrades"]
        return 12 + upgrades * (upgrades + 7) // 2
    return int(card.get("misc", 0)) if code == Card.RITUAL_DAGGER else None


def _card(writer: _Writer, block: str, slot: int, card: Json) -> None:
    form = BLOCKS[block]
    at = form.offset + slot * form.width
    writer.out[at : at + FORM] = FORMS[_numbered(card)[1], min(card["upgrades"], 1)]
    writer.put(block, "upgrades", card["upgrades"], slot)
    cost = card["cost"]
    if cost >= 0:
        writer.put(block, "cost", cost, slot)
    else:
        writer.flag(block, "x" if cost == X else "unplayable", 0, slot)
    damage = _card_damage(card)
    if damage is not None:
        writer.put(block, "damage", damage, slot)


def _fight(writer: _Writer, combat: Json) -> None:
    player = combat["player"]
    writer.flag("fight", "on", 0)
    for name, value in (
        ("block", player["block"]),
        ("energy", player["energy"]),
        ("turn", combat["turn"]),
        ("hand", len(combat["hand"])),
        ("draw", len(combat["draw_pile"])),
        ("discard", len(combat["discard_pile"])),
        ("exhaust", len(combat["exhaust_pile"])),
        ("hurt", combat["times_damaged"]),
    ):
        writer.put("fight", name, value)
    for block, pile in (
        ("draw pile", "draw_pile"),
        ("discard pile", "discard_pile"),
        ("exhaust pile", "exhaust_pile"),
    ):
        _pile(writer, block, combat[pile])
    for slot, card in enumerate(combat["hand"][:HAND]):
        _card(writer, "hand", slot, card)
        writer.put("hand", "playable", float(card.get("is_playable", False)), slot)
    bombs = [0] * BOMB_TURNS
    for power in player["powers"]:
        key, amount = power["id"], power["amount"]
        if key.startswith(_BOMB):
            bombs[amount - 1] += power["damage"]
        elif key in _POWERS:
            held = 10 if key in _STACKLESS else amount
            writer.put("powers", "powers", held, place=_POWERS[key])
    for place, damage in enumerate(bombs):
        writer.put("fight", "bombs", damage, place=place)


# Monsters.


def monster_slots(monsters: Sequence[Json]) -> list[int | None]:
    """Return the slot of an observation (and of actions) of each monster of the game's list.

    A large slime that has split stays on the list, between its halves, but has no slot; the boss's halves have
    the first two slots and the next two.
    """
    slots: list[int | None] = []
    following = 0
    for monster in monsters:
        if monster["is_gone"] and monster["id"] in _LARGE:
            slots.append(None)
        elif monster["is_gone"] and monster["id"] == _BOSS_SLIME:
            slots.append(None)
            following = _AFTER_BOSS
        else:
            slots.append(following if following < MONSTERS else None)
            following += 1
    return slots


def _monsters(writer: _Writer, state: Json) -> None:
    incoming = 0
    monsters = state["combat_state"]["monsters"]
    for slot, monster in zip(monster_slots(monsters), monsters, strict=True):
        if slot is None or monster["is_gone"]:
            continue
        writer.flag("monsters", "there", 0, slot)
        writer.flag("monsters", "kind", _MONSTERS.get(monster["id"]), slot)
        hp, max_hp = monster["current_hp"], monster["max_hp"]
        writer.put("monsters", "hp share", hp / max(max_hp, 1), slot)
        writer.put("monsters", "hp", hp, slot)
        writer.put("monsters", "max hp", max_hp, slot)
        writer.put("monsters", "block", monster["block"], slot)
        for power in monster["powers"]:
            place = _MONSTER_POWERS.get(power["id"])
            if place is not None:
                writer.put("monsters", "powers", power["amount"], slot, place)
        if "move_id" in monster:
            incoming += _intent(writer, monster, slot)
    writer.put("fight", "incoming", incoming)


def _intent(writer: _Writer, monster: Json, slot: int) -> int:
    """Write what a monster intends, and return the damage it announces."""
    number = monster["move_id"]
    writer.flag("monsters", "known", 0, slot)
    intent: str = _INTENTS.get((monster["id"], number)) or monster["intent"]
    for flag in INTENT_FLAGS.get(intent, ()):
        writer.flag("monsters", "intent", INTENTS.index(flag), slot)
    if 0 < number <= MOVE_NUMBERS:
        writer.flag("monsters", "move", number - 1, slot)
    if monster.get("last_move_id") == number:
        writer.flag("monsters", "again", 0, slot)
    base, damage, hits = (
        monster[f"move_{what}"] for what in ("base_damage", "adjusted_damage", "hits")
    )
    if base <= 0:
        return 0
    # Before the intent is shown, the damage may not be worked out yet.
    damage = base if damage < 0 else damage
    writer.put("monsters", "damage", damage, slot)
    writer.put("monsters", "hits", hits, slot)
    writer.put("monsters", "total", damage * hits, slot)
    total: int = damage * hits
    return total


# Offers.


def _price(writer: _Writer, block: str, ware: Json, slot: int, gold: int) -> None:
    if ware.get("price", 0) > 0:
        writer.put(block, "price", ware["price"], slot)
        writer.put(block, "affordable", float(gold >= ware["price"]), slot)


def _card_offers(writer: _Writer, state: Json, cards: Sequence[Json]) -> None:
    for slot, card in enumerate(cards[:CARD_OFFERS]):
        _card(writer, "card offers", slot, card)
        _price(writer, "card offers", card, slot, state["gold"])


def _relic_offers(writer: _Writer, state: Json, relics: Sequence[Json]) -> None:
    for slot, relic in enumerate(relics[:RELIC_OFFERS]):
        code = _RELIC_CODES.get(relic["id"])
        if code is not None:
            writer.flag("relic offers", "tier", int(RELIC_FACTS[0, code]["tier"]), slot)
        writer.bits("relic offers", "number", _RELICS.get(relic["id"], -1) + 1, slot)
        _price(writer, "relic offers", relic, slot, state["gold"])


def _potion_offers(writer: _Writer, state: Json, potions: Sequence[Json]) -> None:
    for slot, potion in enumerate(potions[:POTION_OFFERS]):
        place = _POTIONS.get(potion["id"])
        if place is not None:
            rarity = POTION_DATA[POTION_ORDER[place]].rarity
            writer.flag("potion offers", "rarity", int(rarity) - 1, slot)
            writer.bits("potion offers", "number", place + 1, slot)
        _price(writer, "potion offers", potion, slot, state["gold"])


def _card_reward(writer: _Writer, state: Json, shown: Json) -> None:
    _card_offers(writer, state, shown["cards"])
    writer.put("offers", "bowl", float(shown["bowl_available"]))
    writer.put("offers", "skip", float(shown["skip_available"]))
    _action(writer, state)


def _shop(writer: _Writer, state: Json, shown: Json) -> None:
    _card_offers(writer, state, shown["cards"])
    _relic_offers(writer, state, shown["relics"])
    _potion_offers(writer, state, shown["potions"])
    if shown["purge_available"]:
        writer.flag("offers", "purge", 0)
        writer.put("offers", "purge price", shown["purge_cost"])
        writer.put("offers", "purge affordable", float(state["gold"] >= shown["purge_cost"]))


def _rewards(writer: _Writer, state: Json, shown: Json) -> None:
    lines = shown["rewards"][:REWARD_LINES]
    for slot, line in enumerate(lines):
        writer.flag("rewards", "kind", _REWARDS.get(line["reward_type"]), slot)
        writer.put("rewards", "gold", line.get("gold", 0), slot)
    _relic_offers(writer, state, [line["relic"] for line in lines if "relic" in line])
    _potion_offers(writer, state, [line["potion"] for line in lines if "potion" in line])


def _boss_reward(writer: _Writer, state: Json, shown: Json) -> None:
    _relic_offers(writer, state, shown["relics"])


def _rest(writer: _Writer, _state: Json, shown: Json) -> None:
    for option in shown["rest_options"]:
        if option in names.REST_OPTIONS:
            writer.flag("offers", "rest", names.REST_OPTIONS.index(option))


def _chest(writer: _Writer, _state: Json, shown: Json) -> None:
    if shown["chest_type"] in names.CHESTS:
        writer.flag("offers", "chest", names.CHESTS.index(shown["chest_type"]))


# Selections.


def _action(writer: _Writer, state: Json) -> None:
    if state.get("current_action") in ACTION_ORDER and "combat_state" in state:
        writer.flag("selection", "action", ACTION_ORDER.index(state["current_action"]))


def _selectable(writer: _Writer, slot: int, card: Json, *, picked: bool) -> None:
    if slot >= SELECT_SLOTS:
        return
    code, number = _numbered(card)
    form = FORMS[number, min(card["upgrades"], 1)]
    places = BLOCKS["hand"].places
    writer.put("selectable", "picked", float(picked), slot)
    writer.put("selectable", "upgrades", card["upgrades"], slot)
    if code is not None:
        kind = min(int(BY_ID[code].kind), int(Kind.STATUS))
        writer.flag("selectable", "kind", kind - 1, slot)
    writer.put("selectable", "cost", max(card["cost"], 0), slot)
    at = BLOCKS["selectable"].offset + slot * BLOCKS["selectable"].width
    for name in ("damage", "block"):
        writer.out[at + BLOCKS["selectable"].places[name]] = form[places[name]]
    damage = _card_damage(card)
    if damage is not None:
        writer.put("selectable", "damage", damage, slot)


def _cards_to_select(
    writer: _Writer, left: Sequence[Json], picked: Sequence[Json], wanted: int
) -> None:
    writer.put("selection", "wanted", wanted)
    writer.put("selection", "picked", len(picked))
    for slot, card in enumerate((*left, *picked)):
        _selectable(writer, slot, card, picked=slot >= len(left))


def _hand_select(writer: _Writer, state: Json, shown: Json) -> None:
    hand, picked = shown["hand"], shown["selected"]
    _action(writer, state)
    wanted = min(shown["max_cards"], len(hand) + len(picked))
    _cards_to_select(writer, hand, picked, wanted)
    writer.put("selection", "any", float(shown["can_pick_zero"]))


def _grid(writer: _Writer, state: Json, shown: Json) -> None:
    picked = shown["selected_cards"]
    taken = {card["uuid"] for card in picked}
    left = [card for card in shown["cards"] if card["uuid"] not in taken]
    _action(writer, state)
    for place, purpose in enumerate(PURPOSES):
        writer.put("selection", "purpose", float(shown[f"for_{purpose}"]), place=place)
    _cards_to_select(writer, left, picked, shown["num_cards"])


# Events and the map.


def _event(writer: _Writer, _state: Json, shown: Json) -> None:
    key, options = shown["event_id"], shown["options"]
    writer.flag("event", "event", _EVENTS.get(key))
    event = _EVENT_CODES.get(key)
    numbered = _option_numbers(event, len(options))
    for number, option in zip(numbered, options, strict=False):
        if number < EVENT_OPTIONS:
            writer.put("event", "options", float(not option["disabled"]), place=number)
    if event in (Event.SCRAP_OOZE, Event.DEAD_ADVENTURER):
        writer.put("event", "odds", _first_number(options[0]["text"], r"(\d+)\s*%"))
    elif event in (Event.WORLD_OF_GOOP, Event.WE_MEET_AGAIN) and len(options) > 1:
        writer.put("event", "price", _first_number(options[1]["text"], r"(\d+)"))
    elif event == Event.MATCH_AND_KEEP:
        for place, option in enumerate(options):
            code = _CARD_CODES.get(option["label"])
            if code is not None:
                card = {"id": option["label"], "upgrades": 0, "cost": BY_ID[code].cost[0]}
                _selectable(writer, place, card, picked=option["disabled"])


def _option_numbers(event: Event | None, count: int) -> list[int]:
    """Return the numbers of the options that are shown: those of the page that has so many."""
    if event is not None:
        options = SCRIPTS[event].options
        for page in sorted({option.page for option in options if option.page != ANY} or {ANY}):
            shown = [k for k, option in enumerate(options) if option.page in (ANY, page)]
            if len(shown) == count:
                return shown
    return list(range(count))


def _first_number(text: str, pattern: str) -> int:
    found = re.search(pattern, text)
    return int(found.group(1)) if found else 0


def _said(phrase: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", r"\\d+", re.escape(phrase)), re.IGNORECASE)


_GIFTS = {bonus: _said(names.NEOW_BONUSES[bonus]) for bonus in NEOW_ORDER}
_DRAWBACKS = {drawback: _said(names.NEOW_DRAWBACKS[drawback]) for drawback in DRAWBACK_ORDER}


def _neow(writer: _Writer, _state: Json, shown: Json) -> None:
    for gifts, option in zip((FIRST, SECOND, THIRD), shown["options"], strict=False):
        for bonus in gifts:
            if _GIFTS[bonus].search(option["text"]):
                writer.flag("neow", "gifts", NEOW_ORDER.index(bonus))
        if gifts is THIRD:
            for place, drawback in enumerate(DRAWBACK_ORDER):
                if _DRAWBACKS[drawback].search(option["text"]):
                    writer.flag("neow", "drawback", place)


Paths = dict[tuple[int, int], tuple[list[int], list[int]]]


def _map(writer: _Writer, state: Json, shown: Json) -> None:
    if shown["boss_available"]:
        writer.flag("map", "boss", 0)
        return
    nodes = {(node["x"], node["y"]): node for node in state["map"]}
    ahead: Paths = {}
    here = shown.get("current_node", {"x": 0, "y": -1})
    start = nodes.get((here["x"], here["y"]))
    ways = {child["x"] for child in start["children"]} if start else None
    for slot, node in enumerate(shown["next_nodes"][:MAP_CHOICES]):
        most, least = _paths(nodes, ahead, (node["x"], node["y"]))
        writer.flag("map", "room", _SYMBOLS.get(node["symbol"]), slot)
        writer.put("map", "flight", float(ways is not None and node["x"] not in ways), slot)
        for place in range(len(COUNTED_ROOMS)):
            writer.put("map", "most", most[place], slot, place)
            writer.put("map", "least", least[place], slot, place)


def _paths(
    nodes: Mapping[tuple[int, int], Json], ahead: Paths, at: tuple[int, int]
) -> tuple[list[int], list[int]]:
    """Return the most and the fewest rooms of each kind on a path from a place to the boss."""
    if at not in ahead:
        node = nodes[at]
        own = [int(node["symbol"] == names.SYMBOLS[room]) for room in COUNTED_ROOMS]
        following = [
            _paths(nodes, ahead, (child["x"], child["y"]))
            for child in node["children"]
            if (child["x"], child["y"]) in nodes
        ]
        if following:
            most = [max(counts) for counts in zip(*(each[0] for each in following), strict=True)]
            least = [min(counts) for counts in zip(*(each[1] for each in following), strict=True)]
        else:
            most, least = [0] * len(own), [0] * len(own)
        ahead[at] = (
            [count + one for count, one in zip(most, own, strict=True)],
            [count + one for count, one in zip(least, own, strict=True)],
        )
    return ahead[at]


_WRITERS = {
    Screen.NEOW: _neow,
    Screen.MAP: _map,
    Screen.HAND_SELECT: _hand_select,
    Screen.GRID: _grid,
    Screen.CARD_REWARD: _card_reward,
    Screen.COMBAT_REWARD: _rewards,
    Screen.BOSS_REWARD: _boss_reward,
    Screen.EVENT: _event,
    Screen.SHOP: _shop,
    Screen.REST: _rest,
    Screen.CHEST: _chest,
}
