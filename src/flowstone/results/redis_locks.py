"""Locks among all processes that reach one Redis server, on whatever hosts they are.

A lock is a key with a time to live, which its holder's process renews while it lives: who dies
loses the lock half a minute later. Its value names the process that took it, so nobody frees or
renews what has become another's.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar
from weakref import WeakSet

from flowstone.exceptions import ConfigurationError, StorageError
from flowstone.results.locks import Waiting, not_held

T = TypeVar("T")
LEASE = 30.0
"""Seconds for which a lock outlives its holder's process."""
_PATIENCE = 5.0
"""Seconds to wait for an answer of the server."""
_PREFIX = "flowstone:lock:"
_RELEASE = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('del', KEYS[1]) or 0"
_RENEW = """
local held = redis.call('get', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
"""A server that was started anew has forgotten the lock: then it is taken again."""
_logger = logging.getLogger("flowstone")


class RedisLockManager(Waiting):
    """Locks in a Redis server; managers of one server and database see each other's.

    Needs `pip install "flowstone[redis]"`. What the server does not answer raises `StorageError`;
    a run goes on without its lock then, and says so.
    """

    _token: str
    _renewed: dict[str, str]
    _gate: threading.Lock
    _thread: threading.Thread | None

    def __init__(
        self,
        host: str = "localhost",
        port: int = 6379,
        db: int = 0,
        username: str | None = None,
        password: str | None = None,
        *,
        ssl: bool = False,
    ) -> None:
        self._place = f"{host}:{port}/{db}"
        redis = _library()
        once = redis.retry.Retry(redis.backoff.NoBackoff(), 1)  # a connection may be an old one
        self._client = redis.Redis(
            host,
            port,
            db,
            username=username,
            password=password,
            ssl=ssl,
            decode_responses=True,
            retry=once,
            socket_timeout=_PATIENCE,
            socket_connect_timeout=_PATIENCE,
        )
        self.begin_anew()
        _ALL.add(self)

    def release_lock(self, key: str, holder: str) -> None:
        """Free a lock. Raises `ValueError` where this holder has it not."""
        name, value = self._names(key, holder)
        with self._gate:
            self._renewed.pop(name, None)
        if not self._ask(lambda: self._client.eval(_RELEASE, 1, name, value)):
            raise not_held(key, holder)

    def is_locked(self, key: str) -> bool:
        """Whether anybody holds it."""
        return bool(self._ask(lambda: self._client.exists(_PREFIX + key)))

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Whether this holder has it, in this process or another one."""
        value: str | None = self._ask(lambda: self._client.get(_PREFIX + key))
        return value is not None and value.partition(":")[2] == holder

    def _try(self, key: str, holder: str, hold_timeout: float | None) -> bool:
        name, value = self._names(key, holder)
        seconds = LEASE if hold_timeout is None else hold_timeout
        life = max(1, round(seconds * 1000))
        if not self._ask(lambda: self._client.set(name, value, nx=True, px=life)):
            held: str | None = self._ask(lambda: self._client.get(name))
            return held == value
        if hold_timeout is None:
            with self._gate:
                self._renewed[name] = value
                if self._thread is None:
                    self._thread = threading.Thread(target=self._renew, daemon=True)
                    self._thread.start()
        return True

    def _renew(self) -> None:
        """Renew what is held, three times a lease, until nothing is."""
        is_told = False
        while True:
            time.sleep(LEASE / 3)
            with self._gate:
                if not self._renewed:
                    self._thread = None
                    return
                held = list(self._renewed)
            try:
                for name in held:
                    self._renew_one(name)
                is_told = False
            except StorageError as error:
                if not is_told:
                    _logger.warning("Locks that are held could not be renewed: %s", error)
                is_told = True

    def _renew_one(self, name: str) -> None:
        life = round(LEASE * 1000)
        with self._gate:  # else a lock that is released meanwhile would be taken again
            value = self._renewed.get(name)
            if value is None or self._ask(lambda: self._client.eval(_RENEW, 1, name, value, life)):
                return
            del self._renewed[name]
        _logger.warning(
            "The lock on %r in Redis at %s has another holder now: this process, or the server, "
            "did not answer for over %g seconds",
            name.removeprefix(_PREFIX),
            self._place,
            LEASE,
        )

    def _names(self, key: str, holder: str) -> tuple[str, str]:
        return _PREFIX + key, f"{self._token}:{holder}"

    def _ask(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except _library().RedisError as error:
            raise StorageError(
                f"Redis at {self._place} does not answer: {error}; see that it runs, and that "
                "host, port and password are right"
            ) from error

    def begin_anew(self) -> None:
        """Begin without locks, as a forked child does: it does not hold its parent's."""
        self._token = uuid.uuid4().hex
        self._renewed = {}
        self._gate = threading.Lock()
        self._thread = None


def _library() -> Any:
    try:
        return import_module("redis")
    except ImportError as error:
        raise ConfigurationError(
            'RedisLockManager needs the package redis: pip install "flowstone[redis]"'
        ) from error


_ALL: WeakSet[RedisLockManager] = WeakSet()


def _begin_anew_in_child() -> None:
    for manager in _ALL:
        manager.begin_anew()


os.register_at_fork(after_in_child=_begin_anew_in_child)
