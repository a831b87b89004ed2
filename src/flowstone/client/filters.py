"""Which runs, flows, lines or artifacts a client asks for, in the words that users know.

A filter has parts, and each part has the values that will do: `FlowRunFilter(state=dict(type=dict(
any_=["FAILED"])))`. A run must fit all parts, or with `operator="or_"` one of them.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, get_type_hints
from uuid import UUID

import msgspec

from flowstone.client.objects import flow_id_of
from flowstone.client.wire import nanoseconds
from flowstone.core.states import StateType
from flowstone.store.artifacts import ArtifactRow
from flowstone.store.reading.wanted import RunsWanted
from flowstone.store.rows import FlowRunRow, LineRow, RunRow, TaskRunRow

_MOST = 100
"""Values of one parameter that a server takes."""


class Operator(StrEnum):
    """How the parts of a filter are joined."""

    and_ = "and_"
    or_ = "or_"


class _Checked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A struct that takes dicts for its parts. Raises `ValueError` for what cannot be one."""

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self)).items():
            given = getattr(self, name)
            if given is None:
                continue
            try:
                value = msgspec.convert(_plain(given), kind, strict=False)
            except msgspec.ValidationError as error:
                message = f"{type(self).__name__}.{name} cannot be {given!r}: {error}."
                raise ValueError(message) from error
            msgspec.structs.force_setattr(self, name, value)


class IdFilter(_Checked, frozen=True, kw_only=True):
    """One of some ids, or none of some."""

    any_: list[UUID] | None = None
    not_any_: list[UUID] | None = None

    def takes(self, given: bytes | None) -> bool:
        """Whether an id fits."""
        found = None if given is None else UUID(bytes=given)
        if self.not_any_ is not None and found in self.not_any_:
            return False
        return self.any_ is None or found in self.any_


class ParentFilter(IdFilter, frozen=True, kw_only=True):
    """One of some ids, or (`is_null_`) whether there is none."""

    is_null_: bool | None = None

    def takes(self, given: bytes | None) -> bool:
        """Whether an id, or that there is none, fits."""
        return self.is_null_ in (None, given is None) and super().takes(given)


class TextFilter(_Checked, frozen=True, kw_only=True):
    """One of some texts, or one that holds `like_`, in any case."""

    any_: list[str] | None = None
    not_any_: list[str] | None = None
    like_: str | None = None

    def takes(self, given: str | None) -> bool:
        """Whether a text fits."""
        if self.any_ is not None and given not in self.any_:
            return False
        if self.not_any_ is not None and given in self.not_any_:
            return False
        return self.like_ is None or self.like_.casefold() in (given or "").casefold()


class TagsFilter(_Checked, frozen=True, kw_only=True):
    """All of some tags, any of some, or (`is_null_`) whether there are none."""

    all_: list[str] | None = None
    any_: list[str] | None = None
    is_null_: bool | None = None

    def takes(self, given: Collection[str]) -> bool:
        """Whether tags fit."""
        has = set(given)
        if self.all_ is not None and not has.issuperset(self.all_):
            return False
        if self.any_ is not None and has.isdisjoint(self.any_):
            return False
        return self.is_null_ in (None, not has)


class TimeFilter(_Checked, frozen=True, kw_only=True):
    """From `after_` until `before_`, both included, or (`is_null_`) whether there is no time yet.

    A time without a zone is UTC.
    """

    before_: datetime | None = None
    after_: datetime | None = None
    is_null_: bool | None = None

    def takes(self, at: int | None) -> bool:
        """Whether a time (nanoseconds since 1970) fits."""
        if self.is_null_ not in (None, at is None):
            return False
        if self.before_ is None and self.after_ is None:
            return True
        if at is None:
            return False
        first, last = _at(self.after_), _at(self.before_)
        return (first is None or at >= first) and (last is None or at // 1000 * 1000 <= last)


class LevelFilter(_Checked, frozen=True, kw_only=True):
    """Levels of log lines, as numbers of `logging`, from `ge_` to `le_`."""

    ge_: int | None = None
    le_: int | None = None

    def takes(self, level: int) -> bool:
        """Whether a level fits."""
        return (self.ge_ is None or level >= self.ge_) and (self.le_ is None or level <= self.le_)


class TypeFilter(_Checked, frozen=True, kw_only=True):
    """One of some types of states, or none of some."""

    any_: list[StateType] | None = None
    not_any_: list[StateType] | None = None

    def takes(self, given: str) -> bool:
        """Whether a type, by its name, fits."""
        kind = StateType(given)
        if self.not_any_ is not None and kind in self.not_any_:
            return False
        return self.any_ is None or kind in self.any_


class StateFilter(_Checked, frozen=True, kw_only=True):
    """Types and names of states."""

    type: TypeFilter | None = None
    name: TextFilter | None = None

    def takes(self, row: RunRow) -> bool:
        """Whether the state of a run fits."""
        is_type = self.type is None or self.type.takes(row.state_type)
        return is_type and (self.name is None or self.name.takes(row.state_name))


class _RunFilter(_Checked, frozen=True, kw_only=True):
    operator: Operator = Operator.and_
    id: IdFilter | None = None
    name: TextFilter | None = None
    state: StateFilter | None = None
    tags: TagsFilter | None = None
    start_time: TimeFilter | None = None
    end_time: TimeFilter | None = None
    expected_start_time: TimeFilter | None = None
    parent_task_run_id: ParentFilter | None = None

    def _verdicts(self, row: Any) -> list[bool]:
        """Return what each given part says of a run."""
        given: list[tuple[Any, Any]] = [
            (self.id, row.id),
            (self.name, row.name),
            (self.state, row),
            (self.tags, row.tags),
            (self.start_time, row.start),
            (self.end_time, row.end),
            (self.expected_start_time, row.scheduled or row.created),
            (self.parent_task_run_id, row.parent),
        ]
        return [part.takes(value) for part, value in given if part is not None]

    def _fits(self, verdicts: list[bool]) -> bool:
        if self.operator is Operator.or_ and verdicts:
            return any(verdicts)
        return all(verdicts)

    def narrowed(self, wanted: RunsWanted) -> RunsWanted:
        """Return what surely has to be looked at, as indexes find it."""
        if self.operator is Operator.or_:
            return wanted
        given: dict[str, Any] = {}
        state = self.state or StateFilter()
        if state.type is not None:
            given["types"] = tuple(one.value for one in state.type.any_ or ())
        if state.name is not None:
            given["states"] = _few(state.name.any_)
        if self.tags is not None:
            given["tags_all"] = _few(self.tags.all_)
            given["tags_any"] = _few(self.tags.any_)
        if self.name is not None:
            texts = self.name.any_ or [self.name.like_ or ""]
            given["name"] = texts[0] if len(texts) == 1 and texts[0].isascii() else None
        for part, moment in ((self.start_time, "started"), (self.end_time, "ended")):
            if part is not None and part.after_ is not None:
                given[f"{moment}_after"] = _at(part.after_)
        told = {key: value for key, value in given.items() if value}
        return msgspec.structs.replace(wanted, **told)


class FlowRunFilter(_RunFilter, frozen=True, kw_only=True):
    """Which flow runs."""

    flow_id: IdFilter | None = None
    flow_version: TextFilter | None = None
    parent_flow_run_id: ParentFilter | None = None

    def takes(self, row: FlowRunRow) -> bool:
        """Whether a flow run fits."""
        more: list[tuple[Any, Any]] = [
            (self.flow_id, flow_id_of(row.flow_name).bytes),
            (self.flow_version, row.flow_version),
            (self.parent_flow_run_id, row.parent_flow_run),
        ]
        verdicts = [part.takes(value) for part, value in more if part is not None]
        return self._fits([*self._verdicts(row), *verdicts])

    def narrowed(self, wanted: RunsWanted) -> RunsWanted:
        """Return what surely has to be looked at, as indexes find it."""
        return _below(super().narrowed(wanted), self.operator, self.parent_flow_run_id)


class TaskRunFilter(_RunFilter, frozen=True, kw_only=True):
    """Which task runs."""

    flow_run_id: ParentFilter | None = None

    def takes(self, row: TaskRunRow) -> bool:
        """Whether a task run fits."""
        part = self.flow_run_id
        verdicts = [] if part is None else [part.takes(row.flow_run)]
        return self._fits([*self._verdicts(row), *verdicts])

    def narrowed(self, wanted: RunsWanted) -> RunsWanted:
        """Return what surely has to be looked at, as indexes find it."""
        return _below(super().narrowed(wanted), self.operator, self.flow_run_id)


class FlowFilter(_Checked, frozen=True, kw_only=True):
    """Which flows."""

    operator: Operator = Operator.and_
    id: IdFilter | None = None
    name: TextFilter | None = None
    tags: TagsFilter | None = None

    def takes(self, name: str, tags: Collection[str]) -> bool:
        """Whether a flow of that name and those tags fits."""
        parts: list[tuple[Any, Any]] = [
            (self.id, flow_id_of(name).bytes),
            (self.name, name),
            (self.tags, tags),
        ]
        verdicts = [part.takes(value) for part, value in parts if part is not None]
        is_any = self.operator is Operator.or_ and bool(verdicts)
        return any(verdicts) if is_any else all(verdicts)


class LogFilter(_Checked, frozen=True, kw_only=True):
    """Which log lines: those of the runs that `flow_run_id` and `task_run_id` name."""

    level: LevelFilter | None = None
    timestamp: TimeFilter | None = None
    flow_run_id: IdFilter | None = None
    task_run_id: ParentFilter | None = None
    text: TextFilter | None = None

    def takes(self, row: LineRow) -> bool:
        """Whether a line fits."""
        parts: list[tuple[Any, Any]] = [
            (self.level, row.level),
            (self.timestamp, row.at),
            (self.flow_run_id, row.flow_run),
            (self.task_run_id, row.task_run),
            (self.text, row.message),
        ]
        return all(part.takes(value) for part, value in parts if part is not None)


class ArtifactFilter(_Checked, frozen=True, kw_only=True):
    """Which artifacts."""

    id: IdFilter | None = None
    key: TextFilter | None = None
    type: TextFilter | None = None
    flow_run_id: IdFilter | None = None
    task_run_id: IdFilter | None = None

    def takes(self, row: ArtifactRow) -> bool:
        """Whether a version of an artifact fits."""
        parts: list[tuple[Any, Any]] = [
            (self.id, row.id),
            (self.key, row.key),
            (self.type, row.type),
            (self.flow_run_id, row.flow_run),
            (self.task_run_id, row.task_run),
        ]
        return all(part.takes(value) for part, value in parts if part is not None)


def only_one(part: IdFilter | None) -> bytes | None:
    """Return the one id that will do, None where there are several or any."""
    given = None if part is None else part.any_
    return given[0].bytes if given is not None and len(given) == 1 else None


def _below(wanted: RunsWanted, operator: Operator, part: IdFilter | None) -> RunsWanted:
    only = None if operator is Operator.or_ else only_one(part)
    return wanted if only is None else msgspec.structs.replace(wanted, flow_run=only)


def _few(given: list[str] | None) -> tuple[str, ...]:
    return tuple(given) if given and len(given) <= _MOST else ()


def _at(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    return nanoseconds(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def _plain(given: Any) -> Any:
    """Return a value as `convert` takes it: structs as dicts, collections as lists."""
    if isinstance(given, msgspec.Struct):
        fields = msgspec.structs.asdict(given).items()
        return {name: _plain(value) for name, value in fields if value is not None}
    if isinstance(given, dict):
        return {name: _plain(value) for name, value in given.items()}
    if isinstance(given, list | tuple | set | frozenset):
        return [_plain(one) for one in given]
    if isinstance(given, UUID | StrEnum):
        return str(given)
    value = getattr(given, "value", given)
    return value if isinstance(value, str | int | float | bool | datetime) else given


FlowFilterId = FlowRunFilterFlowId = FlowRunFilterId = TaskRunFilterId = IdFilter
FlowFilterName = FlowRunFilterName = TaskRunFilterName = TextFilter
FlowRunFilterStateType = TaskRunFilterStateType = TypeFilter
FlowRunFilterStateName = TaskRunFilterStateName = FlowRunFilterFlowVersion = TextFilter
FlowFilterTags = FlowRunFilterTags = TaskRunFilterTags = TagsFilter
FlowRunFilterStartTime = FlowRunFilterEndTime = FlowRunFilterExpectedStartTime = TimeFilter
TaskRunFilterStartTime = TaskRunFilterExpectedStartTime = LogFilterTimestamp = TimeFilter
FlowRunFilterState = TaskRunFilterState = StateFilter
FlowRunFilterParentFlowRunId = FlowRunFilterParentTaskRunId = ParentFilter
TaskRunFilterFlowRunId = LogFilterTaskRunId = ParentFilter
LogFilterFlowRunId = ArtifactFilterId = ArtifactFilterFlowRunId = IdFilter
ArtifactFilterTaskRunId = IdFilter
ArtifactFilterKey = ArtifactFilterType = LogFilterTextSearch = TextFilter
LogFilterLevel = LevelFilter
