"""View: a game as CommunicationMod, the mod through which programs play the real one, would send it.

`view` builds the message of one moment, with all fields that the mod sends and the engine knows.
`docs/spire/observation.md` says where the two differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from spire import names
from spire.combat.damage import monster_attack_amount
from spire.combat.monsters import intent
from spire.combat.select import can_confirm, can_skip
from spire.combat.use import can_drink, can_play, can_use
from spire.content.cards import FACTS, Aim, Kind, Rarity
from spire.content.events import SCRIPTS
from spire.content.scripts import ANY
from spire.content.text import Task
from spire.game import Game
from spire.ids import (
    Card,
    Encounter,
    Event,
    Monster,
    MonsterPower,
    NeowBonus,
    NeowDrawback,
    PlayerPower,
    Potion,
    Relic,
    Room,
)
from spire.maps import COLUMNS, ROWS
from spire.owned import owns
from spire.run import events, potions, rest, rooms, spoils
from spire.run.events import FACE, GONE, SEEN, UP
from spire.run.picks import Purpose, can_cancel
from spire.shown import HARD_EVENTS, at_ascension, is_gone, shown_counter, shown_move
from spire.state import HAND, Fight, Mark, Outcome, Reward, Screen

Json = dict[str, Any]

_BOSS_ROW = 16
"""The row in which the mod draws the boss."""
_ANY_NUMBER = 99
"""What the game writes where as many cards may be selected as there are."""
_STACKLESS = -1
_UNPLAYABLE = -2
_OFFERED, _SPLIT = 1 << 20, -1


def view(game: Game) -> Json:
    """Return a game as CommunicationMod would send it: plain values, ready for `json.dumps`."""
    record = game.record
    state = _game_state(record)
    return {
        "available_commands": _commands(record, state),
        "ready_for_command": True,
        "in_game": True,
        "game_state": state,
    }


def _commands(game: Any, state: Json) -> list[str]:
    screen = game.screen
    fighting = screen == Screen.COMBAT
    playable = fighting and any(can_play(game, k) for k in range(game.combat.hand_count))
    listed = {
        "play": playable,
        "choose": bool(state.get("choice_list")) and not playable,
        "end": fighting,
        "potion": bool(np.any(game.potions[: game.potion_slots])),
        "confirm": game.combat.task != 0 and can_confirm(game),
        "proceed": screen in (Screen.CHEST, Screen.COMBAT_REWARD, Screen.GAME_OVER)
        or (screen == Screen.REST and not state["screen_state"]["rest_options"]),
        "skip": screen == Screen.BOSS_REWARD
        or (screen == Screen.CARD_REWARD and state["screen_state"]["skip_available"]),
        "leave": screen == Screen.SHOP,
        "cancel": screen == Screen.GRID and game.combat.task == 0 and bool(can_cancel(game)),
    }
    return [*(name for name, is_there in listed.items() if is_there), *_ALWAYS]


_ALWAYS = ("key", "click", "wait", "state")


def _game_state(game: Any) -> Json:
    kind, name = names.SCREENS[int(game.screen)]
    fighting = _fighting(game)
    shown, choices = _SCREENS[Screen(int(game.screen))](game)
    if game.screen == Screen.GAME_OVER and game.outcome != Outcome.DEFEAT:
        name = "VICTORY"
    state: Json = {
        "screen_type": kind,
        "screen_name": name,
        "is_screen_up": name != "NONE",
        "screen_state": shown,
        "room_phase": _phase(game),
        "action_phase": "EXECUTING_ACTIONS" if game.combat.task else "WAITING_ON_USER",
        "room_type": names.ROOMS[Room(int(game.room))],
        "current_hp": int(game.hp),
        "max_hp": int(game.max_hp),
        "floor": int(game.floor),
        "act": int(game.act),
        "act_boss": names.BOSSES[Encounter(int(game.encounters.bosses[0]))],
        "gold": int(game.gold),
        "seed": int(np.uint64(game.seed).astype(np.int64)),
        "class": "IRONCLAD",
        "ascension_level": int(game.ascension),
        "relics": [_owned(game, slot) for slot in range(game.relic_count)],
        "deck": [_deck_card(game, index) for index in range(game.deck_count)],
        "potions": [_slot(game, slot) for slot in range(game.potion_slots)],
        "map": _map(game),
        "keys": {key: bool(game[f"{key}_key"]) for key in ("ruby", "emerald", "sapphire")},
    }
    if game.combat.task:
        state["current_action"] = names.ACTIONS[Task(int(game.combat.task))]
    if choices:
        state["choice_list"] = choices
    if fighting:
        state["combat_state"] = _combat(game)
    return state


def _fighting(game: Any) -> bool:
    return bool(game.combat.fight == Fight.ON and game.outcome == Outcome.NONE)


def _phase(game: Any) -> str:
    if _fighting(game):
        return "COMBAT"
    if game.screen in (Screen.EVENT, Screen.NEOW):
        return "EVENT"
    return "INCOMPLETE" if game.screen == Screen.REST else "COMPLETE"


# Cards, relics, potions.


def _uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def _card(
    game: Any, card: int, upgrades: int, uid: int, *, cost: int | None = None, misc: int = 0
) -> Json:
    """Return a card. `uid` is that of `spire.state.CARD`: 1 + its index in the deck, or more."""
    facts = FACTS[game.reference, card]
    upgraded = 1 if upgrades else 0
    shown: Json = {
        "id": names.CARDS[Card(card)],
        "name": _card_name(card, upgrades),
        "uuid": _uuid(uid),
        "cost": max(int(facts.cost[upgraded]) if cost is None else cost, _UNPLAYABLE),
        "upgrades": upgrades,
        "type": Kind(int(facts.kind)).name,
        "rarity": Rarity(int(facts.rarity)).name,
        "has_target": bool(facts.aim[upgraded] == Aim.MONSTER),
        "exhausts": bool(facts.exhausts[upgraded]),
        "ethereal": bool(facts.ethereal[upgraded]),
    }
    if misc and card == Card.RITUAL_DAGGER:
        shown["misc"] = misc
    return shown


def _card_name(card: int, upgrades: int) -> str:
    name = names.CARD_NAMES[Card(card)]
    if card == Card.SEARING_BLOW and upgrades:
        return f"{name}+{upgrades}"
    return f"{name}+" if upgrades else name


def _deck_card(game: Any, index: int) -> Json:
    card = game.deck[index]
    return _card(game, int(card.id), int(card.upgrades), index + 1, misc=int(card.misc))


def _fight_card(game: Any, c: int) -> Json:
    card = game.combat.cards[c]
    shown = _card(
        game,
        int(card.id),
        int(card.upgrades),
        int(card.uid),
        cost=int(card.turn_cost),
        misc=int(card.misc),
    )
    shown["exhausts"] = shown["exhausts"] or bool(card.marks & Mark.EXHAUSTS)
    shown["is_playable"] = bool(can_use(game, c, True))
    return shown


def _relic(relic: int, counter: int = -1) -> Json:
    return {
        "id": names.RELICS[Relic(relic)],
        "name": names.RELIC_NAMES[Relic(relic)],
        "counter": counter,
    }


def _owned(game: Any, slot: int) -> Json:
    return _relic(int(game.relics[slot]), int(shown_counter(game, slot)))


def _potion(potion: int, *, can_use: bool = False, can_discard: bool = False) -> Json:
    return {
        "id": names.POTIONS[Potion(potion)],
        "name": names.POTION_NAMES[Potion(potion)],
        "can_use": can_use,
        "can_discard": can_discard,
        "requires_target": potion in names.THROWN,
    }


def _slot(game: Any, slot: int) -> Json:
    potion = int(game.potions[slot])
    if not potion:
        empty = dict.fromkeys(("can_use", "can_discard", "requires_target"), False)
        return {"id": names.EMPTY_SLOT, "name": names.EMPTY_SLOT, **empty}
    usable = can_drink(game, slot) if _fighting(game) else potions.can_use(game, slot)
    return _potion(potion, can_use=bool(usable), can_discard=bool(potions.can_discard(game, slot)))


def _names(cards: Iterable[Json]) -> list[str]:
    return [card["name"].lower() for card in cards]


# The map.


def _place(game: Any, x: int, y: int) -> Json:
    return {"x": x, "y": y, "symbol": names.SYMBOLS[Room(int(game.map.room[y, x]))]}


def _node(game: Any, x: int, y: int) -> Json:
    edges = int(game.map.edges[y, x])
    above = y + 1 if y < ROWS - 1 else _BOSS_ROW
    return {
        **_place(game, x, y),
        "children": [{"x": child, "y": above} for child in range(COLUMNS) if edges >> child & 1],
        "parents": [],
    }


def _map(game: Any) -> list[Json]:
    return [_node(game, x, y) for y in range(ROWS) for x in range(COLUMNS) if game.map.edges[y, x]]


def _map_screen(game: Any) -> tuple[Json, list[str]]:
    x, y = int(game.x), int(game.y)
    boss = y == ROWS - 1
    ways = [column for column in range(COLUMNS) if rooms.can_go(game, column)]
    shown = {
        "current_node": _place(game, x, y) if 0 <= y < ROWS else {"x": 0, "y": -1},
        "next_nodes": [] if boss else [_place(game, column, y + 1) for column in ways],
        "first_node_chosen": y >= 0,
        "boss_available": boss,
    }
    return shown, ["boss"] if boss else [f"x={column}" for column in ways]


# Events.


def _option(text: str, number: int, *, enabled: bool) -> Json:
    head, _, rest_of_it = text.partition(": ")
    option: Json = {
        "text": f"[{head}] {rest_of_it}" if rest_of_it else f"[{head}]",
        "label": head,
        "disabled": not enabled,
    }
    if enabled:
        option["choice_index"] = number
    return option


def _event_state(
    key: str, name: str, options: Sequence[tuple[str, bool]]
) -> tuple[Json, list[str]]:
    shown: list[Json] = []
    for text, enabled in options:
        number = sum(not each["disabled"] for each in shown)
        shown.append(_option(text, number, enabled=enabled))
    state = {"event_id": key, "event_name": name, "body_text": "", "options": shown}
    return state, [each["label"].lower() for each in shown if not each["disabled"]]


def _neow(game: Any) -> tuple[Json, list[str]]:
    tenth = int(game.max_hp) // 10
    amounts = {"tenth": tenth, "fifth": 2 * tenth, "damage": int(game.hp) // 10 * 3}
    texts = []
    for bonus, drawback in zip(game.neow.bonus.tolist(), game.neow.drawback.tolist(), strict=True):
        gift = names.NEOW_BONUSES[NeowBonus(bonus)]
        price = names.NEOW_DRAWBACKS.get(NeowDrawback(drawback))
        texts.append((f"{price} {gift}" if price else gift).format_map(amounts))
    return _event_state(names.NEOW, "Neow", [(text, True) for text in texts])


def _event(game: Any) -> tuple[Json, list[str]]:
    event = Event(int(game.event))
    if event == Event.MATCH_AND_KEEP:
        options = [(_face(game, place), not _is_up(game, place)) for place in range(12)]
    else:
        options = [
            (
                _option_text(game, event, number)
                or at_ascension(option.text, hard=game.ascension >= HARD_EVENTS),
                bool(events.can_choose(game, number)),
            )
            for number, option in enumerate(SCRIPTS[event].options)
            if option.page in (ANY, int(game.event_page))
        ]
    return _event_state(names.EVENTS[event], names.EVENT_NAMES[event], options)


def _is_up(game: Any, place: int) -> bool:
    return bool(int(game.event_data[place]) & (UP | GONE))


def _face(game: Any, place: int) -> str:
    """Return a card of Match and Keep: its id once it has been seen."""
    card = int(game.event_data[place])
    return names.CARDS[Card(card & FACE)] if card & SEEN else f"card{place}"


def _option_text(game: Any, event: Event, number: int) -> str | None:
    """Return the text of an option that names a number of this game."""
    page, data = int(game.event_page), game.event_data
    hard = game.ascension >= HARD_EVENTS
    if event == Event.SCRAP_OOZE and number == 0:
        return f"Reach inside: {(5 if hard else 3) + page} damage. {25 + 10 * page}%: find a relic"
    if event == Event.DEAD_ADVENTURER and number == 0:
        return f"Search: find loot. {(35 if hard else 25) + 25 * page}%: who killed him returns"
    if event == Event.WORLD_OF_GOOP and number == 1:
        return f"Leave it: lose {int(data[0])} gold"
    if event == Event.WE_MEET_AGAIN and number < 3 and data[number]:
        asked = int(data[number])
        thing = (
            names.POTION_NAMES[Potion(int(game.potions[asked - 1]))]
            if number == 0
            else f"{asked} gold"
            if number == 1
            else _deck_card(game, asked - 1)["name"]
        )
        return f"Give {('potion', 'gold', 'card')[number]}: {thing}, for a relic"
    return None


# Rewards and offers.


def _offered(game: Any, card: int, upgrades: int, place: int) -> Json:
    return _card(game, card, upgrades, _OFFERED + place)


def _reward(game: Any, line: int) -> Json:
    kind, value = Reward(int(game.rewards.kind[line])), int(game.rewards.value[line])
    shown: Json = {"reward_type": names.REWARDS[kind]}
    if kind in (Reward.GOLD, Reward.STOLEN_GOLD):
        shown["gold"] = value
    elif kind == Reward.RELIC:
        shown["relic"] = _relic(value)
    elif kind == Reward.POTION:
        shown["potion"] = _potion(value)
    elif kind == Reward.SAPPHIRE_KEY:
        shown["link"] = _relic(int(game.rewards.value[line - 1]))
    return shown


def _rewards(game: Any) -> tuple[Json, list[str]]:
    lines = [_reward(game, line) for line in range(game.rewards.count)]
    return {"rewards": lines}, [line["reward_type"].lower() for line in lines]


def _card_reward(game: Any) -> tuple[Json, list[str]]:
    if game.combat.task:
        offered = game.combat.offer[: game.combat.offer_count].tolist()
        cards = [_offered(game, card, 0, place) for place, card in enumerate(offered)]
        bowl, skip = False, bool(can_skip(game))
    else:
        set_shown = game.rewards.cards[spoils.shown_set(game)]
        cards = [
            _offered(game, int(set_shown[k].id), int(set_shown[k].upgrades), k)
            for k in range(spoils.shown_count(game))
        ]
        bowl, skip = bool(spoils.has_bowl(game)), True
    shown = {"cards": cards, "bowl_available": bowl, "skip_available": skip}
    return shown, _names(cards) + ["bowl"] * bowl


def _boss_reward(game: Any) -> tuple[Json, list[str]]:
    relics = [_relic(relic) for relic in game.boss_relics.tolist()]
    return {"relics": relics}, _names(relics)


def _shop(game: Any) -> tuple[Json, list[str]]:
    shop = game.shop
    cards = [
        {**_offered(game, int(card.id), int(card.upgrades), place), "price": int(price)}
        for place, (card, price) in enumerate(zip(shop.cards, shop.card_prices, strict=True))
        if card.id
    ]
    relics = [
        {**_relic(int(relic)), "price": int(price)}
        for relic, price in zip(shop.relics, shop.relic_prices, strict=True)
        if relic
    ]
    drinks = [
        {**_potion(int(potion)), "price": int(price)}
        for potion, price in zip(shop.potions, shop.potion_prices, strict=True)
        if potion
    ]
    purge = not shop.removal_sold
    gold = int(game.gold)
    affordable = [ware for ware in (*cards, *relics, *drinks) if ware["price"] <= gold]
    shown = {
        "cards": cards,
        "relics": relics,
        "potions": drinks,
        "purge_available": purge,
        "purge_cost": int(shop.removal_price),
    }
    can_purge = purge and int(shop.removal_price) <= gold
    return shown, ["purge"] * can_purge + _names(affordable)


def _rest(game: Any) -> tuple[Json, list[str]]:
    options = [name for k, name in enumerate(names.REST_OPTIONS) if rest.can_rest(game, k)]
    return {"has_rested": False, "rest_options": options}, options


def _chest(game: Any) -> tuple[Json, list[str]]:
    return {"chest_type": names.CHESTS[int(game.chest_size)], "chest_open": False}, ["open"]


# Selections.


def _hand_select(game: Any) -> tuple[Json, list[str]]:
    combat = game.combat
    hand = [_fight_card(game, c) for c in combat.offer[: combat.offer_count].tolist()]
    picked = combat.picked[: combat.picked_count].tolist()
    shown = {
        "hand": hand,
        "selected": [_fight_card(game, c) for c in picked],
        "max_cards": _most_cards(combat),
        "can_pick_zero": bool(combat.pick_min == 0),
    }
    return shown, _names(hand) if len(picked) < combat.pick_max else []


def _most_cards(combat: Any) -> int:
    """Return how many cards of the hand the game would take, were there as many."""
    if combat.pick_min:
        return int(combat.pick_max)
    asked = int(combat.pick_amount) if combat.task == Task.EXHAUST_MANY else HAND
    return _ANY_NUMBER if asked >= HAND else max(asked, int(combat.pick_max))


def _grid(game: Any) -> tuple[Json, list[str]]:
    if game.combat.task:
        combat = game.combat
        offered = [_fight_card(game, c) for c in combat.offer[: combat.offer_count].tolist()]
        picked = [_fight_card(game, c) for c in combat.picked[: combat.picked_count].tolist()]
        cards = offered + picked
        needed, purpose = int(combat.pick_max), int(Purpose.NONE)
    else:
        pick = game.pick
        taken = pick.picked[: pick.picked_count].tolist()
        left = pick.cards[: pick.count].tolist()
        cards = [_deck_card(game, index) for index in sorted([*left, *taken])]
        offered = [_deck_card(game, index) for index in left]
        picked = [_deck_card(game, index) for index in taken]
        needed, purpose = int(pick.needed), int(pick.purpose)
    shown = {
        "cards": cards,
        "selected_cards": picked,
        "num_cards": needed,
        "any_number": False,
        "for_upgrade": purpose == Purpose.UPGRADE,
        "for_transform": purpose == Purpose.TRANSFORM,
        "for_purge": purpose in (Purpose.REMOVE, Purpose.REMOVE_ANY, Purpose.OFFER),
        "confirm_up": False,
    }
    return shown, _names(offered)


def _nothing(_game: Any) -> tuple[Json, list[str]]:
    return {}, []


def _game_over(game: Any) -> tuple[Json, list[str]]:
    return {"score": 0, "victory": bool(game.outcome == Outcome.VICTORY)}, []


_SCREENS = {
    Screen.NEOW: _neow,
    Screen.MAP: _map_screen,
    Screen.COMBAT: _nothing,
    Screen.HAND_SELECT: _hand_select,
    Screen.GRID: _grid,
    Screen.CARD_REWARD: _card_reward,
    Screen.COMBAT_REWARD: _rewards,
    Screen.BOSS_REWARD: _boss_reward,
    Screen.EVENT: _event,
    Screen.SHOP: _shop,
    Screen.REST: _rest,
    Screen.CHEST: _chest,
    Screen.GAME_OVER: _game_over,
}


# Combat.


def _power(key: str, amount: int, **rest_of_it: Any) -> Json:
    return {"id": key, "name": names.POWER_NAMES.get(key, key), "amount": amount, **rest_of_it}


def _player_powers(combat: Any) -> list[Json]:
    shown = []
    for power in combat.order[: combat.order_count].tolist():
        which = PlayerPower(power)
        amount = int(combat.powers[power])
        more: Json = {}
        if which in names.STACKLESS:
            amount = _STACKLESS
        elif which == PlayerPower.PANACHE:
            more["damage"] = amount
            amount = int(combat.panache_left)
        elif which == PlayerPower.COMBUST:
            more["misc"] = int(combat.combust_loss)
        if which in names.JUST_APPLIED:
            more["just_applied"] = bool(combat.fresh[power])
        shown.append(_power(names.PLAYER_POWERS[which], amount, **more))
    bomb = names.PLAYER_POWERS[PlayerPower.THE_BOMB]
    for place, turns in enumerate(combat.bomb_turns.tolist()):
        if turns:
            damage = int(combat.bomb_damage[place])
            shown.append({**_power(f"{bomb}{place}", turns, damage=damage), "name": "The Bomb"})
    return shown


def _monster_powers(monster: Any) -> list[Json]:
    shown = []
    for power in monster.order[: monster.order_count].tolist():
        which = MonsterPower(power)
        if which in names.UNSEEN_POWERS:
            continue
        more = {}
        if which in names.MONSTER_JUST_APPLIED:
            more["just_applied"] = bool(monster.fresh[power])
        shown.append(_power(names.MONSTER_POWERS[which], int(monster.powers[power]), **more))
    if monster.id in names.SPLITTING and not monster.dead:
        shown.append(_power("Split", _STACKLESS))
    return shown


def _monster(game: Any, place: int) -> Json:
    monster = game.combat.monsters[place]
    key, name = names.MONSTERS[Monster(int(monster.id))]
    shown: Json = {
        "id": key,
        "name": name,
        "current_hp": int(monster.hp),
        "max_hp": int(monster.max_hp),
        "block": int(monster.block),
        "intent": names.NO_INTENT,
        "half_dead": bool(monster.half_dead),
        "is_gone": bool(is_gone(monster)),
        "powers": _monster_powers(monster),
    }
    if not owns(game, Relic.RUNIC_DOME):
        move = int(shown_move(monster))
        number, shown["intent"] = names.MOVES[move]  # type: ignore[index]
        base, hits = intent(game, place) if move else (-1, 0)
        adjusted = monster_attack_amount(game, place, base) if base > 0 else base
        shown |= {
            "move_id": number,
            "move_base_damage": int(base),
            "move_adjusted_damage": int(adjusted),
            "move_hits": max(int(hits), 1),
        }
    if monster.before_last:
        shown["last_move_id"] = names.MOVES[int(monster.before_last)][0]  # type: ignore[index]
    return shown


def _halved(kind: Monster, max_hp: int) -> Json:
    """Return a slime that has split: the game leaves it on the list."""
    key, name = names.MONSTERS[kind]
    return {
        "id": key,
        "name": name,
        "current_hp": 0,
        "max_hp": max_hp,
        "block": 0,
        "intent": names.NO_INTENT,
        "half_dead": False,
        "is_gone": True,
        "powers": [],
    }


_HALVES = {
    Monster.ACID_SLIME_M: Monster.ACID_SLIME_L,
    Monster.SPIKE_SLIME_M: Monster.SPIKE_SLIME_L,
    Monster.ACID_SLIME_L: Monster.SLIME_BOSS,
    Monster.SPIKE_SLIME_L: Monster.SLIME_BOSS,
}


def listed_places(game: Any) -> list[int]:
    """Return where the monsters of the game's list stand in a record; -1 for a slime that has split.

    The game puts the halves of a slime to its left and right and keeps it, dead, between them; a
    record has only the halves.
    """
    combat = game.combat
    there = [place for place in range(combat.monster_count) if combat.monsters[place].used]
    if combat.encounter == Encounter.LARGE_SLIME and len(there) > 1:
        return [0, _SPLIT, 1]
    if combat.encounter != Encounter.SLIME_BOSS or len(there) == 1:
        return there
    left = [0, _SPLIT, 1] if 1 in there else [0]
    right = [2, _SPLIT, 3] if 3 in there else [2]
    return [*left, _SPLIT, *right]


def _monsters(game: Any) -> list[Json]:
    places = listed_places(game)
    shown = []
    for k, place in enumerate(places):
        if place != _SPLIT:
            shown.append(_monster(game, place))
            continue
        # Between two medium slimes was a large one; the boss was between all the others.
        half = game.combat.monsters[places[k - 1]]
        kind = _HALVES[Monster(int(half.id))]
        if game.combat.encounter == Encounter.SLIME_BOSS and places[k + 1] == 2:
            kind = Monster.SLIME_BOSS
        shown.append(_halved(kind, int(half.max_hp)))
    return shown


def _combat(game: Any) -> Json:
    combat = game.combat

    def pile(name: str) -> list[Json]:
        return [_fight_card(game, c) for c in combat[name][: combat[f"{name}_count"]].tolist()]

    hand = pile("hand")
    if game.screen == Screen.HAND_SELECT:
        hand = pile("offer")
    shown: Json = {
        "monsters": _monsters(game),
        "draw_pile": pile("draw"),
        "discard_pile": pile("discard"),
        "exhaust_pile": pile("exhaust"),
        "hand": hand,
        "limbo": [],
        "player": {
            "current_hp": int(game.hp),
            "max_hp": int(game.max_hp),
            "block": int(combat.block),
            "energy": int(combat.energy),
            "powers": _player_powers(combat),
            "orbs": [],
        },
        "turn": int(combat.turn) + 1,
        "cards_discarded_this_turn": int(combat.discarded_turn),
        "times_damaged": int(combat.times_damaged),
    }
    if combat.in_play >= 0:
        shown["card_in_play"] = _fight_card(game, int(combat.in_play))
    return shown
