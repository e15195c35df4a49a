"""Events: every event, shrine and one-time event of act 1, as data.

Opening and closing pages that change nothing are left out: an event is over as soon as the effect of an
option is done. The events of later acts have no script; only when they can be met stands here (`MET`).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import numpy as np
from numpy.typing import NDArray

from spire.codes import table
from spire.content.cards import CARDS
from spire.content.scripts import (
    ANY,
    LEAVE,
    LINES,
    REMOVE,
    TRANSFORM,
    UPGRADABLE,
    UPGRADE,
    Amount,
    Check,
    Line,
    Met,
    Need,
    Op,
    Script,
    card,
    damage,
    does,
    draw,
    drawn,
    fight,
    give,
    gold,
    heal,
    lose_hp,
    lose_max_hp,
    max_hp,
    nearest_percent,
    need,
    option,
    part,
    pay,
    per_act,
    percent,
    percent_up,
    potions,
    prize,
    relic,
    relic_with,
)
from spire.content.text import Verb
from spire.ids import Card, Encounter, Event, Relic
from spire.reference import EVENTS, EVENTS_OFF

FULL = 9999
"""More than there can be."""

C, E, R = Card, Event, Relic

SCRIPTS: dict[Event, Script] = {
    # Events of act 1.
    E.BIG_FISH: Script(
        "Big Fish",
        (
            option("Banana: heal a third of max HP", heal(part(3))),
            option("Donut: max HP +5", max_hp(5)),
            option("Box: a random relic, and Regret", relic_with(C.REGRET)),
        ),
    ),
    E.THE_CLERIC: Script(
        "The Cleric",
        (
            option(
                "Heal: pay 35 gold, heal 25% of max HP",
                pay(35),
                heal(percent(25)),
                needs=need(Check.GOLD, 35),
            ),
            option(
                "Purify: pay 50 gold (75), remove a card",
                pay(50, a15=75),
                REMOVE,
                needs=need(Check.GOLD, 50, a15=75),
            ),
            LEAVE,
        ),
    ),
    E.DEAD_ADVENTURER: Script(
        "Dead Adventurer",
        (
            option(
                "Search: 30 gold, nothing or a relic; 25% (35%) that the killer returns, 25% more each time",
                does(Op.SEARCH, 25, a15=35, arg=3),
            ),
            option("Escape"),
        ),
        entered=(does(Op.HIDE),),
    ),
    E.GOLDEN_IDOL: Script(
        "Golden Idol",
        (
            option("Take: Golden Idol, and a trap", give(R.GOLDEN_IDOL), does(Op.PAGE, 1), page=0),
            option("Leave", page=0),
            option("Outrun: Injury", card(C.INJURY), page=1),
            option("Smash: damage of 25% (35%) of max HP", damage(percent(25, a15=35)), page=1),
            option(
                "Hide: lose 8% (10%) of max HP for good", lose_max_hp(percent(8, a15=10)), page=1
            ),
        ),
    ),
    E.WING_STATUE: Script(
        "Golden Wing",
        (
            option("Pray: 7 damage, remove a card", damage(7), REMOVE),
            option(
                "Destroy: 50 to 80 gold",
                draw(50, 80),
                gold(drawn()),
                needs=need(Check.ATTACK, 10),
            ),
            LEAVE,
        ),
    ),
    E.WORLD_OF_GOOP: Script(
        "World of Goop",
        (
            option("Gather gold: 11 damage, 75 gold", damage(11), gold(75)),
            option("Leave it: lose 20 to 50 gold (35 to 75)", pay(drawn())),
        ),
        entered=(draw(20, 50, a15=(35, 75), op=Op.DRAW_LOSS),),
    ),
    E.THE_SSSSSERPENT: Script(
        "The Ssssserpent",
        (
            option("Agree: Doubt, 175 gold (150)", card(C.DOUBT), gold(175, a15=150)),
            option("Disagree"),
        ),
    ),
    E.LIVING_WALL: Script(
        "Living Wall",
        (
            option("Forget: remove a card", REMOVE),
            option("Change: transform a card", TRANSFORM),
            option("Grow: upgrade a card", UPGRADE, needs=UPGRADABLE),
        ),
    ),
    E.HYPNOTIZING_COLORED_MUSHROOMS: Script(
        "Hypnotizing Colored Mushrooms",
        (
            option(
                "Stomp: fight for 20 to 30 gold and Odd Mushroom",
                draw(20, 30),
                prize(drawn(), R.ODD_MUSHROOM),
                fight(Encounter.MUSHROOMS_EVENT),
            ),
            option("Eat: heal 25% of max HP, Parasite", heal(percent(25)), card(C.PARASITE)),
        ),
    ),
    E.SCRAP_OOZE: Script(
        "Scrap Ooze",
        (
            option(
                "Reach inside: 3 damage (5), 25% to find a relic; 1 and 10% more each time",
                does(Op.REACH, 3, a15=5, arg=1),
            ),
            LEAVE,
        ),
    ),
    E.SHINING_LIGHT: Script(
        "Shining Light",
        (
            option(
                "Enter: damage of 20% (30%) of max HP, two random cards are upgraded",
                damage(nearest_percent(20, a15=30)),
                does(Op.UPGRADE_RANDOM, 2),
            ),
            LEAVE,
        ),
    ),
    # Shrines.
    E.MATCH_AND_KEEP: Script(
        "Match and Keep!",
        tuple(
            option("Turn a card", does(Op.TURN, place), needs=need(Check.FACE_DOWN, place))
            for place in range(12)
        ),
        entered=(does(Op.DEAL, 1, a15=2),),
    ),
    E.GOLDEN_SHRINE: Script(
        "Golden Shrine",
        (
            option("Pray: 100 gold (50)", gold(100, a15=50)),
            option("Desecrate: 275 gold, Regret", gold(275), card(C.REGRET)),
            LEAVE,
        ),
    ),
    E.TRANSMORGRIFIER: Script(
        "Transmogrifier", (option("Pray: transform a card", TRANSFORM), LEAVE)
    ),
    E.PURIFIER: Script("Purifier", (option("Pray: remove a card", REMOVE), LEAVE)),
    E.UPGRADE_SHRINE: Script(
        "Upgrade Shrine", (option("Pray: upgrade a card", UPGRADE, needs=UPGRADABLE), LEAVE)
    ),
    E.WHEEL_OF_CHANGE: Script(
        "Wheel of Change",
        (option("Spin", does(Op.ONE_OF, 6)),),
        outcomes=(
            (gold(per_act(100)),),
            (does(Op.RELIC_REWARD),),
            (heal(FULL),),
            (card(C.DECAY),),
            (REMOVE,),
            (lose_hp(percent(10, a15=15)),),
        ),
    ),
    # One-time events.
    E.OMINOUS_FORGE: Script(
        "Ominous Forge",
        (
            option("Forge: upgrade a card", UPGRADE, needs=UPGRADABLE),
            option("Rummage: Pain, Warped Tongs", card(C.PAIN), give(R.WARPED_TONGS)),
            LEAVE,
        ),
    ),
    E.BONFIRE_SPIRITS: Script("Bonfire Spirits", (), entered=(does(Op.OFFER),)),
    E.FACE_TRADER: Script(
        "Face Trader",
        (
            option(
                "Touch: 75 gold (50), damage of a tenth of max HP",
                gold(75, a15=50),
                damage(part(10)),
            ),
            option("Trade: a random face", does(Op.FACE)),
            LEAVE,
        ),
    ),
    E.THE_DIVINE_FOUNTAIN: Script(
        "The Divine Fountain",
        (option("Drink: remove all curses", does(Op.REMOVE_CURSES)), LEAVE),
    ),
    E.LAB: Script("Lab", (), entered=(potions(3, a15=2),)),
    E.NOTE_FOR_YOURSELF: Script(
        "A Note For Yourself",
        (
            option("Take and give: Iron Wave, store a card", card(C.IRON_WAVE), REMOVE),
            option("Ignore"),
        ),
    ),
    E.WE_MEET_AGAIN: Script(
        "We Meet Again!",
        (
            option(
                "Give a potion: a random relic",
                does(Op.GIVE_POTION, drawn(0)),
                relic(),
                needs=need(Check.DRAWN, 0),
            ),
            option("Give gold: a random relic", pay(drawn(1)), relic(), needs=need(Check.DRAWN, 1)),
            option(
                "Give a card: a random relic",
                does(Op.GIVE_CARD, drawn(2)),
                relic(),
                needs=need(Check.DRAWN, 2),
            ),
            option("Attack: nothing"),
        ),
        entered=(does(Op.MEET),),
    ),
    E.THE_WOMAN_IN_BLUE: Script(
        "The Woman in Blue",
        (
            option("Buy a potion: 20 gold", pay(20), potions(1)),
            option("Buy two potions: 30 gold", pay(30), potions(2)),
            option("Buy three potions: 40 gold", pay(40), potions(3)),
            option("Leave (5% of max HP)", lose_hp(percent_up(0, a15=5))),
        ),
    ),
}
"""The events of act 1. Amounts in brackets are those from ascension 15 on."""

MET: dict[Event, Met] = {
    E.DEAD_ADVENTURER: Met(needs=need(Check.FLOOR_ABOVE, 6)),
    E.HYPNOTIZING_COLORED_MUSHROOMS: Met(needs=need(Check.FLOOR_ABOVE, 6)),
    E.THE_CLERIC: Met(needs=need(Check.GOLD, 35)),
    E.OLD_BEGGAR: Met(needs=need(Check.GOLD, 75)),
    E.COLOSSEUM: Met(needs=need(Check.ROW_ABOVE, 7)),
    E.THE_MOAI_HEAD: Met(needs=need(Check.IDOL_OR_HALF_HP)),
    E.THE_DIVINE_FOUNTAIN: Met(needs=need(Check.CURSE)),
    E.DESIGNER_IN_SPIRE: Met(acts=(2, 3), needs=need(Check.GOLD, 75)),
    E.DUPLICATOR: Met(acts=(2, 3)),
    E.FACE_TRADER: Met(acts=(1, 2)),
    E.KNOWING_SKULL: Met(acts=(2,), needs=need(Check.HP_ABOVE, 12)),
    E.NLOTH: Met(acts=(2,), needs=need(Check.RELICS, 2)),
    E.THE_JOUST: Met(acts=(2,), needs=need(Check.GOLD, 50)),
    E.THE_WOMAN_IN_BLUE: Met(needs=need(Check.GOLD, 50)),
    # The game also waits until 800 seconds have been played.
    E.SECRET_PORTAL: Met(acts=(3,)),
}
"""When an event can be met, where that is not always."""

DAMAGE = np.zeros((len(Card), 2), dtype=np.int16)
"""The damage that stands on a card, as it is and upgraded."""
for _card in CARDS:
    for _line in _card.text:
        if _line.verb in (Verb.HIT, Verb.HIT_ALL, Verb.HIT_RANDOM):
            DAMAGE[_card.id] = _line.amount


_NEED_FIELDS, _LINE_FIELDS = 3, 4


def _row(
    lines: Iterable[Line], hard: bool, needs: Need | None = None, page: int = ANY
) -> list[int]:
    """Return a row as kernels read it: page, check, its amount, then op, amount, unit, arg of each line."""

    def of(amount: Amount) -> int:
        return amount.a15 if hard else amount.base

    needs = needs or Need()
    row = [page, needs.check, of(needs.amount)]
    for line in lines:
        row += [line.op, of(line.amount), line.amount.unit, of(line.arg)]
    return row


def _tables() -> tuple[NDArray[np.int16], ...]:
    rows: list[list[int]] = [[0] * (_NEED_FIELDS + _LINE_FIELDS * LINES)]
    firsts = []
    counts = [len(SCRIPTS[event].options) if event in SCRIPTS else 0 for event in Event]
    for lines_instead, hard in product(({}, EVENTS), (False, True)):
        first = [0] * len(Event)
        for event, script in SCRIPTS.items():
            first[event] = len(rows)
            rows.append(_row(script.entered, hard))
            for number, each in enumerate(script.options):
                lines = lines_instead.get((event, number), each.lines)
                rows.append(_row(lines, hard, each.needs, each.page))
            rows += [_row(lines, hard) for lines in script.outcomes]
        firsts.append(first)
    return table(rows), table(firsts), table([counts])[0]


ROWS, FIRST, OPTION_COUNTS = _tables()
"""`ROWS` holds what happens on entering, the options and the outcomes of each event that has a script, one
after the other, from row ``FIRST[2 * reference + (ascension >= 15), event]`` on (0: there is no script)."""


def _meetings(off: Iterable[Event]) -> list[int]:
    flat: list[int] = []
    for event in Event:
        when = MET.get(event, Met())
        acts = () if event in off else when.acts
        flat += [sum(1 << act for act in acts), when.needs.check, when.needs.amount.base]
    return flat


MEETINGS = table([_meetings(()), _meetings(EVENTS_OFF)]).reshape(2, len(Event), 3)
"""When events can be met: ``MEETINGS[reference, event]`` is acts as bits, check, amount."""
