"""What a study states: everything that ships can be run, and what is wrong is named before anything is."""

import pytest

from journeys import command
from ratchet.errors import PolicyError, RecipeError, TaskError
from ratchet.learning.config import SafetyConfig
from ratchet.recipes.laboratory import prepare_study
from ratchet.recipes.schema import read_claims, read_recipe, shipped
from ratchet.recipes.study import ArmChoice, BaseChoice, Study

STUDIES = [name for name in shipped() if not name.startswith(("parallel-ppo", "sb3-"))]
NAME = "parameter-matched"

OWN = """
recipe = "few-shot"
title = "Mine"
task = "cartpole-modes"

[[bases]]
name = "one"
preset = "astral"
steps = 256

[[arms]]
name = "gate"
scope = "gating"
"""


@pytest.fixture
def own(tmp_path):
    def read(more="", settings=()):
        path = tmp_path / "own.toml"
        path.write_text(OWN + more)
        return read_recipe(str(path), settings)

    return read


@pytest.mark.parametrize("quick", [False, True], ids=["whole", "quick"])
@pytest.mark.parametrize("name", STUDIES)
def test_what_ships_can_be_run(name, quick):
    study = read_recipe(name, quick=quick)
    assert isinstance(study, Study)
    record = prepare_study(study, read_claims(study), 1).record()
    assert record["recipe"] == name
    assert record["maximum_return"] == 500.0
    assert record["modes"] == ["0", "1", "2"]
    assert record["reference_base"] in {base.name for base in read_recipe(name).bases}
    assert record["claims"]
    assert all(base["steps"] > 0 and base["description"] for base in record["bases"])
    assert len(record["training_seeds"]) == study.training_seeds
    assert all(arm["label"] for arm in record["arms"])
    if not quick:
        assert study.training_seeds >= 5
        assert study.episodes >= 100
        assert study.arms or study.interventions or study.slot_usage
    # an arm that no base has would be a hole in every table
    for arm in study.arms:
        assert any(arm in study.arms_of(base.name) for base in study.bases)


@pytest.mark.parametrize("name", STUDIES)
def test_quick_changes_what_it_says_and_nothing_else(name):
    whole, quick = read_recipe(name).model_dump(), read_recipe(name, quick=True).model_dump()
    assert {key for key in whole if whole[key] != quick[key]} <= set(whole["quick"])
    assert whole["quick"]


def test_parameter_counts_that_are_matched():
    """As many numbers move in the gate and in the head, to within 2%; 4,355 and 4,290."""
    study = read_recipe(NAME)
    from ratchet.recipes.presets import find_preset
    from ratchet.tasks.registry import find_task

    for base in study.bases:
        policy = find_preset(base.preset).new(find_task(study.task), 0)
        counts = {
            arm.name: arm.adaptation(study.confidence).parameter_count(policy)
            for arm in study.arms_of(base.name)
        }
        for name, wanted in {
            "gating": 4355, "policy_head": 4290, "policy_head-mlp": 64 * 64 + 64 + 64 * 2 + 2,
        }.items():  # fmt: skip
            assert counts.get(name, wanted) == wanted
        assert counts["full"] == policy.parameter_count
        assert abs(counts["adapter"] - 4355) < 0.2 * 4355


def test_the_ablation_names_every_mixture_of_the_three_flaws():
    study = read_recipe("astral-training")
    found = prepare_study(study, [], 1).record()["ablation"]
    flaws = ("advantage_across_episodes", "single_transitions", "raw_values")
    assert len(found) == 8
    assert not any(found[0][flaw] for flaw in flaws)
    assert len({tuple(one[flaw] for flaw in flaws) for one in found}) == 8


def test_seeds_and_arms_follow_from_the_study(own):
    study = own('[[arms]]\nname = "other"\nbases = ["one"]\n', ["seed=2", "training_seeds=3"])
    assert study.seeds() == [2001, 2002, 2003]
    assert [arm.name for arm in study.arms_of("one")] == ["gate", "other"]
    assert [arm.name for arm in study.arms_of("two")] == ["gate"]
    assert study.played == study.task
    assert BaseChoice(name="x", preset="astral").budget == 300_000
    assert study.bases[0].budget == 256


def test_what_an_arm_is_as_an_adaptation():
    arm = ArmChoice(name="a", scope="adapter", rank=2, anchor="kl:0.5", ppo={"gamma": 0.9})
    how = arm.adaptation(0.9)
    assert how.guard is None
    assert how.safety == SafetyConfig(anchor="kl:0.5", rollback_kl=None, warmup_fraction=0.0)
    assert (how.scope, how.rank, how.config().gamma) == ("adapter", 2, 0.9)
    assert ArmChoice(name="a", guard=True).adaptation(0.9).guard.confidence == 0.9


WRONG = [
    ("trianing_seeds=1", "no key 'trianing_seeds': did you mean 'training_seeds'"),
    ("training_seeds=0", "training_seeds is 0"),
    ("adaptation_seeds=0", "adaptation_seeds is 0"),
    ("episodes=1", "episodes is 1"),
    ("budgets=[]", r"budgets is \[\]"),
    ("budgets=[0]", r"budgets.0 is 0"),
    ("budgets=[5, -1]", r"budgets.1 is -1"),
    ("budgets=[5, 5]", "budgets holds '5' twice"),
    ("confidence=0.5", "confidence is 0.5"),
    ("confidence=1.0", "confidence is 1.0"),
    ("retention=7", "retention is 7, which is none of the budgets"),
    ("bases=3", "bases is 3; it is a list of tables"),
    ("bases=[3]", "bases.0 is 3; it is a table of settings"),
    ("bases=[]", r"bases is \[\]"),
    ("arms.0.guard=true", "'arms' is not a table"),
    ("quick=1", "quick is 1; it is a table"),
    ("quick.epsiodes=3", "no key 'quick.epsiodes': did you mean 'episodes'"),
    (
        'bases=[{name = "a", preset = "astral"}, {name = "a", preset = "astral"}]',
        "bases holds 'a' twice",
    ),
    ('bases=[{name = "a", preset = "astral", stpes = 3}]', "'bases.0.stpes': did you mean 'steps'"),
    ('bases=[{name = "a"}]', "'bases.0.preset' is missing"),
    ('bases=[{name = "a", preset = "astral", steps = 0}]', "bases.0.steps is 0"),
    ('arms=[{name = "a"}, {name = "b"}, {name = "a"}]', "arms holds 'a' twice"),
    ('arms=[{name = "a", scop = "full"}]', "'arms.0.scop': did you mean 'scope'"),
    ('arms=[{name = "a", method = "a2c"}]', "arms.0.method is 'a2c'"),
    ('arms=[{name = "a", rank = 0}]', "arms.0.rank is 0"),
    ('arms=[{name = "a", bases = ["two"]}]', "arm 'a' is for base 'two', which there is not"),
]


@pytest.mark.parametrize(("setting", "message"), WRONG, ids=[setting for setting, _ in WRONG])
def test_what_is_wrong_is_named(own, setting, message):
    with pytest.raises(RecipeError, match=message):
        own(settings=[setting])


def test_a_key_that_is_no_key_and_a_study_that_is_none(own):
    with pytest.raises(RecipeError, match=r"no key 'bases.1.stepz'"):
        own('[[bases]]\nname = "two"\npreset = "mlp"\nstepz = 3\n')
    with pytest.raises(RecipeError, match="did you mean 'few-shot'"):
        own(settings=["recipe=few-shots"])


UNUSABLE = [
    ("task=cartpole-mods", TaskError, "did you mean 'cartpole-modes'"),
    ("adapt_task=Pendulum-v1", PolicyError, "Pendulum-v1"),
    ('bases=[{name = "a", preset = "astrall"}]', RecipeError, "did you mean 'astral'"),
    ('bases=[{name = "a", preset = "recurrent"}]', PolicyError, "'recurrent' has none"),
    ('bases=[{name = "a", preset = "mlp"}]', PolicyError, "'mlp' has none"),
    ('arms=[{name = "a", scope = "gatng"}]', PolicyError, "did you mean 'gating'"),
    ('arms=[{name = "a", anchor = "lk:1"}]', RecipeError, "anchor 'lk:1'"),
    ('arms=[{name = "a", ppo = {gama = 1}}]', RecipeError, "did you mean 'gamma'"),
    ('arms=[{name = "a", ppo = {gamma = 2}}]', RecipeError, "gamma is 2"),
    (
        'arms=[{name = "a", method = "slot_search", anchor = "kl:1"}]',
        RecipeError,
        "takes no anchor",
    ),
]


@pytest.mark.parametrize(
    ("setting", "error", "message"), UNUSABLE, ids=[setting for setting, *_ in UNUSABLE]
)
def test_what_cannot_be_used_is_refused_before_anything_runs(own, setting, error, message):
    with pytest.raises(error, match=message):
        prepare_study(own(settings=[setting]), [], 1)


def test_flaws_are_those_of_a_recurrent_training(own):
    flawed = 'bases=[{name = "a", preset = "mlp", raw_values = true}]'
    with pytest.raises(RecipeError, match="base 'a': its flaws are those of a recurrent training"):
        prepare_study(own(settings=[flawed, "arms=[]"]), [], 1)


def test_as_many_processes_as_there_can_be(own):
    with pytest.raises(RecipeError, match="workers is 0"):
        prepare_study(own(), [], 0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "budgets=[5, 5]"], "budgets holds '5' twice"),
        (["--set", "trianing_seeds=1"], "'trianing_seeds'"),
        (["--set", 'bases=[{name = "a", preset = "astrall"}]'], "'astrall'"),
        (["--set", 'arms=[{name = "a", scope = "gatng"}]'], "'gatng'"),
        (["--set", 'arms=[{name = "a", bases = ["two"]}]'], "'two'"),
        (["--set", 'arms=[{name = "a", ppo = {gama = 1}}]'], "'gama'"),
        (["--set", "bases=3"], "bases is 3"),
        (["--workers", 0], "workers is 0"),
    ],
)
def test_the_command_says_so_and_leaves_nothing(tmp_path, capsys, words, message):
    assert command("run", "few-shot", "--quick", "--root", tmp_path / "runs", *words) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not (tmp_path / "runs").exists()
