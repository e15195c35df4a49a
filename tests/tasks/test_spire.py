"""The game as a task: modes, masks, metrics, and the same episode again from its seed."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ratchet.errors import TaskError
from ratchet.evaluation.play import play
from ratchet.policies.actor import Choice
from ratchet.rollout.collector import Collector
from ratchet.seeding import episode_mode
from ratchet.tasks.registry import find_task
from ratchet.tasks.spire import SpireTask
from ratchet.tasks.task import Mode
from spire.env import SpireEnv
from spire.ids import Encounter
from spire.scenarios import NAMED

DOCS = Path(__file__).parents[2] / "docs"
WEAK = Mode("weak", {"encounter": "CULTIST", "deck": ["STRIKE_RED"] * 5, "hp": 3})
STRONG = Mode("strong", {"encounter": "TWO_LOUSE", "deck": ["CARNAGE+"] * 5, "ascension": 5})


class Early:
    """Takes the first action that is allowed."""

    id = "early"
    memory = 0

    def act(self, observations, masks, seeds, steps, *, deterministic, state):
        actions = masks.argmax(axis=1)
        return Choice(actions, actions, np.zeros(len(actions), dtype=np.float32))

    def remember(self, state, actions):
        pass


@pytest.fixture(scope="module")
def fights():
    """A task of two short fights."""
    return SpireTask("fights", [WEAK, STRONG])


def test_the_modes():
    task = find_task("spire")
    names = [mode.name for mode in task.modes]
    assert names[:21] == [f"a{level}" for level in range(21)]
    assert task.modes[17].parameters == {"ascension": 17}
    assert {"fight-gremlin-nob", "fight-slime-boss", "fight-jaw-worm"} < set(names)
    assert names == list(NAMED)
    assert find_task("spire-sparse").modes == task.modes
    assert (task.name, find_task("spire-sparse").name) == ("spire", "spire-sparse")


def test_the_guide_counts_the_modes():
    modes = find_task("spire").modes
    fights = [mode for mode in modes if mode.name.startswith("fight-")]
    guide = " ".join((DOCS / "guide.md").read_text().split())
    assert f"{len(fights)} single fights" in guide
    assert f"Its {len(modes)} modes are" in guide


def test_fights_of_ones_own_as_the_page_has_them(tmp_path, monkeypatch):
    page = (DOCS / "spire/playing.md").read_text()
    ((file, block),) = re.findall(r"save .* as `(\w+)\.py`.*?```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / f"{file}.py").write_text(block)
    monkeypatch.syspath_prepend(tmp_path)
    assert f"ratchet evaluate random {file}:make" in page
    task = find_task(f"{file}:make")
    assert isinstance(task, SpireTask)
    assert [mode.name for mode in task.modes] == ["nob", "nob-a20"]
    env = task.make(1)
    env.reset(seed=1, options={"modes": task.mode_index("nob-a20")})
    record = env.game(0).record
    assert (record.combat.encounter, record.ascension) == (Encounter.GREMLIN_NOB, 20)
    assert (record.hp, record.deck_count) == (60, 10)


def test_what_has_no_mode_is_drawn_evenly():
    task = find_task("spire")
    drawn = np.array([episode_mode(seed, len(task.modes)) for seed in range(4300)])
    assert np.bincount(drawn).min() > 60  # of 100 on average
    assert np.mean(drawn < 21) == pytest.approx(21 / 43, abs=0.03)
    env = task.make(2)
    _, info = env.reset(seed=[5, 6])
    assert info["mode"].tolist() == [episode_mode(5, 43), episode_mode(6, 43)]
    env.reset(seed=7, options={"modes": [20, 3]})
    assert [int(env.game(copy).record.ascension) for copy in range(2)] == [20, 3]


def test_other_modes_and_rewards():
    with pytest.raises(TaskError, match="task 'mine': there is no encounter 'GREMLIN_KNOB'"):
        SpireTask("mine", [Mode("x", {"encounter": "GREMLIN_KNOB"})])
    with pytest.raises(TaskError, match="task 'mine': there is no reward weight 'golds'"):
        SpireTask("mine", [Mode("x")], {"golds": 1.0})
    with pytest.raises(TaskError, match="has modes of its own"):
        find_task("spire", {"m": {"ascension": 3}})


def test_an_evaluation(fights):
    seeds = [5, 6, 7]
    won = play(fights, Early(), seeds, "strong")
    lost = play(fights, Early(), seeds, "weak")
    assert [episode.seed for episode in won] == seeds
    for episode in won + lost:
        assert set(episode.metrics) == set(fights.metrics)
        (fight,) = episode.parts
        assert tuple(fight) == fights.parts
        assert fight["won"] == episode.metrics["victory"]
        assert (fight["kind"], fight["hp_after"]) == ("monster", episode.metrics["hp"])
        assert episode.terminated
    assert [episode.metrics["victory"] for episode in won] == [1.0] * 3
    assert [episode.metrics["victory"] for episode in lost] == [0.0] * 3
    assert {episode.metrics["hp"] for episode in lost} == {0.0}
    assert play(fights, Early(), seeds, "strong") == won


def test_an_episode_is_the_games_own(fights):
    (episode,) = play(fights, Early(), [12], "strong")
    env = SpireEnv(dict(STRONG.parameters))
    _, info = env.reset(seed=12)
    total, ended = 0.0, False
    while not ended:
        _, reward, ended, _, info = env.step(int(info["action_mask"].argmax()))
        total += reward
    assert total == pytest.approx(episode.episode_return)
    assert {name: info[name] for name in fights.metrics} == episode.metrics
    assert tuple(info["fights"]) == episode.parts


def test_fights_are_told_as_episodes_end(fights):
    env = fights.make(2)
    env.reset(seed=[3, 4], options={"modes": [0, 1]})
    assert "action_mask" in env.reset(seed=[3, 4], options={"modes": [0, 1]})[1]
    told = {}
    while env.live.any():
        _, _, terminated, _, info = env.step(env.masks.argmax(axis=1))
        assert set(info.get("parts", {})) == set(np.flatnonzero(terminated).tolist())
        told |= info.get("parts", {})
    assert [told[0][0]["encounter"], told[1][0]["encounter"]] == ["cultist", "two_louse"]
    assert [told[0][0]["won"], told[1][0]["won"]] == [False, True]
    # Who waits can be shown to a policy, and moves no more.
    assert env.masks.any(axis=1).all()
    before = env.steps_executed
    env.step(env.masks.argmax(axis=1))
    assert env.steps_executed == before


def test_a_wrong_action_is_refused(fights):
    env = fights.make(1)
    env.reset(seed=1)
    with pytest.raises(TaskError, match=r"task 'fights': game 0: action 133 .*is not allowed"):
        env.step(np.array([133]))
    assert env.steps_executed == 0


def test_a_collection_goes_on_where_it_was(fights):
    def collector():
        return Collector(fights, 3, run_seed=4)

    whole, halves = collector(), collector()
    all_rows = whole.collect(Early(), rows=16, version=0)
    halves.collect(Early(), rows=7, version=0)
    resumed = collector()
    resumed.restore(halves.state())
    rest = resumed.collect(Early(), rows=9, version=0)
    assert all_rows.masks is not None
    for name in ("observations", "rewards", "masks", "seeds", "terminated", "modes"):
        assert np.array_equal(getattr(all_rows, name)[7:], getattr(rest, name)), name
    assert whole.steps_executed == 48
    assert set(np.unique(all_rows.modes)) == {0, 1}
    late = [episode for episode in all_rows.episodes if episode in rest.episodes]
    assert late == rest.episodes != []
    for episode in late:
        (fight,) = episode.parts
        assert fight["encounter"] == {"weak": "cultist", "strong": "two_louse"}[episode.mode]
        assert fight["won"] == episode.metrics["victory"]


def test_other_tasks_do_without_the_engine():
    code = """
import sys
from ratchet.tasks.registry import find_task, task_names
assert "spire" in task_names()
find_task("cartpole-modes")
assert "spire" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
