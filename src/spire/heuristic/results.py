"""Results: how the player does over a range of seeds."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spire.game import Game
from spire.heuristic.player import Player
from spire.ids import Encounter
from spire.state import Fight, FightKind, Outcome

BOSS_FLOOR = 16
"""The floor of the boss of act 1."""

_Z = 1.96


@dataclass
class FightResults:
    """What fights of one encounter came to."""

    kind: str
    count: int = 0
    lost: int = 0
    hp_before: int = 0
    hp_lost: int = 0
    turns: int = 0


@dataclass
class Results:
    """What games came to."""

    ascension: int
    games: int = 0
    reached: int = 0
    beaten: int = 0
    faults: int = 0
    floors: int = 0
    seconds: float = 0.0
    threads: int = 1
    fights: dict[str, FightResults] = field(default_factory=dict)
    lost_seeds: list[int] = field(default_factory=list)

    def add(self, seed: int, game: Game) -> None:
        """Count a game that is over."""
        record = game.record
        won = bool(record.outcome == Outcome.ACT_CLEARED)
        self.games += 1
        self.reached += int(record.floor) >= BOSS_FLOOR
        self.beaten += won
        self.faults += int(record.outcome) == Outcome.FAULT
        self.floors += int(record.floor)
        if not won:
            self.lost_seeds.append(seed)
        for row in record.log.fights[: int(record.log.count)]:
            kind = FightKind(int(row.kind)).name.lower()
            name = Encounter(int(row.encounter)).name.replace("_", " ").capitalize()
            one = self.fights.setdefault(name, FightResults(kind))
            one.count += 1
            one.lost += int(row.result) == Fight.LOST
            one.hp_before += int(row.hp_before)
            one.hp_lost += int(row.hp_before) - int(row.hp_after)
            one.turns += int(row.turns)


def evaluate(seeds: Sequence[int], ascension: int = 0, threads: int = 1) -> Results:
    """Play a game of every seed; games are spread over threads."""
    results = Results(ascension, threads=threads)
    Player().play(Game.new(seeds[0], ascension))  # compiled, before the clock starts
    begin = time.perf_counter()

    def play(share: Iterable[int]) -> list[tuple[int, Game]]:
        player, games = Player(), []
        for seed in share:
            game = Game.new(seed, ascension)
            player.play(game)
            games.append((seed, game))
        return games

    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(play, [seeds[k::threads] for k in range(threads)]))
    results.seconds = time.perf_counter() - begin
    for seed, game in sorted((one for part in parts for one in part), key=lambda one: one[0]):
        results.add(seed, game)
    return results


def interval(part: int, whole: int) -> tuple[float, float]:
    """Return the 95% interval of a share (Wilson's)."""
    share = part / whole
    middle = share + _Z * _Z / (2 * whole)
    half = _Z * math.sqrt(share * (1 - share) / whole + _Z * _Z / (4 * whole * whole))
    base = 1 + _Z * _Z / whole
    return (middle - half) / base, (middle + half) / base


def as_json(results: Results) -> dict[str, Any]:
    """Return results as plain values."""
    n = results.games
    return {
        "ascension": results.ascension,
        "games": n,
        "reach_boss": results.reached / n,
        "reach_boss_interval": interval(results.reached, n),
        "beat_boss": results.beaten / n,
        "beat_boss_interval": interval(results.beaten, n),
        "mean_floor": results.floors / n,
        "faults": results.faults,
        "games_per_second": n / results.seconds,
        "threads": results.threads,
        "lost_seeds": results.lost_seeds,
        "fights": {
            name: {
                "kind": one.kind,
                "fights": one.count,
                "lost": one.lost,
                "mean_hp_before": one.hp_before / one.count,
                "mean_hp_lost": one.hp_lost / one.count,
                "mean_turns": one.turns / one.count,
            }
            for name, one in sorted(results.fights.items())
        },
    }


def as_text(results: Results) -> str:
    """Return results as Markdown."""
    n = results.games

    def share(part: int) -> str:
        low, high = interval(part, n)
        return f"{100 * part / n:.1f}% [{100 * low:.1f}, {100 * high:.1f}]"

    lines = [
        f"| Ascension {results.ascension} | {n:,} games |",
        "| :-- | --: |",
        f"| reach the boss of act 1 | {share(results.reached)} |",
        f"| beat it | {share(results.beaten)} |",
        f"| mean floor | {results.floors / n:.2f} |",
        f"| faults | {results.faults} |",
        f"| games per second ({results.threads} threads) | {n / results.seconds:.2f} |",
        "",
        "| Fight | Kind | Fights | Lost | HP before | HP lost | Turns |",
        "| :-- | :-- | --: | --: | --: | --: | --: |",
    ]
    ranks = {kind.name.lower(): int(kind) for kind in FightKind}
    for name, one in sorted(
        results.fights.items(), key=lambda item: (ranks[item[1].kind], item[0])
    ):
        lines.append(
            f"| {name} | {one.kind} | {one.count:,} | {one.lost} | {one.hp_before / one.count:.1f} "
            f"| {one.hp_lost / one.count:.1f} | {one.turns / one.count:.1f} |"
        )
    return "\n".join(lines)


def write_report(results: Results, directory: Path, seeds: str) -> None:
    """Write results into a directory: for people (`report.md`) and as plain values (`report.json`)."""
    directory.mkdir(parents=True, exist_ok=True)
    told = (
        "Games of act 1 by `spire.heuristic`, with 95% intervals (Wilson). HP lost are net of what is "
        "healed as a fight ends."
    )
    command = (
        f"python -m spire.heuristic --seeds {seeds} --ascension {results.ascension} "
        f"--threads {results.threads} --report {directory.as_posix()}"
    )
    parts = ("# The heuristic player", told, as_text(results), f"Made by `{command}`.")
    text = "\n\n".join(parts) + "\n"
    (directory / "report.md").write_text(text, encoding="utf-8")
    plain = json.dumps({"seeds": seeds, **as_json(results)}, indent=2)
    (directory / "report.json").write_text(plain + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m spire.heuristic",
        description="Play a range of seeds with the heuristic player, and report how it went.",
    )
    parser.add_argument("--seeds", default="1-100", help="a range, FIRST-LAST (1-100)")
    parser.add_argument("--ascension", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--report", type=Path, metavar="DIRECTORY", help="write a report there, too"
    )
    chosen = parser.parse_args(arguments)
    first, _, last = chosen.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    results = evaluate(seeds, chosen.ascension, chosen.threads)
    sys.stdout.write(as_text(results) + "\n")
    if chosen.report:
        write_report(results, chosen.report, f"{seeds[0]}-{seeds[-1]}")
