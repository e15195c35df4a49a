"""Player: the decision on every screen."""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.actions import CHOOSE, POTION_UNTARGETED, PROCEED, THROW, take
from spire.compiled import kernel
from spire.game import Game
from spire.heuristic.combat import NODES, SPACE, search
from spire.heuristic.events import choose_option
from spire.heuristic.paths import choose_path
from spire.heuristic.picks import card_worth, choose_card, choose_deck_card, least_worth
from spire.heuristic.rest import choose_rest
from spire.heuristic.shop import choose_ware
from spire.heuristic.tiers import DRAWBACK_WORTH, NEOW_WORTH, POTION_WORTH, RELIC_WORTH
from spire.ids import Potion, Relic
from spire.owned import owns
from spire.run import potions, spoils
from spire.state import Outcome, Reward, Screen, empty


@kernel
def choose(game: Any, nodes: Any, space: Any) -> Any:
    """Return the action to take."""
    screen = game.screen
    if screen == Screen.COMBAT or game.combat.task != 0:
        return search(game, nodes, space)
    for slot in range(game.potion_slots):
        if potions.can_use(game, slot):
            potion = game.potions[slot]
            hurt = 5 * int(game.hp) < 2 * int(game.max_hp)
            if potion == Potion.FRUIT_JUICE or (potion == Potion.BLOOD_POTION and hurt):
                return POTION_UNTARGETED + slot
    if screen == Screen.MAP:
        return choose_path(game)
    if screen == Screen.COMBAT_REWARD:
        return _choose_reward(game)
    if screen == Screen.CARD_REWARD:
        return choose_card(game)
    if screen == Screen.EVENT:
        return choose_option(game)
    if screen == Screen.SHOP:
        return choose_ware(game)
    if screen == Screen.GRID:
        return choose_deck_card(game)
    if screen == Screen.REST:
        return choose_rest(game)
    if screen == Screen.NEOW:
        best, chosen = -1.0e9, 0
        for k in range(4):
            value = NEOW_WORTH[game.neow.bonus[k]] - DRAWBACK_WORTH[game.neow.drawback[k]]
            if value > best:
                best, chosen = value, k
        return CHOOSE + chosen
    if screen == Screen.BOSS_REWARD:
        best, chosen = -1.0e9, 0
        for k in range(3):
            value = RELIC_WORTH[game.boss_relics[k]]
            if value > best:
                best, chosen = value, k
        return CHOOSE + chosen
    return CHOOSE


@kernel
def _choose_reward(game: Any) -> Any:
    """Return which line of the rewards to take next, or to go on."""
    rewards = game.rewards
    for k in range(rewards.count):
        kind = rewards.kind[k]
        if kind == Reward.CARD:
            # A set that has nothing wanted stays where it is.
            cards = rewards.cards[int(rewards.value[k])]
            wanted = spoils.has_bowl(game)
            for c in range(rewards.card_counts[int(rewards.value[k])]):
                card = cards[c]
                if card_worth(game, int(card.id), int(card.upgrades)) > least_worth(game):
                    wanted = True
            if wanted:
                return CHOOSE + k
        elif kind == Reward.POTION:
            if spoils.can_take(game, k):
                return CHOOSE + k
            worst, slot = 1.0e9, -1
            for s in range(game.potion_slots):
                if POTION_WORTH[game.potions[s]] < worst:
                    worst, slot = POTION_WORTH[game.potions[s]], s
            if slot >= 0 and POTION_WORTH[rewards.value[k]] > worst and not owns(game, Relic.SOZU):
                return THROW + slot
        elif kind != Reward.SAPPHIRE_KEY and kind != Reward.EMERALD_KEY:
            return CHOOSE + k
    return PROCEED


@kernel
def play_on(game: Any, nodes: Any, space: Any) -> None:
    """Play a game on to its end."""
    while game.outcome == Outcome.NONE:
        take(game, choose(game, nodes, space))


class Player:
    """A player that decides every screen, from what a player can see of it.

    It keeps the plan of a turn from one decision to the next; where the game is not the one it planned for,
    it plans again. One player is for one thread.
    """

    def __init__(self) -> None:
        self._nodes = empty(NODES + 1)
        self._space = np.zeros(1, dtype=SPACE).view(np.recarray)[0]

    def choose(self, game: Game) -> int:
        """Return the action to take in a game that is not over."""
        return int(choose(game.record, self._nodes, self._space))

    def play(self, game: Game) -> None:
        """Play a game on to its end."""
        self._space.plan_count = 0
        play_on(game.record, self._nodes, self._space)
