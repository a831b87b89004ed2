from __future__ import annotations

from pathlib import Path

import msgspec

from flowstone.core.states import COMPLETED
from flowstone.log.files import DAMAGED
from flowstone.log.frames import frame, seed_of
from flowstone.log.records import Part
from flowstone.store.collector import collect
from flowstone.store.queries import open_store
from tests.store.contents import contents
from tests.store.segments import LogBuilder


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x40
    path.write_bytes(data)


def length_of(log: LogBuilder, records: list[object]) -> int:
    return sum(len(log.frame(one)) for one in records)


def test_a_flipped_bit_costs_one_record_and_is_reported_by_file_and_offset(
    home: Path, log: LogBuilder
):
    story = log.story(6)
    log.segment(story)
    at = length_of(log, [log.header(0), *story[:5]])
    flip(log.path, at + 20)
    with open_store(home) as store:
        (damage,) = store.status().damages
        assert (damage.path, damage.offset) == (str(log.path) + DAMAGED, at)
        assert "checksum" in damage.reason
        assert len(store.task_runs()) == 6
        assert [one.name for one in store.task_runs()].count("(unknown)") == 1
        assert [one.state_name for one in store.flow_runs()] == ["Completed"]
    assert not log.path.exists()
    contents(home)


def test_a_file_that_was_cut_is_read_as_far_as_it_goes_and_kept(home: Path, log: LogBuilder):
    story = log.story(3)
    log.segment(story)
    data = log.path.read_bytes()
    log.path.write_bytes(data[:-5])
    collect(home)
    with open_store(home) as store:
        (damage,) = store.status().damages
        begin = length_of(log, [log.header(0), *story[:-1]])
        assert (damage.offset, damage.length) == (begin, len(data) - 5 - begin)
        assert "cut short" in damage.reason
        assert [one.state_name for one in store.task_runs()] == ["Completed"] * 3
        assert [one.state_name for one in store.flow_runs()] == ["Crashed"]
        assert store.status().logs == ()
    assert Path(str(log.path) + DAMAGED).exists()


def test_the_unfinished_last_record_of_a_living_process_is_no_damage(home: Path, log: LogBuilder):
    log.segment(log.story(1))
    last = log.frame(log.line("half"))
    with log.path.open("ab") as file:
        file.write(last[:-3])
    log.hold()
    for _ in range(2):
        with open_store(home) as store:
            assert store.as_of is None
            assert store.status().damages == ()
            assert store.lines() == []
    with log.path.open("ab") as file:
        file.write(last[-3:])
    with open_store(home) as store:
        assert [one.message for one in store.lines()] == ["half"]


def test_space_that_is_not_written_yet_is_no_damage(home: Path, log: LogBuilder):
    log.segment(log.story(1))
    written = log.path.stat().st_size
    with log.path.open("ab") as file:
        file.truncate(1 << 20)
    log.hold()
    with open_store(home) as store:
        (facts,) = store.status().logs
        assert (facts.applied, facts.uncollected) == (written, 0)
    log.die()
    with open_store(home) as store:
        assert store.status().damages == ()
    assert not log.path.exists()


def test_foreign_files_are_reported_and_left_alone(home: Path, log: LogBuilder):
    log.segment(log.story(1))
    other = LogBuilder(home)
    other.number = 0
    strange = {
        home / "logs" / "notes.txt": b"mine",
        other.path: b"",
        LogBuilder(home).path_of(0): b"GIF89a and then something that is no log at all",
        LogBuilder(home).path_of(3): log.path.read_bytes(),
    }
    for path, data in strange.items():
        path.write_bytes(data)
    with open_store(home) as store:
        assert len(store.task_runs()) == 1
        reported = {one.path: one.reason for one in store.status().foreign}
    assert set(reported) == {str(path) for path in strange}
    assert reported[str(other.path)] == "it is empty"
    assert {path: path.read_bytes() for path in strange} == strange


def test_after_a_loss_of_power_nothing_behind_the_first_damage_is_applied(home: Path):
    log = LogBuilder(home, boot="another boot")
    story = log.story(6)
    log.segment(story)
    at = length_of(log, [log.header(0), *story[:5]])
    further = log.segment([log.flow_run(name="behind")])
    first = log.path_of(0)
    flip(first, at + 20)
    with open_store(home) as store:
        assert len(store.task_runs()) == 1
        assert [one.state_name for one in store.flow_runs()] == ["Crashed"]
        (damage,) = store.status().damages
        assert damage.offset == at
        assert damage.length == first.with_name(first.name + DAMAGED).stat().st_size - at
    assert {one.name for one in (home / "logs").iterdir()} == {
        first.name + DAMAGED,
        further.name + DAMAGED,
    }
    before = contents(home)
    collect(home)
    assert contents(home) == before


def test_a_record_of_an_unknown_kind_stops_its_log_and_names_the_version(
    home: Path, log: LogBuilder
):
    log.version = "9.9.0"
    story = log.story(2)
    log.segment(story[:-1])
    with log.path.open("ab") as file:
        file.write(frame(b"\x92\x63\x01", seed_of(log.id)))  # kind 99
        file.write(log.frame(story[-1]))
    data = log.path.read_bytes()
    for _ in range(2):
        with open_store(home) as store:
            assert store.as_of is None
            assert len(store.task_runs()) == 2
            assert [one.state_name for one in store.flow_runs()] == ["Running"]
            (facts,) = store.status().logs
            assert facts.needs == "9.9.0"
    assert log.path.read_bytes() == data


def test_a_record_of_a_kind_that_may_be_skipped_is_skipped(home: Path, log: LogBuilder):
    story = log.story(2)
    log.segment(story[:-1])
    with log.path.open("ab") as file:
        file.write(frame(b"\x92\xcc\xc8\x01", seed_of(log.id)))  # kind 200
    log.add([story[-1]])
    with open_store(home) as store:
        assert [one.state_name for one in store.flow_runs()] == ["Completed"]
        assert store.status().damages == ()


def test_segments_are_applied_in_order_and_deleted_when_the_next_is_begun(
    home: Path, log: LogBuilder
):
    flow = log.flow_run()
    log.segment([*log.definitions(), flow, *[log.task_run(flow.run) for _ in range(3)]])
    old = log.path
    log.segment([*log.definitions(), log.flow_changed(flow.run, 2, COMPLETED)])
    log.hold()
    with open_store(home) as store:
        assert [one.state_name for one in store.flow_runs()] == ["Completed"]
        assert [one.verdict for one in store.task_runs()] == ["closed"] * 3
        (facts,) = store.status().logs
        assert facts.segments == (log.path.name,)
    assert not old.exists()
    assert log.path.exists()


def test_a_record_in_many_pieces_longer_than_a_read_is_one_record(home: Path, log: LogBuilder):
    payload = msgspec.msgpack.encode(log.line("x" * 6_000_000))
    pieces = [payload[at : at + 1_000_000] for at in range(0, len(payload), 1_000_000)]
    parts = [Part(len(pieces) - 1 - index, piece) for index, piece in enumerate(pieces)]
    log.segment([*log.story(1), *parts, log.line("after")])
    with open_store(home) as store:
        assert [len(one.message) for one in store.lines()] == [6_000_000, 5]
        assert store.status().damages == ()
