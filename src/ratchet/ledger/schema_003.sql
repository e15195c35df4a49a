-- Version 3: the parts of episodes, such as the fights of a game, and the metrics of training's episodes.
-- Episodes of an older file have none. `number` counts a part's place in its episode from 0; `values_json` is
-- an object with the columns that the task names.

CREATE TABLE episode_parts (
    evaluation_id  INTEGER NOT NULL,
    seed           INTEGER NOT NULL,
    number         INTEGER NOT NULL CHECK (number >= 0),
    values_json    TEXT NOT NULL,
    PRIMARY KEY (evaluation_id, seed, number),
    FOREIGN KEY (evaluation_id, seed) REFERENCES episodes (evaluation_id, seed)
) WITHOUT ROWID;

ALTER TABLE training_episodes ADD COLUMN metrics_json TEXT NOT NULL DEFAULT '{}';

CREATE TABLE training_episode_parts (
    training_id  INTEGER NOT NULL,
    attempt      INTEGER NOT NULL,
    worker       INTEGER NOT NULL,
    episode      INTEGER NOT NULL,
    number       INTEGER NOT NULL CHECK (number >= 0),
    values_json  TEXT NOT NULL,
    PRIMARY KEY (training_id, attempt, worker, episode, number),
    FOREIGN KEY (training_id, attempt, worker, episode)
        REFERENCES training_episodes (training_id, attempt, worker, episode)
) WITHOUT ROWID;
