"""Runs the engine's stories in the calling thread: every answer is there before it is awaited."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from types import CoroutineType
from typing import Any

from flowstone.core.context import RunContext
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.stopping import STOPS, Interrupted
from flowstone.core.upstream import Waitable
from flowstone.drive.coroutines import RUN_OUT, run_coroutine, run_out
from flowstone.drive.isolated import run_isolated
from flowstone.drive.seats import HERE, place_of
from flowstone.drive.waiting import sleep, wait_all
from flowstone.engine.ops import Shelf
from flowstone.engine.steps import Done


class Blocking:
    """Blocks the calling thread."""

    blocks = True
    yields = False

    def body(  # noqa: C901  one call, and every way to leave it
        self,
        context: RunContext,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        fn: Callable[..., Any] | None = None,
    ) -> Outcome:
        """Call the function of a run here; a coroutine or generator that it returns is run out.

        `fn` is called instead where it is given: one step of the function's generator.
        """
        __tracebackhide__ = True
        seat, spec, slots = HERE.seat, context.spec, context.slots
        if context.reach is None:  # else a pool can go on without the body, and says so
            if spec.timeout_isolated and spec.timeout is not None:
                return run_isolated(self.body, context, args, kwargs)
            context.reach = seat
        try:
            try:
                seat.scope = context
                if STOPS.any:
                    seat.check(context)
                value = (fn or spec.fn)(*args, **kwargs)
                if type(value) in RUN_OUT and fn is None:
                    value = run_out(value)
            finally:
                seat.scope = None
                if seat.sent:
                    seat.settle()
        except Exception as error:  # noqa: BLE001  as a value: a StopIteration must not cross a coroutine
            return Err(error, error.__traceback__ and error.__traceback__.tb_next)
        except Interrupted as interrupt:
            seat.settle()
            if not context.is_stopped:
                raise
            return Err(interrupt, place_of(interrupt))
        finally:
            if context.reach is seat:
                context.reach = None
            if slots is not None and fn is None:
                slots.release()
        return Ok(value)

    def call(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Done[Outcome]:
        """Call user code here; a coroutine that it returns is run to its end."""
        __tracebackhide__ = True
        try:
            value = fn(*args, **kwargs)
            if type(value) is CoroutineType:
                value = run_coroutine(value)
        except Exception as error:  # noqa: BLE001  as a value: a StopIteration must not cross a coroutine
            return Done(Err(error, error.__traceback__ and error.__traceback__.tb_next))
        return Done(Ok(value))

    def sleep(self, context: RunContext, seconds: float) -> Done[None]:
        """Sleep in this thread."""
        context.reach = HERE.seat
        try:
            sleep(seconds, context)
        finally:
            context.reach = None
        return Done(None)

    def replay(self, context: RunContext, values: Sequence[Any], returned: Any) -> Any:
        """Nothing: what does not hand out values is given them all."""
        raise NotImplementedError

    def load(self, shelf: Shelf, key: str, now: int) -> Done[Outcome]:
        """Look on a shelf, here."""
        try:
            return Done(Ok(shelf.load(key, now)))
        except Exception as error:  # noqa: BLE001  storages and serializers may be a user's
            return Done(Err(error, error.__traceback__))

    def save(self, shelf: Shelf, key: str, value: Any, origin: Any) -> Done[Outcome]:
        """Put a value on a shelf, here."""
        return self.call(shelf.save, (key, value, origin), {})

    def wait(
        self, context: RunContext | None, runs: Sequence[Waitable], timeout: float | None = None
    ) -> Done[None]:
        """Block this thread until all of these have ended, or for so many seconds."""
        if context is None:
            wait_all(runs, timeout)
            return Done(None)
        context.reach = HERE.seat
        try:
            wait_all(runs, timeout, context)
        finally:
            context.reach = None
        return Done(None)


BLOCKING = Blocking()


def tell(story: Callable[..., Coroutine[Any, Any, Outcome]], *args: Any) -> Outcome:
    """Run a story to its end in this thread, out of reach for what interrupts the code around it.

    Raises `Interrupted` at its end where a run around it was stopped meanwhile.
    """
    __tracebackhide__ = True
    seat = HERE.seat
    scope, seat.scope = seat.scope, None
    try:
        if seat.sent:
            seat.settle()
        if STOPS.any and scope is not None:
            seat.check(scope)
        told = story(*args)
        try:
            told.send(None)
        except StopIteration as stop:
            outcome: Outcome = stop.value
        else:
            message = f"{told!r} suspended in a synchronous run"
            raise RuntimeError(message)
        finally:
            told.close()
    finally:
        seat.scope = scope
    if STOPS.any and scope is not None:
        seat.check(scope)
    return outcome
