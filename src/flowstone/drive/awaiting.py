"""Runs the engine's stories on the running event loop: every verb awaits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from flowstone.core.context import RunContext
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.stopping import STOPS, Interrupted, check_stops, stopper_of
from flowstone.core.upstream import Waitable
from flowstone.drive.coroutines import RUN_OUT, arun_out
from flowstone.drive.left_behind import Bout
from flowstone.drive.seats import HERE
from flowstone.drive.waiting import real
from flowstone.engine.ops import Shelf

if TYPE_CHECKING:
    import asyncio


class Awaited(Bout):
    """What is awaited in a task of a loop; a stop cancels that task.

    A sync body that this task runs, and that keeps the loop from turning, is interrupted.
    """

    __slots__ = ("_beats", "_context", "_loop", "_seat", "_task", "cancels")

    def __init__(
        self, context: RunContext, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]
    ) -> None:
        super().__init__()
        self._context, self._loop, self._task = context, loop, task
        self._seat = HERE.seat
        self._beats = 0
        self.cancels = 0

    def interrupt(self) -> None:
        """Cancel the task; once more after a while, as some catch it, and others need it."""
        self._beats += 1
        if self._beats % 10 == 1 and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._cancel)
        scope = self._seat.scope
        if self._seat.wake is not None or (scope is not None and _is_within(scope, self._context)):
            self._seat.interrupt()

    def end(self) -> None:
        """Take back what was asked of the task for this alone."""
        self.is_over = True
        for _ in range(self.cancels):
            self._task.uncancel()

    def _cancel(self) -> None:
        if not self.is_over:
            self.cancels += 1
            self._task.cancel()


class Awaiting:
    """Waits on the running loop. A sync function called through it runs on the loop's thread."""

    blocks = False
    yields = False

    async def body(
        self,
        context: RunContext,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        fn: Callable[..., Any] | None = None,
    ) -> Outcome:
        """Call the function of a run and await what it returns; a generator is run out.

        `fn` is called instead where it is given: one step of the function's generator.
        """
        __tracebackhide__ = True
        import asyncio

        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        context.reach = reach = Awaited(context, loop, task)
        try:
            if STOPS.any:
                check_stops(context)
            value = (fn or context.spec.fn)(*args, **kwargs)
            if hasattr(type(value), "__await__"):
                value = await value
            if type(value) in RUN_OUT and fn is None:
                value = await arun_out(value)
        except Exception as error:  # noqa: BLE001  as a value, like every error of user code
            return Err(error, error.__traceback__ and error.__traceback__.tb_next)
        except (asyncio.CancelledError, Interrupted) as error:
            if not context.is_stopped:
                raise
            return Err(error, error.__traceback__ and error.__traceback__.tb_next)
        finally:
            context.reach = None
            reach.end()
            if context.slots is not None and fn is None:
                context.slots.release()
        return Ok(value)

    async def call(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Outcome:
        """Call user code and await what it returns, if that can be awaited."""
        __tracebackhide__ = True
        try:
            value = fn(*args, **kwargs)
            if hasattr(type(value), "__await__"):
                value = await value
        except Exception as error:  # noqa: BLE001  as a value, like every error of user code
            return Err(error, error.__traceback__ and error.__traceback__.tb_next)
        return Ok(value)

    async def sleep(self, context: RunContext, seconds: float) -> None:
        """Sleep on the loop."""
        import asyncio

        await _stoppable(asyncio.sleep(real(seconds)), context)

    def replay(self, context: RunContext, values: Sequence[Any], returned: Any) -> Any:
        """Nothing: what does not hand out values is given them all."""
        raise NotImplementedError

    async def load(self, shelf: Shelf, key: str, now: int) -> Outcome:
        """Look on a shelf, in a thread where that takes long."""
        if shelf.is_quick(key):
            return await self.call(shelf.load, (key, now), {})
        return await self.call(in_a_thread, (shelf.load, key, now), {})

    async def save(self, shelf: Shelf, key: str, value: Any, origin: Any) -> Outcome:
        """Put a value on a shelf, in a thread."""
        return await self.call(in_a_thread, (shelf.save, key, value, origin), {})

    async def wait(
        self, context: RunContext | None, runs: Sequence[Waitable], timeout: float | None = None
    ) -> None:
        """Wait on the loop until all of these have ended, or for so many seconds."""
        import asyncio

        pending = [run for run in runs if not run.is_done]
        if not pending:
            return
        loop = asyncio.get_running_loop()
        gate = loop.create_future()
        ended = count(1)

        def open_gate() -> None:
            if not gate.done():
                gate.set_result(None)

        def note(_run: Waitable) -> None:
            if next(ended) == len(pending) and not loop.is_closed():
                loop.call_soon_threadsafe(open_gate)

        for run in pending:
            run.when_done(note)
        waiting = asyncio.wait([gate], timeout=timeout)
        await (waiting if context is None else _stoppable(waiting, context))


AWAITING = Awaiting()


async def in_a_thread(call: Callable[..., Any], *args: Any) -> Any:
    """Return what a call gives that would hold up the loop."""
    import asyncio

    return await asyncio.to_thread(call, *args)


async def _stoppable(waiting: Awaitable[Any], context: RunContext) -> None:
    """Await something of ours. Raises `Interrupted` where the run, or one around it, is stopped."""
    import asyncio

    task = asyncio.current_task()
    assert task is not None
    context.reach = reach = Awaited(context, asyncio.get_running_loop(), task)
    try:
        await waiting
    except asyncio.CancelledError:
        if not reach.cancels and stopper_of(context) is None:
            raise
        raise Interrupted from None
    finally:
        context.reach = None
        reach.end()
    if STOPS.any:
        check_stops(context)


def _is_within(scope: RunContext | None, context: RunContext) -> bool:
    while scope is not None and scope is not context:
        scope = scope.outer
    return scope is context
