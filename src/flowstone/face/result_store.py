"""The store of results as users make one: `ResultStore(result_storage=...).read(key)`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

from flowstone.exceptions import ConfigurationError, ResultNotFound
from flowstone.results.directory import Directory
from flowstone.results.eviction import Bounds, Evictor
from flowstone.results.filesystems import LocalFileSystem, Place, storage_at
from flowstone.results.keeper import Keeper
from flowstone.results.kept import Kept
from flowstone.results.locks import LockManager
from flowstone.results.memory import Memory
from flowstone.results.serializers import PickleSerializer, Serializer, serializer_of
from flowstone.results.storage import Storage
from flowstone.settings import ResultSettings, Settings
from flowstone.version import __version__
from flowstone.wiring.homes import writable_home
from flowstone.wiring.process import PROCESS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRecordMetadata:
    """What is known of a result; `storage_key` is its path where it lies in a local directory."""

    storage_key: str
    expiration: datetime | None = None
    serializer: Serializer = field(default_factory=PickleSerializer)
    flowstone_version: str = __version__


@dataclass(frozen=True, slots=True)
class ResultRecord:
    """A result, and what is known of it."""

    metadata: ResultRecordMetadata
    result: Any

    @property
    def expiration(self) -> datetime | None:
        """When its time is over; None for never."""
        return self.metadata.expiration

    @property
    def serializer(self) -> Serializer:
        """What it is written with."""
        return self.metadata.serializer


class ResultStore:
    """Keeps results under keys, in a storage of one's own choice.

    `metadata_storage` has what is known of results, by key; `result_storage` the results then. A
    result that is read twice is the same object while it is at hand in memory
    (`cache_result_in_memory`); what is changed in it, the next reader sees.
    """

    def __init__(
        self,
        *,
        result_storage: Place | None = None,
        metadata_storage: Place | None = None,
        lock_manager: LockManager | None = None,
        cache_result_in_memory: bool = True,
        serializer: Serializer | str | None = None,
        storage_key_fn: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        self.result_storage = result_storage or get_default_result_storage()
        self.metadata_storage = metadata_storage
        self.lock_manager = lock_manager
        self.cache_result_in_memory = cache_result_in_memory
        self.serializer = serializer_of(serializer or get_default_result_serializer())
        self.storage_key_fn = storage_key_fn
        self._keeper = Keeper(
            storage_at(self.result_storage),
            keys=None if metadata_storage is None else storage_at(metadata_storage),
            serializer=None if serializer is None else self.serializer,
            memory=_memory() if cache_result_in_memory else None,
            evictor=_evictor(PROCESS.settings),
        )

    def read(self, key: str, holder: str | None = None) -> ResultRecord:
        """Return the result under a key, once nobody else holds its lock.

        Raises `ResultNotFound` (a `ValueError`) where there is none or its time is over, and
        `UnreadableResult` (a `RuntimeError`) where it is damaged or its serializer is not here.
        """
        if self.lock_manager is not None and not self.is_lock_holder(key, holder):
            self.lock_manager.wait_for_lock(key)
        name = self._key(key)
        kept = self._keeper.load(name, time.time_ns())
        if kept is None:
            raise ResultNotFound(
                f"There is no result under {name!r} in {self._storage.place}, or its time is over"
            )
        return self._record(name, kept)

    def write(
        self,
        obj: Any,
        key: str | None = None,
        expiration: datetime | None = None,
        holder: str | None = None,
    ) -> None:
        """Keep a value, under a key of `storage_key_fn` where none is given.

        Raises `RuntimeError` while another holder has the key's lock.
        """
        self.persist_result_record(self.create_result_record(obj, key, expiration), holder)

    def exists(self, key: str) -> bool:
        """Whether there is a result under a key whose time is not over."""
        return self._keeper.exists(self._key(key), time.time_ns())

    def create_result_record(
        self, obj: Any, key: str | None = None, expiration: datetime | None = None
    ) -> ResultRecord:
        """Return the record of a value, without keeping it yet."""
        name = self._key(self.storage_key_fn() if key is None else key)
        metadata = ResultRecordMetadata(
            storage_key=self._path(name), expiration=expiration, serializer=self.serializer
        )
        return ResultRecord(metadata, obj)

    def persist_result_record(self, result_record: ResultRecord, holder: str | None = None) -> None:
        """Keep a record. Raises `RuntimeError` while another holder has the key's lock."""
        key = self._key(result_record.metadata.storage_key)
        manager = self.lock_manager
        if manager is not None and manager.is_locked(key) and not self.is_lock_holder(key, holder):
            raise RuntimeError(
                f"Cannot write the result under {key!r}: another holder has its lock; wait for it "
                "with `wait_for_lock`, or take it with `acquire_lock`"
            )
        now = time.time_ns()
        expires = _nanoseconds(result_record.expiration)
        self._keeper.save(key, result_record.result, created=now, expires=expires)

    async def aread(self, key: str, holder: str | None = None) -> ResultRecord:
        """Return the result under a key, without holding up the loop."""
        import asyncio

        holder = holder or self.generate_default_holder()
        if self.lock_manager is not None and not self.is_lock_holder(key, holder):
            await self.lock_manager.await_for_lock(key)
        return await asyncio.to_thread(self.read, key, holder)

    async def awrite(
        self,
        obj: Any,
        key: str | None = None,
        expiration: datetime | None = None,
        holder: str | None = None,
    ) -> None:
        """Keep a value, without holding up the loop."""
        await self.apersist_result_record(self.create_result_record(obj, key, expiration), holder)

    async def aexists(self, key: str) -> bool:
        """Whether there is a result under a key, without holding up the loop."""
        import asyncio

        return await asyncio.to_thread(self.exists, key)

    async def apersist_result_record(
        self, result_record: ResultRecord, holder: str | None = None
    ) -> None:
        """Keep a record, without holding up the loop."""
        import asyncio

        holder = holder or self.generate_default_holder()
        await asyncio.to_thread(self.persist_result_record, result_record, holder)

    def generate_default_holder(self) -> str:
        """Return a name for who calls: this thread, and in a loop this asyncio task."""
        return f"{os.getpid()}:{threading.get_ident()}:{_current_task()}"

    def acquire_lock(
        self, key: str, holder: str | None = None, timeout: float | None = None
    ) -> bool:
        """Take the lock of a key, waiting up to `timeout` seconds; return whether it is held."""
        holder = holder or self.generate_default_holder()
        return self._locks.acquire_lock(key, holder, acquire_timeout=timeout)

    async def aacquire_lock(
        self, key: str, holder: str | None = None, timeout: float | None = None
    ) -> bool:
        """Take the lock of a key, without holding up the loop."""
        holder = holder or self.generate_default_holder()
        return await self._locks.aacquire_lock(key, holder, acquire_timeout=timeout)

    def release_lock(self, key: str, holder: str | None = None) -> None:
        """Free the lock of a key. Raises `ValueError` where this holder has it not."""
        self._locks.release_lock(key, holder or self.generate_default_holder())

    def is_locked(self, key: str) -> bool:
        """Whether anybody holds the lock of a key."""
        return self._locks.is_locked(key)

    def is_lock_holder(self, key: str, holder: str | None = None) -> bool:
        """Whether this holder has the lock of a key."""
        return self._locks.is_lock_holder(key, holder or self.generate_default_holder())

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody holds the lock of a key; return whether that is so."""
        return self._locks.wait_for_lock(key, timeout)

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody holds the lock of a key, without holding up the loop."""
        return await self._locks.await_for_lock(key, timeout)

    def supports_isolation_level(self, level: Any) -> bool:
        """Whether transactions of an isolation level can use this store: some need locks.

        Raises `ValueError` for what is no level.
        """
        name = getattr(level, "name", level)
        if name == "READ_COMMITTED":
            return True
        if name == "SERIALIZABLE":
            return self.lock_manager is not None
        raise ValueError(f"{level!r} is no isolation level: READ_COMMITTED or SERIALIZABLE")

    @property
    def _locks(self) -> LockManager:
        if self.lock_manager is None:
            raise ConfigurationError(
                "This result store has no lock manager; make it with lock_manager="
                "MemoryLockManager() (one process), FileSystemLockManager(directory) (several) or "
                "RedisLockManager(host) (several hosts)"
            )
        return self.lock_manager

    @property
    def _storage(self) -> Storage:
        return self._keeper.keys

    def _key(self, key: str) -> str:
        """Return the key for a key, or for the path of its file."""
        inside = f"{self._storage.place}/"
        if isinstance(self._storage, Directory) and key.startswith(inside):
            return key[len(inside) :]
        return key

    def _path(self, key: str) -> str:
        is_local = isinstance(self._storage, Directory)
        return os.path.join(self._storage.place, key) if is_local else key

    def _record(self, key: str, kept: Kept) -> ResultRecord:
        header = kept.header
        expires = header.expires
        metadata = ResultRecordMetadata(
            storage_key=self._path(key),
            expiration=None
            if expires is None
            else _EPOCH + timedelta(microseconds=expires // 1000),
            serializer=self._keeper.serializer_of(header),
            flowstone_version=header.version,
        )
        return ResultRecord(metadata, kept.value)


@cache
def _memory() -> Memory:
    """Return the memory that all stores of this process share."""
    return Memory()


def _evictor(settings: Settings) -> Evictor | None:
    """Return what removes old results, where the settings have a bound for them."""
    age, size = settings.results.max_age_seconds, settings.results.max_bytes
    if age is None and size is None:
        return None
    marks = os.path.join(writable_home(settings.home), "evictions")
    return _evictor_of(Bounds(max_age_seconds=age, max_bytes=size), marks)


_evictor_of = cache(Evictor)
"""Gives one for all stores: it counts what they keep together."""


def get_default_result_storage() -> Place:
    """Return where results lie that no storage was chosen for: by the settings, or in the home."""
    settings = PROCESS.settings
    return default_place(settings.results, writable_home(settings.home))


def default_place(settings: ResultSettings, home: str) -> Place:
    """Return where results lie by these settings, in a home if they name no place."""
    chosen = settings.default_storage
    if chosen is not None and "://" in chosen:
        return chosen
    path = chosen or settings.local_storage_path
    return LocalFileSystem(path or os.path.join(home, "results"))


def get_default_result_serializer() -> Serializer:
    """Return what results are written with that no serializer was chosen for."""
    return serializer_of(PROCESS.settings.results.default_serializer)


def _nanoseconds(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _current_task() -> int:
    import asyncio

    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop turns in this thread
        return 0
    return id(task)
