"""Transactions that write a record under a key when they commit: done once, known as done."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from flowstone.exceptions import ConfigurationError, ResultNotFound
from flowstone.locking.filesystem import FileSystemLockManager
from flowstone.locking.memory import MemoryLockManager
from flowstone.results import ResultStore
from flowstone.transactions import atransaction, transaction

pytestmark = pytest.mark.usefixtures("home")


class Unwritable:
    def __reduce__(self) -> Any:
        raise TypeError("no")


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(result_storage=tmp_path / "kept", lock_manager=MemoryLockManager())


def test_the_staged_value_is_written_at_the_commit_and_read_again(store):
    with transaction(key="k", store=store) as one:
        assert one.is_active()
        one.stage({"rows": 3})
        assert not store.exists("k")
    assert one.read().result == {"rows": 3}
    assert store.read("k").result == {"rows": 3}


def test_a_transaction_whose_record_is_there_is_committed_from_its_beginning(store):
    with transaction(key="k", store=store) as one:
        one.stage(1)
    with transaction(key="k", store=store) as again:
        assert again.is_committed()
        assert again.read().result == 1
        again.stage(2)
    assert store.read("k").result == 1
    with transaction(key="k", store=store, overwrite=True) as other:
        assert not other.is_committed()
        other.stage(3)
    assert store.read("k").result == 3


def test_with_nothing_staged_a_none_says_that_it_was_done(store):
    ran = []
    for _ in range(2):
        with transaction(key="done", store=store) as one:
            if not one.is_committed():
                ran.append(1)
    assert ran == [1]
    assert store.read("done").result is None


def test_nothing_is_written_where_it_is_rolled_back_or_told_not_to(store):
    with pytest.raises(KeyError), transaction(key="k", store=store) as one:
        one.stage(1)
        raise KeyError("x")
    with transaction(key="k", store=store, write_on_commit=False) as one:
        one.stage(1)
    assert one.is_committed()
    with pytest.raises(ResultNotFound):
        one.read()


def test_a_record_inside_is_written_with_the_outermost_commit(store):
    with transaction(key="outer", store=store):
        with transaction(key="inner", store=store) as inner:
            inner.stage(1)
        assert not store.exists("inner")
    assert store.exists("inner")
    assert store.exists("outer")


def test_a_value_that_cannot_be_written_is_told_and_the_transaction_rolled_back(store, caplog):
    hooks: list[str] = []
    with transaction(key="k", store=store) as one:
        one.stage(Unwritable(), on_rollback_hooks=[lambda _: hooks.append("undone")])
    assert one.is_rolled_back()
    assert hooks == ["undone"]
    assert "transaction 'k' could not be kept" in caplog.text


def test_without_a_store_the_record_lies_in_the_default_storage():
    with transaction(key="k") as one:
        one.stage(1)
    assert ResultStore().read("k").result == 1


def test_without_a_key_there_is_nothing_to_read():
    with transaction() as one:
        one.stage(1)
    assert one.read() is None


def test_entering_twice_is_refused(store):
    with transaction(key="k", store=store) as one:
        with pytest.raises(RuntimeError, match="entered already"), one:
            pass
        one.stage(1)
    assert store.read("k").result == 1


def test_serializable_holds_the_keys_lock_until_its_end(store):
    options: Any = {"store": store, "isolation_level": "SERIALIZABLE"}
    with transaction(key="k", **options):
        assert store.is_locked("k")
    assert not store.is_locked("k")
    with pytest.raises(KeyError), transaction(key="k2", **options):
        raise KeyError("x")
    assert not store.is_locked("k2")
    with transaction(), transaction(key="k3", **options) as inner:
        assert store.is_locked("k3")
    assert inner.is_committed()
    assert not store.is_locked("k3")
    with transaction(key="k", **options) as known:
        assert known.is_committed()
    assert not store.is_locked("k")


def test_the_same_key_inside_itself_does_not_wait_for_itself(store):
    options: Any = {"store": store, "isolation_level": "SERIALIZABLE"}
    with transaction(key="k", **options), transaction(key="k", **options) as inner:
        inner.stage(5)
    assert not store.is_locked("k")


@pytest.mark.parametrize("kind", ["memory", "files"])
def test_serializable_transactions_of_one_key_run_one_after_the_other(kind, tmp_path):
    manager: Any = (
        MemoryLockManager() if kind == "memory" else FileSystemLockManager(tmp_path / "locks")
    )
    store = ResultStore(result_storage=tmp_path / "kept", lock_manager=manager)
    ran: list[int] = []

    def work() -> None:
        with transaction(key="once", store=store, isolation_level="SERIALIZABLE") as one:
            if not one.is_committed():
                ran.append(1)
                one.stage("done")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ran == [1]


def test_serializable_without_a_lock_manager_is_a_configuration_error(tmp_path):
    store = ResultStore(result_storage=tmp_path)
    one = transaction(key="k", store=store, isolation_level="SERIALIZABLE")
    with pytest.raises(ConfigurationError, match="not supported by provided configuration"), one:
        pass
    with transaction() as next_one:
        assert next_one.get_parent() is None


def test_async_transactions_write_and_lock_too(store):
    async def main() -> None:
        options: Any = {"key": "k", "store": store, "isolation_level": "SERIALIZABLE"}
        async with atransaction(**options) as one:
            assert store.is_locked("k")
            one.stage(7)
        record = await one.read()
        assert record is not None
        assert record.result == 7
        assert not store.is_locked("k")
        async with atransaction(**options) as again:
            assert again.is_committed()

    asyncio.run(main())
