"""Start: a new game."""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.arrays import fill
from spire.compiled import kernel
from spire.ids import Card, Relic, Room
from spire.linked import NUMBER, WORD, linked
from spire.log import clear_log
from spire.neow import draw_options
from spire.pools import fill_one_time_events, fill_relic_pools
from spire.rng import STREAMS, Stream, seed_stream
from spire.rounding import half_up
from spire.run.acts import begin_act
from spire.run.deck import obtain_card
from spire.run.holdings import hold
from spire.run.rewards import START_OFFSET, clear_rewards
from spire.state import LAYOUT, Fight, Outcome, Screen

_HP, _LATE_HP = 80, 75
_GOLD = 99
_SLOTS, _LATE_SLOTS = 3, 2
_WOUNDED = np.float32(0.9)
_STRIKES, _DEFENDS = 5, 4


@linked(WORD, NUMBER)
def new_run(game: Any, seed: Any, ascension: Any) -> None:
    """Begin a game of the Ironclad with Neow. `game.reference` stays as it is."""
    _clear(game)
    game.layout = LAYOUT
    game.seed = seed
    game.ascension = ascension
    for stream in range(STREAMS):
        seed_stream(game.words, game.counts, stream, np.uint64(seed))
    game.max_hp = _LATE_HP if ascension >= 14 else _HP
    game.hp = game.max_hp
    if ascension >= 6:
        game.hp = half_up(np.float32(game.max_hp) * _WOUNDED)
    game.gold = _GOLD
    game.potion_slots = _LATE_SLOTS if ascension >= 11 else _SLOTS
    game.rarity_offset = START_OFFSET
    if ascension >= 10:
        obtain_card(game, Card.ASCENDERS_BANE, 0, 0)
    for _ in range(_STRIKES):
        obtain_card(game, Card.STRIKE_RED, 0, 0)
    for _ in range(_DEFENDS):
        obtain_card(game, Card.DEFEND_RED, 0, 0)
    obtain_card(game, Card.BASH, 0, 0)
    hold(game, Relic.BURNING_BLOOD)
    fill_relic_pools(game.relic_pools, game.words, game.counts, Stream.RELIC)
    fill_one_time_events(game.event_pools, ascension)
    begin_act(game, 1)
    draw_options(game.neow, game.words, game.counts, Stream.NEOW)
    game.screen = Screen.NEOW


@kernel
def _clear(game: Any) -> None:
    """Forget another game."""
    game.floor = 0
    game.room = Room.NONE
    game.symbol = Room.NONE
    game.last_room = Room.NONE
    game.outcome = Outcome.NONE
    game.fault = 0
    game.deck_count = 0
    game.relic_count = 0
    fill(game.relics, 0)
    fill(game.relic_counters, 0)
    fill(game.relic_slots, 0)
    fill(game.potions, 0)
    for index in range(game.deck.size):
        card = game.deck[index]
        card.id = 0
        card.misc = 0
        card.upgrades = 0
        card.bottled = 0
    game.ruby_key = 0
    game.emerald_key = 0
    game.sapphire_key = 0
    game.removals = 0
    game.event = 0
    game.event_page = 0
    fill(game.event_data, 0)
    clear_rewards(game)
    clear_log(game)
    game.single = 0
    shop = game.shop
    for k in range(shop.cards.size):
        shop.cards[k].id = 0
        shop.cards[k].upgrades = 0
    fill(shop.card_prices, 0)
    fill(shop.relics, 0)
    fill(shop.relic_prices, 0)
    fill(shop.potions, 0)
    fill(shop.potion_prices, 0)
    shop.removal_price = 0
    shop.removal_sold = 0
    pick = game.pick
    pick.purpose = 0
    pick.count = 0
    pick.needed = 0
    pick.picked_count = 0
    pick.then = Screen.NONE
    game.chest_size = 0
    game.chest_tier = 0
    game.chest_gold = 0
    fill(game.boss_relics, 0)
    game.then = Screen.NONE
    game.combat.fight = Fight.NONE
    game.combat.waiting = 0
