-- Version 1 of the ledger. A published version is never edited: a change is a new file.
-- Times are UTC in ISO 8601; columns named *_json hold one JSON value; booleans are 0 or 1;
-- a metric that is not a number is NULL.

CREATE TABLE runs (
    id             TEXT PRIMARY KEY NOT NULL,
    name           TEXT NOT NULL,
    kind           TEXT NOT NULL CHECK (kind IN ('recipe', 'train', 'finetune', 'evaluate', 'compare')),
    task           TEXT,
    recipe_json    TEXT NOT NULL,
    seed           INTEGER NOT NULL,
    status         TEXT NOT NULL CHECK (status IN ('running', 'finished', 'interrupted', 'failed')),
    started_at     TEXT NOT NULL,
    finished_at    TEXT,
    wall_seconds   REAL NOT NULL DEFAULT 0 CHECK (wall_seconds >= 0),
    version        TEXT NOT NULL,
    commit_hash    TEXT,
    versions_json  TEXT NOT NULL,
    machine_json   TEXT NOT NULL,
    report         TEXT
);
CREATE INDEX runs_by_name ON runs (name, started_at);

CREATE TABLE policies (
    id               TEXT PRIMARY KEY NOT NULL,
    spec_json        TEXT NOT NULL,
    parameter_count  INTEGER NOT NULL CHECK (parameter_count >= 0),
    source           TEXT,
    record_json      TEXT NOT NULL
);

CREATE TABLE policy_parents (
    child   TEXT NOT NULL REFERENCES policies (id),
    parent  TEXT NOT NULL REFERENCES policies (id),
    PRIMARY KEY (child, parent),
    CHECK (child <> parent)
) WITHOUT ROWID;

CREATE TABLE trainings (
    id                  INTEGER PRIMARY KEY,
    run_id              TEXT NOT NULL REFERENCES runs (id),
    name                TEXT NOT NULL,
    kind                TEXT NOT NULL CHECK (kind IN ('train', 'finetune', 'control')),
    mode                TEXT,
    scope               TEXT NOT NULL,
    seed                INTEGER NOT NULL,
    budget              INTEGER NOT NULL CHECK (budget > 0),
    budget_unit         TEXT NOT NULL,
    base_policy         TEXT REFERENCES policies (id),
    result_policy       TEXT REFERENCES policies (id),
    environment_steps   INTEGER NOT NULL DEFAULT 0 CHECK (environment_steps >= 0),
    replayed_steps      INTEGER NOT NULL DEFAULT 0 CHECK (replayed_steps >= 0),
    episodes            INTEGER NOT NULL DEFAULT 0 CHECK (episodes >= 0),
    updates             INTEGER NOT NULL DEFAULT 0 CHECK (updates >= 0),
    parameters_total    INTEGER NOT NULL CHECK (parameters_total >= 0),
    parameters_adapted  INTEGER NOT NULL
                        CHECK (parameters_adapted BETWEEN 0 AND parameters_total),
    frozen_before       TEXT,
    frozen_after        TEXT,
    frozen_unchanged    INTEGER CHECK (frozen_unchanged IN (0, 1)),
    wall_seconds        REAL NOT NULL DEFAULT 0,
    collect_seconds     REAL NOT NULL DEFAULT 0,
    learn_seconds       REAL NOT NULL DEFAULT 0,
    status              TEXT NOT NULL CHECK (status IN ('running', 'finished', 'interrupted', 'failed')),
    stop_reason         TEXT,
    config_json         TEXT NOT NULL,
    safety_json         TEXT NOT NULL,
    UNIQUE (run_id, name)
);

CREATE TABLE checkpoints (
    id                 INTEGER PRIMARY KEY,
    training_id        INTEGER NOT NULL REFERENCES trainings (id),
    policy_id          TEXT NOT NULL REFERENCES policies (id),
    path               TEXT NOT NULL,
    update_number      INTEGER NOT NULL CHECK (update_number >= 0),
    environment_steps  INTEGER NOT NULL CHECK (environment_steps >= 0),
    published_at       TEXT NOT NULL,
    UNIQUE (training_id, update_number)
);

CREATE TABLE updates (
    training_id         INTEGER NOT NULL REFERENCES trainings (id),
    update_number       INTEGER NOT NULL CHECK (update_number >= 0),
    environment_steps   INTEGER NOT NULL CHECK (environment_steps >= 0),
    approx_kl           REAL,
    update_kl           REAL,
    clip_fraction       REAL,
    entropy             REAL,
    normalised_entropy  REAL,
    explained_variance  REAL,
    gradient_norm       REAL,
    value_error         REAL,
    policy_loss         REAL,
    anchor_loss         REAL,
    learning_rate       REAL,
    return_mean         REAL,
    episodes            INTEGER,
    minibatches         INTEGER,
    stopped_by_kl       INTEGER CHECK (stopped_by_kl IN (0, 1)),
    rolled_back         INTEGER CHECK (rolled_back IN (0, 1)),
    critic_only         INTEGER CHECK (critic_only IN (0, 1)),
    PRIMARY KEY (training_id, update_number)
) WITHOUT ROWID;

CREATE TABLE training_episodes (
    training_id  INTEGER NOT NULL REFERENCES trainings (id),
    attempt      INTEGER NOT NULL,
    worker       INTEGER NOT NULL,
    episode      INTEGER NOT NULL,
    seed         INTEGER NOT NULL,
    mode         TEXT,
    return       REAL NOT NULL,
    length       INTEGER NOT NULL CHECK (length >= 0),
    PRIMARY KEY (training_id, attempt, worker, episode)
) WITHOUT ROWID;

CREATE TABLE evaluations (
    id             INTEGER PRIMARY KEY,
    run_id         TEXT NOT NULL REFERENCES runs (id),
    policy_id      TEXT NOT NULL REFERENCES policies (id),
    label          TEXT NOT NULL,
    task           TEXT NOT NULL,
    mode           TEXT NOT NULL,
    seed_set       TEXT NOT NULL,
    seed_hash      TEXT NOT NULL,
    episodes       INTEGER NOT NULL CHECK (episodes > 0),
    deterministic  INTEGER NOT NULL CHECK (deterministic IN (0, 1)),
    status         TEXT NOT NULL CHECK (status IN ('running', 'finished', 'interrupted', 'failed')),
    wall_seconds   REAL NOT NULL DEFAULT 0 CHECK (wall_seconds >= 0),
    UNIQUE (run_id, policy_id, task, mode, seed_hash, deterministic)
);

CREATE TABLE episodes (
    evaluation_id  INTEGER NOT NULL REFERENCES evaluations (id),
    seed           INTEGER NOT NULL,
    return         REAL NOT NULL,
    length         INTEGER NOT NULL CHECK (length >= 0),
    terminated     INTEGER NOT NULL CHECK (terminated IN (0, 1)),
    truncated      INTEGER NOT NULL CHECK (truncated IN (0, 1)),
    metrics_json   TEXT NOT NULL,
    PRIMARY KEY (evaluation_id, seed)
) WITHOUT ROWID;

CREATE TABLE verdicts (
    id           INTEGER PRIMARY KEY,
    training_id  INTEGER NOT NULL REFERENCES trainings (id),
    accepted     INTEGER NOT NULL CHECK (accepted IN (0, 1)),
    reason       TEXT NOT NULL,
    target       TEXT NOT NULL,
    bounds_json  TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    UNIQUE (training_id, target)
);
