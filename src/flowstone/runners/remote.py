"""A call of a task's function in another process: what goes out, and how it is done there.

The process that submitted the run owns it: it takes the inputs, records the states, and decides
about retries. The other one runs the body within a copy of the run's context. What that logs, and
the runs that it begins, it records itself, in a log of its own: facts of one run may stand in two.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from copy import copy
from functools import lru_cache
from types import TracebackType
from typing import Any

import msgspec

from flowstone.core.context import FlowContext, RunContext, current, tags_around
from flowstone.core.facts import FlowDefined, TaskDefined
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.policy import AS_USUAL, NO_RETRIES, Keeping, Policy
from flowstone.core.runs import FlowRun, Run, TaskRun
from flowstone.core.states import RUNNING
from flowstone.core.stopping import Interrupted
from flowstone.core.upstream import Input
from flowstone.drive.blocking import BLOCKING
from flowstone.drive.decoders import from_msgpack
from flowstone.drive.waiting import wait_all
from flowstone.engine.ending import withdraw_all
from flowstone.engine.ops import Env
from flowstone.results.buffers import Buffer
from flowstone.runners.failures import no_way, packed_error, unpacked_error
from flowstone.runners.landing import Piece
from flowstone.runners.pickles import packed, unpacked
from flowstone.runners.usage import Usage

KNOWN, CALL, FORGET, READY, BROKEN, RETURNED, RAISED, INTERRUPTED = range(1, 9)
"""The kinds of messages: to the other process, and home."""
_MOST_OF_A_PARAMETER = 1 << 20
"""Bytes of a flow's parameter that go along; a larger one is left out there."""
_PATIENCE = 1.0


class RunSent(msgspec.Struct, frozen=True, array_like=True):
    """What another process needs to know of a run."""

    key: bytes
    name: str
    tags: tuple[str, ...]
    sequence: int
    titled: str | None
    run_count: int
    created: int
    started: int
    at: int
    parent: bytes | None
    flow_run: bytes | None


class FlowSent(msgspec.Struct, frozen=True, array_like=True):
    """What another process needs to know of a flow run."""

    run: RunSent
    definition: FlowDefined
    log_prints: bool
    persists: bool
    tasks_persist: bool
    keeping: bytes | None
    parameters: dict[str, bytes]


class Call(msgspec.Struct, frozen=True, array_like=True):
    """A call of a body. What is sent once and used often goes by number; 0 is none."""

    task: int
    flow: int
    settings: int
    environment: int
    run: RunSent
    log_prints: bool
    tags: tuple[str, ...]
    inputs: dict[str, tuple[Input, ...]]
    variables: bytes


class Errand(msgspec.Struct, frozen=True, array_like=True):
    """A call for a cluster, which has been told nothing before.

    `log` and `directory` are those of the process that submitted it; settings, flow run and task
    are packed; `label` is what the result is called in messages.
    """

    log: bytes
    directory: str
    settings: bytes
    flow: bytes
    task: bytes
    call: Call
    label: str


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What comes home of a call; its result or error stands beside it.

    `is_state` tells that the result says how the run ended. `pieces` are those of the log there
    that nobody has here.
    """

    kind: int
    is_state: bool
    is_none: bool
    usage: Usage
    pieces: list[Piece]


class Around(msgspec.Struct, frozen=True, array_like=True):
    """The run and the tags that a function is to be called in."""

    flow: FlowSent | None
    run: RunSent | None
    task: TaskDefined | None
    log_prints: bool
    tags: tuple[str, ...]


class DeclaredThere:
    """Stands for a task or flow in another process: its name and the like, nothing to run."""

    run_name = None
    isgenerator = timeout_isolated = should_validate_parameters = False
    timeout = log_prints = task_runner = None
    persists: bool | None = None
    policy: Policy = NO_RETRIES
    keeping: Keeping = AS_USUAL

    def __init__(self, kind: str, definition: FlowDefined | TaskDefined) -> None:
        self.kind, self.definition = kind, definition
        self.name, self.version = definition.name, definition.version
        self.description = definition.description
        self.run_tags = definition.tags
        self.tags = set(definition.tags)


class _Ordinal:
    """The number of a run in the name of one that it begins elsewhere: `3.0` in that of `add-3`."""

    def __init__(self, outer: str, number: int = 0) -> None:
        self._outer, self._number = outer, number

    def __add__(self, more: int) -> _Ordinal:
        return _Ordinal(self._outer, self._number + more)

    def __str__(self) -> str:
        return f"{self._outer}.{self._number}"


class _Ordinals(dict[str, Any]):
    """The numbers by task, from the first one of a run on."""

    def __init__(self, outer: str) -> None:
        super().__init__()
        self._outer = outer

    def __missing__(self, task: str) -> _Ordinal:
        return _Ordinal(self._outer)


def sent_run(run: Run) -> RunSent:
    """Return what to send of a run."""
    is_task = isinstance(run, TaskRun)
    return RunSent(
        run.key,
        run.name,
        run.tags,
        run.sequence,
        run.titled,
        run.run_count,
        run._created,  # noqa: SLF001  the times as they are kept
        run._started,  # noqa: SLF001
        run._at,  # noqa: SLF001
        getattr(run, "parent_key", None),
        getattr(run, "flow_run_key" if is_task else "parent_flow_run_key", None),
    )


def sent_flow(context: FlowContext) -> FlowSent:
    """Return what to send of a flow run: of its parameters those that are small and can go."""
    parameters = {}
    for name, value in getattr(context.run, "parameters", {}).items():
        blob = _small(value)
        if blob is not None:
            parameters[name] = blob
    return FlowSent(
        sent_run(context.run),
        context.spec.definition,
        context.log_prints,
        context.persists,
        context.tasks_persist,
        _small(context.spec.keeping),
        parameters,
    )


def _small(value: Any) -> bytes | None:
    """Return a value as bytes; None where it is too large, or cannot go to another process."""
    try:
        blob = b"".join(packed(value))
    except Exception:  # noqa: BLE001  it is missing there, and asking for it says so
        return None
    return blob if len(blob) <= _MOST_OF_A_PARAMETER else None


def flow_there(sent: FlowSent) -> FlowContext:
    """Return a flow run's context in the other process."""
    run = FlowRun()
    _fill(run, sent.run)
    run.parent_flow_run_key = sent.run.flow_run
    run.parameters = {name: unpacked(blob) for name, blob in sent.parameters.items()}
    spec: Any = DeclaredThere("Flow", sent.definition)
    if sent.keeping is not None:
        spec.keeping = _keeping(sent.keeping)
    context = FlowContext(run, spec, None, log_prints=sent.log_prints)
    context.persists, context.tasks_persist = sent.persists, sent.tasks_persist
    return context


@lru_cache(maxsize=64)
def _keeping(blob: bytes) -> Keeping:
    """Return what says how results are kept; the same one for all bodies of a flow run."""
    keeping: Keeping = unpacked(blob)
    return keeping


def task_there(
    call_run: RunSent, spec: Any, flow: FlowContext | None, *, log_prints: bool
) -> RunContext:
    """Return a task run's context in the other process."""
    run = TaskRun()
    _fill(run, call_run)
    run.flow_run_key = call_run.flow_run
    if flow is not None:
        flow.names = _Ordinals(call_run.name.removeprefix(f"{spec.name}-"))
    context = RunContext(run, spec, flow, flow, log_prints)
    run.handle = context
    return context


def _fill(run: Any, sent: RunSent) -> None:
    run.key, run.name, run.tags = sent.key, sent.name, sent.tags
    run.sequence, run.state_number, run.titled = sent.sequence, RUNNING, sent.titled
    run.run_count, run.parent_key = sent.run_count, sent.parent
    run._created, run._started, run._at = sent.created, sent.started, sent.at  # noqa: SLF001


def task_alone(spec: Any) -> list[Buffer]:
    """Return a task as bytes; without hooks and the like, where those cannot be pickled."""
    try:
        return packed(spec)
    except Exception:  # noqa: BLE001  where the function itself is to blame, the next try says so
        alone = copy(spec)
        hooks: dict[str, Any] = {name: [] for name in vars(spec) if name.endswith("_hooks")}
        vars(alone).update(hooks, _options={}, keeping=AS_USUAL, policy=NO_RETRIES, run_name=None)
        return packed(alone)


def packed_call(context: RunContext, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Buffer]:
    """Return what a body is called with as bytes. Raises `SerializationError`, which says what."""
    try:
        return packed((args, kwargs))
    except Exception as error:
        for name, value in context.spec.binding.named(args, kwargs):
            try:
                packed(value)
            except Exception as its_own:
                what = f"Argument {name!r} of task {context.spec.name!r}"
                raise no_way(what, its_own) from its_own
        raise no_way(f"What task {context.spec.name!r} is called with", error) from error


def came_to(kind: int, body: Buffer) -> Outcome:
    """Return what a body came to. Raises what is no `Exception`, as a body here would."""
    if kind == RETURNED:
        return Ok(unpacked(body))
    error = unpacked_error(body)
    if kind == INTERRUPTED:
        return Err(Interrupted(), error.__traceback__)
    if isinstance(error, Exception):
        return Err(error, error.__traceback__)
    raise error


def interrupted(context: RunContext) -> Err:
    """Return what a body came to that its run ended from here; raise where a run around it did."""
    if not context.is_stopped:
        raise Interrupted
    return Err(Interrupted())


def sent_around(context: RunContext | None, tags: tuple[str, ...]) -> bytes:
    """Return what another process needs to call a function in a run."""
    flow = context.flow if context is not None else None
    is_task = context is not None and context is not flow
    around = Around(
        sent_flow(flow) if flow is not None else None,
        sent_run(context.run) if context is not None and is_task else None,
        context.spec.definition if context is not None and is_task else None,
        context is not None and context.log_prints,
        tags,
    )
    return msgspec.msgpack.encode(around)


def around_there(sent: bytes, process: int) -> tuple[RunContext | None, tuple[str, ...]]:
    """Return the run and the tags in the other process, which has this number."""
    around = from_msgpack(sent, Around)
    flow = flow_there(around.flow) if around.flow is not None else None
    if around.run is not None and around.task is not None:
        spec = DeclaredThere("Task", around.task)
        return task_there(around.run, spec, flow, log_prints=around.log_prints), around.tags
    if flow is not None:
        flow.names = _Ordinals(str(process))
    return flow, around.tags


def perform(
    call: Call,
    context: RunContext,
    body: Buffer,
    env: Env,
    look: Callable[[Any], object] = type,
) -> tuple[int, list[Buffer]]:
    """Run a body here; return the kind and the body of the answer. `look` sees what it returns."""
    for variable, value in unpacked(call.variables) if call.variables else ():
        set_variable: ContextVar[Any] = variable
        set_variable.set(value)
    current.set(context)
    tags_around.set(call.tags)
    place: TracebackType | None
    try:
        args, kwargs = unpacked(body)
        context.call, context.inputs = (args, kwargs), call.inputs
        outcome = settled(context, BLOCKING.body(context, args, kwargs), env)
        context.is_sealed = True  # nothing interrupts what is done from here on
        if isinstance(outcome, Ok):
            look(outcome.value)
            return RETURNED, _result(outcome.value, context)
        error, place = outcome.error, outcome.traceback
    except BaseException as raised:  # noqa: BLE001  goes home, and is raised there
        error, place = raised, raised.__traceback__ and raised.__traceback__.tb_next
    finally:
        context.is_sealed = True
        context.run.handle = None  # else what the body was called with lives on in a circle
    if isinstance(error, Interrupted):
        return INTERRUPTED, packed_error(RuntimeError(), place)
    return RAISED, packed_error(error, place)


def _result(value: Any, context: RunContext) -> list[Buffer]:
    try:
        return packed(value)
    except Exception as error:
        raise no_way(f"The result of task {context.spec.name!r}", error) from error


def settled(context: RunContext, outcome: Outcome, env: Env) -> Outcome:
    """Let what the body submitted end before its outcome goes home: nobody else waits for it."""
    flow = context.flow
    if flow is None or flow.runner is None:
        return outcome
    try:
        if isinstance(outcome, Err):
            withdraw_all(flow.children)
        while children := list(flow.children):
            wait_all(children, None, context)
    except Interrupted as interrupt:
        for child in list(flow.children):
            child.stop("The run that submitted it was stopped.", _PATIENCE)
        outcome = Err(interrupt)
    if unseen := [child for child in flow.failures if not child.is_touched]:
        env.report.unseen(flow, unseen)
    flow.close()
    return outcome
