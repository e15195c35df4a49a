"""Picks: which cards to take, upgrade, remove and transform."""

from __future__ import annotations

from typing import Any

from spire.actions import CHOOSE, LEAVE, choice_action
from spire.compiled import kernel
from spire.content.cards import FACTS, Kind
from spire.heuristic.tiers import CARD_WORTH, UPGRADE_WORTH
from spire.ids import Card
from spire.linked import linked
from spire.run import spoils
from spire.run.picks import Purpose


@kernel
def copies(game: Any, card: Any) -> Any:
    """Return how many of a card are in the deck."""
    count = 0
    for k in range(game.deck_count):
        if game.deck[k].id == card:
            count += 1
    return count


@kernel
def card_worth(game: Any, card: Any, upgrades: Any) -> Any:
    """Return what a card is worth to this deck."""
    value = float(CARD_WORTH[card])
    if upgrades > 0:
        value += 6.0
    value -= 9.0 * copies(game, card)
    facts = FACTS[game.reference, card]
    attacks, blocks = 0, 0
    for k in range(game.deck_count):
        kind = FACTS[game.reference, game.deck[k].id].kind
        if game.deck[k].id not in (Card.STRIKE_RED, Card.DEFEND_RED, Card.BASH):
            if kind == Kind.ATTACK:
                attacks += 1
            elif kind == Kind.SKILL:
                blocks += 1
    if facts.kind == Kind.ATTACK:
        value += 8.0 if attacks < 3 else (-6.0 if attacks > 6 else 0.0)
    elif facts.kind == Kind.SKILL and blocks > 5:
        value -= 6.0
    return value


@kernel
def least_worth(game: Any) -> Any:
    """Return what a card has to be worth to be taken."""
    return 44.0 + 1.2 * max(int(game.deck_count) - 13, 0)


@linked()
def choose_card(game: Any) -> Any:
    """Return which of the cards shown to take, or to take none."""
    chosen, best = -1, least_worth(game)
    shown = spoils.shown_set(game)
    for k in range(spoils.shown_count(game)):
        card = game.rewards.cards[shown, k]
        value = card_worth(game, int(card.id), int(card.upgrades))
        if value > best:
            best, chosen = value, k
    if chosen >= 0:
        return CHOOSE + chosen
    if spoils.has_bowl(game):
        return CHOOSE + spoils.shown_count(game)
    return LEAVE


@kernel
def upgrade_worth(game: Any, k: Any) -> Any:
    """Return what the upgrade of a card of the deck is worth."""
    card = game.deck[k]
    return float(UPGRADE_WORTH[card.id])


@kernel
def keep_worth(game: Any, k: Any) -> Any:
    """Return what it is worth to keep a card of the deck."""
    card = game.deck[k]
    kind = FACTS[game.reference, card.id].kind
    if kind == Kind.CURSE:
        return -20.0
    value = float(CARD_WORTH[card.id])
    if card.upgrades > 0:
        value += 10.0
    return value


@linked()
def choose_deck_card(game: Any) -> Any:
    """Return which card of the deck to choose for what is asked."""
    pick = game.pick
    chosen, best = 0, -1.0e9
    for k in range(pick.count):
        index = int(pick.cards[k])
        if pick.purpose == Purpose.UPGRADE:
            value = upgrade_worth(game, index)
        elif pick.purpose == Purpose.DUPLICATE or pick.purpose >= Purpose.BOTTLE_ATTACK:
            value = keep_worth(game, index)
        else:
            value = -keep_worth(game, index)
        if value > best:
            best, chosen = value, k
    return choice_action(chosen)
