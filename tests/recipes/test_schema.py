"""Recipes: what they say is checked before anything runs, and a slip is answered with what was meant."""

import pytest

from ratchet.errors import BudgetError, PolicyError, RecipeError, TaskError
from ratchet.learning.config import PPOConfig
from ratchet.recipes.sb3_finetuning import prepare
from ratchet.recipes.schema import parse_setting, read_claims, read_recipe, shipped
from ratchet.recipes.settings import ppo_config
from strategies import discrete_spec, random_policy

NAME = "sb3-finetuning"


def test_what_ships_is_what_the_write_up_says():
    assert shipped() == [
        "astral-training",
        "extreme-modes",
        "few-shot",
        "forgetting",
        "interventions",
        "parallel-ppo",
        "parallel-ppo-best",
        "parameter-matched",
        NAME,
        "test-time-adaptation",
    ]
    recipe = read_recipe(NAME)
    assert (recipe.task, recipe.base, recipe.base_steps) == ("cartpole-modes", "train", 100_000)
    assert recipe.budgets == (1_000, 15_000, 32_768)
    assert recipe.scopes == ("full", "policy_head")
    assert recipe.repeats >= 5
    assert recipe.control
    assert recipe.episodes == 500
    assert recipe.base_ppo == {
        "n_envs": 16,
        "n_steps": 2048,
        "batch_size": 512,
        "n_epochs": 10,
        "learning_rate": 3e-4,
        "ent_coef": 0.01,
    }
    assert PPOConfig(**recipe.base_ppo)


def test_quick_changes_what_it_says_and_nothing_else():
    whole, quick = read_recipe(NAME).model_dump(), read_recipe(NAME, quick=True).model_dump()
    changed = {key for key in whole if whole[key] != quick[key]}
    assert changed == set(whole["quick"])
    for key, value in whole["quick"].items():
        assert list(quick[key]) == value if isinstance(value, list) else quick[key] == value


def test_a_setting_comes_after_quick():
    assert read_recipe(NAME, ["repeats=7"], quick=True).repeats == 7


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1", ("a", 1)),
        ("a = 1.5", ("a", 1.5)),
        ("a.b=true", ("a.b", True)),
        ("a=[1, 2]", ("a", [1, 2])),
        ('a="1"', ("a", "1")),
        ("a=1e-3", ("a", 1e-3)),
        ("base=models/ppo model.zip", ("base", "models/ppo model.zip")),
        ("a=b=c", ("a", "b=c")),
        ("a=", ("a", "")),
    ],
)
def test_settings(text, expected):
    assert parse_setting(text) == expected


@pytest.mark.parametrize("text", ["repeats", "=3", " =3", ""])
def test_settings_without_a_key(text):
    with pytest.raises(RecipeError, match="is not of the form key=value"):
        parse_setting(text)


def test_settings_reach_into_tables():
    recipe = read_recipe(NAME, ["safety.anchor=kl:0.1", "base_ppo.n_envs=4", "ppo.gamma=0.9"])
    assert recipe.safety.anchor == "kl:0.1"
    assert recipe.base_ppo["n_envs"] == 4
    assert recipe.base_ppo["n_steps"] == 2048
    assert recipe.ppo == {"gamma": 0.9}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("budgts=[1]", "no key 'budgts': did you mean 'budgets'"),
        ("safety.ancor=none", "no key 'safety.ancor': did you mean 'anchor'"),
        ("quick.epsiodes=3", "no key 'quick.epsiodes': did you mean 'episodes'"),
        ("repeats=0", "repeats is 0: input should be greater than or equal to 1"),
        ("repeats=many", "repeats is 'many': input should be a valid integer"),
        ("episodes=1", "episodes is 1"),
        ("budgets=[]", r"budgets is \[\]"),
        ("budgets=15", "budgets is 15"),
        ("safety.rollback_kl=-1", "safety.rollback_kl is -1"),
        ("safety=3", "safety is 3; it is a table"),
        ("quick=3", "quick is 3; it is a table"),
        ("task.name=1", "'task' is not a table"),
        ("recipe=other", "recipe is 'other'"),
        ("seed=-1", "seed is -1"),
        ("base=3", "base is 3"),
    ],
)
def test_what_is_wrong_is_named(setting, message):
    with pytest.raises(RecipeError, match=message):
        read_recipe(NAME, [setting])


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (["task=cartpole-mods"], TaskError, "did you mean 'cartpole-modes'"),
        (["scopes=['policyhead']"], PolicyError, "did you mean 'policy_head'"),
        (["budgets=[1000, 0]"], BudgetError, "the budget is 0 steps"),
        (["base=nowhere.zip"], PolicyError, "nowhere.zip"),
        (["ppo.learning_rat=1"], RecipeError, "did you mean 'learning_rate'"),
        (["budgets=[64]", "budget_ppo.64.gama=1"], RecipeError, "did you mean 'gamma'"),
        (["base_ppo.gamma=2"], RecipeError, "gamma is 2"),
        (["safety.anchor=lk:1"], RecipeError, "anchor 'lk:1' is unknown"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_runs(tmp_path, settings, error, message):
    with pytest.raises(error, match=message):
        prepare(read_recipe(NAME, settings), tmp_path)
    assert not list(tmp_path.iterdir())


def test_files(tmp_path):
    with pytest.raises(RecipeError, match="there is no recipe 'sb3-finetunig': did you mean"):
        read_recipe("sb3-finetunig")
    with pytest.raises(RecipeError, match=r"missing.toml' cannot be read"):
        read_recipe(str(tmp_path / "missing.toml"))
    own = tmp_path / "own.toml"
    own.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="cannot be read"):
        read_recipe(str(own))
    own.write_text("recipe = ")
    with pytest.raises(RecipeError, match=r"is not TOML: "):
        read_recipe(str(own))
    own.write_text('recipe = "sb3-finetuning"\ntask = "cartpole-modes"\nbudgets = [10]\n')
    with pytest.raises(RecipeError, match="'title' is missing"):
        read_recipe(str(own))
    own.write_text(own.read_text() + 'title = "Mine"\n')
    assert read_recipe(str(own)).title == "Mine"
    assert read_claims(read_recipe(str(own))) == []


def test_claims(tmp_path):
    claims = read_claims(read_recipe(NAME))
    assert len(claims) > 20
    assert all({"id", "claim", "measure"} <= set(claim) for claim in claims)
    assert len({claim["id"] for claim in claims}) == len(claims)
    own = tmp_path / "claims.toml"
    for content, message in [
        (None, "cannot be read"),
        ("claims = ", "cannot be read"),
        ("claim = 1", r"holds no list of \[\[claims\]\]"),
        ("claims = 1", r"holds no list of \[\[claims\]\]"),
    ]:
        if content is not None:
            own.write_text(content)
        with pytest.raises(RecipeError, match=message):
            read_claims(read_recipe(NAME, [f"claims={own}"]))
    own.write_text('[[claims]]\nid = "one"\n')
    assert read_claims(read_recipe(NAME, [f"claims={own}"])) == [{"id": "one"}]


def test_settings_of_ppo_are_the_policys_own_unless_overridden():
    policy = random_policy(discrete_spec())
    assert ppo_config(policy, {}) == PPOConfig()
    object.__setattr__(
        policy,
        "record",
        {
            "algorithm": "PPO",
            "hyperparameters": {"gamma": 0.9, "n_steps": 64, "sde_sample_freq": -1},
        },
    )
    assert ppo_config(policy, {"n_steps": 32}) == PPOConfig(gamma=0.9, n_steps=32)
    policy.record["algorithm"] = "A2C"
    assert ppo_config(policy, {}) == PPOConfig(gamma=0.9)
    policy.record["hyperparameters"]["gamma"] = 7
    with pytest.raises(RecipeError, match="gamma is 7"):
        ppo_config(policy, {})
