-- Logs that are sent here. `received`: when their process was heard of last, by the clock of this
-- side. `segment`, `base`: the number of the segment that is being received, and where it begins.
-- `lapsed`: when its runs were marked, because nothing was heard of it for long.
CREATE TABLE shipped (
    log INTEGER NOT NULL,
    received INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    base INTEGER NOT NULL,
    lapsed INTEGER,
    PRIMARY KEY (log)
) WITHOUT ROWID;

CREATE INDEX shipped_by_time ON shipped (received) WHERE lapsed IS NULL;

-- What is asked of the processes that send their logs, until they have done it.
CREATE TABLE request (
    log INTEGER NOT NULL,
    run BLOB NOT NULL,
    at INTEGER NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (log, run)
) WITHOUT ROWID;

-- The runs whose process was taken for dead (1), by log: it may come back.
CREATE INDEX task_run_died ON task_run (log) WHERE mark = 1;
CREATE INDEX flow_run_died ON flow_run (log) WHERE mark = 1;
