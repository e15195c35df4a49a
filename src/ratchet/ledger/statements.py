"""The insertions of the ledger.

Invariant: each is safe to repeat. ``DO NOTHING`` where the first row is the truth (an episode that
was played), ``DO UPDATE`` where a resumed process computes the same row again. The parts of an
episode are inserted with its first row, and only then.
"""

from __future__ import annotations

UPDATE_METRICS = (
    "approx_kl",
    "update_kl",
    "clip_fraction",
    "entropy",
    "normalised_entropy",
    "explained_variance",
    "gradient_norm",
    "value_error",
    "policy_loss",
    "anchor_loss",
    "learning_rate",
    "return_mean",
)
"""Columns of an update that are real numbers; one that was not measured is NULL."""

FLEET_COLUMNS = (
    "policy_id",
    "transitions",
    "lag_mean",
    "lag_most",
    "entropy_coefficient",
    "anchor_coefficient",
    "finding",
    "changes_json",
    "stale",
    "corrupt",
    "foreign_",
    "waiting",
    "wait_seconds",
    "read_seconds",
    "learn_seconds",
)
"""Columns that only an update of a fleet has."""

UPDATE_COUNTS = ("episodes", "minibatches", "stopped_by_kl", "rolled_back", "critic_only")
"""Columns of an update that are counts or flags."""

START_RUN = """
INSERT INTO runs (id, name, kind, task, recipe_json, seed, status, started_at, version, commit_hash,
                  versions_json, machine_json)
VALUES (:id, :name, :kind, :task, :recipe_json, :seed, 'running', :started_at, :version,
        :commit_hash, :versions_json, :machine_json)
"""

ADD_POLICY = """
INSERT INTO policies (id, spec_json, parameter_count, source, record_json)
VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
"""

START_TRAINING = """
INSERT INTO trainings (run_id, name, kind, mode, scope, seed, budget, budget_unit, base_policy,
                       parameters_total, parameters_adapted, frozen_before, status, config_json,
                       safety_json)
VALUES (:run_id, :name, :kind, :mode, :scope, :seed, :budget, :budget_unit, :base_policy,
        :parameters_total, :parameters_adapted, :frozen_before, 'running', :config_json, '{}')
"""

FINISH_TRAINING = """
UPDATE trainings SET
    environment_steps = :environment_steps, episodes = :episodes, updates = :updates,
    status = :status, stop_reason = :stop_reason,
    result_policy = coalesce(:result_policy, result_policy), replayed_steps = :replayed_steps,
    frozen_after = :frozen_after, frozen_unchanged = (frozen_before = :frozen_after),
    wall_seconds = :wall_seconds, collect_seconds = :collect_seconds,
    learn_seconds = :learn_seconds, safety_json = :safety_json
WHERE id = :id
"""

# REPLACE, not an upsert: the row has no dependents, and every column is stated.
ADD_UPDATE = """
INSERT OR REPLACE INTO updates (
    training_id, update_number, environment_steps, approx_kl, update_kl, clip_fraction, entropy,
    normalised_entropy, explained_variance, gradient_norm, value_error, policy_loss, anchor_loss,
    learning_rate, return_mean, episodes, minibatches, stopped_by_kl, rolled_back, critic_only)
VALUES (
    :training_id, :update_number, :environment_steps, :approx_kl, :update_kl, :clip_fraction,
    :entropy, :normalised_entropy, :explained_variance, :gradient_norm, :value_error, :policy_loss,
    :anchor_loss,
    :learning_rate, :return_mean, :episodes, :minibatches, :stopped_by_kl, :rolled_back,
    :critic_only)
"""

ADD_FLEET_UPDATE = f"""
INSERT OR REPLACE INTO fleet_updates (training_id, update_number, {", ".join(FLEET_COLUMNS)})
VALUES (:training_id, :update_number, {", ".join(f":{name}" for name in FLEET_COLUMNS)})
"""  # noqa: S608 - the columns are named above

ADD_CHECKPOINT = """
INSERT INTO checkpoints (training_id, policy_id, path, update_number, environment_steps,
                         published_at)
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (training_id, update_number) DO NOTHING
"""

ADD_TRAINING_EPISODE = """
INSERT INTO training_episodes (training_id, attempt, worker, episode, seed, mode, return, length,
                               metrics_json, version, update_number)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (training_id, attempt, worker, episode) DO NOTHING
"""

ADD_TRAINING_EPISODE_PART = """
INSERT INTO training_episode_parts (training_id, attempt, worker, episode, number, values_json)
VALUES (?, ?, ?, ?, ?, ?)
"""

START_EVALUATION = """
INSERT INTO evaluations (run_id, policy_id, task, mode, seed_hash, deterministic, stall_after, label,
                         seed_set, episodes, status)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'running')
ON CONFLICT (run_id, policy_id, task, mode, seed_hash, deterministic, stall_after) DO UPDATE SET
    status = CASE WHEN status = 'finished' THEN status ELSE 'running' END
"""

ADD_EPISODE = """
INSERT INTO episodes (evaluation_id, seed, return, length, terminated, truncated, metrics_json,
                      stalls_broken)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (evaluation_id, seed) DO NOTHING
"""

ADD_EPISODE_PART = """
INSERT INTO episode_parts (evaluation_id, seed, number, values_json) VALUES (?, ?, ?, ?)
"""

ADD_VERDICT = """
INSERT INTO verdicts (training_id, accepted, reason, target, bounds_json, created_at)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (training_id, target) DO UPDATE SET
    accepted = excluded.accepted, reason = excluded.reason, bounds_json = excluded.bounds_json,
    created_at = excluded.created_at
"""

FORGET_EPISODES = {
    "training_episode_parts": """
DELETE FROM training_episode_parts WHERE training_id = ?1 AND (attempt, worker, episode) IN (
    SELECT attempt, worker, episode FROM training_episodes
    WHERE training_id = ?1 AND update_number > ?2
)
""",
    "training_episodes": "DELETE FROM training_episodes WHERE training_id = ?1 AND update_number > ?2",
}
"""In this order: parts refer to their episodes."""
