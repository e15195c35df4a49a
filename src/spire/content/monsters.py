"""Monsters: every monster of act 1, as data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from spire.compiled import record
from spire.content.moves import (
    AGAIN,
    ALONE,
    ASCENSIONS,
    CONDITIONS,
    FIRST,
    ODD_PLACE,
    Kind,
    Own,
    Row,
    Step,
    add,
    afflict,
    block,
    by,
    coin,
    count,
    divide,
    either,
    escape,
    fight,
    from_ascension,
    gain,
    gain_rolled,
    guard,
    has,
    hit,
    hit_own,
    idly,
    kindle,
    last,
    levels,
    lose,
    move,
    no,
    only_in,
    own,
    put,
    roll_below,
    span,
    split,
    steal,
    then,
    twice,
    unfold,
    wake,
    when,
)
from spire.ids import Card, Encounter, Monster, Move
from spire.ids import MonsterPower as Power
from spire.ids import PlayerPower as Debuff

M = Move
A17, BELOW_A17 = from_ascension(17), no(from_ascension(17))
A18 = from_ascension(18)
SLIMED = Card.SLIMED


def _louse(kind: Monster, hp: tuple[int, int], bite: Move, special: Move, step: Step) -> Kind:
    return Kind(
        monster=kind,
        hp=span(*hp, a7=(hp[0] + 1, hp[1] + 1)),
        rolled=((Own.BITE, span(5, 7, a2=(6, 8))),),
        start=(gain_rolled(Power.CURL_UP, by(3, a7=4, a17=9), by(7, a7=8, a17=12)),),
        moves={bite: move(hit_own(Own.BITE)), special: move(step)},
        choice=(
            when(roll_below(25), BELOW_A17, twice(special), use=bite),
            when(roll_below(25), A17, last(special), use=bite),
            when(roll_below(25), use=special),
            when(twice(bite), use=special),
            when(use=bite),
        ),
    )


def _acid_slime_below_17(spit: Move, tackle: Move, lick: Move) -> tuple[Row, ...]:
    return (
        when(BELOW_A17, roll_below(30), no(twice(spit)), use=spit),
        when(BELOW_A17, roll_below(30), use=coin(tackle, lick)),
        when(BELOW_A17, roll_below(70), no(last(tackle)), use=tackle),
        when(BELOW_A17, roll_below(70), use=either(0.4, spit, lick)),
        when(BELOW_A17, no(twice(lick)), use=lick),
        when(BELOW_A17, use=either(0.4, spit, tackle)),
    )


def _spike_slime(flame_tackle: Move, lick: Move) -> tuple[Row, ...]:
    return (
        when(roll_below(30), no(twice(flame_tackle)), use=flame_tackle),
        when(roll_below(30), use=lick),
        when(A17, last(lick), use=flame_tackle),
        when(twice(lick), use=flame_tackle),
        when(use=lick),
    )


NORMAL = (
    Kind(
        monster=Monster.CULTIST,
        hp=span(48, 54, a7=(50, 56)),
        moves={
            M.CULTIST_INCANTATION: move(
                gain(Power.RITUAL, by(3, a2=4, a17=5)), after=idly(M.CULTIST_DARK_STRIKE)
            ),
            M.CULTIST_DARK_STRIKE: move(hit(6), after=idly(M.CULTIST_DARK_STRIKE)),
        },
        choice=(when(use=M.CULTIST_INCANTATION),),
    ),
    Kind(
        monster=Monster.JAW_WORM,
        hp=span(40, 44, a7=(42, 46)),
        moves={
            M.JAW_WORM_CHOMP: move(hit(by(11, a2=12))),
            M.JAW_WORM_THRASH: move(hit(7), block(5)),
            M.JAW_WORM_BELLOW: move(gain(Power.STRENGTH, by(3, a2=4, a17=5)), block(by(6, a17=9))),
        },
        choice=(
            when(FIRST, use=M.JAW_WORM_CHOMP),
            when(roll_below(25), no(last(M.JAW_WORM_CHOMP)), use=M.JAW_WORM_CHOMP),
            when(roll_below(25), use=either(0.5625, M.JAW_WORM_BELLOW, M.JAW_WORM_THRASH)),
            when(roll_below(55), no(twice(M.JAW_WORM_THRASH)), use=M.JAW_WORM_THRASH),
            when(roll_below(55), use=either(0.357, M.JAW_WORM_CHOMP, M.JAW_WORM_BELLOW)),
            when(no(last(M.JAW_WORM_BELLOW)), use=M.JAW_WORM_BELLOW),
            when(use=either(0.416, M.JAW_WORM_CHOMP, M.JAW_WORM_THRASH)),
        ),
    ),
    _louse(
        Monster.RED_LOUSE,
        (10, 15),
        M.RED_LOUSE_BITE,
        M.RED_LOUSE_GROW,
        gain(Power.STRENGTH, by(3, a17=4)),
    ),
    _louse(
        Monster.GREEN_LOUSE,
        (11, 17),
        M.GREEN_LOUSE_BITE,
        M.GREEN_LOUSE_SPIT_WEB,
        afflict(Debuff.WEAK, 2),
    ),
    Kind(
        monster=Monster.ACID_SLIME_S,
        hp=span(8, 12, a7=(9, 13)),
        moves={
            M.ACID_SLIME_S_LICK: move(afflict(Debuff.WEAK, 1), after=then(M.ACID_SLIME_S_TACKLE)),
            M.ACID_SLIME_S_TACKLE: move(hit(by(3, a2=4)), after=then(M.ACID_SLIME_S_LICK)),
        },
        choice=(
            when(A17, use=M.ACID_SLIME_S_LICK),
            when(use=coin(M.ACID_SLIME_S_TACKLE, M.ACID_SLIME_S_LICK)),
        ),
    ),
    Kind(
        monster=Monster.SPIKE_SLIME_S,
        hp=span(10, 14, a7=(11, 15)),
        moves={M.SPIKE_SLIME_S_TACKLE: move(hit(by(5, a2=6)), after=idly(M.SPIKE_SLIME_S_TACKLE))},
        choice=(when(use=M.SPIKE_SLIME_S_TACKLE),),
    ),
    Kind(
        monster=Monster.ACID_SLIME_M,
        hp=span(28, 32, a7=(29, 34)),
        moves={
            M.ACID_SLIME_M_CORROSIVE_SPIT: move(hit(by(7, a2=8)), add(SLIMED, 1)),
            M.ACID_SLIME_M_TACKLE: move(hit(by(10, a2=12))),
            M.ACID_SLIME_M_LICK: move(afflict(Debuff.WEAK, 1)),
        },
        choice=(
            *_acid_slime_below_17(
                M.ACID_SLIME_M_CORROSIVE_SPIT, M.ACID_SLIME_M_TACKLE, M.ACID_SLIME_M_LICK
            ),
            when(
                roll_below(40),
                no(twice(M.ACID_SLIME_M_CORROSIVE_SPIT)),
                use=M.ACID_SLIME_M_CORROSIVE_SPIT,
            ),
            when(roll_below(40), use=coin(M.ACID_SLIME_M_TACKLE, M.ACID_SLIME_M_LICK)),
            when(roll_below(80), no(twice(M.ACID_SLIME_M_TACKLE)), use=M.ACID_SLIME_M_TACKLE),
            when(
                roll_below(80),
                use=either(0.5, M.ACID_SLIME_M_CORROSIVE_SPIT, M.ACID_SLIME_M_LICK),
            ),
            when(no(last(M.ACID_SLIME_M_LICK)), use=M.ACID_SLIME_M_LICK),
            when(use=either(0.4, M.ACID_SLIME_M_CORROSIVE_SPIT, M.ACID_SLIME_M_TACKLE)),
        ),
    ),
    Kind(
        monster=Monster.SPIKE_SLIME_M,
        hp=span(28, 32, a7=(29, 34)),
        moves={
            M.SPIKE_SLIME_M_FLAME_TACKLE: move(hit(by(8, a2=10)), add(SLIMED, 1)),
            M.SPIKE_SLIME_M_LICK: move(afflict(Debuff.FRAIL, 1)),
        },
        choice=_spike_slime(M.SPIKE_SLIME_M_FLAME_TACKLE, M.SPIKE_SLIME_M_LICK),
    ),
    Kind(
        monster=Monster.ACID_SLIME_L,
        hp=span(65, 69, a7=(68, 72)),
        moves={
            M.ACID_SLIME_L_CORROSIVE_SPIT: move(hit(by(11, a2=12)), add(SLIMED, 2)),
            M.ACID_SLIME_L_TACKLE: move(hit(by(16, a2=18))),
            M.ACID_SLIME_L_LICK: move(afflict(Debuff.WEAK, 2)),
            M.ACID_SLIME_L_SPLIT: move(
                split(Monster.ACID_SLIME_M, Monster.ACID_SLIME_M, 2), after=AGAIN
            ),
        },
        choice=(
            *_acid_slime_below_17(
                M.ACID_SLIME_L_CORROSIVE_SPIT, M.ACID_SLIME_L_TACKLE, M.ACID_SLIME_L_LICK
            ),
            when(
                roll_below(40),
                no(twice(M.ACID_SLIME_L_CORROSIVE_SPIT)),
                use=M.ACID_SLIME_L_CORROSIVE_SPIT,
            ),
            when(roll_below(40), use=either(0.6, M.ACID_SLIME_L_TACKLE, M.ACID_SLIME_L_LICK)),
            when(roll_below(70), no(twice(M.ACID_SLIME_L_TACKLE)), use=M.ACID_SLIME_L_TACKLE),
            when(
                roll_below(70),
                use=either(0.6, M.ACID_SLIME_L_CORROSIVE_SPIT, M.ACID_SLIME_L_LICK),
            ),
            when(no(last(M.ACID_SLIME_L_LICK)), use=M.ACID_SLIME_L_LICK),
            when(use=either(0.4, M.ACID_SLIME_L_CORROSIVE_SPIT, M.ACID_SLIME_L_TACKLE)),
        ),
    ),
    Kind(
        monster=Monster.SPIKE_SLIME_L,
        hp=span(64, 70, a7=(67, 73)),
        moves={
            M.SPIKE_SLIME_L_FLAME_TACKLE: move(hit(by(16, a2=18)), add(SLIMED, 2)),
            M.SPIKE_SLIME_L_LICK: move(afflict(Debuff.FRAIL, by(2, a17=3))),
            M.SPIKE_SLIME_L_SPLIT: move(
                split(Monster.SPIKE_SLIME_M, Monster.SPIKE_SLIME_M, 2), after=AGAIN
            ),
        },
        choice=_spike_slime(M.SPIKE_SLIME_L_FLAME_TACKLE, M.SPIKE_SLIME_L_LICK),
    ),
    Kind(
        monster=Monster.BLUE_SLAVER,
        hp=span(46, 50, a7=(48, 52)),
        moves={
            M.BLUE_SLAVER_STAB: move(hit(by(12, a2=13))),
            M.BLUE_SLAVER_RAKE: move(hit(by(7, a2=8)), afflict(Debuff.WEAK, by(1, a17=2))),
        },
        choice=(
            when(no(roll_below(40)), no(twice(M.BLUE_SLAVER_STAB)), use=M.BLUE_SLAVER_STAB),
            when(BELOW_A17, no(twice(M.BLUE_SLAVER_RAKE)), use=M.BLUE_SLAVER_RAKE),
            when(A17, no(last(M.BLUE_SLAVER_RAKE)), use=M.BLUE_SLAVER_RAKE),
            when(use=M.BLUE_SLAVER_STAB),
        ),
    ),
    Kind(
        monster=Monster.RED_SLAVER,
        hp=span(46, 50, a7=(48, 52)),
        moves={
            M.RED_SLAVER_STAB: move(hit(by(13, a2=14))),
            M.RED_SLAVER_SCRAPE: move(hit(by(8, a2=9)), afflict(Debuff.VULNERABLE, by(1, a17=2))),
            M.RED_SLAVER_ENTANGLE: move(afflict(Debuff.ENTANGLED, 1), put(Own.ENTANGLED, 1)),
        },
        choice=(
            when(FIRST, use=M.RED_SLAVER_STAB),
            when(no(roll_below(75)), no(own(Own.ENTANGLED, 1)), use=M.RED_SLAVER_ENTANGLE),
            when(
                own(Own.ENTANGLED, 1),
                no(roll_below(55)),
                no(twice(M.RED_SLAVER_STAB)),
                use=M.RED_SLAVER_STAB,
            ),
            when(BELOW_A17, no(twice(M.RED_SLAVER_SCRAPE)), use=M.RED_SLAVER_SCRAPE),
            when(A17, no(last(M.RED_SLAVER_SCRAPE)), use=M.RED_SLAVER_SCRAPE),
            when(use=M.RED_SLAVER_STAB),
        ),
    ),
    Kind(
        monster=Monster.LOOTER,
        hp=span(44, 48, a7=(46, 50)),
        start=(gain(Power.THIEVERY, by(15, a17=20)),),
        moves={
            M.LOOTER_MUG: move(
                steal(by(15, a17=20)),
                hit(by(10, a2=11)),
                count(Own.MUGS),
                after=then(
                    either(0.5, M.LOOTER_SMOKE_BOMB, M.LOOTER_LUNGE),
                    # It may say something: that is drawn.
                    when(no(own(Own.MUGS, 2)), use=either(0.6, M.LOOTER_MUG, M.LOOTER_MUG)),
                ),
            ),
            M.LOOTER_LUNGE: move(
                steal(by(15, a17=20)), hit(by(12, a2=14)), after=then(M.LOOTER_SMOKE_BOMB)
            ),
            M.LOOTER_SMOKE_BOMB: move(block(6), after=then(M.LOOTER_ESCAPE)),
            M.LOOTER_ESCAPE: move(escape(), after=AGAIN),
        },
        choice=(when(use=M.LOOTER_MUG),),
    ),
    Kind(
        monster=Monster.FUNGI_BEAST,
        hp=span(22, 28, a7=(24, 28)),
        start=(gain(Power.SPORE_CLOUD, 2),),
        moves={
            M.FUNGI_BEAST_BITE: move(hit(6)),
            M.FUNGI_BEAST_GROW: move(gain(Power.STRENGTH, by(3, a2=4, a17=5))),
        },
        choice=(
            when(roll_below(60), no(twice(M.FUNGI_BEAST_BITE)), use=M.FUNGI_BEAST_BITE),
            when(roll_below(60), use=M.FUNGI_BEAST_GROW),
            when(no(last(M.FUNGI_BEAST_GROW)), use=M.FUNGI_BEAST_GROW),
            when(use=M.FUNGI_BEAST_BITE),
        ),
    ),
    Kind(
        monster=Monster.MAD_GREMLIN,
        hp=span(20, 24, a7=(21, 25)),
        start=(gain(Power.ANGRY, by(1, a17=2)),),
        moves={M.MAD_GREMLIN_SCRATCH: move(hit(by(4, a2=5)), after=idly(M.MAD_GREMLIN_SCRATCH))},
        choice=(when(use=M.MAD_GREMLIN_SCRATCH),),
    ),
    Kind(
        monster=Monster.SNEAKY_GREMLIN,
        hp=span(10, 14, a7=(11, 15)),
        moves={M.SNEAKY_GREMLIN_PUNCTURE: move(hit(by(9, a2=10)), after=AGAIN)},
        choice=(when(use=M.SNEAKY_GREMLIN_PUNCTURE),),
    ),
    Kind(
        monster=Monster.FAT_GREMLIN,
        hp=span(13, 17, a7=(14, 18)),
        moves={
            M.FAT_GREMLIN_SMASH: move(
                hit(by(4, a2=5)),
                afflict(Debuff.WEAK, 1),
                afflict(Debuff.FRAIL, by(0, a17=1)),
                after=idly(M.FAT_GREMLIN_SMASH),
            )
        },
        choice=(when(use=M.FAT_GREMLIN_SMASH),),
    ),
    Kind(
        monster=Monster.SHIELD_GREMLIN,
        hp=span(12, 15, a7=(13, 17)),
        moves={
            M.SHIELD_GREMLIN_PROTECT: move(
                guard(by(7, a7=8, a17=11)),
                after=then(M.SHIELD_GREMLIN_PROTECT, when(ALONE, use=M.SHIELD_GREMLIN_SHIELD_BASH)),
            ),
            M.SHIELD_GREMLIN_SHIELD_BASH: move(hit(by(6, a2=8)), after=AGAIN),
        },
        choice=(when(use=M.SHIELD_GREMLIN_PROTECT),),
    ),
    Kind(
        monster=Monster.GREMLIN_WIZARD,
        hp=span(21, 25, a7=(22, 26)),
        own=((Own.CHARGE, 1),),
        moves={
            M.GREMLIN_WIZARD_CHARGING: move(
                count(Own.CHARGE),
                after=then(
                    M.GREMLIN_WIZARD_CHARGING,
                    when(own(Own.CHARGE, 3), use=M.GREMLIN_WIZARD_ULTIMATE_BLAST),
                ),
            ),
            M.GREMLIN_WIZARD_ULTIMATE_BLAST: move(
                hit(by(25, a2=30)),
                put(Own.CHARGE, 0),
                after=then(
                    M.GREMLIN_WIZARD_CHARGING, when(A17, use=M.GREMLIN_WIZARD_ULTIMATE_BLAST)
                ),
            ),
        },
        choice=(when(use=M.GREMLIN_WIZARD_CHARGING),),
    ),
)

ELITES = (
    Kind(
        monster=Monster.GREMLIN_NOB,
        hp=span(82, 86, a8=(85, 90)),
        moves={
            M.GREMLIN_NOB_BELLOW: move(gain(Power.ENRAGE, by(2, a18=3))),
            M.GREMLIN_NOB_RUSH: move(hit(by(14, a3=16))),
            M.GREMLIN_NOB_SKULL_BASH: move(hit(by(6, a3=8)), afflict(Debuff.VULNERABLE, 2)),
        },
        choice=(
            when(FIRST, use=M.GREMLIN_NOB_BELLOW),
            when(no(A18), roll_below(33), use=M.GREMLIN_NOB_SKULL_BASH),
            when(twice(M.GREMLIN_NOB_RUSH), use=M.GREMLIN_NOB_SKULL_BASH),
            when(A18, last(M.GREMLIN_NOB_BELLOW), use=M.GREMLIN_NOB_SKULL_BASH),
            when(use=M.GREMLIN_NOB_RUSH),
        ),
    ),
    Kind(
        monster=Monster.LAGAVULIN,
        hp=span(109, 111, a8=(112, 115)),
        start=only_in(
            Encounter.LAGAVULIN, block(8), gain(Power.METALLICIZE, 8), gain(Power.ASLEEP)
        ),
        moves={
            M.LAGAVULIN_SLEEP: move(
                count(Own.SLEPT),
                wake(3),
                after=idly(M.LAGAVULIN_ATTACK, when(has(Power.ASLEEP), use=M.LAGAVULIN_SLEEP)),
            ),
            M.LAGAVULIN_ATTACK: move(
                hit(by(18, a3=20)),
                after=idly(
                    M.LAGAVULIN_ATTACK,
                    when(twice(M.LAGAVULIN_ATTACK), use=M.LAGAVULIN_SIPHON_SOUL),
                ),
            ),
            M.LAGAVULIN_SIPHON_SOUL: move(
                afflict(Debuff.DEXTERITY, by(-1, a18=-2)),
                afflict(Debuff.STRENGTH, by(-1, a18=-2)),
                after=idly(M.LAGAVULIN_ATTACK),
            ),
        },
        choice=(
            when(fight(Encounter.LAGAVULIN_EVENT), use=M.LAGAVULIN_SIPHON_SOUL),
            when(use=M.LAGAVULIN_SLEEP),
        ),
    ),
    Kind(
        monster=Monster.SENTRY,
        hp=span(38, 42, a8=(39, 45)),
        start=(gain(Power.ARTIFACT),),
        moves={
            M.SENTRY_BOLT: move(add(Card.DAZED, by(2, a18=3)), after=idly(M.SENTRY_BEAM)),
            M.SENTRY_BEAM: move(hit(by(9, a3=10)), after=idly(M.SENTRY_BOLT)),
        },
        choice=(when(ODD_PLACE, use=M.SENTRY_BEAM), when(use=M.SENTRY_BOLT)),
    ),
)

BOSSES = (
    Kind(
        monster=Monster.SLIME_BOSS,
        hp=span(140, 140, a9=(150, 150)),
        moves={
            M.SLIME_BOSS_GOOP_SPRAY: move(
                add(SLIMED, by(3, a19=5)), after=then(M.SLIME_BOSS_PREPARING)
            ),
            M.SLIME_BOSS_PREPARING: move(after=then(M.SLIME_BOSS_SLAM)),
            M.SLIME_BOSS_SLAM: move(hit(by(35, a4=38)), after=then(M.SLIME_BOSS_GOOP_SPRAY)),
            M.SLIME_BOSS_SPLIT: move(
                split(Monster.SPIKE_SLIME_L, Monster.ACID_SLIME_L, 0), after=AGAIN
            ),
        },
        choice=(when(use=M.SLIME_BOSS_GOOP_SPRAY),),
    ),
    Kind(
        monster=Monster.THE_GUARDIAN,
        hp=span(240, 240, a9=(250, 250)),
        own=((Own.THRESHOLD, by(30, a9=35, a19=40)),),
        start=(gain(Power.MODE_SHIFT, by(30, a9=35, a19=40)),),
        moves={
            M.THE_GUARDIAN_CHARGING_UP: move(block(9), after=then(M.THE_GUARDIAN_FIERCE_BASH)),
            M.THE_GUARDIAN_FIERCE_BASH: move(
                hit(by(32, a4=36)), after=then(M.THE_GUARDIAN_VENT_STEAM)
            ),
            M.THE_GUARDIAN_VENT_STEAM: move(
                afflict(Debuff.VULNERABLE, 2),
                afflict(Debuff.WEAK, 2),
                after=then(M.THE_GUARDIAN_WHIRLWIND),
            ),
            M.THE_GUARDIAN_WHIRLWIND: move(hit(5, times=4), after=then(M.THE_GUARDIAN_CHARGING_UP)),
            M.THE_GUARDIAN_DEFENSIVE_MODE: move(
                gain(Power.SHARP_HIDE, by(3, a19=4)), after=then(M.THE_GUARDIAN_ROLL_ATTACK)
            ),
            M.THE_GUARDIAN_ROLL_ATTACK: move(
                hit(by(9, a4=10)), after=then(M.THE_GUARDIAN_TWIN_SLAM)
            ),
            M.THE_GUARDIAN_TWIN_SLAM: move(
                hit(8, times=2),
                lose(Power.SHARP_HIDE),
                unfold(),
                after=then(M.THE_GUARDIAN_WHIRLWIND),
            ),
        },
        choice=(when(use=M.THE_GUARDIAN_CHARGING_UP),),
    ),
    Kind(
        monster=Monster.HEXAGHOST,
        hp=span(250, 250, a9=(264, 264)),
        moves={
            M.HEXAGHOST_ACTIVATE: move(divide(Own.DIVIDER, 12), after=idly(M.HEXAGHOST_DIVIDER)),
            M.HEXAGHOST_DIVIDER: move(
                hit_own(Own.DIVIDER, times=6), put(Own.ORBS, 0), after=idly(M.HEXAGHOST_SEAR)
            ),
            M.HEXAGHOST_SEAR: move(
                hit(6),
                add(Card.BURN, by(1, a19=2), upgrades=Own.INFERNOS),
                count(Own.ORBS),
                after=idly(
                    M.HEXAGHOST_TACKLE,
                    when(own(Own.ORBS, 6), use=M.HEXAGHOST_INFERNO),
                    when(own(Own.ORBS, 3), use=M.HEXAGHOST_INFLAME),
                ),
            ),
            M.HEXAGHOST_TACKLE: move(
                hit(by(5, a4=6), times=2), count(Own.ORBS), after=idly(M.HEXAGHOST_SEAR)
            ),
            M.HEXAGHOST_INFLAME: move(
                block(12),
                gain(Power.STRENGTH, by(2, a19=3)),
                count(Own.ORBS),
                after=idly(M.HEXAGHOST_TACKLE),
            ),
            M.HEXAGHOST_INFERNO: move(
                hit(by(2, a4=3), times=6),
                kindle(3),
                put(Own.INFERNOS, 1),
                put(Own.ORBS, 0),
                after=idly(M.HEXAGHOST_SEAR),
            ),
        },
        choice=(when(use=M.HEXAGHOST_ACTIVATE),),
    ),
)


KINDS = (*NORMAL, *ELITES, *BOSSES)
OWN_NUMBERS = 4
"""How many numbers a monster keeps for itself."""

i8, i16 = np.int8, np.int16

STEP = record(
    [("verb", i8), ("own", i8), ("amount", i16), ("times", i16), ("what", i16), ("fight", i16)]
)
"""A step at one ascension; `own` is -1 where it has none, `fight` 0 where it is for any."""

CONDITION = record([("check", i8), ("wanted", i8), ("own", i8), ("value", i16)])

ROW = record(
    [
        ("conditions", CONDITION, (CONDITIONS,)),
        ("draw", i8),
        ("first", i16),
        ("other", i16),
        ("chance", np.float32),
    ]
)

ACT = record([("first_step", i16), ("end_step", i16), ("roll", i8), ("row", i16)])
"""A move: its steps, and the first of the rows that come after."""

KIND = record(
    [
        ("known", i8),
        ("row", i16),
        ("first_step", i16),
        ("end_step", i16),
        ("rolled", i8),
    ]
)
"""A kind of monster: the first of its rows, what it does at the start, and its own number that is rolled (or
-1)."""

LEVEL = record(
    [
        ("low", i16),
        ("high", i16),
        ("rolled_low", i16),
        ("rolled_high", i16),
        ("own", i16, (OWN_NUMBERS,)),
    ]
)
"""A kind of monster at one ascension: its HP, the number that is rolled, and its own numbers at first."""


class _Book:
    """Everything that is written down, gathered into tables."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.rows: list[Row] = []
        self.acts = np.zeros(len(Move), dtype=ACT)
        self.kinds = np.zeros(len(Monster), dtype=KIND)
        self.levels = np.zeros((ASCENSIONS, len(Monster)), dtype=LEVEL)

    def write_steps(self, target: Any, steps: Iterable[Step]) -> None:
        """Add steps, and note where they stand."""
        target.first_step = len(self.steps)
        self.steps.extend(steps)
        target.end_step = len(self.steps)

    def write_rows(self, target: Any, rows: tuple[Row, ...]) -> None:
        """Add rows, and note where they begin; the last one always holds, so reading ends there."""
        if rows and rows[-1].conditions:
            raise ValueError(f"no row is left over: {rows[-1]}")
        target.row = len(self.rows)
        self.rows.extend(rows)

    def write(self, kind: Kind) -> None:
        """Add a kind of monster."""
        facts = self.kinds[kind.monster]
        facts.known = 1
        self.write_rows(facts, kind.choice)
        self.write_steps(facts, kind.start)
        facts.rolled = -1
        at = self.levels[:, kind.monster]
        at["low"], at["high"] = kind.hp.low, kind.hp.high
        for place, value in kind.own:
            at["own"][:, place] = levels(value)
        for place, rolled in kind.rolled:
            facts.rolled = place
            at["rolled_low"], at["rolled_high"] = rolled.low, rolled.high
        for name, each in kind.moves.items():
            act = self.acts[name]
            self.write_steps(act, each.steps)
            self.write_rows(act, each.after.rows)
            act.roll = each.after.roll

    def step_table(self) -> Any:
        """Return the steps, by ascension."""
        table = np.zeros((ASCENSIONS, len(self.steps)), dtype=STEP)
        for place, step in enumerate(self.steps):
            at = table[:, place]
            at["verb"], at["what"] = step.verb, step.what
            at["own"] = -1 if step.own is None else step.own
            at["fight"] = step.fight
            at["amount"], at["times"] = levels(step.amount), levels(step.times)
        return table

    def row_table(self) -> Any:
        """Return the rows."""
        table = np.zeros(len(self.rows), dtype=ROW)
        for target, row in zip(table, self.rows, strict=True):
            for condition, asked in zip(target.conditions, row.conditions, strict=False):
                condition.check, condition.value = asked.check, asked.value
                condition.wanted = asked.wanted
                condition.own = 0 if asked.own is None else asked.own
            target.draw, target.chance = row.pick.draw, row.pick.chance
            target.first, target.other = row.pick.first, row.pick.other
        return table


def _written() -> _Book:
    book = _Book()
    for kind in KINDS:
        book.write(kind)
    return book


_BOOK = _written()
STEPS = _BOOK.step_table()
ROWS = _BOOK.row_table()
MOVE_FACTS = _BOOK.acts
KIND_FACTS = _BOOK.kinds
KIND_LEVELS = _BOOK.levels
