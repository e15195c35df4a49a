"""Deck: obtaining, losing, upgrading and transforming its cards."""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.compiled import kernel
from spire.content.card_pools import COLORLESS_TRANSFORMS, CURSES, TRANSFORMS
from spire.content.cards import FACTS as CARDS
from spire.content.cards import Color, Kind
from spire.content.relics import FACTS as RELICS
from spire.ids import Card, Relic
from spire.linked import linked
from spire.owned import counter, owns, set_counter
from spire.rng import Stream
from spire.run.vitals import gain_gold, gain_max_hp, lose_max_hp
from spire.state import DECK, Fault, Outcome
from spire.streams import draw_int, draw_shuffle

_FISH = 9
_PARASITE = 3

_EGGS = np.zeros(len(Kind), dtype=np.int16)
_EGGS[Kind.ATTACK] = Relic.MOLTEN_EGG
_EGGS[Kind.SKILL] = Relic.TOXIC_EGG
_EGGS[Kind.POWER] = Relic.FROZEN_EGG


@kernel
def upgradable(game: Any, card: Any, upgrades: Any) -> Any:
    """Return whether a card of that many upgrades can be upgraded."""
    if not CARDS[game.reference, card].upgradable:
        return False
    return upgrades == 0 or card == Card.SEARING_BLOW


@kernel
def hatched(game: Any, card: Any, upgrades: Any) -> Any:
    """Return the upgrades a card has once the player's eggs have seen it."""
    egg = _EGGS[CARDS[game.reference, card].kind]
    if upgrades == 0 and owns(game, egg) and upgradable(game, card, 0):
        return 1
    return int(upgrades)


@linked()
def obtain_card(game: Any, card: Any, upgrades: Any, misc: Any) -> None:
    """Put a new card into the deck, and let relics see it."""
    curse = CARDS[game.reference, card].kind == Kind.CURSE
    if curse and counter(game, Relic.OMAMORI) > 0:
        set_counter(game, Relic.OMAMORI, counter(game, Relic.OMAMORI) - 1)
        return
    if game.deck_count >= DECK:
        game.outcome = Outcome.FAULT
        game.fault = Fault.DECK
        return
    place = game.deck[int(game.deck_count)]
    place.id = card
    place.upgrades = hatched(game, card, upgrades)
    place.misc = misc
    place.bottled = 0
    game.deck_count += 1
    if owns(game, Relic.CERAMIC_FISH):
        gain_gold(game, _FISH)
    if curse and owns(game, Relic.DARKSTONE_PERIAPT):
        gain_max_hp(game, RELICS[game.reference, Relic.DARKSTONE_PERIAPT].curse_max_hp)


@kernel
def remove_card(game: Any, index: Any) -> None:
    """Take the card at an index out of the deck."""
    deck = game.deck
    if deck[index].id == Card.PARASITE:
        lose_max_hp(game, _PARASITE)
    last = int(game.deck_count) - 1
    for k in range(index, last):
        deck[k].id = deck[k + 1].id
        deck[k].misc = deck[k + 1].misc
        deck[k].upgrades = deck[k + 1].upgrades
        deck[k].bottled = deck[k + 1].bottled
    deck[last].id = Card.INVALID
    deck[last].misc = 0
    deck[last].upgrades = 0
    deck[last].bottled = 0
    game.deck_count = last


@kernel
def purgeable(game: Any, index: Any) -> Any:
    """Return whether the card at an index can leave the deck at all."""
    card = game.deck[index].id
    return card not in (Card.ASCENDERS_BANE, Card.CURSE_OF_THE_BELL, Card.NECRONOMICURSE)


@kernel
def removable(game: Any, index: Any) -> Any:
    """Return whether the card at an index can be chosen to leave the deck: bottled ones cannot."""
    return purgeable(game, index) and not game.deck[index].bottled


@kernel
def can_upgrade(game: Any, index: Any) -> Any:
    """Return whether the card at an index can be upgraded."""
    card = game.deck[index]
    return upgradable(game, card.id, card.upgrades)


@kernel
def upgrade_card(game: Any, index: Any) -> None:
    """Upgrade the card at an index once."""
    game.deck[index].upgrades += 1


@kernel
def upgrade_random(game: Any, kind: Any, most: Any) -> None:
    """Upgrade up to `most` random cards of a kind (`Kind.NONE`: of any): one draw of the stream misc."""
    # No choice is open now: its list serves.
    found = game.pick.cards
    count = 0
    for k in range(game.deck_count):
        fits = kind == Kind.NONE or CARDS[game.reference, game.deck[k].id].kind == kind
        if fits and can_upgrade(game, k):
            found[count] = k
            count += 1
    draw_shuffle(game, Stream.MISC, found, count)
    for k in range(min(count, most)):
        upgrade_card(game, found[k])


@kernel
def draw_curse(game: Any) -> Any:
    """Return a random curse: one draw of the stream card."""
    return CURSES[draw_int(game, Stream.CARD, CURSES.size - 1)]


@kernel
def draw_transformed(game: Any, card: Any, stream: Any) -> Any:
    """Return what a card turns into: one draw."""
    color = CARDS[game.reference, card].color
    if color == Color.COLORLESS:
        return _draw_other(game, COLORLESS_TRANSFORMS[game.reference], card, stream)
    if color == Color.CURSE:
        return _draw_other(game, CURSES, card, stream)
    return _draw_other(game, TRANSFORMS, card, stream)


@kernel
def _draw_other(game: Any, pool: Any, card: Any, stream: Any) -> Any:
    """Return a random card of a pool, but not that one."""
    place = pool.size
    for k in range(pool.size):
        if pool[k] == card:
            place = k
    others = pool.size - 1 if place < pool.size else pool.size
    drawn = draw_int(game, stream, others - 1)
    return pool[drawn + 1] if drawn >= place else pool[drawn]


@kernel
def transform_card(game: Any, index: Any, stream: Any, upgrade: Any) -> None:
    """Put a random card of its color in place of the card at an index, upgraded where `upgrade` says so."""
    drawn = draw_transformed(game, game.deck[index].id, stream)
    remove_card(game, index)
    upgraded = upgrade and upgradable(game, drawn, 0)
    obtain_card(game, drawn, 1 if upgraded else 0, 0)
