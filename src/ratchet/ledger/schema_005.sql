-- Version 5: cloning and fleets. The tables of runs and trainings are made anew with two more kinds; what only a
-- fleet's updates have stands in a table of its own. `lag_*` is counted in versions, `changes_json` is what the
-- tuner changed and why, and `stale`, `corrupt` and `foreign_` are the episodes refused since the update before.

CREATE TABLE runs_5 (
    id             TEXT PRIMARY KEY NOT NULL,
    name           TEXT NOT NULL,
    kind           TEXT NOT NULL CHECK (kind IN ('recipe', 'train', 'finetune', 'evaluate', 'compare',
                                                 'clone', 'fleet')),
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
INSERT INTO runs_5 SELECT * FROM runs;
DROP TABLE runs;
ALTER TABLE runs_5 RENAME TO runs;
CREATE INDEX runs_by_name ON runs (name, started_at);

CREATE TABLE trainings_5 (
    id                  INTEGER PRIMARY KEY,
    run_id              TEXT NOT NULL REFERENCES runs (id),
    name                TEXT NOT NULL,
    kind                TEXT NOT NULL CHECK (kind IN ('train', 'finetune', 'control', 'clone', 'fleet')),
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
INSERT INTO trainings_5 SELECT * FROM trainings;
DROP TABLE trainings;
ALTER TABLE trainings_5 RENAME TO trainings;

-- From which update of a fleet, so that an update that did not last takes its episodes with it.
ALTER TABLE training_episodes ADD COLUMN update_number INTEGER;

CREATE TABLE fleet_updates (
    training_id          INTEGER NOT NULL,
    update_number        INTEGER NOT NULL,
    policy_id            TEXT NOT NULL,
    transitions          INTEGER NOT NULL CHECK (transitions >= 0),
    lag_mean             REAL NOT NULL,
    lag_most             INTEGER NOT NULL CHECK (lag_most >= 0),
    entropy_coefficient  REAL,
    anchor_coefficient   REAL,
    finding              TEXT NOT NULL,
    changes_json         TEXT NOT NULL,
    stale                INTEGER NOT NULL CHECK (stale >= 0),
    corrupt              INTEGER NOT NULL CHECK (corrupt >= 0),
    foreign_             INTEGER NOT NULL CHECK (foreign_ >= 0),
    waiting              INTEGER NOT NULL CHECK (waiting >= 0),
    wait_seconds         REAL NOT NULL,
    read_seconds         REAL NOT NULL,
    learn_seconds        REAL NOT NULL,
    PRIMARY KEY (training_id, update_number),
    FOREIGN KEY (training_id, update_number) REFERENCES updates (training_id, update_number)
        ON DELETE CASCADE
) WITHOUT ROWID;
