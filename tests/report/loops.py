"""Synthetic ledgers of clonings and fleets: the numbers are drawn here and kept, to compare with."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np

from ratchet.ledger import EpisodeRow, Ledger, TrainingEpisodeRow

CLAIMS = (
    Path(__file__).resolve().parents[2] / "src" / "ratchet" / "recipes" / "claims"
) / "parallel_ppo.toml"
FLEET = {
    "lagged": "reject", "batch_size": 512, "n_epochs": 4, "learning_rate": 3e-5, "ent_coef": 0.001,
    "anchor": 0.1, "tuned": True, "clip_range": 0.15, "target_kl": 0.03,
}  # fmt: skip
CLONING = {"validation_share": 0.1, "learning_rate": 5e-4, "batch_size": 256,
           "label_smoothing": 0.02, "weight_decay": 1e-5}  # fmt: skip
BATCH = 8
RATES = {"decisions": 200, "agreed": 170}


def claims() -> dict:
    return tomllib.loads(CLAIMS.read_text())


def game(rng, mean=12.0):
    """Return a game's metrics and fights, of a game that ends somewhere around a floor."""
    floor = int(np.clip(round(rng.normal(mean, 5)), 1, 50))
    elites = int(rng.integers(0, 3))
    metrics = {
        "floor": floor, "act": 1 + floor // 17, "hp": int(rng.integers(0, 80)), "victory": 0,
        "elite_fights": elites, "elite_wins": int(rng.integers(0, elites + 1)),
        "boss_fights": int(floor >= 16), "boss_wins": int(floor >= 17),
    }  # fmt: skip
    fights = [
        {
            "kind": "monster",
            "floor": 1 + number,
            "monsters": ["cultist", "louse"],
            "won": number > 0,
        }
        for number in range(2)
    ]
    return metrics, fights


class Loop:
    """A ledger in the making, and what went into it."""

    def __init__(self, path, *, kind="recipe", name="loop", task="spire", games=True, **recipe):
        self.ledger = Ledger.open(path)
        self.run, self.task, self.games = name, task, games
        self.rng = np.random.default_rng(11)
        self.evaluated: dict[str, list[dict]] = {}
        """By policy the metrics of its games, in the order of the seeds."""
        self.trained: list[dict] = []
        self.returns: dict[str, np.ndarray] = {}
        self.ledger.start_run(name, name=name, kind=kind, seed=3, task=task, recipe=recipe)
        self.ledger.add_policy("heuristic", spec={}, parameter_count=0, source="built in")
        self.ledger.add_policy("new", spec={}, parameter_count=9155, source="new")

    def clone(self):
        self.ledger.add_policy("clone", spec={}, parameter_count=9155, parents=["new"])
        identity = self.ledger.start_training(
            self.run, "clone", kind="clone", scope="full", seed=3, budget=6,
            budget_unit="episodes", base_policy="new", parameters_total=9155,
            parameters_adapted=9155, config=CLONING,
        )  # fmt: skip
        epochs = [
            {"part": part, "number": number, "training_loss": 0.5, "validation_loss": 0.5,
             "score": 0.8, "best": number == 2}
            for part in ("policy", "critic") for number in (1, 2, 3)
        ]  # fmt: skip
        self.ledger.add_measurement(
            self.run, "clone", task=self.task, mode="", name="cloning",
            value={
                "teacher": "heuristic", "episodes": 6, "decisions": 2000, "epochs": epochs,
                "cross_entropy": 0.42, "explained_variance": 0.6, "accuracy": RATES,
                "accuracy_of_choices": {"decisions": 150, "agreed": 120},
                "by_kind": {"end turn": {"decisions": 40, "agreed": 30}},
                "by_situation": {"map": {"decisions": 0, "agreed": 0}},
            },
        )  # fmt: skip
        self.ledger.finish_training(
            identity, environment_steps=2000, episodes=6, updates=6, result_policy="clone",
            wall_seconds=20.0, stop_reason="no better epoch",
        )  # fmt: skip
        return "clone"

    def fleet(self, *, updates=6, critic_only=1, result="ppo", start="clone", status="finished",
              accepted=(), looks=(), stale=0, books=True, seeds=20):  # fmt: skip
        """Write a fleet whose pawl looked after the updates `looks`, and took those in `accepted`."""
        self.ledger.add_policy(start, spec={}, parameter_count=9155)
        self.ledger.add_policy(result, spec={}, parameter_count=9155, parents=[start])
        identity = self.ledger.start_training(
            self.run, "fleet", kind="fleet", scope="full", seed=3, budget=80,
            budget_unit="episodes", base_policy=start, parameters_total=9155,
            parameters_adapted=9155, config=FLEET,
        )  # fmt: skip
        self.update_returns = []
        transitions = 0
        if looks:
            self.validate(start, seeds)
        for number in range(1, updates + 1):
            policy = result if number == updates else f"p{number}"
            self.ledger.add_policy(policy, spec={}, parameter_count=9155, parents=[start])
            rows = [self._trained(number, place) for place in range(BATCH)]
            transitions += sum(row.length for row in rows)
            self._update(identity, number, rows, transitions, critic_only=number <= critic_only,
                         stale=stale if number == 2 else 0, policy=policy)  # fmt: skip
            if number in looks:
                self.validate(policy, seeds)
                self.ledger.add_verdict(
                    identity, accepted=number in accepted, target=f"update {number}",
                    reason="better" if number in accepted else "no improvement is shown",
                    bounds={"a0": {"mean": 0.5 * number, "lower": -0.1, "required": 0.0,
                                   "passed": number in accepted, "episodes": seeds}},
                )  # fmt: skip
        self.transitions = transitions
        self.ledger.finish_training(
            identity, environment_steps=transitions, episodes=BATCH * updates, updates=updates,
            status=status, stop_reason="the budget of episodes is spent",
            result_policy=result if status == "finished" else None, wall_seconds=60.0,
        )  # fmt: skip
        if books:
            self._books(start, BATCH * updates, stale)
        return identity

    def evaluate(self, policy, label, returns=None, *, floors=12.0, seeds=20, like=None, keep=None):
        """Evaluate on the seeds that report; `like` plays another policy's games again."""
        self.ledger.add_policy(policy, spec={}, parameter_count=9155)
        told = [game(self.rng, floors) for _ in range(seeds)]
        if like is not None:
            told = [(metrics, []) for metrics in self.evaluated[like]]
        values = self.rng.normal(0, 2, seeds) if returns is None else np.asarray(returns, float)
        if like is not None:
            values = self.returns[like]
        self.evaluated[policy] = [metrics for metrics, _ in told]
        self.returns[policy] = values
        self._play(policy, label, "eval_200", range(100, 100 + seeds), values, told, keep)

    def validate(self, policy, seeds, first=5000):
        told = [game(self.rng) for _ in range(seeds)]
        values = self.rng.normal(0, 2, seeds)
        self._play(policy, "candidate", "validation_100", range(first, first + seeds), values, told)

    def compared(self, before, after, *, same):
        self.ledger.add_measurement(
            self.run, after, task=self.task, mode="", name=f"compared with {before}",
            value={"before": before, "after": after, "same_policy": same},
        )  # fmt: skip

    def finish(self, status="finished"):
        self.ledger.finish_run(self.run, status=status, wall_seconds=90.0)
        return self

    def _play(self, policy, label, seed_set, seeds, values, told, keep=None):
        identity, _ = self.ledger.start_evaluation(
            self.run, policy, label=label, task=self.task, mode="a0", seeds=list(seeds),
            seed_set=seed_set, deterministic=True,
        )  # fmt: skip
        rows = [
            EpisodeRow(seed, float(value), 30, terminated=True, truncated=False,
                       metrics=metrics if self.games else {}, parts=fights if self.games else ())
            for seed, value, (metrics, fights) in zip(seeds, values, told, strict=True)
        ]  # fmt: skip
        self.ledger.add_episodes(identity, rows[:keep])
        if keep is None:
            self.ledger.finish_evaluation(identity, wall_seconds=1.0)

    def _trained(self, number, place):
        metrics, fights = game(self.rng)
        self.trained.append(metrics)
        return TrainingEpisodeRow(
            attempt=0, worker=place % 2, episode=(number - 1) * BATCH + place, seed=1 << 62,
            mode="a0", episode_return=float(self.rng.normal()), length=20 + place,
            metrics=metrics if self.games else {}, parts=fights if self.games else (),
        )  # fmt: skip

    def _update(self, identity, number, rows, transitions, *, critic_only, stale, policy):
        mean = float(np.mean([row.episode_return for row in rows]))
        self.update_returns.append(mean)
        moved = 0.0 if critic_only else 0.01 * number
        self.ledger.add_update(
            identity, number, environment_steps=transitions,
            metrics={
                "approx_kl": moved, "clip_fraction": 2 * moved, "explained_variance": 0.1 * number,
                "learning_rate": 3e-5, "return_mean": mean, "episodes": len(rows),
                "normalised_entropy": 0.3, "stopped_by_kl": number == 4, "rolled_back": 0,
                "critic_only": critic_only,
            },
        )  # fmt: skip
        self.ledger.add_fleet_update(
            identity, number, policy_id=policy, transitions=sum(row.length for row in rows),
            lag_mean=0.5 * number, lag_most=number, entropy_coefficient=0.001,
            anchor_coefficient=0.1 / number, finding="" if critic_only else "healthy",
            changes=[] if critic_only else [f"anchor_coefficient 0.2 → 0.1: healthy: {number}"],
            stale=stale, corrupt=0, foreign_=0, waiting=3, wait_seconds=1.0, read_seconds=0.5,
            learn_seconds=4.0,
        )  # fmt: skip
        self.ledger.add_training_episodes(identity, rows)

    def _books(self, start, consumed, stale):
        worker = {
            "name": "w0", "state": "ended", "reason": "", "episodes": consumed, "discarded": 2,
            "steps": 4000, "restarts": 1, "crashes": {"killed": 1}, "lag_mean": 0.2, "lag_most": 1,
            "seconds": {"choosing": 6.0, "stepping": 3.0, "waiting": 1.0},
        }  # fmt: skip
        idle = worker | {"name": "w1", "episodes": 0, "restarts": 0, "crashes": {}}
        self.ledger.add_measurement(
            self.run, start, task=self.task, mode="", name="fleet",
            value={
                "budget": {"episodes": 80, "seconds": None},
                "spent": {"publishing": 2.0},
                "spool": {"collected": consumed + stale + 5, "waiting": 5, "claimed": 0,
                          "consumed": consumed, "stale": stale, "corrupt": 0, "foreign": 0,
                          "missing": 0},
                "workers": [worker, idle],
            },
        )  # fmt: skip


RECIPE = {
    "recipe": "parallel-ppo", "title": "A loop", "task": "spire", "modes": ["a0"],
    "teacher": "heuristic", "metric": "floor", "batch": BATCH, "max_lag": 4, "environments": 16,
    "promote_every": 16, "pawl": {"confidence": 0.95}, "fleet": FLEET,
    "lists": {"report": "eval_200", "validation": "validation_100"},
}  # fmt: skip


def loop_run(path, *, gain=3.0, same=False, games=True, **fleet):
    """Write a whole run: the teacher, its clone, and PPO `gain` floors above it, or the same policy."""
    stated = claims()
    recipe = RECIPE | {"claims": stated["claims"], "source": stated["source"]}
    written = Loop(path, games=games, **(recipe if games else recipe | {"metric": "return"}))
    written.clone()
    written.evaluate("heuristic", "heuristic", floors=16.0)
    written.evaluate("clone", "clone")
    written.fleet(**{"looks": (2, 4), "accepted": (4,), "updates": 6} | fleet)
    written.evaluate("ppo", "PPO", floors=12.0 + gain, like="clone" if same else None)
    written.compared("heuristic", "clone", same=False)
    written.compared("clone", "ppo", same=same)
    return written.finish()
