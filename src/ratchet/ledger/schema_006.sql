-- Version 6: which version of a fleet's policy played an episode that it learned from. Episodes of an older file, and of
-- trainings that play for themselves, have none.

ALTER TABLE training_episodes ADD COLUMN version INTEGER;
