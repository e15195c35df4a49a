"""Dungeons as the shared traces write them: names instead of codes, lists instead of records."""

import json
import sys

import numpy as np

from spire import encounters, maps, neow, pools, reference, rng
from spire.ids import BurningBuff, Encounter, Event, NeowBonus, NeowDrawback, Relic, Room
from spire.rng import Stream
from spire.seeds import seed_word


def names(codes, kind):
    """The names of codes up to the first 0."""
    return [kind(code).name for code in codes.tolist() if code]


def one(dtype):
    return np.zeros(1, dtype=dtype)[0]


class Streams:
    """A game's streams, all started from its seed."""

    def __init__(self, seed):
        self.seed = seed_word(seed)
        self.words = np.zeros((rng.STREAMS, 2), dtype=np.uint64)
        self.counts = np.zeros(rng.STREAMS, dtype=np.int32)
        for stream in Stream:
            rng.seed_stream(*self.at(stream), self.seed)

    def at(self, stream):
        return self.words, self.counts, stream


def map_of(streams, act, ascension, early_rows):
    drawn = one(maps.MAP)
    maps.seed_map(*streams.at(Stream.MAP), streams.seed, act)
    maps.generate_map(drawn, *streams.at(Stream.MAP), ascension, True, early_rows)
    nodes = [
        [x, y, Room(drawn.room[y, x]).name, [n for n in range(7) if drawn.edges[y, x] >> n & 1]]
        for y in range(15)
        for x in range(7)
        if drawn.edges[y, x]
    ]
    buff = BurningBuff(drawn.burning_buff).name if drawn.burning_buff >= 0 else None
    burning = [int(drawn.burning_x), int(drawn.burning_y), buff] if buff else None
    return {"nodes": nodes, "burning": burning}


def dungeon(seed, ascension, *, tables=encounters.TABLES, early_rows=maps.EARLY_ROWS):
    """What a game of that seed holds, in the form of a line of the dungeon traces."""
    streams = Streams(seed)
    options, relics, events = one(neow.OPTIONS), one(pools.RELIC_POOLS), one(pools.EVENT_POOLS)
    neow.draw_options(options, *streams.at(Stream.NEOW))
    pools.fill_relic_pools(relics, *streams.at(Stream.RELIC))
    pools.fill_one_time_events(events, ascension)
    acts = {}
    for act in (1, 2, 3):
        met = one(encounters.ENCOUNTERS)
        encounters.draw_encounters(met, tables[act - 1], *streams.at(Stream.MONSTER))
        pools.enter_act(events, act)
        bosses = names(met.bosses, Encounter)
        acts[str(act)] = {
            "map": map_of(streams, act, ascension, early_rows),
            "monsters": names(met.monsters, Encounter),
            "elites": names(met.elites, Encounter),
            "boss": bosses[0],
            **({"second_boss": bosses[1]} if act == 3 and ascension == 20 else {}),
            "monster_rng_counter": int(streams.counts[Stream.MONSTER]),
            "events": names(events.events, Event),
            "shrines": names(events.shrines, Event),
            "one_time_events": names(events.one_time, Event),
        }
    return {
        "neow": [
            {"bonus": NeowBonus(bonus).name, "drawback": NeowDrawback(drawback).name}
            for bonus, drawback in zip(options.bonus, options.drawback, strict=True)
        ],
        "neow_rng_counter": int(streams.counts[Stream.NEOW]),
        "relic_pools": {
            tier.name.lower(): names(relics.relics[tier, : relics.end[tier]], Relic)
            for tier in pools.Tier
        },
        "acts": acts,
    }


def reference_dungeon(seed, ascension):
    return dungeon(seed, ascension, tables=reference.TABLES, early_rows=reference.EARLY_ROWS)


if __name__ == "__main__":
    json.dump([reference_dungeon(*case) for case in json.loads(sys.argv[1])], sys.stdout)
