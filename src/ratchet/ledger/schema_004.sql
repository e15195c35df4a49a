-- Version 4: how evaluations break stalls, and how often they did. Evaluations of an older file broke none.
-- `stall_after` belongs to what an evaluation is, so the table is made anew with it among the unique columns.

CREATE TABLE evaluations_4 (
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
    stall_after    INTEGER NOT NULL CHECK (stall_after >= 0),
    status         TEXT NOT NULL CHECK (status IN ('running', 'finished', 'interrupted', 'failed')),
    wall_seconds   REAL NOT NULL DEFAULT 0 CHECK (wall_seconds >= 0),
    UNIQUE (run_id, policy_id, task, mode, seed_hash, deterministic, stall_after)
);
INSERT INTO evaluations_4 (id, run_id, policy_id, label, task, mode, seed_set, seed_hash, episodes,
                           deterministic, stall_after, status, wall_seconds)
SELECT id, run_id, policy_id, label, task, mode, seed_set, seed_hash, episodes, deterministic, 0, status,
       wall_seconds
FROM evaluations;
DROP TABLE evaluations;
ALTER TABLE evaluations_4 RENAME TO evaluations;

ALTER TABLE episodes ADD COLUMN stalls_broken INTEGER NOT NULL DEFAULT 0 CHECK (stalls_broken >= 0);
