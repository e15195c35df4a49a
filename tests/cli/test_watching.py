"""Watching: a policy's game, shown as text."""

from ratchet.evaluation import play
from ratchet.policies.checkpoint import publish
from ratchet.policies.initial import new_policy
from ratchet.rollout.fit import spec_for
from ratchet.tasks.registry import find_task
from ratchet.tasks.spire import SpireVector
from spire.batch import MOST_ACTIONS

WORDS = ("watch", "random", "spire", "--seed", "5", "--mode", "fight-cultist", "--plain")


def done(said):
    return [line for line in said.splitlines() if line.startswith("next:")]


def test_a_policy_is_watched(ratchet):
    status, _, said = ratchet(*WORDS)
    assert status == 0
    assert "random on spire, fight-cultist, seed 5" in said
    assert "next: End the turn" in said
    assert "broken off" not in said
    assert ratchet(*WORDS)[2] == said


def test_the_heuristic_is_watched_in_a_game_by_its_text(ratchet):
    words = ("--mode", "fight-cultist", "--plain")
    status, _, said = ratchet("watch", "heuristic", "spire", "--seed", "1TL5", *words)
    assert status == 0
    assert "heuristic on spire, fight-cultist, seed 1TL5" in said
    number = str(((1 * 35 + 28) * 35 + 21) * 35 + 5)
    again = ratchet("watch", "heuristic", "spire", "--seed", number, *words)[2]
    assert done(again) == done(said) != []


def test_a_game_that_was_broken_off_is_not_said_to_be_over(ratchet, monkeypatch):
    begin = SpireVector.begin

    def begin_late(env, copies, seeds, modes):
        begin(env, copies, seeds, modes)
        env._batch.steps[copies] = MOST_ACTIONS - 3

    monkeypatch.setattr(SpireVector, "begin", begin_late)
    status, _, said = ratchet(*WORDS)
    assert status == 0
    assert "seed 5, broken off after 3 actions" in said
    assert len(done(said)) == 3
    assert said.rstrip().splitlines()[-1] == (
        "the game was not over: it was broken off after 3 actions, the most that a game of spire may take"
    )


def test_what_broke_a_standstill_is_said(ratchet, monkeypatch):
    class Breaks(play.StallBreaker):
        def __init__(self, agent, env, patience):
            super().__init__(agent, env, patience)
            assert patience == 3

        def begin(self, copies):
            super().begin(copies)
            self.broken[copies] = 4

    publish(new_policy(spec_for(find_task("spire")), 0), "policy")
    monkeypatch.setattr(play, "StallBreaker", Breaks)
    words = ("watch", "policy", *WORDS[2:])
    assert "4 of the actions broke a standstill" in ratchet(*words)[2]
    assert "standstill" not in ratchet(*words, "--stall-after", "0")[2]


def test_what_can_not_be_watched_is_refused(ratchet):
    status, _, said = ratchet("watch", "random", "cartpole-modes")
    assert (status, said.split()[:3]) == (2, ["ratchet:", "task", "'cartpole-modes'"])
    for words, says in (
        (("--mode", "a99"), "no mode 'a99'"),
        (("--seed", "good-luck"), "seed 'good-luck' holds '-'"),
        (("--stall-after", "1"), "stall_after is 1"),
    ):
        status, _, said = ratchet("watch", "random", "spire", *words)
        assert status == 2
        assert says in said
