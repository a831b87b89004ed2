-- Transactions that were noted: how to undo them. `hooks` and `vals` are JSON: a list of [name, entry
-- point, folder], and an object of JSON texts; `lost` a JSON list of the names that have no value.
CREATE TABLE undo (
    id BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    parent BLOB,
    flow_run BLOB,
    task_run BLOB,
    title TEXT NOT NULL,
    hooks TEXT NOT NULL,
    vals TEXT NOT NULL,
    lost TEXT NOT NULL,
    is_committed INTEGER,
    ended INTEGER
) WITHOUT ROWID;

CREATE INDEX undo_by_flow_run ON undo (flow_run);
