"""Task runs and flow runs: the one mutable thing of the core.

A run changes only by its own transitions. Each takes the time (nanoseconds since 1970), checks
that the move is allowed, and returns the fact to record; it neither looks at a clock nor writes.
A run's states are numbered from 0 without a gap, so their order never depends on a clock.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from flowstone.core.facts import (
    FlowRunCarried,
    FlowRunChanged,
    FlowRunCreated,
    FlowRunNamed,
    TaskRunCarried,
    TaskRunChanged,
    TaskRunCompleted,
    TaskRunCreated,
    TaskRunNamed,
)
from flowstone.core.states import (
    COMPLETED,
    CRASHED,
    DEFAULT_NAMES,
    FAILED,
    MOVES,
    NOT_READY,
    PENDING,
    RUNNING,
    SCHEDULED,
    TERMINAL,
    TYPES,
    State,
    StateDetails,
)
from flowstone.core.upstream import Input
from flowstone.exceptions import IllegalMove


class Run:
    """What task runs and flow runs share. Times are kept in nanoseconds and shown as datetimes."""

    # What a run begins with stands in the class: so making one stores nothing.
    key = b""
    name = ""
    tags: tuple[str, ...] = ()
    state_number = PENDING
    titled: str | None = None  # the state's name where it is not the type's own
    message: str | None = None
    sequence = -1
    run_count = 0
    is_over = False  # nothing more will happen to it: it has ended, or will never be ready
    _created = _started = _ended = _at = _ran = _due = 0
    _fact: Any = None
    handle: Any = None  # while it is open: what can be asked to cancel it
    returned: State | None = None  # what the body asked to end as, if it did

    @property
    def id(self) -> uuid.UUID:
        """The run's id."""
        return uuid.UUID(bytes=self.key)

    @property
    def state_name(self) -> str:
        """The name of the state that the run is in."""
        return self.titled or DEFAULT_NAMES[self.state_number]

    @property
    def state_type(self) -> Any:
        """The type of the state that the run is in."""
        return TYPES[self.state_number]

    @property
    def state(self) -> State:
        """The state that the run is in, without data."""
        return self.state_with(None)

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        return self.state_number in TERMINAL

    @property
    def created(self) -> datetime | None:
        """When the run began to exist."""
        return _moment(self._created)

    @property
    def start_time(self) -> datetime | None:
        """When the run was Running first, or failed without."""
        return _moment(self._started)

    @property
    def end_time(self) -> datetime | None:
        """When the run ended."""
        return _moment(self._ended)

    @property
    def total_run_time(self) -> timedelta:
        """How long its ended attempts were Running; waits between retries are left out."""
        return timedelta(microseconds=self._ran / 1000)

    @property
    def seconds(self) -> float:
        """Seconds from the first start to the end, 0 where it has not both."""
        return (self._ended - self._started) / 1e9 if self._ended and self._started else 0.0

    def running_since(self, now: int) -> float:
        """Return how many seconds the present attempt has taken up to a time."""
        return max(0, now - self._at) / 1e9 if self.state_number == RUNNING else 0.0

    def state_with(self, data: Any) -> State:
        """Return the state that the run is in, carrying `data`."""
        details = self._details()
        if self.state_number == SCHEDULED:
            details.scheduled_time = _moment(self._due)
        return State(
            TYPES[self.state_number],
            self.state_name,
            self.message,
            data,
            timestamp=_moment(self._at),
            state_details=details,
        )

    def start(self, now: int) -> TaskRunChanged | FlowRunChanged:
        """Begin the first attempt of a run that was Pending."""
        return self.enter(RUNNING, now)

    def rename(self, name: str) -> TaskRunNamed | FlowRunNamed | None:
        """Get a name; return the fact to record where the run exists already."""
        self.name = name
        if self._fact is None:
            return None
        self._fact = msgspec.structs.replace(self._fact, name=name)  # for the next segment
        return (
            TaskRunNamed(self.key, name)
            if isinstance(self, TaskRun)
            else FlowRunNamed(self.key, name)
        )

    def retry(self, now: int) -> TaskRunChanged | FlowRunChanged:
        """Begin a further attempt."""
        return self.enter(RUNNING, now, "Retrying")

    def await_retry(self, now: int, seconds: float) -> TaskRunChanged | FlowRunChanged:
        """Wait for the next attempt, which begins `seconds` from now."""
        return self.enter(SCHEDULED, now, "AwaitingRetry", scheduled=now + round(seconds * 1e9))

    def crash(self, now: int, message: str) -> TaskRunChanged | FlowRunChanged:
        """End because of something that is not the run's own doing."""
        return self.enter(CRASHED, now, None, message)

    def enter(
        self,
        number: int,
        now: int,
        name: str | None = None,
        message: str | None = None,
        scheduled: int | None = None,
    ) -> TaskRunChanged | FlowRunChanged:
        """Enter a state of type `number`. Raises `IllegalMove` where it cannot follow."""
        if number not in MOVES[self.state_number]:
            text = (
                f"Run {self.name!r} is {self.state_name} and cannot become "
                f"{name or DEFAULT_NAMES[number]}."
            )
            raise IllegalMove(text)
        if name == DEFAULT_NAMES[number]:
            name = None
        self._leave(now)
        self.sequence += 1
        self.state_number, self.titled, self.message, self._at = number, name, message, now
        if scheduled is not None:
            self._due = scheduled
        if number == RUNNING:
            self.run_count += 1
        if number in (RUNNING, FAILED):  # one whose parameters are wrong fails without running
            self._started = self._started or now
        if number in TERMINAL or name == NOT_READY:
            self._ended = now
            self.is_over = True
        return self._changed(number, now, name, message, scheduled)

    def _leave(self, now: int) -> None:
        if self.state_number == RUNNING:
            self._ran += now - self._at

    def _changed(
        self, number: int, now: int, name: str | None, message: str | None, scheduled: int | None
    ) -> TaskRunChanged | FlowRunChanged:
        raise NotImplementedError

    def _details(self) -> StateDetails:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, state={self.state!s}, id='{self.id}')"


class TaskRun(Run):
    """One call of a task, with all of its attempts."""

    flow_run_key: bytes | None
    parent_key: bytes | None
    flow_run_run_count = 0
    """The attempt of its flow run that made it."""

    def create(
        self, now: int, task: int, flow_run: bytes | None, parent: bytes | None, *, running: bool
    ) -> TaskRunCreated:
        """Begin to exist, as Pending; with `running`, at the same instant as Running.

        The run has its id, its name and its tags already.
        """
        self.flow_run_key, self.parent_key = flow_run, parent
        self._created = self._at = now
        # Before the run exists: Ctrl-C may come behind any call.
        self._fact = fact = TaskRunCreated(
            self.key, task, now, running, flow_run, parent, self.name, self.tags
        )
        if running:
            self.sequence, self.state_number, self.run_count = 1, RUNNING, 1
            self._started = now
        else:
            self.sequence, self.state_number = 0, PENDING
        return fact

    def start(self, now: int) -> TaskRunChanged:
        """Begin the first attempt of a run that was Pending; as `enter`, which is slower."""
        if self.state_number != PENDING:
            return super().start(now)  # type: ignore[return-value]
        self.sequence += 1
        self.state_number, self.titled, self.message = RUNNING, None, None
        self._at = self._started = now
        self.run_count = 1
        return TaskRunChanged(self.key, self.sequence, RUNNING, None, now)

    def complete(self, now: int) -> TaskRunCompleted:
        """End well: the plain Completed, without a name or a message."""
        if self.state_number != RUNNING:
            message = f"Run {self.name!r} is {self.state_name} and cannot become Completed."
            raise IllegalMove(message)
        self._ran += now - self._at
        self.sequence += 1
        self.state_number, self.titled, self.message = COMPLETED, None, None
        self._at = self._ended = now
        self.is_over = True
        return TaskRunCompleted(self.key, self.sequence, now)

    def carried(self) -> TaskRunCarried:
        """Return what is known of the run, for a log's next segment."""
        state = (self.sequence, self.state_number, self.titled, self._at, self.run_count)
        return TaskRunCarried(self._fact, *state)

    @property
    def task_inputs(self) -> dict[str, list[Input]]:
        """The runs whose results this one takes, by parameter; known while its body runs."""
        inputs: Mapping[str, tuple[Input, ...]] = getattr(self.handle, "inputs", {})
        return {name: list(taken) for name, taken in inputs.items()}

    @property
    def flow_run_id(self) -> uuid.UUID | None:
        """The id of the flow run that this run belongs to."""
        return uuid.UUID(bytes=self.flow_run_key) if self.flow_run_key else None

    def _changed(
        self, number: int, now: int, name: str | None, message: str | None, scheduled: int | None
    ) -> TaskRunChanged:
        return TaskRunChanged(self.key, self.sequence, number, name, now, message, scheduled)

    def _details(self) -> StateDetails:
        return StateDetails(flow_run_id=self.flow_run_id, task_run_id=self.id)


class FlowRun(Run):
    """One call of a flow, with all of its attempts."""

    parameters: dict[str, Any]
    """The parameters of the call by name, as they were passed to the body."""
    parent_flow_run_key: bytes | None
    parent_key: bytes | None

    def create(
        self,
        key: bytes,
        now: int,
        *,
        flow: int,
        name: str,
        parent_flow_run: bytes | None,
        parent: bytes | None,
        tags: tuple[str, ...],
        parameters: str,
        running: bool,
    ) -> FlowRunCreated:
        """Begin to exist, as Pending; with `running`, at the same instant as Running."""
        self.key, self.name, self.tags = key, name, tags
        self.parent_flow_run_key, self.parent_key = parent_flow_run, parent
        self._created = self._at = now
        self._fact = fact = FlowRunCreated(
            key, flow, now, running, parent_flow_run, parent, name, tags, parameters
        )
        if running:
            self.sequence, self.state_number, self.run_count = 1, RUNNING, 1
            self._started = now
        else:
            self.sequence, self.state_number = 0, PENDING
        return fact

    def complete(self, now: int) -> TaskRunChanged | FlowRunChanged:
        """End well: the plain Completed, without a name or a message."""
        return self.enter(COMPLETED, now)

    def carried(self) -> FlowRunCarried:
        """Return what is known of the run, for a log's next segment."""
        state = (self.sequence, self.state_number, self.titled, self._at, self.run_count)
        return FlowRunCarried(self._fact, *state)

    @property
    def parent_task_run_id(self) -> uuid.UUID | None:
        """The id of the task run that called this flow, if one did."""
        return uuid.UUID(bytes=self.parent_key) if self.parent_key else None

    @property
    def parent_flow_run_id(self) -> uuid.UUID | None:
        """The id of the flow run that this one was called in."""
        return uuid.UUID(bytes=self.parent_flow_run_key) if self.parent_flow_run_key else None

    def _changed(
        self, number: int, now: int, name: str | None, message: str | None, scheduled: int | None
    ) -> FlowRunChanged:
        return FlowRunChanged(self.key, self.sequence, number, name, now, message, scheduled)

    def _details(self) -> StateDetails:
        return StateDetails(flow_run_id=self.id)


def _moment(at: int) -> datetime | None:
    return datetime.fromtimestamp(at / 1e9, UTC) if at else None
