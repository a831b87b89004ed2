"""Results of runs, by the runs' ids, from any process that can read the home."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from flowstone.core.context import FlowContext, RunContext, current
from flowstone.core.states import UNKEPT, State, StateDetails, StateType
from flowstone.engine.replays import is_recording, values_in
from flowstone.exceptions import OutsideStorage, ResultNotFound
from flowstone.face.result_options import PLACES
from flowstone.face.result_store import ResultStore, get_default_result_storage
from flowstone.results.filesystems import Place, storage_at
from flowstone.results.keeper import Keeper
from flowstone.results.storage import Storage
from flowstone.store.errors import RunNotFound
from flowstone.store.queries import Store, open_store
from flowstone.store.results import ResultRow
from flowstone.store.rows import FlowRunRow, TaskRunRow
from flowstone.wiring.process import PROCESS


def result_of(
    run_id: UUID | str, *, storage: Place | None = None, raise_on_failure: bool = True
) -> Any:
    """Return what a task run or flow run returned, or raise what it failed with.

    It is read from the storage of the settings, those of the tasks and flows declared in this
    process, or `storage`; from nowhere else, because a result that is read may run code. Raises
    `MissingResult` where it was not kept, `UnfinishedRun` where the run has not ended, and
    `OutsideStorage` where it is in another storage.
    """
    return state_of(run_id, storage=storage).result(raise_on_failure)


def state_of(run_id: UUID | str, *, storage: Place | None = None) -> State:
    """Return the state that a run is in, with its value or exception where that was kept.

    Raises as `result_of`, but for what the run failed with.
    """
    run = UUID(str(run_id))
    here = PROCESS.here
    if here.log is not None:
        here.log.flush()
    home = Path(here.log.directory).parent if here.log is not None else Path(PROCESS.settings.home)
    with open_store(home) as store:
        row = _row_of(store, run)
        kept = store.result_of(run.bytes)
    data = None
    if kept is not None and kept.is_kept:
        data = _loaded(kept, storage)
    elif row.state_type == StateType.COMPLETED:
        data = UNKEPT
    is_flow = isinstance(row, FlowRunRow)
    details = StateDetails(flow_run_id=run) if is_flow else StateDetails(task_run_id=run)
    kind = StateType(row.state_type)
    return State(kind, row.state_name, row.message, data, state_details=details)


def should_persist_result() -> bool:
    """Whether the results of tasks that do not say so are kept here, or that of the task itself."""
    context = current.get()
    if context is not None and context.spec.persists is not None:
        return bool(context.spec.persists)
    flow = context.flow if context is not None else None
    if isinstance(context, FlowContext):
        return context.persists
    env = (PROCESS.engine or PROCESS.start()).env
    return env.tasks_persist if flow is None else flow.tasks_persist


def get_result_store() -> ResultStore:
    """Return a store with the options of the task or flow around this code, and of those around."""
    context: RunContext | None = current.get()
    storage = serializer = None
    in_memory = context is None or context.spec.keeping.in_memory
    while context is not None:
        asked = context.spec.keeping
        storage = asked.storage if storage is None else storage
        serializer = asked.serializer if serializer is None else serializer
        context = _flow_around(context)
    return ResultStore(
        result_storage=storage, serializer=serializer, cache_result_in_memory=in_memory
    )


def _flow_around(context: RunContext) -> FlowContext | None:
    if not isinstance(context, FlowContext):
        return context.flow
    return context.outer.flow if context.outer is not None else None


def _row_of(store: Store, run: UUID) -> TaskRunRow | FlowRunRow:
    try:
        return store.find_task_run(str(run))
    except RunNotFound:
        return store.find_flow_run(str(run))


def _loaded(kept: ResultRow, storage: Place | None) -> Any:
    usual = get_default_result_storage()
    allowed = {**PLACES, storage_at(usual).place: usual}
    if storage is None and kept.place not in allowed:
        raise OutsideStorage(
            f"The result is in {kept.place}, which is no storage of this process: set "
            "results.default_storage, or pass storage=..., if you trust what is there"
        )
    assert kept.key is not None
    keys = storage_at(allowed[kept.place]) if kept.place in allowed else None
    if storage is None:
        assert keys is not None
        payloads = _payloads_of(kept.key, keys, allowed.values())
    else:
        payloads = storage_at(storage)
    found = Keeper(payloads, keys=keys).load(kept.key, time.time_ns())
    if found is None:
        raise ResultNotFound(
            f"The result is not in {kept.place} any more: it was removed, or its time is over"
        )
    return values_in(found.value)[0] if is_recording(found.value) else found.value


def _payloads_of(key: str, keys: Storage, allowed: Iterable[Place]) -> Storage:
    """Return where the payload of a result is: with its key, or in another storage of these."""
    header = Keeper(keys).header(key)
    if header is not None and header.payload is not None:
        for storage in map(storage_at, allowed):
            if storage.stamp(header.payload) is not None:
                return storage
    return keys


__all__ = ["get_result_store", "result_of", "should_persist_result", "state_of"]
