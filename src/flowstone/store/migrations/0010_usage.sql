-- What the last attempt of a task run used whose process did nothing else meanwhile: seconds of
-- processors, and the most bytes of memory.
CREATE TABLE usage (
    run BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    cpu REAL NOT NULL,
    memory INTEGER
) WITHOUT ROWID;
