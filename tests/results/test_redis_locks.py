"""Locks in a real Redis server: what becomes of them when holders and servers die."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from flowstone import flow, task
from flowstone.cache_policies import INPUTS
from flowstone.exceptions import ConfigurationError, StorageError
from flowstone.face.result_store import ResultStore
from flowstone.locking.redis import RedisLockManager
from flowstone.results import redis_locks
from flowstone.transactions import IsolationLevel
from tests.results.conftest import RedisServer


@pytest.fixture
def server(redis_program, tmp_path):
    """Give a Redis server that a test may stop."""
    server = RedisServer(redis_program, tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def short_lease(monkeypatch):
    monkeypatch.setattr(redis_locks, "LEASE", 0.6)


def until(is_so, seconds=10.0):
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_managers_of_one_server_see_each_others_locks(server):
    one, other = RedisLockManager(port=server.port), RedisLockManager(port=server.port)
    assert one.acquire_lock("k", "me")
    assert other.is_lock_holder("k", "me")
    assert not other.acquire_lock("k", "you", acquire_timeout=0)
    assert not RedisLockManager(port=server.port, db=1).is_locked("k")


def test_nobody_frees_the_lock_that_another_process_took_under_the_same_name(server):
    one, other = RedisLockManager(port=server.port), RedisLockManager(port=server.port)
    one.acquire_lock("k", "me")
    with pytest.raises(ValueError, match="'me' holds no lock on 'k'"):
        other.release_lock("k", "me")
    assert one.is_lock_holder("k", "me")


HOLDING = """
import sys
from flowstone.locking.redis import RedisLockManager
from flowstone.results import redis_locks
redis_locks.LEASE = 0.6
assert RedisLockManager(port=int(sys.argv[1])).acquire_lock("k", "them")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lock_is_held_while_its_holder_lives_and_free_soon_after_it_died(server):
    command = [sys.executable, "-c", HOLDING, str(server.port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        manager = RedisLockManager(port=server.port)
        assert not manager.wait_for_lock("k", timeout=1.5)  # over two leases: it was renewed
        assert manager.is_lock_holder("k", "them")
        holder.kill()
        holder.wait()
        assert manager.acquire_lock("k", "me", acquire_timeout=10)
    manager.release_lock("k", "me")


def test_a_lock_with_a_hold_timeout_is_not_renewed(server, short_lease):
    manager = RedisLockManager(port=server.port)
    manager.acquire_lock("k", "me", hold_timeout=0.05)
    assert manager._thread is None
    assert manager.wait_for_lock("k", timeout=10)


def test_a_server_that_was_started_anew_gets_the_lock_again(server, short_lease, caplog):
    manager = RedisLockManager(port=server.port)
    manager.acquire_lock("k", "me")
    server.stop()
    until(lambda: "could not be renewed: Redis at localhost:" in caplog.text)
    server.start()
    until(lambda: manager.is_lock_holder("k", "me"))
    manager.release_lock("k", "me")
    assert not manager.is_locked("k")


def test_who_loses_a_lock_is_told_and_lets_the_new_holder_have_it(server, short_lease, caplog):
    manager, other = RedisLockManager(port=server.port), RedisLockManager(port=server.port)
    manager.acquire_lock("k", "me")
    manager._client.delete("flowstone:lock:k")  # as where its process stood still for too long
    other.acquire_lock("k", "you")
    until(lambda: "The lock on 'k' in Redis at localhost:" in caplog.text)
    with pytest.raises(ValueError, match="'me' holds no lock"):
        manager.release_lock("k", "me")
    assert other.is_lock_holder("k", "you")
    other.release_lock("k", "you")


def test_the_thread_that_renews_ends_when_nothing_is_held(server, short_lease):
    manager = RedisLockManager(port=server.port)
    manager.acquire_lock("k", "me")
    manager.release_lock("k", "me")
    until(lambda: manager._thread is None)
    manager.acquire_lock("k", "me")
    assert manager._thread is not None
    manager.release_lock("k", "me")


def test_a_forked_child_neither_has_nor_renews_its_parents_locks(server):
    manager = RedisLockManager(port=server.port)
    manager.acquire_lock("k", "me")
    child = os.fork()
    if not child:
        code = 1
        try:
            assert manager._renewed == {}
            with pytest.raises(ValueError):
                manager.release_lock("k", "me")
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert manager.is_lock_holder("k", "me")
    manager.release_lock("k", "me")


def test_a_server_that_is_not_there_is_named(server):
    manager = RedisLockManager(port=server.port)
    server.stop()
    with pytest.raises(StorageError, match=f"Redis at localhost:{server.port}/0 does not answer"):
        manager.acquire_lock("k", "me", acquire_timeout=0)
    with pytest.raises(StorageError, match="does not answer"):
        manager.is_locked("k")


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigurationError, match=r'pip install "flowstone\[redis\]"'):
        RedisLockManager()


def test_a_run_goes_on_and_keeps_its_result_though_the_server_dies_under_it(
    server, tmp_path, caplog
):
    manager = RedisLockManager(port=server.port)
    policy = INPUTS.configure(isolation_level=IsolationLevel.SERIALIZABLE, lock_manager=manager)
    ran = []

    @task(cache_policy=policy, persist_result=True, result_storage=tmp_path / "kept")
    def double(number):
        ran.append(number)
        if number == 1:
            server.stop()
        return 2 * number

    @flow
    def both():
        return [double(1), double(2), double(1), double(2)]

    assert both() == [2, 4, 2, 4]
    assert ran == [1, 2]
    assert "The lock of its key was not freed: Redis at localhost:" in caplog.text
    assert "Its key is not locked: Redis at localhost:" in caplog.text


def test_a_result_store_excludes_writers_by_its_locks(server, tmp_path):
    stores = [
        ResultStore(result_storage=tmp_path, lock_manager=RedisLockManager(port=server.port))
        for _ in range(2)
    ]
    assert stores[0].acquire_lock("k", "me")
    with pytest.raises(RuntimeError, match="another holder has its lock"):
        stores[1].write(1, "k", holder="you")
    stores[0].write(2, "k", holder="me")
    stores[0].release_lock("k", "me")
    assert stores[1].read("k").result == 2
