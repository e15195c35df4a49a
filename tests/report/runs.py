"""Synthetic ledgers of fine-tuning runs: the numbers are drawn here and kept, to compare with."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np

from ratchet.evaluation.pawl import judge
from ratchet.ledger import EpisodeRow, Ledger
from ratchet.policies.spec import ActionSpec, ObservationSpec, PolicySpec

SPEC = PolicySpec(
    observation=ObservationSpec(kind="box", shape=(4,)), action=ActionSpec(kind="discrete", n=2)
).to_json()
MAXIMUM = 500.0
MODES = ("0", "1", "2")
CLAIMS = (
    Path(__file__).resolve().parents[2] / "src" / "ratchet" / "recipes" / "claims"
) / "sb3_finetuning.toml"


def claims() -> dict:
    return tomllib.loads(CLAIMS.read_text())


class Written:
    """A ledger in the making, and what went into it: `returns[policy, mode]` in order of the seeds."""

    def __init__(self, path, *, kind, recipe, seeds, name="sb3-finetuning", task="cartpole-modes"):
        self.ledger = Ledger.open(path)
        self.run = name
        self.task = task
        self.seeds = list(seeds)
        self.selection = [seed + 10_000 for seed in seeds]
        self.returns: dict[tuple[str, str], np.ndarray] = {}
        self.modes = recipe.get("modes", MODES)
        self.ledger.start_run(name, name=name, kind=kind, seed=7, task=task, recipe=recipe)

    def policy(self, policy_id, parents=(), source=None, parameters=9155):
        self.ledger.add_policy(
            policy_id, spec=SPEC, parameter_count=parameters, source=source,
            record={"environment_steps": 131_072} if source else {}, parents=list(parents),
        )  # fmt: skip

    def evaluate(self, policy_id, mode, returns, *, seed_set="report", keep=None):
        seeds = self.seeds if seed_set == "report" else self.selection
        identity, _ = self.ledger.start_evaluation(
            self.run, policy_id, label=policy_id, task=self.task, mode=mode, seeds=seeds,
            seed_set=seed_set, deterministic=True,
        )  # fmt: skip
        rows = [
            EpisodeRow(seed, float(value), int(value), terminated=True, truncated=False)
            for seed, value in zip(seeds, returns, strict=True)
        ][:keep]
        self.ledger.add_episodes(identity, rows)
        if keep is None:
            self.ledger.finish_evaluation(identity)
        if seed_set == "report":
            self.returns[policy_id, mode] = np.asarray(returns, float)

    def train(self, name, *, kind="finetune", mode=None, scope="full", budget=1000, seed=0,
              base="base", result=None, updates=0, same=False, **changes):  # fmt: skip
        adapted = {"full": 9155, "policy_head": 130, "adapter": 200}[scope]
        identity = self.ledger.start_training(
            self.run, name, kind=kind, scope=scope, seed=seed, budget=budget, mode=mode,
            budget_unit="steps", base_policy=None if kind == "train" else base,
            parameters_total=9155, parameters_adapted=adapted, frozen_before="f0",
            config={"learning_rate": 3e-4, "n_envs": 16},
        )  # fmt: skip
        for number in range(1, updates + 1):
            self.ledger.add_update(
                identity, number, environment_steps=budget * number // updates,
                metrics={"return_mean": 300.0 + 20 * number + seed},
            )  # fmt: skip
        if result is None:
            return identity
        if not same:
            self.policy(result, parents=[] if kind == "train" else [base])
        totals = {
            "environment_steps": budget, "episodes": 3, "updates": updates,
            "result_policy": result, "frozen_after": "f0", "wall_seconds": budget / 1000,
            "collect_seconds": 0.25, "learn_seconds": 0.5,
        }  # fmt: skip
        self.ledger.finish_training(identity, **(totals | changes))
        return identity

    def verdict(self, training, target, result, base="base"):
        differences = {
            mode: self.returns[result, mode] - self.returns[base, mode] for mode in self.modes
        }
        said = judge(differences, target, scale=MAXIMUM, same_policy=result == base)
        self.ledger.add_verdict(
            training, accepted=said.accepted, reason=said.reason, target=target or "all modes",
            bounds=said.to_json(),
        )  # fmt: skip
        return said


def capped(rng, mean, spread, size):
    return np.minimum(MAXIMUM, np.round(rng.normal(mean, spread, size)))


def recipe_run(path, *, shift, budgets=(1000, 15_000), scopes=("full", "policy_head"),
               seeds=(1, 2, 3), episodes=40, control=None, stop=None, updates=4):  # fmt: skip
    """Write a recipe's run; `shift(target, mode, budget, scope)` is the mean change that an arm makes.

    A target of None is the control arm. `stop` ends the run after so many arms, the last one begun.
    """
    rng = np.random.default_rng(3)
    stated = claims()
    recipe = {
        "task": "cartpole-modes", "base": "ppo_model.zip", "modes": list(MODES),
        "maximum_return": MAXIMUM, "budgets": list(budgets), "scopes": list(scopes),
        "seeds": list(seeds), "episodes": episodes, "claims": stated["claims"],
        "source": stated["source"],
    }  # fmt: skip
    if control is False:
        recipe["control"] = False
    written = Written(path, kind="recipe", recipe=recipe, seeds=range(100, 100 + episodes))
    written.policy("base", source="ppo_model.zip")
    noise = {mode: rng.normal(0, 70, episodes) for mode in MODES}
    for mode in MODES:
        values = np.minimum(MAXIMUM, np.round(400 + noise[mode]))
        written.evaluate("base", mode, values)
        written.evaluate("base", mode, values, seed_set="selection")
    count = 0
    for scope in scopes:
        for budget in budgets:
            for target in (*MODES, None) if control is not False else MODES:
                for seed in seeds:
                    name = f"{target or 'mixed'}-{scope}-{budget}-{seed}"
                    kind = "control" if target is None else "finetune"
                    count += 1
                    stopped = stop is not None and count >= stop
                    identity = written.train(
                        name, kind=kind, mode=target, scope=scope, budget=budget, seed=seed,
                        result=None if stopped else f"p-{name}", updates=updates,
                    )  # fmt: skip
                    if stopped:
                        written.ledger.finish_run(written.run, status="interrupted")
                        return written
                    for mode in MODES:
                        change = shift(target, mode, budget, scope)
                        values = 400 + noise[mode] + change + rng.normal(0, 8, episodes)
                        values = np.minimum(MAXIMUM, np.round(values))
                        written.evaluate(f"p-{name}", mode, values)
                    written.verdict(identity, target, f"p-{name}")
    written.ledger.finish_run(written.run, wall_seconds=83.0)
    return written


def finetune_run(path, *, shift, modes=MODES, target="2", episodes=40, same=False, updates=3,
                 scope="policy_head", **totals):  # fmt: skip
    """Write a run of one fine-tuning; `shift(mode)` is the mean change that it makes.

    `totals` are what the ledger holds of the training beside what is written for every one.
    """
    rng = np.random.default_rng(5)
    recipe = {"base": "ppo_model.zip", "modes": list(modes), "maximum_return": MAXIMUM}
    written = Written(
        path, kind="finetune", recipe=recipe, seeds=range(50, 50 + episodes), name="tuned"
    )
    written.policy("base", source="ppo_model.zip")
    result = "base" if same else "after"
    identity = written.train(
        "finetune", mode=target, scope=scope, result=result, updates=updates, same=same, **totals
    )
    for mode in modes:
        before = capped(rng, 400, 60, episodes)
        after = np.minimum(MAXIMUM, np.round(before + shift(mode) + rng.normal(0, 5, episodes)))
        for seed_set in ("report", "selection"):
            written.evaluate("base", mode, before, seed_set=seed_set)
            if not same:
                written.evaluate("after", mode, after, seed_set=seed_set)
    written.said = written.verdict(identity, target, result)
    written.ledger.finish_run("tuned", wall_seconds=2.0)
    return written
