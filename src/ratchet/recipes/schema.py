"""What a recipe states. Validated before anything runs; an unknown key is an error."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ratchet.errors import RecipeError, did_you_mean
from ratchet.learning.config import SafetyConfig
from ratchet.recipes.parallel import LoopName, ParallelRecipe
from ratchet.recipes.settings import explain
from ratchet.recipes.study import ArmChoice, BaseChoice, Name, Study


class Recipe(BaseModel):
    """An experiment on fine-tuning: one base policy, arms of mode x scope x budget x seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Literal["sb3-finetuning"] = Field(description="Which experiment this is.")
    title: str = Field(description="The head of its report.")
    source: str = Field("", description="The write-up whose numbers the claims table holds.")
    task: str = Field(description="What is played.")
    seed: int = Field(0, ge=0, description="The base's training seed; the arms' follow from it.")
    base: str = Field("train", description="'train', or the policy to start from.")
    base_steps: int = Field(100_000, gt=0, description="Environment steps of the base's training.")
    base_ppo: dict[str, Any] = Field(default_factory=dict, description="PPO settings of the base.")
    budgets: tuple[int, ...] = Field(min_length=1, description="Environment steps of an arm.")
    scopes: tuple[str, ...] = Field(("full",), min_length=1, description="Scopes of the arms.")
    repeats: int = Field(5, ge=1, description="Fine-tuning seeds of every arm.")
    control: bool = Field(True, description="Whether to run the same budgets on mixed modes.")
    ppo: dict[str, Any] = Field(
        default_factory=dict, description="PPO settings of the arms; else the base's own."
    )
    budget_ppo: dict[int, dict[str, Any]] = Field(
        default_factory=dict, description="PPO settings of the arms of one budget, over `ppo`."
    )
    safety: SafetyConfig = Field(default_factory=SafetyConfig, description="Fine-tuning safety.")
    episodes: int = Field(
        500, ge=2, description="Evaluation seeds per mode, played by every policy."
    )
    deterministic: bool = Field(True, description="Whether evaluation takes the likeliest action.")
    headline: int | None = Field(None, description="The budget that the report leads with.")
    claims: str | None = Field(None, description="File of the numbers that the write-up states.")
    quick: dict[str, Any] = Field(default_factory=dict, description="What --quick changes.")

    @model_validator(mode="after")
    def _no_arm_twice(self) -> Recipe:
        for name in ("budgets", "scopes"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name} holds a value twice: {list(values)}")
        return self


def shipped() -> list[str]:
    """Return the names of the recipes that ship."""
    found = resources.files("ratchet.recipes").iterdir()
    return sorted(
        entry.name.removesuffix(".toml").replace("_", "-")
        for entry in found
        if entry.name.endswith(".toml")
    )


def read_recipe(
    text: str, settings: Sequence[str] = (), *, quick: bool = False
) -> Recipe | Study | ParallelRecipe:
    """Return the recipe of a name that ships or of a TOML file, with ``a.b=v`` settings applied.

    Raises
    ------
    RecipeError
        If there is no such recipe, it is not TOML, or a key or value is not one of a recipe's.

    """
    path = Path(text)
    if path.suffix == ".toml":
        try:
            content = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"recipe {text!r} cannot be read: {error}") from error
    elif text in shipped():
        file = resources.files("ratchet.recipes") / f"{text.replace('-', '_')}.toml"
        content = file.read_text(encoding="utf-8")
    else:
        raise RecipeError(
            f"there is no recipe {text!r}: {did_you_mean(text, shipped())}; or a path to a .toml file"
        )
    try:
        data = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"recipe {text!r} is not TOML: {error}") from error
    _check_keys(data)
    if quick:
        for key, value in data.get("quick", {}).items():
            # A table changes what it names alone.
            data[key] = {**data.get(key, {}), **value} if isinstance(value, dict) else value
    for setting in settings:
        _apply(data, setting)
    _check_keys(data)
    try:
        return _model(data)(**data)
    except ValidationError as error:
        raise RecipeError(f"recipe {text!r}: {explain(error)}") from error


def read_claims(recipe: Recipe | Study | ParallelRecipe) -> list[dict[str, Any]]:
    """Return the numbers that the recipe's write-up states."""
    if recipe.claims is None:
        return []
    path = Path(recipe.claims)
    try:
        content = (
            path.read_text(encoding="utf-8")
            if path.is_absolute() or path.exists()
            else (resources.files("ratchet.recipes") / "claims" / recipe.claims).read_text("utf-8")
        )
        return list(tomllib.loads(content)["claims"])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"claims {recipe.claims!r} cannot be read: {error}") from error
    except (KeyError, TypeError) as error:
        raise RecipeError(f"claims {recipe.claims!r} holds no list of [[claims]]") from error


def parse_setting(text: str) -> tuple[str, Any]:
    """Return the key and the TOML value of ``key=value``; a value that is no TOML is a string.

    Raises
    ------
    RecipeError
        If there is no ``=``.

    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise RecipeError(f"setting {text!r} is not of the form key=value")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value


def _apply(data: dict[str, Any], setting: str) -> None:
    key, value = parse_setting(setting)
    *parents, last = key.split(".")
    for parent in parents:
        data = data.setdefault(parent, {})
        if not isinstance(data, dict):
            raise RecipeError(f"setting {setting!r}: {parent!r} is not a table")
    data[last] = value


def _model(data: dict[str, Any]) -> type[Recipe | Study | ParallelRecipe]:
    kinds = get_args(Name)
    name = data.get("recipe")
    loops = get_args(LoopName)
    names = ["sb3-finetuning", *loops, *kinds]
    if name is not None and name not in names:
        known = did_you_mean(str(name), names)
        raise RecipeError(f"recipe is {name!r}, which no experiment is: {known}")
    if name in loops:
        return ParallelRecipe
    return Study if name in kinds else Recipe


def _check_keys(data: dict[str, Any]) -> None:
    model = _model(data)
    _check_table(data, "", model)
    _check_table(data.get("quick", {}), "quick.", model)
    if model is Recipe:
        _check_table(data.get("safety", {}), "safety.", SafetyConfig)
    if model is not Study:
        return
    for key, one in (("bases", BaseChoice), ("arms", ArmChoice)):
        tables = data.get(key, [])
        if not isinstance(tables, list):
            raise RecipeError(f"{key} is {tables!r}; it is a list of tables")
        for number, table in enumerate(tables):
            _check_table(table, f"{key}.{number}.", one)


def _check_table(table: Any, prefix: str, model: type[BaseModel]) -> None:
    if not isinstance(table, dict):
        raise RecipeError(f"{prefix.removesuffix('.')} is {table!r}; it is a table of settings")
    for key in table:
        if key not in model.model_fields:
            known = did_you_mean(key, model.model_fields)
            raise RecipeError(f"a recipe has no key {prefix + key!r}: {known}")
