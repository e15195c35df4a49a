"""Events: which one is met, and what options do."""

import numpy as np
import pytest

from spire import pools, rng, state
from spire.content import events as content
from spire.content.cards import BY_ID, Kind
from spire.content.scripts import LINES
from spire.ids import Card, Encounter, Event, Potion, Relic, Room
from spire.rng import Stream
from spire.run import events, picks, rewards
from spire.run.holdings import hold
from spire.seeds import seed_word
from spire.state import Fault, Outcome, Reward, Screen

STARTERS = [Card.STRIKE_RED] * 5 + [Card.DEFEND_RED] * 4 + [Card.BASH]


def new_game(event=None, *, seed=1, ascension=0, deck=(), gold=99, reference=0, hp=80):
    """A game that is about to enter an event of act 1; `event`: the only one there is."""
    games = state.empty(1)
    games.view(np.uint8)[:] = 0
    game = games[0]
    for stream in Stream:
        rng.seed_stream(game.words, game.counts, stream, seed_word(seed))
    game.act, game.floor, game.room, game.ascension = 1, 7, Room.EVENT, ascension
    game.reference = reference
    game.hp, game.max_hp, game.gold = hp, 80, gold
    game.potion_slots = 3
    for place, card in enumerate([*STARTERS, *deck]):
        game.deck[place].id = card
    game.deck_count = len(STARTERS) + len(deck)
    hold(game, Relic.BURNING_BLOOD)
    pools.fill_relic_pools(game.relic_pools, game.words, game.counts, Stream.RELIC)
    game.colorless[:] = np.arange(game.colorless.size)[::-1] + Card.BANDAGE_UP
    pools.enter_act(game.event_pools, 1)
    pools.fill_one_time_events(game.event_pools, ascension)
    if event is not None:
        for pool in (game.event_pools.events, game.event_pools.shrines, game.event_pools.one_time):
            pool[:] = 0
        game.event_pools.events[0] = event
        events.enter_event(game)
        assert game.event == event
    return game


def choices(game):
    return [k for k in range(events.option_count(game)) if events.can_choose(game, k)]


def deck(game):
    return [Card(card.id) for card in game.deck[: game.deck_count]]


def relics(game):
    return [Relic(relic) for relic in game.relics[: game.relic_count]]


def lines(game):
    shown = game.rewards
    return [(Reward(shown.kind[k]), int(shown.value[k])) for k in range(shown.count)]


def test_every_event_of_act_1_has_a_script():
    candidates = {*pools.EVENTS[1], *pools.SHRINES[1], *pools.ONE_TIME_EVENTS}
    for event in candidates:
        met = content.MET.get(event)
        assert (event in content.SCRIPTS) == (met is None or 1 in met.acts), event
    assert set(content.SCRIPTS) <= candidates


def test_options_fit_the_table():
    for script in content.SCRIPTS.values():
        assert script.name
        for option in script.options:
            assert option.text
            assert len(option.lines) <= LINES


def test_the_damage_on_cards():
    strong = {BY_ID[card].name for card in Card if card in BY_ID and content.DAMAGE[card, 0] >= 10}
    assert {"Bludgeon", "Clash", "Clothesline", "Heavy Blade", "Searing Blow"} <= strong
    assert not strong & {"Bash", "Body Slam", "Perfected Strike", "Headbutt", "Pommel Strike"}
    assert content.DAMAGE[Card.BASH].tolist() == [8, 10]
    assert all(BY_ID[card].kind == Kind.ATTACK for card in Card if content.DAMAGE[card].any())


@pytest.mark.parametrize("seed", range(30))
def test_an_event_is_met_once_and_its_stream_stays(seed):
    game, met = new_game(seed=seed), []
    while game.event_pools.events.any():
        words, counts = game.words.copy(), game.counts.copy()
        events.enter_event(game)
        met.append(Event(game.event))
        assert (game.words[Stream.EVENT] == words[Stream.EVENT]).all()
        assert game.counts[Stream.EVENT] == counts[Stream.EVENT]
        rng.random_float(game.words, game.counts, Stream.EVENT)
    assert len(set(met)) == len(met)
    assert game.outcome == Outcome.NONE


def test_conditions():
    def met_from(game, pool):
        found = set()
        for seed in range(60):
            copy = game.copy()
            rng.seed_stream(copy.words, copy.counts, Stream.EVENT, seed_word(seed))
            events.enter_event(copy)
            found.add(Event(copy.event))
        return found & set(pool)

    late = {Event.DEAD_ADVENTURER, Event.HYPNOTIZING_COLORED_MUSHROOMS}
    game = new_game()
    assert met_from(game, late) == late
    game.floor = 6
    assert not met_from(game, late)
    game.gold = 34
    assert not met_from(game, {Event.THE_CLERIC, Event.THE_WOMAN_IN_BLUE})
    game.event_pools.events[:] = 0
    game.gold = 50
    never = {Event.DUPLICATOR, Event.NLOTH, Event.SECRET_PORTAL, Event.THE_JOUST}
    assert not met_from(game, {*never, Event.THE_DIVINE_FOUNTAIN})
    game.deck[0].id = Card.ASCENDERS_BANE
    assert not met_from(game, {Event.THE_DIVINE_FOUNTAIN})
    game.deck[1].id = Card.REGRET
    some = {Event.THE_DIVINE_FOUNTAIN, Event.THE_WOMAN_IN_BLUE, Event.MATCH_AND_KEEP}
    assert met_from(game, some) == some
    game.reference = 1
    assert met_from(game, some) == some - {Event.MATCH_AND_KEEP}


def test_without_events_of_the_act_a_shrine_is_met():
    game = new_game()
    game.event_pools.events[:] = 0
    events.enter_event(game)
    assert game.event in {*pools.SHRINES[1], *pools.ONE_TIME_EVENTS}


def test_an_event_of_a_later_act_ends_the_game():
    game = new_game()
    game.act = 2
    pools.enter_act(game.event_pools, 2)
    game.event_pools.events[:] = 0
    game.event_pools.shrines[:] = 0
    game.event_pools.one_time[:] = 0
    game.event_pools.events[0] = Event.THE_NEST
    events.enter_event(game)
    assert (game.outcome, game.fault) == (Outcome.FAULT, Fault.CONTENT)


@pytest.mark.parametrize(
    ("event", "ascension", "option", "hp", "max_hp", "gold", "cards"),
    [
        (Event.BIG_FISH, 0, 0, 66, 80, 99, []),
        (Event.BIG_FISH, 0, 1, 45, 85, 99, []),
        (Event.THE_CLERIC, 0, 0, 60, 80, 64, []),
        (Event.GOLDEN_SHRINE, 0, 0, 40, 80, 199, []),
        (Event.GOLDEN_SHRINE, 15, 0, 40, 80, 149, []),
        (Event.GOLDEN_SHRINE, 15, 1, 40, 80, 374, [Card.REGRET]),
        (Event.THE_SSSSSERPENT, 0, 0, 40, 80, 274, [Card.DOUBT]),
        (Event.THE_SSSSSERPENT, 15, 0, 40, 80, 249, [Card.DOUBT]),
        (Event.WORLD_OF_GOOP, 0, 0, 29, 80, 174, []),
        (Event.FACE_TRADER, 0, 0, 32, 80, 174, []),
        (Event.HYPNOTIZING_COLORED_MUSHROOMS, 0, 1, 60, 80, 99, [Card.PARASITE]),
        (Event.THE_WOMAN_IN_BLUE, 14, 3, 40, 80, 99, []),
        (Event.THE_WOMAN_IN_BLUE, 15, 3, 36, 80, 99, []),
    ],
)
def test_plain_options(event, ascension, option, hp, max_hp, gold, cards):
    game = new_game(event, ascension=ascension, hp=40)
    events.choose(game, option)
    assert (game.hp, game.max_hp, game.gold) == (hp, max_hp, gold)
    assert deck(game) == STARTERS + cards
    assert game.screen == Screen.MAP


def test_the_cleric_asks_for_gold():
    assert choices(new_game(Event.THE_CLERIC, gold=49)) == [0, 2]
    assert choices(new_game(Event.THE_CLERIC, gold=74)) == [0, 1, 2]
    assert choices(new_game(Event.THE_CLERIC, gold=74, ascension=15)) == [0, 2]
    game = new_game(Event.THE_CLERIC)
    events.choose(game, 1)
    assert (game.screen, game.gold) == (Screen.GRID, 49)
    picks.pick(game, 9)
    assert (game.screen, deck(game)) == (Screen.MAP, STARTERS[:-1])


def test_golden_idol():
    game = new_game(Event.GOLDEN_IDOL)
    assert choices(game) == [0, 1]
    events.choose(game, 0)
    assert relics(game)[-1] == Relic.GOLDEN_IDOL
    assert (game.screen, choices(game)) == (Screen.EVENT, [2, 3, 4])
    traps = [game.copy() for _ in range(3)]
    for option, trapped in enumerate(traps, 2):
        events.choose(trapped, option)
        assert trapped.screen == Screen.MAP
    assert deck(traps[0])[-1] == Card.INJURY
    assert [trapped.hp for trapped in traps] == [80, 60, 74]
    assert [trapped.max_hp for trapped in traps] == [80, 80, 74]


def test_wing_statue_asks_for_a_strong_attack():
    assert choices(new_game(Event.WING_STATUE)) == [0, 2]
    game = new_game(Event.WING_STATUE, deck=[Card.CLOTHESLINE])
    assert choices(game) == [0, 1, 2]
    events.choose(game, 1)
    assert 149 <= game.gold <= 179
    game = new_game(Event.WING_STATUE)
    game.deck[9].upgrades = 1
    assert choices(game) == [0, 1, 2]


@pytest.mark.parametrize(("gold", "ascension", "low", "high"), [(99, 0, 20, 50), (99, 15, 35, 75)])
def test_goop_takes_what_it_drew(gold, ascension, low, high):
    game = new_game(Event.WORLD_OF_GOOP, gold=gold, ascension=ascension)
    events.choose(game, 1)
    assert low <= gold - game.gold <= high
    poor = new_game(Event.WORLD_OF_GOOP, gold=7)
    assert poor.event_data[0] == 7
    events.choose(poor, 1)
    assert poor.gold == 0


def test_damage_can_kill():
    game = new_game(Event.SHINING_LIGHT, hp=16)
    events.choose(game, 0)
    assert (game.outcome, game.screen) == (Outcome.DEFEAT, Screen.GAME_OVER)
    assert not game.deck["upgrades"].any()
    game = new_game(Event.SHINING_LIGHT, hp=17)
    events.choose(game, 0)
    assert (game.hp, game.deck["upgrades"].sum()) == (1, 2)


@pytest.mark.parametrize("seed", range(12))
def test_dead_adventurer(seed):
    game = new_game(Event.DEAD_ADVENTURER, seed=seed)
    hidden = game.event_data[:3].tolist()
    assert sorted(hidden) == [0, 1, 2]
    finds = 0
    while game.screen == Screen.EVENT:
        gold, owned = int(game.gold), int(game.relic_count)
        events.choose(game, 0)
        if game.screen == Screen.COMBAT:
            break
        find = hidden[finds]
        assert (game.gold - gold, game.relic_count - owned)[:1] == (30 if find == 0 else 0,)
        assert game.relic_count - owned == (find == 2)
        finds += 1
    if game.screen == Screen.MAP:
        assert finds == 3
        return
    assert game.combat.encounter in (
        Encounter.THREE_SENTRIES,
        Encounter.GREMLIN_NOB,
        Encounter.LAGAVULIN_EVENT,
    )
    assert game.combat.elite
    rewards.clear_rewards(game)
    events.fight_rewards(game)
    shown = lines(game)
    extra = 30 if 0 in hidden[finds:] else 0
    assert shown[0][0] == Reward.GOLD
    assert 25 + extra <= shown[0][1] <= 35 + extra
    assert [kind for kind, _ in shown[1:]] == [Reward.RELIC] * (2 in hidden[finds:])


def test_mushrooms_fight_for_gold_and_a_relic():
    game = new_game(Event.HYPNOTIZING_COLORED_MUSHROOMS)
    events.choose(game, 0)
    assert (game.screen, game.combat.encounter) == (Screen.COMBAT, Encounter.MUSHROOMS_EVENT)
    rewards.clear_rewards(game)
    events.fight_rewards(game)
    (gold_line, gold), relic_line = lines(game)
    assert (gold_line, relic_line) == (Reward.GOLD, (Reward.RELIC, Relic.ODD_MUSHROOM))
    assert 20 <= gold <= 30


@pytest.mark.parametrize(("reference", "growth"), [(0, 1), (1, 0)])
def test_scrap_ooze_bites_harder(reference, growth):
    game, tries = new_game(Event.SCRAP_OOZE, reference=reference), 0
    while game.screen == Screen.EVENT:
        before = int(game.hp)
        events.choose(game, 0)
        assert before - game.hp == 3 + growth * tries
        tries += 1
    assert game.relic_count == 2
    assert 1 <= tries <= 9


def test_the_wheel_has_six_outcomes():
    met = set()
    for seed in range(40):
        game = new_game(Event.WHEEL_OF_CHANGE, seed=seed, hp=40)
        assert choices(game) == [0]
        events.choose(game, 0)
        if game.screen == Screen.COMBAT_REWARD:
            ((kind, _),) = lines(game)
            met.add(kind.name)
        elif game.screen == Screen.GRID:
            met.add("remove")
        else:
            met.add((int(game.hp), int(game.gold), int(game.deck_count)))
    assert met == {"RELIC", "remove", (40, 199, 10), (80, 99, 10), (40, 99, 11), (32, 99, 10)}


def test_a_relic_comes_with_its_curse():
    game = new_game(Event.BIG_FISH)
    game.relic_pools.relics[:] = Relic.OMAMORI
    events.choose(game, 2)
    assert relics(game)[-1] == Relic.OMAMORI
    assert deck(game)[-1] == Card.REGRET
    game = new_game(Event.BIG_FISH)
    game.relic_pools.relics[:] = Relic.DARKSTONE_PERIAPT
    events.choose(game, 2)
    assert game.max_hp == 86


def test_face_trader_gives_faces_that_are_not_owned():
    game, faces = new_game(Event.FACE_TRADER), set()
    for _ in range(5):
        events.choose(game, 1)
        faces.add(relics(game)[-1])
    assert len(faces) == 5
    events.choose(game, 1)
    assert relics(game)[-1] == Relic.CIRCLET


def test_the_fountain_takes_all_curses():
    curses = [Card.REGRET, Card.ASCENDERS_BANE, Card.PARASITE]
    game = new_game(Event.THE_DIVINE_FOUNTAIN, deck=curses)
    events.choose(game, 0)
    assert deck(game) == [*STARTERS, Card.ASCENDERS_BANE]
    assert game.max_hp == 77


@pytest.mark.parametrize(("ascension", "count"), [(0, 3), (15, 2)])
def test_lab(ascension, count):
    game = new_game(Event.LAB, ascension=ascension)
    assert (game.screen, game.then) == (Screen.COMBAT_REWARD, Screen.MAP)
    assert [kind for kind, _ in lines(game)] == [Reward.POTION] * count
    assert game.counts[Stream.POTION] == count


def test_potions_are_paid_for():
    game = new_game(Event.THE_WOMAN_IN_BLUE)
    events.choose(game, 2)
    assert (game.gold, len(lines(game))) == (59, 3)
    game = new_game(Event.THE_WOMAN_IN_BLUE, reference=1)
    events.choose(game, 2)
    assert (game.gold, len(lines(game))) == (99, 3)


def test_we_meet_again_asks_for_what_there_is():
    assert choices(new_game(Event.WE_MEET_AGAIN, gold=49)) == [3]
    game = new_game(Event.WE_MEET_AGAIN, deck=[Card.CLASH, Card.REGRET])
    assert choices(game) == [1, 2, 3]
    assert 50 <= game.event_data[1] <= 99
    events.choose(game, 2)
    assert deck(game) == [*STARTERS, Card.REGRET]
    assert game.relic_count == 2
    game = new_game()
    game.potions[1] = Potion.FIRE_POTION
    game.event_pools.events[1:] = 0
    game.event_pools.events[0] = Event.WE_MEET_AGAIN
    game.event_pools.shrines[:] = 0
    game.event_pools.one_time[:] = 0
    events.enter_event(game)
    assert choices(game) == [0, 1, 3]
    events.choose(game, 0)
    assert not game.potions.any()


def test_the_bonfire_asks_at_once():
    game = new_game(Event.BONFIRE_SPIRITS, deck=[Card.REGRET])
    assert game.screen == Screen.GRID
    picks.pick(game, 10)
    assert relics(game)[-1] == Relic.SPIRIT_POOP
    assert deck(game) == STARTERS


@pytest.mark.parametrize("ascension", [0, 15])
def test_match_and_keep(ascension):
    game = new_game(Event.MATCH_AND_KEEP, ascension=ascension)
    laid = [Card(card) for card in game.event_data]
    assert all(laid.count(card) % 2 == 0 for card in laid)
    assert Card.BASH in laid
    curses = [card for card in laid if BY_ID[card].kind == Kind.CURSE]
    assert len(curses) == (4 if ascension else 2)
    assert game.counts[Stream.SHUFFLE] == (0 if ascension else 1)
    bash = [place for place in range(12) if laid[place] == Card.BASH]
    other = next(place for place in range(12) if laid[place] not in (Card.BASH, laid[bash[0]]))
    for place in (bash[0], other):
        assert place in choices(game)
        events.choose(game, place)
    assert (choices(game), deck(game)) == (list(range(12)), STARTERS)
    for place in bash:
        events.choose(game, place)
        assert place not in choices(game)
    assert deck(game) == [*STARTERS, Card.BASH]
    assert game.screen == Screen.EVENT
    left = choices(game)
    pairs = {laid[place]: [at for at in left if laid[at] == laid[place]] for place in left}
    for pair in [*pairs.values()][:3]:
        for place in pair[:2]:
            events.choose(game, place)
    assert game.screen == Screen.MAP
    assert game.deck_count == 14
