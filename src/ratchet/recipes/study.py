"""What a study of the laboratory states: bases, ways to adapt them, budgets, and how much is evaluated."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ratchet.evaluation.guard import GuardSettings
from ratchet.recipes.adapting import AS_IT_IS, Adaptation, Method
from ratchet.recipes.presets import find_preset

Name = Literal[
    "astral-training",
    "test-time-adaptation",
    "parameter-matched",
    "forgetting",
    "few-shot",
    "extreme-modes",
    "interventions",
]


class BaseChoice(BaseModel):
    """One kind of policy to start from; a flaw is a mistake of the write-up's training, to be measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Its name in the report.")
    preset: str = Field(description="What it is and how it is trained.")
    steps: int | None = Field(None, gt=0, description="Environment steps, if not the preset's.")
    across_episodes: bool = Field(
        default=False, description="Flaw: advantages run on through episode ends."
    )
    single_transitions: bool = Field(
        default=False, description="Flaw: no gradient goes back through time."
    )
    raw_values: bool = Field(
        default=False, description="Flaw: the value's error is not scaled to the policy's."
    )

    @property
    def flawed(self) -> bool:
        """Whether it is part of the ablation."""
        return self.across_episodes or self.single_transitions or self.raw_values

    @property
    def budget(self) -> int:
        """Environment steps of its training."""
        return self.steps or find_preset(self.preset).steps


class ArmChoice(BaseModel):
    """One way to adapt."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Its name in the ledger.")
    label: str = Field("", description="What the report calls it; the name if empty.")
    scope: str = Field("full", description="Which parameters learn.")
    method: Method = Field("reinforce", description="How they learn.")
    guard: bool = Field(default=False, description="Whether the result is taken only if shown.")
    anchor: str = Field("none", description="What holds the policy near its start.")
    rank: int = Field(4, ge=1, description="Of an adapter.")
    parameters: int | None = Field(None, ge=1, description="Chooses the rank by how many numbers.")
    ppo: dict[str, Any] = Field(default_factory=dict, description="Settings of the learner.")
    bases: tuple[str, ...] = Field((), description="Only for these bases; all if empty.")
    budgets: tuple[int, ...] = Field((), description="Only with these budgets; all if empty.")

    def adaptation(self, confidence: float) -> Adaptation:
        """Return it as what `adapt` takes."""
        return Adaptation(
            scope=self.scope,
            method=self.method,
            safety=AS_IT_IS.model_copy(update={"anchor": self.anchor}),
            guard=GuardSettings(confidence=confidence) if self.guard else None,
            rank=self.rank,
            parameters=self.parameters,
            ppo=self.ppo,
        )


class Study(BaseModel):
    """A study: bases x training seeds, adapted by arms x modes x adaptation seeds x budgets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Name = Field(description="Which study this is.")
    title: str = Field(description="The head of its report.")
    source: str = Field("", description="The write-up whose numbers the claims table holds.")
    task: str = Field(description="What the bases are trained on.")
    adapt_task: str | None = Field(None, description="What is adapted to; `task` if not stated.")
    retention: int | None = Field(
        None, description="The budget whose policies are evaluated on the modes of `task` too."
    )
    all_modes: bool = Field(
        default=False, description="Whether they are evaluated on every mode, not only their own."
    )
    seed: int = Field(0, ge=0, description="The training seeds follow from it.")
    training_seeds: int = Field(5, ge=1, description="Policies trained of every base.")
    adaptation_seeds: int = Field(5, ge=1, description="Adaptations of every policy, arm and mode.")
    bases: tuple[BaseChoice, ...] = Field(min_length=1, description="What is adapted.")
    arms: tuple[ArmChoice, ...] = Field((), description="How it is adapted.")
    budgets: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (30,), min_length=1, description="Episodes of an adaptation."
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of the guard, one-sided.")
    episodes: int = Field(300, ge=2, description="Evaluation seeds per mode.")
    deterministic: bool = Field(
        default=False, description="Whether evaluation takes the likeliest action; else it draws."
    )
    interventions: bool = Field(default=False, description="Whether gates are intervened on.")
    slot_usage: bool = Field(default=False, description="Whether the gates' weights are measured.")
    reference_base: str | None = Field(None, description="The base that the report leads with.")
    claims: str | None = Field(None, description="File of the numbers that the write-up states.")
    quick: dict[str, Any] = Field(default_factory=dict, description="What --quick changes.")

    @model_validator(mode="after")
    def _consistent(self) -> Study:
        for what, names in (
            ("bases", [base.name for base in self.bases]),
            ("arms", [arm.name for arm in self.arms]),
            ("budgets", [str(budget) for budget in self.budgets]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what} holds {twice[0]!r} twice")
        if self.retention is not None and self.retention not in self.budgets:
            raise ValueError(f"retention is {self.retention}, which is none of the budgets")
        known = [base.name for base in self.bases]
        for arm in self.arms:
            for name in arm.bases:
                if name not in known:
                    raise ValueError(f"arm {arm.name!r} is for base {name!r}, which there is not")
            for budget in arm.budgets:
                if budget not in self.budgets:
                    raise ValueError(
                        f"arm {arm.name!r} has budget {budget}, none of {self.budgets}"
                    )
        return self

    @property
    def played(self) -> str:
        """The task that is adapted to and evaluated on."""
        return self.adapt_task or self.task

    def seeds(self) -> list[int]:
        """Return the training seeds."""
        return [1000 * self.seed + 1 + index for index in range(self.training_seeds)]

    def arms_of(self, base: str) -> list[ArmChoice]:
        """Return the arms that a base is adapted by."""
        return [arm for arm in self.arms if not arm.bases or base in arm.bases]
