-- Limits that servers share, and who holds or wants their slots. A home's own limits lie in files
-- beside its database: these tables stay empty there. Times of leases are those of the database.

-- One row: whoever decides holds it, until the end of the transaction. `ticket`: the last one drawn.
CREATE TABLE slot_gate (ticket INTEGER NOT NULL);
INSERT INTO slot_gate (ticket) VALUES (0);

-- Of a rate `level` slots were used up at `level_at`.
CREATE TABLE slot_limit (
    name TEXT NOT NULL PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    slots INTEGER NOT NULL,
    is_active INTEGER NOT NULL,
    decay REAL NOT NULL,
    level REAL NOT NULL,
    level_at INTEGER NOT NULL,
    overlapped INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) WITHOUT ROWID;

-- Processes that ask. `settled`: how many of their requests were decided; `owed`: since when a
-- process, told of that, has not said a word: it may be stopped, and is passed over then.
CREATE TABLE slot_process (
    id BLOB NOT NULL PRIMARY KEY,
    registration BLOB NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    owed INTEGER
) WITHOUT ROWID;

-- What they ask for. `number` is NULL while a request waits; then it is the how manieth of its
-- process was decided, and `until` is when its lease is over, or it may be forgotten. `patience`:
-- how long it keeps a slot free that it cannot use yet.
CREATE TABLE slot_request (
    id BLOB NOT NULL PRIMARY KEY,
    process BLOB NOT NULL,
    ticket INTEGER NOT NULL,
    occupy INTEGER NOT NULL,
    is_rate INTEGER NOT NULL,
    length INTEGER NOT NULL,
    patience INTEGER NOT NULL,
    label TEXT NOT NULL,
    run BLOB,
    number INTEGER,
    until INTEGER,
    is_over INTEGER NOT NULL,
    error TEXT,
    missing TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX slot_request_by_process ON slot_request (process, number);
CREATE INDEX slot_request_by_end ON slot_request (until) WHERE until IS NOT NULL;

-- A request's place in the queue of a limit, or (`until`) its slots. `idle`: since when it keeps a
-- slot free that it cannot use yet; -1 where it lets others pass.
CREATE TABLE slot_claim (
    limit_name TEXT NOT NULL,
    ticket INTEGER NOT NULL,
    request BLOB NOT NULL,
    slots INTEGER NOT NULL,
    since INTEGER,
    until INTEGER,
    idle INTEGER,
    PRIMARY KEY (limit_name, ticket)
) WITHOUT ROWID;

CREATE INDEX slot_claim_by_request ON slot_claim (request);
CREATE INDEX slot_claim_waiting ON slot_claim (limit_name, ticket) WHERE until IS NULL;
CREATE INDEX slot_claim_held ON slot_claim (limit_name, until) WHERE until IS NOT NULL;
