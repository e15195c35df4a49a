"""Situation: a state, the action taken there, and what the game makes of it, as rules ask about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from spire.content.cards import FACTS, Kind
from spire.ids import Card, Monster, MonsterPower, PlayerPower, Potion, Relic
from spire.owned import owns
from spire.rng import Stream, random_int
from spire.state import Fight

C, P, R = Card, PlayerPower, Relic


@dataclass(frozen=True)
class Played:
    """A card that an action plays, or may play."""

    card: Card
    uid: int
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
        self.hand = self._pile(self.combat, "hand")
        self.draw = self._pile(self.combat, "draw")
        self.discard = self._pile(self.combat, "discard")
        self.new_hand = self._pile(after.combat, "hand")
        self.new_draw = self._pile(after.combat, "draw")
        self.taken = 0
        """How many cards an effect takes from the draw pile to play them."""
        self.played = list(self._played())
        """The card that is played, and those it or a potion plays."""

    def _pile(self, combat: Any, name: str) -> list[Any]:
        if not self.fighting:
            return []
        indices = combat[name][: combat[f"{name}_count"]].tolist()
        return [combat.cards[index] for index in indices]

    # The combat as a whole.

    @property
    def begins(self) -> bool:
        """Whether a combat begins."""
        return not self.fighting and bool(self.after.combat.fight == Fight.ON)

    @property
    def goes_on(self) -> bool:
        """Whether a combat goes on."""
        return self.fighting and bool(self.after.combat.fight == Fight.ON)

    @property
    def over(self) -> bool:
        """Whether a combat is over, and the player lives."""
        return self.fighting and self.after.combat.fight != Fight.ON and bool(self.after.hp > 0)

    @property
    def ends_turn(self) -> bool:
        """Whether the action ends the turn."""
        return "end_turn" in self.move

    @property
    def next_turn(self) -> bool:
        """Whether the next turn of the player begins."""
        return self.ends_turn and bool(self.after.combat.turn > self.combat.turn)

    @property
    def shuffles(self) -> bool:
        """Whether cards are shuffled."""
        return bool(self.after.counts[Stream.SHUFFLE] > self.game.counts[Stream.SHUFFLE])

    # Cards.

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
        elif self.next_turn:
            taken = self.power(P.MAYHEM)
        self.taken = taken
        yield from self._taken(taken)

    def _taken(self, taken: int) -> Iterator[Played]:
        """Yield the cards an effect takes from the draw pile; a Havoc among them takes one more."""
        if taken and self.ends_turn and self._draws_between():
            # The top card may have gone before: it is among those that are not in the hand now.
            held = {int(card.uid) for card in self.new_hand}
            left = (*self.left_draw_pile(), *(self.discard if self.shuffles else ()))
            for card in [card for card in left if int(card.uid) not in held] or left:
                yield _as_played(card, by_itself=True)
            return
        pile = list(self.draw)
        while taken and pile:
            card = pile.pop()
            taken += (card.id == C.HAVOC) - 1
            yield _as_played(card, by_itself=True)
        if taken:
            # What is on top after a shuffle is not known here, but what Havoc plays is exhausted by it.
            exhausted = self.exhausted() if "play" in self.move else None
            for card in (*self.discard, *(self.hand if self.ends_turn else ())):
                if exhausted is None or (int(card.id), int(card.uid)) in exhausted:
                    yield _as_played(card, by_itself=True)

    def _draws_between(self) -> bool:
        """Whether cards may be drawn between the end of a turn and the start of the next."""
        puzzle = self.owns(R.CENTENNIAL_PUZZLE) and not self.combat.puzzle_used
        return bool(self.power(P.DARK_EMBRACE) or self.owns(R.RUNIC_CUBE) or puzzle)

    def left_draw_pile(self) -> list[Any]:
        """Return the cards that were in the draw pile, and are no more."""
        still = {int(card.uid) for card in self.new_draw}
        return [card for card in self.draw if int(card.uid) not in still]

    def exhausted(self) -> set[tuple[int, int]]:
        """Return the ids of the cards that the action exhausts."""
        combat, after = self.combat, self.after.combat
        was = set(combat.exhaust[: combat.exhaust_count].tolist())
        now = after.exhaust[: after.exhaust_count].tolist()
        cards = [after.cards[index] for index in now if index not in was]
        return {(int(card.id), int(card.uid)) for card in cards}

    @property
    def exhausts_played(self) -> bool:
        """Whether a card that is played is exhausted."""
        exhausted = self.exhausted() if self.played else ()
        return any((int(one.card), one.uid) in exhausted for one in self.played)

    @property
    def others(self) -> int:
        """How many cards stay in the hand."""
        return len(self.hand) - ("play" in self.move)

    @property
    def copies(self) -> int:
        """How many copies of the card from the hand are played after it, at most."""
        if "play" not in self.move:
            return 0
        attack = self.kind(self.played[0].card) == Kind.ATTACK
        tapped = attack and self.power(P.DOUBLE_TAP) > 0
        book = attack and self.owns(R.NECRONOMICON) and not self.combat.necronomicon_used
        return (self.power(P.DUPLICATION) > 0) + tapped + book

    def plays(self, *cards: Card, upgraded: bool | None = None) -> bool:
        """Whether the action plays one of the cards, or may."""
        return any(
            one.card in cards and (upgraded is None or upgraded == (one.upgrades > 0))
            for one in self.played
        )

    def plays_kind(self, *kinds: Kind) -> bool:
        """Whether the action plays a card of such a type, or may."""
        return any(self.kind(one.card) in kinds for one in self.played)

    def holds(self, *cards: Card) -> bool:
        """Whether one of the cards is in the hand, now or after the action."""
        return any(card.id in cards for card in (*self.hand, *self.new_hand))

    @property
    def pained(self) -> bool:
        """Whether Pain may hurt: it is in hand as a card is played, or drawn before another one is."""
        more = self.new_hand if self.taken or self.copies else ()
        return bool(self.played) and any(card.id == C.PAIN for card in (*self.hand, *more))

    def kind(self, card: Any) -> Kind:
        """Return the type of a card."""
        return Kind(int(FACTS[self.game.reference, int(card)].kind))

    # What the player has.

    def owns(self, relic: Relic) -> bool:
        """Whether a relic is owned."""
        return bool(owns(self.game, relic))

    def obtains(self, relic: Relic) -> bool:
        """Whether a relic is obtained."""
        return not self.owns(relic) and bool(owns(self.after, relic))

    def before(self, relic: Relic, other: Relic) -> bool:
        """Whether both relics are owned, the first for longer."""
        slots = self.game.relic_slots
        return bool(0 < slots[relic] < slots[other])

    def power(self, power: PlayerPower) -> int:
        """Return a power of the player."""
        return int(self.combat.powers[power]) if self.fighting else 0

    def power_then(self, power: PlayerPower) -> int:
        """Return a power of the player as the cards are played, which may be a turn later."""
        combat = self.after.combat if self.ends_turn else self.combat
        return int(combat.powers[power]) if self.fighting else 0

    def drinks(self, *potions: Potion) -> bool:
        """Whether the action uses one of the potions."""
        return bool(self.move.get("use")) and self.move["id"] in {one.name for one in potions}

    # Health.

    @property
    def lost(self) -> int:
        """How much HP is lost in a combat, and how often something is lost does not matter."""
        before = 0 if self.begins else int(self.combat.damage_taken)
        return int(self.after.combat.damage_taken) - before

    @property
    def gained(self) -> int:
        """How much HP is gained, whatever is lost besides."""
        return int(self.after.hp) - int(self.game.hp) + self.lost

    # Monsters.

    def monsters(self) -> list[Any]:
        """Return the monsters that stand."""
        return [before for before, _ in self.standing()]

    def standing(self) -> Iterator[tuple[Any, Any]]:
        """Yield the monsters that stand, as they are before and after."""
        if not self.fighting:
            return
        for place in range(int(self.combat.monster_count)):
            before, after = self.combat.monsters[place], self.after.combat.monsters[place]
            if before.used and not before.dead and not before.escaped:
                yield before, after

    def pairs(self, kind: Monster) -> Iterator[tuple[Any, Any]]:
        """Yield the monsters of a kind that stand, as they are before and after."""
        return (pair for pair in self.standing() if pair[0].id == kind)

    def loses(self, power: MonsterPower) -> list[tuple[Any, Any]]:
        """Return the monsters that have a power before, live on, and have none of it after."""
        return [
            (before, after)
            for before, after in self.standing()
            if before.powers[power]
            and not after.powers[power]
            and not after.dead
            and before.id == after.id
        ]

    # Draws.

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


def _as_played(card: Any, *, by_itself: bool) -> Played:
    return Played(
        Card(card.id),
        int(card.uid),
        int(card.upgrades),
        int(card.turn_cost),
        int(card.cost),
        by_itself,
    )
