"""A run's row while records are applied to it: its states in order, whatever order they came in.

The highest (fence, sequence) decides what the run is; lower pairs only enter its history. The same
records in any order, any number of times, come to the same row.
"""

from __future__ import annotations

from typing import Any

import msgspec

from flowstone.core.facts import (
    FlowRunChanged,
    FlowRunCreated,
    TaskRunChanged,
    TaskRunCreated,
)
from flowstone.core.states import (
    DEFAULT_NAMES,
    FAILED,
    MOVES,
    NOT_READY,
    PENDING,
    RUNNING,
    TERMINAL,
    TYPES,
)

DIED = 1
"""The mark of a run whose process died."""
CLOSED = 2
"""The mark of a run that was open when its flow run ended."""
ASKED = 3
"""The mark of an open run that somebody asked to cancel: it stays until the run ends."""


class Entry(msgspec.Struct, frozen=True, order=True, array_like=True):
    """One state that a run entered. `name` is None where it is the type's own."""

    fence: int
    sequence: int
    type: int
    name: str | None
    at: int
    message: str | None = None
    scheduled: int | None = None


def tags_text(tags: tuple[str, ...]) -> str:
    """Return tags as a row keeps them."""
    return _json(sorted(set(tags))).decode()


def is_end(type: int, name: str | None) -> bool:  # noqa: A002 - as in records
    """Whether a run in this state has ended; `name` is None where it is the type's own."""
    return type in TERMINAL or (type == PENDING and name == NOT_READY)


class Refused(Exception):  # noqa: N818 - it is no error: the record is put aside
    """A record contradicts what the run's owner said before."""


class Life(msgspec.Struct):
    """What task runs and flow runs have in common; the fields are the columns."""

    id: bytes
    log: int
    name: str | None = None
    tags: str | None = None
    parent: bytes | None = None
    created: int = 0
    started: int | None = None
    at: int = 0
    state: int = 0
    shown: int = 0
    is_open: int = 1
    fence: int = 0
    sequence: int = 0
    attempt: int = 0
    message: str | None = None
    scheduled: int | None = None
    history: bytes | None = None
    mark: int | None = None
    mark_at: int | None = None
    mark_message: str | None = None

    @property
    def ended(self) -> int | None:
        """When the run ended, as it is shown; None while it is open."""
        if self.is_open:
            return None
        return self.at if self.mark_at is None else self.mark_at

    def counted(self) -> tuple[Any, ...]:
        """Return what the roll-ups count the run as, in the order of `Counts`."""
        raise NotImplementedError


class TaskLife(Life):
    """The row of a task run."""

    task: int | None = None
    flow_run: bytes | None = None

    def counted(self) -> tuple[Any, ...]:
        return self.flow_run, self.task, self.created, self.started, self.ended, self.shown


class FlowLife(Life):
    """The row of a flow run."""

    flow: int | None = None
    parent_flow_run: bytes | None = None
    parameters: str | None = None

    def counted(self) -> tuple[Any, ...]:
        both = self.id, self.parent_flow_run
        return both, self.flow, self.created, self.started, self.ended, self.shown


_json = msgspec.json.Encoder().encode
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Entry]).decode


def entries_before(
    history: bytes | None, fence: int, sequence: int, created: int, started: int | None
) -> list[Entry]:
    """Return the states before the present one of a row, oldest first.

    Without a history of its own a run was Pending when it was created and Running when it started,
    as far as its sequence says that it was.
    """
    if history is not None:
        return _decode(history)
    usual = [Entry(fence, 0, PENDING, None, created)]
    if started is not None:
        usual.append(Entry(fence, 1, RUNNING, None, started))
    return usual[:sequence]


class Growing:
    """A row, and its states one by one; `settle` writes them back into the row."""

    __slots__ = ("before", "entries", "missed", "row")

    def __init__(self, row: Life, present: tuple[int, str | None] | None) -> None:
        """Take a row as it is stored; `present` is its state's type and name, None for a new row.

        `before` is what the roll-ups counted for the row, None for one that is not stored yet.
        """
        self.row = row
        self.entries: list[Entry] = []
        self.missed = 0  # Running states that a carried record counted and that were not seen
        self.before: tuple[Any, ...] | None = None
        if present is not None:
            self._take(row, *present)

    def _take(self, row: Life, type: int, name: str | None) -> None:  # noqa: A002 - as in records
        self.entries = entries_before(
            row.history, row.fence, row.sequence, row.created, row.started
        )
        titled = None if name == DEFAULT_NAMES[type] else name
        self.entries.append(
            Entry(row.fence, row.sequence, type, titled, row.at, row.message, row.scheduled)
        )
        self.missed = row.attempt - self._running()
        self.before = row.counted()

    def enter(self, entry: Entry, log: int) -> None:
        """Add a state. Raises `Refused` where the owner has said that the run is over."""
        entries = self.entries
        pair = (entry.fence, entry.sequence)
        if entry.name is not None and entry.name == DEFAULT_NAMES[entry.type]:
            entry = msgspec.structs.replace(entry, name=None)
        if not entries or pair > (entries[-1].fence, entries[-1].sequence):
            self._check(entry)
            entries.append(entry)
            row = self.row
            row.log = log
            if row.mark != ASKED or is_end(entry.type, entry.name):
                row.mark, row.mark_at, row.mark_message = None, None, None
            return
        if any((one.fence, one.sequence) == pair for one in entries):
            return
        entries.append(entry)
        entries.sort(key=_pair)
        if entry.type == RUNNING and self.missed:
            self.missed -= 1

    def carry(self, entry: Entry, attempt: int, log: int) -> None:
        """Add the state that a run had where a new segment began, and its attempts till then."""
        self.enter(entry, log)
        seen = sum(one.type == RUNNING for one in self.entries if _pair(one) <= _pair(entry))
        self.missed = max(self.missed, attempt - seen)

    def settle(self) -> Entry:
        """Bring the row's columns up to the states, and return the present one."""
        row, entries = self.row, self.entries
        present = entries[-1]
        row.fence, row.sequence, row.at = present.fence, present.sequence, present.at
        row.message, row.scheduled = present.message, present.scheduled
        row.created = row.created or entries[0].at
        row.started = next((one.at for one in entries if one.type in (RUNNING, FAILED)), None)
        row.attempt = self._running() + self.missed
        row.is_open = int(not is_end(present.type, present.name) and row.mark in (None, ASKED))
        earlier = entries[:-1]
        usual = entries_before(None, row.fence, row.sequence, row.created, row.started)
        row.history = None if earlier == usual else _encode(earlier)
        return present

    def _running(self) -> int:
        return sum(one.type == RUNNING for one in self.entries)

    def _check(self, entry: Entry) -> None:
        if not self.entries:
            return
        last = self.entries[-1]
        if (
            last.fence == entry.fence
            and last.type in TERMINAL
            and entry.type not in MOVES[last.type]
        ):
            raise Refused(
                f"the run had ended as {last.name or DEFAULT_NAMES[last.type]} and cannot become "
                f"{entry.name or DEFAULT_NAMES[entry.type]}"
            )


def _pair(entry: Entry) -> tuple[int, int]:
    return entry.fence, entry.sequence


def entry_of(record: TaskRunChanged | FlowRunChanged) -> Entry:
    """Return the state that a record tells of. Raises `Refused`."""
    return Entry(
        record.fence,
        record.sequence,
        type_of(record.type),
        record.name,
        record.at,
        record.message,
        record.scheduled,
    )


def begin(growing: Growing, record: TaskRunCreated | FlowRunCreated, log: int) -> None:
    """Enter the states that the record of a run's creation stands for."""
    growing.enter(Entry(record.fence, 0, PENDING, None, record.at), log)
    if record.running:
        growing.enter(Entry(record.fence, 1, RUNNING, None, record.at), log)


def describe(row: Life, record: TaskRunCreated | FlowRunCreated) -> None:
    """Take over what the record of a run's creation says of it."""
    row.name, row.parent, row.created = record.name, record.parent, record.at
    row.tags = tags_text(record.tags) if record.tags else None


def type_of(number: int) -> int:
    """Return the number of a state's type. Raises `Refused` where there is no such type."""
    if not 0 <= number < len(TYPES):
        raise Refused(f"{number} is not the number of a state type")
    return number
