"""Deviations: the rules of the reference engine that are not the game's, and how a replay notices them.

What departs in plain data only (a cost, a flag, an amount, an event switched off) stands in
`spire.reference` and does not end a comparison. What departs in a rule is named here. Each has a test
that looks at a state and at the action taken there, and at nothing else; from the first action for which
a test holds, the steps that follow it do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from spire.content.card_pools import TRANSFORMS
from spire.content.cards import FACTS, Kind, Rarity
from spire.content.monsters import BOSSES, ELITES, NORMAL
from spire.content.moves import Own, Verb, levels
from spire.content.text import Task
from spire.ids import Card, Monster, MonsterPower, Move, PlayerPower, Potion, Relic, Room
from spire.owned import counter, owns
from spire.rng import Stream, random_int
from spire.state import Fight, Mark, Screen

C, P, R = Card, PlayerPower, Relic


@dataclass(frozen=True)
class Played:
    """A card that an action plays, or may play."""

    card: Card
    upgrades: int
    turn_cost: int
    cost: int
    by_itself: bool
    """Whether an effect plays it, from the draw pile."""


class Situation:
    """A state, the action taken there (as a trace writes it), and what the game makes of it."""

    def __init__(self, game: Any, move: dict[str, Any], after: Any) -> None:
        self.game = game
        self.after = after
        self.move = move
        self.combat = game.combat
        self.fighting = bool(game.combat.fight == Fight.ON)
        self.taken = 0
        self.hand = self._pile("hand")
        self.draw = self._pile("draw")
        self.discard = self._pile("discard")
        self.played = list(self._played())
        """The card that is played, and those it or a potion plays."""

    def _pile(self, name: str) -> list[Any]:
        if not self.fighting:
            return []
        indices = self.combat[name][: self.combat[f"{name}_count"]].tolist()
        return [self.combat.cards[index] for index in indices]

    def _played(self) -> Iterator[Played]:
        if not self.fighting:
            return
        taken = 0
        if "play" in self.move:
            card = self.hand[self.move["play"]]
            yield _as_played(card, by_itself=False)
            if card.id == C.HAVOC:
                taken = 1 + self.power(P.DUPLICATION)
        elif self.drinks(Potion.DISTILLED_CHAOS):
            taken = 6 if self.owns(R.SACRED_BARK) else 3
        elif self.ends_turn:
            taken = self.power(P.MAYHEM)
        self.taken = taken
        """How many cards an effect takes from the draw pile to play them."""
        yield from self._taken(taken)

    def _taken(self, taken: int) -> Iterator[Played]:
        """Yield the cards an effect takes from the draw pile; a Havoc among them takes one more."""
        pile = list(self.draw)
        while taken and pile:
            card = pile.pop()
            taken += (card.id == C.HAVOC) - 1
            yield _as_played(card, by_itself=True)
        if taken:
            # What is on top after a shuffle is not known here, but what Havoc plays is exhausted by it.
            exhausted = self._exhausted() if "play" in self.move else None
            for card in (*self.discard, *(self.hand if self.ends_turn else ())):
                if exhausted is None or (card.id, card.uid) in exhausted:
                    yield _as_played(card, by_itself=True)

    def _exhausted(self) -> set[tuple[int, int]]:
        """Return the ids of the cards that the action exhausts."""
        combat, after = self.combat, self.after.combat
        was = set(combat.exhaust[: combat.exhaust_count].tolist())
        now = after.exhaust[: after.exhaust_count].tolist()
        cards = [after.cards[index] for index in now if index not in was]
        return {(int(card.id), int(card.uid)) for card in cards}

    @property
    def ends_turn(self) -> bool:
        """Whether the action ends the turn."""
        return "end_turn" in self.move

    def owns(self, relic: Relic) -> bool:
        """Whether a relic is owned."""
        return bool(owns(self.game, relic))

    def power(self, power: PlayerPower) -> int:
        """Return a power of the player."""
        return int(self.combat.powers[power]) if self.fighting else 0

    def drinks(self, potion: Potion) -> bool:
        """Whether the action uses that potion."""
        return bool(self.move.get("use")) and self.move["id"] == potion.name

    def plays(self, card: Card, *, upgraded: bool | None = None) -> bool:
        """Whether the action plays that card, or may."""
        return any(
            one.card == card and (upgraded is None or upgraded == (one.upgrades > 0))
            for one in self.played
        )

    def holds(self, *cards: Card) -> bool:
        """Whether one of the cards is in the hand."""
        return any(card.id in cards for card in self.hand)

    def monsters(self) -> list[Any]:
        """Return the monsters that stand."""
        if not self.fighting:
            return []
        count = int(self.combat.monster_count)
        return [
            monster
            for monster in self.combat.monsters[:count]
            if monster.used and not monster.dead and not monster.escaped
        ]

    def pairs(self, kind: Monster) -> Iterator[tuple[Any, Any]]:
        """Yield the monsters of a kind that stand, as they are before and after."""
        if not self.fighting:
            return
        for place in range(int(self.combat.monster_count)):
            before, after = self.combat.monsters[place], self.after.combat.monsters[place]
            if before.used and before.id == kind and not before.dead and not before.escaped:
                yield before, after

    def rolls(self) -> list[int]:
        """Return the rolls for moves that the action makes, from 0 to 99."""
        words = self.game.words.copy()
        counts = self.game.counts.copy()
        made = int(self.after.counts[Stream.AI]) - int(counts[Stream.AI])
        return [int(random_int(words, counts, Stream.AI, 99)) for _ in range(made)]

    def drawn(self, stream: Stream, count: int) -> int:
        """Return what the next draw of a stream is, from 0 to below `count`."""
        words, counts = self.game.words.copy(), self.game.counts.copy()
        return int(random_int(words, counts, stream, count - 1))

    def kind(self, card: Any) -> Kind:
        """Return the type of a card."""
        return Kind(int(FACTS[self.game.reference, int(card)].kind))

    def exhaust_matters(self) -> bool:
        """Whether something is set off by a card that is exhausted."""
        relics = (R.CHARONS_ASHES, R.DEAD_BRANCH)
        powers = (P.DARK_EMBRACE, P.FEEL_NO_PAIN)
        return any(map(self.owns, relics)) or any(map(self.power, powers))


def _as_played(card: Any, *, by_itself: bool) -> Played:
    return Played(Card(card.id), int(card.upgrades), int(card.turn_cost), int(card.cost), by_itself)


@dataclass(frozen=True)
class Deviation:
    """A rule that is not the game's: its name, what it is, and the test that notices it."""

    name: str
    what: str
    holds: Callable[[Situation], bool]


DEVIATIONS: list[Deviation] = []


def deviation(name: str, what: str) -> Callable[[Callable[[Situation], bool]], None]:
    """Add a deviation, whose test is decorated."""

    def add(holds: Callable[[Situation], bool]) -> None:
        DEVIATIONS.append(Deviation(name, what, holds))

    return add


def first_deviation(game: Any, move: dict[str, Any], after: Any) -> str | None:
    """Return the name of a deviation that an action meets, if any, by the records before and after it."""
    situation = Situation(game, move, after)
    return next((one.name for one in DEVIATIONS if one.holds(situation)), None)


# Cards.


@deviation("DARK_SHACKLES", "it adds Strength")
def _(s: Situation) -> bool:
    return s.plays(C.DARK_SHACKLES)


@deviation("IMPATIENCE", "it draws with an attack in hand too")
def _(s: Situation) -> bool:
    return s.plays(C.IMPATIENCE) and any(s.kind(card.id) == Kind.ATTACK for card in s.hand)


@deviation("IRON_WAVE", "Dexterity and Frail change its block twice")
def _(s: Situation) -> bool:
    return s.plays(C.IRON_WAVE) and bool(s.power(P.DEXTERITY) or s.power(P.FRAIL))


@deviation("MAGNETISM", "it does nothing")
def _(s: Situation) -> bool:
    return s.plays(C.MAGNETISM)


@deviation("PANACHE", "its counter is wrong on the turn it is played")
def _(s: Situation) -> bool:
    return s.plays(C.PANACHE)


@deviation("SEVER_SOUL", "it exhausts after its hit, not before")
def _(s: Situation) -> bool:
    others = [card for card in s.hand if s.kind(card.id) != Kind.ATTACK]
    return s.plays(C.SEVER_SOUL) and bool(others) and s.exhaust_matters()


@deviation("DROPKICK_VIGOR", "it does not have the bonus of Vigor")
def _(s: Situation) -> bool:
    return s.plays(C.DROPKICK) and s.power(P.VIGOR) > 0


@deviation("HAND_OF_GREED", "its damage is not that of an attack")
def _(s: Situation) -> bool:
    reactive = (
        MonsterPower.CURL_UP,
        MonsterPower.ANGRY,
        MonsterPower.ASLEEP,
        MonsterPower.THORNS,
        MonsterPower.MALLEABLE,
        MonsterPower.FLIGHT,
        MonsterPower.PLATED_ARMOR,
    )
    boots = s.owns(R.THE_BOOT)
    return s.plays(C.HAND_OF_GREED) and (
        boots or any(monster.powers[power] for monster in s.monsters() for power in reactive)
    )


@deviation("TRUE_GRIT", "it rolls for an only card")
def _(s: Situation) -> bool:
    if not s.plays(C.TRUE_GRIT, upgraded=False):
        return False
    others = len(s.hand) - ("play" in s.move)
    return others == 1


@deviation("VIOLENCE", "with too few attacks in the draw pile, it copies them")
def _(s: Situation) -> bool:
    attacks = sum(s.kind(card.id) == Kind.ATTACK for card in s.draw)
    return any(
        one.card == C.VIOLENCE and 0 < attacks < (4 if one.upgrades else 3) for one in s.played
    )


@deviation("JACK_OF_ALL_TRADES_PLUS", "its cards come in the reverse order")
def _(s: Situation) -> bool:
    return s.plays(C.JACK_OF_ALL_TRADES, upgraded=True)


@deviation("METAMORPHOSIS_WHIRLWIND", "a Whirlwind it makes costs 0")
def _(s: Situation) -> bool:
    if not s.plays(C.METAMORPHOSIS):
        return False
    combat = s.after.combat
    drawn = combat.draw[: combat.draw_count].tolist()
    made = sum(combat.cards[index].id == C.WHIRLWIND for index in drawn)
    return bool(made > sum(card.id == C.WHIRLWIND for card in s.draw))


@deviation("COPY_OF_X", "the copy of a card that spends all energy spends energy too")
def _(s: Situation) -> bool:
    copied = s.power(P.DUPLICATION) or s.power(P.DOUBLE_TAP) or s.owns(R.NECRONOMICON)
    return bool(copied) and (s.plays(C.WHIRLWIND) or s.plays(C.TRANSMUTATION))


@deviation("UPGRADE_OF_CHANGED_COST", "an upgrade in combat brings back the printed cost")
def _(s: Situation) -> bool:
    if s.plays(C.ARMAMENTS, upgraded=True) or s.drinks(Potion.BLESSING_OF_THE_FORGE):
        upgraded = s.hand
    elif s.plays(C.APOTHEOSIS) or (s.owns(R.WARPED_TONGS) and s.ends_turn):
        upgraded = [*s.hand, *s.draw, *s.discard]
    elif s.move.get("task") == "ARMAMENTS":
        upgraded = [s.hand[index] for index in s.move["select_cards"]]
    elif s.plays(C.ARMAMENTS):
        upgraded = s.hand
    else:
        return False
    played = s.hand[s.move["play"]] if "play" in s.move else None
    return any(card is not played and _upgrade_restores(s, card) for card in upgraded)


def _upgrade_restores(s: Situation, card: Any) -> bool:
    """Whether the upgrade of a card changes its printed cost, and it does not have that cost now."""
    facts = FACTS[s.game.reference, card.id]
    if card.upgrades or facts.cost[0] == facts.cost[1]:
        return False
    return bool(card.cost != facts.cost[0] or card.turn_cost != facts.cost[0])


@deviation("UPGRADE_OF_CURSE", "curses and statuses of the hand are marked as upgraded")
def _(s: Situation) -> bool:
    if not (s.plays(C.ARMAMENTS, upgraded=True) or s.drinks(Potion.BLESSING_OF_THE_FORGE)):
        return False
    return any(s.kind(card.id) in (Kind.CURSE, Kind.STATUS) for card in s.hand)


@deviation("UNPLAYABLE_TOP_CARD", "a card that is played by an effect and cannot be is lost")
def _(s: Situation) -> bool:
    return any(one.by_itself and _cannot_be_played(s, one) for one in s.played)


def _cannot_be_played(s: Situation, one: Played) -> bool:
    kind = s.kind(one.card)
    if kind == Kind.CURSE:
        return one.card == C.PRIDE or not s.owns(R.BLUE_CANDLE)
    if kind == Kind.STATUS:
        return one.card != C.SLIMED and not s.owns(R.MEDICAL_KIT)
    return one.card in (C.CLASH, C.SECRET_TECHNIQUE, C.SECRET_WEAPON) or (
        kind == Kind.ATTACK and s.power(P.ENTANGLED) > 0
    )


@deviation(
    "FORCED_SHUFFLE", "Sundial and Abacus miss a shuffle that an effect on the top card makes"
)
def _(s: Situation) -> bool:
    if not (s.owns(R.SUNDIAL) or s.owns(R.THE_ABACUS)):
        return False
    return s.taken > len(s.draw)


@deviation("PERFECTED_STRIKE", "played by an effect, it counts itself")
def _(s: Situation) -> bool:
    return any(one.by_itself and one.card == C.PERFECTED_STRIKE for one in s.played)


@deviation("SEVERAL_TOP_CARDS", "cards played at once from the draw pile come in the reverse order")
def _(s: Situation) -> bool:
    return s.taken > 1


@deviation("EMPTY_SELECTION", "a choice of any number of cards opens over an empty hand")
def _(s: Situation) -> bool:
    others = len(s.hand) - ("play" in s.move)
    opens = s.plays(C.PURITY) or s.drinks(Potion.ELIXIR_POTION) or s.drinks(Potion.GAMBLERS_BREW)
    return opens and others == 0


# Powers.


@deviation("RUPTURE", "it does not see the HP lost to Pain and Brutality")
def _(s: Situation) -> bool:
    if not s.power(P.RUPTURE):
        return False
    pained = bool(s.played) and s.holds(C.PAIN)
    return pained or (s.ends_turn and s.power(P.BRUTALITY) > 0)


@deviation("BUFFER", "HP that is lost, not taken as damage, passes it by")
def _(s: Situation) -> bool:
    if not s.power(P.BUFFER):
        return False
    loses = (C.OFFERING, C.BLOODLETTING, C.HEMOKINESIS, C.JAX)
    if any(map(s.plays, loses)) or (s.played and s.holds(C.PAIN)):
        return True
    return s.ends_turn and (s.power(P.COMBUST) > 0 or s.power(P.BRUTALITY) > 0 or s.holds(C.REGRET))


@deviation("BRUTALITY", "it takes HP before it draws")
def _(s: Situation) -> bool:
    return s.ends_turn and s.power(P.BRUTALITY) > 0 and s.owns(R.CENTENNIAL_PUZZLE)


@deviation("ANGRY", "it is set off by attacks that are blocked")
def _(s: Situation) -> bool:
    attacks = [one.card for one in s.played if s.kind(one.card) == Kind.ATTACK]
    copied = s.power(P.DOUBLE_TAP) or s.power(P.DUPLICATION) or s.owns(R.NECRONOMICON)
    many = len(attacks) > 1 or copied or any(card in SEVERAL_HITS for card in attacks)
    return bool(attacks) and any(
        before.powers[MonsterPower.ANGRY]
        and before.block
        and after.block < before.block
        and (many or after.hp == before.hp)
        for before, after in s.pairs(Monster.MAD_GREMLIN)
    )


SEVERAL_HITS = (C.FIEND_FIRE, C.PUMMEL, C.SWORD_BOOMERANG, C.TWIN_STRIKE, C.WHIRLWIND)


@deviation("LIQUID_MEMORIES", "an only card that it returns is not free")
def _(s: Situation) -> bool:
    return s.drinks(Potion.LIQUID_MEMORIES) and len(s.discard) == 1


# Relics.


@deviation("RED_SKULL", "its Strength has the wrong sign when HP is healed")
def _(s: Situation) -> bool:
    if not s.owns(R.RED_SKULL) or not s.fighting:
        return False
    return bool(2 * s.game.hp <= s.game.max_hp)


@deviation("VIGOR_AT_CHOICE", "it is gone at once, not after the card is done")
def _(s: Situation) -> bool:
    attacks = any(s.kind(one.card) == Kind.ATTACK for one in s.played)
    return attacks and bool(s.after.combat.task and s.after.combat.powers[P.VIGOR])


@deviation("TOOLBOX", "what other relics begin a combat with is there before its choice")
def _(s: Situation) -> bool:
    opens = s.after.combat.task == Task.TOOLBOX and not s.fighting
    return opens and any(map(s.owns, BEGINNERS))


BEGINNERS = (
    R.ANCHOR,
    R.BLOOD_VIAL,
    R.BRIMSTONE,
    R.BRONZE_SCALES,
    R.CLOCKWORK_SOUVENIR,
    R.DU_VU_DOLL,
    R.FOSSILIZED_HELIX,
    R.GIRYA,
    R.GREMLIN_VISAGE,
    R.LANTERN,
    R.MUTAGENIC_STRENGTH,
    R.ODDLY_SMOOTH_STONE,
    R.PANTOGRAPH,
    R.PHILOSOPHERS_STONE,
    R.PRESERVED_INSECT,
    R.RED_SKULL,
    R.SLING_OF_COURAGE,
    R.THREAD_AND_NEEDLE,
    R.VAJRA,
)
"""Relics that do something as a combat begins."""


@deviation("GREMLIN_VISAGE", "the Weak it begins with lasts a round longer")
def _(s: Situation) -> bool:
    first = s.ends_turn and s.combat.turn == 0
    return first and s.owns(R.GREMLIN_VISAGE) and s.power(P.WEAK) > 0


@deviation("MAGIC_FLOWER", "it rounds down, and does nothing as the combat ends")
def _(s: Situation) -> bool:
    if not s.owns(R.MAGIC_FLOWER) or not s.fighting:
        return False
    healing = s.plays(C.REAPER) or s.plays(C.BITE) or (s.ends_turn and s.power(P.REGEN) > 0)
    return healing or bool(s.after.hp > s.game.hp) or s.after.combat.fight != Fight.ON


@deviation("MUMMIFIED_HAND", "it may choose the power that is being played")
def _(s: Situation) -> bool:
    if not s.owns(R.MUMMIFIED_HAND) or "play" not in s.move:
        return False
    played = s.hand[s.move["play"]]
    if s.kind(played.id) != Kind.POWER or played.cost <= 0 or played.turn_cost <= 0:
        return False
    costly = [
        card
        for card in s.hand
        if card.cost > 0 and card.turn_cost > 0 and not card.marks & Mark.FREE
    ]
    others = [card for card in costly if card is not played]
    if not others:
        return True
    return (
        costly[s.drawn(Stream.CARD_RANDOM, len(costly))]
        is not others[s.drawn(Stream.CARD_RANDOM, len(others))]
    )


@deviation("TOY_ORNITHOPTER", "it does not heal")
def _(s: Situation) -> bool:
    drinks = bool(s.move.get("use")) and s.owns(R.TOY_ORNITHOPTER)
    return drinks and bool(s.game.hp < s.game.max_hp)


@deviation("ANCIENT_TEA_SET", "it is forgotten in the first room after a rest that is no combat")
def _(s: Situation) -> bool:
    begins = not s.fighting and s.after.combat.fight == Fight.ON
    armed = counter(s.game, R.ANCIENT_TEA_SET) == ARMED and s.game.room != Room.REST
    return bool(begins and armed)


ARMED = -2
"""The counter of a Tea Set that waits for the next combat."""


@deviation("MEAT_ON_THE_BONE", "it is asked after the relics before it have healed")
def _(s: Situation) -> bool:
    ended = s.fighting and s.after.combat.fight != Fight.ON
    others = s.owns(R.BURNING_BLOOD) or s.owns(R.BLACK_BLOOD)
    if not ended or not others or not s.owns(R.MEAT_ON_THE_BONE):
        return False
    # It healed, and would not have done so after the others.
    return int(s.after.hp) > int(s.game.hp) + MEAT and 2 * (int(s.after.hp) - MEAT) > int(
        s.after.max_hp
    )


MEAT = 12


@deviation("GOLDEN_IDOL", "it adds nothing to the gold of event fights and of a Tiny House")
def _(s: Situation) -> bool:
    if not s.owns(R.GOLDEN_IDOL):
        return False
    won = s.fighting and s.after.combat.fight != Fight.ON and s.game.room == Room.EVENT
    return won or (s.move.get("boss_relic") is not None and s.move["id"] == "TINY_HOUSE")


@deviation("BOTTLE_FROM_REWARDS", "the choice of a card for a bottle ends the rewards")
def _(s: Situation) -> bool:
    return s.move.get("task") == "BOTTLE" and bool(s.game.pick.then == Screen.COMBAT_REWARD)


@deviation("BONFIRE", "an uncommon card heals 10 HP, not all")
def _(s: Situation) -> bool:
    if s.move.get("task") != "BONFIRE_SPIRITS":
        return False
    card = s.game.deck[s.move["deck_index"]].id
    missing = int(s.game.max_hp) - int(s.game.hp)
    return bool(FACTS[s.game.reference, card].rarity == Rarity.UNCOMMON) and missing > 10


@deviation("TRANSFORM", "a class card may turn into its like: those behind it do not move up")
def _(s: Situation) -> bool:
    if s.move.get("task") not in ("TRANSFORM", "TRANSFORM_UPGRADE"):
        return False
    pick, order = s.game.pick, TRANSFORMS.tolist()
    places = [*pick.picked[: pick.picked_count].tolist(), s.move["deck_index"]]
    if len(places) < pick.needed:
        return False
    count = int(s.after.deck_count)
    made = s.after.deck[count - len(places) : count]
    return any(
        s.game.deck[place].id in order
        and new.id in order
        and order.index(new.id) > order.index(s.game.deck[place].id)
        for place, new in zip(places, made, strict=True)
    )


# Monsters.


@deviation("LAGAVULIN_WAKES", "when it has slept enough, it keeps its Metallicize")
def _(s: Situation) -> bool:
    return any(
        before.powers[MonsterPower.ASLEEP]
        and not after.powers[MonsterPower.ASLEEP]
        and after.hp == before.hp
        for before, after in s.pairs(Monster.LAGAVULIN)
    )


@deviation("HEXAGHOST_INFERNO", "it makes no Burns")
def _(s: Situation) -> bool:
    # It counts its infernos as it begins one.
    return any(
        after.hp > 0 and after.misc[Own.INFERNOS] and before.move == Move.HEXAGHOST_INFERNO
        for before, after in s.pairs(Monster.HEXAGHOST)
        if s.ends_turn
    )


@deviation("RED_SLAVER_ENTANGLES", "it does not remember that it has entangled")
def _(s: Situation) -> bool:
    both = (Move.RED_SLAVER_STAB, Move.RED_SLAVER_SCRAPE)
    return any(
        after.misc[Own.ENTANGLED]
        and after.moves > before.moves
        and any(
            roll >= 75
            or (roll >= 55 and not (before.last == before.before_last and before.last in both))
            for roll in s.rolls()
        )
        for before, after in s.pairs(Monster.RED_SLAVER)
    )


@deviation("SLAVERS_A17", "from ascension 17 on, they may do twice what they may do once")
def _(s: Situation) -> bool:
    if s.game.ascension < 17:
        return False
    blue = any(
        before.move == Move.BLUE_SLAVER_RAKE
        and before.before_last != Move.BLUE_SLAVER_RAKE
        and after.moves > before.moves
        and after.move == Move.BLUE_SLAVER_STAB
        and any(roll < 40 for roll in s.rolls())
        for before, after in s.pairs(Monster.BLUE_SLAVER)
    )
    red = any(
        before.move == Move.RED_SLAVER_SCRAPE
        and before.before_last != Move.RED_SLAVER_SCRAPE
        and after.moves > before.moves
        and after.move == Move.RED_SLAVER_STAB
        for before, after in s.pairs(Monster.RED_SLAVER)
    )
    return blue or red


@deviation("GREMLIN_NOB_A18", "from ascension 18 on, it only rushes")
def _(s: Situation) -> bool:
    return s.game.ascension >= 18 and any(
        after.moves > before.moves and after.move == Move.GREMLIN_NOB_SKULL_BASH
        for before, after in s.pairs(Monster.GREMLIN_NOB)
    )


@deviation("ACID_SLIME_A17", "from ascension 17 on, a large one may spit any number of times")
def _(s: Situation) -> bool:
    spit = Move.ACID_SLIME_L_CORROSIVE_SPIT
    return s.game.ascension >= 17 and any(
        s.ends_turn
        and before.move == before.before_last == spit
        and after.moves > before.moves
        and any(roll < 40 for roll in s.rolls())
        for before, after in s.pairs(Monster.ACID_SLIME_L)
    )


@deviation("SPLIT_IN_OWN_MOVE", "a large slime that is halved while it attacks does not split")
def _(s: Situation) -> bool:
    return s.ends_turn and any(
        after.id == before.id
        and after.misc[Own.SPLITTING]
        and not before.misc[Own.SPLITTING]
        and not after.dead
        for kind in (Monster.ACID_SLIME_L, Monster.SPIKE_SLIME_L)
        for before, after in s.pairs(kind)
    )


@deviation("GUARDIAN_AT_TURN_END", "what its shift adds to its block is lost at once")
def _(s: Situation) -> bool:
    burned = s.power(P.COMBUST) or s.power(P.THE_BOMB) or s.owns(R.STONE_CALENDAR)
    if not s.ends_turn or not (burned or any(s.combat.bomb_turns)):
        return False
    return any(
        before.powers[MonsterPower.MODE_SHIFT]
        and not after.powers[MonsterPower.MODE_SHIFT]
        and after.block
        for before, after in s.pairs(Monster.THE_GUARDIAN)
    )


@deviation("GUARDIAN_AT_CHOICE", "it shifts its mode at once, not after the card is done")
def _(s: Situation) -> bool:
    return s.after.combat.task != 0 and any(
        before.powers[MonsterPower.MODE_SHIFT]
        and not after.powers[MonsterPower.MODE_SHIFT]
        and after.move != Move.THE_GUARDIAN_DEFENSIVE_MODE
        for before, after in s.pairs(Monster.THE_GUARDIAN)
    )


@deviation("ALL_FLED", "when every monster has fled, there are spoils all the same")
def _(s: Situation) -> bool:
    if not s.ends_turn:
        return False
    count = int(s.combat.monster_count)
    fleeing = (Move.LOOTER_ESCAPE, Move.MUGGER_ESCAPE)
    return all(
        monster.escaped or (monster.move in fleeing and not monster.dead)
        for monster in s.combat.monsters[:count]
        if monster.used
    )


@deviation("ATTACKER_DIES", "a monster that dies while it attacks goes on hitting")
def _(s: Situation) -> bool:
    returned = s.power(P.THORNS) + s.power(P.FLAME_BARRIER)
    if not s.ends_turn or not returned:
        return False
    burned = s.power(P.COMBUST)
    return any(
        after.dead and (int(before.hp) - burned) / returned <= HITS.get(Move(before.move), 0) - 1
        for kind in {Monster(monster.id) for monster in s.monsters()}
        for before, after in s.pairs(kind)
    )


HITS = {
    move: sum(levels(step.times)[0] for step in act.steps if step.verb == Verb.HIT)
    for kind in (*NORMAL, *ELITES, *BOSSES)
    for move, act in kind.moves.items()
}
"""How often a move hits."""
