"""Monsters: who is met, what they choose, what that does, and what being hurt does to them."""

import numpy as np
import pytest

from spire import rng
from spire.combat import monsters
from spire.combat.effects import PLAYER, Op, Pile
from spire.combat.powers import gain_monster_power
from spire.content.groups import GROUPS
from spire.content.monsters import KIND_LEVELS, KINDS
from spire.content.moves import Own
from spire.encounters import ACTS
from spire.ids import (
    BurningBuff,
    Card,
    Encounter,
    Monster,
    MonsterPower,
    Move,
    PlayerPower,
    Relic,
)
from spire.rng import Stream
from spire.state import EFFECTS, Fault, Fight, empty

EVENTS = {Encounter.LAGAVULIN_EVENT, Encounter.MUSHROOMS_EVENT}
LICE = {Monster.RED_LOUSE, Monster.GREEN_LOUSE}

DRAWS = {
    # Composition, then HP and what else is rolled as monsters are made.
    Encounter.CULTIST: (0, 1),
    Encounter.TWO_LOUSE: (2, 4),
    Encounter.SMALL_SLIMES: (1, 2),
    Encounter.GREMLIN_GANG: (4, 4),
    Encounter.LARGE_SLIME: (1, 1),
    Encounter.LOTS_OF_SLIMES: (5, 5),
    Encounter.EXORDIUM_THUGS: (4, 7),
    Encounter.EXORDIUM_WILDLIFE: (3, 6),
    Encounter.THREE_LOUSE: (3, 6),
    Encounter.THREE_SENTRIES: (0, 3),
    Encounter.HEXAGHOST: (0, 1),
}


def fight(encounter, seed=1, ascension=0):
    """A game in which a fight has just begun."""
    game = empty(1)
    game.view(np.uint8)[:] = 0
    game = game[0]
    game.ascension, game.act, game.hp, game.gold = ascension, 1, 80, 99
    game.combat.fight = Fight.ON
    for stream in Stream:
        rng.seed_stream(game.words, game.counts, stream, np.uint64(seed))
    monsters.spawn(game, encounter)
    if not game.fault:
        monsters.choose_opening(game)
        monsters.pre_battle(game)
    return game


def resolve(game):
    """Resolve what waits, as far as it concerns monsters; return all of it."""
    combat, seen = game.combat, []
    while combat.effect_count:
        effect = combat.effects[combat.effect_first]
        op, target, amount, arg, card, source = (int(effect[name]) for name in effect.dtype.names)
        combat.effect_first = (int(combat.effect_first) + 1) % EFFECTS
        combat.effect_count -= 1
        seen.append((op, target, amount, arg, card))
        if op == Op.MONSTER_POWER:
            gain_monster_power(game, target, arg, amount, source)
        elif op == Op.MONSTER_BLOCK:
            combat.monsters[target].block += amount
        elif 60 <= op < 80:
            monsters.resolve_monster(game, op, target, amount, arg, card, source)
    return seen


def turn(game, m=0):
    """Let a monster take its turn; return what it did."""
    game.combat.monster_next = m + 1
    monsters.take_turn(game, m)
    return resolve(game)


def short(game, m=0):
    """The intent of a monster, without its name."""
    return Move(game.combat.monsters[m].move).name.removeprefix(
        Monster(game.combat.monsters[m].id).name + "_"
    )


def moves(game, count, m=0):
    """What a monster does in so many turns."""
    done = []
    for _ in range(count):
        done.append(short(game, m))
        turn(game, m)
    return done


def lose(game, amount, m=0):
    """Let a monster lose HP in the player's turn."""
    game.combat.monsters[m].hp -= amount
    monsters.hp_lost(game, m, amount)
    resolve(game)


def power(game, which, m=0):
    return int(game.combat.monsters[m].powers[which])


def there(game):
    return [Monster(monster.id) for monster in game.combat.monsters if monster.used]


def test_every_encounter_of_act_1_is_written_down():
    act = ACTS[0]
    assert {*act.weak, *act.strong, *act.elites, *act.bosses} | EVENTS == {*GROUPS}
    for encounter in Encounter:
        game = fight(encounter)
        assert (game.fault == Fault.CONTENT) == (encounter not in GROUPS), encounter
        assert (game.combat.monster_count > 0) == (encounter in GROUPS)


def test_every_move_of_a_kind_is_written_down():
    for kind in KINDS:
        named = {move for move in Move if move.name.startswith(f"{kind.monster.name}_")}
        assert named == {*kind.moves}, kind.monster


@pytest.mark.parametrize("encounter", DRAWS, ids=lambda encounter: encounter.name)
def test_what_is_drawn_to_make_a_group(encounter):
    for seed in range(1, 9):
        game = fight(encounter, seed)
        lice = sum(monster in LICE for monster in there(game))
        misc, hp = DRAWS[encounter]
        assert game.counts[Stream.MISC] == misc
        assert game.counts[Stream.MONSTER_HP] == hp + lice
        assert game.combat.monster_count == len(there(game))


@pytest.mark.parametrize("ascension", [0, 7, 8, 9, 20])
def test_hp_is_in_the_range_of_the_ascension(ascension):
    for encounter in GROUPS:
        for seed in range(1, 4):
            for monster in fight(encounter, seed, ascension).combat.monsters:
                if monster.used:
                    level = KIND_LEVELS[ascension, monster.id]
                    assert level.low <= monster.hp == monster.max_hp <= level.high


def test_groups_vary():
    def met(encounter):
        return {tuple(there(fight(encounter, seed))) for seed in range(1, 41)}

    assert met(Encounter.SMALL_SLIMES) == {
        (Monster.SPIKE_SLIME_S, Monster.ACID_SLIME_M),
        (Monster.ACID_SLIME_S, Monster.SPIKE_SLIME_M),
    }
    assert len(met(Encounter.EXORDIUM_THUGS)) > 8
    for gang in met(Encounter.GREMLIN_GANG):
        assert gang.count(Monster.SHIELD_GREMLIN) <= 1
        assert gang.count(Monster.MAD_GREMLIN) <= 2


def test_sentries_alternate():
    game = fight(Encounter.THREE_SENTRIES)
    assert [short(game, m) for m in range(3)] == ["BOLT", "BEAM", "BOLT"]
    assert moves(game, 3, 1) == ["BEAM", "BOLT", "BEAM"]
    assert power(game, MonsterPower.ARTIFACT, 2) == 1
    assert turn(fight(Encounter.THREE_SENTRIES, ascension=18))[0] == (
        Op.ADD_CARD,
        Pile.DISCARD,
        3,
        0,
        Card.DAZED,
    )


@pytest.mark.parametrize(
    ("encounter", "ascension", "cycle", "draws"),
    [
        (Encounter.CULTIST, 0, "INCANTATION DARK_STRIKE DARK_STRIKE", 4),
        (Encounter.SLIME_BOSS, 0, "GOOP_SPRAY PREPARING SLAM GOOP_SPRAY", 1),
        (
            Encounter.THE_GUARDIAN,
            0,
            "CHARGING_UP FIERCE_BASH VENT_STEAM WHIRLWIND CHARGING_UP",
            1,
        ),
        (
            Encounter.HEXAGHOST,
            0,
            "ACTIVATE DIVIDER " + "SEAR TACKLE SEAR INFLAME TACKLE SEAR INFERNO " * 2,
            17,
        ),
        (Encounter.GREMLIN_NOB, 18, "BELLOW SKULL_BASH RUSH RUSH SKULL_BASH RUSH RUSH", 8),
        (Encounter.LAGAVULIN, 0, "SLEEP SLEEP SLEEP ATTACK ATTACK SIPHON_SOUL ATTACK", 8),
        (Encounter.LAGAVULIN_EVENT, 0, "SIPHON_SOUL ATTACK ATTACK SIPHON_SOUL", 5),
    ],
)
def test_cycles(encounter, ascension, cycle, draws):
    game = fight(encounter, ascension=ascension)
    assert moves(game, len(cycle.split())) == cycle.split()
    assert game.counts[Stream.AI] == draws


def longest_runs(encounter, ascension=0):
    """The most times in a row that each move was seen."""
    runs = {}
    for seed in range(1, 7):
        game = fight(encounter, seed, ascension)
        run, last = 0, ""
        for move in moves(game, 40):
            run = run + 1 if move == last else 1
            last = move
            runs[move] = max(runs.get(move, 0), run)
    return runs


@pytest.mark.parametrize(
    ("encounter", "ascension", "runs"),
    [
        (Encounter.JAW_WORM, 0, {"CHOMP": 1, "THRASH": 2, "BELLOW": 1}),
        (Encounter.BLUE_SLAVER, 0, {"STAB": 2, "RAKE": 2}),
        (Encounter.BLUE_SLAVER, 17, {"STAB": 2, "RAKE": 1}),
        (Encounter.RED_SLAVER, 0, {"STAB": 2, "SCRAPE": 2, "ENTANGLE": 1}),
        (Encounter.TWO_FUNGI_BEASTS, 0, {"BITE": 2, "GROW": 1}),
    ],
)
def test_how_often_a_move_follows_itself(encounter, ascension, runs):
    assert longest_runs(encounter, ascension) == runs


def test_red_slaver_entangles_once():
    for seed in range(1, 11):
        assert moves(fight(Encounter.RED_SLAVER, seed), 30).count("ENTANGLE") == 1


def test_a_move_queues_its_steps_in_order():
    game = fight(Encounter.GREMLIN_NOB, ascension=3)
    game.combat.monsters[0].move = Move.GREMLIN_NOB_SKULL_BASH
    assert monsters.intent(game, 0) == (8, 1)
    assert turn(game) == [
        (Op.MONSTER_ATTACK, PLAYER, -1, 8, 0),
        (Op.POWER, PLAYER, 2, PlayerPower.VULNERABLE, 0),
        (Op.CHOOSE_MOVE, 0, 0, Move.GREMLIN_NOB_SKULL_BASH, 0),
    ]


def test_fat_gremlin_makes_frail_from_17():
    for ascension, powers in ((0, {PlayerPower.WEAK}), (17, {PlayerPower.WEAK, PlayerPower.FRAIL})):
        game = fight(Encounter.GREMLIN_GANG, ascension=ascension)
        game.combat.monsters[0].id = Monster.FAT_GREMLIN
        game.combat.monsters[0].move = Move.FAT_GREMLIN_SMASH
        assert {arg for op, _, _, arg, _ in turn(game) if op == Op.POWER} == powers


def test_lice_bite_and_curl_up_by_what_they_rolled():
    for seed in range(1, 9):
        game = fight(Encounter.TWO_LOUSE, seed, 17)
        assert 9 <= power(game, MonsterPower.CURL_UP) <= 12
        louse = game.combat.monsters[0]
        assert 6 <= louse.misc[Own.BITE] <= 8
        louse.move = Move.RED_LOUSE_BITE
        assert monsters.intent(game, 0) == (louse.misc[Own.BITE], 1)


def test_lagavulin_wakes_when_hurt():
    game = fight(Encounter.LAGAVULIN)
    assert game.combat.monsters[0].block == 8
    monsters.burn(game, BurningBuff.METALLICIZE)
    lose(game, 5)
    assert power(game, MonsterPower.ASLEEP) == 0
    assert power(game, MonsterPower.METALLICIZE) == 4
    assert moves(game, 3) == ["SLEEP", "ATTACK", "ATTACK"]


def test_lagavulin_wakes_by_itself():
    game = fight(Encounter.LAGAVULIN)
    for left in (8, 8, 0):
        turn(game)
        assert power(game, MonsterPower.METALLICIZE) == left
    assert short(game) == "ATTACK"


def test_guardian_shifts_its_mode():
    game = fight(Encounter.THE_GUARDIAN, ascension=19)
    assert power(game, MonsterPower.MODE_SHIFT) == 40
    lose(game, 39)
    assert short(game) == "CHARGING_UP"
    lose(game, 12)
    assert short(game) == "DEFENSIVE_MODE"
    assert game.combat.monsters[0].block == 20
    lose(game, 30)
    assert power(game, MonsterPower.MODE_SHIFT) == 0
    assert moves(game, 2) == ["DEFENSIVE_MODE", "ROLL_ATTACK"]
    assert power(game, MonsterPower.SHARP_HIDE) == 4
    assert moves(game, 2) == ["TWIN_SLAM", "WHIRLWIND"]
    assert power(game, MonsterPower.SHARP_HIDE) == 0
    assert power(game, MonsterPower.MODE_SHIFT) == 50


def test_a_large_slime_splits_at_half():
    game = fight(Encounter.LARGE_SLIME)
    slime = game.combat.monsters[0]
    kind = Monster(slime.id)
    gain_monster_power(game, 0, MonsterPower.WEAK, 2, PLAYER)
    lose(game, int(slime.hp) - int(slime.max_hp) // 2 - 1)
    assert short(game) != "SPLIT"
    lose(game, 1)
    assert short(game) == "SPLIT"
    half, draws = int(slime.hp), int(game.counts[Stream.AI])
    turn(game)
    assert there(game) == [Monster[kind.name[:-1] + "M"]] * 2
    assert [(int(each.hp), int(each.max_hp)) for each in game.combat.monsters[:2]] == [
        (half, half)
    ] * 2
    assert power(game, MonsterPower.WEAK) == 0
    assert game.counts[Stream.AI] == draws + 4
    assert game.combat.monster_next == 2


def test_slime_boss_splits_into_two_that_split():
    game = fight(Encounter.SLIME_BOSS)
    game.relic_slots[Relic.PHILOSOPHERS_STONE] = 1
    lose(game, 100)
    turn(game)
    slots = game.combat.monsters
    assert there(game) == [Monster.SPIKE_SLIME_L, Monster.ACID_SLIME_L]
    assert slots[2].id == Monster.ACID_SLIME_L
    assert slots[1].dead
    assert [power(game, MonsterPower.STRENGTH, m) for m in (0, 2)] == [1, 1]
    assert game.counts[Stream.AI] == 3
    assert game.combat.monster_next == 3
    lose(game, 20)
    turn(game)
    assert game.combat.monster_next == 2
    lose(game, 20, 2)
    turn(game, 2)
    assert [int(each.hp) for each in slots] == [20, 20, 20, 20, 0]
    assert game.combat.monster_count == 4


def test_a_split_outlives_the_roll_of_the_same_turn():
    game = fight(Encounter.LARGE_SLIME)
    slime = game.combat.monsters[0]
    game.combat.monster_next = 1
    monsters.take_turn(game, 0)
    slime.hp = int(slime.max_hp) // 2
    monsters.hp_lost(game, 0, 30)
    resolve(game)
    assert short(game) == "SPLIT"


def test_a_thief_robs_twice_and_leaves():
    endings = set()
    for seed in range(1, 9):
        game = fight(Encounter.LOOTER, seed)
        game.gold = 20
        assert moves(game, 2) == ["MUG", "MUG"]
        assert (game.gold, game.combat.stolen_gold) == (0, 20)
        endings.add(short(game))
        while short(game) != "ESCAPE":
            turn(game)
        turn(game)
        assert game.combat.monsters[0].escaped
        assert game.combat.stolen_gold == 0
        assert game.counts[Stream.AI] == 3
    assert endings == {"LUNGE", "SMOKE_BOMB"}


def gang_of(*kinds, ascension=0):
    """A gang of these gremlins."""
    game = fight(Encounter.GREMLIN_GANG, ascension=ascension)
    opening = {
        Monster.SHIELD_GREMLIN: Move.SHIELD_GREMLIN_PROTECT,
        Monster.GREMLIN_WIZARD: Move.GREMLIN_WIZARD_CHARGING,
    }
    for monster, kind in zip(game.combat.monsters, kinds, strict=False):
        monster.id, monster.move = kind, opening[kind]
        monster.misc[0] = kind == Monster.GREMLIN_WIZARD
    return game


def test_shield_gremlin_guards_others():
    game = gang_of(Monster.SHIELD_GREMLIN)
    before = int(game.counts[Stream.AI])
    turn(game)
    assert game.counts[Stream.AI] == before + 1
    assert game.combat.monsters[0].block == 0
    assert sum(int(each.block) for each in game.combat.monsters) == 7
    for other in game.combat.monsters[1:]:
        other.dead = 1
    turn(game)
    assert game.combat.monsters[0].block == 7
    assert game.counts[Stream.AI] == before + 1
    assert moves(game, 2) == ["SHIELD_BASH", "SHIELD_BASH"]


@pytest.mark.parametrize(
    ("ascension", "done"),
    [
        (0, "CHARGING CHARGING ULTIMATE_BLAST CHARGING CHARGING CHARGING ULTIMATE_BLAST"),
        (17, "CHARGING CHARGING ULTIMATE_BLAST ULTIMATE_BLAST"),
    ],
)
def test_gremlin_wizard_charges(ascension, done):
    game = gang_of(Monster.GREMLIN_WIZARD, ascension=ascension)
    assert moves(game, len(done.split())) == done.split()


def test_hexaghost_divides_the_players_hp():
    game = fight(Encounter.HEXAGHOST)
    game.hp = 71
    turn(game)
    assert monsters.intent(game, 0) == (6, 6)
    for burns in (0, 0, 0, 0, 0, 0, 0, 1):
        added = [effect for effect in turn(game) if effect[0] == Op.ADD_CARD]
        assert (added == [(Op.ADD_CARD, Pile.DISCARD, 3, 1, Card.BURN)]) == burns
    assert (Op.ADD_CARD, Pile.DISCARD, 1, 1, Card.BURN) in turn(game)


def test_spores_need_somebody_left():
    game = fight(Encounter.TWO_FUNGI_BEASTS)
    game.combat.monsters[0].dead = 1
    monsters.died(game, 0)
    assert resolve(game) == [(Op.POWER, PLAYER, 2, PlayerPower.VULNERABLE, 0)]
    game.combat.monsters[1].dead = 1
    monsters.died(game, 1)
    assert resolve(game) == []


@pytest.mark.parametrize(
    ("buff", "found"),
    [
        (BurningBuff.STRENGTH, (MonsterPower.STRENGTH, 2)),
        (BurningBuff.METALLICIZE, (MonsterPower.METALLICIZE, 4)),
        (BurningBuff.REGENERATE, (MonsterPower.REGEN, 3)),
    ],
)
def test_burning_elites(buff, found):
    game = fight(Encounter.THREE_SENTRIES)
    monsters.burn(game, buff)
    assert [power(game, found[0], m) for m in range(3)] == [found[1]] * 3


def test_a_burning_elite_may_have_more_hp():
    game = fight(Encounter.GREMLIN_NOB)
    game.combat.monsters[0].hp = game.combat.monsters[0].max_hp = 82
    monsters.burn(game, BurningBuff.MAX_HP)
    assert game.combat.monsters[0].max_hp == game.combat.monsters[0].hp == 103
