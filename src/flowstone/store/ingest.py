"""Applies records to the database: the one place where the rules of the store are written.

The caller has a transaction open, and keeps the log's offset in the same one. What records of one
batch say of a run is merged first, so that most runs are one INSERT.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from flowstone.core.facts import (
    ArtifactChanged,
    ArtifactWritten,
    FlowDefined,
    FlowRunCarried,
    FlowRunChanged,
    FlowRunCreated,
    FlowRunNamed,
    InputsFound,
    LineLogged,
    ProgressMade,
    ResultNoted,
    TaskDefined,
    TaskRunCarried,
    TaskRunChanged,
    TaskRunCompleted,
    TaskRunCreated,
    TaskRunNamed,
    TransactionEnded,
    TransactionNoted,
    UsageMeasured,
)
from flowstone.core.states import COMPLETED
from flowstone.log.records import Gap, Record
from flowstone.store.artifacts import Leavings
from flowstone.store.connection import REFUSALS, Connection
from flowstone.store.counts import Counts
from flowstone.store.folds import Edge, ends_of, write_edges
from flowstone.store.inserting import insert
from flowstone.store.lives import (
    Entry,
    FlowLife,
    Growing,
    Life,
    Refused,
    TaskLife,
    begin,
    describe,
    entry_of,
    is_end,
    type_of,
)
from flowstone.store.logs import reject
from flowstone.store.names import Names
from flowstone.store.plain import PlainRuns, SeenBefore
from flowstone.store.statements import (
    INSERT_FLOW_RUN,
    INSERT_LINE,
    INSERT_TASK_RUN,
    LOAD_FLOW_RUN,
    LOAD_TASK_RUN,
    REPLACE_FLOW_RUN,
    REPLACE_TASK_RUN,
)
from flowstone.store.verdicts import close_children

_ID = 16
_columns_of = msgspec.structs.astuple


_NOT_QUICKLY = (SeenBefore, *REFUSALS)
_REFUSALS = (Refused, *REFUSALS)


def apply(
    connection: Connection,
    log: int,
    base: int,
    records: list[tuple[int, Record]],
    names: Names,
) -> None:
    """Apply the records of one segment, given with their offsets in it; it begins at `base`.

    A record that cannot be kept is put into `rejected`, and never holds up the others.
    """
    connection.execute("SAVEPOINT batch")
    try:
        batch = _Batch(connection, log, base, names)
        batch.take_all(records)
        batch.flush()
    except _NOT_QUICKLY:
        connection.execute("ROLLBACK TO batch")
        names.forget()
        for record in records:
            _apply_one(connection, log, base, record, names)
    connection.execute("RELEASE batch")


def _apply_one(
    connection: Connection, log: int, base: int, record: tuple[int, Record], names: Names
) -> None:
    connection.execute("SAVEPOINT one")
    try:
        batch = _Batch(connection, log, base, names, careful=True)
        batch.take_all([record])
        batch.flush()
    except _REFUSALS as error:
        connection.execute("ROLLBACK TO one")
        names.forget()
        reject(connection, log, base + record[0], f"{type(error).__name__}: {error}", record[1])
    connection.execute("RELEASE one")


class _Batch:
    """Records of one log on their way into the database.

    `careful` looks for every run in the database before it is taken for new.
    """

    def __init__(
        self,
        connection: Connection,
        log: int,
        base: int,
        names: Names,
        *,
        careful: bool = False,
    ) -> None:
        self.connection, self.log, self.base, self.names = connection, log, base, names
        self.careful = careful
        self.known = names.of(log)
        self.deleted = self.known.deleted
        self.counts = Counts()
        self.plain = PlainRuns(connection, log, self.known.tasks, self.counts)
        self.tasks: dict[bytes, Growing] = {}
        self.flows: dict[bytes, Growing] = {}
        self.lines: list[tuple[Any, ...]] = []
        self.edges: list[Edge] = []
        self.leavings = Leavings()
        self.takers: dict[type, Callable[[int, Any], None]] = {
            TaskRunCreated: self._task_created,
            TaskRunCompleted: self._task_completed,
            TaskRunChanged: self._task_changed,
            TaskRunCarried: self._task_carried,
            FlowRunCreated: self._flow_created,
            FlowRunChanged: self._flow_changed,
            FlowRunCarried: self._flow_carried,
            LineLogged: self._line_logged,
            InputsFound: self._inputs_found,
            TaskRunNamed: self._task_named,
            FlowRunNamed: self._flow_named,
            TaskDefined: self._task_defined,
            FlowDefined: self._flow_defined,
            ArtifactWritten: self._artifact_written,
            ArtifactChanged: self._artifact_changed,
            ProgressMade: self._progress_made,
            ResultNoted: self._result_noted,
            UsageMeasured: self._usage_measured,
            TransactionNoted: self._transaction_told,
            TransactionEnded: self._transaction_told,
            Gap: self._gap,
        }

    def take_all(self, records: Iterable[tuple[int, Record]]) -> None:
        """Take the records in order; those that are no facts (headers) say nothing here."""
        takers = self.takers
        for at, record in records:
            taker = takers.get(type(record))
            if taker is None:
                continue
            try:
                taker(at, record)
            except Refused as refusal:
                reject(self.connection, self.log, self.base + at, str(refusal), record)

    def flush(self) -> None:
        """Write everything taken so far."""
        ends = ends_of(self.edges)
        places = self.plain.places(ends)
        for run, entries in self.plain.flush():
            self._replay(run, entries)
        self._flush_lives(self.tasks, INSERT_TASK_RUN, REPLACE_TASK_RUN, "task_run_tag")
        self._flush_lives(self.flows, INSERT_FLOW_RUN, REPLACE_FLOW_RUN, "flow_run_tag")
        if self.lines:
            insert(self.connection, INSERT_LINE, self.lines)
            self.counts.lined({line[2] for line in self.lines})
            self.lines = []
        if self.edges:
            write_edges(self.connection, self.edges, ends, places, self.counts.folds)
            self.edges = []
        self.leavings.write(self.connection)
        self.counts.write(self.connection)

    # task runs --------------------------------------------------------------------------------

    def _task_created(self, at: int, record: TaskRunCreated) -> None:
        del at
        run = record.run
        if self.careful or run in self.tasks:
            self._begin_task(record)
        elif not (self.deleted and self._is_deleted(run, record.flow_run)):
            _check_id(run)
            self.plain.create(record)

    def _task_completed(self, at: int, record: TaskRunCompleted) -> None:
        del at
        run = record.run
        if run in self.deleted:
            return
        if self.careful or run in self.tasks or not self.plain.complete(record):
            entry = Entry(record.fence, record.sequence, COMPLETED, None, record.at)
            self._task(run).enter(entry, self.log)

    def _task_changed(self, at: int, record: TaskRunChanged) -> None:
        del at
        run = record.run
        if run in self.deleted:
            return
        if self.careful or run in self.tasks or not self.plain.start(record):
            self._task(run).enter(entry_of(record), self.log)

    def _task_carried(self, at: int, record: TaskRunCarried) -> None:
        del at
        created = record.created
        growing = self._begin_task(created, is_late=True)
        if growing is not None:
            entry = Entry(
                created.fence, record.sequence, type_of(record.type), record.name, record.at
            )
            growing.carry(entry, record.attempt, self.log)

    def _begin_task(self, record: TaskRunCreated, *, is_late: bool = False) -> Growing | None:
        if self._is_deleted(record.run, record.flow_run):
            return None
        growing = self._task(record.run)
        self._begin_life(growing, record, is_late=is_late)
        return growing

    def _begin_life(
        self, growing: Growing, record: TaskRunCreated, *, is_late: bool = False
    ) -> None:
        row = growing.row
        if row.name is None and isinstance(row, TaskLife):
            describe(row, record)
            row.task, row.flow_run = self.known.tasks.get(record.task), record.flow_run
            if row.flow_run is not None and (is_late or growing.before is not None):
                self.counts.folds.doubt(row.flow_run)  # its inputs may have been told before
        begin(growing, record, self.log)

    def _task(self, run: bytes) -> Growing:
        growing = self.tasks.get(run)
        if growing is not None:
            return growing
        _check_id(run)
        created, entries = self.plain.take(run)
        if created is None:
            growing = self._load(LOAD_TASK_RUN, TaskLife, run)
        else:
            growing = Growing(TaskLife(run, self.log), None)
            self._begin_life(growing, created)
        self.tasks[run] = growing
        self._replay(run, entries)
        return growing

    def _replay(self, run: bytes, entries: list[Entry]) -> None:
        """Enter what a run left the way of plain runs with."""
        try:
            for entry in entries:
                self._task(run).enter(entry, self.log)
        except Refused as refusal:  # which record it was is known when each goes by itself
            raise SeenBefore from refusal

    # flow runs --------------------------------------------------------------------------------

    def _flow_created(self, at: int, record: FlowRunCreated) -> None:
        del at
        self._begin_flow(record)

    def _flow_changed(self, at: int, record: FlowRunChanged) -> None:
        del at
        if record.run in self.deleted:
            return
        growing = self._flow(record.run)
        growing.enter(entry_of(record), self.log)
        last = growing.entries[-1]
        if is_end(last.type, last.name) and last.sequence == record.sequence:
            # What is open below it now is closed; a record of theirs that comes later reopens them.
            self.flush()
            close_children(self.connection, self.log, record.run, record.at)

    def _flow_carried(self, at: int, record: FlowRunCarried) -> None:
        del at
        created = record.created
        growing = self._begin_flow(created)
        if growing is not None:
            entry = Entry(
                created.fence, record.sequence, type_of(record.type), record.name, record.at
            )
            growing.carry(entry, record.attempt, self.log)

    def _begin_flow(self, record: FlowRunCreated) -> Growing | None:
        if self._is_deleted(record.run, record.parent_flow_run):
            return None
        growing = self._flow(record.run)
        row = growing.row
        if row.name is None and isinstance(row, FlowLife):
            describe(row, record)
            row.flow = self.known.flows.get(record.flow)
            row.parent_flow_run, row.parameters = record.parent_flow_run, record.parameters
        begin(growing, record, self.log)
        return growing

    def _flow(self, run: bytes) -> Growing:
        growing = self.flows.get(run)
        if growing is None:
            _check_id(run)
            growing = self.flows[run] = self._load(LOAD_FLOW_RUN, FlowLife, run)
        return growing

    # the rest ---------------------------------------------------------------------------------

    def _line_logged(self, at: int, record: LineLogged) -> None:
        deleted = self.deleted
        if deleted and (record.flow_run in deleted or record.task_run in deleted):
            return
        self.lines.append(
            (
                self.log,
                self.base + at,
                record.flow_run,
                record.task_run,
                record.at,
                record.level,
                record.logger,
                record.message,
            )
        )

    def _artifact_written(self, at: int, record: ArtifactWritten) -> None:
        del at
        _check_id(record.artifact)
        if not (self.deleted and self._is_deleted(record.artifact, record.flow_run)):
            self.leavings.written(self.log, record)

    def _artifact_changed(self, at: int, record: ArtifactChanged) -> None:
        del at
        _check_id(record.artifact)
        if record.artifact not in self.deleted:
            self.leavings.changed(self.log, record)

    def _progress_made(self, at: int, record: ProgressMade) -> None:
        del at
        _check_id(record.run)
        if record.run not in self.deleted:
            self.leavings.progressed(record)

    def _result_noted(self, at: int, record: ResultNoted) -> None:
        del at
        _check_id(record.run)
        if record.run not in self.deleted:
            self.leavings.noted(record)

    def _usage_measured(self, at: int, record: UsageMeasured) -> None:
        del at
        _check_id(record.run)
        if record.run not in self.deleted:
            self.leavings.used(record)

    def _transaction_told(self, at: int, record: TransactionNoted | TransactionEnded) -> None:
        del at
        _check_id(record.transaction)
        if getattr(record, "flow_run", None) not in self.deleted:
            self.leavings.transactions.append(record)

    def _task_named(self, at: int, record: TaskRunNamed) -> None:
        del at
        if record.run not in self.deleted:
            _name(self._task(record.run), record.name)

    def _flow_named(self, at: int, record: FlowRunNamed) -> None:
        del at
        if record.run not in self.deleted:
            _name(self._flow(record.run), record.name)

    def _inputs_found(self, at: int, record: InputsFound) -> None:
        del at
        run = record.run
        if run in self.deleted:
            return
        _check_id(run)
        edges = []
        for name, upstream in record.inputs:
            _check_id(upstream)
            edges.append((run, upstream, name))
        self.edges += edges

    def _task_defined(self, at: int, record: TaskDefined) -> None:
        del at
        self.names.define_task(self.log, record)

    def _flow_defined(self, at: int, record: FlowDefined) -> None:
        del at
        self.names.define_flow(self.log, record)

    def _gap(self, at: int, record: Gap) -> None:
        self.connection.execute(
            "INSERT INTO gap (log, position, records, lines, first_at, last_at) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (self.log, self.base + at, record.count, record.lines, record.first, record.last),
        )

    def _is_deleted(self, run: bytes, parent: bytes | None) -> bool:
        """Whether a run that is told to begin was deleted, or what it belongs to was."""
        if run in self.deleted:
            return True
        if parent not in self.deleted:
            return False
        self.names.bury(self.log, run)  # what follows names only the run
        return True

    def _load(self, statement: str, kind: type[Life], run: bytes) -> Growing:
        found = self.connection.execute(statement, (run,)).fetchone()
        if found is None:
            return Growing(kind(run, self.log), None)
        *values, number, name = found
        return Growing(kind(*values), (number, name))

    def _flush_lives(
        self, lives: dict[bytes, Growing], insert: str, replace: str, tag_table: str
    ) -> None:
        new, old, tags = [], [], []
        for growing in lives.values():
            if not growing.entries:
                continue  # all that was said of it was refused
            row = growing.row
            present = growing.settle()
            row.state = self.names.state(present.type, present.name)
            row.shown = row.state if row.mark is None else row.shown
            self._recount(growing)
            if growing.before is None:
                new.append(_columns_of(row))
            else:
                old.append(_columns_of(row))
            if row.tags is not None:
                tags += [(tag, row.id) for tag in msgspec.json.decode(row.tags)]
        if new:
            self.connection.executemany(insert, new)
        if old:
            self.connection.executemany(replace, old)
        self._tag(tag_table, tags)
        lives.clear()

    def _tag(self, table: str, tags: list[tuple[str, bytes]]) -> None:
        if tags:
            self.connection.executemany(
                f"INSERT INTO {table} (tag, run) VALUES (?, ?) "  # noqa: S608 - our names
                "ON CONFLICT DO NOTHING",
                tags,
            )

    def _recount(self, growing: Growing) -> None:
        row = growing.row
        add = self.counts.add if isinstance(row, TaskLife) else self.counts.add_flow
        if growing.before is not None:
            add(*growing.before, runs=-1)
        add(*row.counted())


def _name(growing: Growing, name: str) -> None:
    if growing.row.name is not None:  # else nothing is known of the run: it will be told whole
        growing.row.name = name


def _check_id(run: bytes) -> None:
    if len(run) != _ID:
        raise Refused(f"a run's id has {_ID} bytes, not {len(run)}")
