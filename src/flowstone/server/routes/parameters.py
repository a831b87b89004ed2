"""The parameters that several paths take, told once; and what may be said in none."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler
from litestar.params import HeaderParameter, ParameterKwarg, QueryParameter

from flowstone.core.suggestion import suggestion
from flowstone.server.errors import ApiError
from flowstone.server.wire.narrowing import FlowRunFilter, TypeName, id_given
from flowstone.store.reading.wanted import RunsWanted

Limit = Annotated[
    int, QueryParameter(ge=1, le=1000, description="At most so many items, 1 to 1000.")
]
Cursor = Annotated[
    str | None, QueryParameter(description="`next` of the answer before; none begins the list.")
]
Order = Annotated[
    Literal["newest", "oldest"],
    QueryParameter(description="The order of creation; both walk an index."),
]
_Names = list[str] | None
_State = Annotated[
    _Names,
    QueryParameter(
        name="state",
        max_items=100,
        description="A state's name or type, in any case; repeat it for any of several.",
    ),
]
_Type = Annotated[
    list[TypeName] | None,
    QueryParameter(max_items=100, description="A state's type; any of several."),
]
_Flow = Annotated[
    _Names, QueryParameter(max_items=100, description="A flow's name; any of several.")
]
_Task = Annotated[
    _Names, QueryParameter(max_items=100, description="A task's name; any of several.")
]
_Tag = Annotated[_Names, QueryParameter(max_items=100, description="A tag; all of several.")]
_AnyTag = Annotated[_Names, QueryParameter(max_items=100, description="A tag; any of several.")]
_NoTag = Annotated[
    _Names, QueryParameter(max_items=100, description="A tag that it must not have.")
]
_Name = Annotated[
    str | None, QueryParameter(max_length=1000, description="Part of the run's name.")
]
Moment = Annotated[datetime | None, QueryParameter(description="A time; without a zone it is UTC.")]
_Long = Annotated[
    float | None, QueryParameter(ge=0, le=1e9, description="Seconds from start to end, or to now.")
]
_Tries = Annotated[
    int | None, QueryParameter(ge=0, le=1_000_000_000, description="How often it was tried.")
]
_HasParent = Annotated[bool | None, QueryParameter(description="Whether another run called it.")]
_IsOpen = Annotated[bool | None, QueryParameter(description="Whether it has not ended.")]
_IsSeen = Annotated[
    bool | None, QueryParameter(description="Whether somebody looked at how it ended.")
]
IdText = Annotated[str | None, QueryParameter(max_length=100, description="An id.")]


def flow_runs_wanted(
    states: _State = None,
    state_type: _Type = None,
    flow: _Flow = None,
    tag: _Tag = None,
    any_tag: _AnyTag = None,
    no_tag: _NoTag = None,
    name: _Name = None,
    created_after: Moment = None,
    created_before: Moment = None,
    started_after: Moment = None,
    started_before: Moment = None,
    ended_after: Moment = None,
    ended_before: Moment = None,
    min_seconds: _Long = None,
    max_seconds: _Long = None,
    min_attempt: _Tries = None,
    max_attempt: _Tries = None,
    has_parent: _HasParent = None,
    parent_flow_run: IdText = None,
    is_open: _IsOpen = None,
    is_seen: _IsSeen = None,
) -> RunsWanted:
    """Return which flow runs the query of a list asks for."""
    return FlowRunFilter(
        state=tuple(states or ()),
        state_type=tuple(state_type or ()),
        flow=tuple(flow or ()),
        tag=tuple(tag or ()),
        any_tag=tuple(any_tag or ()),
        no_tag=tuple(no_tag or ()),
        name=name,
        created_after=created_after,
        created_before=created_before,
        started_after=started_after,
        started_before=started_before,
        ended_after=ended_after,
        ended_before=ended_before,
        min_seconds=min_seconds,
        max_seconds=max_seconds,
        min_attempt=min_attempt,
        max_attempt=max_attempt,
        has_parent=has_parent,
        parent_flow_run=parent_flow_run,
        is_open=is_open,
        is_seen=is_seen,
    ).wanted()


def task_runs_wanted(
    states: _State = None,
    state_type: _Type = None,
    flow: _Flow = None,
    task: _Task = None,
    tag: _Tag = None,
    any_tag: _AnyTag = None,
    no_tag: _NoTag = None,
    name: _Name = None,
    created_after: Moment = None,
    created_before: Moment = None,
    started_after: Moment = None,
    started_before: Moment = None,
    ended_after: Moment = None,
    ended_before: Moment = None,
    min_seconds: _Long = None,
    max_seconds: _Long = None,
    min_attempt: _Tries = None,
    max_attempt: _Tries = None,
    has_parent: _HasParent = None,
    parent: IdText = None,
    flow_run: IdText = None,
    is_open: _IsOpen = None,
) -> RunsWanted:
    """Return which task runs the query of a list asks for."""
    both = flow_runs_wanted(
        states=states,
        state_type=state_type,
        flow=flow,
        tag=tag,
        any_tag=any_tag,
        no_tag=no_tag,
        name=name,
        created_after=created_after,
        created_before=created_before,
        started_after=started_after,
        started_before=started_before,
        ended_after=ended_after,
        ended_before=ended_before,
        min_seconds=min_seconds,
        max_seconds=max_seconds,
        min_attempt=min_attempt,
        max_attempt=max_attempt,
        has_parent=has_parent,
        parent_flow_run=flow_run,
        is_open=is_open,
    )
    return msgspec.structs.replace(both, tasks=tuple(task or ()), parent=id_given(parent))


async def refuse_unknown(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Refuse a parameter that the path does not know: a misspelt filter would list everything."""
    if not connection.scope["query_string"]:
        return
    known = _known(handler)
    for name, value in connection.query_params.multi_items():
        if name not in known:
            message = f"{connection.url.path} has no parameter {name[:100]!r}."
            takes = f"It takes: {', '.join(sorted(known)) or 'none'}."
            hint = f"{suggestion(name, sorted(known))} {takes}".strip()
            raise ApiError(400, "unknown_parameter", message, hint)
        if "\x00" in value:
            message = f"The parameter {name!r} holds a NUL character."
            raise ApiError(400, "bad_text", message, "Leave it out: no text has one.")


@lru_cache(maxsize=1000)
def _known(handler: BaseRouteHandler) -> frozenset[str]:
    """Return the names of the parameters that a path takes in its query."""
    providers = handler.resolve_dependencies()
    todo, found = [handler.parsed_fn_signature], set[str]()
    for signature in todo:
        for field in signature.parameters.values():
            kwarg = field.kwarg_definition
            if field.name in providers:
                todo.append(providers[field.name].parsed_fn_signature)
            elif not isinstance(kwarg, ParameterKwarg):
                found.add(field.name)
            elif not isinstance(kwarg, HeaderParameter):
                found.add(kwarg.name or field.name)
    return frozenset(found)


FLOW_RUNS_WANTED = {"wanted": Provide(flow_runs_wanted, sync_to_thread=False)}
TASK_RUNS_WANTED = {"wanted": Provide(task_runs_wanted, sync_to_thread=False)}
