-- When what is older than it is to be kept was looked for last (0: never).
CREATE TABLE pruned (at INTEGER NOT NULL);

INSERT INTO pruned (at) VALUES (0);

-- What a few days had is found without a walk through all of them.
CREATE INDEX task_day_by_day ON task_day (day);
