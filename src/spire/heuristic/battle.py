"""Battle: acting in a copy of a fight whose hidden parts have been shuffled, so that nothing of them is seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.actions import (
    LEAVE,
    PLAY,
    PLAY_UNTARGETED,
    POTION,
    POTION_UNTARGETED,
    PROCEED,
    choice_action,
    take_in_fight,
)
from spire.combat.damage import monster_attack_amount
from spire.combat.hits import is_target
from spire.combat.loop import run
from spire.combat.monsters import intent
from spire.combat.relics import after_victory
from spire.combat.select import can_confirm, can_pick, can_skip
from spire.combat.use import can_drink, can_play, needs_target, potion_needs_target
from spire.compiled import kernel
from spire.content.moves import Own
from spire.ids import Monster, Move
from spire.linked import linked
from spire.rng import STREAMS
from spire.state import MONSTERS, Fight, Outcome, Screen

u64 = np.uint64
_GOLDEN, _MIX_1, _MIX_2 = u64(0x9E3779B97F4A7C15), u64(0xBF58476D1CE4E5B9), u64(0x94D049BB133111EB)
_S30, _S27, _S31, _ONE = u64(30), u64(27), u64(31), u64(1)
_BITE = 6


@kernel
def mixed(word: Any) -> Any:
    """Return a word that looks random, made of another."""
    mixed_word = u64(word) + _GOLDEN
    mixed_word = (mixed_word ^ (mixed_word >> _S30)) * _MIX_1
    mixed_word = (mixed_word ^ (mixed_word >> _S27)) * _MIX_2
    return mixed_word ^ (mixed_word >> _S31)


@kernel
def scramble(game: Any, salt: Any) -> None:
    """Replace everything hidden in a copy of a game: the state of its streams and the order to draw in."""
    combat = game.combat
    word = mixed(u64(salt))
    for stream in range(STREAMS):
        word = mixed(word)
        game.words[stream, 0] = word
        word = mixed(word)
        game.words[stream, 1] = word | _ONE
    for k in range(int(combat.draw_count) - 1, 0, -1):
        word = mixed(word)
        other = np.int64(word % u64(k + 1))
        held = int(combat.draw[k])
        combat.draw[k] = combat.draw[other]
        combat.draw[other] = held


@kernel
def forget(game: Any) -> None:
    """Take out of a copy of a fight what a player cannot know, besides luck.

    The draw pile comes into an order that says nothing, and a louse that has not bitten yet bites as lice do
    on average.
    """
    combat = game.combat
    for k in range(1, combat.draw_count):
        held = int(combat.draw[k])
        place = k
        while place > 0 and combat.draw[place - 1] > held:
            combat.draw[place] = combat.draw[place - 1]
            place -= 1
        combat.draw[place] = held
    for m in range(combat.monster_count):
        monster = combat.monsters[m]
        bite = 0
        if monster.id == Monster.RED_LOUSE:
            bite = Move.RED_LOUSE_BITE
        elif monster.id == Monster.GREEN_LOUSE:
            bite = Move.GREEN_LOUSE_BITE
        # It does nothing else three times in a row.
        if bite and monster.moves < 3 and monster.last != bite and monster.before_last != bite:
            monster.misc[Own.BITE] = _BITE


@linked()
def perform(game: Any, action: Any) -> None:
    """Take an action of a fight in a copy, up to the next decision or the end of the fight."""
    take_in_fight(game, action)
    run(game)
    combat = game.combat
    if combat.fight == Fight.WON and combat.task == 0 and combat.effect_count == 0:
        after_victory(game)


@kernel
def is_on(game: Any) -> Any:
    """Return whether a fight still goes on."""
    return game.combat.fight == Fight.ON and game.outcome == Outcome.NONE


@kernel
def incoming(game: Any, m: Any) -> Any:
    """Return what monster `m` means to hit the player with, before block."""
    monster = game.combat.monsters[m]
    if not is_target(monster):
        return 0
    base, times = intent(game, m)
    if times == 0:
        return 0
    return monster_attack_amount(game, m, base) * times


@kernel
def _same(one: Any, other: Any) -> Any:
    """Return whether two cards of a combat are alike."""
    return (
        one.id == other.id
        and one.upgrades == other.upgrades
        and one.turn_cost == other.turn_cost
        and one.misc == other.misc
        and one.marks == other.marks
    )


@kernel
def list_actions(game: Any, actions: Any, potions: Any) -> Any:
    """Write the different actions of a fight into `actions`, and return how many there are.

    Cards that are alike count once, and the end of the turn is left out.
    """
    combat = game.combat
    count = 0
    if game.screen != Screen.COMBAT:
        pool = game.screen == Screen.CARD_REWARD
        for k in range(combat.offer_count):
            if count >= actions.size - 2:
                break
            if not can_pick(game, k):
                continue
            known = False
            if not pool:
                for other in range(k):
                    known = known or _same(
                        combat.cards[combat.offer[k]], combat.cards[combat.offer[other]]
                    )
            if not known:
                actions[count] = choice_action(k)
                count += 1
        if can_confirm(game):
            actions[count] = PROCEED
            count += 1
        if can_skip(game):
            actions[count] = LEAVE
            count += 1
        return count
    for k in range(combat.hand_count):
        known = False
        for other in range(k):
            known = known or _same(combat.cards[combat.hand[k]], combat.cards[combat.hand[other]])
        if known or not can_play(game, k):
            continue
        if needs_target(game, int(combat.hand[k])):
            for m in range(combat.monster_count):
                if is_target(combat.monsters[m]):
                    actions[count] = PLAY + MONSTERS * k + m
                    count += 1
        else:
            actions[count] = PLAY_UNTARGETED + k
            count += 1
    if potions:
        for slot in range(game.potion_slots):
            if game.potions[slot] and can_drink(game, slot):
                if potion_needs_target(game.potions[slot]):
                    for m in range(combat.monster_count):
                        if is_target(combat.monsters[m]):
                            actions[count] = POTION + MONSTERS * slot + m
                            count += 1
                else:
                    actions[count] = POTION_UNTARGETED + slot
                    count += 1
    return count


@kernel
def fingerprint(game: Any) -> Any:
    """Return a word that is the same for situations of a fight that look the same."""
    combat = game.combat
    word = mixed(u64(int(game.hp)) * u64(1009) + u64(int(combat.block)))
    word = mixed(word ^ u64(int(combat.energy) * 64 + int(game.screen)))
    word = mixed(word ^ u64(int(combat.task) * 64 + int(combat.picked_count)))
    word = mixed(word ^ u64(int(combat.turn) * 4096 + int(combat.discard_count)))
    for k in range(combat.order_count):
        power = int(combat.order[k])
        word += mixed(u64(power * 70000 + int(combat.powers[power]) + 1000))
    for m in range(combat.monster_count):
        monster = combat.monsters[m]
        own = mixed(u64(int(monster.hp) * 4096 + int(monster.block) * 8 + m))
        own = mixed(own ^ u64(int(monster.move) * 8 + int(monster.dead) * 2 + int(monster.escaped)))
        for power in range(1, monster.powers.size):
            if monster.powers[power] != 0:
                own += mixed(u64(power * 70000 + int(monster.powers[power]) + 1000))
        word += mixed(own)
    for k in range(combat.hand_count):
        card = combat.cards[combat.hand[k]]
        own = u64(int(card.id) * 128 + int(card.upgrades))
        own = own * u64(4096) + u64((int(card.turn_cost) + 8) * 64 + int(card.marks))
        word += mixed(own * u64(4096) + u64(int(card.misc) + 8))
    for k in range(combat.exhaust_count):
        word += mixed(u64(int(combat.cards[combat.exhaust[k]].id) + 7000000))
    for slot in range(game.potion_slots):
        word += mixed(u64(int(game.potions[slot]) + 9000000))
    for k in range(combat.picked_count):
        word = mixed(word ^ u64(int(combat.picked[k]) + 1))
    return word
