"""Resolve: the effect at the front of the queue happens."""

from __future__ import annotations

from typing import Any

from spire.combat.damage import card_damage, monster_attack_amount
from spire.combat.effects import Op
from spire.combat.health import damage_player, gain_block, heal, hit_player, lose_hp
from spire.combat.hits import (
    attack_monster,
    damage_monster,
    is_target,
    kill,
    living,
    random_monster,
    win,
)
from spire.combat.monsters import resolve_monster
from spire.combat.piles import (
    add_to,
    add_to_discard,
    can_upgrade,
    draw,
    exhaust,
    hand_position,
    make_card,
    reshuffle,
    set_turn_cost,
    take_from_hand,
    upgrade_card,
)
from spire.combat.play import finish_play, play_top
from spire.combat.powers import (
    gain_monster_power,
    gain_power,
    lose_power,
    remove_debuffs,
    remove_power,
)
from spire.combat.select import open_selection
from spire.combat.special import resolve_special
from spire.combat.turns import discard_hand, monsters_begin
from spire.compiled import kernel
from spire.linked import linked
from spire.rng import Stream
from spire.run.vitals import gain_gold, gain_max_hp
from spire.state import EFFECTS
from spire.streams import draw_int, draw_shuffle

_MONSTER_OPS, _SPECIAL_OPS = 60, 100


@linked()
def resolve(game: Any) -> None:
    """Take the first effect off the queue and let it happen."""
    combat = game.combat
    effect = combat.effects[combat.effect_first]
    op, target, amount = int(effect.op), int(effect.target), int(effect.amount)
    arg, card, source = int(effect.arg), int(effect.card), int(effect.source)
    combat.effect_first = (int(combat.effect_first) + 1) % EFFECTS
    combat.effect_count -= 1
    if op >= _SPECIAL_OPS:
        resolve_special(game, op, target, amount, arg, card, source)
    elif op >= _MONSTER_OPS:
        resolve_monster(game, op, target, amount, arg, card, source)
        if op == Op.ESCAPE and living(game) == 0:
            win(game)
    elif op >= Op.DRAW:
        _resolve_card(game, op, target, amount, arg, card, source)
    elif op >= Op.BLOCK:
        _resolve_gain(game, op, target, amount, arg, source)
    else:
        _resolve_damage(game, op, target, amount, arg, card, source)


@linked()
def _resolve_damage(
    game: Any, op: Any, target: Any, amount: Any, arg: Any, card: Any, source: Any
) -> None:
    combat = game.combat
    if op == Op.ATTACK:
        attack_monster(game, target, amount)
    elif op == Op.ATTACK_ALL:
        attack_monster(game, 0, target)
        attack_monster(game, 1, amount)
        attack_monster(game, 2, arg)
        attack_monster(game, 3, card)
        attack_monster(game, 4, source)
    elif op == Op.ATTACK_RANDOM:
        m = random_monster(game)
        if m >= 0:
            attack_monster(game, m, card_damage(game, card, amount, m))
    elif op == Op.DAMAGE:
        damage_monster(game, target, amount)
    elif op == Op.DAMAGE_RANDOM:
        m = random_monster(game)
        if m >= 0:
            damage_monster(game, m, amount)
    elif op == Op.MONSTER_ATTACK:
        # A monster that has died in its own attack (of thorns) attacks no more.
        if is_target(combat.monsters[source]):
            hit = monster_attack_amount(game, source, arg) if amount < 0 else amount
            hit_player(game, source, hit)
    elif op == Op.DAMAGE_PLAYER:
        damage_player(game, amount, arg)
    elif op == Op.LOSE_HP:
        lose_hp(game, amount, arg)
    elif op == Op.KILL:
        kill(game, target, arg)


@linked()
def _resolve_gain(game: Any, op: Any, target: Any, amount: Any, arg: Any, source: Any) -> None:
    combat = game.combat
    if op == Op.BLOCK:
        gain_block(game, amount)
    elif op == Op.MONSTER_BLOCK:
        monster = combat.monsters[target]
        if is_target(monster):
            monster.block = min(int(monster.block) + amount, 999)
    elif op == Op.DOUBLE_BLOCK:
        gain_block(game, int(combat.block))
    elif op == Op.POWER:
        gain_power(game, arg, amount, source)
    elif op == Op.MONSTER_POWER:
        gain_monster_power(game, target, arg, amount, source)
    elif op == Op.REMOVE_POWER:
        remove_power(game, arg)
    elif op == Op.REDUCE_POWER:
        lose_power(game, arg, amount)
    elif op == Op.REMOVE_DEBUFFS:
        remove_debuffs(game)
    elif op == Op.ENERGY:
        combat.energy = max(int(combat.energy) + amount, 0)
    elif op == Op.HEAL:
        heal(game, amount)
    elif op == Op.MONSTER_HEAL:
        monster = combat.monsters[target]
        if is_target(monster):
            monster.hp = min(int(monster.hp) + amount, int(monster.max_hp))
    elif op == Op.MAX_HP:
        gain_max_hp(game, amount)
    elif op == Op.GOLD:
        gain_gold(game, amount)


@linked()
def _resolve_card(
    game: Any, op: Any, target: Any, amount: Any, arg: Any, card: Any, source: Any
) -> None:
    combat = game.combat
    if op == Op.DRAW:
        draw(game, amount)
    elif op == Op.RESHUFFLE:
        reshuffle(game)
    elif op == Op.ADD_CARD:
        for _ in range(amount):
            made = make_card(game, card, arg)
            if made >= 0:
                if source == 1:
                    set_turn_cost(game, made, 0)
                add_to(game, target, made)
    elif op == Op.ADD_INSTANCE:
        add_to(game, target, card)
    elif op == Op.EXHAUST_CARD:
        position = hand_position(combat, card)
        if position >= 0:
            take_from_hand(game, position)
            exhaust(game, card)
    elif op == Op.EXHAUST_RANDOM:
        if combat.hand_count > 0:
            drawn = 0
            if combat.hand_count > 1 or arg:
                drawn = draw_int(game, Stream.CARD_RANDOM, int(combat.hand_count) - 1)
            exhaust(game, take_from_hand(game, drawn))
    elif op == Op.DISCARD_HAND:
        discard_hand(game)
    elif op == Op.FINISH_PLAY:
        finish_play(game, card, arg, source)
    elif op == Op.DISCARD_END_CARD:
        add_to_discard(game, card)
    elif op == Op.PLAY_TOP:
        play_top(game, target, arg)
    elif op == Op.UPGRADE_RANDOM:
        _upgrade_random(game)
    elif op == Op.UPGRADE_ALL:
        for c in range(combat.card_count):
            if (arg and c != combat.in_play) or hand_position(combat, c) >= 0:
                upgrade_card(game, c)
    elif op == Op.SELECT:
        open_selection(game, arg, amount)
    elif op == Op.END_TURN:
        combat.phase = 1
        combat.monster_next = 0
        monsters_begin(game)
    elif op == Op.CLEAR_PLAYS:
        combat.play_count = 0


@kernel
def _upgrade_random(game: Any) -> None:
    """Let Warped Tongs upgrade a card of the hand: the first of a shuffle; no draw if none can be."""
    combat = game.combat
    count = 0
    for k in range(combat.hand_count):
        if can_upgrade(game, int(combat.hand[k])):
            combat.limbo[count] = combat.hand[k]
            count += 1
    if count:
        draw_shuffle(game, Stream.SHUFFLE, combat.limbo, count)
        upgrade_card(game, int(combat.limbo[0]))
