"""The first thing a reader sees: is it better, by how much, how surely; then what it took.

Invariants: the answer is two sentences, and turns on intervals; where both policies are one, that is the
answer; what has not been evaluated yet is said to be open, never guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchet.report.document import Block, Bullets, Callout, CalloutKind
from ratchet.report.loop.cloned import accuracy
from ratchet.report.loop.configuration import stale
from ratchet.report.loop.outcomes import in_words, outcomes
from ratchet.report.loop.spooled import shares, throughput
from ratchet.report.tables import count, interval, number, percent, seconds
from ratchet.report.wording import plural

if TYPE_CHECKING:
    from ratchet.report.loop.evidence import LoopEvidence
    from ratchet.report.loop.pairs import Pair, Pairs


def head(evidence: LoopEvidence, pairs: Pairs) -> list[Block]:
    """Return the answer, what is missing, and the few numbers that one would ask for next."""
    if evidence.run.kind == "clone":
        kind, question, answer = _of_clone(evidence)
    elif evidence.run.kind == "fleet":
        kind, question, answer = _of_fleet(evidence)
    else:
        kind, question, answer = _of_loop(pairs)
    points = tuple(
        point
        for point in (
            _best(pairs),
            _rates(evidence),
            "" if evidence.run.kind == "clone" else _cloned(evidence),
            _cost(evidence),
            _kept(evidence),
        )
        if point
    )
    blocks: list[Block] = [Callout(kind, f"**{question}** {answer}")]
    if points:
        blocks.append(Bullets(points))
    return [*blocks, *_gaps(evidence)]


def _of_loop(pairs: Pairs) -> tuple[CalloutKind, str, str]:
    question = "Is the PPO checkpoint better than its clone on the fixed seeds?"
    pair = pairs.find("clone", "PPO")
    if pair is None:
        return "warning", question, "That is open: both have not been evaluated yet."
    if pair.comparison.same_policy:
        first = f"No: {pair.comparison.sentence.replace('same policy', '**same policy**', 1)}."
    else:
        words = {"better": "Yes", "worse": "No, it is worse", "no difference shown": "Not shown"}
        first = (
            f"{words[pair.verdict]}: {pair.difference()} over {count(pair.comparison.pairs)} paired "
            f"games, {pair.chance()}."
        )
    return pair.kind, question, f"{first} {_against(pairs.find('teacher', 'PPO'))}"


def _against(pair: Pair | None) -> str:
    if pair is None:
        return "The teacher has not played these seeds."
    words = {
        "better": "it is ahead",
        "worse": "it is behind",
        "no difference shown": "no difference is shown",
        "same policy": "it is the same policy",
    }
    return f"Against the teacher {words[pair.verdict]}: {pair.difference()}, {pair.chance()}."


def _of_fleet(evidence: LoopEvidence) -> tuple[CalloutKind, str, str]:
    question = "Has the fleet made its policy better?"
    taken = [look for look in evidence.looks if look.verdict.accepted]
    name = evidence.run.name
    start = f"{name}/checkpoints/start-{evidence.fleet.base_policy if evidence.fleet else ''}"
    check = (
        "For a number to report let both play other seeds: "
        f"`ratchet compare {start} {name}@best {evidence.task}`."
    )
    if not evidence.looks:
        return "warning", question, f"That is open: the pawl has not looked. {check}"
    looks = plural(len(evidence.looks), "candidate")
    if not taken:
        last = evidence.looks[-1].verdict.reason
        answer = f"Not shown: the pawl took none of {looks}. The last time: {last}."
        return "warning", question, answer
    answer = (
        f"Likely: by {in_words(evidence.metric)} the pawl took {count(len(taken))} of {looks}, the last at update "
        f"{count(taken[-1].update)}. By how much, the seeds that choose cannot say. {check}"
    )
    return "note", question, answer


def _of_clone(evidence: LoopEvidence) -> tuple[CalloutKind, str, str]:
    question = "How well does the clone act as its teacher?"
    said = evidence.cloned
    if not said:
        return "warning", question, "That is open: the cloning has not ended."
    alike, chosen = accuracy(said["accuracy"]), accuracy(said["accuracy_of_choices"])
    first = "No decision was held back."
    if alike is not None:
        first = (
            f"It takes the teacher's action in {interval(alike, 'percent')} of "
            f"{plural(said['accuracy']['decisions'], 'decision')} held back"
        )
        if chosen is not None and chosen.estimate != alike.estimate:
            first += f", and in {interval(chosen, 'percent')} of those with a choice"
        first += "."
    second = (
        f"Its critic explains {percent(said['explained_variance'])} of the variance of the teacher's "
        "returns there."
    )
    return "note", question, f"{first} {second}"


def _best(pairs: Pairs) -> str:
    """Say what the pawl's best is, where it is neither the latest nor the start."""
    pair = pairs.find("clone", "best")
    if pair is None:
        return ""
    return (
        f"**The pawl's best** is an earlier checkpoint: against the clone {pair.difference()}, "
        f"{pair.chance()}; {pair.verdict}."
    )


def _rates(evidence: LoopEvidence) -> str:
    """Say the rates of each policy, such as wins and acts reached."""
    if not evidence.players:
        return ""
    found = [outcome for outcome in outcomes(evidence.players[0].metrics) if outcome.rate]
    sentences = []
    for outcome in found[:2]:
        values = []
        for player in evidence.players:
            own = {each.name: each for each in outcomes(player.metrics)}
            values.append(f"{player.role} {interval(own[outcome.name].interval, 'percent')}")
        sentences.append(f"**{outcome.title}:** {', '.join(values)}")
    return "; ".join(sentences) + "." if sentences else ""


def _cloned(evidence: LoopEvidence) -> str:
    said = evidence.cloned
    if not said:
        return ""
    alike = accuracy(said["accuracy"])
    share = "of none" if alike is None else percent(alike.estimate, 1)
    return (
        f"**Cloning:** {count(said['decisions'])} decisions of {count(said['episodes'])} games of the "
        f"{said['teacher']}; {share} agreement in the games held back."
    )


def _cost(evidence: LoopEvidence) -> str:
    fleet = evidence.fleet
    if fleet is None or not len(evidence.tuned):
        return ""
    parts = shares(evidence)
    total = sum(parts.values())
    alone = int((~evidence.moved).sum())
    return (
        f"**Fleet:** {plural(len(evidence.tuned), 'update')} from {count(fleet.episodes)} games and "
        f"{count(fleet.environment_steps)} transitions in {seconds(fleet.wall_seconds)}: "
        f"{number(throughput(evidence), 0)} transitions learned from in a second, the trainer "
        f"{percent(parts['learning'] / total)} learning and "
        f"{percent(parts['waiting for episodes'] / total)} waiting for episodes"
        + (f"; in {count(alone)} of the updates the critic learned alone." if alone else ".")
    )


def _kept(evidence: LoopEvidence) -> str:
    if evidence.fleet is None or not len(evidence.tuned):
        return ""
    workers = evidence.books.get("workers") or []
    text = f"**Lag and losses:** {plural(stale(evidence), 'stale episode')}"
    if workers:
        text += (
            f", {plural(sum(each['restarts'] for each in workers), 'restart')} of workers, "
            f"{plural(sum(each['discarded'] for each in workers), 'episode')} cut"
        )
    return text + f"; the largest lag was {count(float(evidence.updates['lag_most'].max()))}."


def _gaps(evidence: LoopEvidence) -> list[Block]:
    """Say what is missing, and what must not be."""
    blocks: list[Block] = []
    open_trainings = [each for each in evidence.trainings if each.status != "finished"]
    if evidence.run.status not in {"finished", "running"} or open_trainings:
        states = ", ".join(f"`{each.name}` is {each.status}" for each in evidence.trainings)
        blocks.append(
            Callout(
                "warning",
                f"The run is {evidence.run.status}{f' ({states})' if states else ''}; the numbers "
                "speak of what there is.",
            )
        )
    if evidence.shared_seeds:
        blocks.append(
            Callout(
                "bad",
                f"{plural(evidence.shared_seeds, 'seed')} of this report also chose `best`, so what it "
                "says of `best` is flattered. Give the pawl a list of its own.",
            )
        )
    return blocks
