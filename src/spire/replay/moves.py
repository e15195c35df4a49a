"""Moves: what a game offers, as a trace writes it, and a trace's actions as action numbers.

One action of a trace may take several of ours (a card of a set of rewards: open the set, take the card),
and several of ours may be one of a trace (any choice of cards of the hand).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from spire.actions import (
    CHOOSE,
    END_TURN,
    LEAVE,
    PLAY,
    PLAY_UNTARGETED,
    POTION,
    POTION_UNTARGETED,
    PROCEED,
    THROW,
    action_option,
    option_action,
)
from spire.ids import Card, Event, NeowBonus, NeowDrawback, Potion, Relic, Room
from spire.maps import COLUMNS, ROWS
from spire.owned import owns
from spire.replay.project import (
    OFFERS,
    Memory,
    gold_lines,
    offered_cards,
    purpose_name,
    reward_cards,
    reward_key,
    reward_lines,
    screen_name,
    set_of_cards,
    task_name,
)
from spire.run.shop import Ware
from spire.state import MONSTERS, Fight, Reward, Screen

RESTS = ("REST", "SMITH", "LIFT", "TOKE", "DIG", "RECALL")
WARES = {
    "remove": Ware.REMOVAL,
    "card": Ware.CARDS,
    "relic": Ware.RELICS,
    "potion": Ware.POTIONS,
}
SUBSETS = ("EXHAUST_MANY", "GAMBLE")
"""Tasks that take any number of cards; a trace writes them as one entry and one action."""

Move = dict[str, Any]


def offered(game: Any, numbers: Iterable[int], memory: Memory) -> list[Move]:
    """Return what a game offers (its legal action numbers), as a trace writes it."""
    moves: list[Move] = []
    choices: list[int] = []
    for number in numbers:
        if number < END_TURN:
            moves.append(_play(game, number))
        elif number == END_TURN:
            moves.append({"end_turn": True})
        elif number < POTION_UNTARGETED:
            slot, target = divmod(number - POTION, MONSTERS)
            moves.append(_potion(game, slot) | {"use": True, "target": target})
        elif number < CHOOSE:
            moves.append(_potion(game, number - POTION_UNTARGETED) | {"use": True, "target": None})
        elif number < THROW:
            choices.append(number)
        else:
            moves.append(_potion(game, number - THROW) | {"discard": True})
    if memory.emptied:
        return [{"proceed": True}, *moves]
    return [*_CHOICES[screen_name(game, memory)](game, choices), *moves]


def _play(game: Any, number: int) -> Move:
    combat = game.combat
    position, target = (
        divmod(number, MONSTERS) if number < PLAY_UNTARGETED else (number - PLAY_UNTARGETED, None)
    )
    card = Card(combat.cards[combat.hand[position]].id).name
    return {"play": position, "card": card, "target": target}


def _potion(game: Any, slot: int) -> Move:
    return {"potion": slot, "id": Potion(game.potions[slot]).name}


def _places(choices: Iterable[int]) -> Iterator[int]:
    """Yield the choices proper, counted from 0."""
    for number in choices:
        if number < PROCEED:
            yield number - CHOOSE


def _options(game: Any, choices: Iterable[int]) -> Iterator[int]:
    """Yield the options that are chosen, by their own numbers in a shop, at a rest site or in an event."""
    for number in choices:
        if number < PROCEED:
            yield int(action_option(game, number))


def _neow(game: Any, choices: list[int]) -> list[Move]:
    return [
        {
            "neow": place,
            "bonus": NeowBonus(game.neow.bonus[place]).name,
            "drawback": NeowDrawback(game.neow.drawback[place]).name,
        }
        for place in _places(choices)
    ]


def reachable(game: Any) -> list[int]:
    """Return the columns of the next row that can be gone to; none where the boss comes next."""
    if game.y >= ROWS - 1:
        return []
    if game.y < 0:
        return [x for x in range(COLUMNS) if game.map.edges[0, x]]
    edges = int(game.map.edges[game.y, game.x])
    return [x for x in range(COLUMNS) if edges >> x & 1]


def _map(game: Any, choices: list[int]) -> list[Move]:
    columns = reachable(game)
    if not columns:
        return [{"map": 0, "room": "BOSS"} for _ in _places(choices)]
    row = int(game.y) + 1
    moves: list[Move] = []
    for place in _places(choices):
        x = columns[place]
        move = {"map": x, "room": Room(game.map.room[row, x]).name}
        if (x, row) == (game.map.burning_x, game.map.burning_y) and not game.emerald_key:
            move["burning"] = True
        moves.append(move)
    return moves


def _pile_place(game: Any, card: int) -> int:
    """Return the place of a card in the pile it is in."""
    combat = game.combat
    for pile in ("hand", "discard", "exhaust", "draw"):
        cards = combat[pile][: combat[f"{pile}_count"]].tolist()
        if card in cards:
            return int(cards.index(card))
    return -1


def _task(game: Any, choices: list[int]) -> list[Move]:
    combat, task = game.combat, task_name(game)
    if task in SUBSETS:
        count = int(combat.offer_count)
        most = min(count, int(combat.pick_max))
        return [{"select_cards": "any_subset", "task": task, "of": "hand", "n": count, "max": most}]
    moves: list[Move] = []
    for place in _places(choices):
        if task in OFFERS:
            where, card = place, offered_cards(game)[place]
        else:
            index = int(combat.offer[place])
            where, card = _pile_place(game, index), Card(combat.cards[index].id).name
        moves.append({"select_cards": [where], "task": task, "card": card})
    if LEAVE in choices:
        moves.append({"skip": True, "task": task})
    return moves


def _pick(game: Any, choices: list[int]) -> list[Move]:
    moves: list[Move] = []
    for place in _places(choices):
        index = int(game.pick.cards[place])
        card = Card(game.deck[index].id).name
        moves.append(
            {
                "select_cards": [place],
                "task": purpose_name(game),
                "card": card,
                "deck_index": index,
            }
        )
    return [*moves, {"cancel": True}] if LEAVE in choices else moves


def _card_moves(which: int, cards: list[tuple[str, int]], bowl: bool) -> list[Move]:
    """Return the choices that a set of cards is."""
    moves: list[Move] = [
        {"reward": "card", "set": which, "index": index, "id": card, "up": upgrades}
        for index, (card, upgrades) in enumerate(cards)
    ]
    return [*moves, {"reward": "singing_bowl", "set": which}] if bowl else moves


def _rewards(game: Any, choices: list[int]) -> list[Move]:
    bowl = bool(owns(game, Relic.SINGING_BOWL))
    if game.screen == Screen.CARD_REWARD:
        return [*_card_moves(0, set_of_cards(game, 0), bowl), {"proceed": True}]
    value = game.rewards.value.tolist()
    gold = gold_lines(game)
    relics, potions, sets = (
        reward_lines(game, kind) for kind in (Reward.RELIC, Reward.POTION, Reward.CARD)
    )
    moves: list[Move] = []
    for line in _places(choices):
        if line in gold:
            moves.append({"reward": "gold", "index": gold.index(line), "amount": value[line]})
        elif line in relics:
            relic = Relic(value[line]).name
            moves.append({"reward": "relic", "index": relics.index(line), "id": relic})
        elif line in potions:
            potion = Potion(value[line]).name
            moves.append({"reward": "potion", "index": potions.index(line), "id": potion})
        elif line in sets:
            which = sets.index(line)
            moves += _card_moves(which, reward_cards(game, line), bowl)
        else:
            moves.append({"reward": "key", "key": reward_key(game)})
    if PROCEED in choices:
        moves.append({"proceed": True})
    return moves


def _boss_relics(game: Any, choices: list[int]) -> list[Move]:
    moves: list[Move] = [
        {"boss_relic": place, "id": Relic(game.boss_relics[place]).name}
        for place in _places(choices)
    ]
    return [*moves, {"skip": True}] if LEAVE in choices else moves


def _event(game: Any, choices: list[int]) -> list[Move]:
    return [{"event": Event(game.event).name, "option": place} for place in _options(game, choices)]


def _shop(game: Any, choices: list[int]) -> list[Move]:
    shop = game.shop
    moves: list[Move] = []
    for place in _options(game, choices):
        if place == Ware.REMOVAL:
            moves.append({"shop_buy": "remove", "price": int(shop.removal_price)})
            continue
        if place < Ware.RELICS:
            index = place - Ware.CARDS
            what, which, price = "card", Card(shop.cards[index].id).name, shop.card_prices[index]
        elif place < Ware.POTIONS:
            index = place - Ware.RELICS
            what, which, price = "relic", Relic(shop.relics[index]).name, shop.relic_prices[index]
        else:
            index = place - Ware.POTIONS
            what, which = "potion", Potion(shop.potions[index]).name
            price = shop.potion_prices[index]
        moves.append({"shop_buy": what, "index": index, "id": which, "price": int(price)})
    return [*moves, {"leave": True}] if LEAVE in choices else moves


def _rest(game: Any, choices: list[int]) -> list[Move]:
    moves: list[Move] = [{"rest": RESTS[place]} for place in _options(game, choices)]
    return moves or [{"leave": True}]


def _chest(_game: Any, choices: list[int]) -> list[Move]:
    moves: list[Move] = [{"open_chest": True} for _ in _places(choices)]
    return [*moves, {"leave": True}] if PROCEED in choices else moves


def _nothing(_game: Any, _choices: list[int]) -> list[Move]:
    return []


_CHOICES = {
    "NEOW": _neow,
    "MAP": _map,
    "COMBAT": _nothing,
    "COMBAT_CARD_SELECT": _task,
    "CARD_SELECT": _pick,
    "REWARDS": _rewards,
    "BOSS_RELIC": _boss_relics,
    "EVENT": _event,
    "SHOP": _shop,
    "REST": _rest,
    "TREASURE": _chest,
    "": _nothing,
}


def numbers(game: Any, move: Move, memory: Memory) -> Iterator[int]:
    """Yield the action numbers of a trace's action; each is to be done before the next is asked for."""
    if memory.emptied and "proceed" in move:
        memory.emptied = False
    elif "play" in move:
        position, target = move["play"], move["target"]
        yield PLAY_UNTARGETED + position if target is None else PLAY + position * MONSTERS + target
    elif "potion" in move:
        slot, target = move["potion"], move.get("target")
        if "discard" in move:
            yield THROW + slot
        else:
            yield POTION_UNTARGETED + slot if target is None else POTION + slot * MONSTERS + target
    elif "end_turn" in move:
        yield END_TURN
    elif "select_cards" in move:
        yield from _selected(game, move)
    elif "reward" in move:
        yield from _taken(game, move, memory)
    elif "shop_buy" in move:
        yield int(option_action(game, WARES[move["shop_buy"]] + move.get("index", 0)))
    elif "map" in move:
        columns = reachable(game)
        yield CHOOSE + (columns.index(move["map"]) if columns else 0)
    elif "rest" in move:
        yield int(option_action(game, RESTS.index(move["rest"])))
    elif "proceed" in move:
        yield LEAVE if game.screen == Screen.CARD_REWARD else PROCEED
    elif "open_chest" in move:
        yield CHOOSE
    elif "leave" in move:
        yield PROCEED if game.screen in (Screen.CHEST, Screen.REST) else LEAVE
    elif "skip" in move or "cancel" in move:
        yield LEAVE
    elif "option" in move:
        yield int(option_action(game, move["option"]))
    else:
        yield CHOOSE + move["neow" if "neow" in move else "boss_relic"]


def _selected(game: Any, move: Move) -> Iterator[int]:
    if game.combat.fight != Fight.ON:
        yield CHOOSE + move["select_cards"][0]
        return
    task = move["task"]
    if task in OFFERS:
        yield CHOOSE + move["select_cards"][0]
        return
    offer = game.combat.offer[: game.combat.offer_count].tolist()
    places = [_pile_place(game, card) for card in offer]
    # The reference engine handles cards chosen together from the right; the game in the order of choosing.
    for place in sorted(move["select_cards"], reverse=True):
        yield CHOOSE + places.index(place)
    if task in SUBSETS:
        yield PROCEED


def _taken(game: Any, move: Move, memory: Memory) -> Iterator[int]:
    what = move["reward"]
    if game.screen == Screen.CARD_REWARD:
        # Cards that are on no list leave nothing behind; the reference engine shows an empty list.
        memory.emptied = True
        yield CHOOSE + (move["index"] if what == "card" else len(set_of_cards(game, 0)))
    elif what in ("card", "singing_bowl"):
        line = reward_lines(game, Reward.CARD)[move["set"]]
        count = len(reward_cards(game, line))
        yield CHOOSE + line
        yield CHOOSE + (move["index"] if what == "card" else count)
    elif what == "key":
        yield CHOOSE + reward_lines(game, Reward.EMERALD_KEY, Reward.SAPPHIRE_KEY)[0]
    else:
        lines = (
            gold_lines(game)
            if what == "gold"
            else reward_lines(game, Reward.RELIC if what == "relic" else Reward.POTION)
        )
        yield CHOOSE + lines[move["index"]]
