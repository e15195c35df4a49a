"""The policies on the fixed seeds: the write-up's evaluation, with what it lacked: intervals and pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchet.report.document import Block, Cell, Column, Heading, Table, Text
from ratchet.report.loop.outcomes import fights, in_words, outcomes
from ratchet.report.tables import Value, count
from ratchet.report.wording import modes_name, plural

if TYPE_CHECKING:
    from ratchet.report.loop.evidence import LoopEvidence, Player
    from ratchet.report.loop.pairs import Pairs

_NAMES = {
    "teacher": "Teacher",
    "clone": "Clone",
    "PPO": "PPO checkpoint",
    "best": "PPO, best by the pawl",
}
_FIGHTS = (
    Column("policy", "Policy"),
    Column("kind", "Fights"),
    Column("fought", "Fought", "count"),
    Column("won", "Won", "count"),
    Column("share", "Share won", "percent"),
    Column("a_game", "Fought a game", "number", 2),
)


def evaluation(evidence: LoopEvidence, pairs: Pairs) -> list[Block]:
    """Return the section, or nothing where no policy has been evaluated."""
    if not evidence.players:
        return []
    blocks: list[Block] = [
        Heading("Fixed-seed evaluation"),
        Text(_note(evidence)),
        evaluation_table(evidence, "evaluation"),
    ]
    rows = tuple(
        (
            _name(evidence, player),
            each.title,
            each.fought,
            each.won,
            each.share,
            each.an_episode,
        )
        for player in evidence.players
        for each in fights(player.metrics)
    )
    if rows:
        caption = (
            "Fights, with Wilson's 95% interval of the share won, as if fights were independent"
        )
        blocks.append(Table("evaluation-fights", _FIGHTS, rows, caption))
    if pairs.all:
        blocks += [
            Heading("Paired differences", 3),
            Text(_paired_note(evidence)),
            _differences(evidence, pairs),
        ]
    return blocks


def evaluation_table(evidence: LoopEvidence, key: str) -> Table:
    """Return a row a policy: its games, means and rates with intervals, and fights won of those fought."""
    first = evidence.players[0]
    found = outcomes(first.metrics)
    kinds = fights(first.metrics)
    stalls = any(player.stalls_broken for player in evidence.players)
    columns = (
        Column("policy", "Policy"),
        Column("games", "Games", "count"),
        *(outcome.column() for outcome in found),
        *(Column(each.name, f"{each.title} won/fought", align="right") for each in kinds),
        *((Column("stalls_broken", "Stalls broken", "count"),) if stalls else ()),
    )
    rows: list[tuple[Cell | Value, ...]] = []
    for player in evidence.players:
        own = {outcome.name: outcome for outcome in outcomes(player.metrics)}
        rows.append(
            (
                _name(evidence, player),
                player.episodes,
                *(own[outcome.name].interval for outcome in found),
                *(f"{count(each.won)}/{count(each.fought)}" for each in fights(player.metrics)),
                *((player.stalls_broken,) if stalls else ()),
            )
        )
    caption = "Means with bootstrap and rates with Wilson's 95% intervals, on the same seeds"
    return Table(key, columns, tuple(rows), caption)


def evaluation_summary(evidence: LoopEvidence, pairs: Pairs) -> Table:
    """Return what of it a terminal has room for: a row a metric, and PPO less clone with its interval."""
    players = evidence.players
    pair = pairs.find("clone", "PPO")
    columns = (
        Column("metric", "Metric"),
        *(Column(player.role.lower(), player.role, align="right") for player in players),
        *((Column("difference", "PPO less clone", align="right"),) if pair else ()),
    )
    compared = pair.comparison.metrics if pair else {}
    rows: list[tuple[Cell | Value, ...]] = []
    for place, outcome in enumerate(outcomes(players[0].metrics)):
        own = [outcomes(player.metrics)[place].interval.estimate for player in players]
        cells = [Cell(value, format=outcome.format, digits=outcome.digits) for value in own]
        if pair:
            gap = compared[outcome.name].difference if outcome.name in compared else None
            style = outcome.difference_column().format
            cells.append(Cell(gap, format=style, digits=outcome.digits))
        rows.append((outcome.title, *cells))
    for place, kind in enumerate(fights(players[0].metrics)):
        told = [fights(player.metrics)[place] for player in players]
        won = (f"{count(each.won)}/{count(each.fought)}" for each in told)
        rows.append((f"{kind.title} won/fought", *won, *(("",) if pair else ())))
    caption = f"{plural(players[0].episodes, 'game')} each on the same seeds"
    if pair:
        caption += f"; {pair.comparison.sentence}"
    return Table("summary", columns, tuple(rows), caption)


def _name(evidence: LoopEvidence, player: Player) -> str:
    name = _NAMES[player.role]
    if player.role == "teacher":
        return f"{name} ({player.policy_id})"
    if player.policy_id == evidence.best_id and player.role != "best":
        return f"{name} (also the pawl's best)"
    return name


def _note(evidence: LoopEvidence) -> str:
    rows = evidence.on("report")
    modes = sorted({row.mode for row in rows})
    seeds = rows[0].episodes
    text = f"Every policy plays the same {plural(seeds, 'seed')} of `{rows[0].seed_set}`"
    text += f" in {modes_name(modes)}" if len(modes) > 1 else f", mode {modes[0]}"
    text += ", once each" + (", by the likeliest actions." if rows[0].deterministic else ".")
    patience = rows[0].stall_after
    if patience:
        text += (
            f" Where an observation comes {plural(patience, 'time')} in a game, the next best action is "
            "taken there, and counted as a stall broken."
        )
    return text


def _paired_note(evidence: LoopEvidence) -> str:
    text = (
        "Second less first, game by game on the same seed; larger is better. *P(better)* is the share "
        f"of games in which the second has the higher {in_words(evidence.metric)}, ties counting half. "
    ).replace("*", "")
    if evidence.said_same:
        text += (
            "Same policy is another finding than no difference shown: both choose the same action in "
            "every state that was looked at, so more games would show none either."
        )
    return text


def _differences(evidence: LoopEvidence, pairs: Pairs) -> Table:
    found = outcomes(pairs.all[0].before.metrics)
    named = [outcome for outcome in found if outcome.name in pairs.all[0].comparison.metrics]
    columns = (
        Column("policies", "Policies"),
        Column("pairs", "Pairs", "count"),
        *(outcome.difference_column() for outcome in named),
        Column("improved", "P(better)", "percent", 0),
        Column("equal", "Equal games", "count"),
        Column("verdict", "Verdict"),
    )
    rows: list[tuple[Cell | Value, ...]] = []
    for pair in pairs.all:
        metrics = pair.comparison.metrics
        rows.append(
            (
                f"{pair.before.role} → {pair.after.role}",
                pair.comparison.pairs,
                *(
                    Cell(metrics[o.name].difference, strong=o.name == evidence.metric)
                    for o in named
                ),
                pair.main.probability_of_improvement,
                pair.main.equal,
                Cell(pair.verdict, pair.tone),
            )
        )
    caption = (
        f"Paired differences with 95% intervals; the verdict is on {in_words(evidence.metric)}"
    )
    return Table("paired-differences", columns, tuple(rows), caption)
