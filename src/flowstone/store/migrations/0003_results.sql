-- Where the results of runs are: `place` is a storage, `key` the name in it. `is_hit`: it was there
-- before the run. `reason`: why a look under the key found nothing to use.
CREATE TABLE result (
    run BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    place TEXT NOT NULL,
    key TEXT,
    is_hit INTEGER NOT NULL,
    is_kept INTEGER NOT NULL,
    seconds REAL NOT NULL,
    reason TEXT
) WITHOUT ROWID;
