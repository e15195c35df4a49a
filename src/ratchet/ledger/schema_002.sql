-- Version 2: what was measured on a policy beside its episodes, such as how it uses its slots.

CREATE TABLE measurements (
    run_id      TEXT NOT NULL REFERENCES runs (id),
    policy_id   TEXT NOT NULL REFERENCES policies (id),
    task        TEXT NOT NULL,
    mode        TEXT NOT NULL,
    name        TEXT NOT NULL,
    value_json  TEXT NOT NULL,
    PRIMARY KEY (run_id, policy_id, task, mode, name)
) WITHOUT ROWID;
