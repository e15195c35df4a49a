"""Run rules: how what lies between combats departs from the game in the reference engine."""

from __future__ import annotations

from typing import Any

from spire.content.card_pools import COLORLESS_TRANSFORMS, CURSES, TRANSFORMS
from spire.content.cards import FACTS, Color, Kind, Rarity
from spire.ids import Card, Event, Relic, Room
from spire.owned import counter
from spire.replay.registry import deviation
from spire.replay.situation import Situation
from spire.run.deck import purgeable
from spire.state import Screen

C, R = Card, Relic

# Cards of the deck.


@deviation("TRANSFORM", "a card may turn into its like: those behind it do not move up")
def _(s: Situation) -> bool:
    if s.move.get("task") not in ("TRANSFORM", "TRANSFORM_UPGRADE"):
        return False
    places = _picked(s)
    if not places:
        return False
    if counter(s.game, R.OMAMORI) != counter(s.after, R.OMAMORI):
        return True
    count = int(s.after.deck_count)
    made = s.after.deck[count - len(places) : count]
    return any(
        _moves_up(s, int(s.game.deck[place].id), int(new.id))
        for place, new in zip(places, made, strict=True)
    )


def _picked(s: Situation) -> list[int]:
    """Return the places of all the cards that are picked, once the last one is."""
    pick = s.game.pick
    places = [*pick.picked[: pick.picked_count].tolist(), s.move["deck_index"]]
    return places if len(places) == pick.needed else []


def _moves_up(s: Situation, old: int, new: int) -> bool:
    """Whether a card turns into another one than in the reference engine."""
    if old in GREEN:
        return True
    color = FACTS[s.game.reference, old].color
    pool = TRANSFORMS.tolist()
    if color == Color.CURSE:
        pool = CURSES.tolist()
    elif color == Color.COLORLESS:
        pool = COLORLESS_TRANSFORMS[s.game.reference].tolist()
        if old not in pool:
            return True
    return old in pool and pool.index(new) > pool.index(old)


GREEN = (C.COMBUST, C.BRUTALITY)
"""Cards of the Ironclad's that the reference engine takes for another class's."""


@deviation("ASTROLABE", "a colorless card that it makes is not upgraded")
def _(s: Situation) -> bool:
    if s.move.get("task") != "TRANSFORM_UPGRADE":
        return False
    return any(
        FACTS[s.game.reference, s.game.deck[place].id].color == Color.COLORLESS
        for place in _picked(s)
    )


@deviation("EMPTY_CAGE", "it does not let bottled cards out, and always asks")
def _(s: Situation) -> bool:
    wanted = {R.EMPTY_CAGE: 2, R.ASTROLABE: 3}
    found = next((relic for relic in wanted if s.obtains(relic)), None)
    if found is None:
        return False
    deck = s.game.deck[: s.game.deck_count]
    bottled = found == R.EMPTY_CAGE and any(card.bottled for card in deck)
    count = sum(bool(purgeable(s.game, place)) for place in range(len(deck)))
    return bottled or count <= wanted[found]


@deviation("BOTTLE_BEHIND_CURSE", "a bottle is left behind when a curse before its card goes")
def _(s: Situation) -> bool:
    before, after = _curses_before_bottles(s, s.game), _curses_before_bottles(s, s.after)
    return any(then < now for now, then in zip(before, after, strict=False))


def _curses_before_bottles(s: Situation, game: Any) -> list[int]:
    """Return how many curses stand before each card that is bottled."""
    found, curses = [], 0
    for card in game.deck[: game.deck_count]:
        if card.bottled:
            found.append(curses)
        curses += s.kind(card.id) == Kind.CURSE
    return found


@deviation("SEARING_BLOW", "with a Molten Egg, one that was shown upgraded is upgraded once more")
def _(s: Situation) -> bool:
    if not s.owns(R.MOLTEN_EGG):
        return False
    if s.move.get("reward") == "card":
        return bool(s.move["id"] == C.SEARING_BLOW.name and s.move["up"] > 0)
    if s.move.get("shop_buy") == "card":
        card = s.game.shop.cards[s.move["index"]]
        return bool(card.id == C.SEARING_BLOW and card.upgrades > 0)
    return False


# Relics.


@deviation("BOTTLE_FROM_REWARDS", "the choice of a card for a bottle ends the rewards")
def _(s: Situation) -> bool:
    return s.move.get("task") == "BOTTLE" and bool(s.game.pick.then == Screen.COMBAT_REWARD)


@deviation("OWNED_RELIC", "one that is owned already gives nothing, not a circlet")
def _(s: Situation) -> bool:
    circlets = (
        (s.owns(R.CIRCLET), counter(s.game, R.CIRCLET)),
        (bool(s.after.relic_slots[R.CIRCLET]), counter(s.after, R.CIRCLET)),
    )
    return bool(circlets[0] != circlets[1])


@deviation("OMAMORI", "one that is found with a curse stops that curse")
def _(s: Situation) -> bool:
    return s.obtains(R.OMAMORI) and (s.move.get("event"), s.move.get("option")) == CURSED_FIND


CURSED_FIND = (Event.BIG_FISH.name, 2)


@deviation("PEACE_PIPE", "it removes nothing")
def _(s: Situation) -> bool:
    return s.move.get("rest") == "TOKE"


# Events.


@deviation(
    "NEOW_CURSE", "two transformed cards come with one curse, also where a curse is the price"
)
def _(s: Situation) -> bool:
    return (s.move.get("bonus"), s.move.get("drawback")) == ("TRANSFORM_TWO_CARDS", "CURSE")


@deviation("BONFIRE", "an uncommon card heals 10 HP, not all")
def _(s: Situation) -> bool:
    if s.move.get("task") != "BONFIRE_SPIRITS":
        return False
    card = s.game.deck[s.move["deck_index"]].id
    missing = int(s.game.max_hp) - int(s.game.hp)
    return bool(FACTS[s.game.reference, card].rarity == Rarity.UNCOMMON) and missing > 10


@deviation("GIFT_OF_CARD", "of several equal cards, the first is given away")
def _(s: Situation) -> bool:
    if (s.move.get("event"), s.move.get("option")) != (Event.WE_MEET_AGAIN.name, 2):
        return False
    place = int(s.game.event_data[2]) - 1
    deck = [(int(card.id), int(card.upgrades), int(card.misc)) for card in s.game.deck[:place]]
    card = s.game.deck[place]
    return (int(card.id), int(card.upgrades), int(card.misc)) in deck


# Shops.


@deviation("THE_COURIER", "what it brings is of another type, and has another price")
def _(s: Situation) -> bool:
    buys = s.move.get("shop_buy") in ("card", "relic", "potion")
    return buys and s.owns(R.THE_COURIER)


@deviation(
    "REMOVAL_PRICE", "a removal is cheaper by all relics, also where a Smiling Mask sets its price"
)
def _(s: Situation) -> bool:
    enters = s.game.room != Room.SHOP or s.game.floor != s.after.floor
    shop = s.after.room == Room.SHOP and enters
    card, courier, mask = map(s.owns, (R.MEMBERSHIP_CARD, R.THE_COURIER, R.SMILING_MASK))
    buys = s.obtains(R.MEMBERSHIP_CARD) and s.move.get("shop_buy") == "relic"
    if buys:
        return mask and not s.game.shop.removal_sold
    return bool(shop) and ((card and courier) or (mask and (card or courier)))
