"""Where each task and flow keeps its results: made of its options, its flow's, and the settings."""

from __future__ import annotations

import os
import sys
import threading
from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from weakref import WeakKeyDictionary

import xxhash

from flowstone.core.context import FlowContext, RunContext
from flowstone.core.inputs import ATOMS
from flowstone.core.keys import Ingredients
from flowstone.core.policy import Keeping
from flowstone.drive.flights import Flight, Flights, flights_of
from flowstone.exceptions import ConfigurationError, FlowstoneError, UnreadableResult
from flowstone.results.directory import Directory
from flowstone.results.files import file_facts, invalid_file
from flowstone.results.filesystems import storage_at
from flowstone.results.keeper import Keeper
from flowstone.results.kept import Kept
from flowstone.results.memory import Memory
from flowstone.results.serializers import serializer_of
from flowstone.results.storage import name_of

_QUICK = 64 << 10
"""Bytes of a local file that a loop reads itself: a hop to a thread takes longer."""
_UNCHANGING = ATOMS - {bytearray}

Origin = tuple[int, str, float, str]
"""When a result was made (ns since 1970), of what, in how many seconds, and by which task."""


class Shelf:
    """Where the results of one task or flow are, and under which keys."""

    def __init__(
        self, keeper: Keeper, flights: Flights, asked: Keeping, policy: Any, *, refresh: bool
    ) -> None:
        self.place = keeper.keys.place
        self.policy = policy
        self.refresh = refresh
        self.lock_manager = _lock_manager(policy)
        self._expires_after = asked.expires_after
        self._keeper = keeper
        self._flights = flights
        self._is_local = isinstance(keeper.keys, Directory)

    def load(self, key: str, now: int) -> Kept | str:
        """Return what is kept under a key, or in a sentence why there is nothing.

        Raises `UnreadableResult` and `StorageError` for what is there and cannot be used.
        """
        kept = self._keeper.load(key, now)
        if kept is None:
            return self._why_none(key, now)
        if kept.header.files:
            problem = invalid_file(list(kept.header.files))
            if problem is not None:
                raise UnreadableResult(f"What is kept under {key!r} is out of date: {problem}")
        return kept

    def is_quick(self, key: str) -> bool:
        """Whether to load this takes less than a hop to another thread."""
        if not self._is_local:
            return False
        stamp = self._keeper.keys.stamp(name_of(key))
        return stamp is None or stamp[1] <= _QUICK

    def save(self, key: str, value: Any, origin: Origin) -> int:
        """Keep a value; return its size. Raises what storages and serializers raise."""
        created, fingerprint, seconds, task = origin
        after = self._expires_after
        return self._keeper.save(
            key,
            value,
            created=created,
            expires=None if after is None else created + after,
            fingerprint=fingerprint,
            seconds=seconds,
            task=task,
            files=tuple(file_facts(value)) if type(value) not in ATOMS else (),
        )

    def copied(self, value: Any) -> tuple[Any, int]:
        """Return a copy of a value and its bytes. Raises where it cannot be written down."""
        if type(value) in _UNCHANGING:
            return value, sys.getsizeof(value)
        blob = self._keeper.serializer.dumps(value)
        return self._keeper.serializer.loads(blob), len(blob)

    def begin(self, key: str, holder: RunContext) -> Flight:
        """Return the flight of a key here: a new one of this holder, or the one under way."""
        number = xxhash.xxh3_64_intdigest(f"{self.place}\0{key}".encode("utf-8", "surrogatepass"))
        return self._flights.begin(number, holder)

    def _why_none(self, key: str, now: int) -> str:
        ended = self._keeper.expired(key, now)
        if ended is None:
            return "Nothing was kept under its key."
        try:
            moment = datetime.fromtimestamp(ended / 1e9, UTC).isoformat(" ", "seconds")
        except (OverflowError, ValueError):  # a time before the years that dates have
            moment = "long ago"
        return f"What was kept under its key expired: {moment}."


def _lock_manager(policy: Any) -> Any:
    level = getattr(policy, "isolation_level", None)
    if getattr(level, "name", level) != "SERIALIZABLE":
        return None
    if policy.lock_manager is None:
        raise ConfigurationError(
            f"Isolation level {level} is not supported by provided configuration: a lock for each "
            "key needs policy.configure(lock_manager=...). Without a level, identical calls of one "
            "home are computed once, too"
        )
    return policy.lock_manager


class Shelves:
    """The shelves of one home's runs. `storage` and `serializer` are for those that chose none."""

    def __init__(
        self,
        home: str,
        storage: str,
        serializer: str,
        *,
        refresh: bool = False,
        sync: bool = False,
        evictor: Any = None,
    ) -> None:
        self._default = storage if "://" in storage else f"file://{os.path.abspath(storage)}"
        self._serializer = None if serializer == "pickle" else serializer_of(serializer)
        self._refresh = refresh
        self._sync = sync
        self._evictor = evictor
        self._flights = flights_of(os.path.join(home, "results.lock"))
        # As payloads, so that no caller meets another's changes, and each value is of one run.
        self._memory = Memory(most_each=_QUICK, as_payloads=True)
        self._lock = threading.Lock()
        self._keepers: dict[tuple[Any, ...], tuple[Keeper, Any]] = {}
        self._shelves: WeakKeyDictionary[Any, Shelf] = WeakKeyDictionary()

    def shelf(self, context: RunContext) -> Shelf:
        """Return the shelf of a run's task or flow. Raises where what it asked for cannot be."""
        flow, spec = context.flow, context.spec
        known = self._shelves if flow is None else flow.shelves
        shelf: Shelf | None = known.get(spec)
        if shelf is None:
            with self._lock:  # threads that begin at once find it made, and its code looked at
                shelf = known.get(spec)
                if shelf is None:
                    shelf = self._made(spec.keeping, flow, spec)
                    if hasattr(shelf.policy, "prepare"):
                        shelf.policy.prepare(spec.fn)
                    known[spec] = shelf
        return shelf

    def _made(self, asked: Keeping, flow: FlowContext | None, spec: Any) -> Shelf:
        storage, serializer = asked.storage, asked.serializer
        while flow is not None and (storage is None or serializer is None):
            around = flow.spec.keeping
            storage = around.storage if storage is None else storage
            serializer = around.serializer if serializer is None else serializer
            flow = flow.outer.flow if flow.outer is not None else None
        policy = asked.policy
        if asked.storage_key is not None:
            policy = StorageKey(asked.storage_key)
        elif asked.is_usual:
            # By its name, because it lies above: users import it.
            policies = import_module("flowstone.cache_policies")
            policy = policies.DEFAULT if spec.kind == "Task" else policies.INPUTS
        keys = getattr(policy, "key_storage", None)
        keeper = self._keeper(storage, serializer, keys, in_memory=asked.in_memory)
        refresh = self._refresh if asked.refresh is None else asked.refresh
        return Shelf(keeper, self._flights, asked, policy, refresh=refresh)

    def _keeper(self, storage: Any, serializer: Any, keys: Any, *, in_memory: bool) -> Keeper:
        given = (storage, serializer, keys)
        known = (*map(id, given), in_memory)  # equal ones may be two; their ids stay theirs
        if known not in self._keepers:
            chosen = self._serializer if serializer is None else serializer_of(serializer)
            keeper = Keeper(
                storage_at(self._default if storage is None else storage, sync=self._sync),
                keys=None if keys is None else storage_at(keys, sync=self._sync),
                serializer=chosen,
                memory=self._memory if in_memory else None,
                evictor=self._evictor,
            )
            self._keepers[known] = keeper, given
        return self._keepers[known][0]


class StorageKey:
    """The policy whose key is a `result_storage_key` with its fields filled in."""

    def __init__(self, template: str) -> None:
        self._template = template

    def ingredients(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any] | None
    ) -> Ingredients:
        """Return the text as the key. Raises where a field is none."""
        del task_ctx, flow_parameters
        # By its name, because it lies above: the fields are its modules.
        runtime = import_module("flowstone.runtime")
        modules = {name: getattr(runtime, name) for name in ("flow_run", "task_run", "deployment")}
        try:
            key = self._template.format(**modules, parameters=inputs)
        except (KeyError, IndexError, AttributeError, TypeError, ValueError) as error:
            raise FlowstoneError(
                f"result_storage_key {self._template!r} cannot be filled in: {error!r}; its fields "
                "are flow_run, task_run, deployment and parameters[...]"
            ) from error
        return Ingredients(key, {"result_storage_key": key})
