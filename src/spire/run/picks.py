"""Picks: choosing cards of the deck, and what then happens to them."""

from __future__ import annotations

from typing import Any

from spire.codes import Codes
from spire.compiled import kernel
from spire.content.cards import FACTS as CARDS
from spire.content.cards import Kind, Rarity
from spire.ids import Relic, Room
from spire.linked import linked
from spire.rng import Stream
from spire.run.deck import (
    can_upgrade,
    draw_transformed,
    obtain_card,
    purgeable,
    removable,
    remove_card,
    upgradable,
    upgrade_card,
)
from spire.run.holdings import hold
from spire.run.screens import turn_to
from spire.run.vitals import gain_max_hp, heal
from spire.state import Screen


class Purpose(Codes):
    """What cards are chosen for."""

    NONE = 0
    UPGRADE = 1
    REMOVE = 2
    REMOVE_ANY = 3  # bottled ones too
    TRANSFORM = 4  # by the stream neow on floor 0, else by misc
    ASTROLABE = 5  # transformed and upgraded; bottled ones too
    DUPLICATE = 6
    OFFER = 7  # to the bonfire
    BOTTLE_ATTACK = 8
    BOTTLE_SKILL = 9
    BOTTLE_POWER = 10


_OFFER_HEAL, _OFFER_MAX_HP = 5, 10


@kernel
def can_pick(game: Any, purpose: Any, index: Any) -> Any:
    """Return whether the card at an index of the deck can be chosen for a purpose."""
    if purpose == Purpose.UPGRADE:
        return can_upgrade(game, index)
    if purpose == Purpose.DUPLICATE:
        return True
    if purpose in (Purpose.REMOVE_ANY, Purpose.ASTROLABE):
        return purgeable(game, index)
    kind = CARDS[game.reference, game.deck[index].id].kind
    if purpose == Purpose.BOTTLE_ATTACK:
        return kind == Kind.ATTACK
    if purpose == Purpose.BOTTLE_SKILL:
        return kind == Kind.SKILL
    if purpose == Purpose.BOTTLE_POWER:
        return kind == Kind.POWER
    return removable(game, index)


@kernel
def any_pick(game: Any, purpose: Any) -> Any:
    """Return whether any card can be chosen for a purpose."""
    found = False
    for index in range(game.deck_count):
        found = found or can_pick(game, purpose, index)
    return found


@linked()
def open_pick(game: Any, purpose: Any, needed: Any, then: Any) -> None:
    """Ask for that many cards, or as many as there are, and go on to screen `then` after.

    Where there is nothing to choose from, `then` is shown at once.
    """
    chosen = game.pick
    count = 0
    for index in range(game.deck_count):
        if can_pick(game, purpose, index):
            chosen.cards[count] = index
            count += 1
    chosen.purpose = purpose
    chosen.count = count
    chosen.needed = min(int(needed), count)
    chosen.picked_count = 0
    chosen.then = then
    if count == 0:
        turn_to(game, then)
    elif needed > 1 and count <= needed:
        # The game takes all of them without asking.
        while chosen.count > 0:
            _take(chosen, 0)
        _finish(game)
    else:
        game.screen = Screen.GRID


@linked()
def pick(game: Any, choice: Any) -> None:
    """Choose the card at place `choice` of those shown; with the last one, do what they are chosen for."""
    chosen = game.pick
    _take(chosen, choice)
    if chosen.picked_count == chosen.needed:
        _finish(game)


@kernel
def can_cancel(game: Any) -> Any:
    """Return whether the choice can be given up: an upgrade or a removal at a rest site or in a shop.

    What events, relics, rewards and Neow ask for has to be chosen.
    """
    optional = game.pick.purpose == Purpose.UPGRADE or game.pick.purpose == Purpose.REMOVE
    return optional and (game.room == Room.REST or game.room == Room.SHOP)


@kernel
def cancel(game: Any) -> None:
    """Go back to the rest site or to the shop, where nothing has happened."""
    game.screen = Screen.REST if game.room == Room.REST else Screen.SHOP


@kernel
def _take(chosen: Any, choice: Any) -> None:
    chosen.picked[int(chosen.picked_count)] = chosen.cards[choice]
    chosen.picked_count += 1
    last = int(chosen.count) - 1
    for k in range(choice, last):
        chosen.cards[k] = chosen.cards[k + 1]
    chosen.count = last


@linked()
def _finish(game: Any) -> None:
    chosen = game.pick
    if chosen.purpose in (Purpose.TRANSFORM, Purpose.ASTROLABE):
        _transform_picked(game)
    else:
        for k in range(chosen.picked_count):
            _use(game, k)
    turn_to(game, chosen.then)


@kernel
def _use(game: Any, k: Any) -> None:
    """Do with the card picked at place `k` what it was picked for."""
    purpose = int(game.pick.purpose)
    index = int(game.pick.picked[k])
    card = game.deck[index]
    if purpose == Purpose.UPGRADE:
        upgrade_card(game, index)
    elif purpose == Purpose.DUPLICATE:
        obtain_card(game, card.id, card.upgrades, card.misc)
    elif purpose == Purpose.OFFER:
        offered = int(card.id)
        remove_card(game, index)
        _offer(game, offered)
    elif purpose in (Purpose.REMOVE, Purpose.REMOVE_ANY):
        _remove_picked(game, k)
    else:
        card.bottled = 1


@kernel
def _remove_picked(game: Any, k: Any) -> None:
    """Remove the card picked at place `k`; the places of those picked later move with it."""
    chosen = game.pick
    index = int(chosen.picked[k])
    remove_card(game, index)
    for later in range(k + 1, chosen.picked_count):
        if chosen.picked[later] > index:
            chosen.picked[later] -= 1


@kernel
def _transform_picked(game: Any) -> None:
    """Transform the cards picked: all leave the deck before any new one comes."""
    chosen = game.pick
    count = int(chosen.picked_count)
    astrolabe = chosen.purpose == Purpose.ASTROLABE
    stream = Stream.NEOW if game.floor == 0 and not astrolabe else Stream.MISC
    # The list is done with, and serves again.
    drawn = chosen.cards
    for k in range(count):
        drawn[k] = draw_transformed(game, game.deck[int(chosen.picked[k])].id, stream)
    for k in range(count):
        _remove_picked(game, k)
    for k in range(count):
        upgraded = astrolabe and upgradable(game, drawn[k], 0)
        obtain_card(game, drawn[k], 1 if upgraded else 0, 0)


@kernel
def _offer(game: Any, card: Any) -> None:
    """Let the bonfire spirits see what was offered."""
    rarity = CARDS[game.reference, card].rarity
    if rarity == Rarity.CURSE:
        hold(game, Relic.SPIRIT_POOP)
    elif rarity in (Rarity.COMMON, Rarity.SPECIAL):
        heal(game, _OFFER_HEAL)
    elif rarity == Rarity.UNCOMMON:
        heal(game, game.max_hp)
    elif rarity == Rarity.RARE:
        gain_max_hp(game, _OFFER_MAX_HP)
        heal(game, game.max_hp)
