from __future__ import annotations

import os

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowstone.core.facts import LineLogged, TaskRunCompleted
from flowstone.log.decoding import Malformed, UnknownKind, decode, decode_all
from flowstone.log.frames import MAX_PAYLOAD, frame, scan, seed_of
from flowstone.log.reader import CHUNK, read

LOG = b"l" * 16
SEED = seed_of(LOG)
ENCODE = msgspec.msgpack.encode


RECORDS = st.lists(st.binary(max_size=60), min_size=1, max_size=3).map(ENCODE)


def lines(*texts: str) -> list[bytes]:
    return [ENCODE(LineLogged(None, None, 0, 20, "x", text)) for text in texts]


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=20), st.integers(0, 200))
def test_what_is_framed_is_found_again_and_zeros_are_not_there_yet(payloads, zeros):
    data = b"".join(frame(payload, SEED) for payload in payloads)
    found = scan(data + bytes(zeros), SEED)
    assert [payload for _, payload in found.payloads] == payloads
    assert (found.stop, found.tail, found.damages) == (len(data), "", [])


@given(st.lists(RECORDS, min_size=3, max_size=8), st.data())
def test_one_flipped_bit_costs_one_frame(payloads, data):
    frames = [frame(payload, SEED) for payload in payloads]
    hit = data.draw(st.integers(0, len(payloads) - 2))
    start = sum(map(len, frames[:hit]))
    place = data.draw(st.integers(start, start + len(frames[hit]) - 1))
    raw = bytearray(b"".join(frames))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))
    found = scan(bytes(raw), SEED)
    assert [payload for _, payload in found.payloads] == payloads[:hit] + payloads[hit + 1 :]
    assert [(one.offset, one.length) for one in found.damages] == [(start, len(frames[hit]))]


@given(st.integers(1, 60))
def test_a_frame_cut_short_at_the_end_is_no_damage_yet(cut):
    whole, last = (frame(payload, SEED) for payload in lines("whole", "last" * 20))
    data = whole + last[: min(cut, len(last) - 1)]
    found = scan(data, SEED)
    assert len(found.payloads) == 1
    assert found.stop == len(whole)
    assert found.damages == []
    assert found.tail != ""


def test_frames_of_another_log_are_no_frames():
    found = scan(frame(b"payload", seed_of(b"o" * 16)), SEED)
    assert found.payloads == []
    assert found.tail == "a wrong checksum"


def test_bytes_of_a_log_quoted_in_a_payload_of_another_are_no_frame():
    quoted = frame(ENCODE([1]), seed_of(b"o" * 16))
    following = ENCODE([2])
    raw = bytearray(frame(quoted, SEED) + frame(following, SEED))
    raw[0] ^= 1
    found = scan(bytes(raw), SEED)
    assert [payload for _, payload in found.payloads] == [following]


def test_a_payload_over_one_mebibyte_is_refused():
    with pytest.raises(ValueError, match="1048577"):
        frame(bytes(MAX_PAYLOAD + 1), SEED)


def test_unknown_kinds_say_whether_they_may_be_skipped():
    assert decode(ENCODE([99, 1])) == UnknownKind(99)
    assert not UnknownKind(99).may_skip
    assert UnknownKind(128).may_skip


def test_fields_added_at_the_end_are_skipped():
    known = TaskRunCompleted(b"r" * 16, 2, 5)
    longer = [*msgspec.msgpack.decode(ENCODE(known)), "from a newer version"]
    assert decode(ENCODE(longer)) == known


@pytest.mark.parametrize("payload", [b"\xc1", ENCODE({"a": 1}), ENCODE([4, "x"]), ENCODE([])])
def test_a_payload_that_is_no_record_says_why(payload):
    assert isinstance(decode(payload), Malformed)


RECORDS = [TaskRunCompleted(bytes([number]) * 16, 2, number) for number in range(20)]


def test_payloads_together_give_what_each_gives():
    payloads = [ENCODE(one) for one in RECORDS]
    assert decode_all(payloads) == [decode(one) for one in payloads] == RECORDS
    assert decode_all([]) == []


@pytest.mark.parametrize(
    "odd", [ENCODE([99, 1]), ENCODE([200]), b"\xc1", ENCODE([4, "x"]), ENCODE(RECORDS[0]) * 2]
)
@pytest.mark.parametrize("place", [0, 7, 20])
def test_payloads_of_which_one_is_odd_are_left_to_be_looked_at_one_by_one(odd: bytes, place: int):
    payloads = [ENCODE(one) for one in RECORDS]
    payloads.insert(place, odd)
    assert decode_all(payloads) is None


def written(tmp_path, data: bytes) -> int:
    path = tmp_path / "segment"
    path.write_bytes(data)
    return os.open(path, os.O_RDONLY)


def read_all(fd: int, *, free: bool):
    at, records, damages = 0, [], []
    while True:
        reading = read(fd, at, SEED, free=free)
        records += reading.records
        damages += reading.damages
        at = reading.next
        if reading.ended:
            return records, damages, reading


def test_reading_goes_on_across_chunks(tmp_path):
    payloads = lines(*(f"{number}" * 1000 for number in range(1500)))
    fd = written(tmp_path, b"".join(frame(one, SEED) for one in payloads) + bytes(3 * CHUNK))
    records, damages, last = read_all(fd, free=True)
    assert [record.message for _, record in records] == [f"{n}" * 1000 for n in range(1500)]
    assert damages == []
    assert last.cut is None


@pytest.mark.parametrize("hole", [100, CHUNK - 7, CHUNK, 3 * CHUNK + 5, 9 * CHUNK])
@pytest.mark.parametrize("filler", [b"\0", b"\xff", b"\x10\0"])
def test_a_damage_of_any_length_is_passed_where_a_frame_follows(tmp_path, hole, filler):
    first, second = (frame(one, SEED) for one in lines("first", "second"))
    damage = (filler * hole)[:hole]
    fd = written(tmp_path, first + damage + second)
    records, damages, last = read_all(fd, free=True)
    assert [record.message for _, record in records] == ["first", "second"]
    assert sum(one.length for one in damages) == hole
    assert last.cut is None


def test_a_torn_last_frame_is_cut_when_its_writer_is_dead_and_awaited_while_it_lives(tmp_path):
    first, second = (frame(one, SEED) for one in lines("first", "second"))
    fd = written(tmp_path, first + second[:-3] + bytes(100))
    _, _, alive = read_all(fd, free=False)
    assert alive.cut is None
    assert alive.next == len(first)
    _, _, dead = read_all(fd, free=True)
    assert dead.cut is not None
    assert dead.cut.offset == len(first)


def test_a_record_that_must_not_be_passed_stops_the_reader(tmp_path):
    first, last = (frame(one, SEED) for one in lines("first", "last"))
    unknown = frame(ENCODE([77, "new"]), SEED)
    fd = written(tmp_path, first + unknown + last)
    reading = read(fd, 0, SEED, free=True)
    assert reading.blocked == UnknownKind(77)
    assert reading.next == len(first)
    assert len(reading.records) == 1


def test_a_record_that_may_be_skipped_is(tmp_path):
    first, last = (frame(one, SEED) for one in lines("first", "last"))
    fd = written(tmp_path, first + frame(ENCODE([200, "new"]), SEED) + last)
    records, damages, _ = read_all(fd, free=True)
    assert len(records) == 2
    assert damages == []
