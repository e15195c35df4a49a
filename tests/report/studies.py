"""Synthetic ledgers of laboratory studies: adaptations whose changes are drawn here, as a study leaves them."""

from __future__ import annotations

import numpy as np

from ratchet.ledger import EpisodeRow, Ledger
from report.runs import MAXIMUM, SPEC

MODES = ("0", "1", "2")
SCOPES = {"gating": 4355, "policy_head": 4290, "full": 51014}
GATE = {"name": "gate", "label": "gate", "scope": "gating", "method": "reinforce", "guard": False, "anchor": "none"}  # fmt: skip
HEAD = {"name": "head", "label": "policy head", "scope": "policy_head", "method": "reinforce", "guard": False, "anchor": "none"}  # fmt: skip
GUARDED = {**GATE, "name": "gate_guarded", "label": "gate, guarded", "guard": True}
FULL = {**GATE, "name": "full", "label": "whole policy", "scope": "full"}
ANCHORED = {**FULL, "name": "full_ewc", "label": "whole policy, EWC", "anchor": "ewc:1.0"}
PPO = {**GATE, "name": "gate_ppo", "label": "gate, PPO", "method": "ppo"}
ARMS = (GATE, HEAD, GUARDED, FULL, ANCHORED, PPO)


class Study:
    """A study's ledger in the making; `returns[policy, task, mode]` is what went into it."""

    def __init__(self, path, study, *, bases=("slots",), training_seeds=(1, 2, 3), arms=(GATE, HEAD),
                 adaptation_seeds=(0, 1), budgets=(30,), modes=MODES, adapt_task=None, claims=(),
                 episodes=12, deterministic=True, **recipe):  # fmt: skip
        self.ledger = Ledger.open(path)
        self.run = study
        self.rng = np.random.default_rng(4)
        self.seeds = list(range(episodes))
        self.task, self.adapt_task = "cartpole-modes", adapt_task or "cartpole-modes"
        self.modes, self.adapt_modes = modes, modes
        self.bases, self.training_seeds, self.arms = bases, training_seeds, arms
        self.adaptation_seeds, self.budgets = adaptation_seeds, budgets
        self.returns = {}
        self.recipe = {
            "recipe": study, "title": f"The study {study}", "source": "A write-up", "task": self.task,
            "adapt_task": self.adapt_task, "modes": list(modes), "adapt_modes": list(modes),
            "maximum_return": MAXIMUM, "seed": 0, "deterministic": deterministic, "episodes": episodes,
            "bases": [{"name": b, "preset": b, "steps": 1000, "description": f"base {b}"} for b in bases],
            "training_seeds": list(training_seeds), "adaptation_seeds": list(adaptation_seeds),
            "budgets": list(budgets), "arms": [dict(arm) for arm in arms], "claims": list(claims),
            "retention": self.adapt_task != self.task, "reference_base": bases[0], **recipe,
        }  # fmt: skip
        self.ledger.start_run(
            study, name=study, kind="recipe", seed=0, task=self.task, recipe=self.recipe
        )

    def evaluate(self, policy, task, mode, values, *, keep=None):
        identity, _ = self.ledger.start_evaluation(
            self.run, policy, label=policy, task=task, mode=mode, seeds=self.seeds,
            seed_set="report", deterministic=self.recipe["deterministic"],
        )  # fmt: skip
        values = np.clip(np.round(values), 0.0, MAXIMUM)
        rows = [
            EpisodeRow(seed, float(value), int(value), terminated=True, truncated=False)
            for seed, value in zip(self.seeds, values, strict=True)
        ][:keep]
        self.ledger.add_episodes(identity, rows)
        if keep is None:
            self.ledger.finish_evaluation(identity)
        self.returns[policy, task, mode] = values

    def base(self, base, seed, level):
        """Write a trained base whose mean return on every mode is about `level`."""
        policy = f"{base}-{seed}"
        self.ledger.add_policy(
            policy, spec=SPEC, parameter_count=51014, source="training", record={}, parents=[]
        )
        self.ledger.add_measurement(
            self.run, policy, task=self.task, mode="", name="base",
            value={"base": base, "training_seed": seed, "from_run": "earlier", "steps": 1000,
                   "parameters_total": 51014, "scopes": SCOPES, "wall_seconds": 3.0,
                   "curve": {"steps": [0, 1000], "return_mean": [20.0, level]}},
        )  # fmt: skip
        tasks = {self.task: self.modes, self.adapt_task: self.adapt_modes}
        for task, modes in tasks.items():
            for mode in modes:
                noise = self.rng.normal(0, 30, len(self.seeds))
                self.evaluate(policy, task, mode, level + noise)
        return policy

    def adapt(self, base, seed, arm, target, again, budget, shift, *, adopted=True, stop=False):
        """Write one adaptation; `shift(task, mode)` is the mean change that it makes."""
        before = f"{base}-{seed}"
        name = f"{base}.seed-{seed}.{arm['name']}.mode-{target}.adapt-{again}.{budget}"
        after = before if not adopted else f"p-{name}"
        identity = self.ledger.start_training(
            self.run, name, kind="finetune", scope=arm["scope"], seed=again, budget=budget,
            mode=target, budget_unit="episodes", base_policy=before, parameters_total=51014,
            parameters_adapted=SCOPES[arm["scope"]], frozen_before="f",
            config={"study": {"base": base, "training_seed": seed, "arm": arm["name"],
                              "adaptation_seed": again, "budget": budget}},
        )  # fmt: skip
        if stop:
            return
        if adopted:
            self.ledger.add_policy(
                after, spec=SPEC, parameter_count=51014, source=None, record={}, parents=[before]
            )
        evidence = budget // 2 if arm["guard"] else 0
        guard = {
            "adopted": adopted, "reason": "shown to be better" if adopted else "no gain is shown",
            "p_value": 0.2, "confidence": 0.95, "adaptation_episodes": budget - evidence,
            "evidence_episodes": evidence,
        }  # fmt: skip
        self.ledger.finish_training(
            identity, environment_steps=budget * 100, episodes=budget, updates=budget,
            result_policy=after, frozen_after="f", wall_seconds=0.5, collect_seconds=0.2,
            learn_seconds=0.1,
            safety={"guard": guard if arm["guard"] else None,
                    "side_steps": 50 if arm["anchor"].startswith("ewc") else 0},
        )  # fmt: skip
        if not adopted:
            return
        places = [(self.adapt_task, mode) for mode in self.adapt_modes]
        if self.recipe["retention"]:
            places += [(self.task, mode) for mode in self.modes]
        elsewhere = self.recipe["recipe"] == "forgetting"
        for task, mode in places:
            if task == self.adapt_task and mode != target and not elsewhere:
                continue
            start = self.returns[before, task, mode]
            noise = self.rng.normal(0, 4, len(self.seeds))
            self.evaluate(after, task, mode, start + shift(task, mode) + noise)


def write_study(path, study, shift, *, level=200.0, stop=None, adopt=None, **settings):
    """Write a whole study.

    `shift(arm, target, budget, task, mode)` is the mean change an adaptation makes, and
    `adopt(again)` whether a guard adopts it. `stop` ends the run at that many adaptations, the last
    one begun.
    """
    written = Study(path, study, **settings)
    for base in written.bases:
        for seed in written.training_seeds:
            written.base(base, seed, level + 5.0 * seed)
    count = 0
    for base in written.bases:
        for seed in written.training_seeds:
            for arm in written.arms:
                for target in written.adapt_modes:
                    for again in written.adaptation_seeds:
                        for budget in written.budgets:
                            count += 1
                            if stop is not None and count >= stop:
                                written.adapt(
                                    base, seed, arm, target, again, budget, None, stop=True
                                )
                                written.ledger.finish_run(written.run, status="interrupted")
                                return written
                            adopted = not arm["guard"] or adopt is None or adopt(again)
                            written.adapt(
                                base, seed, arm, target, again, budget,
                                lambda task, mode, a=arm, t=target, b=budget: shift(
                                    a["name"], t, b, task, mode
                                ),
                                adopted=adopted,
                            )  # fmt: skip
    written.ledger.finish_run(written.run, wall_seconds=83.0)
    return written
