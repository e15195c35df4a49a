"""Games between combats, for the tests of `spire.run`."""

import numpy as np

from spire import state
from spire.ids import Card, Potion, Relic
from spire.run import start
from spire.run.holdings import hold
from spire.seeds import seed_word
from spire.state import Reward


def new_game(seed=1, *, ascension=0, reference=0, relics=(), room=None, gold=None):
    """A game of that seed, with more relics (held, not obtained), as if in a room."""
    games = state.empty(1)
    games.view(np.uint8)[:] = 0
    game = games[0]
    game.reference = reference
    start.new_run(game, seed_word(seed), ascension)
    for relic in relics:
        hold(game, relic)
    if room is not None:
        game.room, game.floor = room, 1
    if gold is not None:
        game.gold = gold
    return game


def deck(game):
    return [
        card.name + "+" * upgrades
        for card, upgrades in (
            (Card(each.id), each.upgrades) for each in game.deck[: game.deck_count]
        )
    ]


def relics(game):
    return [Relic(relic) for relic in game.relics[: game.relic_count]]


def potions(game):
    return [Potion(potion) for potion in game.potions[: game.potion_slots]]


def lines(game):
    """The list of rewards."""
    rewards = game.rewards
    return [(Reward(rewards.kind[line]), int(rewards.value[line])) for line in range(rewards.count)]


def kinds(game):
    return [kind for kind, _ in lines(game)]


def offered(game, chosen=0):
    """A set of cards of the rewards."""
    cards = game.rewards.cards[chosen][: game.rewards.card_counts[chosen]]
    return [Card(card.id).name + "+" * int(card.upgrades) for card in cards]
