"""What can happen to a run, one small frozen class a fact, named in the past tense.

A fact is what the log keeps: each class is a record kind (its `tag`), and its fields in order are
the record's elements (`docs/log-format.md`). Fields may be added at the end, with a default, and
never change their meaning. Ids are 16 bytes; times are nanoseconds since 1970 (UTC).
"""

from __future__ import annotations

import msgspec


class Written(msgspec.Struct, frozen=True, array_like=True, tag_field="kind"):
    """What can be written into a log: a MessagePack array whose first element is the kind."""


class TaskDefined(Written, frozen=True, tag=1, cache_hash=True):
    """A task got a number by which the records of this log refer to it."""

    number: int
    key: str
    name: str
    version: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    retries: int = 0


class FlowDefined(Written, frozen=True, tag=2, cache_hash=True):
    """A flow got a number by which the records of this log refer to it."""

    number: int
    name: str
    version: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    retries: int = 0
    entrypoint: str | None = None


class TaskRunCreated(Written, frozen=True, tag=3, gc=False):
    """A task run began to exist: as Pending (sequence 0), and if `running`, at the same
    instant as Running (sequence 1)."""

    run: bytes
    task: int
    at: int
    running: bool
    flow_run: bytes | None
    parent: bytes | None
    name: str
    tags: tuple[str, ...] = ()
    fence: int = 0


class TaskRunCompleted(Written, frozen=True, tag=4, gc=False):
    """A task run ended as plain Completed, without a message."""

    run: bytes
    sequence: int
    at: int
    fence: int = 0


class TaskRunChanged(Written, frozen=True, tag=5, gc=False):
    """A task run entered a state. `name` is absent where it is the type's own.

    `type` is the number of the state type (`StateType.number`); `scheduled` the time a Scheduled
    state waits for.
    """

    run: bytes
    sequence: int
    type: int
    name: str | None
    at: int
    message: str | None = None
    scheduled: int | None = None
    fence: int = 0


class FlowRunCreated(Written, frozen=True, tag=6):
    """A flow run began to exist: as Pending, and if `running`, at the same instant as Running.

    `parameters` is a JSON object as text; values that JSON cannot carry stand as `"<TypeName>"`.
    """

    run: bytes
    flow: int
    at: int
    running: bool
    parent_flow_run: bytes | None
    parent: bytes | None
    name: str
    tags: tuple[str, ...] = ()
    parameters: str = "{}"
    fence: int = 0


class FlowRunChanged(Written, frozen=True, tag=7):
    """A flow run entered a state; fields as in `TaskRunChanged`."""

    run: bytes
    sequence: int
    type: int
    name: str | None
    at: int
    message: str | None = None
    scheduled: int | None = None
    fence: int = 0


class LineLogged(Written, frozen=True, tag=8):
    """A log line was written within a run. `level` is the number of Python's `logging`."""

    flow_run: bytes | None
    task_run: bytes | None
    at: int
    level: int
    logger: str
    message: str


class TaskRunCarried(Written, frozen=True, tag=9):
    """What is known of a task run that is open where a new segment begins."""

    created: TaskRunCreated
    sequence: int
    type: int
    name: str | None
    at: int
    attempt: int = 0


class FlowRunCarried(Written, frozen=True, tag=10):
    """What is known of a flow run that is open where a new segment begins."""

    created: FlowRunCreated
    sequence: int
    type: int
    name: str | None
    at: int
    attempt: int = 0


class InputsFound(Written, frozen=True, tag=14):
    """A run takes the results of other runs: pairs of a parameter's name and an upstream run.

    What is waited for without being passed stands under the name `wait_for`.
    """

    run: bytes
    inputs: tuple[tuple[str, bytes], ...]


class TaskRunNamed(Written, frozen=True, tag=15):
    """A task run that existed already, as Pending, got its name: its inputs are known now."""

    run: bytes
    name: str


class FlowRunNamed(Written, frozen=True, tag=16):
    """A flow run that existed already, as Pending, got its name: its inputs are known now."""

    run: bytes
    name: str


class ArtifactWritten(Written, frozen=True, tag=17):
    """An artifact began to exist. `data` is text, or JSON as text, as its `type` wants."""

    artifact: bytes
    type: str
    key: str | None
    at: int
    data: str | None
    description: str | None
    flow_run: bytes | None
    task_run: bytes | None


class ArtifactChanged(Written, frozen=True, tag=18):
    """An artifact, maybe of another log, got other data; and another description if given."""

    artifact: bytes
    at: int
    data: str
    description: str | None = None


class ResultNoted(Written, frozen=True, tag=19):
    """Where the result of a run is, and whether it was there before the run.

    `place` is the storage, `key` the name in it: None where the run could have none. `is_kept`
    tells that the result can be loaded from there, `seconds` what the call took that made it,
    `reason` why a look under the key found nothing to use.
    """

    run: bytes
    at: int
    place: str
    key: str | None
    is_hit: bool
    is_kept: bool
    seconds: float
    reason: str | None = None


class TransactionNoted(Written, frozen=True, tag=20):
    """What it takes to undo a transaction that is open; the last such record of one holds.

    `parent` is the transaction around it. `hooks` are the rollback hooks in the order in which they
    were registered: name, entry point (`module:name`, absent where nothing can import it) and the
    folder where the import begins. `values` are those that were set and can be read again, as JSON;
    `lost` names the others.
    """

    transaction: bytes
    at: int
    parent: bytes | None
    flow_run: bytes | None
    task_run: bytes | None
    title: str
    hooks: tuple[tuple[str, str | None, str | None], ...]
    values: tuple[tuple[str, str], ...]
    lost: tuple[str, ...] = ()


class TransactionEnded(Written, frozen=True, tag=21):
    """A transaction that was noted, maybe in another log, was committed or rolled back."""

    transaction: bytes
    is_committed: bool
    at: int


class ProgressMade(Written, frozen=True, tag=128):
    """How far a loop of a run is: so many items are handled, of so many where that is known.

    Loops of a run are told apart by their descriptions.
    """

    run: bytes
    description: str
    at: int
    done: int
    total: int | None = None


class UsageMeasured(Written, frozen=True, tag=130):
    """What an attempt of a task run used, whose process did nothing else meanwhile.

    `cpu` is seconds of processors, also of processes that the body started and waited for;
    `memory` the most bytes that the process had, absent where that is not known.
    """

    run: bytes
    at: int
    cpu: float
    memory: int | None = None


Defined = TaskDefined | FlowDefined
Fact = (
    TaskRunCreated
    | TaskRunCompleted
    | TaskRunChanged
    | FlowRunCreated
    | FlowRunChanged
    | LineLogged
    | TaskRunCarried
    | FlowRunCarried
    | InputsFound
    | TaskRunNamed
    | FlowRunNamed
    | ArtifactWritten
    | ArtifactChanged
    | ResultNoted
    | TransactionNoted
    | TransactionEnded
    | ProgressMade
    | UsageMeasured
)
