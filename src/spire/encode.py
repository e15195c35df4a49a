"""Encode: a record as the numbers of an observation.

Nothing is written that the player of the real game does not see: no order of the draw pile, nothing of the
streams, of what question marks and pools hold, or of what monsters will do after their next move.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spire import names
from spire.arrays import fill
from spire.combat.damage import monster_attack_amount
from spire.combat.monsters import intent
from spire.combat.select import can_skip
from spire.combat.use import can_drink, can_use
from spire.compiled import allocating_kernel, kernel
from spire.content.cards import FACTS, X
from spire.content.potions import POTION_FACTS
from spire.content.relics import FACTS as RELIC_FACTS
from spire.encode_view import encode_view
from spire.game import Game
from spire.ids import (
    Card,
    Encounter,
    Event,
    Monster,
    MonsterPower,
    Move,
    NeowBonus,
    NeowDrawback,
    PlayerPower,
    Potion,
    Relic,
    Room,
)
from spire.linked import FLOATS, linked
from spire.maps import COLUMNS, ROWS
from spire.observation import (
    BLOCKS,
    BOMB_TURNS,
    BOSS_ORDER,
    CARD_NUMBERS,
    COUNTED_ROOMS,
    DRAWBACK_ORDER,
    EVENT_OPTIONS,
    EVENT_ORDER,
    FORM,
    FORMS,
    INTENT_ROWS,
    MAP_CHOICES,
    MONSTER_ORDER,
    MONSTER_POWER_ORDER,
    MOVE_PLACES,
    NEOW_ORDER,
    NODE_ORDER,
    POTION_OFFERS,
    POTION_ORDER,
    POWER_ORDER,
    RELIC_OFFERS,
    RELIC_ORDER,
    REWARD_LINES,
    SELECT_SLOTS,
    SELECTIONS,
    SIZE,
    numbers,
)
from spire.owned import owns
from spire.run import events, potions, rest, rooms, spoils
from spire.run.events import FACE, GONE, SEEN, UP
from spire.run.picks import Purpose
from spire.shown import COUNTING, USED_UP, is_gone, shown_counter, shown_move
from spire.state import Fight, Outcome, Reward, Screen

__all__ = ["SIZE", "encode", "encode_view", "write_observation"]


def encode(game: Game) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the observation of a game."""
    out = np.zeros(SIZE, dtype=np.float32)
    write_observation(game.record, out)
    return out


# Where things stand. Kernels read plain integers.

_PLAYER, _BOSS, _ROOM, _SCREEN, _FIGHT, _POWERS = (
    BLOCKS[name].offset for name in ("player", "boss", "room", "screen", "fight", "powers")
)
_KEYS, _DECK_SIZE = BLOCKS["player"].at("keys"), BLOCKS["player"].at("deck")
_INCOMING, _BOMBS = BLOCKS["fight"].at("incoming"), BLOCKS["fight"].at("bombs")
_HAND, _HAND_SLOT, _PLAYABLE = BLOCKS["hand"].offset, BLOCKS["hand"].width, FORM
_DRAW, _DISCARD, _EXHAUST, _DECK, _UPGRADED = (
    BLOCKS[name].offset
    for name in ("draw pile", "discard pile", "exhaust pile", "deck", "upgraded")
)
_FORM = BLOCKS["hand"].places
_F_UPGRADES, _F_COST, _F_X, _F_UNPLAYABLE, _F_DAMAGE = (
    _FORM[name] for name in ("upgrades", "cost", "x", "unplayable", "damage")
)
_F_BLOCK = _FORM["block"]
_PILE = 0.25

_MONSTERS, _MONSTER_SLOT = BLOCKS["monsters"].offset, BLOCKS["monsters"].width
_OF = BLOCKS["monsters"].places
_M_KIND, _M_HP, _M_KNOWN, _M_INTENT, _M_DAMAGE, _M_MOVE, _M_AGAIN, _M_POWERS = (
    _OF[name]
    for name in ("kind", "hp share", "known", "intent", "damage", "move", "again", "powers")
)
_RELICS, _COUNTERS = BLOCKS["relics"].at("owned"), BLOCKS["relics"].at("counter")
_POTIONS, _POTION_SLOT = BLOCKS["potions"].offset, BLOCKS["potions"].width
_USABLE = BLOCKS["potions"].places["usable"]
_CARDS, _CARD_SLOT = BLOCKS["card offers"].offset, BLOCKS["card offers"].width
_WARES, _WARE_SLOT = BLOCKS["relic offers"].offset, BLOCKS["relic offers"].width
_WARE_NUMBER, _WARE_PRICE = (BLOCKS["relic offers"].places[name] for name in ("number", "price"))
_DRINKS, _DRINK_SLOT = BLOCKS["potion offers"].offset, BLOCKS["potion offers"].width
_DRINK_NUMBER, _DRINK_PRICE = (BLOCKS["potion offers"].places[name] for name in ("number", "price"))
_BOWL, _SKIP, _PURGE, _REST, _CHEST = (
    BLOCKS["offers"].at(name) for name in ("bowl", "skip", "purge", "rest", "chest")
)
_LINES, _LINE_SLOT = BLOCKS["rewards"].offset, BLOCKS["rewards"].width
_LINE_GOLD = BLOCKS["rewards"].places["gold"]
_MAP, _MAP_SLOT = BLOCKS["map"].offset, BLOCKS["map"].width
_MAP_BOSS, _MAP_FLIGHT, _MAP_MOST, _MAP_LEAST = (
    BLOCKS["map"].places[name] for name in ("boss", "flight", "most", "least")
)
_SELECTION, _PURPOSE, _WANTED = (
    BLOCKS["selection"].at(name) for name in ("action", "purpose", "wanted")
)
_SELECTABLE, _SELECT_SLOT = BLOCKS["selectable"].offset, BLOCKS["selectable"].width
_EVENT, _OPTIONS, _ODDS = (BLOCKS["event"].at(name) for name in ("event", "options", "odds"))
_GIFTS, _DRAWBACK = BLOCKS["neow"].at("gifts"), BLOCKS["neow"].at("drawback")

_COUNTED = len(COUNTED_ROOMS)
_MATCH_CARDS = 12

_BOSSES = numbers(BOSS_ORDER, len(Encounter))
_KINDS = numbers(MONSTER_ORDER, len(Monster))
_PLAYER_POWERS = numbers(POWER_ORDER, len(PlayerPower))
_MONSTER_POWERS = numbers(MONSTER_POWER_ORDER, len(MonsterPower))
_RELIC_NUMBERS = numbers(RELIC_ORDER, len(Relic))
_COUNTER_NUMBERS = numbers(COUNTING, len(Relic))
_POTION_NUMBERS = numbers(POTION_ORDER, len(Potion))
_EVENTS = numbers(EVENT_ORDER, len(Event))
_NODES = numbers(NODE_ORDER, len(Room))
_GIFT_NUMBERS = numbers(NEOW_ORDER, len(NeowBonus))
_DRAWBACK_NUMBERS = numbers(DRAWBACK_ORDER, len(NeowDrawback))
_PURPOSES = np.zeros(len(Purpose), dtype=np.int64)
_PURPOSES[[Purpose.UPGRADE, Purpose.TRANSFORM, Purpose.REMOVE]] = 1, 2, 3
_PURPOSES[[Purpose.REMOVE_ANY, Purpose.OFFER]] = 3
_FLAGS = np.zeros(len(PlayerPower), dtype=np.bool_)
_FLAGS[list(names.STACKLESS)] = True
_MOVE_IDS = np.zeros(len(Move), dtype=np.int16)
for _move, (_number, _) in names.MOVES.items():
    _MOVE_IDS[_move] = _number


@linked(FLOATS)
def write_observation(game: Any, out: Any) -> None:
    """Write the observation of a game into `out` (float32, `SIZE` long)."""
    fill(out, 0)
    _write_player(game, out)
    _write_holdings(game, out)
    fighting = game.combat.fight == Fight.ON and game.outcome == Outcome.NONE
    if fighting:
        _write_fight(game, out)
        _write_monsters(game, out)
    screen = int(game.screen)
    out[_SCREEN + screen - 1] = 1
    if screen == Screen.HAND_SELECT or screen == Screen.GRID:
        _write_selection(game, out)
    elif screen == Screen.CARD_REWARD:
        _write_cards(game, out)
    elif screen == Screen.MAP:
        _write_map(game, out)
    elif screen == Screen.COMBAT_REWARD:
        _write_rewards(game, out)
    elif screen == Screen.EVENT:
        _write_event(game, out)
    elif screen == Screen.SHOP:
        _write_shop(game, out)
    elif screen == Screen.REST:
        for k in range(6):
            out[_REST + k] = 1 if rest.can_rest(game, k) else 0
    elif screen == Screen.NEOW:
        for k in range(3):
            out[_GIFTS + _GIFT_NUMBERS[game.neow.bonus[k]] - 1] = 1
        out[_DRAWBACK + _DRAWBACK_NUMBERS[game.neow.drawback[2]] - 1] = 1
    elif screen == Screen.BOSS_REWARD:
        for k in range(game.boss_relics.size):
            _write_relic(game, out, k, game.boss_relics[k], 0)
    elif screen == Screen.CHEST:
        out[_CHEST + int(game.chest_size)] = 1


@kernel
def _write_player(game: Any, out: Any) -> None:
    hp, max_hp = int(game.hp), int(game.max_hp)
    out[_PLAYER] = hp / max(max_hp, 1)
    out[_PLAYER + 1] = hp / 100
    out[_PLAYER + 2] = max_hp / 100
    out[_PLAYER + 3] = int(game.gold) / 500
    out[_PLAYER + 4] = int(game.floor) / 50
    out[_PLAYER + 5] = int(game.act) / 4
    out[_PLAYER + 6] = int(game.ascension) / 20
    out[_KEYS] = int(game.ruby_key)
    out[_KEYS + 1] = int(game.emerald_key)
    out[_KEYS + 2] = int(game.sapphire_key)
    out[_DECK_SIZE] = int(game.deck_count) / 40
    out[_DECK_SIZE + 1] = int(game.potion_slots) / 5
    out[_BOSS + _BOSSES[game.encounters.bosses[0]] - 1] = 1
    out[_ROOM + int(game.room)] = 1


@kernel
def _write_holdings(game: Any, out: Any) -> None:
    """Write deck, relics and potions."""
    for k in range(game.deck_count):
        card = game.deck[k]
        number = int(CARD_NUMBERS[card.id]) - 1
        out[_DECK + number] += _PILE
        if card.upgrades > 0:
            out[_UPGRADED + number] += _PILE
    for k in range(game.relic_count):
        relic = int(game.relics[k])
        number = int(_RELIC_NUMBERS[relic])
        if number > 0:
            out[_RELICS + number - 1] = 1
        number = int(_COUNTER_NUMBERS[relic])
        if number > 0:
            count = int(shown_counter(game, k))
            if count > 0:
                out[_COUNTERS + number - 1] = count / 10
            elif count == USED_UP:
                out[_COUNTERS + number - 1] = -1
    fighting = game.combat.fight == Fight.ON and game.outcome == Outcome.NONE
    for slot in range(game.potion_slots):
        potion = int(game.potions[slot])
        if potion > 0:
            at = _POTIONS + slot * _POTION_SLOT
            out[at + _POTION_NUMBERS[potion] - 1] = 1
            usable = can_drink(game, slot) if fighting else potions.can_use(game, slot)
            out[at + _USABLE] = 1 if usable else 0


@kernel
def _damage(card: Any, upgrades: Any, misc: Any) -> Any:
    """Return the damage of a card that its table does not know, or -1."""
    if card == Card.SEARING_BLOW:
        return 12 + int(upgrades) * (int(upgrades) + 7) // 2
    return int(misc) if card == Card.RITUAL_DAGGER else -1


@kernel
def _write_card(out: Any, at: Any, card: Any, upgrades: Any, cost: Any, misc: Any) -> None:
    form = FORMS[CARD_NUMBERS[card], 1 if upgrades > 0 else 0]
    for k in range(FORM):
        out[at + k] = form[k]
    out[at + _F_UPGRADES] = int(upgrades)
    if cost >= 0:
        out[at + _F_COST] = int(cost) / 3
    elif cost == X:
        out[at + _F_X] = 1
    else:
        out[at + _F_UNPLAYABLE] = 1
    damage = _damage(card, upgrades, misc)
    if damage >= 0:
        out[at + _F_DAMAGE] = damage / 20


@kernel
def _cost(game: Any, card: Any, upgrades: Any) -> Any:
    """Return what is printed on a card."""
    return int(FACTS[game.reference, card].cost[1 if upgrades > 0 else 0])


@kernel
def _write_pile(combat: Any, out: Any, at: Any, pile: Any, count: Any) -> None:
    for k in range(count):
        out[at + CARD_NUMBERS[combat.cards[pile[k]].id] - 1] += _PILE


@kernel
def _write_hand_card(game: Any, out: Any, slot: Any, c: Any) -> None:
    card = game.combat.cards[c]
    at = _HAND + slot * _HAND_SLOT
    _write_card(out, at, card.id, card.upgrades, card.turn_cost, card.misc)
    out[at + _PLAYABLE] = 1 if can_use(game, c, True) else 0


@kernel
def _write_fight(game: Any, out: Any) -> None:
    """Write what there is in a combat besides the monsters."""
    combat = game.combat
    if game.screen == Screen.HAND_SELECT:
        # The cards in question, less those picked.
        held = int(combat.offer_count)
        for k in range(held):
            _write_hand_card(game, out, k, int(combat.offer[k]))
    else:
        for k in range(combat.hand_count):
            _write_hand_card(game, out, k, int(combat.hand[k]))
        held = int(combat.hand_count)
    out[_FIGHT] = 1
    out[_FIGHT + 1] = int(combat.block) / 50
    out[_FIGHT + 2] = int(combat.energy) / 5
    out[_FIGHT + 3] = (int(combat.turn) + 1) / 20
    out[_FIGHT + 4] = held / 10
    out[_FIGHT + 5] = int(combat.draw_count) / 40
    out[_FIGHT + 6] = int(combat.discard_count) / 40
    out[_FIGHT + 7] = int(combat.exhaust_count) / 40
    out[_FIGHT + 8] = int(combat.times_damaged) / 10
    _write_pile(combat, out, _DRAW, combat.draw, int(combat.draw_count))
    _write_pile(combat, out, _DISCARD, combat.discard, int(combat.discard_count))
    _write_pile(combat, out, _EXHAUST, combat.exhaust, int(combat.exhaust_count))
    for k in range(combat.order_count):
        power = int(combat.order[k])
        number = int(_PLAYER_POWERS[power])
        if number > 0:
            amount = int(combat.powers[power])
            if power == PlayerPower.PANACHE:
                amount = int(combat.panache_left)
            out[_POWERS + number - 1] = 1 if _FLAGS[power] else amount / 10
    for b in range(combat.bomb_turns.size):
        turns = int(combat.bomb_turns[b])
        if turns > 0:
            out[_BOMBS + turns - 1] += int(combat.bomb_damage[b])
    for k in range(BOMB_TURNS):
        out[_BOMBS + k] /= 50


@kernel
def _write_monsters(game: Any, out: Any) -> None:
    combat = game.combat
    dome = owns(game, Relic.RUNIC_DOME)
    incoming = 0
    for m in range(combat.monster_count):
        monster = combat.monsters[m]
        if not monster.used or is_gone(monster):
            continue
        at = _MONSTERS + m * _MONSTER_SLOT
        out[at] = 1
        out[at + _M_KIND + _KINDS[monster.id] - 1] = 1
        hp, max_hp = int(monster.hp), int(monster.max_hp)
        out[at + _M_HP] = hp / max(max_hp, 1)
        out[at + _M_HP + 1] = hp / 100
        out[at + _M_HP + 2] = max_hp / 100
        out[at + _M_HP + 3] = int(monster.block) / 50
        for k in range(monster.order_count):
            power = int(monster.order[k])
            number = int(_MONSTER_POWERS[power])
            if number > 0:
                out[at + _M_POWERS + number - 1] = int(monster.powers[power]) / 10
        if dome:
            continue
        out[at + _M_KNOWN] = 1
        move = int(shown_move(monster))
        for k in range(INTENT_ROWS.shape[1]):
            out[at + _M_INTENT + k] = INTENT_ROWS[move, k]
        if move > 0:
            base, hits = intent(game, m)
            if base > 0:
                damage = int(monster_attack_amount(game, m, base))
                out[at + _M_DAMAGE] = damage / 30
                out[at + _M_DAMAGE + 1] = int(hits) / 6
                out[at + _M_DAMAGE + 2] = damage * int(hits) / 50
                incoming += damage * int(hits)
        if MOVE_PLACES[move] > 0:
            out[at + _M_MOVE + MOVE_PLACES[move] - 1] = 1
        last = int(monster.before_last)
        if last > 0 and _MOVE_IDS[last] == _MOVE_IDS[move]:
            out[at + _M_AGAIN] = 1
    out[_INCOMING] = incoming / 50


# Offers.


@kernel
def _write_price(game: Any, out: Any, at: Any, price: Any) -> None:
    """Write a price; 0 is that of what is not sold."""
    if price > 0:
        out[at] = int(price) / 100
        out[at + 1] = 1 if game.gold >= price else 0


@kernel
def _write_bits(out: Any, at: Any, number: Any, bits: Any) -> None:
    for bit in range(bits):
        out[at + bit] = number >> bit & 1


@kernel
def _write_relic(game: Any, out: Any, slot: Any, relic: Any, price: Any) -> None:
    at = _WARES + slot * _WARE_SLOT
    out[at + int(RELIC_FACTS[0, relic].tier)] = 1
    _write_bits(out, at + _WARE_NUMBER, int(_RELIC_NUMBERS[relic]), _WARE_PRICE - _WARE_NUMBER)
    _write_price(game, out, at + _WARE_PRICE, price)


@kernel
def _write_potion(game: Any, out: Any, slot: Any, potion: Any, price: Any) -> None:
    at = _DRINKS + slot * _DRINK_SLOT
    out[at + int(POTION_FACTS[potion].rarity) - 1] = 1
    _write_bits(out, at + _DRINK_NUMBER, int(_POTION_NUMBERS[potion]), _DRINK_PRICE - _DRINK_NUMBER)
    _write_price(game, out, at + _DRINK_PRICE, price)


@kernel
def _write_offered(game: Any, out: Any, slot: Any, card: Any, upgrades: Any, price: Any) -> None:
    at = _CARDS + slot * _CARD_SLOT
    _write_card(out, at, card, upgrades, _cost(game, card, upgrades), 0)
    _write_price(game, out, at + FORM, price)


@kernel
def _write_cards(game: Any, out: Any) -> None:
    """Write the cards of a reward, or of an offer in combat."""
    combat = game.combat
    if combat.task != 0:
        for k in range(combat.offer_count):
            _write_offered(game, out, k, int(combat.offer[k]), 0, 0)
        out[_SKIP] = 1 if can_skip(game) else 0
        _write_task(game, out)
        return
    cards = game.rewards.cards[spoils.shown_set(game)]
    for k in range(spoils.shown_count(game)):
        _write_offered(game, out, k, int(cards[k].id), int(cards[k].upgrades), 0)
    out[_BOWL] = 1 if spoils.has_bowl(game) else 0
    out[_SKIP] = 1


@kernel
def _write_shop(game: Any, out: Any) -> None:
    """Write what is left in a shop, as it is shown: without gaps."""
    shop = game.shop
    shown = 0
    for k in range(shop.cards.size):
        card = shop.cards[k]
        if card.id != 0:
            price = int(shop.card_prices[k])
            _write_offered(game, out, shown, int(card.id), int(card.upgrades), price)
            shown += 1
    shown = 0
    for k in range(shop.relics.size):
        if shop.relics[k] != 0:
            _write_relic(game, out, shown, int(shop.relics[k]), int(shop.relic_prices[k]))
            shown += 1
    shown = 0
    for k in range(shop.potions.size):
        if shop.potions[k] != 0:
            _write_potion(game, out, shown, int(shop.potions[k]), int(shop.potion_prices[k]))
            shown += 1
    if not shop.removal_sold:
        out[_PURGE] = 1
        _write_price(game, out, _PURGE + 1, int(shop.removal_price))


@kernel
def _write_rewards(game: Any, out: Any) -> None:
    rewards = game.rewards
    relics, drinks = 0, 0
    for line in range(min(int(rewards.count), REWARD_LINES)):
        kind, value = int(rewards.kind[line]), int(rewards.value[line])
        at = _LINES + line * _LINE_SLOT
        out[at + kind - 1] = 1
        if kind == Reward.GOLD or kind == Reward.STOLEN_GOLD:
            out[at + _LINE_GOLD] = value / 100
        elif kind == Reward.RELIC and relics < RELIC_OFFERS:
            _write_relic(game, out, relics, value, 0)
            relics += 1
        elif kind == Reward.POTION and drinks < POTION_OFFERS:
            _write_potion(game, out, drinks, value, 0)
            drinks += 1


# Selections.


@kernel
def _write_task(game: Any, out: Any) -> None:
    out[_SELECTION + SELECTIONS[game.combat.task] - 1] = 1


@kernel
def _write_selectable(
    out: Any, slot: Any, picked: Any, card: Any, upgrades: Any, cost: Any, misc: Any
) -> None:
    if slot >= SELECT_SLOTS:
        return
    at = _SELECTABLE + slot * _SELECT_SLOT
    out[at] = 1 if picked else 0
    out[at + 1] = int(upgrades)
    form = FORMS[CARD_NUMBERS[card], 1 if upgrades > 0 else 0]
    for k in range(5):
        if form[k] > 0:
            out[at + 2 + min(k, 3)] = 1
    out[at + 6] = max(int(cost), 0) / 3
    damage = _damage(card, upgrades, misc)
    out[at + 7] = damage / 20 if damage >= 0 else form[_F_DAMAGE]
    out[at + 8] = form[_F_BLOCK]


@kernel
def _write_selection(game: Any, out: Any) -> None:
    """Write the cards that can be selected: those not picked in their order, then those picked."""
    combat, pick = game.combat, game.pick
    if combat.task != 0:
        _write_task(game, out)
        out[_WANTED] = int(combat.pick_max) / 10
        out[_WANTED + 1] = int(combat.picked_count) / 10
        out[_WANTED + 2] = 1 if combat.pick_min == 0 else 0
        for k in range(combat.offer_count):
            card = combat.cards[combat.offer[k]]
            _write_selectable(out, k, False, card.id, card.upgrades, card.turn_cost, card.misc)
        for k in range(combat.picked_count):
            card = combat.cards[combat.picked[k]]
            slot = int(combat.offer_count) + k
            _write_selectable(out, slot, True, card.id, card.upgrades, card.turn_cost, card.misc)
        return
    if _PURPOSES[pick.purpose] > 0:
        out[_PURPOSE + _PURPOSES[pick.purpose] - 1] = 1
    out[_WANTED] = int(pick.needed) / 10
    out[_WANTED + 1] = int(pick.picked_count) / 10
    for k in range(pick.count):
        _write_deck_card(game, out, k, False, int(pick.cards[k]))
    for k in range(pick.picked_count):
        _write_deck_card(game, out, int(pick.count) + k, True, int(pick.picked[k]))


@kernel
def _write_deck_card(game: Any, out: Any, slot: Any, picked: Any, index: Any) -> None:
    card = game.deck[index]
    cost = _cost(game, card.id, card.upgrades)
    _write_selectable(out, slot, picked, card.id, card.upgrades, cost, card.misc)


# Events and the map.


@kernel
def _write_event(game: Any, out: Any) -> None:
    event, page = int(game.event), int(game.event_page)
    out[_EVENT + _EVENTS[event] - 1] = 1
    for k in range(min(events.option_count(game), EVENT_OPTIONS)):
        out[_OPTIONS + k] = 1 if events.can_choose(game, k) else 0
    if event == Event.SCRAP_OOZE:
        out[_ODDS] = (25 + 10 * page) / 100
    elif event == Event.DEAD_ADVENTURER:
        out[_ODDS] = ((35 if game.ascension >= 15 else 25) + 25 * page) / 100
    elif event == Event.WORLD_OF_GOOP:
        out[_ODDS + 1] = int(game.event_data[0]) / 100
    elif event == Event.WE_MEET_AGAIN:
        out[_ODDS + 1] = int(game.event_data[1]) / 100
    elif event == Event.MATCH_AND_KEEP:
        for place in range(_MATCH_CARDS):
            face = int(game.event_data[place])
            if face & SEEN:
                card = face & FACE
                picked = face & (UP | GONE) != 0
                _write_selectable(out, place, picked, card, 0, _cost(game, card, 0), 0)


@allocating_kernel
def _write_map(game: Any, out: Any) -> None:
    """Write where the ways lead, and what lies on the paths from there to the boss."""
    y = int(game.y) + 1
    if y >= ROWS:
        out[_MAP + _MAP_BOSS] = 1
        return
    # The most and the fewest rooms of each kind from a place on, for two rows in turn.
    ahead = np.zeros((2, COLUMNS, 2 * _COUNTED), dtype=np.int16)
    for row in range(ROWS - 1, y - 1, -1):
        for x in range(COLUMNS):
            edges = int(game.map.edges[row, x])
            if edges == 0:
                continue
            here = ahead[row & 1, x]
            first = True
            # A path leads no further than one column to the side.
            for child in range(max(x - 1, 0), min(x + 2, COLUMNS)):
                if row < ROWS - 1 and edges >> child & 1:
                    there = ahead[(row + 1) & 1, child]
                    for k in range(_COUNTED):
                        low = k + _COUNTED
                        here[k] = there[k] if first else max(here[k], there[k])
                        here[low] = there[low] if first else min(here[low], there[low])
                    first = False
            if first:
                fill(here, 0)
            kind = int(_NODES[game.map.room[row, x]]) - 1
            if 0 <= kind < _COUNTED:
                here[kind] += 1
                here[kind + _COUNTED] += 1
    slot = 0
    for x in range(COLUMNS):
        if rooms.can_go(game, x) and slot < MAP_CHOICES:
            at = _MAP + slot * _MAP_SLOT
            out[at + _NODES[game.map.room[y, x]] - 1] = 1
            out[at + _MAP_FLIGHT] = 0 if rooms.has_path(game, x) else 1
            for k in range(_COUNTED):
                out[at + _MAP_MOST + k] = ahead[y & 1, x, k] / 5
                out[at + _MAP_LEAST + k] = ahead[y & 1, x, k + _COUNTED] / 5
            slot += 1
