"""Logs of other versions: one that an old writer left, kept as it was, and one of the future."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from flowstone.core.facts import LineLogged, TaskRunCreated, Written
from flowstone.log.decoding import decode
from flowstone.log.frames import frame, scan, seed_of
from flowstone.log.records import Header
from flowstone.store.databases import Database
from flowstone.store.receiver import Receiver
from flowstone.store.receiving import Shipment
from tests.server.shipping import damages
from tests.server.test_receiving import counted

WRITTEN = Path(__file__).with_name("frozen") / "written.log"
"""What version 0.1.0 wrote: `frozen/make_frozen.py`."""
FLOWS = [("inner", "2", "Completed", 1), ("outer", "1", "Completed", 1)]
TASKS = [
    ("add-0", "Completed", 1),
    ("add-0", "Completed", 1),
    ("add-1", "Completed", 1),
    ("add-2", "Completed", 1),
    ("add-3", "Completed", 1),
    ("fails-0", "Failed", 1),
    ("flaky-0", "Completed", 2),
]


def log_of(data: bytes) -> bytes:
    """Return the id that stands in a log's header, which is under every checksum."""
    header = msgspec.msgpack.decode(data[8 : 8 + int.from_bytes(data[:4], "little")])
    found: bytes = header[2]
    return found


def send(database: Database, data: bytes) -> int:
    return Receiver(database).receive(Shipment(log=log_of(data), offset=0, data=data)).offset


def assert_it_is_all_there(database: Database) -> None:
    with database.store() as store:
        flows = [
            (row.flow_name, row.flow_version, row.state_name, row.attempt)
            for row in store.flow_runs()
        ]
        tasks = [(row.name, row.state_name, row.attempt) for row in store.task_runs()]
        (flaky,) = [row for row in store.task_runs() if row.task_name == "flaky"]
        (outer,) = [row for row in store.flow_runs() if row.flow_name == "outer"]
        assert sorted(flows) == FLOWS
        assert sorted(tasks) == TASKS
        assert set(flaky.tags) == {"even", "odd"}
        assert [one.name for one in store.history(flaky)] == [
            "Pending",
            "Running",
            "Retrying",
            "Completed",
        ]
        assert (outer.name, outer.parameters) == ("the-outer-run", '{"number":3}')
    with database.transaction() as connection:
        for query, count in {
            "SELECT count(*) FROM edge": 1,
            "SELECT count(*) FROM artifact WHERE data = '# done'": 1,
            "SELECT count(*) FROM log_line WHERE message = 'the second try'": 1,
            "SELECT count(*) FROM rejected": 0,
        }.items():
            assert (query, connection.execute(query).fetchone()[0]) == (query, count)
    counted(database)
    assert damages(database) == []


def records(data: bytes) -> list[Any]:
    return [decode(payload) for _, payload in scan(data, seed_of(log_of(data))).payloads]


def rewritten(data: bytes, *between: list[Any]) -> bytes:
    """Return a log as a later version may write it: longer records, and some of other kinds."""
    seed = seed_of(log_of(data))
    frames = []
    for record in records(data):
        names = record.__struct_fields__
        fields = [getattr(record, name) for name in names]
        payload = [type(record).__struct_config__.tag, *fields, {"new": [1, None]}, "newer", 2.5]
        frames += [frame(msgspec.msgpack.encode(one), seed) for one in (payload, *between)]
    return b"".join(frames)


def test_the_frozen_log_holds_what_it_is_kept_for():
    found = records(WRITTEN.read_bytes())
    header = found[0]
    assert isinstance(header, Header)
    assert (header.format, header.version, header.host) == (1, "0.1.0", "frozen")
    assert all(isinstance(one, Written) for one in found)
    assert {TaskRunCreated, LineLogged} < {type(one) for one in found}


def test_a_log_that_an_old_writer_left_is_received_whole(any_database: Database):
    data = WRITTEN.read_bytes()
    assert send(any_database, data) == len(data)
    assert_it_is_all_there(any_database)


def test_new_fields_and_kinds_that_may_be_skipped_change_nothing(any_database: Database):
    data = rewritten(WRITTEN.read_bytes(), [255, "of the future"], [201])
    assert send(any_database, data) == len(data)
    assert_it_is_all_there(any_database)


def test_a_kind_that_must_not_be_skipped_holds_the_log_where_it_is(any_database: Database):
    data = WRITTEN.read_bytes()
    log = log_of(data)
    unknown = frame(msgspec.msgpack.encode([99, b"what a run came to"]), seed_of(log))
    middle = scan(data, seed_of(log)).payloads[9][0]
    future = data[:middle] + unknown + data[middle:]
    receipt = Receiver(any_database).receive(Shipment(log=log, offset=0, data=future))
    assert (receipt.offset, receipt.needs) == (middle, "0.1.0")
    assert damages(any_database) == []
