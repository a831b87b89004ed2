"""What the store answers with: frozen rows. Ids are 16 bytes, times nanoseconds since 1970."""

from __future__ import annotations

import msgspec


class RunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs to list: those that fit all that is given.

    `flow` and `task` are names; `states` are names or types of states in any case, any of which
    will do; a run must have all of `tags`, and have been created at `since` or later.
    """

    flow: str | None = None
    flow_run: bytes | None = None
    task: str | None = None
    states: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    since: int | None = None


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """What flow runs and task runs have in common.

    `verdict` says why a run is shown in a state that its owner did not say: Crashed because the
    owner `died` or its flow run `closed` it, Cancelling because somebody `asked`; else it is None.
    """

    id: bytes
    name: str
    state_type: str
    state_name: str
    message: str | None
    created: int
    start: int | None
    end: int | None
    attempt: int
    tags: tuple[str, ...]
    parent: bytes | None
    scheduled: int | None
    log_id: bytes
    verdict: str | None


class FlowRunRow(RunRow, frozen=True, kw_only=True):
    """A flow run. `parameters` is a JSON object as text; `parent_task_run` is `parent`."""

    flow_name: str
    flow_version: str | None
    parameters: str
    parent_flow_run: bytes | None

    @property
    def parent_task_run(self) -> bytes | None:
        """The task run that called the flow, if one did."""
        return self.parent


class TaskRunRow(RunRow, frozen=True, kw_only=True):
    """A task run. `flow_run_name` and `flow_name` are None outside of flows."""

    task_name: str
    task_key: str
    task_version: str | None
    flow_run: bytes | None
    flow_run_name: str | None
    flow_name: str | None


class StateEntry(msgspec.Struct, frozen=True):
    """One state that a run was in."""

    type: str
    name: str
    at: int
    message: str | None


class InputRow(msgspec.Struct, frozen=True, kw_only=True):
    """One end of an edge between two runs: the result of one is a parameter of the other.

    `name` is the parameter's, or `wait_for`; `run` is the run at the other end. A task run has a
    `task_name`, a flow run a `flow_name`. Of a run that was deleted, or of which nothing was heard
    yet, only the id is known: both are None, and so is `state_type`.
    """

    name: str
    run: bytes
    run_name: str
    task_name: str | None
    flow_name: str | None
    state_type: str | None
    state_name: str


class LineRow(msgspec.Struct, frozen=True, kw_only=True):
    """One log line. The names are those of its flow run and task run, where they are known."""

    at: int
    level: int
    logger: str
    message: str
    flow_run: bytes | None
    task_run: bytes | None
    flow_run_name: str | None
    task_run_name: str | None


class DamageRow(msgspec.Struct, frozen=True):
    """Bytes of a segment that could not be read. `path` is where the file is, or was."""

    path: str
    offset: int
    length: int
    reason: str


class RejectedRow(msgspec.Struct, frozen=True):
    """A record that was put aside, and why. `offset` counts from the log's beginning."""

    log_id: bytes
    offset: int
    reason: str


class ForeignRow(msgspec.Struct, frozen=True):
    """A file among the logs that is none, and why."""

    path: str
    reason: str


class LogFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One log: who writes it, and what of it is not collected yet.

    `alive` is None where nothing proves either. `uncollected` counts bytes; `needs` is the version
    of Flowstone that wrote something that this one does not know.
    """

    id: bytes
    pid: int
    host: str
    alive: bool | None
    segments: tuple[str, ...]
    applied: int
    uncollected: int
    lost_records: int
    lost_lines: int
    needs: str | None


class LogStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands with the logs of a home: those whose files are there, and what went wrong."""

    logs: tuple[LogFacts, ...]
    damages: tuple[DamageRow, ...]
    foreign: tuple[ForeignRow, ...]
    rejected: tuple[RejectedRow, ...]
    as_of: int | None
    reason: str
