"""Initialising: a record that is at a state of a trace.

A trace shows nearly all of a state. What it does not show is taken from the record that is written into:
of a new game of the same seed, or of the same game a step before.
"""

from __future__ import annotations

from typing import Any

from spire.arrays import fill
from spire.combat.monsters import THRESHOLD_STEP
from spire.content.moves import Own
from spire.content.relics import FACTS as RELIC_FACTS
from spire.content.relics import USED_UP
from spire.content.text import Task
from spire.game import Game
from spire.ids import (
    BurningBuff,
    Card,
    Encounter,
    Event,
    Monster,
    MonsterPower,
    Move,
    NeowBonus,
    NeowDrawback,
    PlayerPower,
    Potion,
    Relic,
    Room,
)
from spire.pools import Tier
from spire.replay.facts import comparable
from spire.replay.project import (
    BOMB_SLOTS,
    CHEST_SIZES,
    EARLIER_COUNTERS,
    FIND_STEP,
    LIVE_COUNTERS,
    NIB_READY,
    OOZE,
    OOZE_STEP,
    POOL_DRAWS,
    PURPOSES,
    STREAMS,
    TRACE_SCREENS,
    Memory,
)
from spire.replay.trace import Step, Trace
from spire.rng import Stream, advance, seed_stream
from spire.run.events import MAX_HP
from spire.run.shop import is_removing
from spire.state import DECK, POTIONS, RELICS, Fight, Mark, Reward, Screen

PER_FLOOR = (
    Stream.MONSTER_HP,
    Stream.AI,
    Stream.SHUFFLE,
    Stream.CARD_RANDOM,
    Stream.MISC,
)
"""The streams that start afresh on every floor."""

SCREENS = {name: screen for screen, name in TRACE_SCREENS.items()} | {
    "REWARDS": Screen.COMBAT_REWARD
}


def start(trace: Trace, *, from_seed: bool | None = None) -> tuple[Game, Memory]:
    """Return the game of a trace before its first step.

    From its seed alone, or from the state of its first step: the latter where it was changed before.
    """
    game = Game.new(trace.seed, trace.ascension, reference=True)
    memory = Memory()
    if trace.overridden if from_seed is None else not from_seed:
        act = trace.acts[1]
        load_act(game.record, act)
        load_state(game.record, trace.steps[0], memory)
    memory.observe(game.record)
    return game, memory


def load_act(game: Any, act: dict[str, Any]) -> None:
    """Write what an act holds as it begins."""
    fill(game.map.edges.reshape(-1), 0)
    for x, y, room, edges in act["map"]["nodes"]:
        game.map.room[y, x] = Room[room]
        game.map.edges[y, x] = sum(1 << edge for edge in edges)
    burning = act["map"]["burning"]
    game.map.burning_x, game.map.burning_y = burning[:2] if burning else (-1, -1)
    game.map.burning_buff = BurningBuff[burning[2]] if burning else -1
    _write(game.encounters.monsters, [Encounter[name] for name in act["monsters"]])
    _write(game.encounters.elites, [Encounter[name] for name in act["elites"]])
    game.encounters.bosses[0] = Encounter[act["boss"]]
    pools = game.event_pools
    _write(pools.events, [Event[name] for name in act["events"]])
    _write(pools.shrines, [Event[name] for name in act["shrines"]])
    _write(pools.one_time, [Event[name] for name in act["one_time_events"]])
    for tier in Tier:
        names = act["relic_pools"][tier.name.lower()]
        _write(game.relic_pools.relics[tier], [Relic[name] for name in names])
        game.relic_pools.first[tier], game.relic_pools.end[tier] = 0, len(names)


def _write(array: Any, values: list[int]) -> None:
    """Write values into an array, and 0 behind them."""
    fill(array, 0)
    for place, value in enumerate(values):
        array[place] = value


def load_state(game: Any, step: Step, memory: Memory) -> None:
    """Write the state of a step into a record, and what a trace shows of its past into a memory."""
    state = step.state
    for name in ("floor", "act", "y", "hp", "max_hp", "gold"):
        game[name] = state[name]
    game.x = 3 if state["y"] > 14 else state["x"]
    game.room = Room.NONE if state["room"] == "INVALID" else Room[state["room"]]
    _load_holdings(game, state)
    hidden = state["hid"]
    game.potion_chance = hidden["potion_chance"]
    game.rarity_offset = hidden["card_rarity_factor"]
    game.monster_chance = hidden["q_monster"]
    game.shop_chance = hidden["q_shop"]
    game.treasure_chance = hidden["q_treasure"]
    game.removals = hidden["removes"]
    game.monster_index, game.elite_index = hidden["monster_idx"], hidden["elite_idx"]
    load_streams(game, state)
    if "cur_event" in state:
        game.event = Event[state["cur_event"]]
    memory.counters = {
        Relic[name]: count for name, count in state["relics"] if Relic[name] in EARLIER_COUNTERS
    }
    memory.ai, memory.monster_hp = state["rng"]["ai"], state["rng"]["monsterHp"]
    memory.floor = state["floor"]
    memory.emptied, memory.uncounted = False, 0
    game.combat.fight = Fight.NONE
    game.combat.task = 0
    if "combat" in state:
        _load_combat(game, state["combat"])
        game.screen = Screen.COMBAT
        if "select" in state["combat"]:
            _load_select(game, step)
        memory.observe(game)
        return
    game.screen = SCREENS[step.screen]
    load = _LOADERS.get(game.screen)
    if load:
        load(game, state)


def load_streams(game: Any, state: dict[str, Any]) -> None:
    """Bring every stream to where the counters of a state say it is."""
    # Elsewhere a trace shows the counters of an earlier floor's combat.
    fought = "combat" in state or state["room"] in ("MONSTER", "ELITE", "BOSS")
    for name, stream in STREAMS.items():
        seed = game.seed
        if stream in PER_FLOOR:
            seed = type(seed)(int(seed) + state["floor"] & (1 << 64) - 1)
        seed_stream(game.words, game.counts, stream, seed)
        count = state["rng"][name] + (POOL_DRAWS if stream == Stream.RELIC else 0)
        if stream in (Stream.AI, Stream.MONSTER_HP) and not fought:
            count = 0
        advance(game.words, game.counts, stream, count)


def _load_holdings(game: Any, state: dict[str, Any]) -> None:
    bottled = set(state.get("bottled", {}).values())
    for index, (name, upgrades, *misc) in enumerate(state["deck"][:DECK]):
        card = game.deck[index]
        card.id, card.upgrades = Card[name], upgrades
        card.misc = misc[0] if misc else 0
        card.bottled = index in bottled
    game.deck_count = len(state["deck"])
    # Counters that a trace does not show are those the record has.
    kept = {
        int(relic): int(count)
        for relic, count in zip(
            game.relics[: game.relic_count], game.relic_counters[: game.relic_count], strict=True
        )
    }
    fill(game.relic_slots, 0)
    _write(game.relics, [Relic[name] for name, _ in state["relics"][:RELICS]])
    for slot, (name, count) in enumerate(state["relics"]):
        relic = Relic[name]
        charges = int(RELIC_FACTS[game.reference, relic].charges)
        game.relic_counters[slot] = count or kept.get(relic, charges)
        if relic == Relic.NEOWS_LAMENT and "combat" in state and count:
            # It is counted as the combat begins, and shown once it is over.
            game.relic_counters[slot] = count - 1
        elif relic == Relic.MAW_BANK:
            game.relic_counters[slot] = charges if count else USED_UP
        elif relic == Relic.OMAMORI or relic in LIVE_COUNTERS or relic == Relic.NEOWS_LAMENT:
            game.relic_counters[slot] = count
        game.relic_slots[relic] = slot + 1
    game.relic_count = len(state["relics"])
    game.potion_slots = min(len(state["potions"]), POTIONS)
    _write(game.potions, [Potion[name] if name else 0 for name in state["potions"]])
    for key in ("RUBY", "EMERALD", "SAPPHIRE"):
        game[f"{key.lower()}_key"] = key in state.get("keys", ())


# Screens outside combat.


def _load_neow(game: Any, state: dict[str, Any]) -> None:
    for place, option in enumerate(state["event"]["neow"]):
        game.neow.bonus[place] = NeowBonus[option["bonus"]]
        game.neow.drawback[place] = NeowDrawback[option["drawback"]]


def _load_event(game: Any, state: dict[str, Any]) -> None:
    """Write what the wording of an event tells; what it has drawn besides stays as it is."""
    told = comparable(state)["event"]["told"]
    if game.event == Event.WE_MEET_AGAIN:
        _load_meeting(game, told)
    elif game.event == Event.DEAD_ADVENTURER:
        game.event_page = told[0] // FIND_STEP - 1
    elif game.event == Event.SCRAP_OOZE:
        game.event_page = (told[0] - OOZE) // OOZE_STEP
    elif game.event == Event.GOLDEN_IDOL:
        game.event_page = any(text.startswith("2") for text in state["event"]["text"])
    else:
        game.event_page = 0
    game.event_data[MAX_HP] = game.max_hp


def _load_meeting(game: Any, told: list[Any]) -> None:
    potions = [name for name in told if name in Potion.__members__]
    gold = [amount for amount in told if isinstance(amount, int)]
    cards = [name for name in told if name not in potions and name not in gold]
    held = game.potions[: game.potion_slots].tolist()
    deck = [Card(card.id).name + "+" * bool(card.upgrades) for card in game.deck[: game.deck_count]]
    game.event_data[0] = held.index(Potion[potions[0]]) + 1 if potions else 0
    game.event_data[1] = gold[0] if gold else 0
    game.event_data[2] = deck.index(cards[0]) + 1 if cards else 0


def _load_rewards(game: Any, state: dict[str, Any]) -> None:
    shown, rewards = state["rewards"], game.rewards
    lines: list[tuple[int, int]] = [(Reward.GOLD, gold) for gold in shown.get("gold", ())]
    lines += [(Reward.RELIC, Relic[name]) for name in shown.get("relics", ())]
    if "key" in shown:
        key = Reward.EMERALD_KEY if shown["key"] == "EMERALD" else Reward.SAPPHIRE_KEY
        lines.append((key, 0))
    lines += [(Reward.POTION, Potion[name]) for name in shown.get("potions", ())]
    for index, cards in enumerate(shown.get("cards", ())):
        lines.append((Reward.CARD, index))
        rewards.card_counts[index] = len(cards)
        for place, (name, upgrades) in enumerate(cards):
            rewards.cards[index, place].id = Card[name]
            rewards.cards[index, place].upgrades = upgrades
    _write(rewards.kind, [kind for kind, _ in lines])
    _write(rewards.value, [value for _, value in lines])
    rewards.count, rewards.open = len(lines), -1


def _load_boss_relics(game: Any, state: dict[str, Any]) -> None:
    _write(game.boss_relics, [Relic[name] for name in state["boss_relics"]])


def _load_chest(game: Any, state: dict[str, Any]) -> None:
    game.chest_size = CHEST_SIZES.index(state["chest"])


def _load_shop(game: Any, state: dict[str, Any]) -> None:
    shop, shown = game.shop, state["shop"]
    for place, card in enumerate(shown["cards"]):
        name, upgrades, price = card or ("INVALID", 0, 0)
        shop.cards[place].id, shop.cards[place].upgrades = Card[name], upgrades
        shop.card_prices[place] = price
    for ids, kind in ((Relic, "relic"), (Potion, "potion")):
        for place, sold in enumerate(shown[f"{kind}s"]):
            name, price = sold or ("INVALID", 0)
            shop[f"{kind}s"][place] = ids[name]
            shop[f"{kind}_prices"][place] = price
    shop.removal_sold = shown["remove"] is None
    shop.removal_price = shown["remove"] or 0


def _load_pick(game: Any, state: dict[str, Any]) -> None:
    pick, shown = game.pick, state["card_select"]
    pick.purpose = PURPOSES[shown["type"]]
    pick.needed = shown["need"]
    left = [index for _, _, index in shown["cards"]]
    _write(pick.cards, left)
    pick.count = len(left)
    if not shown["picked"]:
        pick.picked_count = 0
    if is_removing(game):
        # A trace shows it as paid already; its price is that of the shop before.
        game.gold += game.shop.removal_price
        game.removals -= 1


_LOADERS = {
    Screen.NEOW: _load_neow,
    Screen.EVENT: _load_event,
    Screen.COMBAT_REWARD: _load_rewards,
    Screen.BOSS_REWARD: _load_boss_relics,
    Screen.CHEST: _load_chest,
    Screen.SHOP: _load_shop,
    Screen.GRID: _load_pick,
}


# Combat.


def _load_combat(game: Any, shown: dict[str, Any]) -> None:
    combat = game.combat
    counts = shown["ctr"]
    combat.fight = Fight.ON
    combat.encounter = Encounter[shown["encounter"]]
    combat.elite, combat.boss = game.room == Room.ELITE, game.room == Room.BOSS
    for name in ("turn", "energy", "block"):
        combat[name] = shown[name]
    combat.played_turn, combat.attacks_turn = counts["cards_played"], counts["attacks_played"]
    combat.skills_turn = counts["skills_played"]
    combat.powers_turn = max(0, combat.played_turn - combat.attacks_turn - combat.skills_turn)
    combat.draw_per_turn = counts["draw_per_turn"]
    berserk = int(combat.powers[PlayerPower.BERSERK])
    combat.energy_per_turn = counts["energy_per_turn"] - berserk
    combat.times_damaged = counts.get("times_damaged", 0)
    combat.combust_loss = counts.get("combust_hp_loss", 0)
    combat.panache_left = 5
    for relic in LIVE_COUNTERS:
        slot = int(game.relic_slots[relic])
        if slot and relic.name in counts:
            count = counts[relic.name]
            game.relic_counters[slot - 1] = NIB_READY if count < 0 else count
    _load_powers(combat, shown["powers"])
    _load_piles(game, shown)
    _load_monsters(game, shown["monsters"])
    combat.phase = combat.end_requested = combat.skip_monsters = 0
    combat.effect_first = combat.effect_count = combat.play_count = 0
    combat.in_play = -1


def _load_powers(combat: Any, shown: dict[str, Any]) -> None:
    known = combat.order[: combat.order_count].tolist()
    fill(combat.fresh, 0)
    fill(combat.bomb_turns, 0)
    fill(combat.bomb_damage, 0)
    bombs = shown.get("THE_BOMB", [0] * BOMB_SLOTS)
    for place, damage in enumerate(bombs):
        combat.bomb_damage[place] = damage
        combat.bomb_turns[place] = place + 1 if damage else 0
    powers = {PlayerPower[name]: amount for name, amount in shown.items() if name != "THE_BOMB"}
    berserk = int(combat.powers[PlayerPower.BERSERK])
    fill(combat.powers, 0)
    if berserk:
        powers[PlayerPower.BERSERK] = berserk
    for power, amount in powers.items():
        combat.powers[power] = amount
    order = [power for power in known if power in powers]
    order += [power for power in sorted(powers) if power not in order]
    _write(combat.order, order)
    combat.order_count = len(order)


def _load_piles(game: Any, shown: dict[str, Any]) -> None:
    combat = game.combat
    owned = {
        index: (Card(card.id).name, int(card.upgrades))
        for index, card in enumerate(game.deck[: game.deck_count])
    }
    made = game.deck_count + 1
    count = 0
    for pile in ("hand", "draw", "discard", "exhaust"):
        places = []
        for name, upgrades, turn_cost, cost, *rest in shown[pile]:
            card = combat.cards[count]
            card.id, card.upgrades = Card[name], upgrades
            card.turn_cost, card.cost = turn_cost, cost
            card.misc = rest[0] if rest else 0
            flags = rest[1] if len(rest) > 1 else ""
            card["marks"] = ("f" in flags and Mark.FREE) | ("r" in flags and Mark.RETAIN)
            match = next(
                (
                    index
                    for likeness in ((name, upgrades), (name, upgrades - 1))
                    for index, one in owned.items()
                    if one == likeness
                ),
                None,
            )
            if match is None:
                card.uid = made
                made += 1
            else:
                card.uid = match + 1
                del owned[match]
            places.append(count)
            count += 1
        _write(combat[pile], places)
        combat[f"{pile}_count"] = len(places)
    combat.card_count, combat.next_uid = count, made
    combat.limbo_count = 0


_OWN = {
    "GREEN_LOUSE": Own.BITE,
    "RED_LOUSE": Own.BITE,
    "LOOTER": Own.STOLEN,
    "GREMLIN_WIZARD": Own.CHARGE,
    "THE_GUARDIAN": Own.THRESHOLD,
}
"""What the number that a trace writes beside some monsters stands for."""


def _load_monsters(game: Any, shown: list[dict[str, Any] | None]) -> None:
    combat = game.combat
    combat.monster_count = len(shown)
    for place in range(len(shown), len(combat.monsters)):
        combat.monsters[place].used = 0
    for place, one in enumerate(shown):
        monster = combat.monsters[place]
        if one is None:
            monster.used = 0
            continue
        same = monster.used and monster.id == Monster[one["id"]]
        if not same:
            monster.moves = 0
            fill(monster.misc, 0)
            monster.order_count = 0
        monster.used = 1
        monster.id = Monster[one["id"]]
        for name in ("hp", "max_hp", "block"):
            monster[name] = one[name]
        monster.move = Move[one["move"]]
        monster.last = monster.move
        monster.before_last = Move[one["prev"]] if "prev" in one else 0
        monster.moves = max(int(monster.moves), 1)
        if one["id"] in _OWN and "misc" in one:
            monster.misc[_OWN[one["id"]]] = one["misc"]
            if one["id"] == "THE_GUARDIAN" and "MODE_SHIFT" not in one["powers"]:
                # Ours is the next one from the moment it shifts.
                monster.misc[Own.THRESHOLD] += THRESHOLD_STEP
        fill(monster.powers, 0)
        for name, amount in one["powers"].items():
            monster.powers[MonsterPower[name]] = amount
        known = [
            power
            for power in monster.order[: monster.order_count].tolist()
            if monster.powers[power]
        ]
        known += [
            power
            for power in range(len(monster.powers))
            if monster.powers[power] and power not in known
        ]
        _write(monster.order, known)
        monster.order_count = len(known)
        for name in ("dead", "half_dead", "escaped"):
            monster[name] = one.get(name, False)


def _load_select(game: Any, step: Step) -> None:
    combat, shown = game.combat, step.state["combat"]["select"]
    name = shown["task"]
    combat.task = Task[name]
    in_grid, offered = name in _PILES, "cards" in shown
    game.screen = Screen.CARD_REWARD if offered else Screen.GRID if in_grid else Screen.HAND_SELECT
    places: list[int] = []
    for move in step.legal:
        chosen = move.get("select_cards")
        if isinstance(chosen, list):
            places += chosen
    pile = _PILES.get(shown["task"], "hand")
    if "cards" in shown:
        offer = [int(Card[name]) for name in shown["cards"]]
    elif step.legal and step.legal[0].get("select_cards") == "any_subset":
        offer = combat.hand[: combat.hand_count].tolist()
    else:
        offer = [int(combat[pile][place]) for place in sorted(set(places))]
    _write(combat.offer, offer)
    combat.offer_count, combat.picked_count = len(offer), 0
    combat.pick_amount = shown.get("copies", 1)
    any_number = name in ("EXHAUST_MANY", "GAMBLE", "CODEX")
    combat.pick_min, combat.pick_max = 0 if any_number else 1, 1
    if any_number and not offered:
        combat.pick_max = step.legal[0]["max"]


_PILES = {
    "HEADBUTT": "discard",
    "LIQUID_MEMORIES_POTION": "discard",
    "EXHUME": "exhaust",
    "SECRET_WEAPON": "draw",
    "SECRET_TECHNIQUE": "draw",
}
