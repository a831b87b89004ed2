-- `type` is NULL where a change of the artifact was read before the record that makes it. `data`
-- comes last: it may be long, and lists do not read it.
CREATE TABLE artifact (
    ref INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    log INTEGER NOT NULL,
    type TEXT,
    key TEXT,
    description TEXT,
    flow_run BLOB,
    task_run BLOB,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    data TEXT
);

CREATE INDEX artifact_by_key ON artifact (key, id) WHERE key IS NOT NULL;
CREATE INDEX artifact_by_flow_run ON artifact (flow_run, id) WHERE flow_run IS NOT NULL;
CREATE INDEX artifact_by_task_run ON artifact (task_run, id) WHERE task_run IS NOT NULL;

-- How far the loops of a run are.
CREATE TABLE progress (
    run BLOB NOT NULL,
    description TEXT NOT NULL,
    done INTEGER NOT NULL,
    total INTEGER,
    updated INTEGER NOT NULL,
    PRIMARY KEY (run, description)
) WITHOUT ROWID;

-- `value` is JSON, `tags` a JSON list of texts.
CREATE TABLE variable (
    name TEXT NOT NULL PRIMARY KEY,
    id BLOB NOT NULL,
    value TEXT NOT NULL,
    tags TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) WITHOUT ROWID;
