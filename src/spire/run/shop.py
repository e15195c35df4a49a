"""Shop: its stock, its prices, and buying."""

from __future__ import annotations

from typing import Any

import numpy as np

from spire import reference
from spire.belt import has_room, obtain_potion, roll_potion
from spire.codes import Codes
from spire.compiled import kernel
from spire.content import missing
from spire.content.card_pools import SHOP, SHOP_SIZES
from spire.content.cards import FACTS as CARDS
from spire.content.cards import Color, Kind, Rarity
from spire.content.potions import POTION_FACTS
from spire.content.relics import FACTS as RELICS
from spire.ids import Card, Potion, Relic, Room
from spire.linked import linked
from spire.owned import owns
from spire.pools import Tier
from spire.rng import Stream
from spire.rounding import half_up
from spire.run.deck import hatched, obtain_card
from spire.run.picks import Purpose, any_pick, open_pick
from spire.run.relics import obtain_relic, take_shop_relic
from spire.run.rewards import draw_colorless, roll_rarity
from spire.run.screens import turn_to
from spire.run.vitals import spend_gold
from spire.state import Screen
from spire.streams import draw_float, draw_float_between, draw_int

REMOVAL, REMOVAL_STEP, REMOVAL_MASKED = 75, 25, 50
"""The price of a removal, what each one adds for the next, and the price of all with a smiling mask."""

_MISSING = np.zeros(len(Relic), dtype=np.bool_)
_MISSING[list(missing.RELICS)] = True

_KINDS = np.array([Kind.ATTACK, Kind.ATTACK, Kind.SKILL, Kind.SKILL, Kind.POWER], dtype=np.int64)
_COLORED, _CARDS, _WARES = 5, 7, 3

_CARD_PRICES = np.zeros(len(Rarity), dtype=np.int16)
_CARD_PRICES[Rarity.COMMON] = 50
_CARD_PRICES[Rarity.UNCOMMON] = 75
_CARD_PRICES[Rarity.RARE] = 150
_POTION_PRICES = np.array([0, 50, 75, 100], dtype=np.int16)
"""By `PotionRarity`."""

_SEEN = np.array([[True] * _CARDS, [k in reference.EGGS_SEE for k in range(_CARDS)]])
"""Which cards of a stock the player's eggs see."""

_CARD_LEAST, _CARD_MOST = np.float32(0.9), np.float32(1.1)
_WARE_LEAST, _WARE_MOST = np.float32(0.95), np.float32(1.05)
_COLORLESS = np.float32(1.2)
_COURIER, _MEMBER = np.float32(0.8), np.float32(0.5)
_ASCENSION = np.array([1.1, reference.ASCENSION_PRICES], dtype=np.float32)
_RARE_CHANCE = np.float32(0.3)
_COMMON_BELOW, _UNCOMMON_BELOW = 48, 82


@linked()
def enter_shop(game: Any) -> None:
    """Stock a shop."""
    shop = game.shop
    _stock_cards(game)
    for k in range(2):
        _stock_relic(game, k, _roll_tier(game))
    _stock_relic(game, 2, Tier.SHOP)
    for k in range(_WARES):
        _stock_potion(game, k)
    if game.ascension >= 16:
        _discount(game, _ASCENSION[game.reference])
    if owns(game, Relic.THE_COURIER):
        _discount(game, _COURIER)
    if owns(game, Relic.MEMBERSHIP_CARD):
        _discount(game, _MEMBER)
    shop.removal_sold = 0
    # As a shop is entered, the second of two factors takes the place of the first.
    member = owns(game, Relic.MEMBERSHIP_CARD)
    shop.removal_price = _removal(game, owns(game, Relic.THE_COURIER) and not member, member)
    game.screen = Screen.SHOP


@kernel
def _stock_cards(game: Any) -> None:
    shop = game.shop
    for k in range(_COLORED):
        card = _draw_of_kind(game, _KINDS[k])
        while k % 2 == 1 and card == shop.cards[k - 1].id:
            card = _draw_of_kind(game, _KINDS[k])
        shop.cards[k].id = card
    shop.cards[5].id = draw_colorless(game, Rarity.UNCOMMON)
    shop.cards[6].id = draw_colorless(game, Rarity.RARE)
    for k in range(_CARDS):
        seen = _SEEN[game.reference, k]
        shop.cards[k].upgrades = hatched(game, shop.cards[k].id, 0) if seen else 0
        shop.card_prices[k] = int(_draw_card_price(game, shop.cards[k].id))
    sale = draw_int(game, Stream.MERCHANT, _COLORED - 1)
    shop.card_prices[sale] = int(shop.card_prices[sale]) // 2


@kernel
def _draw_of_kind(game: Any, kind: Any) -> Any:
    """Return a random card of a type: two draws of the stream card."""
    row = _row(kind, roll_rarity(game))
    return SHOP[row, draw_int(game, Stream.CARD, int(SHOP_SIZES[row]) - 1)]


@kernel
def _row(kind: Any, rarity: Any) -> Any:
    """Return the row of `SHOP` for a type and a rarity; where it is empty, that of uncommon cards."""
    row = 3 * (kind - Kind.ATTACK) + rarity - Rarity.COMMON
    return row if SHOP_SIZES[row] > 0 else row + 1


@kernel
def _draw_card_price(game: Any, card: Any) -> Any:
    """Return the price of a card in single precision: one draw."""
    fact = CARDS[game.reference, card]
    drawn = draw_float_between(game, Stream.MERCHANT, _CARD_LEAST, _CARD_MOST)
    price = np.float32(_CARD_PRICES[fact.rarity]) * drawn
    return price * _COLORLESS if fact.color == Color.COLORLESS else price


@kernel
def _draw_ware_price(game: Any, base: Any) -> Any:
    drawn = draw_float_between(game, Stream.MERCHANT, _WARE_LEAST, _WARE_MOST)
    return half_up(np.float32(base) * drawn)


@kernel
def _roll_tier(game: Any) -> Any:
    """Return the tier of a relic in the shop: one draw."""
    rolled = draw_int(game, Stream.MERCHANT, 99)
    if rolled < _COMMON_BELOW:
        return Tier.COMMON
    if rolled < _UNCOMMON_BELOW:
        return Tier.UNCOMMON
    return Tier.RARE


@kernel
def _stock_relic(game: Any, k: Any, tier: Any) -> None:
    relic = take_shop_relic(game, tier)
    game.shop.relics[k] = relic
    game.shop.relic_prices[k] = _draw_ware_price(game, RELICS[game.reference, relic].price)


@kernel
def _stock_potion(game: Any, k: Any) -> None:
    potion = roll_potion(game, False)
    game.shop.potions[k] = potion
    price = _POTION_PRICES[POTION_FACTS[potion].rarity]
    game.shop.potion_prices[k] = _draw_ware_price(game, price)


@kernel
def _discount(game: Any, factor: Any) -> None:
    """Multiply the prices of the whole stock."""
    shop = game.shop
    for k in range(_CARDS):
        shop.card_prices[k] = half_up(np.float32(shop.card_prices[k]) * factor)
    for k in range(_WARES):
        shop.relic_prices[k] = half_up(np.float32(shop.relic_prices[k]) * factor)
        shop.potion_prices[k] = half_up(np.float32(shop.potion_prices[k]) * factor)


@kernel
def _removal(game: Any, courier: Any, member: Any) -> Any:
    """Return the price of a removal."""
    if owns(game, Relic.SMILING_MASK):
        return REMOVAL_MASKED
    price = np.float32(REMOVAL + REMOVAL_STEP * int(game.removals))
    if courier:
        price *= _COURIER
    if member:
        price *= _MEMBER
    return half_up(price)


class Ware(Codes):
    """The wares of a shop, by their places: the removal of a card, then the first of each kind."""

    REMOVAL = 0
    CARDS = 1
    RELICS = 8
    POTIONS = 11
    END = 14


@kernel
def can_pay(game: Any, ware: Any) -> Any:
    """Return whether a ware is there and can be paid."""
    shop = game.shop
    if ware == Ware.REMOVAL:
        return not shop.removal_sold and game.gold >= shop.removal_price
    if ware < Ware.RELICS:
        return can_buy_card(game, ware - Ware.CARDS)
    if ware < Ware.POTIONS:
        return can_buy_relic(game, ware - Ware.RELICS)
    k = ware - Ware.POTIONS
    return shop.potions[k] != Potion.INVALID and game.gold >= shop.potion_prices[k]


@kernel
def is_missing(game: Any, ware: Any) -> Any:
    """Return whether a relic on sale is one that is not there yet; the reference engine sells it."""
    return _MISSING[game.shop.relics[ware - Ware.RELICS]] and game.reference == 0


@kernel
def can_buy(game: Any, ware: Any) -> Any:
    """Return whether a ware is there, can be paid, and is of use: held, or a card to remove."""
    if not can_pay(game, ware):
        return False
    if ware == Ware.REMOVAL:
        return any_pick(game, Purpose.REMOVE)
    if Ware.RELICS <= ware < Ware.POTIONS and is_missing(game, ware):
        return False
    return ware < Ware.POTIONS or (has_room(game) and not owns(game, Relic.SOZU))


@linked()
def buy(game: Any, ware: Any) -> None:
    """Buy a ware; a removal is paid as its card is chosen."""
    if ware == Ware.REMOVAL:
        open_pick(game, Purpose.REMOVE, 1, Screen.SHOP)
    elif ware < Ware.RELICS:
        buy_card(game, ware - Ware.CARDS)
    elif ware < Ware.POTIONS:
        buy_relic(game, ware - Ware.RELICS)
    else:
        buy_potion(game, ware - Ware.POTIONS)


@kernel
def can_buy_card(game: Any, k: Any) -> Any:
    """Return whether a card is there and can be paid."""
    return game.shop.cards[k].id != Card.INVALID and game.gold >= game.shop.card_prices[k]


@kernel
def can_buy_relic(game: Any, k: Any) -> Any:
    """Return whether a relic is there and can be paid."""
    return game.shop.relics[k] != Relic.INVALID and game.gold >= game.shop.relic_prices[k]


@kernel
def buy_card(game: Any, k: Any) -> None:
    """Buy a card; a courier brings another."""
    shop = game.shop
    card = shop.cards[k]
    sold = int(card.id)
    spend_gold(game, shop.card_prices[k])
    obtain_card(game, sold, card.upgrades, 0)
    card.id = Card.INVALID
    if not owns(game, Relic.THE_COURIER):
        return
    if CARDS[game.reference, sold].color == Color.COLORLESS:
        rare = draw_float(game, Stream.MERCHANT) < _RARE_CHANCE
        card.id = draw_colorless(game, Rarity.RARE if rare else Rarity.UNCOMMON)
    else:
        row = _row(int(CARDS[game.reference, sold].kind), roll_rarity(game))
        card.id = SHOP[row, _unseeded(game) % int(SHOP_SIZES[row])]
    card.upgrades = hatched(game, card.id, 0)
    price = _draw_card_price(game, card.id) * _COURIER
    if owns(game, Relic.MEMBERSHIP_CARD):
        price *= _MEMBER
    shop.card_prices[k] = int(price)


@kernel
def _unseeded(game: Any) -> Any:
    """Return a number for the one draw that the game makes from its clock; here the seed decides it, too."""
    words = game.words[Stream.CARD]
    return np.int64((words[0] ^ (words[1] << np.uint64(1))) >> np.uint64(8))


@kernel
def buy_relic(game: Any, k: Any) -> None:
    """Buy a relic; a courier brings another."""
    shop = game.shop
    sold = int(shop.relics[k])
    spend_gold(game, shop.relic_prices[k])
    shop.relics[k] = Relic.INVALID
    obtain_relic(game, sold)
    if sold == Relic.MEMBERSHIP_CARD:
        _discount(game, _MEMBER)
        shop.removal_price = _removal(game, False, True)
    elif sold == Relic.SMILING_MASK:
        shop.removal_price = REMOVAL_MASKED
    if owns(game, Relic.THE_COURIER):
        relic = take_shop_relic(game, _roll_tier(game))
        while _unwanted(relic):
            relic = take_shop_relic(game, _roll_tier(game))
        shop.relics[k] = relic
        price = _draw_ware_price(game, RELICS[game.reference, relic].price)
        shop.relic_prices[k] = _brought(game, price)


@kernel
def _unwanted(relic: Any) -> Any:
    """Return whether a relic is none that a courier brings."""
    return relic in (Relic.OLD_COIN, Relic.SMILING_MASK, Relic.MAW_BANK, Relic.THE_COURIER)


@kernel
def _brought(game: Any, price: Any) -> Any:
    """Return what a ware costs that a courier brings."""
    reduced = half_up(np.float32(price) * _COURIER)
    if owns(game, Relic.MEMBERSHIP_CARD):
        reduced = half_up(np.float32(reduced) * _MEMBER)
    return reduced


@kernel
def buy_potion(game: Any, k: Any) -> None:
    """Buy a potion; a courier brings another."""
    shop = game.shop
    spend_gold(game, shop.potion_prices[k])
    obtain_potion(game, shop.potions[k])
    shop.potions[k] = Potion.INVALID
    if owns(game, Relic.THE_COURIER):
        _stock_potion(game, k)
        shop.potion_prices[k] = _brought(game, shop.potion_prices[k])


@kernel
def is_removing(game: Any) -> Any:
    """Return whether the card that is chosen is one for the shop to remove."""
    return game.room == Room.SHOP and game.pick.purpose == Purpose.REMOVE


@kernel
def pay_removal(game: Any) -> None:
    """Pay for the removal of a card."""
    shop = game.shop
    spend_gold(game, shop.removal_price)
    game.removals += 1
    shop.removal_sold = 1
    shop.removal_price = _removal(
        game, owns(game, Relic.THE_COURIER), owns(game, Relic.MEMBERSHIP_CARD)
    )


@kernel
def leave_shop(game: Any) -> None:
    """Leave the shop."""
    turn_to(game, Screen.MAP)
