-- Most task runs are Completed (3): who lists those walks the runs themselves.
DROP INDEX task_run_by_state;
CREATE INDEX task_run_by_state ON task_run (shown, id) WHERE shown <> 3;

-- The roll-ups in their new form: they are filled from the rows when these statements are done.
DROP TABLE task_count;
DROP TABLE task_day;
DROP TABLE flow_day;
DROP TABLE late_hour;
DELETE FROM task_minute;
DELETE FROM task_hour;
DELETE FROM flow_hour;

CREATE TABLE task_count (
    flow_run BLOB NOT NULL,
    state INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (flow_run, state)
) WITHOUT ROWID;

-- What a flow run called, by task, and which task took results of which (`folds`).
CREATE TABLE fold (
    flow_run BLOB NOT NULL PRIMARY KEY,
    data BLOB NOT NULL
) WITHOUT ROWID;

-- Unknown tasks and flows are row 0. A `day` below zero is a stretch of days (`days`): what a
-- quarter had is added up of a few of them.
CREATE TABLE task_day (
    day INTEGER NOT NULL,
    task INTEGER NOT NULL,
    state INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (day, task, state)
) WITHOUT ROWID;

CREATE TABLE flow_day (
    day INTEGER NOT NULL,
    flow INTEGER NOT NULL,
    state INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (day, flow, state)
) WITHOUT ROWID;

-- Durations of what ended, but for what took a kept result: how many there are of each, in one
-- number (`buckets`), because it is added up a hundred times as fast as rows are.
CREATE TABLE task_took (
    day INTEGER NOT NULL,
    task INTEGER NOT NULL,
    took BLOB NOT NULL,
    PRIMARY KEY (day, task)
) WITHOUT ROWID;

CREATE TABLE flow_took (
    day INTEGER NOT NULL,
    flow INTEGER NOT NULL,
    took BLOB NOT NULL,
    PRIMARY KEY (day, flow)
) WITHOUT ROWID;

-- How long task runs waited from their creation to their start, in the same form.
CREATE TABLE late_hour (
    hour INTEGER NOT NULL PRIMARY KEY,
    took BLOB NOT NULL
) WITHOUT ROWID;
