"""Before a body runs: what its arguments wait for has ended, and stands in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowstone.annotations import Annotation
from flowstone.core.binding import Binding
from flowstone.core.facts import InputsFound
from flowstone.core.inputs import ATOMS, Found, find, resolve
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.states import FAILED, State, number_of
from flowstone.core.upstream import Upstream
from flowstone.engine.ops import Ops
from flowstone.exceptions import UpstreamTaskError


class NotReady(Err, frozen=True):
    """A run whose result is needed did not complete."""


class Inputs:
    """The futures and states in the arguments of one call, by the names of the parameters."""

    __slots__ = ("args", "by_name", "kwargs")

    def __init__(
        self,
        binding: Binding,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        wait_for: Any,
    ) -> None:
        self.args, self.kwargs = args, kwargs
        self.by_name: dict[str, list[Found]] = {}
        for name, value in binding.bind(args, kwargs).items():
            if found := find(value):
                self.by_name[name] = found
        if wait_for is not None and (found := find(wait_for)):
            self.by_name["wait_for"] = found

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

    async def take(self, ops: Ops) -> Outcome:
        """Wait for all; return the arguments with their values, or what stands in the way."""
        waiting = [
            one.source
            for one in self.sources
            if isinstance(one.source, Upstream) and not one.source.is_done
        ]
        if waiting:
            await ops.wait(waiting)
        for one in self.sources:
            state = _state_of(one.source)
            if not state.is_completed() and not (one.may_fail and _may_pass(state)):
                return NotReady(_not_ready(one.source, state))
        args = tuple(_delivered(value) for value in self.args)
        kwargs = {name: _delivered(value) for name, value in self.kwargs.items()}
        return Ok((args, kwargs))


def may_hold_inputs(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether any argument could hold a future, a state or an annotation: one look each."""
    for value in args:
        if type(value) not in ATOMS:
            return True
    return any(type(value) not in ATOMS for value in kwargs.values())


def to_states(value: Any) -> Any:
    """Return a value with the final states of the futures in it; they have ended."""
    if isinstance(value, Annotation):
        return value
    return resolve(value, lambda found: _state_of(found.source))


def _delivered(value: Any) -> Any:
    deliver: Callable[[Found], Any] = lambda found: _state_of(found.source).data  # noqa: E731
    return resolve(value, deliver)


def _state_of(source: Upstream | State) -> State:
    if isinstance(source, State):
        return source
    source.touch()
    state: State = source.final_state()
    return state


def _may_pass(state: State) -> bool:
    return number_of(state) == FAILED or state.name == "NotReady"


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
