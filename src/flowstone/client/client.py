"""A client: asks what is known of runs, and changes it, in the home or on a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from flowstone.client import objects
from flowstone.client.actions import (
    GlobalConcurrencyLimitCreate,
    GlobalConcurrencyLimitUpdate,
    VariableCreate,
    VariableUpdate,
)
from flowstone.client.filters import (
    ArtifactFilter,
    FlowFilter,
    FlowRunFilter,
    LogFilter,
    TaskRunFilter,
    only_one,
)
from flowstone.client.listing import USUAL, Wanted, section
from flowstone.client.place import Place
from flowstone.client.sorting import FlowRunSort, FlowSort, LogSort, TaskRunSort
from flowstone.core.states import State, StateType
from flowstone.drive.limits.definitions import Book, ResettableBook
from flowstone.drive.limits.tags import PREFIX
from flowstone.exceptions import (
    LimitExists,
    LimitNotFound,
    ObjectAlreadyExists,
    ObjectNotFound,
)
from flowstone.store.errors import RunNotFound
from flowstone.store.queries import Store
from flowstone.store.rows import FlowRunRow, LineRow, TaskRunRow
from flowstone.variables import packed

_SAID = "Asked for by a client."
Id = UUID | str


class Client:
    """Asks a home, or the server of `api.url`. Its methods may be called from any thread.

    `with` closes it; `async with` gives its twin, whose methods are coroutines. Where something is
    not there they raise `ObjectNotFound`; where a server is away, `ServerUnreachable`.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections; they are made again where need be."""
        self._place.close()

    @property
    def api_url(self) -> str:
        """The address of the server, or the directory of the home."""
        return self._place.name

    def read_flow_run(self, flow_run_id: Id) -> objects.FlowRun:
        """Return a flow run."""
        with self._asking() as store:
            row = store.find_flow_run(_text(flow_run_id))
            return objects.flow_run_of(row, store.history(row)[-1])

    def read_flow_runs(
        self,
        *,
        flow_filter: FlowFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
        sort: FlowRunSort | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[objects.FlowRun]:
        """Return flow runs, the newest first unless sorted; without a limit 200 at most."""
        wanted = Wanted(flow_filter, flow_run_filter, task_run_filter)
        with self._asking() as store:
            rows = section(wanted.find_flow_runs(self._place, store), sort, limit, offset)
        return [objects.flow_run_of(row) for row in rows]

    def count_flow_runs(
        self,
        *,
        flow_filter: FlowFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
    ) -> int:
        """Return how many flow runs there are; all that fit are looked at."""
        wanted = Wanted(flow_filter, flow_run_filter, task_run_filter)
        with self._asking() as store:
            return sum(1 for _ in wanted.find_flow_runs(self._place, store))

    def read_task_run(self, task_run_id: Id) -> objects.TaskRun:
        """Return a task run."""
        with self._asking() as store:
            row = store.find_task_run(_text(task_run_id))
            return objects.task_run_of(row, store.history(row)[-1])

    def read_task_runs(
        self,
        *,
        flow_filter: FlowFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
        sort: TaskRunSort | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[objects.TaskRun]:
        """Return task runs, the newest first unless sorted; without a limit 200 at most."""
        wanted = Wanted(flow_filter, flow_run_filter, task_run_filter)
        with self._asking() as store:
            rows = section(wanted.find_task_runs(self._place, store), sort, limit, offset)
        return [objects.task_run_of(row) for row in rows]

    def count_task_runs(
        self,
        *,
        flow_filter: FlowFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
    ) -> int:
        """Return how many task runs there are; all that fit are looked at."""
        wanted = Wanted(flow_filter, flow_run_filter, task_run_filter)
        with self._asking() as store:
            return sum(1 for _ in wanted.find_task_runs(self._place, store))

    def read_flow_run_states(self, flow_run_id: Id) -> list[State[Any]]:
        """Return the states that a flow run was in, the oldest first."""
        with self._asking() as store:
            row = store.find_flow_run(_text(flow_run_id))
            return [objects.state_of(row.id, one) for one in store.history(row)]

    def read_task_run_states(self, task_run_id: Id) -> list[State[Any]]:
        """Return the states that a task run was in, the oldest first."""
        with self._asking() as store:
            row = store.find_task_run(_text(task_run_id))
            return [objects.state_of(row.id, one) for one in store.history(row)]

    def set_flow_run_state(
        self,
        flow_run_id: Id,
        state: State[Any],
        force: bool = False,  # noqa: FBT001, FBT002 - as users of Prefect call it
    ) -> objects.OrchestrationResult:
        """Put a flow run into a terminal state, or (Cancelling) have its process cancel it.

        Raises `RunStillOpen` where a process may live that says how the run goes on, `RunEnded`
        where there is nothing to cancel. `force` is taken and changes nothing.
        """
        del force
        with self._asking() as store:
            return self._put(store, store.find_flow_run(_text(flow_run_id)), state)

    def set_task_run_state(
        self,
        task_run_id: Id,
        state: State[Any],
        force: bool = False,  # noqa: FBT001, FBT002 - as users of Prefect call it
    ) -> objects.OrchestrationResult:
        """Put a task run into a terminal state, as `set_flow_run_state` does with flow runs."""
        del force
        with self._asking() as store:
            return self._put(store, store.find_task_run(_text(task_run_id)), state)

    def cancel_flow_run(self, flow_run_id: Id) -> bool:
        """Have a flow run cancelled; return whether it is already. Raises `RunEnded`."""
        with self._asking() as store:
            return store.cancel(store.find_flow_run(_text(flow_run_id)), _SAID)

    def cancel_task_run(self, task_run_id: Id) -> bool:
        """Have a task run cancelled; return whether it is already. Raises `RunEnded`."""
        with self._asking() as store:
            return store.cancel(store.find_task_run(_text(task_run_id)), _SAID)

    def delete_flow_run(self, flow_run_id: Id) -> None:
        """Delete a flow run with all below it. Raises `RunStillOpen` while its process lives."""
        with self._asking() as store:
            store.delete_flow_run(store.find_flow_run(_text(flow_run_id)).id)

    def read_flow(self, flow_id: Id) -> objects.Flow:
        """Return the flow of an id, which is made of its name."""
        return self._flow(UUID(str(flow_id)), f"the id {flow_id}")

    def read_flow_by_name(self, flow_name: str) -> objects.Flow:
        """Return the flow of a name."""
        return self._flow(objects.flow_id_of(flow_name), f"the name {flow_name!r}")

    def read_flows(
        self,
        *,
        flow_filter: FlowFilter | None = None,
        sort: FlowSort | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[objects.Flow]:
        """Return flows, by name; without a limit 200 at most."""
        with self._asking():
            found = sorted(self._place.flows().items(), reverse=sort is FlowSort.NAME_DESC)
        fits = (flow_filter or FlowFilter()).takes
        flows = (objects.flow_of(name, tags) for name, tags in found if fits(name, tags))
        return _some(flows, limit, offset)

    def read_logs(
        self,
        log_filter: LogFilter,
        limit: int | None = None,
        offset: int = 0,
        sort: LogSort = LogSort.TIMESTAMP_ASC,
    ) -> list[objects.Log]:
        """Return log lines of the runs that the filter names; without a limit 200 at most.

        Raises `ValueError` where it names none: lines are kept by run.
        """
        is_newest_first = sort is LogSort.TIMESTAMP_DESC
        with self._asking() as store:
            found = [one for one in _lines(store, log_filter) if log_filter.takes(one)]
        found.sort(key=lambda one: one.at, reverse=is_newest_first)
        return _some((objects.log_of(one) for one in found), limit, offset)

    def read_artifacts(
        self,
        *,
        artifact_filter: ArtifactFilter | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[objects.Artifact]:
        """Return versions of artifacts, the newest first; without a limit 200 at most."""
        return self._artifacts(artifact_filter, limit, offset, newest_only=False)

    def read_latest_artifacts(
        self,
        *,
        artifact_filter: ArtifactFilter | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[objects.Artifact]:
        """Return the newest version of each key, the newest first; without a limit 200 at most."""
        return self._artifacts(artifact_filter, limit, offset, newest_only=True)

    def delete_artifact(self, artifact_id: Id) -> None:
        """Delete one version of an artifact."""
        raw = UUID(str(artifact_id)).bytes
        with self._asking() as store:
            if not store.delete_artifacts([raw]):
                message = f"There is no artifact with the id {artifact_id} in {self.api_url}."
                raise ObjectNotFound(message)

    def create_variable(self, variable: VariableCreate) -> objects.Variable:
        """Set a variable that is not there yet. Raises `ObjectAlreadyExists`."""
        made = self._set(variable.name, variable.value, variable.tags, overwrite=False)
        if made is None:
            message = f"There is a variable {variable.name!r} already; `update_variable` sets it."
            raise ObjectAlreadyExists(message)
        return made

    def update_variable(self, variable: VariableUpdate) -> None:
        """Set a variable that is there."""
        if self.read_variable_by_name(variable.name) is None:
            raise self._no_variable(variable.name)
        self._set(variable.name, variable.value, variable.tags, overwrite=True)

    def read_variable_by_name(self, name: str) -> objects.Variable | None:
        """Return a variable, None where there is none of that name."""
        with self._asking():
            found = self._place.variables(name)
        return objects.variable_of(found[0]) if found else None

    def read_variables(self, limit: int | None = None) -> list[objects.Variable]:
        """Return variables by name; without a limit all of them."""
        with self._asking():
            return [objects.variable_of(one) for one in self._place.variables(limit=limit or 0)]

    def delete_variable_by_name(self, name: str) -> None:
        """Delete a variable."""
        with self._asking():
            if not self._place.unset_variable(name):
                raise self._no_variable(name)

    def create_concurrency_limit(self, tag: str, concurrency_limit: int) -> UUID:
        """Limit how many runs with a tag may run at once; where it is limited, change that."""
        return self.upsert_global_concurrency_limit_by_name(f"{PREFIX}{tag}", concurrency_limit)

    def read_concurrency_limit_by_tag(self, tag: str) -> objects.ConcurrencyLimit:
        """Return the limit of a tag."""
        with self._limits() as book:
            return objects.tag_limit_of(book.usage(f"{PREFIX}{tag}"))

    def read_concurrency_limits(
        self, limit: int | None = None, offset: int = 0
    ) -> list[objects.ConcurrencyLimit]:
        """Return the limits of tags, by name; without a limit 200 at most."""
        with self._limits() as book:
            found = _some(book.all(PREFIX), limit, offset)
            return [objects.tag_limit_of(book.usage(one.name)) for one in found]

    def reset_concurrency_limit_by_tag(self, tag: str) -> int:
        """End the leases on a tag's slots, and return how many there were.

        In a home there are none: its slots are free when their processes end.
        """
        with self._limits() as book:
            if isinstance(book, ResettableBook):
                return book.reset(f"{PREFIX}{tag}")
            book.usage(f"{PREFIX}{tag}")
            return 0

    def delete_concurrency_limit_by_tag(self, tag: str) -> None:
        """Delete the limit of a tag; who waits for it goes on."""
        self.delete_global_concurrency_limit_by_name(f"{PREFIX}{tag}")

    def create_global_concurrency_limit(
        self, concurrency_limit: GlobalConcurrencyLimitCreate
    ) -> UUID:
        """Make a limit and return its id. Raises `ObjectAlreadyExists`."""
        asked = concurrency_limit
        with self._limits() as book:
            made = book.create(
                asked.name,
                asked.limit,
                active=asked.active,
                slot_decay_per_second=asked.slot_decay_per_second,
            )
        return UUID(bytes=made.id)

    def upsert_global_concurrency_limit_by_name(self, name: str, limit: int) -> UUID:
        """Make a limit, or change how many slots it has; return its id."""
        with self._limits() as book:
            try:
                return UUID(bytes=book.create(name, limit).id)
            except LimitExists:
                return UUID(bytes=book.change(name, limit=limit).id)

    def read_global_concurrency_limit_by_name(self, name: str) -> objects.GlobalConcurrencyLimit:
        """Return a limit."""
        with self._limits() as book:
            return objects.global_limit_of(book.usage(name))

    def read_global_concurrency_limits(
        self, limit: int | None = None, offset: int = 0
    ) -> list[objects.GlobalConcurrencyLimit]:
        """Return the limits, those of tags too, by name; without a limit 200 at most."""
        with self._limits() as book:
            found = _some(book.all(), limit, offset)
            return [objects.global_limit_of(book.usage(one.name)) for one in found]

    def update_global_concurrency_limit(
        self, name: str, concurrency_limit: GlobalConcurrencyLimitUpdate
    ) -> None:
        """Change what is given of a limit."""
        asked = concurrency_limit
        with self._limits() as book:
            book.change(
                name,
                limit=asked.limit,
                active=asked.active,
                slot_decay_per_second=asked.slot_decay_per_second,
            )

    def delete_global_concurrency_limit_by_name(self, name: str) -> None:
        """Delete a limit; who waits for it goes on."""
        with self._limits() as book:
            book.delete(name)

    @contextmanager
    def _asking(self) -> Iterator[Store]:
        try:
            with self._place.opened() as store:
                yield store
        except RunNotFound as error:
            message = f"{error} Looked in {self.api_url}."
            raise ObjectNotFound(message) from error

    @contextmanager
    def _limits(self) -> Iterator[Book]:
        try:
            yield self._place.limits()
        except LimitNotFound as error:
            raise ObjectNotFound(str(error)) from error
        except LimitExists as error:
            raise ObjectAlreadyExists(str(error)) from error

    def _put(
        self, store: Store, row: FlowRunRow | TaskRunRow, state: State[Any]
    ) -> objects.OrchestrationResult:
        status = objects.SetStateStatus.ACCEPT
        if state.type is StateType.CANCELLING:
            if not store.cancel(row, state.message or _SAID):
                status = objects.SetStateStatus.WAIT
        elif state.is_final():
            is_usual = state.name == state.type.value.capitalize()
            name = None if is_usual else state.name
            self._place.set_state(row, state.type.value, name, state.message)
        else:
            message = (
                f"A run cannot be put into the state {state.name}: its own process says how it "
                "goes on. Set a terminal state, or Cancelling to have it cancelled."
            )
            raise ValueError(message)
        with self._place.opened() as now:
            return objects.OrchestrationResult(
                state=objects.state_of(row.id, now.history(row)[-1]), status=status
            )

    def _flow(self, flow_id: UUID, what: str) -> objects.Flow:
        with self._asking():
            for name, tags in self._place.flows().items():
                if objects.flow_id_of(name) == flow_id:
                    return objects.flow_of(name, tags)
        message = f"There is no flow with {what} in {self.api_url}."
        raise ObjectNotFound(message)

    def _artifacts(
        self, asked: ArtifactFilter | None, limit: int | None, offset: int, *, newest_only: bool
    ) -> list[objects.Artifact]:
        asked = asked or ArtifactFilter()
        is_narrow = any(getattr(asked, name) is not None for name in asked.__struct_fields__)
        end = offset + (USUAL if limit is None else limit)
        with self._asking() as store:
            found = store.artifacts(
                id=only_one(asked.id),
                flow_run=only_one(asked.flow_run_id),
                task_run=only_one(asked.task_run_id),
                newest_only=newest_only,
                limit=0 if is_narrow else end,
            )
        fits = (objects.artifact_of(one) for one in found if asked.takes(one))
        return _some(fits, limit, offset)

    def _set(
        self, name: str, value: Any, tags: list[str] | None, *, overwrite: bool
    ) -> objects.Variable | None:
        text, given = packed(name, value, tags)
        with self._asking():
            made = self._place.set_variable(name, text, tags=given, overwrite=overwrite)
        return None if made is None else objects.variable_of(made)

    def _no_variable(self, name: str) -> ObjectNotFound:
        return ObjectNotFound(f"There is no variable {name!r} in {self.api_url}.")


def _text(given: Id) -> str:
    return str(UUID(str(given)))


def _some(found: Iterable[Any], limit: int | None, offset: int) -> list[Any]:
    return list(islice(found, offset, offset + (USUAL if limit is None else limit)))


def _lines(store: Store, asked: LogFilter) -> Iterator[LineRow]:
    level = asked.level.ge_ if asked.level is not None and asked.level.ge_ else 0
    flow_runs = None if asked.flow_run_id is None else asked.flow_run_id.any_
    task_runs = None if asked.task_run_id is None else asked.task_run_id.any_
    if flow_runs is None and task_runs is None:
        message = (
            "Log lines are read by run: give the filter a flow_run_id or a task_run_id with any_, "
            "as LogFilter(flow_run_id=dict(any_=[flow_run.id]))."
        )
        raise ValueError(message)
    if flow_runs is not None:
        for run in flow_runs:
            yield from store.lines(flow_run=run.bytes, level=level)
    else:
        for run in task_runs or ():
            yield from store.lines(task_run=run.bytes, level=level)
