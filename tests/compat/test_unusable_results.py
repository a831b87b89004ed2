"""Results that are damaged, out of date or out of reach: a miss, a warning, and nothing lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowstone import File, flow, task
from flowstone.cache_policies import INPUTS
from flowstone.settings import ResultSettings
from tests.compat.counting import counted, files, set_settings


def only_file(home):
    [name] = files(home)
    return home / "results" / name


def spoil(path: Path, how: str) -> None:
    data = path.read_bytes()
    match how:
        case "cut":
            path.write_bytes(data[:-1])
        case "rotten":
            path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        case "foreign":
            path.write_bytes(b"something else")
        case "folder":
            path.unlink()
            path.mkdir()


@pytest.mark.parametrize("how", ["cut", "rotten", "foreign", "folder"])
def test_a_damaged_result_is_a_miss_with_a_warning(home, caplog, how):
    calls = []

    @task(cache_policy=INPUTS)
    def numbers(x):
        calls.append(x)
        return [x]

    numbers(1)
    path = only_file(home)
    spoil(path, how)
    assert numbers(1) == [1]
    assert calls == [1, 1]
    assert "It is computed again" in caplog.text
    assert path.name in caplog.text


def test_a_storage_that_cannot_be_written_costs_nothing_but_the_caching(home, caplog):
    (home / "results").write_text("a file where the folder should be")
    double, calls = counted(cache_policy=INPUTS)
    assert (double(1), double(1)) == (2, 2)
    assert calls == [1, 1]
    assert "The result was not kept" in caplog.text


def test_a_default_storage_that_cannot_be_is_one_warning(home, caplog):
    set_settings(home, results=ResultSettings(default_storage="nowhere://there"))
    double, calls = counted()
    assert flow(lambda: [double(1), double(1)])() == [2, 2]
    assert calls == [1, 1]
    assert "nowhere" in caplog.text


@pytest.mark.parametrize("becomes", ["gone", "changed"])
def test_a_result_whose_file_is_gone_or_changed_is_made_anew(home, tmp_path, caplog, becomes):
    path = tmp_path / "report.txt"
    calls = []

    @task(cache_policy=INPUTS)
    def report(x):
        calls.append(x)
        path.write_text("the report")
        return {"path": path}

    assert report(1) == report(1) == {"path": path}
    assert calls == [1]
    if becomes == "gone":
        path.unlink()
    else:
        path.write_text("something else")
    report(1)
    assert calls == [1, 1]
    assert f"{path} " in caplog.text
    assert path.read_text() == "the report"


def test_a_file_of_one_checked_by_content_may_be_touched_but_not_changed(home, tmp_path):
    path = tmp_path / "table.bin"
    calls = []

    @task(cache_policy=INPUTS)
    def table(x):
        calls.append(x)
        path.write_bytes(bytes(2_000_000))
        return [File(path, checksum=True)]

    table(1)
    os.utime(path, (0, 0))
    assert table(1) == [File(path, checksum=True)]
    assert calls == [1]
    path.write_bytes(bytes(1_999_999) + b"x")
    table(1)
    assert calls == [1, 1]


def test_a_home_without_a_lock_file_still_caches(home):
    (home / "results.lock").mkdir()
    double, calls = counted(cache_policy=INPUTS)
    assert (double(1), double(1), calls) == (2, 2, [1])
