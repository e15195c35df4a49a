"""Settings of learning. Frozen; validated where they are built; an unknown key is an error."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Schedule = Literal["constant", "linear", "cosine"]
Share = Annotated[float, Field(ge=0, le=1)]


class PPOConfig(BaseModel):
    """Proximal policy optimisation (Schulman et al. 2017), defaults as Stable-Baselines3's."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    n_envs: int = Field(
        default=16, ge=1, description="Environments side by side; more gives steadier gradients."
    )
    n_steps: int = Field(
        default=2048,
        ge=1,
        description="Most rows of a rollout of n_envs columns; a budget is shared out evenly.",
    )
    batch_size: int = Field(
        default=512, ge=2, description="Transitions of a mini-batch; usually 64 to 4096."
    )
    n_epochs: int = Field(
        default=10,
        ge=1,
        description="Passes over each rollout; more learns faster and drifts more.",
    )
    learning_rate: float = Field(
        default=3e-4, gt=0, description="Adam's step; usually 1e-5 to 1e-3."
    )
    schedule: Schedule = Field(
        default="constant", description="How the learning rate falls to 0 over the budget."
    )
    gamma: float = Field(
        default=0.99, gt=0, le=1, description="Discount of a later reward, per step."
    )
    gae_lambda: float = Field(
        default=0.95, ge=0, le=1, description="GAE's trace: 0 is low variance, 1 is no bias."
    )
    clip_range: float = Field(
        default=0.2, gt=0, description="How far a probability ratio may pay off."
    )
    clip_range_vf: float | None = Field(
        default=None, gt=0, description="The same for values; None for no clipping."
    )
    ent_coef: float = Field(
        default=0.0, ge=0, description="Weight of the entropy bonus; more explores more."
    )
    vf_coef: float = Field(default=0.5, ge=0, description="Weight of the value loss.")
    max_grad_norm: float = Field(
        default=0.5, gt=0, description="Longest gradient; longer ones are scaled down."
    )
    normalize_advantage: bool = Field(
        default=True, description="Whether each mini-batch's advantages get mean 0 and deviation 1."
    )
    target_kl: float | None = Field(
        default=None,
        gt=0,
        description="An update stops before a step once approximate KL exceeds this; 0.01 to 0.05.",
    )
    sequence_length: int = Field(
        default=128,
        ge=1,
        description="Steps that a gradient goes back through time; recurrent policies only.",
    )
    adam_epsilon: float = Field(
        default=1e-5, gt=0, description="Keeps Adam's division away from zero."
    )


class SafetyConfig(BaseModel):
    """What keeps fine-tuning from destroying the policy it started from; reported with every run."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    warmup_explained_variance: float = Field(
        default=0.2,
        le=1,
        description="The critic alone learns until it explains this much of the returns …",
    )
    warmup_fraction: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="… or this part of the budget is used; 0 for no warm-up.",
    )
    rollback_kl: float | None = Field(
        default=0.5,
        gt=0,
        description="An update that moves the policy further than this is undone.",
    )
    anchor: str = Field(
        default="none",
        description="none, kl:β (KL to the frozen start), l2sp:β (distance of the weights) or ewc:β.",
    )


class FleetConfig(BaseModel):
    """What a fleet's trainer makes of each batch of episodes; defaults as the write-up's.

    Learning rate, entropy bonus and anchor are where they begin, if they are tuned.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    lagged: Literal["reject", "decouple"] = Field(
        default="reject",
        description="What becomes of an older version's episodes: learned from as they are, or weighted.",
    )
    batch_size: int = Field(
        default=512, ge=2, description="Transitions of a mini-batch; usually 64 to 4096."
    )
    n_epochs: int = Field(
        default=4, ge=1, description="Passes over each batch; more learns faster and drifts more."
    )
    learning_rate: float = Field(
        default=3e-5, gt=0, description="Adam's step; usually 1e-5 to 1e-3."
    )
    ent_coef: float = Field(
        default=0.001, ge=0, description="Weight of the entropy bonus; more explores more."
    )
    anchor: float = Field(
        default=0.10,
        ge=0,
        description="Weight of the cross-entropy with demonstrations, where there are some.",
    )
    anchor_batch: int = Field(
        default=128,
        ge=1,
        description="Demonstrated decisions beside each mini-batch; a quarter of it is enough.",
    )
    anchor_smoothing: float = Field(
        default=0.02, ge=0, lt=1, description="Their label smoothing; take the cloning's."
    )
    tuned: bool = Field(
        default=True,
        description="Whether these three are tuned, update by update; else they stay.",
    )
    gamma: float = Field(
        default=0.99, gt=0, le=1, description="Discount of a later reward, per step."
    )
    gae_lambda: float = Field(
        default=0.95, ge=0, le=1, description="GAE's trace: 0 is low variance, 1 is no bias."
    )
    clip_range: float = Field(
        default=0.15, gt=0, description="How far a probability ratio may pay off."
    )
    target_kl: float | None = Field(
        default=0.03,
        gt=0,
        description="An update stops before a step once approximate KL exceeds this; 0.01 to 0.05.",
    )
    vf_coef: float = Field(
        default=0.5,
        ge=0,
        description="Weight of the share of the returns that values do not explain.",
    )
    max_grad_norm: float = Field(
        default=0.5, gt=0, description="Longest gradient; longer ones are scaled down."
    )
    adam_epsilon: float = Field(
        default=1e-5, gt=0, description="Keeps Adam's division away from zero."
    )
    warmup_explained_variance: float = Field(
        default=0.2,
        le=1,
        description="The critic alone learns until it explains this much of the returns …",
    )
    warmup_updates: int = Field(
        default=10, ge=0, description="… or this many updates have gone by; 0 for no warm-up."
    )
    rollback_kl: float | None = Field(
        default=0.5,
        gt=0,
        description="An update that moves the policy further than this is undone.",
    )
    keep_checkpoints: int = Field(
        default=8,
        ge=2,
        description="How many of the newest checkpoints are kept; what was best once stays for good.",
    )

    def ppo(self, *, ent_coef: float) -> PPOConfig:
        """Return the settings of one update."""
        shared = PPOConfig.model_fields.keys() & FleetConfig.model_fields.keys()
        return PPOConfig(**self.model_dump(include=set(shared)) | {"ent_coef": ent_coef})


class CloningConfig(BaseModel):
    """Behaviour cloning: learning a teacher's actions from its demonstrations (Pomerleau 1991)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    learning_rate: float = Field(
        default=5e-4, gt=0, description="Adam's step; usually 1e-4 to 1e-3."
    )
    batch_size: int = Field(default=256, ge=1, description="Decisions of a mini-batch.")
    max_epochs: int = Field(
        default=100, ge=1, description="Most passes over the demonstrations, for each part."
    )
    patience: int = Field(
        default=12,
        ge=1,
        description="Passes without a better validation loss, after which a part ends.",
    )
    validation_share: float = Field(
        default=0.1, gt=0, lt=1, description="Share of the episodes that measure and do not teach."
    )
    label_smoothing: float = Field(
        default=0.02,
        ge=0,
        lt=1,
        description="Probability that a target spreads over what is legal.",
    )
    weight_decay: float = Field(
        default=1e-5,
        ge=0,
        description="Times the weights, added to the gradient before Adam (L2, not decoupled).",
    )
    gamma: float = Field(
        default=0.99, gt=0, le=1, description="Discount of the returns that the critic learns."
    )
    adam_epsilon: float = Field(
        default=1e-8, gt=0, description="Keeps Adam's division away from zero."
    )


class RoutingConfig(BaseModel):
    """How a slot bank is trained: noise and losses on the gate's weights, all off by default.

    Source: the write-up's ASTRAL, but for `specialists` and `assignment`. Losses are added to PPO's with the
    weights stated here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    slot_dropout: float = Field(
        default=0.0, ge=0, lt=1, description="Chance that a slot is left out of a training step."
    )
    gumbel: bool = Field(
        default=False, description="Whether Gumbel noise perturbs the gate's logits in training."
    )
    specialists: tuple[Share, ...] = Field(
        default=(),
        description="For each slot the share of random actions in the training episodes that it plays alone.",
    )
    hard: bool = Field(
        default=False, description="Whether one slot is taken whole (straight-through gradient)."
    )
    orthogonal_init: bool = Field(
        default=False, description="Whether the slots begin orthogonal, of length 1."
    )
    film_gain: float = Field(
        default=0.0, ge=0, description="Gain of FiLM's first weights; 0 begins as the identity."
    )
    temperature_start: float = Field(
        default=1.0, gt=0, description="Temperature of the gate's softmax at the first step."
    )
    temperature_end: float = Field(
        default=1.0, gt=0, description="The same at the end of the budget, and in use."
    )
    temperature_schedule: Literal["linear", "cosine", "exponential"] = Field(
        default="linear", description="How the temperature goes from one to the other."
    )
    weight_entropy: float = Field(
        default=0.0, ge=0, description="Weight of the bonus on the entropy of each step's weights."
    )
    load_balance: float = Field(
        default=0.0, ge=0, description="Weight of the bonus on the entropy of the mean weights."
    )
    orthogonality: float = Field(
        default=0.0, ge=0, description="Weight of the squared cosine between different slots."
    )
    contrastive: float = Field(
        default=0.0,
        ge=0,
        description="Weight of the cosine between the mean weights of different modes (labels).",
    )
    assignment: float = Field(
        default=0.0,
        ge=0,
        description="Weight of the error of taking, in mode m, another slot than the m-th (labels).",
    )
    slot_prediction: float = Field(
        default=0.0,
        ge=0,
        description="Weight of the error of guessing the slot from the observation alone.",
    )
