"""Shop: what to buy."""

from __future__ import annotations

from typing import Any

from spire.actions import LEAVE, option_action
from spire.heuristic.picks import card_worth, keep_worth, least_worth
from spire.heuristic.tiers import POTION_WORTH, RELIC_WORTH
from spire.linked import linked
from spire.run.shop import Ware, can_buy


@linked()
def choose_ware(game: Any) -> Any:
    """Return what to buy next, or to leave."""
    stock = game.shop
    chosen, best = -1, 0.0
    if can_buy(game, Ware.REMOVAL):
        worst = 1.0e9
        for k in range(game.deck_count):
            worst = min(worst, keep_worth(game, k))
        value = (50.0 - worst) / float(max(int(stock.removal_price), 1)) * 0.9
        if worst < 40.0 and value > 0.3 and value > best:
            best, chosen = value, int(Ware.REMOVAL)
    for k in range(7):
        if can_buy(game, Ware.CARDS + k):
            card = stock.cards[k]
            value = card_worth(game, int(card.id), int(card.upgrades)) - least_worth(game) - 10.0
            value = 1.6 * value / float(max(int(stock.card_prices[k]), 1))
            if value > best:
                best, chosen = value, Ware.CARDS + k
    for k in range(3):
        if can_buy(game, Ware.RELICS + k):
            value = float(RELIC_WORTH[stock.relics[k]]) - 35.0
            value = 2.2 * value / float(max(int(stock.relic_prices[k]), 1))
            if value > best:
                best, chosen = value, Ware.RELICS + k
    for k in range(3):
        if can_buy(game, Ware.POTIONS + k):
            value = float(POTION_WORTH[stock.potions[k]]) - 3.0
            value = 3.0 * value / float(max(int(stock.potion_prices[k]), 1))
            if value > best:
                best, chosen = value, Ware.POTIONS + k
    return LEAVE if chosen < 0 else option_action(game, chosen)
