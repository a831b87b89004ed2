from __future__ import annotations

import os
import threading
import time

import pytest

from flowstone.exceptions import StorageError
from flowstone.results.directory import Directory
from flowstone.results.eviction import Bounds, Evictor, evict
from flowstone.results.keeper import Keeper

SECOND = 1_000_000_000
LARGE = b"x" * 10_000


@pytest.fixture
def keeper(tmp_path):
    return Keeper(Directory(str(tmp_path / "results")))


def keep(keeper, key, *, age=0.0, value=LARGE):
    keeper.save(key, value, created=time.time_ns())
    then = time.time() - age
    os.utime(os.path.join(keeper.storage.place, key), (then, then))


def names(keeper):
    return sorted(found.name for found in keeper.entries())


def settled():
    for thread in threading.enumerate():
        if thread.name == "flowstone-eviction":
            thread.join()


def test_what_is_too_old_goes(keeper):
    for key, age in (("old", 100), ("young", 10)):
        keep(keeper, key, age=age)
    done = evict(keeper, Bounds(max_age_seconds=50), time.time_ns())
    assert names(keeper) == ["young"]
    assert (done.count, done.left) == (1, 1)
    assert done.size == done.left_size > len(LARGE)


def test_the_oldest_go_until_the_rest_fits(keeper):
    for age in range(5):
        keep(keeper, f"{age}-ago", age=age * 10)
    done = evict(keeper, Bounds(max_bytes=25_000), time.time_ns())
    assert names(keeper) == ["0-ago", "1-ago"]
    assert (done.count, done.left) == (3, 2)
    assert done.left_size <= 25_000


def test_nothing_goes_where_both_bounds_are_kept(keeper):
    for age in range(3):
        keep(keeper, f"{age}", age=age)
    bounds = Bounds(max_bytes=1 << 20, max_age_seconds=60)
    assert evict(keeper, bounds, time.time_ns()).count == 0
    assert len(names(keeper)) == 3


def test_files_of_others_are_neither_counted_nor_touched(keeper):
    keep(keeper, "mine")
    others = {"paper.txt": b"y" * 100_000, "empty": b"", "PK": b"PK\x03\x04 a spreadsheet" * 9}
    for name, data in others.items():
        path = os.path.join(keeper.storage.place, name)
        with open(path, "wb") as file:
            file.write(data)
        os.utime(path, (1, 1))
    done = evict(keeper, Bounds(max_bytes=50_000, max_age_seconds=3600), time.time_ns())
    assert (done.count, done.left) == (0, 1)
    assert names(keeper) == sorted(["mine", *others])


def test_a_damaged_result_goes_like_any_other(keeper):
    keep(keeper, "damaged")
    path = os.path.join(keeper.storage.place, "damaged")
    os.truncate(path, 60)
    os.utime(path, (1, 1))
    assert evict(keeper, Bounds(max_age_seconds=3600), time.time_ns()).count == 1


def test_a_result_that_another_one_replaced_meanwhile_stays(keeper):
    keep(keeper, "k", age=100)
    [before] = keeper.entries()
    keep(keeper, "k", value="new")
    assert not keeper.remove("k", only=before.header)
    assert keeper.load("k", 0).value == "new"


def test_results_of_any_storage_can_go(storage):
    keeper = Keeper(storage)
    for key in ("a", "b", "c"):
        keeper.save(key, LARGE, created=time.time_ns())
    assert evict(keeper, Bounds(max_bytes=15_000), time.time_ns()).left == 1
    assert len(names(keeper)) == 1


def test_keeping_results_removes_old_ones_in_the_background(tmp_path):
    evictor = Evictor(Bounds(max_age_seconds=50), str(tmp_path / "marks"))
    directory = Directory(str(tmp_path / "results"))
    keep(Keeper(directory), "old", age=100)
    Keeper(directory, evictor=evictor).save("new", 1, created=time.time_ns())
    settled()
    assert names(Keeper(directory)) == ["new"]


def test_a_storage_is_looked_at_once_an_hour_whoever_keeps_results_there(tmp_path):
    directory = Directory(str(tmp_path / "results"))
    for key in ("first", "second"):
        keep(Keeper(directory), "old", age=100)
        evictor = Evictor(Bounds(max_age_seconds=50), str(tmp_path / "marks"))
        for part in range(3):
            Keeper(directory, evictor=evictor).save(f"{key}{part}", 1, created=time.time_ns())
        settled()
        assert ("old" in names(Keeper(directory))) is (key == "second")
    [mark] = (tmp_path / "marks").iterdir()
    os.utime(mark, (1, 1))
    evictor = Evictor(Bounds(max_age_seconds=50), str(tmp_path / "marks"))
    Keeper(directory, evictor=evictor).save("third", 1, created=time.time_ns())
    settled()
    assert "old" not in names(Keeper(directory))


def test_a_process_that_keeps_much_does_not_wait_for_the_hour(tmp_path):
    evictor = Evictor(Bounds(max_bytes=100_000), str(tmp_path / "marks"))
    keeper = Keeper(Directory(str(tmp_path / "results")), evictor=evictor)
    for number in range(30):
        keeper.save(f"{number}", LARGE, created=time.time_ns())
        settled()
    assert sum(found.size for found in keeper.entries()) <= 120_000


def test_a_storage_that_cannot_be_listed_is_one_warning(tmp_path, monkeypatch, caplog):
    def entries():
        raise StorageError("it is down")

    keeper = Keeper(Directory(str(tmp_path / "results")))
    keeper = Keeper(keeper.storage, evictor=Evictor(Bounds(max_bytes=1), str(tmp_path / "marks")))
    monkeypatch.setattr(keeper.storage, "entries", entries)
    keeper.save("k", 1, created=time.time_ns())
    settled()
    [record] = caplog.records
    assert record.getMessage() == (
        f"Old results in {keeper.storage.place} could not be removed: it is down"
    )
    assert keeper.load("k", 0).value == 1
