"""Shop: what to buy."""

from __future__ import annotations

from typing import Any

from spire.actions import CHOOSE, LEAVE
from spire.compiled import kernel
from spire.heuristic.picks import card_worth, keep_worth, least_worth
from spire.heuristic.tiers import POTION_WORTH, RELIC_WORTH
from spire.run import shop


@kernel
def choose_ware(game: Any) -> Any:
    """Return what to buy next, or to leave."""
    stock = game.shop
    chosen, best = LEAVE, 0.0
    if shop.can_buy_removal(game):
        worst = 1.0e9
        for k in range(game.deck_count):
            worst = min(worst, keep_worth(game, k))
        value = (50.0 - worst) / float(max(int(stock.removal_price), 1)) * 0.9
        if worst < 40.0 and value > 0.3 and value > best:
            best, chosen = value, CHOOSE
    for k in range(7):
        if shop.can_buy_card(game, k):
            card = stock.cards[k]
            value = card_worth(game, int(card.id), int(card.upgrades)) - least_worth(game) - 10.0
            value = 1.6 * value / float(max(int(stock.card_prices[k]), 1))
            if value > best:
                best, chosen = value, CHOOSE + 1 + k
    for k in range(3):
        if shop.can_buy_relic(game, k):
            value = float(RELIC_WORTH[stock.relics[k]]) - 35.0
            value = 2.2 * value / float(max(int(stock.relic_prices[k]), 1))
            if value > best:
                best, chosen = value, CHOOSE + 8 + k
    for k in range(3):
        if shop.can_buy_potion(game, k):
            value = float(POTION_WORTH[stock.potions[k]]) - 3.0
            value = 3.0 * value / float(max(int(stock.potion_prices[k]), 1))
            if value > best:
                best, chosen = value, CHOOSE + 11 + k
    return chosen
