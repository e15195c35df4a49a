"""Start: how a combat begins."""

from __future__ import annotations

from typing import Any

from spire.arrays import fill
from spire.combat.effects import NOBODY, PLAYER, Op, push
from spire.combat.health import see_bloodied
from spire.combat.monsters import burn, choose_opening, pre_battle, spawn
from spire.combat.piles import make_card
from spire.combat.powers import gain_monster_power, gain_power
from spire.combat.relics import trigger
from spire.combat.turns import after_draw, reset_turn, start_powers
from spire.compiled import kernel
from spire.content.card_pools import POWERS_IN_COMBAT
from spire.content.cards import FACTS
from spire.content.relic_effects import ENERGY, When
from spire.content.text import Task
from spire.ids import MonsterPower as M
from spire.ids import PlayerPower as P
from spire.ids import Relic as R
from spire.ids import Room
from spire.linked import linked
from spire.owned import counter, owns, set_counter
from spire.rng import Stream
from spire.state import Fight, Mark
from spire.streams import draw_int, draw_shuffle

_DRAW, _SNECKO = 5, 2
_ENERGY = 3
_INSECT = 0.75


@linked()
def begin(game: Any) -> None:
    """Begin the combat that is ahead: monsters, deck, relics, the opening draw. Its queue has yet to run."""
    combat = game.combat
    _clear(game)
    combat.fight = Fight.ON
    combat.hp_before = game.hp
    spawn(game, combat.encounter)
    choose_opening(game)
    _shuffle_deck(game)
    pre_battle(game)
    burning = game.map.burning_x == game.x and game.map.burning_y == game.y
    if game.room == Room.ELITE and burning and not game.emerald_key:
        burn(game, game.map.burning_buff)
    _before(game)
    combat.draw_per_turn = _DRAW + (_SNECKO if owns(game, R.SNECKO_EYE) else 0)
    combat.energy_per_turn = _ENERGY
    for k in range(game.relic_count):
        combat.energy_per_turn += ENERGY[game.relics[k]]
    if owns(game, R.SLAVERS_COLLAR) and (combat.elite or combat.boss):
        combat.energy_per_turn += 1
    combat.energy = combat.energy_per_turn
    if owns(game, R.TOOLBOX):
        push(game, Op.SELECT, PLAYER, 0, Task.TOOLBOX, 0, 0)
    push(game, Op.DRAW, PLAYER, combat.draw_per_turn, 0, 0, 0)
    trigger(game, When.BATTLE_START)
    _lament(game)
    trigger(game, When.TURN_START)
    see_bloodied(game)
    after_draw(game)
    start_powers(game)
    _draw_innate(game)


@kernel
def _clear(game: Any) -> None:
    """Set back all that the combat before has left."""
    combat = game.combat
    fill(combat.powers, 0)
    fill(combat.fresh, 0)
    combat.order_count = 0
    fill(combat.bomb_turns, 0)
    fill(combat.bomb_damage, 0)
    combat.turn = 0
    combat.block = 0
    combat.combust_loss = 0
    combat.played_last_turn = 0
    combat.attacks_last_turn = 0
    combat.times_damaged = 0
    combat.puzzle_used = 0
    combat.red_skull_on = 0
    combat.potions_used = 0
    combat.phase = 0
    combat.monster_next = 0
    combat.end_requested = 0
    combat.skip_monsters = 0
    combat.card_count = 0
    combat.hand_count = 0
    combat.draw_count = 0
    combat.discard_count = 0
    combat.exhaust_count = 0
    combat.limbo_count = 0
    combat.in_play = -1
    combat.monster_count = 0
    combat.stolen_gold = 0
    combat.fled = 0
    combat.effect_first = 0
    combat.effect_count = 0
    combat.play_count = 0
    combat.task = 0
    combat.offer_count = 0
    combat.picked_count = 0
    combat.damage_taken = 0
    combat.largest_hit = 0
    reset_turn(combat)


@kernel
def _shuffle_deck(game: Any) -> None:
    """Copy the deck into the draw pile, shuffled; innate cards come to the top in their order."""
    combat = game.combat
    count = int(game.deck_count)
    combat.next_uid = 1
    for k in range(count):
        card = game.deck[k]
        c = make_card(game, card.id, card.upgrades)
        combat.cards[c].misc = card.misc
        combat.cards[c].marks = Mark.BOTTLED if card.bottled else 0
        combat.exhaust[k] = c
    draw_shuffle(game, Stream.SHUFFLE, combat.exhaust, count)
    innate = 0
    for k in range(count):
        if _is_innate(game, int(combat.exhaust[k])):
            innate += 1
    low, high = 0, count - innate
    for k in range(count):
        c = int(combat.exhaust[k])
        if _is_innate(game, c):
            combat.draw[high] = c
            high += 1
        else:
            combat.draw[low] = c
            low += 1
    combat.draw_count = count


@kernel
def _is_innate(game: Any, c: Any) -> Any:
    card = game.combat.cards[c]
    upgraded = 1 if card.upgrades > 0 else 0
    return FACTS[game.reference, card.id].innate[upgraded] or card.marks & Mark.BOTTLED


@kernel
def _draw_innate(game: Any) -> None:
    """Draw the innate cards that the opening hand has no room for, after all else."""
    combat = game.combat
    innate = 0
    for k in range(combat.draw_count):
        if _is_innate(game, int(combat.draw[k])):
            innate += 1
    if innate > combat.draw_per_turn:
        push(game, Op.DRAW, PLAYER, innate - combat.draw_per_turn, 0, 0, 0)


@kernel
def _before(game: Any) -> None:
    """What relics do before the energy and the cards of the first turn are there."""
    for k in range(game.relic_count):
        relic = game.relics[k]
        if relic == R.SNECKO_EYE:
            gain_power(game, P.CONFUSED, 1, PLAYER)
        elif relic == R.ENCHIRIDION:
            drawn = draw_int(game, Stream.CARD_RANDOM, POWERS_IN_COMBAT.size - 1)
            push(game, Op.ADD_CARD, 0, 1, 0, POWERS_IN_COMBAT[drawn], 1)
        elif relic == R.PHILOSOPHERS_STONE:
            gain_monster_power(game, -2, M.STRENGTH, 1, NOBODY)
        elif relic == R.PRESERVED_INSECT and game.combat.elite:
            for m in range(game.combat.monster_count):
                monster = game.combat.monsters[m]
                monster.hp = min(int(monster.hp), int(int(monster.max_hp) * _INSECT))


@kernel
def _lament(game: Any) -> None:
    """Let Neow's Lament bring the monsters to 1 HP."""
    left = counter(game, R.NEOWS_LAMENT)
    if not owns(game, R.NEOWS_LAMENT) or left <= 0:
        return
    set_counter(game, R.NEOWS_LAMENT, left - 1)
    for m in range(game.combat.monster_count):
        game.combat.monsters[m].hp = 1
