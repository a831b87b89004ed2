"""What becomes of bytes of logs that are sent: whole or cut, twice or damaged, in any steps."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flowstone.core.facts import Written
from flowstone.log.records import Continued, Part
from flowstone.store.databases import Database
from flowstone.store.errors import NotALog, WrongOffset
from flowstone.store.receiver import Receiver
from flowstone.store.receiving import Shipment
from tests.server.shipping import Stream, damages, runs, send


class Unknown(Written, frozen=True, tag=77):
    """A record that this version does not know, and must not pass."""


class Skippable(Written, frozen=True, tag=200):
    """A record that this version does not know, and may pass."""


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    return Stream(tmp_path)


def counted(database: Database) -> dict[str, int]:
    """Return how many task runs are counted in each state, having compared them with the rows."""
    with database.transaction() as connection:
        kept = connection.execute(
            "SELECT state.name, cast(sum(runs) AS INTEGER) FROM task_count "
            "JOIN state ON state.ref = state WHERE runs <> 0 GROUP BY state.name"
        ).fetchall()
        rows = connection.execute(
            "SELECT state.name, count(*) FROM task_run JOIN state ON state.ref = shown "
            "WHERE flow_run IS NOT NULL GROUP BY state.name"
        ).fetchall()
    assert dict(kept) == dict(rows)
    return dict(rows)


def test_a_log_that_is_sent_whole_is_there_to_its_end(any_database: Database, stream: Stream):
    stream.story(tasks=3)
    receipt = send(any_database, stream.shipment())
    assert (receipt.offset, receipt.commands, receipt.needs) == (len(stream.data), (), None)
    flows, tasks = runs(any_database)
    assert [state for _, state in flows] == ["Completed"]
    assert tasks == [(f"add-{n}", "Completed") for n in range(3)]
    assert counted(any_database) == {"Completed": 3}


def test_bytes_in_any_steps_cut_anywhere_and_sent_again_are_applied_once(
    any_database: Database, stream: Stream
):
    stream.story(tasks=20)
    chance = random.Random(7)
    offset = 0
    while offset < len(stream.data):
        begin = max(0, offset - chance.choice([0, 0, 200]))
        receipt = send(any_database, stream.shipment(begin, begin + chance.randint(220, 900)))
        assert receipt.offset >= offset
        offset = receipt.offset
    assert counted(any_database) == {"Completed": 20}
    assert damages(any_database) == []


def test_a_frame_that_is_cut_at_the_end_waits_for_its_rest(any_database: Database, stream: Stream):
    stream.story()
    assert send(any_database, stream.shipment(0, stream.ends[4] + 9)).offset == stream.ends[4]
    assert send(any_database, stream.shipment(stream.ends[4])).offset == len(stream.data)


def test_a_gap_is_refused_with_the_offset_that_is_here(any_database: Database, stream: Stream):
    stream.story()
    send(any_database, stream.shipment(0, stream.ends[3]))
    with pytest.raises(WrongOffset) as refused:
        send(any_database, stream.shipment(stream.ends[5]))
    assert refused.value.offset == stream.ends[3]
    assert send(any_database, stream.shipment(stream.ends[3])).offset == len(stream.data)


def test_an_unknown_log_is_asked_for_from_its_beginning(any_database: Database, stream: Stream):
    stream.story()
    with pytest.raises(WrongOffset) as refused:
        send(any_database, stream.shipment(stream.ends[2]))
    assert refused.value.offset == 0
    assert send(any_database, stream.shipment(0, 0)).offset == 0
    assert runs(any_database) == ([], [])


def test_bytes_that_do_not_exist_any_more_are_a_noted_gap(any_database: Database, stream: Stream):
    stream.story()
    stream.add(Continued(1))
    second = len(stream.data)
    stream.story(tasks=2)
    receipt = send(any_database, stream.shipment(second, has_gap=True))
    assert receipt.offset == len(stream.data)
    assert counted(any_database) == {"Completed": 2}
    assert damages(any_database) == [
        (0, 0, second, "these bytes were not there any more when the log was sent")
    ]
    # What is sent of it later, from a copy, changes nothing.
    assert send(any_database, stream.shipment()).offset == len(stream.data)
    assert counted(any_database) == {"Completed": 2}


def test_a_database_that_was_set_back_gets_the_rest_again(any_database: Database, stream: Stream):
    stream.story(tasks=5)
    send(any_database, stream.shipment())
    with any_database.transaction() as connection:  # as a backup of an earlier moment has it
        connection.execute("UPDATE log SET applied = ?", (stream.ends[2],))
    assert send(any_database, stream.shipment(stream.ends[2])).offset == len(stream.data)
    assert counted(any_database) == {"Completed": 5}


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n" * 9, b"\0" * 400, b"\x20\0\0\0" + b"x" * 90]
)
def test_bytes_that_are_no_log_are_refused_and_leave_nothing(
    any_database: Database, stream: Stream, data: bytes
):
    with pytest.raises(NotALog):
        send(any_database, Shipment(log=stream.log.id, offset=0, data=data))
    other = Stream(any_database.home.parent / "other")
    other.story()
    with pytest.raises(NotALog):
        send(any_database, Shipment(log=stream.log.id, offset=0, data=other.data))
    with any_database.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM log").fetchone()[0] == 0
        assert connection.execute("SELECT count(*) FROM shipped").fetchone()[0] == 0


def test_damage_is_believed_when_it_is_sent_twice_and_holds_nothing_up(
    any_database: Database, stream: Stream
):
    stream.story(tasks=4)
    bad = stream.ends[4]  # where the first task run ends: between two frames
    data = bytearray(stream.data)
    data[bad + 10] ^= 0xFF
    broken = Shipment(log=stream.log.id, offset=0, data=bytes(data))
    receipt = send(any_database, broken)
    assert receipt.offset == bad
    assert damages(any_database) == []
    again = Shipment(log=stream.log.id, offset=bad, data=bytes(data[bad:]))
    assert send(any_database, again).offset == len(stream.data)
    length = stream.ends[5] - bad
    assert damages(any_database) == [(0, bad, length, "a wrong checksum")]


def test_a_frame_that_was_looked_at_too_early_is_whole_the_second_time(
    any_database: Database, stream: Stream
):
    stream.story(tasks=4)
    bad = stream.ends[4]
    half = bytearray(stream.data)
    half[bad + 10 : stream.ends[5]] = bytes(stream.ends[5] - bad - 10)
    send(any_database, Shipment(log=stream.log.id, offset=0, data=bytes(half)))
    assert send(any_database, stream.shipment(bad)).offset == len(stream.data)
    assert damages(any_database) == []
    assert counted(any_database) == {"Completed": 4}


def test_megabytes_without_a_frame_do_not_hold_up_what_follows(
    any_database: Database, stream: Stream
):
    stream.story(tasks=2)
    begin = len(stream.data)
    stream.data += random.Random(3).randbytes(3 << 20)
    stream.story(tasks=3)
    offset, steps = 0, 0
    while offset < len(stream.data):
        offset = send(any_database, stream.shipment(offset, offset + (2 << 20))).offset
        steps += 1
        assert steps < 10
    assert counted(any_database) == {"Completed": 5}
    assert sum(length for _, _, length, _ in damages(any_database)) == 3 << 20
    assert damages(any_database)[0][1] == begin


def test_a_record_that_is_unknown_stops_the_log_and_names_the_version_it_needs(
    any_database: Database, stream: Stream
):
    stream.log.version = "7.1.0"
    stream.begin()
    stream.add(*stream.log.story(tasks=2), Skippable())
    before = len(stream.data)
    stream.add(Unknown(), *stream.log.story(tasks=1))
    for offset in (0, before):
        receipt = send(any_database, stream.shipment(offset))
        assert (receipt.offset, receipt.needs) == (before, "7.1.0")
    assert send(any_database, stream.shipment(before, before)).needs == "7.1.0"
    assert counted(any_database) == {"Completed": 2}


def test_a_format_of_the_future_is_refused_by_name(any_database: Database, stream: Stream):
    header = msgspec.structs.replace(stream.log.header(0), format=2, version="9.0")
    stream.add(header)
    with pytest.raises(NotALog, match=r"format 2.*upgrade it to 9\.0"):
        send(any_database, stream.shipment())


def test_fields_that_are_new_at_the_end_of_records_are_passed(
    any_database: Database, stream: Stream
):
    stream.begin()
    for record in stream.log.story(tasks=2):
        stream.add([type(record).__struct_config__.tag, *whole(record), {"new": 1}, "newer"])
    assert send(any_database, stream.shipment()).offset == len(stream.data)
    assert counted(any_database) == {"Completed": 2}


def whole(record: Written) -> list[Any]:
    """Return all fields of a record, those too that would be left out at its end."""
    return [getattr(record, name) for name in record.__struct_fields__]


def test_a_long_record_is_applied_when_its_last_piece_is_there(
    any_database: Database, stream: Stream
):
    stream.begin()
    payload = msgspec.msgpack.encode(stream.log.line("x" * 3000))
    pieces = [payload[n : n + 1000] for n in range(0, len(payload), 1000)]
    first = len(stream.data)
    stream.add(*[Part(len(pieces) - n - 1, piece) for n, piece in enumerate(pieces)])
    assert send(any_database, stream.shipment(0, stream.ends[-2])).offset == first
    assert send(any_database, stream.shipment(first)).offset == len(stream.data)
    with any_database.transaction() as connection:
        ((message, position),) = connection.execute(
            "SELECT message, position FROM log_line"
        ).fetchall()
    assert (len(message), position) == (3000, stream.ends[-2])


def test_a_long_record_that_lost_a_piece_does_not_hold_up_the_log(
    any_database: Database, stream: Stream
):
    stream.begin()
    begin = len(stream.data)
    stream.add(Part(2, b"a" * 50))
    bad = len(stream.data)
    stream.data += b"\xff" * 40
    stream.add(*stream.log.story(tasks=1))
    offset = 0
    for _ in range(4):
        offset = send(any_database, stream.shipment(offset)).offset
    assert offset == len(stream.data)
    assert [one[1] for one in damages(any_database)] == [begin, bad]
    assert counted(any_database) == {"Completed": 1}


def test_a_log_that_is_over_closes_what_is_open_and_what_is_cut(
    any_database: Database, stream: Stream
):
    stream.begin()
    flow = stream.log.flow_run(name="main")
    task = stream.log.task_run(flow.run, name="add")
    stream.add(*stream.log.definitions(), flow, task)
    end = len(stream.data)
    stream.data += b"\x40\0\0\0half a frame"
    receipt = send(any_database, stream.shipment(is_over=True))
    assert receipt.offset == len(stream.data)
    assert runs(any_database) == ([("main", "Crashed")], [("add", "Crashed")])
    assert damages(any_database) == [(0, end, 16, "cut short")]
    assert counted(any_database) == {"Crashed": 1}


def test_behind_damage_in_a_log_of_a_machine_that_went_down_nothing_is_applied(
    any_database: Database, stream: Stream
):
    stream.story(tasks=2)
    bad = len(stream.data)
    stream.data += b"\xff" * 30
    stream.add(*stream.log.story(tasks=4))
    shipment = stream.shipment(is_over=True, is_torn=True)
    assert send(any_database, shipment).offset == bad
    assert counted(any_database) == {"Completed": 2}
    assert send(any_database, stream.shipment(bad)).offset == len(stream.data)
    assert counted(any_database) == {"Completed": 2}


def test_a_record_that_the_store_refuses_is_put_aside_and_passed(
    any_database: Database, stream: Stream
):
    stream.begin()
    stream.add(stream.log.task_run(run=b"short"), *stream.log.story(tasks=1))
    assert send(any_database, stream.shipment()).offset == len(stream.data)
    with any_database.transaction() as connection:
        assert len(connection.execute("SELECT * FROM rejected").fetchall()) == 1
    assert counted(any_database) == {"Completed": 1}


def test_many_logs_at_once_and_each_twice_come_in_whole(any_database: Database, tmp_path: Path):
    streams = [Stream(tmp_path / str(n)) for n in range(12)]
    for one in streams:
        one.story(tasks=30)
    receiver = Receiver(any_database)
    shipments = [one.shipment() for one in streams for _ in range(2)]
    random.Random(5).shuffle(shipments)
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(receiver.receive, shipments))
    assert [one.offset for one in receipts] == [len(one.data) for one in shipments]
    assert counted(any_database) == {"Completed": 360}


def test_one_that_is_refused_does_not_harm_those_that_share_its_commit(
    any_database: Database, tmp_path: Path
):
    streams = [Stream(tmp_path / str(n)) for n in range(6)]
    for one in streams:
        one.story(tasks=5)
    receiver = Receiver(any_database)

    def hand_in(index: int) -> object:
        begin = streams[index].ends[1] if index % 2 else 0
        try:
            return receiver.receive(streams[index].shipment(begin)).offset
        except WrongOffset as refused:
            return refused

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(hand_in, range(6)))
    assert [type(one) for one in answers] == [int, WrongOffset] * 3
    assert counted(any_database) == {"Completed": 15}
