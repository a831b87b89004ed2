"""A home for tests: fresh, private, gone afterwards, whoever else has one open."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from threading import Barrier, Thread

import pytest

from flowstone import flow, task
from flowstone.settings import temporary_settings
from flowstone.testing import flowstone_test_harness, recorded_runs
from flowstone.wiring.process import PROCESS
from tests.homes import recording_in


@task
def double(n):
    return 2 * n


@flow
def doubles(n):
    return sum(double.map(range(n)).result())


@pytest.fixture(autouse=True)
def outer_home(tmp_path):
    """A home around the harness under test, as a user's own would be."""
    with recording_in(tmp_path / "outer") as home:
        yield home


def names():
    return [run.of for run in recorded_runs()]


def test_the_runs_of_a_harness_are_recorded_in_its_home_and_nowhere_else(outer_home):
    with flowstone_test_harness() as home:
        assert home.stat().st_mode & 0o777 == 0o700
        assert doubles(2) == 2
        assert names() == ["doubles", "double", "double"]
    assert not home.exists()
    assert not outer_home.exists()


def test_afterwards_everything_is_as_it_was(outer_home, monkeypatch):
    monkeypatch.setenv("FLOWSTONE_HOME", "/somewhere/else")
    doubles(1)
    engine, log, settings = PROCESS.engine, PROCESS.log, PROCESS.settings
    assert engine is not None
    with flowstone_test_harness() as home:
        assert os.environ["FLOWSTONE_HOME"] == str(home)
        assert PROCESS.settings.home == str(home)
        doubles(1)
    assert (PROCESS.engine, PROCESS.log, PROCESS.settings) == (engine, log, settings)
    assert os.environ["FLOWSTONE_HOME"] == "/somewhere/else"
    doubles(1)
    assert names() == ["doubles", "double"] * 2


def test_a_variable_that_was_not_set_is_not_set_afterwards(monkeypatch):
    monkeypatch.delenv("FLOWSTONE_HOME", raising=False)
    with flowstone_test_harness():
        assert "FLOWSTONE_HOME" in os.environ
    assert "FLOWSTONE_HOME" not in os.environ


def test_other_settings_hold_inside_too():
    PROCESS.restart(PROCESS.settings.copy_with_update({"tasks.default_retries": 3}))
    with flowstone_test_harness():
        assert PROCESS.settings.tasks.default_retries == 3


def test_settings_of_a_block_hold_in_a_harness_and_around_one():
    with temporary_settings({"tasks.default_retries": 3}), flowstone_test_harness() as home:
        assert PROCESS.settings.tasks.default_retries == 3
        with temporary_settings({"tasks.default_retries": 4}):
            assert PROCESS.settings.home == str(home)
            doubles(1)
        assert names() == ["doubles", "double"]


def test_results_are_kept_in_the_home_whatever_the_settings_say(tmp_path):
    elsewhere = {
        "results.default_storage": "s3://everybodys/results",
        "results.local_storage_path": str(tmp_path / "everybodys"),
    }
    PROCESS.restart(PROCESS.settings.copy_with_update(elsewhere))
    with flowstone_test_harness():
        assert PROCESS.settings.results.default_storage is None
        assert PROCESS.settings.results.local_storage_path is None


def test_the_profile_holds_inside_too_also_in_a_child_process(outer_home, monkeypatch):
    outer_home.mkdir()
    (outer_home / "profiles.toml").write_text("[profiles.ci]\ntasks.default_retries = 7\n")
    monkeypatch.setenv("FLOWSTONE_HOME", str(outer_home))
    monkeypatch.setenv("FLOWSTONE_PROFILE", "ci")
    monkeypatch.delenv("FLOWSTONE_PROFILES_PATH", raising=False)
    PROCESS.restart()
    child = "from flowstone.settings import *; print(get_current_settings().tasks.default_retries)"
    with flowstone_test_harness():
        assert PROCESS.settings.tasks.default_retries == 7
        done = subprocess.run([sys.executable, "-c", child], capture_output=True, check=True)
        assert done.stdout.strip() == b"7"
    assert "FLOWSTONE_PROFILES_PATH" not in os.environ


def test_an_error_inside_comes_out_and_the_home_is_gone():
    with pytest.raises(ZeroDivisionError), flowstone_test_harness() as home:
        doubles(1)
        1 / 0  # noqa: B018
    assert not home.exists()


def test_harnesses_nest():
    with flowstone_test_harness() as outer:
        doubles(1)
        with flowstone_test_harness() as inner:
            assert inner != outer
            assert names() == []
            doubles(0)
            assert names() == ["doubles"]
            assert os.environ["FLOWSTONE_HOME"] == str(inner)
        assert names() == ["doubles", "double"]
        assert os.environ["FLOWSTONE_HOME"] == str(outer)


def test_harnesses_of_several_threads_do_not_meet():
    both, found = Barrier(2, timeout=10), {}

    def work(count):
        with flowstone_test_harness():
            both.wait()
            doubles(count)
            both.wait()
            found[count] = names()
            both.wait()

    threads = [Thread(target=work, args=(count,)) for count in (1, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {1: ["doubles", "double"], 3: ["doubles", *["double"] * 3]}


def test_a_harness_that_ends_before_a_younger_one_leaves_that_alone(outer_home):
    older, younger = flowstone_test_harness(), flowstone_test_harness()
    older.__enter__()
    home = younger.__enter__()
    older.__exit__(None, None, None)
    doubles(1)
    assert names() == ["doubles", "double"]
    assert os.environ["FLOWSTONE_HOME"] == str(home)
    younger.__exit__(None, None, None)
    assert not outer_home.exists()


def test_a_thread_of_ones_own_uses_the_harness_that_is_open(outer_home):
    with flowstone_test_harness():
        thread = Thread(target=doubles, args=(1,))
        thread.start()
        thread.join()
        assert names() == ["doubles", "double"]
    assert not outer_home.exists()


def test_a_thread_that_outlives_its_harness_records_where_everybody_does(outer_home):
    go = Barrier(2, timeout=10)

    def work():
        go.wait()
        doubles(0)

    with flowstone_test_harness():
        thread = Thread(target=work)
        thread.start()
    go.wait()
    thread.join()
    assert names() == ["doubles"]
    assert outer_home.exists()


def test_it_works_around_and_inside_async_code():
    @flow
    async def adoubles(n):
        return await asyncio.gather(*[adouble(i) for i in range(n)])

    @task
    async def adouble(n):
        return 2 * n

    async def inside():
        with flowstone_test_harness():
            assert await adoubles(2) == [0, 2]
            return [run.of for run in await asyncio.to_thread(recorded_runs)]

    async def two():
        return await asyncio.gather(inside(), inside())

    assert asyncio.run(two()) == [["adoubles", "adouble", "adouble"]] * 2
    with flowstone_test_harness():
        asyncio.run(adoubles(1))
        assert names() == ["adoubles", "adouble"]


def test_a_child_process_records_there_too():
    script = "from flowstone import flow\n@flow\ndef child(): pass\nchild()"
    with flowstone_test_harness():
        doubles(0)
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
        assert sorted(names()) == ["child", "doubles"]


def test_no_server_is_told_of_what_runs_inside_not_by_a_child_process_either(monkeypatch):
    nobody = "http://127.0.0.1:9"  # who reports there would keep its log, and warn
    script = "from flowstone import flow\n@flow\ndef child(): pass\nchild()"
    monkeypatch.setenv("FLOWSTONE_API_URL", nobody)
    PROCESS.restart()
    with flowstone_test_harness():
        assert PROCESS.settings.api.url is None
        doubles(0)
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
        assert sorted(names()) == ["child", "doubles"]
    assert os.environ["FLOWSTONE_API_URL"] == PROCESS.settings.api.url == nobody


def test_a_forked_child_leaves_the_home_to_its_parent():
    script = """
import os
from flowstone import flow
from flowstone.testing import flowstone_test_harness, recorded_runs

@flow
def one(): pass

with flowstone_test_harness() as home:
    one()
    child = os.fork()
    if not child:
        one()
    else:
        assert os.waitpid(child, 0)[1] == 0
        print(home.exists(), len(recorded_runs()))
print(home.exists())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "True", "2", "False"], done.stderr


def test_limits_of_a_harness_are_its_own_and_leave_no_file_open(outer_home):
    fds = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    limited = double.with_options(tags=["db"])
    for _ in range(3):
        with flowstone_test_harness():
            PROCESS.limits.definitions.create("tag:db", 1)
            assert limited(1) == 2
    with flowstone_test_harness():
        assert not PROCESS.limits.folder.defined()
    if fds is not None:
        assert len(os.listdir("/proc/self/fd")) <= fds + 1


def test_what_is_inside_is_said_by_a_repeated_restart():
    """`flowstone run` in the same process restarts; it must not leave the harness by that."""
    with flowstone_test_harness() as home:
        doubles(0)
        PROCESS.restart(PROCESS.settings)
        doubles(0)
        assert names() == ["doubles", "doubles"]
        assert PROCESS.settings.home == str(home)
