"""Steps of an experiment: broken off anywhere and resumed, they are what they would have been."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest

import environments
import journeys
import slowly
from environments import counted
from journeys import SMALL, SMALL_WORDS, Stop, count, only_training, plan_for, rows, session
from ratchet.errors import LedgerError, PolicyError, SeedError, TaskError
from ratchet.ledger import queries
from ratchet.policies.checkpoint import follow, publish, read_checkpoint
from ratchet.policies.initial import new_policy
from ratchet.recipes.finetune import finetune, preflight, score_record
from ratchet.recipes.resolve import load_player
from ratchet.recipes.steps import SeedSet, evaluate, train
from ratchet.rollout.fit import spec_for
from ratchet.seeding import TRAINING_DOMAIN, report_seeds, selection_seeds
from ratchet.tasks.cartpole import cartpole_modes
from ratchet.tasks.gymnasium import callable_task

SEEDS = SeedSet.of("report", report_seeds(60))


def counting():
    return callable_task("environments:Counting")


def stretches():
    return callable_task("environments:make_stretches")


def play_random(opened, task, seeds=SEEDS, **options):
    return evaluate(opened, load_player("random", task, None), task, "default", seeds, **options)


# --- evaluation ---------------------------------------------------------------------------------


def test_an_evaluation_broken_off_anywhere_holds_every_seed_once(tmp_path):
    task = stretches()
    with session(tmp_path / "straight") as opened:
        straight = play_random(opened, task)
    rng = np.random.default_rng(0)
    attempts, resume = 0, False
    for stop in [*rng.integers(1, 12, 8), 1000]:
        attempts += 1
        kept = held(tmp_path / "broken") if resume else set()
        environments.seeds_seen.clear()
        try:
            with session(tmp_path / "broken", resume=resume, progress=StopEpisodes(stop)) as opened:
                found = play_random(opened, task)
        except KeyboardInterrupt:
            resume = True
            assert not kept & set(environments.seeds_seen)
            assert len(held(tmp_path / "broken")) == len(kept | held(tmp_path / "broken"))
        else:
            break
    assert attempts > 5
    assert rows(tmp_path / "broken") == rows(tmp_path / "straight")
    np.testing.assert_array_equal(found.returns, straight.returns)
    np.testing.assert_array_equal(found.lengths, straight.lengths)
    with journeys.ledger_of(tmp_path / "broken") as ledger:
        (one,) = queries.evaluations(ledger, "run")
        episodes = queries.episodes(ledger, one.id)
        parts = queries.episode_parts(ledger, "run")
    assert [row.seed for row in episodes] == list(SEEDS.seeds)
    told = [(row.seed, number, part) for row in episodes for number, part in enumerate(row.parts)]
    assert [(part.seed, part.number, part.values) for part in parts] == told
    assert sum(part.values["steps"] for part in parts) == straight.lengths.sum()
    np.testing.assert_array_equal(found.metrics["ones"], straight.returns)


class StopEpisodes(Stop):
    """Counts episodes as they end, and not those that the ledger holds already."""

    def __init__(self, after):
        super().__init__(after)
        self.told = False

    def advance(self, amount):
        if self.told:
            super().advance(amount)
        self.told = True


def held(root):
    with journeys.ledger_of(root) as ledger:
        (one,) = queries.evaluations(ledger, "run")
        return {row.seed for row in queries.episodes(ledger, one.id)}


@pytest.mark.parametrize(
    "played", [("random", "slowly:Slow"), ("heuristic", "slowly:make_taught")], ids=" ".join
)
def test_a_killed_evaluation_holds_every_seed_once(tmp_path, played):
    words = ["evaluate", *played, "--seeds", 300, "--name", "one", "--json"]
    process = journeys.start(*words, cwd=tmp_path, **{slowly.SECONDS: "0.002"})
    root = tmp_path / "runs"
    journeys.wait_for(lambda: count(root, "episodes") > 0, process)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    before = count(root, "episodes")
    assert 0 < before < 300
    assert journeys.command(*words, "--root", root, "--resume") == 0
    assert journeys.command(*words, "--root", tmp_path / "straight") == 0
    assert rows(root) == rows(tmp_path / "straight")
    assert count(root, "episodes") == 300


def test_kept_episodes_are_not_played_again(tmp_path):
    task = counting()
    with session(tmp_path) as opened:
        first = play_random(opened, task)
        counted.clear()
        again = play_random(opened, task)
        assert counted["steps"] == 0
        np.testing.assert_array_equal(first.returns, again.returns)
        more = play_random(opened, task, SeedSet.of("report", report_seeds(61)))
        assert len(more.returns) == 61  # another list is another evaluation


def test_the_order_is_that_of_the_seeds(tmp_path):
    task = counting()
    mixed = [7, 3, 2**61, 0]
    with session(tmp_path) as opened:
        found = play_random(opened, task, SeedSet.of("mixed", mixed))
        for index, seed in enumerate(mixed):
            alone = play_random(opened, task, SeedSet.of("one", [seed]))
            assert alone.returns[0] == found.returns[index]
            assert alone.lengths[0] == found.lengths[index]


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ([], "empty"),
        ([1, 2, 1], "holds 1 more than once"),
        ([TRAINING_DOMAIN + 5], "is a training seed"),
        ([-1], "outside"),
        ([2**63], "outside"),
    ],
)
def test_seed_lists_that_are_refused(seeds, message):
    with pytest.raises(SeedError, match=message):
        SeedSet.of("mine", seeds)


def test_training_and_the_two_seed_lists_never_meet(tmp_path):
    with session(tmp_path) as opened:
        train(opened, plan_for(counting(), 256), name="one", kind="train")
        (one,) = queries.trainings(opened.ledger, "run")
        seeds = {int(seed) for seed in queries.training_episodes(opened.ledger, one.id).seeds}
    assert len(seeds) > 20
    assert not seeds & set(report_seeds(10**5))
    assert not seeds & set(selection_seeds(10**5))
    assert not set(report_seeds(10**5)) & set(selection_seeds(10**5))
    assert min(seeds) >= TRAINING_DOMAIN


# --- training -----------------------------------------------------------------------------------


@pytest.mark.parametrize("keep_state", [True, False])
def test_a_training_broken_off_anywhere_is_the_straight_one(tmp_path, keep_state):
    """Also the steps: what the environment saw is what the ledger says, played twice or not."""

    def run(root, *, resume=False, progress=None):
        with session(root, resume=resume, progress=progress) as opened:
            return train(
                opened, plan_for(stretches(), 1000), name="one", kind="train", keep_state=keep_state
            )

    counted.clear()
    straight = run(tmp_path / "straight")
    assert counted["steps"] == straight.environment_steps == 1000
    assert only_training(tmp_path / "straight").replayed_steps == 0
    counted.clear()
    rng = np.random.default_rng(1)
    interruptions = 0
    for stop in [*rng.integers(1, 500, 6), 10**6]:
        try:
            result = run(tmp_path / "broken", resume=interruptions > 0, progress=Stop(stop))
        except KeyboardInterrupt:
            interruptions += 1
            found = only_training(tmp_path / "broken")
            assert found.status == "interrupted"
            assert found.environment_steps + found.replayed_steps == counted["steps"]
        else:
            break
    assert interruptions >= 3
    assert result.policy.id == straight.policy.id
    assert rows(tmp_path / "broken") == rows(tmp_path / "straight")
    found = only_training(tmp_path / "broken")
    assert found.environment_steps == result.environment_steps == 1000
    assert found.replayed_steps > 0
    assert found.environment_steps + found.replayed_steps == counted["steps"]
    with journeys.ledger_of(tmp_path / "broken") as ledger:
        episodes = queries.training_episodes(ledger, found.id)
        parts = queries.training_episode_parts(ledger, found.id)
    np.testing.assert_array_equal(episodes.metrics["ones"], episodes.returns)
    assert sum(part.values["steps"] for part in parts) == episodes.lengths.sum()


def test_broken_off_while_it_learns(tmp_path, monkeypatch):
    """An iteration whose steps are executed but not learned from is played again, and counted."""
    task, calls = counting(), []
    from ratchet.learning import trainer

    update = trainer.ppo_update

    def interrupted(*arguments, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return update(*arguments, **options)

    with session(tmp_path / "straight") as opened:
        straight = train(opened, plan_for(task, 1000), name="one", kind="train")
    monkeypatch.setattr(trainer, "ppo_update", interrupted)
    counted.clear()
    with pytest.raises(KeyboardInterrupt), session(tmp_path / "broken") as opened:
        train(opened, plan_for(task, 1000), name="one", kind="train")
    with session(tmp_path / "broken", resume=True) as opened:
        result = train(opened, plan_for(task, 1000), name="one", kind="train")
    assert result.policy.id == straight.policy.id
    assert rows(tmp_path / "broken") == rows(tmp_path / "straight")
    assert counted["steps"] == 1000 + only_training(tmp_path / "broken").replayed_steps
    assert only_training(tmp_path / "broken").replayed_steps >= 125


def test_an_environment_that_fails_leaves_a_run_to_resume(tmp_path, monkeypatch):
    task, step = counting(), environments.Counting.step
    with session(tmp_path / "straight") as opened:
        straight = train(opened, plan_for(task, 500), name="one", kind="train")

    def failing(self, action):
        if counted["steps"] == 300:
            raise TaskError("the simulator is gone")
        return step(self, action)

    counted.clear()
    monkeypatch.setattr(environments.Counting, "step", failing)
    with pytest.raises(TaskError, match="gone"), session(tmp_path / "broken") as opened:
        train(opened, plan_for(task, 500), name="one", kind="train")
    assert only_training(tmp_path / "broken").status == "failed"
    monkeypatch.undo()
    with session(tmp_path / "broken", resume=True) as opened:
        result = train(opened, plan_for(task, 500), name="one", kind="train")
    assert result.policy.id == straight.policy.id
    assert rows(tmp_path / "broken") == rows(tmp_path / "straight")
    assert counted["steps"] == 500 + only_training(tmp_path / "broken").replayed_steps


def test_a_killed_training_is_the_straight_one(tmp_path):
    """Killed when a checkpoint is out and updates have followed it; what was lost is at most a rollout."""
    words = ["train", "slowly:Slow", "--steps", 2000, "--seeds", 10, "--name", "one", *SMALL_WORDS]
    counter = tmp_path / "count"
    process = journeys.start(
        *words, cwd=tmp_path, **{slowly.SECONDS: "0.003", slowly.COUNT: str(counter)}
    )
    root = tmp_path / "runs"

    def ready():
        with_state = count(root, "checkpoints")
        return with_state and count(root, "updates WHERE update_number > 7")

    journeys.wait_for(ready, process)
    process.kill()
    process.communicate()
    seen = counter.stat().st_size
    assert 128 * 7 < seen < 2000
    os.environ[slowly.COUNT] = str(counter)
    try:
        assert journeys.command(*words, "--root", root, "--resume") == 0
    finally:
        del os.environ[slowly.COUNT]
    assert journeys.command(*words, "--root", tmp_path / "straight") == 0
    assert rows(root) == rows(tmp_path / "straight")
    best, straight = (follow(where / "one", "best") for where in (root, tmp_path / "straight"))
    assert read_checkpoint(best).id == read_checkpoint(straight).id
    found = only_training(root, "one")
    assert found.environment_steps == 2000
    lost = counter.stat().st_size - found.environment_steps - found.replayed_steps
    assert 0 <= lost <= 128


def test_a_larger_budget_goes_on(tmp_path):
    """train(N), then resumed with 2N, is train(2N), where N is whole rollouts."""
    with session(tmp_path / "straight") as opened:
        straight = train(opened, plan_for(counting(), 512), name="one", kind="train")
    counted.clear()
    with session(tmp_path / "halves") as opened:
        half = train(opened, plan_for(counting(), 256), name="one", kind="train")
    with session(tmp_path / "halves", resume=True) as opened:
        whole = train(opened, plan_for(counting(), 512), name="one", kind="train")
        assert read_checkpoint(half.checkpoint).id == half.policy.id
    assert whole.policy.id == straight.policy.id != half.policy.id
    assert rows(tmp_path / "halves")["updates"] == rows(tmp_path / "straight")["updates"]
    assert counted["steps"] == 512 + only_training(tmp_path / "halves").replayed_steps
    with (
        session(tmp_path / "halves", resume=True) as opened,
        pytest.raises(LedgerError, match="was begun with budget 512, not 256"),
    ):
        train(opened, plan_for(counting(), 256), name="one", kind="train")


def test_a_finished_training_is_not_repeated(tmp_path):
    with session(tmp_path) as opened:
        first = train(opened, plan_for(counting(), 200), name="one", kind="train")
    counted.clear()
    with session(tmp_path, resume=True) as opened:
        again = train(opened, plan_for(counting(), 200), name="one", kind="train")
    assert counted["steps"] == 0
    assert replace(again, policy=first.policy) == first
    assert again.policy.id == first.policy.id


def test_a_budget_of_episodes_is_exact_across_an_interruption(tmp_path):
    def run(root, **options):
        with session(root, **options) as opened:
            return train(
                opened, plan_for(counting(), 60, unit="episodes"), name="one", kind="train"
            )

    straight = run(tmp_path / "straight")
    assert straight.episodes == 60
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        step = environments.Counting.step

        def interrupted(self, action):
            calls.append(1)
            if len(calls) == 200:
                raise KeyboardInterrupt
            return step(self, action)

        patch.setattr(environments.Counting, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "broken")
    assert run(tmp_path / "broken", resume=True).policy.id == straight.policy.id
    assert rows(tmp_path / "broken") == rows(tmp_path / "straight")


def test_a_damaged_state_gives_way_to_the_one_before(tmp_path, monkeypatch):
    from ratchet.recipes import steps

    monkeypatch.setattr(steps, "_PUBLISH_SECONDS", 0.0)
    with session(tmp_path / "straight") as opened:
        straight = train(opened, plan_for(counting(), 1000), name="one", kind="train")
    with pytest.raises(KeyboardInterrupt), session(tmp_path / "broken", progress=Stop(700)) as one:
        train(one, plan_for(counting(), 1000), name="one", kind="train")
    states = sorted((tmp_path / "broken" / "run" / "checkpoints" / "one").glob("update-*"))
    assert len(states) == 5
    with (states[-1] / "training.safetensors").open("r+b") as file:
        file.write(b"damaged")
    with session(tmp_path / "broken", resume=True) as opened:
        result = train(opened, plan_for(counting(), 1000), name="one", kind="train")
    assert (states[-1].parent / f"damaged-{states[-1].name}").is_dir()
    assert read_checkpoint(states[-1])
    assert result.policy.id == straight.policy.id
    assert rows(tmp_path / "broken") == rows(tmp_path / "straight")


@pytest.mark.parametrize(("scope", "adapted"), [("policy_head", 130), ("full", 9155)])
def test_frozen_parameters_did_not_move(tmp_path, scope, adapted):
    plan = plan_for(cartpole_modes(), 300, scope=scope)
    with session(tmp_path) as opened:
        trained = train(opened, plan, name="one", kind="finetune")
    found = only_training(tmp_path)
    assert trained.parameters_adapted == found.parameters_adapted == adapted
    assert trained.frozen_unchanged
    assert found.frozen_before == found.frozen_after
    moved = [
        name
        for name, tensor in trained.policy.tensors.items()
        if not np.array_equal(tensor, plan.policy.tensors[name])
    ]
    assert all(name.startswith("action_net.") for name in moved) == (scope == "policy_head")
    assert moved


def test_parameters_that_moved_outside_their_scope_are_an_error(tmp_path, monkeypatch):
    from ratchet.learning.trainer import Trainer

    monkeypatch.setattr(Trainer, "frozen_hash", lambda _, policy: policy.id)
    with session(tmp_path) as opened, pytest.raises(PolicyError, match="moved parameters outside"):
        train(opened, plan_for(cartpole_modes(), 100, scope="bias"), name="one", kind="finetune")


# --- runs ---------------------------------------------------------------------------------------


def test_a_run_in_use_is_refused(tmp_path):
    with (
        session(tmp_path),
        pytest.raises(LedgerError, match=f"in use by process {os.getpid()}"),
        session(tmp_path, resume=True),
    ):
        pass


def test_a_run_is_begun_once(tmp_path):
    with pytest.raises(LedgerError, match="there is no run 'run'"), session(tmp_path, resume=True):
        pass
    assert not list(tmp_path.iterdir())
    with session(tmp_path):
        pass
    with pytest.raises(LedgerError, match="run 'run' exists"), session(tmp_path):
        pass
    with session(tmp_path, resume=True) as opened:
        assert queries.run(opened.ledger, "run").status == "running"
    with (
        pytest.raises(LedgerError, match="was begun with kind 'finetune', not 'train'"),
        session(tmp_path, resume=True, kind="train"),
    ):
        pass
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(LedgerError, match="run 'other' exists"), session(tmp_path, name="other"):
        pass
    for name in ("../out", "", ".hidden", "a/b"):
        with pytest.raises(LedgerError, match="not usable"), session(tmp_path, name=name):
            pass


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt, "interrupted"), (ValueError, "failed")]
)
def test_a_run_says_how_it_ended(tmp_path, error, status):
    with pytest.raises(error), session(tmp_path):
        raise error
    with journeys.ledger_of(tmp_path) as ledger:
        assert queries.run(ledger, "run").status == status


# --- fine-tuning --------------------------------------------------------------------------------

# Pushes to the side to which the pole falls, only in part: better than chance, and to be improved.
LEARNS = SMALL | {
    "n_envs": 8,
    "n_steps": 64,
    "batch_size": 64,
    "n_epochs": 8,
    "learning_rate": 1e-3,
}
SPOILS = SMALL | {"n_epochs": 8, "learning_rate": 0.3, "max_grad_norm": 100.0}


def tune(root, plan, *, episodes=20, **options):
    with session(root, **options) as opened:
        return finetune(opened, plan, name="one", kind="finetune", episodes=episodes)


def test_best_moves_when_the_pawl_accepts(tmp_path):
    plan = plan_for(cartpole_modes(), 4096, config=LEARNS)
    outcome = tune(tmp_path, plan)
    assert outcome.verdict.accepted, outcome.verdict.reason
    assert follow(tmp_path / "run", "best") == outcome.trained.checkpoint
    assert outcome.best.id == outcome.trained.policy.id


def test_best_stays_when_the_pawl_rejects(tmp_path):
    good = tune(tmp_path / "base", plan_for(cartpole_modes(), 4096, config=LEARNS)).trained.policy
    plan = plan_for(cartpole_modes(), 512, policy=good, config=SPOILS, safety={"rollback_kl": None})
    outcome = tune(tmp_path / "spoilt", plan)
    assert not outcome.verdict.accepted
    assert outcome.trained.policy.id != good.id
    best = read_checkpoint(follow(tmp_path / "spoilt" / "run", "best"))
    assert best.id == good.id == outcome.best.id
    with journeys.ledger_of(tmp_path / "spoilt") as ledger:
        (verdict,) = queries.verdicts(ledger, "run")
        assert not verdict.accepted


def test_best_is_not_lost_to_a_longer_training_that_is_worse(tmp_path, monkeypatch):
    """A larger budget whose result beats the start, but not the best so far, leaves `best` where it is."""
    from ratchet.recipes import finetune as module

    first = tune(tmp_path, plan_for(cartpole_modes(), 4096, config=LEARNS))
    assert first.verdict.accepted
    weak = tune(tmp_path / "weak", plan_for(cartpole_modes(), 1024, config=LEARNS)).trained
    train_on = module.train
    monkeypatch.setattr(
        module,
        "train",
        lambda opened, plan, **options: replace(
            train_on(opened, plan, **options), policy=weak.policy, checkpoint=weak.checkpoint
        ),
    )
    second = tune(tmp_path, plan_for(cartpole_modes(), 8192, config=LEARNS), resume=True)
    assert second.verdict.accepted  # against the start
    assert read_checkpoint(follow(tmp_path / "run", "best")).id == first.trained.policy.id
    assert second.best.id == first.trained.policy.id


def test_a_fine_tuning_broken_off_in_any_stage_is_the_straight_one(tmp_path):
    def plan():
        return plan_for(cartpole_modes(), 700, mode="1", warmup=True)

    straight = tune(tmp_path / "straight", plan())
    for number, (stage, after) in enumerate(
        [("evaluating start", 30), ("one", 300), ("one", 600), ("evaluating result", 45)]
    ):
        with pytest.raises(KeyboardInterrupt):
            tune(tmp_path / "broken", plan(), resume=number > 0, progress=Stop(after, stage))
    outcome = tune(tmp_path / "broken", plan(), resume=True)
    assert outcome.trained.policy.id == straight.trained.policy.id
    assert outcome.verdict == straight.verdict
    assert rows(tmp_path / "broken") == rows(tmp_path / "straight")


def test_preflight_refuses_another_policy_than_the_record_describes(tmp_path):
    task = cartpole_modes()
    policy = new_policy(spec_for(task), 0)
    returns = {mode.name: np.array([9.0, 10.0, 11.0] * 7) for mode in task.modes}
    record = score_record(task, returns, deterministic=True)
    scored = replace(policy, record={"score": record})
    assert "scores what its file" in preflight(scored, task, returns, deterministic=True)
    assert "no score" in preflight(policy, task, returns, deterministic=True)
    assert "not compared" in preflight(scored, task, returns, deterministic=False)
    better = {mode: values + 400 for mode, values in returns.items()}
    proud = replace(policy, record={"score": score_record(task, better, deterministic=True)})
    with pytest.raises(PolicyError, match=r"mode '0'.*scores 9\.\d, but its record says 410\.0"):
        tune(tmp_path, plan_for(task, 200, policy=proud))
    assert count(tmp_path, "trainings") == 0
    # the record survives the file
    path = publish(proud, tmp_path / "proud")
    assert read_checkpoint(path).record["score"]["modes"]["0"]["mean"] == 410.0


def test_a_policy_that_lost_its_normaliser_is_refused(tmp_path):
    task = cartpole_modes()
    record = {
        "source": "ppo.zip",
        "normalizer": "missing: the policy was trained with VecNormalize",
    }
    path = publish(replace(new_policy(spec_for(task), 0), record=record), tmp_path / "lost")
    with pytest.raises(PolicyError, match=r"'ppo.zip' was trained on normalised observations"):
        load_player(str(path), task, tmp_path)
