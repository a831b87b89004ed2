-- When somebody looked at how the flow run had ended: NULL while nobody did.
ALTER TABLE flow_run ADD COLUMN seen INTEGER;

-- The lines that matter are found among a million others without a walk.
CREATE INDEX log_line_warning ON log_line (flow_run, at) WHERE level >= 30 AND flow_run IS NOT NULL;

-- Filters that somebody saved under a name; `view` is the page that they are for, `query` JSON.
CREATE TABLE saved_filter (
    id BLOB NOT NULL PRIMARY KEY,
    view TEXT NOT NULL,
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    UNIQUE (view, name)
) WITHOUT ROWID;

-- Requests that came with a key: what was asked (a digest) and what was answered, NULL until it is.
CREATE TABLE idempotency (
    key TEXT NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    asked BLOB NOT NULL,
    status INTEGER,
    answer BLOB
) WITHOUT ROWID;

CREATE INDEX idempotency_by_time ON idempotency (at);

-- What changed lately, in the order of the transactions that changed it: at most some thousand rows.
-- `topic` says what: 1 a flow run, 2 its task runs, 3 its log lines, 4 limits, 5 artifacts.
CREATE TABLE change (
    ref INTEGER PRIMARY KEY,
    topic INTEGER NOT NULL,
    run BLOB
);

-- The roll-ups. Unknown tasks and flows are row 0. `took` and `late` number durations, four to an
-- octave from 1 µs on (`buckets`); −1 is what has not ended, or did not start. The day comes
-- last in the keys: sums over days are made in the order of the key, without sorting.
DROP TABLE task_count;

CREATE TABLE task_count (
    flow_run BLOB NOT NULL,
    task INTEGER NOT NULL,
    state INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (flow_run, task, state)
) WITHOUT ROWID;

CREATE TABLE task_minute (
    minute INTEGER NOT NULL PRIMARY KEY,
    runs INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE task_day (
    task INTEGER NOT NULL,
    day INTEGER NOT NULL,
    state INTEGER NOT NULL,
    took INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (task, state, took, day)
) WITHOUT ROWID;

CREATE TABLE late_hour (
    hour INTEGER NOT NULL,
    late INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (hour, late)
) WITHOUT ROWID;

CREATE TABLE flow_hour (
    hour INTEGER NOT NULL,
    state INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (hour, state)
) WITHOUT ROWID;

CREATE TABLE flow_day (
    flow INTEGER NOT NULL,
    day INTEGER NOT NULL,
    state INTEGER NOT NULL,
    took INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (flow, state, took, day)
) WITHOUT ROWID;

INSERT INTO task_count (flow_run, task, state, runs)
SELECT flow_run, coalesce(task, 0), shown, count(*) FROM task_run
WHERE flow_run IS NOT NULL GROUP BY flow_run, coalesce(task, 0), shown;

INSERT INTO task_minute (minute, runs)
SELECT created / 60000000000, count(*) FROM task_run GROUP BY created / 60000000000;

INSERT INTO flow_hour (hour, state, runs)
SELECT created / 3600000000000, shown, count(*) FROM flow_run
GROUP BY created / 3600000000000, shown;

CREATE TABLE border (number INTEGER NOT NULL PRIMARY KEY, least INTEGER NOT NULL);

INSERT INTO border (number, least)
WITH RECURSIVE step (number, least) AS (
    SELECT 1, 1000.0
    UNION ALL
    SELECT number + 1, least * 1.189207115002721 FROM step WHERE number < 172
)
SELECT number, CAST(least AS INTEGER) FROM step;

INSERT INTO late_hour (hour, late, runs)
SELECT hour, late, count(*) FROM (
    SELECT created / 3600000000000 AS hour, (
        SELECT count(*) FROM border WHERE least <= run.started - run.created
    ) AS late
    FROM task_run run WHERE started IS NOT NULL
) counted GROUP BY hour, late;

INSERT INTO task_day (task, day, state, took, runs)
SELECT task, day, state, took, count(*) FROM (
    SELECT coalesce(task, 0) AS task, created / 86400000000000 AS day, shown AS state,
        CASE WHEN is_open = 1 OR started IS NULL THEN -1 ELSE (
            SELECT count(*) FROM border WHERE least <= coalesce(run.mark_at, run.at) - run.started
        ) END AS took
    FROM task_run run
) counted GROUP BY task, day, state, took;

INSERT INTO flow_day (flow, day, state, took, runs)
SELECT flow, day, state, took, count(*) FROM (
    SELECT coalesce(flow, 0) AS flow, created / 86400000000000 AS day, shown AS state,
        CASE WHEN is_open = 1 OR started IS NULL THEN -1 ELSE (
            SELECT count(*) FROM border WHERE least <= coalesce(run.mark_at, run.at) - run.started
        ) END AS took
    FROM flow_run run
) counted GROUP BY flow, day, state, took;

DROP TABLE border;
