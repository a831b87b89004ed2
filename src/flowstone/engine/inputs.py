"""Before a body runs: what its arguments wait for has ended, and stands in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flowstone.annotations import Annotation
from flowstone.core.binding import Binding
from flowstone.core.context import NO_INPUTS, FlowContext, RunContext
from flowstone.core.facts import InputsFound
from flowstone.core.inputs import ATOMS, Found, Search, may_hold, resolve
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.runs import FlowRun, TaskRun
from flowstone.core.states import FAILED, NOT_READY, State, number_of
from flowstone.core.upstream import Input, Upstream
from flowstone.engine.ops import Env, Ops
from flowstone.engine.waits import WAITS
from flowstone.exceptions import FlowstoneError, UpstreamTaskError

MANY = 100_000
"""Nodes of an argument past which a search that found nothing is worth a warning."""
Inputs = Mapping[str, tuple[Input, ...]]
"""The runs whose results a run takes, by the parameters that they are given for."""


class NotReady(Err, frozen=True):
    """A run whose result is needed did not complete."""


class Awaited:
    """The futures and states in the arguments of one call, by the names of the parameters."""

    __slots__ = ("_plain", "args", "by_name", "kwargs")

    def __init__(
        self,
        context: RunContext,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        wait_for: Any,
        env: Env,
    ) -> None:
        self.args, self.kwargs = args, kwargs
        self.by_name: dict[str, list[Found]] = {}
        self._plain: set[int] = set()
        began = env.now()
        for name, value in _named(context.spec.binding, args, kwargs, wait_for):
            search = Search(value)
            if search.found:
                self.by_name.setdefault(name, []).extend(search.found)
            elif not search.is_marked:
                self._plain.add(id(value))
            if search.nodes > MANY:
                now = env.now()
                if not search.found:
                    env.report.searched(context, name, search.nodes, (now - began) / 1e9)
                began = now

    @property
    def sources(self) -> list[Found]:
        """All of them."""
        return [one for found in self.by_name.values() for one in found]

    def fact(self, run: bytes) -> InputsFound:
        """Return what is to be recorded of them for the run that takes them."""
        pairs = [
            (name, key)
            for name, found in self.by_name.items()
            for one in found
            if (key := _key_of(one.source)) is not None
        ]
        return InputsFound(run, tuple(dict.fromkeys(pairs)))

    async def take(self, context: RunContext, ops: Ops) -> Outcome:
        """Wait for all; return the arguments with their values, or what stands in the way."""
        run = context.run
        waiting = [
            one.source
            for one in self.sources
            if isinstance(one.source, Upstream) and not one.source.is_done
        ]
        if waiting:
            try:
                if WAITS.begin(run.key, waiting):
                    return Err(_deadlock(run.name, self._names_of(run.key)))
                await ops.wait(context, waiting)
            finally:
                WAITS.end(run.key)
        for one in self.sources:
            if (error := _obstacle(one)) is not None:
                return NotReady(error)
        context.inputs = merged(context.inputs, self._taken())
        return self._delivered()

    def _delivered(self) -> Outcome:
        """Return the arguments as the function gets them."""
        try:
            args = tuple(map(self._value, self.args))
            return Ok((args, {name: self._value(value) for name, value in self.kwargs.items()}))
        except Exception as error:  # noqa: BLE001  a user's class that cannot be made anew
            message = (
                f"Failed to resolve inputs in parameter {' or '.join(map(repr, self.by_name))}: "
                f"{type(error).__name__}: {error}. Pass the future by itself, or put quote(...) "
                "around the argument."
            )
            failure = FlowstoneError(message)
            failure.__cause__ = error
            return Err(failure)

    def _value(self, value: Any) -> Any:
        return value if id(value) in self._plain else resolve(value, _value_of)

    def _taken(self) -> Inputs:
        taken = {}
        for name, found in self.by_name.items():
            inputs = [one for each in found if (one := input_of(each.source)) is not None]
            taken[name] = tuple(dict.fromkeys(inputs))
        return taken

    def _names_of(self, key: bytes) -> list[str]:
        """Return the parameters in which a run stands."""
        return [
            name
            for name, found in self.by_name.items()
            if any(_key_of(one.source) == key for one in found)
        ]


def may_hold_inputs(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether any argument could hold a future, a state or an annotation: one look each."""
    for value in args:
        if type(value) not in ATOMS and may_hold(type(value)):
            return True
    for value in kwargs.values():  # noqa: SIM110  `any` costs a generator
        if type(value) not in ATOMS and may_hold(type(value)):
            return True
    return False


def known_inputs(
    flow: FlowContext | None,
    binding: Binding,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    wait_for: Any = None,
) -> Inputs:
    """Return the runs of a flow run whose results the arguments are, or hold, as plain values."""
    if flow is None or not flow.origins:
        return NO_INPUTS
    origins = flow.origins
    values = args if not kwargs and wait_for is None else (*args, *kwargs.values(), wait_for)
    if not origins.may_know(values):
        return NO_INPUTS
    found: Inputs = NO_INPUTS
    for name, value in _named(binding, args, kwargs, wait_for):
        if inputs := origins.of(value):
            found = merged(found, {name: inputs})
    return found


def remember(
    flow: FlowContext | None, run: TaskRun | FlowRun, name: str, came_to: Outcome
) -> Outcome:
    """Keep what a run of `name` returned among the origins of the flow run around it."""
    if flow is not None and type(came_to) is Ok and came_to.value is not None:
        flow.origins.add(came_to, run, name)
    return came_to


def inputs_found(run: bytes, inputs: Inputs) -> InputsFound:
    """Return what is to be recorded of inputs for the run that takes them."""
    return InputsFound(
        run,
        tuple(dict.fromkeys((name, one.run) for name, found in inputs.items() for one in found)),
    )


def merged(some: Inputs, others: Inputs) -> Inputs:
    """Return both, each input of a parameter once."""
    if not some or not others:
        return some or others
    return {
        name: tuple(dict.fromkeys((*some.get(name, ()), *others.get(name, ()))))
        for name in dict.fromkeys((*some, *others))
    }


def to_states(value: Any) -> Any:
    """Return a value with the final states of the futures in it; they have ended."""
    if isinstance(value, Annotation):
        return value
    return resolve(value, lambda found: _state_of(found.source), (Upstream,))


def value_of(found: Found) -> Any:
    """Return the value of what has ended, as arguments get it. Raises `UpstreamTaskError`."""
    error = _obstacle(found)
    if error is not None:
        raise error
    return _value_of(found)


def input_of(source: Upstream | State) -> Input | None:
    """Return the run behind a future or a state, None for a state that the user made."""
    if isinstance(source, Upstream):
        return source.as_input()
    key = _key_of(source)
    return Input(key, None, None, source.name) if key is not None else None


def _named(
    binding: Binding, args: tuple[Any, ...], kwargs: dict[str, Any], wait_for: Any
) -> Iterator[tuple[str, Any]]:
    yield from binding.named(args, kwargs)
    if wait_for is not None:
        yield "wait_for", wait_for


def _value_of(found: Found) -> Any:
    source = found.source
    if isinstance(source, Upstream) and isinstance(outcome := source.outcome, Ok):
        return outcome.value
    state = _state_of(source)
    return None if state.name == NOT_READY else state.result(raise_on_failure=False)


def _obstacle(found: Found) -> UpstreamTaskError | None:
    """Return the error of a run whose result cannot be taken."""
    source = found.source
    if isinstance(source, Upstream) and isinstance(source.outcome, Ok):
        return None
    state = _state_of(source)
    if state.is_completed() or (found.may_fail and _may_pass(state)):
        return None
    return _not_ready(source, state)


def _state_of(source: Upstream | State) -> State:
    if isinstance(source, State):
        return source
    source.touch()
    state: State = source.final_state()
    return state


def _may_pass(state: State) -> bool:
    return number_of(state) == FAILED or state.name == NOT_READY


def _key_of(source: Upstream | State) -> bytes | None:
    if isinstance(source, Upstream):
        return source.key
    details = source.state_details
    run = details.task_run_id or details.flow_run_id
    return run.bytes if run is not None else None


def _not_ready(source: Upstream | State, state: State) -> UpstreamTaskError:
    which = getattr(getattr(source, "run", None), "name", None)
    name = f"Upstream task run {which!r}" if which else "An upstream run"
    error = UpstreamTaskError(f"{name} did not reach a 'Completed' state: it is {state!s}.")
    if isinstance(state.data, BaseException):
        error.__cause__ = state.data
    return error


def _deadlock(name: str, parameters: list[str]) -> ValueError:
    if parameters:
        where = " and ".join(map(repr, parameters))
        circle = f"Its own future stands in {where}"
    else:
        circle = "It waits for runs that wait for it"
    message = (
        f"Task run {name!r} would wait for its own result, which is a deadlock. {circle}: a list "
        "that was given to the task got more futures later. Give it a copy, list(futures)."
    )
    return ValueError(message)
