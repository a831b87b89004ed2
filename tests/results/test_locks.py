from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading

import pytest

from flowstone.exceptions import ConfigurationError
from flowstone.locking.filesystem import FileSystemLockManager
from flowstone.locking.memory import MemoryLockManager
from flowstone.locking.protocol import LockManager
from flowstone.locking.redis import RedisLockManager
from flowstone.results import file_locks


@pytest.fixture(params=["memory", "files", "redis"])
def manager(request, tmp_path):
    if request.param == "redis":
        return RedisLockManager(port=request.getfixturevalue("redis_server"))
    if request.param == "memory":
        manager = MemoryLockManager()
        manager._empty()
        return manager
    return FileSystemLockManager(tmp_path / "locks")


def test_a_lock_has_one_holder_until_it_is_released(manager):
    assert isinstance(manager, LockManager)
    assert not manager.is_locked("k")
    assert manager.acquire_lock("k", "me")
    assert manager.is_locked("k")
    assert manager.is_lock_holder("k", "me")
    assert not manager.is_lock_holder("k", "you")
    assert not manager.acquire_lock("k", "you", acquire_timeout=0)
    assert manager.acquire_lock("other", "you", acquire_timeout=0)
    manager.release_lock("k", "me")
    assert not manager.is_locked("k")
    assert not manager.is_lock_holder("k", "me")
    assert manager.acquire_lock("k", "you", acquire_timeout=0)
    manager.release_lock("k", "you")
    manager.release_lock("other", "you")


def test_its_holder_takes_a_lock_again_and_one_release_frees_it(manager):
    assert manager.acquire_lock("k", "me")
    assert manager.acquire_lock("k", "me", acquire_timeout=0)
    manager.release_lock("k", "me")
    assert not manager.is_locked("k")


def test_who_holds_nothing_releases_nothing(manager):
    with pytest.raises(ValueError, match="'me' holds no lock on 'k'"):
        manager.release_lock("k", "me")
    manager.acquire_lock("k", "me")
    with pytest.raises(ValueError, match="'you' holds no lock on 'k'"):
        manager.release_lock("k", "you")
    assert manager.is_lock_holder("k", "me")
    manager.release_lock("k", "me")


def test_a_lock_that_was_held_too_long_can_be_taken_over(manager):
    assert manager.acquire_lock("k", "me", hold_timeout=0.05)
    assert not manager.acquire_lock("k", "you", acquire_timeout=0)
    assert manager.acquire_lock("k", "you", acquire_timeout=10)
    assert manager.is_lock_holder("k", "you")
    with pytest.raises(ValueError, match="'me' holds no lock"):
        manager.release_lock("k", "me")
    assert manager.is_lock_holder("k", "you")
    manager.release_lock("k", "you")
    assert not manager.is_locked("k")


def test_a_lock_whose_time_is_over_is_free_without_a_taker(manager):
    manager.acquire_lock("k", "me", hold_timeout=0.01)
    assert manager.wait_for_lock("k", timeout=10)
    with pytest.raises(ValueError):
        manager.release_lock("k", "me")
    assert manager.acquire_lock("k", "you", acquire_timeout=0)
    manager.release_lock("k", "you")


def test_waiting_ends_with_the_release_or_with_its_time(manager):
    assert manager.wait_for_lock("k")
    manager.acquire_lock("k", "me")
    assert not manager.wait_for_lock("k", timeout=0.01)
    threading.Timer(0.05, manager.release_lock, ("k", "me")).start()
    assert manager.wait_for_lock("k", timeout=10)


def test_coroutines_wait_without_holding_up_their_loop(manager):
    order = []

    async def one(name):
        assert await manager.aacquire_lock("k", name)
        order.append(name)
        await asyncio.sleep(0.01)
        order.append(name)
        manager.release_lock("k", name)

    async def many():
        assert await manager.await_for_lock("k", timeout=0)
        await asyncio.gather(*(one(f"run-{n}") for n in range(5)))
        manager.acquire_lock("k", "me")
        assert not await manager.await_for_lock("k", timeout=0.01)
        assert not await manager.aacquire_lock("k", "you", acquire_timeout=0.01)
        manager.release_lock("k", "me")

    asyncio.run(many())
    assert order[::2] == order[1::2]  # nobody came between
    assert sorted(order[::2]) == [f"run-{n}" for n in range(5)]


def test_threads_exclude_each_other(manager):
    inside, seen = [], []

    def work(name):
        for _ in range(20):
            assert manager.acquire_lock("k", name)
            inside.append(name)
            seen.append(len(inside))
            inside.remove(name)
            manager.release_lock("k", name)

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 80


def test_there_is_one_memory_manager_in_a_process():
    assert MemoryLockManager() is MemoryLockManager()


def test_threads_that_ask_first_at_once_get_the_same_memory_manager(monkeypatch):
    empty, began, go_on = MemoryLockManager._empty, threading.Event(), threading.Event()

    def slowly(manager):
        began.set()
        go_on.wait(10)
        empty(manager)

    monkeypatch.setattr(MemoryLockManager, "_only", None)
    monkeypatch.setattr(MemoryLockManager, "_empty", slowly)
    monkeypatch.setattr(os, "register_at_fork", lambda **_: None)
    locked = []
    first = threading.Thread(target=lambda: MemoryLockManager().acquire_lock("k", "me"))
    second = threading.Thread(target=lambda: locked.append(MemoryLockManager().is_locked("x")))
    first.start()
    assert began.wait(10)
    second.start()
    second.join(0.1)  # it waits for the manager that is being made
    go_on.set()
    first.join()
    second.join()
    assert locked == [False]
    assert MemoryLockManager().is_lock_holder("k", "me")


def test_a_release_that_comes_too_late_removes_no_file_that_may_be_anothers(tmp_path):
    manager = FileSystemLockManager(tmp_path)
    manager.acquire_lock("k", "me", hold_timeout=0.01)
    assert manager.wait_for_lock("k", timeout=10)
    with pytest.raises(ValueError, match="'me' holds no lock"):
        manager.release_lock("k", "me")
    assert (tmp_path / "k.lock").exists()
    assert manager.acquire_lock("k", "you", acquire_timeout=0)
    manager.release_lock("k", "you")
    assert not (tmp_path / "k.lock").exists()


def test_managers_of_one_directory_see_each_others_locks(tmp_path):
    one, other = FileSystemLockManager(tmp_path), FileSystemLockManager(str(tmp_path))
    one.acquire_lock("k", "me")
    assert other.is_lock_holder("k", "me")
    other.release_lock("k", "me")
    assert not one.is_locked("k")


@pytest.mark.parametrize("key", ["a/b", "../out", "", "x" * 500, ".gate", "a\nb"])
def test_any_key_can_be_locked_and_leaves_no_file(key, tmp_path):
    manager = FileSystemLockManager(tmp_path / "locks")
    assert manager.acquire_lock(key, "me")
    assert manager.is_locked(key)
    assert len(list((tmp_path / "locks").glob("*.lock"))) == 1
    manager.release_lock(key, "me")
    assert list((tmp_path / "locks").glob("*.lock")) == []
    assert [path.name for path in tmp_path.iterdir()] == ["locks"]


HOLDING = """
import sys
from flowstone.locking.filesystem import FileSystemLockManager
assert FileSystemLockManager(sys.argv[1]).acquire_lock("k", "them")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Give a process that holds the lock `k`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_lock_of_a_killed_process_is_free_at_once(holder, tmp_path):
    manager = FileSystemLockManager(tmp_path)
    assert manager.is_locked("k")
    assert manager.is_lock_holder("k", "them")
    assert not manager.acquire_lock("k", "me", acquire_timeout=0)
    with pytest.raises(ValueError):
        manager.release_lock("k", "them")  # it is another process that holds it
    holder.kill()
    holder.wait()
    assert not manager.is_locked("k")
    assert manager.acquire_lock("k", "me", acquire_timeout=0)
    manager.release_lock("k", "me")
    assert list(tmp_path.glob("*.lock")) == []


def test_a_forked_child_keeps_no_lock_alive(tmp_path):
    manager = FileSystemLockManager(tmp_path)
    manager.acquire_lock("k", "me")
    go, going = os.pipe()
    tried, trying = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            assert file_locks._PROCESS.held == {}
            assert not FileSystemLockManager(tmp_path).acquire_lock("k", "child", 0)
            os.write(trying, b"x")
            os.read(go, 1)  # lives on until its parent is done
            code = 0
        finally:
            os._exit(code)
    os.close(trying)  # so that a child that fails ends the wait
    os.read(tried, 1)
    assert manager.is_locked("k")  # that the child closed its copy freed nothing
    manager.release_lock("k", "me")
    assert manager.acquire_lock("k", "another", 0)
    manager.release_lock("k", "another")
    os.write(going, b"x")
    assert os.waitpid(child, 0)[1] == 0
    for end in (go, going, tried):
        os.close(end)
    assert not manager.is_locked("k")


COUNTING = """
import sys
from pathlib import Path
from flowstone.locking.filesystem import FileSystemLockManager
folder, name = Path(sys.argv[1]), sys.argv[2]
manager = FileSystemLockManager(folder / "locks")
for n in range(50):
    assert manager.acquire_lock("k", name)
    file = folder / "count"
    count = int(file.read_text())
    file.write_text(str(count + 1))
    manager.release_lock("k", name)
"""


def test_processes_exclude_each_other(tmp_path):
    (tmp_path / "count").write_text("0")
    command = [sys.executable, "-c", COUNTING, tmp_path]
    processes = [subprocess.Popen([*command, f"p{n}"]) for n in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert (tmp_path / "count").read_text() == "200"


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch):
    def refuse(fd, kind):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(ConfigurationError, match="No locks available"):
        FileSystemLockManager(tmp_path).acquire_lock("k", "me")
