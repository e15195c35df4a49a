"""Verifying: traces of our own games, exact and spoiled; the shared ones; bad input."""

import copy
import gzip
import itertools
import json
import random
import sys
from dataclasses import replace
from pathlib import Path

import numba
import pytest

import played
from spire.actions import CHOOSE, LEAVE
from spire.cli import main
from spire.errors import FileError
from spire.game import Game
from spire.ids import Relic
from spire.replay.deviations import DEVIATIONS
from spire.replay.initialise import load_state, start
from spire.replay.moves import numbers, offered
from spire.replay.project import Memory, project, screen_name
from spire.replay.trace import Step, read_traces
from spire.replay.unoffered import UNOFFERED, is_unoffered
from spire.replay.verify import Report, differences, perform, verify

SHARED = Path(__file__).parents[2] / "../shared/data/spire"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the shared data are absent")


def trace_lines(seed, steps):
    """A game of ours as the lines of a trace, played at random; it offers what a trace offers."""
    game, memory, chance = Game.new(seed, reference=True), Memory(), random.Random(seed)
    memory.observe(game.record)
    header = {"game": "ours", "seed": seed, "ascension": 0, "overrides": {}}
    lines = [header, {"act_start": 1, "floor": 0}]
    for n in range(steps):
        legal = [
            move
            for move in offered(game.record, game.legal(), memory)
            if not is_unoffered(screen_name(game.record, memory), move)
        ]
        singles = [move for move in legal if move.get("select_cards") != "any_subset"]
        move = chance.choice(singles or [legal[0] | {"select_cards": []}])
        lines.append(
            {
                "n": n,
                "screen": screen_name(game.record, memory),
                "legal": legal,
                "action": move,
                "state": project(game.record, memory),
            }
        )
        perform(game, move, memory)
        if game.is_over:
            break
    lines.append({"end": "STEP_LIMIT", "rng": {}})
    return json.loads(json.dumps(lines))


@pytest.fixture(scope="module")
def lines():
    return trace_lines(1, 60)


def written(path, lines, *, compressed=True):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()) if compressed else text.encode())
    return path


def shown(capsys, *arguments):
    code = main(["verify", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_game_of_ours_is_exact(tmp_path, lines, capsys):
    code, out, err = shown(capsys, written(tmp_path / "g.jsonl.gz", lines), "--json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert report["games"] == report["exact_games"] == 1
    assert report["steps"] == len(lines) - 3
    assert report["exact_steps"] == report["counted_steps"]
    assert report["mismatches"] == []


def test_plain_json_lines_will_do(tmp_path, lines, capsys):
    path = written(tmp_path / "g.jsonl", lines, compressed=False)
    code, out, _ = shown(capsys, path, path)
    assert code == 0
    assert "games exact    2 of 2" in out


def test_a_spoiled_field_is_found(tmp_path, lines, capsys):
    spoiled = copy.deepcopy(lines)
    spoiled[4]["state"]["gold"] += 1
    path = written(tmp_path / "g.jsonl.gz", spoiled)
    code, out, _ = shown(capsys, path, "--json")
    report = json.loads(out)
    assert code == 1
    assert (report["exact_games"], report["exact_steps"]) == (0, 2)
    assert report["counted_steps"] == report["steps"]
    (found,) = report["mismatches"]
    gold = lines[4]["state"]["gold"]
    assert (found["step"], found["field"]) == (2, "gold")
    assert (found["expected"], found["got"]) == (gold + 1, gold)
    code, out, _ = shown(capsys, path)
    assert code == 1
    assert f"step 2, gold: expected {gold + 1}, got {gold}" in out


def test_a_missing_action_is_found(tmp_path, lines, capsys):
    spoiled = copy.deepcopy(lines)
    gone = spoiled[2]["legal"].pop()
    _, out, _ = shown(capsys, written(tmp_path / "g.jsonl.gz", spoiled), "--json")
    (found,) = json.loads(out)["mismatches"]
    assert found["field"] == "legal"
    assert [json.loads(move) for move in found["got"]] == [gone]


def test_excluded_actions_count_as_legal(tmp_path, lines, capsys):
    moved = copy.deepcopy(lines)
    moved[2]["excluded"] = [moved[2]["legal"].pop()]
    code, _, _ = shown(capsys, written(tmp_path / "g.jsonl.gz", moved))
    assert code == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"", "holds no game"),
        (b"not json\n", "line 1 is not JSON"),
        (b"[]\n", "line 1 is not a line of a game"),
        (b'{"seed": 1}\n', "line 1 is not a line of a game"),
        (b"\xff\xfe\n", "is not text"),
        (gzip.compress(b'{"game": "x"}\n', mtime=0)[:-14], "cannot be read"),
        (gzip.compress(b"", mtime=0) + b"rubbish", "cannot be read"),
    ],
)
def test_bad_input_is_one_clear_error(tmp_path, capsys, content, words):
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    code, out, err = shown(capsys, path, "--json")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("spire: ")
    assert words in err


def test_a_game_that_breaks_off_is_bad_input(tmp_path, lines, capsys):
    code, _, err = shown(capsys, written(tmp_path / "g.jsonl.gz", lines[:-1]))
    assert code == 2
    assert "breaks off within a game" in err
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(written(tmp_path / "h.jsonl.gz", lines).read_bytes()[:-40])
    with pytest.raises(FileError):
        list(read_traces(broken))


def test_bad_usage(capsys):
    for arguments in ([], ["verify"], ["verify", "--acts", "4", "x"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
    assert "usage: spire" in capsys.readouterr().err


def test_deviations_have_names_of_their_own():
    names = [one.name for one in DEVIATIONS]
    assert len(names) == len(set(names))
    assert all(one.what for one in DEVIATIONS)


def test_every_state_can_be_begun_from(lines):
    game, memory = Game.new(1, reference=True), Memory()
    for line in lines[2:-1]:
        step = Step(line["n"], line["screen"], line["state"], line["action"], line["legal"])
        load_state(game.record, step, memory)
        found = list(differences(step, game.record, game.legal(), memory))
        assert found == [], (step.n, step.screen)


def at_step(game, memory):
    legal = [move for move in offered(game.record, game.legal(), memory) if "cancel" not in move]
    return Step(0, screen_name(game.record, memory), project(game.record, memory), {}, legal)


def test_a_removal_is_paid_first_in_a_trace():
    game, memory = played.at_shop(relics=(Relic.MAW_BANK,)), Memory()
    gold = int(game.record.gold)
    game.act(CHOOSE)
    step = at_step(game, memory)
    assert (step.state["gold"], step.state["hid"]["removes"]) == (gold - 75, 1)
    assert ["MAW_BANK", 0] in step.state["relics"]
    assert (game.record.gold, game.record.removals) == (gold, 0)
    twin = game.copy()
    load_state(twin.record, step, memory)
    assert list(differences(step, twin.record, twin.legal(), memory)) == []
    assert (twin.record.gold, twin.record.removals) == (gold, 0)


def test_what_a_trace_does_not_offer_is_declared():
    game, memory = played.at_rest(), Memory()
    step = at_step(game, memory)
    assert list(differences(step, game.record, game.legal(), memory)) == []
    game.act(CHOOSE + 1)
    cancel = {"cancel": True}
    assert offered(game.record, game.legal(), memory)[-1] == cancel
    step = at_step(game, memory)
    assert list(differences(step, game.record, game.legal(), memory)) == []
    # Only where the game offers it, and nothing else.
    ((place, lacking, more),) = differences(
        replace(step, legal=[*step.legal[1:], cancel]),
        game.record,
        [action for action in game.legal() if action != LEAVE],
        memory,
    )
    assert (place, lacking) == ("legal", [json.dumps(cancel)])
    assert [json.loads(move) for move in more] == [step.legal[0]]
    (canceled,) = UNOFFERED
    assert list(numbers(game.record, canceled.move, memory)) == [LEAVE]


FILES = ("random", "random_a20", "simple", "deep", "wide")
LEAST = {"random": 0.85, "simple": 0.85}
"""The least share of the steps of a file that must count."""


def replay(name, games, capsys):
    """Play the first games of a file again, and say how many games and steps that was."""
    report = Report()
    for trace, _ in zip(read_traces(SHARED / f"games_{name}_open.jsonl.gz"), games, strict=False):
        report.add(verify(trace))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{name}: {report.exact_games} of {report.games} games exact; {report.exact_steps:,} of "
            f"{report.counted_steps:,} counted steps, of {report.steps:,} in all\n"
        )
    assert report.mismatches == []
    assert report.exact_steps == report.counted_steps > 0
    assert report.counted_steps >= LEAST.get(name, 0.0) * report.steps


@needs_shared
@pytest.mark.parametrize("name", FILES)
def test_shared_games(name, capsys):
    """Some games of every kind; compiled, twelve times as many."""
    replay(name, range(2 if numba.config.DISABLE_JIT else 24), capsys)


@needs_shared
@pytest.mark.soak
@pytest.mark.parametrize("name", FILES)
def test_all_shared_games(name, capsys):
    replay(name, itertools.count(), capsys)


@needs_shared
@pytest.mark.parametrize("name", ["random", "random_a20", "simple"])
def test_first_states_tell_what_the_seed_tells(name):
    for trace, _ in zip(
        read_traces(SHARED / f"games_{name}_open.jsonl.gz"), range(3), strict=False
    ):
        game, _ = start(trace, from_seed=True)
        twin, _ = start(trace, from_seed=False)
        for field in game.record.dtype.names:
            assert game.record[field].tobytes() == twin.record[field].tobytes(), field
