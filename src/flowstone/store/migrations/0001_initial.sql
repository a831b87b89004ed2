-- Ids are UUIDv7 of 16 bytes, so their order is the order of creation. Times are nanoseconds since
-- 1970. Tables of runs are clustered by id: the newest are read first, by range, from one end.

CREATE TABLE log (
    ref INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    pid INTEGER NOT NULL,
    host TEXT NOT NULL,
    boot TEXT NOT NULL,
    process_start INTEGER NOT NULL,
    python TEXT NOT NULL,
    version TEXT NOT NULL,
    judged TEXT NOT NULL,
    destination TEXT,
    created INTEGER NOT NULL,
    applied INTEGER NOT NULL DEFAULT 0,  -- logical offset up to which it is in this database
    last_at INTEGER NOT NULL DEFAULT 0,  -- time of the last record applied: a sign of life
    ended INTEGER,                       -- when its owner was found dead and all was applied
    stopped INTEGER,                     -- logical offset behind which nothing may be applied
    blocked INTEGER,                     -- kind of the record that this version cannot pass
    asked INTEGER NOT NULL DEFAULT 0     -- bytes of its control file that are in this database
);

CREATE TABLE gap (
    log INTEGER NOT NULL,
    position INTEGER NOT NULL,
    records INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (log, position)
) WITHOUT ROWID;

CREATE TABLE damage (
    log INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    position INTEGER NOT NULL,           -- in the segment's file
    length INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (log, segment, position)
) WITHOUT ROWID;

CREATE TABLE rejected (
    log INTEGER NOT NULL,
    position INTEGER NOT NULL,
    reason TEXT NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (log, position)
) WITHOUT ROWID;

CREATE TABLE tombstone (
    log INTEGER NOT NULL,
    run BLOB NOT NULL,
    PRIMARY KEY (log, run)
) WITHOUT ROWID;

CREATE TABLE task (
    ref INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,               -- '' for none, so that it can be part of a key
    description TEXT,
    tags TEXT,
    retries INTEGER NOT NULL,
    UNIQUE (name, key, version)
);

CREATE TABLE flow (
    ref INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    description TEXT,
    tags TEXT,
    retries INTEGER NOT NULL,
    entrypoint TEXT,
    UNIQUE (name, version)
);

-- Which row the numbers of a log stand for.
CREATE TABLE definition (
    log INTEGER NOT NULL,
    kind INTEGER NOT NULL,               -- of the record: 1 task, 2 flow
    number INTEGER NOT NULL,
    ref INTEGER NOT NULL,
    PRIMARY KEY (log, kind, number)
) WITHOUT ROWID;

CREATE TABLE state (
    ref INTEGER PRIMARY KEY,
    type INTEGER NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (type, name)
);

INSERT INTO state (ref, type, name) VALUES
    (0, 0, 'Scheduled'), (1, 1, 'Pending'), (2, 2, 'Running'), (3, 3, 'Completed'), (4, 4, 'Failed'),
    (5, 5, 'Cancelled'), (6, 6, 'Crashed'), (7, 7, 'Paused'), (8, 8, 'Cancelling');

-- What both kinds of run have: `state`, `at`, `message` are the owner's own word, `shown` is the
-- state to show, which differs while there is a mark. `history` holds the states before the
-- present one, NULL where they follow from the other columns. `name` is NULL where the record of
-- the run's creation was not seen. Of what there is much, the widest columns come first, and those
-- of no fixed width last: so Postgres pads none. (Databases made before have another order.)
CREATE TABLE task_run (
    created INTEGER NOT NULL,
    started INTEGER,
    at INTEGER NOT NULL,
    scheduled INTEGER,
    mark_at INTEGER,
    log INT NOT NULL,
    task INT,
    state INT NOT NULL,
    shown INT NOT NULL,
    fence INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    is_open SMALLINT NOT NULL,
    mark SMALLINT,
    id BLOB NOT NULL PRIMARY KEY,
    flow_run BLOB,
    parent BLOB,
    name TEXT,
    tags TEXT,
    message TEXT,
    history BLOB,
    mark_message TEXT
) WITHOUT ROWID;

CREATE INDEX task_run_by_flow_run ON task_run (flow_run, id) WHERE flow_run IS NOT NULL;
-- Most runs of a flow run are Completed (3); the others are found among them without a walk.
CREATE INDEX task_run_unusual ON task_run (flow_run, shown, id) WHERE shown <> 3;
CREATE INDEX task_run_by_task ON task_run (task, id);
CREATE INDEX task_run_by_state ON task_run (shown, id);
CREATE INDEX task_run_open ON task_run (log, flow_run, id) WHERE is_open = 1;

CREATE TABLE flow_run (
    id BLOB NOT NULL PRIMARY KEY,
    log INT NOT NULL,
    flow INT,
    parent_flow_run BLOB,
    parent BLOB,
    name TEXT,
    tags TEXT,
    parameters TEXT,
    created INTEGER NOT NULL,
    started INTEGER,
    at INTEGER NOT NULL,
    state INT NOT NULL,
    shown INT NOT NULL,
    is_open SMALLINT NOT NULL,
    fence INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    message TEXT,
    scheduled INTEGER,
    history BLOB,
    mark SMALLINT,
    mark_at INTEGER,
    mark_message TEXT
) WITHOUT ROWID;

CREATE INDEX flow_run_by_flow ON flow_run (flow, id);
CREATE INDEX flow_run_by_state ON flow_run (shown, id);
CREATE INDEX flow_run_by_parent ON flow_run (parent_flow_run, id) WHERE parent_flow_run IS NOT NULL;
CREATE INDEX flow_run_by_name ON flow_run (name, id);
CREATE INDEX flow_run_open ON flow_run (log, parent_flow_run, id) WHERE is_open = 1;

CREATE TABLE task_run_tag (
    tag TEXT NOT NULL,
    run BLOB NOT NULL,
    PRIMARY KEY (tag, run)
) WITHOUT ROWID;

CREATE TABLE flow_run_tag (
    tag TEXT NOT NULL,
    run BLOB NOT NULL,
    PRIMARY KEY (tag, run)
) WITHOUT ROWID;

-- Whose results a run takes, and as which parameter. A run may take one result as several of them.
-- Either may be a task run or a flow run, and `upstream` may be gone or not be there yet.
CREATE TABLE edge (
    run BLOB NOT NULL,
    upstream BLOB NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (run, name, upstream)
) WITHOUT ROWID;

CREATE INDEX edge_by_upstream ON edge (upstream, run);

-- How many task runs a flow run has in each state, and how many of each hour of creation there are.
CREATE TABLE task_count (
    flow_run BLOB NOT NULL,
    state INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (flow_run, state)
) WITHOUT ROWID;

CREATE TABLE task_hour (
    hour INTEGER NOT NULL,               -- since 1970
    state INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (hour, state)
) WITHOUT ROWID;

CREATE TABLE log_line (
    position INTEGER NOT NULL,
    at INTEGER NOT NULL,
    log INT NOT NULL,
    level INTEGER NOT NULL,
    flow_run BLOB,
    task_run BLOB,
    logger TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (log, position)
) WITHOUT ROWID;

CREATE INDEX log_line_by_flow_run ON log_line (flow_run, at) WHERE flow_run IS NOT NULL;
CREATE INDEX log_line_by_task_run ON log_line (task_run, at) WHERE task_run IS NOT NULL;
