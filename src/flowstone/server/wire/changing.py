"""What changes runs: requests, and what came of them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from flowstone.core.states import TYPES
from flowstone.server.wire.kinds import Id, Name, Text
from flowstone.server.wire.narrowing import FlowRunFilter

ASKED = "Cancelled by a request to the server."
"""The message of a run that is cancelled here."""
_NUMBERS = {kind.value: number for number, kind in enumerate(TYPES)}
TerminalType = Literal["COMPLETED", "FAILED", "CANCELLED", "CRASHED"]
Ids = Annotated[tuple[Text, ...], Meta(max_length=10_000)]
Outcome = Literal[
    "cancelled", "asked", "deleted", "changed", "seen", "unseen", "not_found", "refused", "failed"
]


class StateWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The state that a run is to be in: a terminal one, because nobody would run it on."""

    type: TerminalType
    name: Name | None = None
    message: Text | None = None

    @property
    def number(self) -> int:
        """The number of its type."""
        return _NUMBERS[self.type]


class RunsMeant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The flow runs of a bulk request: by their ids, or all that a filter finds.

    With a filter one answer covers at most `limit` runs and about two seconds of work; send the
    `next` of the answer as `cursor` to go on.
    """

    ids: Ids | None = None
    filter: FlowRunFilter | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    cursor: Text | None = None


class CancelRuns(RunsMeant, frozen=True, kw_only=True):
    """Flow runs to cancel."""


class DeleteRuns(RunsMeant, frozen=True, kw_only=True):
    """Flow runs to delete, with all below them."""


class MarkRuns(RunsMeant, frozen=True, kw_only=True):
    """Flow runs whose end somebody looked at, or (`is_seen` false) is to look at again."""

    is_seen: bool = True


class SetStates(RunsMeant, frozen=True, kw_only=True):
    """Flow runs to put into a state."""

    state: StateWanted


class RunOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one run: `reason` says why it was refused."""

    id: Id
    outcome: Outcome
    reason: str | None = None


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """What came of each run, and where the next request goes on; null when all is done."""

    items: list[RunOutcome]
    next: str | None


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the run is Cancelled already: else its process was asked, and ends it in seconds."""

    is_cancelled: bool


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs are gone: the flow run and all below it."""

    runs: int
