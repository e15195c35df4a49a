"""Card rules: how cards depart from the game in the reference engine, and what plays them by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.content.cards import FACTS, Kind
from spire.ids import Card, MonsterPower, PlayerPower, Potion, Relic
from spire.replay.registry import deviation
from spire.replay.situation import Played, Situation
from spire.state import HAND

C, P, R = Card, PlayerPower, Relic

NORMAL, CHOKED = 3, 6
"""How many cards Normality and Velvet Choker let be played in a turn."""

# Cards with another text.


@deviation("DARK_SHACKLES", "it adds Strength")
def _(s: Situation) -> bool:
    return s.plays(C.DARK_SHACKLES)


@deviation("IMPATIENCE", "it draws with an attack in hand too")
def _(s: Situation) -> bool:
    if not s.plays(C.IMPATIENCE):
        return False
    # What is in hand as Mayhem plays it has only been drawn then.
    return s.ends_turn or any(s.kind(card.id) == Kind.ATTACK for card in s.hand)


@deviation("IRON_WAVE", "Dexterity and Frail change its block twice")
def _(s: Situation) -> bool:
    powers = (P.DEXTERITY, P.FRAIL)
    changed = any(map(s.power, powers)) or any(map(s.power_then, powers))
    return s.plays(C.IRON_WAVE) and changed


@deviation("MAGNETISM", "it does nothing")
def _(s: Situation) -> bool:
    return s.plays(C.MAGNETISM)


@deviation("PANACHE", "its counter is wrong on the turn it is played")
def _(s: Situation) -> bool:
    return s.plays(C.PANACHE)


@deviation("SEVER_SOUL", "it exhausts after its hit, not before")
def _(s: Situation) -> bool:
    if not s.plays(C.SEVER_SOUL):
        return False
    if all(s.kind(card.id) == Kind.ATTACK for card in (*s.hand, *s.new_hand)):
        return False
    by_havoc = any(one.by_itself and one.card == C.SEVER_SOUL for one in s.played)
    return by_havoc or s.owns(R.CHARONS_ASHES) or (s.over and s.owns(R.DEAD_BRANCH))


@deviation("DROPKICK_VIGOR", "it does not have the bonus of Vigor")
def _(s: Situation) -> bool:
    return s.plays(C.DROPKICK) and s.power(P.VIGOR) > 0


@deviation("HAND_OF_GREED", "its damage is not that of an attack")
def _(s: Situation) -> bool:
    if not s.plays(C.HAND_OF_GREED):
        return False
    if s.owns(R.THE_BOOT) or s.loses(MonsterPower.CURL_UP):
        return True
    return any(before.powers[MonsterPower.ANGRY] for before, _ in s.standing())


@deviation("TRUE_GRIT", "it rolls for an only card")
def _(s: Situation) -> bool:
    if not s.plays(C.TRUE_GRIT, upgraded=False):
        return False
    return s.ends_turn or 1 <= s.others <= 1 + s.copies


@deviation("VIOLENCE", "with too few attacks in the draw pile, it copies them")
def _(s: Situation) -> bool:
    attacks = sum(s.kind(card.id) == Kind.ATTACK for card in s.draw)
    for one in s.played:
        wanted = 4 if one.upgrades else 3
        if one.card == C.VIOLENCE and attacks:
            few = attacks < wanted * (1 + s.copies) and attacks % wanted != 0
            if few or (one.by_itself and s.ends_turn):
                return True
    return False


@deviation("JACK_OF_ALL_TRADES_PLUS", "its cards come in the reverse order")
def _(s: Situation) -> bool:
    return s.plays(C.JACK_OF_ALL_TRADES, upgraded=True)


@deviation("METAMORPHOSIS_WHIRLWIND", "a Whirlwind it makes costs 0")
def _(s: Situation) -> bool:
    if not s.plays(C.METAMORPHOSIS):
        return False
    return bool(_made(s, C.WHIRLWIND))


@deviation("BLOOD_FOR_BLOOD", "one made in combat costs what is printed, whatever was lost before")
def _(s: Situation) -> bool:
    if not s.fighting or not s.after.combat.times_damaged or s.plays(C.DUAL_WIELD):
        return False
    if s.move.get("task") == "DUAL_WIELD":
        return False
    free = s.plays(C.METAMORPHOSIS)
    return any(card.cost > 0 or not free for card in _made(s, C.BLOOD_FOR_BLOOD))


def _made(s: Situation, card: Card) -> list[Any]:
    """Return the cards of that id that are new in the combat."""
    combat = s.after.combat
    cards = combat.cards[: combat.card_count]
    new = (cards["id"] == card) & (cards["uid"] >= s.combat.next_uid)
    return [cards[place] for place in np.flatnonzero(new)]


@deviation("COPY_OF_X", "the copy of a card that spends all energy spends energy too")
def _(s: Situation) -> bool:
    if not s.plays(C.WHIRLWIND, C.TRANSMUTATION) or not s.goes_on:
        return False
    copied = s.power(P.DUPLICATION) or s.power_then(P.DOUBLE_TAP) or s.owns(R.NECRONOMICON)
    return bool(copied) and bool(s.after.combat.energy > 0)


@deviation("LIMIT_BREAK", "Artifact does not stop it from doubling Strength that is lost")
def _(s: Situation) -> bool:
    artifact = s.power_then(P.ARTIFACT) > 0
    return s.plays(C.LIMIT_BREAK) and s.power_then(P.STRENGTH) < 0 and artifact


@deviation("THE_BOMB", "bombs of one turn add up, in a number that runs over at 128")
def _(s: Situation) -> bool:
    combat = s.after.combat
    if not s.fighting or not combat.bomb_turns.any():
        return False
    return any(
        combat.bomb_damage[combat.bomb_turns == turns].sum() >= MOST
        for turns in set(combat.bomb_turns.tolist()) - {0}
    )


MOST = 128


@deviation("ATTACK_ON_ALL", "an attack on all is reckoned as it hits, after what Pain has set off")
def _(s: Situation) -> bool:
    on_all = (C.CLEAVE, C.IMMOLATE, C.THUNDERCLAP, C.DRAMATIC_ENTRANCE, C.WHIRLWIND, C.REAPER)
    if not s.owns(R.RED_SKULL) or not s.pained:
        return False
    return s.plays(*on_all, C.DROPKICK) and bool(2 * s.after.hp <= s.after.max_hp)


@deviation("WHIRLWIND", "its hits come at once, before the card is exhausted")
def _(s: Situation) -> bool:
    return s.plays(C.WHIRLWIND) and s.owns(R.CHARONS_ASHES) and s.exhausts_played


@deviation("REAPER", "what waits behind it still happens when it wins")
def _(s: Situation) -> bool:
    if not s.plays(C.REAPER) or not s.over:
        return False
    draws = s.owns(R.INK_BOTTLE) or s.owns(R.GREMLIN_HORN)
    few = len(s.draw) < HAND and bool(s.after.combat.discard_count)
    return draws and (few or s.power(P.CONFUSED) > 0)


# Costs and upgrades.


@deviation("UPGRADE_OF_CHANGED_COST", "an upgrade in combat brings back the printed cost")
def _(s: Situation) -> bool:
    if not s.goes_on:
        return False
    count = int(s.combat.card_count)
    before, after = s.combat.cards[:count], s.after.combat.cards[:count]
    upgraded = (before["upgrades"] == 0) & (after["upgrades"] > 0)
    for place in np.flatnonzero(upgraded & (before["uid"] == after["uid"]) & (after["id"] > 0)):
        card = after[place]
        cost = FACTS[s.game.reference, card.id].cost
        if cost[0] != cost[1] and not card.cost == card.turn_cost == cost[1]:
            return True
    return False


@deviation("ENLIGHTENMENT", "upgraded, it makes a card cost 1 this turn that was free")
def _(s: Situation) -> bool:
    if not s.plays(C.ENLIGHTENMENT, upgraded=True):
        return False
    return s.ends_turn or any(card.turn_cost < 1 < card.cost for card in s.hand)


@deviation("UPGRADE_OF_CURSE", "curses and statuses of the hand are marked as upgraded")
def _(s: Situation) -> bool:
    drinks = s.drinks(Potion.BLESSING_OF_THE_FORGE)
    if not (drinks or s.plays(C.ARMAMENTS, upgraded=True)):
        return False
    held = s.new_hand if s.ends_turn else s.hand
    return any(s.kind(card.id) in (Kind.CURSE, Kind.STATUS) for card in held)


@deviation("SNECKO_OIL", "a roll that is the cost already undoes a change for the turn")
def _(s: Situation) -> bool:
    return s.drinks(Potion.SNECKO_OIL) and any(
        card.cost >= 0 and card.turn_cost != card.cost for card in s.new_hand
    )


# Selections.


@deviation("EMPTY_SELECTION", "a choice of any number of cards opens over an empty hand")
def _(s: Situation) -> bool:
    if s.plays(C.PURITY) or s.drinks(Potion.ELIXIR_POTION, Potion.GAMBLERS_BREW):
        return s.others == 0 or (s.ends_turn and not s.new_hand)
    return s.move.get("task") == "EXHAUST_MANY" and s.combat.play_count > 0 and not s.new_hand


@deviation(
    "LIQUID_MEMORIES", "an only card that it returns is not free; with a full hand, one moves"
)
def _(s: Situation) -> bool:
    full = len(s.hand) == HAND
    if s.move.get("task") == "LIQUID_MEMORIES_POTION":
        return full
    if not s.drinks(Potion.LIQUID_MEMORIES) or len(s.discard) != 1:
        return False
    return not full and bool(s.discard[0].turn_cost > 0)


# Cards that are played by themselves.


@deviation("UNPLAYABLE_TOP_CARD", "a card that is played by an effect and cannot be is lost")
def _(s: Situation) -> bool:
    return any(
        one.by_itself and _cannot_be_played(s, one, place) for place, one in enumerate(s.played)
    )


def _cannot_be_played(s: Situation, one: Played, place: int) -> bool:
    kind = s.kind(one.card)
    if kind == Kind.CURSE:
        return one.card == C.PRIDE or not s.owns(R.BLUE_CANDLE)
    if kind == Kind.STATUS:
        return one.card != C.SLIMED and not s.owns(R.MEDICAL_KIT)
    if _is_stopped(s, place + s.copies):
        # The game stops it; the reference engine plays it.
        return True
    if one.card in (C.CLASH, C.SECRET_TECHNIQUE, C.SECRET_WEAPON):
        return True
    return kind == Kind.ATTACK and s.power_then(P.ENTANGLED) > 0


def _is_stopped(s: Situation, more: int) -> bool:
    """Whether Normality or Velvet Choker let no card be played any more, after so many more of them."""
    played = more if s.ends_turn else more + int(s.combat.played_turn)
    normal = played >= NORMAL and s.holds(C.NORMALITY)
    return normal or (played >= CHOKED and s.owns(R.VELVET_CHOKER))


@deviation("DEAD_TARGET", "a card is lost whose target has died before it is played by itself")
def _(s: Situation) -> bool:
    if not s.taken or not s.goes_on or "play" not in s.move:
        return False
    made = int(s.after.combat.played_turn) - int(s.combat.played_turn)
    return made < len(s.played)


@deviation("STOPPED_COPY", "Normality and Velvet Choker do not stop the copy of a card")
def _(s: Situation) -> bool:
    return s.copies > 0 and _is_stopped(s, s.copies)


@deviation(
    "FORCED_SHUFFLE", "Sundial and Abacus miss a shuffle that an effect on the top card makes"
)
def _(s: Situation) -> bool:
    if not s.taken or not (s.owns(R.SUNDIAL) or s.owns(R.THE_ABACUS)):
        return False
    wanted = s.taken + sum(one.by_itself and one.card == C.HAVOC for one in s.played)
    return s.shuffles if s.ends_turn else wanted > len(s.draw)


@deviation("PERFECTED_STRIKE", "played by an effect, it counts itself")
def _(s: Situation) -> bool:
    if not any(one.by_itself and one.card == C.PERFECTED_STRIKE for one in s.played):
        return False
    # A hit that kills does not show how hard it was.
    return any(
        not after.dead and (after.hp < before.hp or after.block < before.block or s.ends_turn)
        for before, after in s.standing()
    )


@deviation("NECRONOMICON", "it does not see an attack that is played by an effect")
def _(s: Situation) -> bool:
    if not s.owns(R.NECRONOMICON) or (s.combat.necronomicon_used and not s.ends_turn):
        return False
    return any(
        one.by_itself
        and s.kind(one.card) == Kind.ATTACK
        and (max(one.turn_cost, one.cost) >= 2 or one.cost < 0)
        for one in s.played
    )


@deviation("SEVERAL_TOP_CARDS", "cards played at once from the draw pile come in the reverse order")
def _(s: Situation) -> bool:
    return min(s.taken, len(s.draw) + len(s.discard)) > 1 or (s.taken > 1 and s.ends_turn)


@deviation("MAYHEM", "its targets are drawn before what the turn begins with has happened")
def _(s: Situation) -> bool:
    if not s.next_turn or not s.taken:
        return False
    if s.power(P.BERSERK) and s.plays(C.WHIRLWIND, C.TRANSMUTATION):
        return True
    shields = (R.SELF_FORMING_CLAY, R.HORN_CLEAT, R.CAPTAINS_WHEEL)
    if s.power(P.JUGGERNAUT) and any(map(s.owns, shields)):
        return True
    return s.owns(R.MERCURY_HOURGLASS) and any(after.dead for _, after in s.standing())
