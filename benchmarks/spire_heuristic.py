"""How good the heuristic player of the Spire engine is, and how fast.

Ironclad, ascension 0, seeds 1 to 1,000, act 1. The peer is the best scripted player of an exact engine whose
results are published: it reaches the boss of act 1 in 81% of its runs and beats it in 63%; stated, not
measured here. The player searches the turns of a fight on copies of the game that are rid of all the
player cannot see. `docs/experiments/spire-heuristic` has its fights one by one, and ascension 20.

What bounds it: the tries in which a fight is played on from the end of a planned turn.
"""

from __future__ import annotations

import os

from benchmarks.measure import Comparison, Result, Series, fresh

NAME = "Slay the Spire: the heuristic player"
TARGET = "better than the best published scripted player"
SEEDS = 1000
REACHED, BEATEN = 81.0, 63.0


def play(*, seeds: int, threads: int) -> dict[str, float]:
    from spire.heuristic.results import evaluate

    results = evaluate(range(1, seeds + 1), 0, threads)
    return {
        "reached": results.reached / results.games * 100,
        "beaten": results.beaten / results.games * 100,
        "rate": results.games / results.seconds,
    }


def measure(*, quick: bool) -> Result:
    """Measure the claim."""
    seeds, threads = (20 if quick else SEEDS), os.cpu_count() or 1
    all_cores = fresh(play, seeds=seeds, threads=threads)
    one_core = fresh(play, seeds=max(seeds // 5, 10), threads=1)

    def row(what: str, name: str, limit: float) -> Comparison:
        return Comparison(
            what=what,
            ours=Series("Spire's player", [all_cores[name]], "%"),
            peer=Series("best published, stated", [limit], "%"),
            at_least=1.0,
            higher_is_better=True,
        )

    return Result(
        [
            row(f"reaches the boss of act 1, {seeds:,} seeds", "reached", REACHED),
            row("beats it", "beaten", BEATEN),
            Comparison(
                what=f"games on {threads} cores against one",
                ours=Series(f"{threads} threads", [all_cores["rate"]], "games/s"),
                peer=Series("one thread", [one_core["rate"]], "games/s"),
                higher_is_better=True,
            ),
        ]
    )
