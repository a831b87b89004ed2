"""What the small numbers in records stand for: tasks, flows and states, and what was deleted."""

from __future__ import annotations

import msgspec

from flowstone.core.facts import FlowDefined, TaskDefined
from flowstone.core.states import DEFAULT_NAMES
from flowstone.store.connection import ALONE, Connection

_TASK = 1
_FLOW = 2
_json = msgspec.json.Encoder().encode


class Known(msgspec.Struct):
    """What is known of one log: rows by the log's own numbers, and runs that were deleted."""

    tasks: dict[int, int]
    flows: dict[int, int]
    deleted: set[bytes]


class Names:
    """Finds and makes the rows of tasks, flows and states, and remembers them for a while.

    What is remembered holds within one transaction; `forget` it when another begins.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._logs: dict[int, Known] = {}
        self._states: dict[tuple[int, str], int] = {}

    def forget(self) -> None:
        """Look everything up anew from now on."""
        self._logs = {}
        self._states = {}

    def of(self, log: int) -> Known:
        """Return what is known of a log."""
        known = self._logs.get(log)
        if known is None:
            query = "SELECT number, ref FROM definition WHERE log = ? AND kind = ?"
            deleted = self._connection.execute("SELECT run FROM tombstone WHERE log = ?", (log,))
            known = self._logs[log] = Known(
                dict(self._connection.execute(query, (log, _TASK))),
                dict(self._connection.execute(query, (log, _FLOW))),
                {run for (run,) in deleted},
            )
        return known

    def bury(self, log: int, run: bytes) -> None:
        """Take a run for deleted that was not heard of before what it belongs to was deleted."""
        self.of(log).deleted.add(run)
        self._connection.execute(
            "INSERT INTO tombstone (log, run) VALUES (?, ?) ON CONFLICT DO NOTHING", (log, run)
        )

    def state(self, number: int, name: str | None) -> int:
        """Return the row of a state by its type's number and its name (None: the type's own)."""
        key = (number, name or DEFAULT_NAMES[number])
        ref = self._states.get(key)
        if ref is None:
            ref = self._states[key] = self._row("state", ("type", "name"), key, {})
        return ref

    def define_task(self, log: int, record: TaskDefined) -> None:
        """Remember what a number of a log stands for."""
        key = (record.key, record.name, record.version or "")
        ref = self._row("task", ("key", "name", "version"), key, _rest(record))
        self.of(log).tasks[record.number] = ref
        self._define(log, _TASK, record.number, ref)

    def define_flow(self, log: int, record: FlowDefined) -> None:
        """Remember what a number of a log stands for."""
        key = (record.name, record.version or "")
        rest = _rest(record) | {"entrypoint": record.entrypoint}
        ref = self._row("flow", ("name", "version"), key, rest)
        self.of(log).flows[record.number] = ref
        self._define(log, _FLOW, record.number, ref)

    def _define(self, log: int, kind: int, number: int, ref: int) -> None:
        self._connection.execute(
            "INSERT INTO definition (log, kind, number, ref) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (log, kind, number) DO UPDATE SET ref = excluded.ref",
            (log, kind, number, ref),
        )

    def _row(
        self,
        table: str,
        columns: tuple[str, ...],
        key: tuple[object, ...],
        rest: dict[str, object],
    ) -> int:
        where = " AND ".join(f"{column} = ?" for column in columns)
        query = f"SELECT ref FROM {table} WHERE {where}"  # noqa: S608 - our own names
        found = self._connection.execute(query, key).fetchone()
        if found is not None:
            return int(found[0])
        self._connection.execute(ALONE)
        found = self._connection.execute(query, key).fetchone()
        if found is not None:  # another transaction has made it meanwhile
            return int(found[0])
        names = (*columns, *rest)
        done = self._connection.execute(
            f"INSERT INTO {table} ({', '.join(names)}) "  # noqa: S608 - our own names
            f"VALUES ({', '.join('?' * len(names))}) RETURNING ref",
            (*key, *rest.values()),
        ).fetchone()
        return int(done[0])


def _rest(record: TaskDefined | FlowDefined) -> dict[str, object]:
    return {
        "description": record.description,
        "tags": _json(record.tags).decode() if record.tags else None,
        "retries": record.retries,
    }
