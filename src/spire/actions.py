"""Actions: the numbers of all decisions, which of them a game allows, and taking one.

`spire.decisions` says all of them in words, and `docs/spire/actions.md` lists them: 134 actions of playing, of
potions and of choosing, then throwing potions away, and choices beyond the fortieth. 133, to wait, is never
allowed: nothing in the engine happens by itself.

Choice k is entry k of the `choice_list` of the game's view (`spire.view`): on the map the places that can be
reached, from left to right; in a shop what can be paid of the removal of a card, the cards, the relics and
the potions; at a rest site what can be done of rest, smith, lift, toke, dig, recall; in an event the options
that can be chosen. Behind the cards of a reward stands the singing bowl, where it is owned. Cards are picked
one by one, and one that is picked is no choice any more; a pick of a fixed number is done with the last one,
a pick of any number with 131. 132 goes back from an upgrade or a removal at a rest site or in a shop.
"""

from __future__ import annotations

from typing import Any

from spire.arrays import fill
from spire.combat.effects import PlayKind
from spire.combat.hits import is_target, living
from spire.combat.loop import run
from spire.combat.play import ask_play, play_hand
from spire.combat.relics import after_victory
from spire.combat.select import can_confirm, can_pick, can_skip, confirm, pick, skip
from spire.combat.start import begin
from spire.combat.use import can_drink, can_use, needs_target, potion_needs_target, use_potion
from spire.compiled import kernel
from spire.linked import FLAGS, linked
from spire.log import close_fight, open_fight
from spire.maps import COLUMNS
from spire.run import chests, events, neow, picks, potions, rest, rooms, shop, spoils
from spire.state import CHOICES, DECK, MONSTERS, POTIONS, Fight, Outcome, Screen

PLAY, PLAY_UNTARGETED, END_TURN = 0, 50, 60
POTION, POTION_UNTARGETED = 61, 86
CHOOSE, PROCEED, LEAVE, WAIT = 91, 131, 132, 133
THROW = 134
CHOOSE_MORE = THROW + POTIONS
ACTIONS = CHOOSE_MORE + DECK - CHOICES
"""How many actions there are."""

_REST_OPTIONS = 6


@kernel
def choice_action(k: Any) -> Any:
    """Return the action that takes choice `k` of a screen."""
    return CHOOSE + k if k < CHOICES else CHOOSE_MORE + k - CHOICES


@kernel
def _choice(action: Any) -> Any:
    """Return which choice of a screen an action takes, or -1."""
    if action >= CHOOSE_MORE:
        return action - CHOOSE_MORE + CHOICES
    return action - CHOOSE if CHOOSE <= action < PROCEED else -1


@linked(FLAGS)
def write_mask(game: Any, mask: Any) -> None:
    """Write into `mask` (bool, `ACTIONS` long) which actions the game allows; none once it is over."""
    fill(mask, False)
    if game.outcome != Outcome.NONE:
        return
    screen = game.screen
    if screen == Screen.COMBAT:
        _mask_combat(game, mask)
    elif game.combat.task != 0:
        for k in range(min(int(game.combat.offer_count), DECK)):
            mask[choice_action(k)] = can_pick(game, k)
        mask[PROCEED] = can_confirm(game)
        mask[LEAVE] = can_skip(game)
    else:
        _mask_screen(game, mask)
        for slot in range(game.potion_slots):
            mask[POTION_UNTARGETED + slot] = potions.can_use(game, slot)
            mask[THROW + slot] = potions.can_discard(game, slot)


@linked(FLAGS)
def _mask_combat(game: Any, mask: Any) -> None:
    combat = game.combat
    mask[END_TURN] = True
    if living(game) > 0:
        for k in range(combat.hand_count):
            c = int(combat.hand[k])
            if not can_use(game, c, True):
                continue
            if needs_target(game, c):
                _mask_targets(combat, mask, PLAY + MONSTERS * k)
            else:
                mask[PLAY_UNTARGETED + k] = True
    for slot in range(game.potion_slots):
        if game.potions[slot]:
            mask[THROW + slot] = True
            if can_drink(game, slot):
                if potion_needs_target(game.potions[slot]):
                    _mask_targets(combat, mask, POTION + MONSTERS * slot)
                else:
                    mask[POTION_UNTARGETED + slot] = True


@kernel
def _mask_targets(combat: Any, mask: Any, first: Any) -> None:
    """Write which monsters can be hit, from the action for the first of them on."""
    for m in range(combat.monster_count):
        mask[first + m] = is_target(combat.monsters[m])


@linked(FLAGS)
def _mask_screen(game: Any, mask: Any) -> None:
    screen = game.screen
    if screen == Screen.MAP:
        k = 0
        for x in range(COLUMNS):
            if rooms.can_go(game, x):
                mask[CHOOSE + k] = True
                k += 1
    elif screen == Screen.COMBAT_REWARD:
        for k in range(game.rewards.count):
            mask[CHOOSE + k] = spoils.can_take(game, k)
        mask[PROCEED] = True
    elif screen == Screen.CARD_REWARD:
        count = spoils.shown_count(game)
        for k in range(count):
            mask[CHOOSE + k] = True
        mask[CHOOSE + count] = spoils.has_bowl(game)
        mask[LEAVE] = True
    elif screen == Screen.EVENT:
        for k in range(_listed_count(game, events.option_count(game))):
            mask[CHOOSE + k] = True
    elif screen == Screen.SHOP:
        k = 0
        for ware in range(shop.Ware.END):
            if shop.can_pay(game, ware):
                mask[CHOOSE + k] = shop.can_buy(game, ware)
                k += 1
        mask[LEAVE] = True
    elif screen == Screen.GRID:
        for k in range(game.pick.count):
            mask[choice_action(k)] = True
        mask[LEAVE] = picks.can_cancel(game)
    elif screen == Screen.REST:
        count = _listed_count(game, _REST_OPTIONS)
        for k in range(count):
            mask[CHOOSE + k] = True
        mask[PROCEED] = count == 0
    elif screen == Screen.NEOW:
        for k in range(game.neow.bonus.size):
            mask[CHOOSE + k] = True
    elif screen == Screen.BOSS_REWARD:
        for k in range(game.boss_relics.size):
            mask[CHOOSE + k] = True
        mask[LEAVE] = True
    elif screen == Screen.CHEST:
        mask[CHOOSE] = True
        mask[PROCEED] = True


@kernel
def _is_listed(game: Any, option: Any) -> Any:
    """Return whether a shop, a rest site or an event lists an option, which goes by its own number there."""
    if game.screen == Screen.SHOP:
        return shop.can_pay(game, option)
    if game.screen == Screen.REST:
        return rest.can_rest(game, option)
    return events.can_choose(game, option)


@kernel
def _listed_count(game: Any, end: Any) -> Any:
    """Return how many of the first options are listed."""
    count = 0
    for option in range(end):
        count += 1 if _is_listed(game, option) else 0
    return count


@kernel
def option_action(game: Any, option: Any) -> Any:
    """Return the action that takes a listed option, by its own number: a ware, a rest option, an event's."""
    return CHOOSE + _listed_count(game, option)


@kernel
def action_option(game: Any, action: Any) -> Any:
    """Return which option an action takes, by its own number."""
    option, left = 0, action - CHOOSE
    while left > 0 or not _is_listed(game, option):
        left -= 1 if _is_listed(game, option) else 0
        option += 1
    return option


@kernel
def _go(game: Any, k: Any) -> None:
    """Go to the k-th place that can be reached."""
    left = k
    for x in range(COLUMNS):
        if rooms.can_go(game, x):
            if left == 0:
                rooms.go(game, x)
                return
            left -= 1


@linked()
def take(game: Any, action: Any) -> None:
    """Take an action that the game allows, and let all that follows happen up to the next decision."""
    if game.screen == Screen.COMBAT or game.combat.task != 0:
        take_in_fight(game, action)
    elif THROW <= action < CHOOSE_MORE:
        potions.discard_potion(game, action - THROW)
    elif POTION_UNTARGETED <= action < CHOOSE:
        potions.use_potion(game, action - POTION_UNTARGETED)
    else:
        _take_screen(game, action)
    settle(game)


@linked()
def settle(game: Any) -> None:
    """Let a combat run on, and what follows its end."""
    combat = game.combat
    if combat.fight == Fight.NONE:
        return
    if combat.fight == Fight.AHEAD:
        begin(game)
        open_fight(game)
    run(game)
    if combat.fight == Fight.LOST:
        close_fight(game)
        combat.fight = Fight.NONE
        game.outcome = Outcome.DEFEAT
        game.screen = Screen.GAME_OVER
    elif combat.fight != Fight.ON and combat.task == 0 and combat.effect_count == 0:
        if combat.fight == Fight.WON:
            after_victory(game)
        close_fight(game)
        combat.fight = Fight.NONE if combat.fight == Fight.WON else Fight.FLED
        if game.single:
            game.outcome = Outcome.FIGHT_OVER
            game.screen = Screen.GAME_OVER
        else:
            spoils.after_combat(game)
        combat.fight = Fight.NONE


@linked()
def take_in_fight(game: Any, action: Any) -> None:
    """Take an action of a fight; what follows from it is still to happen (`spire.combat.loop.run`)."""
    combat = game.combat
    if game.screen != Screen.COMBAT:
        if _choice(action) >= 0:
            pick(game, _choice(action))
        elif action == PROCEED:
            confirm(game)
        else:
            skip(game)
    elif action < PLAY_UNTARGETED:
        play_hand(game, action // MONSTERS, action % MONSTERS)
    elif action < END_TURN:
        play_hand(game, action - PLAY_UNTARGETED, -1)
    elif action == END_TURN:
        ask_play(game, int(combat.play_count), -1, -1, 0, PlayKind.END_TURN, 0)
    elif action < POTION_UNTARGETED:
        at = action - POTION
        _drink(game, at // MONSTERS, at % MONSTERS)
    elif action < CHOOSE:
        _drink(game, action - POTION_UNTARGETED, -1)
    else:
        game.potions[action - THROW] = 0


@kernel
def _drink(game: Any, slot: Any, target: Any) -> None:
    potion = int(game.potions[slot])
    game.potions[slot] = 0
    game.combat.potions_used += 1
    use_potion(game, potion, target)


@linked()
def _take_screen(game: Any, action: Any) -> None:
    screen = game.screen
    k = _choice(action)
    if screen == Screen.MAP:
        _go(game, k)
    elif screen == Screen.COMBAT_REWARD:
        if k >= 0:
            spoils.take_reward(game, k)
        else:
            spoils.proceed(game)
    elif screen == Screen.CARD_REWARD:
        if k < 0:
            spoils.skip_cards(game)
        elif k < spoils.shown_count(game):
            spoils.choose_card(game, k)
        else:
            spoils.use_bowl(game)
    elif screen == Screen.EVENT:
        events.choose(game, action_option(game, action))
    elif screen == Screen.SHOP:
        if k >= 0:
            shop.buy(game, action_option(game, action))
        else:
            shop.leave_shop(game)
    elif screen == Screen.GRID:
        if k < 0:
            picks.cancel(game)
        else:
            if shop.is_removing(game):
                shop.pay_removal(game)
            picks.pick(game, k)
    elif screen == Screen.REST:
        if k >= 0:
            rest.rest(game, action_option(game, action))
        else:
            rest.leave_rest(game)
    elif screen == Screen.NEOW:
        neow.choose(game, k)
    elif screen == Screen.BOSS_REWARD:
        if k >= 0:
            chests.choose_boss_relic(game, k)
        else:
            chests.skip_boss_relic(game)
    elif screen == Screen.CHEST:
        if k >= 0:
            chests.open_chest(game)
        else:
            chests.leave_chest(game)
