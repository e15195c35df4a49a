"""Relic rules: how relics and potions depart from the game in the reference engine, in combat and at its end."""

from __future__ import annotations

from typing import Any

from spire.combat.effects import PLAYER, Op
from spire.content.cards import FACTS, Kind
from spire.content.text import Task
from spire.ids import Card, Event, MonsterPower, PlayerPower, Potion, Relic, Room
from spire.owned import counter
from spire.replay.registry import deviation
from spire.replay.situation import Situation
from spire.rng import Stream
from spire.state import EFFECTS, Mark

C, P, R = Card, PlayerPower, Relic

# As a combat begins.


@deviation("DU_VU_DOLL", "it gives no Strength")
def _(s: Situation) -> bool:
    if not s.begins or not s.owns(R.DU_VU_DOLL):
        return False
    deck = s.after.deck[: s.after.deck_count]
    return any(s.kind(card.id) == Kind.CURSE for card in deck)


@deviation("TOOLBOX", "what other relics begin a combat with is there before its choice")
def _(s: Situation) -> bool:
    combat = s.after.combat
    if not s.begins or combat.task != Task.TOOLBOX:
        return False
    return any(_is_done_at_once(effect) for effect in _waiting(combat))


def _waiting(combat: Any) -> list[Any]:
    """Return the effects that wait."""
    first = int(combat.effect_first)
    return [combat.effects[(first + k) % EFFECTS] for k in range(int(combat.effect_count))]


def _is_done_at_once(effect: Any) -> bool:
    """Whether an effect that waits as a combat begins is one that the reference engine does at once."""
    if effect.op == Op.POWER:
        return bool(effect.arg != P.ARTIFACT)
    if effect.op == Op.MONSTER_POWER:
        return bool(effect.arg == MonsterPower.STRENGTH)
    return effect.op in (Op.BLOCK, Op.HEAL, Op.ENERGY) and bool(effect.target == PLAYER)


@deviation("CLOCKWORK_SOUVENIR", "its Artifact comes after the other relics")
def _(s: Situation) -> bool:
    stopped = s.owns(R.GREMLIN_VISAGE) or s.before(R.MUTAGENIC_STRENGTH, R.CLOCKWORK_SOUVENIR)
    return s.begins and s.owns(R.CLOCKWORK_SOUVENIR) and stopped


@deviation("INNATE", "innate cards that the hand has no room for are drawn first, not last")
def _(s: Situation) -> bool:
    if not s.begins:
        return False
    combat = s.after.combat
    innate = sum(
        bool(card.marks & Mark.BOTTLED)
        or bool(FACTS[s.after.reference, card.id].innate[1 if card.upgrades else 0])
        for card in combat.cards[: s.after.deck_count]
    )
    between = (R.ENCHIRIDION, R.GAMBLING_CHIP, R.MARK_OF_PAIN, R.TOOLBOX, R.WARPED_TONGS)
    return innate > combat.draw_per_turn and any(map(s.owns, between))


@deviation(
    "INSECT_AFTER_LAMENT", "Preserved Insect may raise the HP that Neow's Lament has lowered"
)
def _(s: Situation) -> bool:
    left = counter(s.game, R.NEOWS_LAMENT) > 0
    elite = s.begins and bool(s.after.combat.elite)
    return elite and bool(left) and s.before(R.NEOWS_LAMENT, R.PRESERVED_INSECT)


@deviation("ELITE_OF_EVENT", "relics do not take the elites of a dead adventurer for elites")
def _(s: Situation) -> bool:
    if not s.begins or s.after.room != Room.EVENT or not s.after.combat.elite:
        return False
    return any(map(s.owns, (R.PRESERVED_INSECT, R.SLAVERS_COLLAR, R.SLING_OF_COURAGE)))


@deviation("ANCIENT_TEA_SET", "it acts if the room before was a rest, and only then")
def _(s: Situation) -> bool:
    if not s.begins or not s.owns(R.ANCIENT_TEA_SET):
        return False
    armed = counter(s.game, R.ANCIENT_TEA_SET) == ARMED
    return bool(armed != (s.after.last_room == Room.REST))


ARMED = -2
"""The counter of a Tea Set that waits for the next combat."""


@deviation("RED_SKULL", "it is asked before others heal, and adds Strength when HP is healed")
def _(s: Situation) -> bool:
    if not s.owns(R.RED_SKULL) or s.gained <= 0:
        return False
    most = int(s.after.max_hp)
    low = int(s.game.hp) - s.lost
    high = min(most, int(s.game.hp) + s.gained)
    return (s.begins or s.goes_on) and 2 * low <= most < 2 * high


@deviation("GREMLIN_VISAGE", "the Weak it begins with lasts a round longer")
def _(s: Situation) -> bool:
    first = s.ends_turn and s.combat.turn == 0
    return first and s.owns(R.GREMLIN_VISAGE) and s.power(P.WEAK) > 0


@deviation("RED_MASK", "the Weak it begins with lasts a round longer")
def _(s: Situation) -> bool:
    if not s.owns(R.RED_MASK) or not s.next_turn or s.combat.turn > 0:
        return False
    return any(
        before.powers[MonsterPower.WEAK] and not after.dead and after.id == before.id
        for before, after in s.standing()
    )


# As cards are played and turns end.


@deviation("BIRD_FACED_URN", "it heals before Pain hurts")
def _(s: Situation) -> bool:
    if not s.owns(R.BIRD_FACED_URN) or not s.plays_kind(Kind.POWER) or not s.pained:
        return False
    return bool(s.game.hp + URN > s.game.max_hp or s.game.hp <= URN)


URN = 3
"""What it heals at most."""


@deviation("MUMMIFIED_HAND", "it may choose the power that is being played")
def _(s: Situation) -> bool:
    if not s.owns(R.MUMMIFIED_HAND) or "play" not in s.move:
        return False
    played = s.hand[s.move["play"]]
    if s.kind(played.id) != Kind.POWER:
        return False
    costly = [
        card
        for card in s.hand
        if card.cost > 0 and card.turn_cost > 0 and not card.marks & Mark.FREE
    ]
    others = [card for card in costly if card is not played]
    if len(costly) == len(others):
        return False
    if not others:
        return True
    return (
        costly[s.drawn(Stream.CARD_RANDOM, len(costly))]
        is not others[s.drawn(Stream.CARD_RANDOM, len(others))]
    )


@deviation("ORANGE_PELLETS", "relics act in an order of their own, not in that of obtaining them")
def _(s: Situation) -> bool:
    if not s.owns(R.ORANGE_PELLETS) or not s.played:
        return False
    seen = int(s.combat.pellets)
    for one in s.played:
        seen |= PELLETS.get(s.kind(one.card), 0)
    if seen != sum(PELLETS.values()):
        return False
    draws = s.owns(R.INK_BOTTLE) and (s.power(P.NO_DRAW) > 0 or s.power(P.CONFUSED) > 0)
    dexterity = s.owns(R.KUNAI) and s.power(P.DEXTERITY) < 0
    return draws or dexterity or (s.owns(R.SHURIKEN) and s.power(P.STRENGTH) < 0)


PELLETS = {Kind.ATTACK: 1, Kind.SKILL: 2, Kind.POWER: 4}


@deviation("WARPED_TONGS", "it acts after a Pocketwatch, whichever was obtained first")
def _(s: Situation) -> bool:
    few = bool(s.combat.played_turn <= FEW)
    return s.next_turn and few and s.before(R.WARPED_TONGS, R.POCKETWATCH)


FEW = 3
"""So few cards played in a turn let a Pocketwatch draw."""


@deviation("NILRYS_CODEX", "it acts before a Stone Calendar, whichever was obtained first")
def _(s: Situation) -> bool:
    if not (s.owns(R.NILRYS_CODEX) and s.owns(R.STONE_CALENDAR)):
        return False
    return s.ends_turn and bool(s.combat.turn + 1 == CALENDAR)


CALENDAR = 7


@deviation("UNCEASING_TOP", "what its draw sets off waits for the next action")
def _(s: Situation) -> bool:
    if not s.owns(R.UNCEASING_TOP) or not s.fighting or s.ends_turn:
        return False
    set_off = bool(s.power(P.EVOLVE) or s.power(P.FIRE_BREATHING))
    if s.goes_on and len(s.new_hand) > 1 and not s.power(P.EVOLVE):
        # It draws one card, into an empty hand.
        return False
    if s.shuffles and (s.goes_on or set_off):
        return True
    return set_off and any(
        s.kind(card.id) in (Kind.STATUS, Kind.CURSE) for card in s.left_draw_pile()
    )


@deviation("TOY_ORNITHOPTER", "it does not heal")
def _(s: Situation) -> bool:
    drinks = bool(s.move.get("use")) and s.owns(R.TOY_ORNITHOPTER)
    return drinks and bool(s.game.hp < s.game.max_hp)


@deviation("SMOKE_BOMB", "it does nothing")
def _(s: Situation) -> bool:
    return s.drinks(Potion.SMOKE_BOMB)


# As a combat ends.


@deviation("MAGIC_FLOWER", "it rounds down, and does nothing as the combat ends")
def _(s: Situation) -> bool:
    if not s.owns(R.MAGIC_FLOWER):
        return False
    if s.begins:
        pantograph = s.owns(R.PANTOGRAPH) and bool(s.after.combat.boss)
        return pantograph and bool(s.game.hp + PANTOGRAPH < s.game.max_hp)
    if not s.fighting or s.gained <= 0:
        return False
    # So much would be healed without it, to the full.
    full = bool(s.over and s.game.hp + BLOOD >= s.game.max_hp and not s.lost)
    return not full


PANTOGRAPH, BLOOD = 37, 6


@deviation("MEAT_ON_THE_BONE", "it is asked after the relics before it have healed")
def _(s: Situation) -> bool:
    others = s.owns(R.BURNING_BLOOD) or s.owns(R.BLACK_BLOOD)
    if not s.over or not others or not s.owns(R.MEAT_ON_THE_BONE):
        return False
    # It healed, and would not have done so after the others.
    return s.gained > MEAT and 2 * (int(s.after.hp) - MEAT) > int(s.after.max_hp)


MEAT = 12


@deviation("FACE_OF_CLERIC", "it does nothing after the fights of events")
def _(s: Situation) -> bool:
    return s.over and s.game.room == Room.EVENT and s.owns(R.FACE_OF_CLERIC)


@deviation("GOLDEN_IDOL", "it adds nothing to the gold of event fights and of a Tiny House")
def _(s: Situation) -> bool:
    if not s.owns(R.GOLDEN_IDOL):
        return False
    return (s.over and s.game.room == Room.EVENT) or s.obtains(R.TINY_HOUSE)


@deviation("DEAD_BRANCH", "it draws a card after the fight is won")
def _(s: Situation) -> bool:
    return s.over and s.owns(R.DEAD_BRANCH) and s.exhausts_played


@deviation(
    "BLACK_STAR", "the emerald key does not count among the rewards that leave no room for a potion"
)
def _(s: Situation) -> bool:
    key = s.game.room == Room.ELITE and not s.game.emerald_key
    burning = (s.game.map.burning_x, s.game.map.burning_y) == (s.game.x, s.game.y)
    if not s.over or not key or not burning or not s.owns(R.BLACK_STAR):
        return False
    chance = FULL if s.owns(R.WHITE_BEAST_STATUE) else CHANCE + int(s.game.potion_chance)
    return s.drawn(Stream.POTION, FULL) < chance


CHANCE, FULL = 40, 100


# Outside combat.


@deviation(
    "ENTROPIC_BREW", "outside combat, the roll for each slot is for that slot; Sozu is forgotten"
)
def _(s: Situation) -> bool:
    if s.fighting or not s.drinks(Potion.ENTROPIC_BREW):
        return False
    slots = [bool(potion) for potion in s.game.potions[: s.game.potion_slots].tolist()]
    slots[s.move["potion"]] = False
    return s.owns(R.SOZU) or slots != sorted(slots)


@deviation("FAIRY_POTION", "with Sacred Bark, it heals 1 HP outside combat")
def _(s: Situation) -> bool:
    if s.fighting or not s.owns(R.SACRED_BARK) or "option" not in s.move:
        return False
    before, after = (game.potions.tolist().count(Potion.FAIRY_POTION) for game in (s.game, s.after))
    return bool(before > after)


@deviation("TORII", "outside combat, it lowers damage that nobody deals, and a single point of it")
def _(s: Situation) -> bool:
    if s.fighting or not s.owns(R.TORII) or "option" not in s.move:
        return False
    return 0 < int(s.game.hp) - int(s.after.hp) <= TORII and s.game.event in HURTING


TORII = 5
HURTING = (
    Event.FACE_TRADER,
    Event.GOLDEN_IDOL,
    Event.SCRAP_OOZE,
    Event.SHINING_LIGHT,
    Event.WING_STATUE,
    Event.WORLD_OF_GOOP,
)
