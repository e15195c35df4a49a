"""Actions in words, and the page that lists them and what is paid."""

import re
from pathlib import Path

import pytest

import played
from spire import shaping
from spire.actions import ACTIONS, CHOOSE, LEAVE, PROCEED
from spire.batch import MOST_ACTIONS
from spire.content.text import Task
from spire.decisions import DECISIONS, action_text, actions_text, refusal, table
from spire.errors import ActionError
from spire.ids import Relic
from spire.state import Screen

DOCUMENT = Path(__file__).parents[2] / "docs/spire/actions.md"


def test_every_action_has_one_decision():
    end = 0
    for decision, following in zip(DECISIONS, [*DECISIONS[1:], None], strict=True):
        assert decision.first == end
        end = ACTIONS if following is None else following.first
        count = 1
        for among in decision.numbers.values():
            count *= len(among)
        assert count == end - decision.first
    assert end == ACTIONS
    kinds = len({decision.words for decision in DECISIONS})
    assert len({action_text(action) for action in range(ACTIONS)}) == ACTIONS
    assert kinds == len(DECISIONS) - 1  # choices stand in two places


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (0, "play card 0 of the hand at monster 0"),
        (23, "play card 4 of the hand at monster 3"),
        (59, "play card 9 of the hand, at no monster"),
        (60, "end the turn"),
        (68, "use the potion of slot 1 at monster 2"),
        (90, "use the potion of slot 4, at no monster"),
        (130, "take choice 39 of the screen"),
        (132, "leave, cancel, skip"),
        (138, "throw away the potion of slot 4"),
        (139, "take choice 40 of the screen"),
        (258, "take choice 159 of the screen"),
        (259, "there are 0 to 258"),
        (-1, "there are 0 to 258"),
        ("end", "there are 0 to 258"),
    ],
)
def test_an_action_in_words(action, words):
    assert action_text(action) == words


def test_actions_side_by_side_are_told_together():
    assert actions_text([2, 0, 1, 4, 5, 50, 51, 60, 130, 139]) == (
        "0-2 (play card 0 of the hand at monster 0-2), 4 (play card 0 of the hand at monster 4), "
        "5 (play card 1 of the hand at monster 0), "
        "50-51 (play card 0-1 of the hand, at no monster), 60 (end the turn), "
        "130 (take choice 39 of the screen), 139 (take choice 40 of the screen)"
    )
    assert refusal(60, "GAME_OVER", []) == (
        "action 60 (end the turn) is not allowed on screen GAME_OVER; none is"
    )


def test_a_refused_action_is_told_and_moves_nothing():
    fight = played.in_fight()
    hand = int(fight.record.combat.hand_count)
    for game, wrong, said in (
        (fight, 23, r"action 23 \(play card 4 of the hand at monster 3\)"),
        (fight, CHOOSE, r"action 91 \(take choice 0 of the screen\)"),
        (fight, -1, r"action -1 \(there are 0 to 258\)"),
        (played.on_map(), 60, r"action 60 \(end the turn\)"),
    ):
        before = game.record.tobytes()
        with pytest.raises(ActionError, match=said) as refused:
            game.act(wrong)
        assert game.record.tobytes() == before
        told = str(refused.value)
        assert f"on screen {game.screen.name}; allowed are " in told
        listed = set()
        for first, last in re.findall(r"(\d+)(?:-(\d+))? \(", told.partition("allowed are ")[2]):
            listed.update(range(int(first), int(last or first) + 1))
        assert listed == set(game.legal())
    assert hand == 5


def test_the_document_has_the_tables():
    text = DOCUMENT.read_text()
    assert table() in text
    assert shaping.table() in text
    assert f"after {MOST_ACTIONS:,} actions" in text
    assert f"`length` {MOST_ACTIONS}" in text


def screens():
    """What the page says of the screens: the cells of their rows."""
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        for row in DOCUMENT.read_text().splitlines()
        if row.startswith("| `") and row.split("`")[1].isupper()
    ]
    return {Screen[row[0].strip("`")]: row[1:] for row in rows}


def test_the_document_tells_where_to_proceed_and_to_leave():
    told = screens()
    assert set(told) == set(Screen) - {Screen.NONE, Screen.GAME_OVER}
    idle = played.at_rest(relics=(Relic.COFFEE_DRIPPER, Relic.FUSION_HAMMER))
    idle.record.ruby_key = 1
    won = played.in_fight()
    won.record.combat.monsters[0].hp = 1
    won.act(next(action for action in won.legal() if action < 50))
    card = won.copy()
    card.act(CHOOSE + int(won.record.rewards.count) - 1)
    found = {PROCEED: set(), LEAVE: set()}
    for game in (*played.every_screen(), idle, won, card, played.selecting(Task.CODEX)):
        for action, where in found.items():
            if game.mask()[action]:
                where.add(game.screen)
        chooses = any(game.mask()[CHOOSE:PROCEED])
        assert chooses == (not told[game.screen][0].startswith("none")) or game is idle
    assert found[PROCEED] == {screen for screen, cells in told.items() if cells[1]}
    assert found[LEAVE] == {screen for screen, cells in told.items() if cells[2]}
