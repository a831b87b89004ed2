"""The store of results, its serializers and locks, as users know them: reference 7.6 to 7.8."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from flowstone.exceptions import (
    ConfigurationError,
    MissingResult,
    OutsideStorage,
    UnreadableResult,
)
from flowstone.filesystems import LocalFileSystem, RemoteFileSystem
from flowstone.locking.filesystem import FileSystemLockManager
from flowstone.locking.memory import MemoryLockManager
from flowstone.results import ResultRecord, ResultStore
from flowstone.serializers import JSONSerializer, PickleSerializer


@pytest.fixture
def store(tmp_path):
    return ResultStore(result_storage=LocalFileSystem(basepath=tmp_path / "results"))


def soon(seconds):
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_what_is_written_under_a_key_is_read_by_it(store, tmp_path):
    store.write({"a": 1}, key="k")
    record = store.read("k")
    assert isinstance(record, ResultRecord)
    assert record.result == {"a": 1}
    assert record.expiration is None
    assert record.serializer == PickleSerializer()
    assert store.exists("k")
    assert not store.exists("other")


def test_the_key_is_the_files_name_and_the_record_knows_its_path(store, tmp_path):
    store.write(1, key="reports/one")
    path = tmp_path / "results" / "reports" / "one"
    assert path.is_file()
    metadata = store.read("reports/one").metadata
    assert metadata.storage_key == str(path)
    assert store.read(metadata.storage_key).result == 1


def test_without_a_key_one_is_made(tmp_path):
    names = iter(["first", "second"])
    storage = LocalFileSystem(basepath=tmp_path)
    store = ResultStore(result_storage=storage, storage_key_fn=lambda: next(names))
    store.write(1)
    record = store.create_result_record(2)
    assert not (tmp_path / "second").exists()
    store.persist_result_record(record)
    assert store.read("first").result == 1
    assert store.read(record.metadata.storage_key).result == 2
    assert ResultStore(result_storage=storage).create_result_record(3).metadata.storage_key


def test_a_result_that_is_not_there_is_a_value_error_that_says_where(store, tmp_path):
    with pytest.raises(ValueError, match=f"no result under 'k' in {tmp_path}"):
        store.read("k")
    with pytest.raises(MissingResult):
        store.read("k")


def test_a_result_ends_with_its_expiration_for_all_readers(store, tmp_path):
    end = soon(3600)
    store.write(1, key="k", expiration=end)
    assert store.read("k").expiration == end
    other = ResultStore(result_storage=tmp_path / "results")
    assert other.read("k").expiration == end
    store.write(1, key="k", expiration=soon(-1))
    for one in (store, other):
        assert not one.exists("k")
        with pytest.raises(MissingResult, match="time is over"):
            one.read("k")


def test_an_expiration_without_a_zone_is_utc(store):
    store.write(1, key="k", expiration=datetime(2099, 1, 1))  # noqa: DTZ001
    assert store.read("k").expiration == datetime(2099, 1, 1, tzinfo=UTC)


def test_an_expiration_in_the_distant_future_is_none(store):
    store.write(1, key="k", expiration=datetime.max)  # noqa: DTZ901
    assert store.read("k").result == 1
    assert store.read("k").expiration is None


def test_a_none_is_a_result(store):
    store.write(None, key="k")
    assert store.exists("k")
    assert store.read("k").result is None


def test_metadata_and_payload_may_lie_apart(tmp_path):
    store = ResultStore(
        result_storage=tmp_path / "values", metadata_storage=tmp_path / "keys", serializer="json"
    )
    store.write({"a": 1}, key="k")
    assert (tmp_path / "keys" / "k").is_file()
    (payload,) = (tmp_path / "values").glob("[!.]*")
    assert payload.read_text() == '{"a": 1}'
    apart = ResultStore(result_storage=tmp_path / "values", metadata_storage=tmp_path / "keys")
    assert apart.read("k").result == {"a": 1}


@pytest.mark.parametrize("key", ["../../out", "a/../../../out", "/etc/out"])
def test_a_key_that_leads_out_of_the_storage_is_a_value_error(store, key):
    with pytest.raises(ValueError, match="leads out of"):
        store.write(1, key=key)
    with pytest.raises(OutsideStorage):
        store.read(key)


def test_the_same_result_read_twice_is_the_same_object_while_it_is_at_hand(tmp_path):
    at_hand = ResultStore(result_storage=tmp_path)
    at_hand.write([1], key="k")
    assert at_hand.read("k").result is at_hand.read("k").result
    afresh = ResultStore(result_storage=tmp_path, cache_result_in_memory=False)
    assert afresh.read("k").result is not afresh.read("k").result


def test_a_file_that_was_deleted_or_replaced_is_not_answered_from_memory(tmp_path):
    store, other = ResultStore(result_storage=tmp_path), ResultStore(result_storage=tmp_path)
    store.write("before", key="k")
    ResultStore(result_storage=tmp_path, cache_result_in_memory=False).write("after", key="k")
    assert store.read("k").result == other.read("k").result == "after"
    (tmp_path / "k").unlink()
    assert not store.exists("k")
    with pytest.raises(MissingResult):
        store.read("k")


def test_a_rotten_result_is_an_error_and_no_answer(store, tmp_path):
    store.write("x" * 100, key="k")
    path = tmp_path / "results" / "k"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"y")
    with pytest.raises(UnreadableResult, match="checksum"):
        store.read("k")


def test_a_serializer_is_given_by_its_type_or_as_an_object(tmp_path):
    for serializer in ("json", JSONSerializer()):
        store = ResultStore(result_storage=tmp_path, serializer=serializer)
        store.write({"a": (1, 2)}, key="k")
        assert store.read("k").serializer == JSONSerializer()
        fresh = ResultStore(result_storage=tmp_path, cache_result_in_memory=False)
        assert fresh.read("k").result == {"a": [1, 2]}  # written as JSON, whoever reads it
    with pytest.raises(ValueError, match="no serializer 'yaml'"):
        ResultStore(result_storage=tmp_path, serializer="yaml")


def test_storage_is_a_path_a_url_or_a_file_system(tmp_path):
    for place in (tmp_path, f"file://{tmp_path}", RemoteFileSystem(basepath="memory://compat")):
        store = ResultStore(result_storage=place)
        store.write(str(place), key="k")
        assert ResultStore(result_storage=place).read("k").result == str(place)
    with pytest.raises(ValueError, match=r"pathlib\.Path"):
        ResultStore(result_storage="local-file-system/mine")


def test_results_lie_in_the_home_by_default(home):
    store = ResultStore()
    store.write(7, key="by-default")
    assert (home / "results" / "by-default").is_file()
    assert ResultStore().read("by-default").result == 7


def test_the_async_names_do_the_same(store):
    async def use():
        await store.awrite(1, key="k")
        assert await store.aexists("k")
        await store.apersist_result_record(store.create_result_record(2, key="l"))
        return [(await store.aread(key)).result for key in "kl"]

    assert asyncio.run(use()) == [1, 2]


LOCK_VERBS = {
    "acquire_lock": ("k",),
    "is_lock_holder": ("k",),
    "is_locked": ("k",),
    "release_lock": ("k",),
    "wait_for_lock": ("k",),
}


@pytest.mark.parametrize("verb", LOCK_VERBS)
def test_locking_without_a_lock_manager_is_a_configuration_error(store, verb):
    with pytest.raises(ConfigurationError, match=r"no lock manager.*MemoryLockManager"):
        getattr(store, verb)(*LOCK_VERBS[verb])


def test_isolation_levels_need_what_they_need(store, tmp_path):
    assert store.supports_isolation_level("READ_COMMITTED")
    assert not store.supports_isolation_level("SERIALIZABLE")
    locking = ResultStore(result_storage=tmp_path, lock_manager=MemoryLockManager())
    assert locking.supports_isolation_level("SERIALIZABLE")
    with pytest.raises(ValueError, match="no isolation level"):
        store.supports_isolation_level("CHAOS")


@pytest.fixture(params=["memory", "files"])
def locking(request, tmp_path):
    manager = MemoryLockManager()
    if request.param == "files":
        manager = FileSystemLockManager(lock_files_directory=tmp_path / "locks")
    return ResultStore(result_storage=tmp_path / "results", lock_manager=manager)


def test_writing_under_the_lock_of_another_holder_is_refused(locking):
    assert locking.acquire_lock("k", holder="me")
    with pytest.raises(RuntimeError, match="another holder has its lock"):
        locking.write(1, key="k", holder="you")
    with pytest.raises(RuntimeError):
        locking.write(1, key="k")
    locking.write(2, key="k", holder="me")
    locking.release_lock("k", holder="me")
    locking.write(3, key="k", holder="you")
    assert locking.read("k").result == 3


def test_a_reader_waits_for_who_holds_the_lock(locking):
    locking.acquire_lock("k", holder="me")

    def write():
        locking.write("written", key="k", holder="me")
        locking.release_lock("k", holder="me")

    threading.Timer(0.05, write).start()
    assert locking.read("k").result == "written"


def test_a_thread_is_its_own_holder_and_releases_only_its_own(locking):
    assert locking.acquire_lock("k")
    assert locking.is_lock_holder("k")
    assert locking.acquire_lock("k", timeout=0)
    seen = []

    def other():
        seen.extend([locking.is_lock_holder("k"), locking.acquire_lock("k", timeout=0)])
        with pytest.raises(ValueError, match="holds no lock"):
            locking.release_lock("k")

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == [False, False]
    locking.release_lock("k")
    assert not locking.is_locked("k")


def test_coroutines_of_one_thread_exclude_each_other(locking):
    inside, most = [], []

    async def one(n):
        assert await locking.aacquire_lock("k")
        inside.append(n)
        most.append(len(inside))
        await asyncio.sleep(0.005)
        inside.remove(n)
        locking.release_lock("k")

    async def many():
        await asyncio.gather(*(one(n) for n in range(5)))
        assert await locking.await_for_lock("k", timeout=10)

    asyncio.run(many())
    assert most == [1] * 5


def test_writes_of_a_coroutine_are_its_own_also_when_they_run_in_a_thread(locking):
    async def hold():
        await locking.aacquire_lock("k")
        await locking.awrite(1, key="k")
        value = (await locking.aread("k")).result
        locking.release_lock("k")
        return value

    assert asyncio.run(asyncio.wait_for(hold(), 10)) == 1
