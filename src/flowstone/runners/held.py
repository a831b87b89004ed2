"""Results that stay on a cluster until somebody asks for them.

A run there that takes such a result gets it from where it lies; it does not come here. Small ones
come home with the answer, as bytes, and are unpacked where they are asked for.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any, Literal, overload

from flowstone.core.context import FlowContext, get_current
from flowstone.core.final import state_after
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.runs import TaskRun
from flowstone.core.states import PENDING, State
from flowstone.core.value import V_co
from flowstone.results.buffers import Buffer
from flowstone.runners.pickles import unpacked
from flowstone.runners.submitted import Call, TaskFuture

taker: ContextVar[tuple[Any, TaskRun] | None] = ContextVar("flowstone_taker", default=None)
"""The cluster, and the run of it that the code tells the story of, where that takes what is held
there as it is."""


class Held:
    """A result on a cluster, or packed here: `fetch` gives its bytes, `ref` is how it is named."""

    __slots__ = ("__weakref__", "_blob", "_fetch", "ref")

    def __init__(
        self, blob: Buffer | None, ref: Any = None, fetch: Callable[[Any], Buffer] | None = None
    ) -> None:
        self._blob, self.ref, self._fetch = blob, ref, fetch

    def value(self) -> Any:
        """Return the value, fetched if it is not here. Raises `MissingResult` where it is lost."""
        if self._blob is None and self._fetch is not None:
            return unpacked(self._fetch(self.ref))
        assert self._blob is not None
        return unpacked(self._blob)

    def __reduce__(self) -> Any:
        if self._blob is not None:
            return unpacked, (bytes(self._blob),)
        return taken, (_packing.number_of(self),)


class _Packing(threading.local):
    """What the thread packs or unpacks just now: the results on the cluster in it."""

    def __init__(self) -> None:
        self.held: list[Held] | None = None
        self.blobs: Sequence[Buffer] = ()

    def number_of(self, held: Held) -> int:
        """Return the number by which a result is named in what is packed."""
        if self.held is None:
            message = "The result lies on a cluster and can be sent to no other process from here."
            raise TypeError(message)
        if held not in self.held:
            self.held.append(held)
        return self.held.index(held)


_packing = _Packing()


def packed_with_refs(pack: Callable[[], Sequence[Buffer]]) -> tuple[Sequence[Buffer], list[Any]]:
    """Return what `pack` gives, and the names of the results on the cluster that it refers to."""
    held: list[Held] = []
    _packing.held = held
    try:
        return pack(), [one.ref for one in held]
    finally:
        _packing.held = None


class Delivered:
    """Lets what is unpacked in its block refer to these results, packed, by their numbers."""

    __slots__ = ("_blobs",)

    def __init__(self, blobs: Sequence[Buffer]) -> None:
        self._blobs = blobs

    def __enter__(self) -> None:
        _packing.blobs = self._blobs

    def __exit__(self, *_: object) -> None:
        _packing.blobs = ()


def taken(number: int) -> Any:
    """Return the result of that number, where it is unpacked."""
    return unpacked(_packing.blobs[number])


class HoldingFuture(TaskFuture[V_co]):
    """The future of a run whose result may lie on a cluster."""

    __slots__ = ("_around", "_home", "calls_users_code", "cluster", "queued")

    def __init__(self, call: Call, flow: FlowContext | None, cluster: Any) -> None:
        super().__init__(call, flow)
        self.cluster = cluster
        self._around = weakref.ref(flow) if flow is not None else None
        self._home: Ok | None = None
        self.queued = ""  # what it waits for before its story begins
        self.calls_users_code = False  # whether its story does, its body aside

    def add_done_callback(self, fn: Callable[[TaskFuture], object]) -> None:
        """Call `fn(future)` when the run has ended, on a thread for it; now if it has."""
        if self.is_done:
            fn(self)
        else:  # who ends it must not be held up: other answers wait for that thread
            self.when_done(partial(self.cluster.stories.call, fn))

    @property
    def outcome(self) -> Outcome | None:
        """What the run came to, once it has ended; for takers there the result where it lies."""
        outcome, who = self._outcome, taker.get()
        if who is not None and who[0] is self.cluster:
            context = get_current()
            if context is not None and context.run is who[1]:
                return outcome
        return self._at_home()

    @overload
    def result(
        self, timeout: float | None = None, raise_on_failure: Literal[True] = True
    ) -> V_co: ...
    @overload
    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any: ...
    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:
        """Return the run's value as `TaskFuture.result` does, from wherever it is.

        Raises `MissingResult` where it was lost with the worker that had it.
        """
        __tracebackhide__ = True
        value = super().result(timeout, raise_on_failure)
        if isinstance(value, Held):
            outcome = self._at_home()
            assert isinstance(outcome, Ok)
            return outcome.value
        return value

    def final_state(self) -> State[V_co]:
        """Return the state that the run ended in, with its value, fetched, or its exception."""
        outcome = self._at_home()
        assert outcome is not None
        return state_after(self.run, outcome)

    def raise_interrupt(self) -> None:
        """Raise what ended the run where that is no failure, but meant for a thread."""
        outcome = self._outcome
        if isinstance(outcome, Err) and not isinstance(outcome.error, Exception):
            raise outcome.error

    def _create(self, call: Call) -> None:
        super()._create(call)
        if self.queued:
            env, message = call[5], f"Queued: {self.queued}"
            env.log.append(self.run.enter(PENDING, env.now(), None, message))

    def _at_home(self) -> Outcome | None:
        outcome = self._outcome
        if not isinstance(outcome, Ok) or not isinstance(outcome.value, Held):
            return outcome
        if self._home is None:
            home = Ok(outcome.value.value())
            flow = self._around() if self._around is not None else None
            if flow is not None and home.value is not None:
                flow.origins.add(home, self.run, self.label)
            self._home = home
        return self._home
