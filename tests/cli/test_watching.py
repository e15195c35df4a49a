"""Watching: a policy's game, shown as text."""


def test_a_policy_is_watched(ratchet):
    words = ("watch", "random", "spire", "--seed", "5", "--mode", "fight-cultist", "--plain")
    status, _, said = ratchet(*words)
    assert status == 0
    assert "random on spire, fight-cultist, seed 5" in said
    assert "next: End the turn" in said
    assert ratchet(*words)[2] == said


def test_what_can_not_be_watched_is_refused(ratchet):
    status, _, said = ratchet("watch", "random", "cartpole-modes")
    assert (status, said.split()[:3]) == (2, ["ratchet:", "task", "'cartpole-modes'"])
    status, _, said = ratchet("watch", "random", "spire", "--mode", "a99")
    assert status == 2
    assert "no mode 'a99'" in said
