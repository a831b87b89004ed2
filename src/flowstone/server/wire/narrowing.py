"""What narrows a list of runs, as it travels: in a query, or in the body of a bulk request."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from flowstone.server.errors import ApiError
from flowstone.server.wire.kinds import Text, moment, nanoseconds
from flowstone.store.reading.wanted import RunsWanted

TypeName = Literal[
    "SCHEDULED",
    "PENDING",
    "RUNNING",
    "COMPLETED",
    "FAILED",
    "CANCELLED",
    "CRASHED",
    "PAUSED",
    "CANCELLING",
]
Texts = Annotated[tuple[Text, ...], Meta(max_length=100)]
Long = Annotated[float, Meta(ge=0, le=1e9)]
Tries = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class FlowRunFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which flow runs are meant: those that fit all that is given, one of each list.

    Durations are seconds; those of open runs last until now.
    """

    state: Texts = ()
    state_type: Annotated[tuple[TypeName, ...], Meta(max_length=100)] = ()
    flow: Texts = ()
    tag: Texts = ()
    any_tag: Texts = ()
    no_tag: Texts = ()
    name: Text | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    started_after: datetime | None = None
    started_before: datetime | None = None
    ended_after: datetime | None = None
    ended_before: datetime | None = None
    min_seconds: Long | None = None
    max_seconds: Long | None = None
    min_attempt: Tries | None = None
    max_attempt: Tries | None = None
    has_parent: bool | None = None
    parent_flow_run: Text | None = None
    is_open: bool | None = None
    is_seen: bool | None = None

    def wanted(self) -> RunsWanted:
        """Return what the store looks for, now."""
        return RunsWanted(
            states=self.state,
            types=self.state_type,
            flows=self.flow,
            tags_all=self.tag,
            tags_any=self.any_tag,
            tags_none=self.no_tag,
            name=self.name,
            created_after=moment(self.created_after),
            created_before=moment(self.created_before),
            started_after=moment(self.started_after),
            started_before=moment(self.started_before),
            ended_after=moment(self.ended_after),
            ended_before=moment(self.ended_before),
            shortest=nanoseconds(self.min_seconds),
            longest=nanoseconds(self.max_seconds),
            attempt_min=self.min_attempt,
            attempt_max=self.max_attempt,
            has_parent=self.has_parent,
            flow_run=id_given(self.parent_flow_run),
            is_open=self.is_open,
            is_seen=self.is_seen,
            now=time.time_ns(),
        )


def id_given(text: str | None) -> bytes | None:
    """Return an id that was given as text. Raises `ApiError` where it is none."""
    if text is None:
        return None
    digits = text.replace("-", "")
    if len(digits) == 32 and all(one in "0123456789abcdefABCDEF" for one in digits):
        return bytes.fromhex(digits)
    message = f"{text[:100]!r} is no id."
    raise ApiError(400, "bad_id", message, "An id is a UUID of 36 characters.")
