"""Generator tasks and flows: the story of any other run, told a value at a time.

The body hands each value up through its story to the generator that the caller iterates over, which
sends back what the caller sends. Between two values nothing of the run is current.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from types import coroutine
from typing import Any

from flowstone.core.context import RunContext, current, tags_around, transaction_around
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.states import State
from flowstone.drive.awaiting import Awaiting
from flowstone.drive.blocking import BLOCKING, Blocking
from flowstone.drive.seats import HERE

Story = Callable[..., Coroutine[Any, Any, Outcome]]


class _Closing(BaseException):
    """The caller closes the generator. A `GeneratorExit` would not come through a coroutine."""


class Value:
    """What a body yielded, on its way to the caller."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __await__(self) -> Generator[Value, Any, Any]:
        return (yield self)


class Generating(Blocking):
    """The verbs of a generator's story: its body suspends it at each value."""

    yields = True

    def body(
        self,
        context: RunContext,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        fn: Callable[..., Any] | None = None,  # noqa: ARG002  the verb has it
    ) -> Any:
        """Iterate over the generator that the function makes."""
        return _Iteration(context, args, kwargs)

    def replay(self, context: RunContext, values: Sequence[Any], returned: Any) -> Any:
        """Suspend the story at each value."""
        return _Replay(context, values, returned)


class _Iteration:
    __slots__ = ("args", "context", "kwargs")

    def __init__(self, context: RunContext, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.context, self.args, self.kwargs = context, args, kwargs

    def __await__(self) -> Generator[Value, Any, Outcome]:
        slots = self.context.slots
        try:
            return (yield from self._values())
        finally:
            if slots is not None:
                slots.release()

    def _values(self) -> Generator[Value, Any, Outcome]:
        keeping = self.context.keeping
        if keeping is not None:
            keeping.attempt_begins()
        generator = self.context.spec.fn(*self.args, **self.kwargs)
        step, sent, count = generator.send, None, 0
        while True:
            outcome = BLOCKING.body(self.context, (sent,), {}, step)
            if isinstance(outcome, Err):
                return _end_of(outcome)
            count += 1
            if keeping is not None and keeping.yielded is not None:
                keeping.yielded.add(outcome.value)
            try:
                with _Suspended(self.context, outcome):
                    step, sent = generator.send, (yield Value(outcome.value))
            except _Closing:
                closed = BLOCKING.body(self.context, (), {}, generator.close)
                return closed if isinstance(closed, Err) else _closed_after(count)
            except BaseException as error:  # noqa: BLE001  what the caller throws in is the body's
                step, sent = generator.throw, error


class _Suspended:
    """Between two steps of a generator: the flow run around knows where the value came from."""

    __slots__ = ("_origins", "_run", "_value")

    def __init__(self, context: RunContext, outcome: Ok) -> None:
        around = context.outer.flow if context.outer is not None else None
        self._origins = around.origins if around is not None else None
        if self._origins is not None:
            self._origins.suspend(outcome, context.run, context.spec.name)
        self._run, self._value = context.run, outcome.value

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_exc: object) -> None:
        if self._origins is not None:
            self._origins.resume(self._value, self._run)


class _Replay:
    __slots__ = ("_context", "_returned", "_values")

    def __init__(self, context: RunContext, values: Sequence[Any], returned: Any) -> None:
        self._context, self._values, self._returned = context, values, returned

    def __await__(self) -> Generator[Value, Any, Outcome]:
        """Hand out the values; what the caller throws in ends them, as nobody is there to catch."""
        for value in self._values:
            try:
                with _Suspended(self._context, Ok(value)):
                    yield Value(value)
            except _Closing:
                break
            except Exception as error:  # noqa: BLE001  as a value, like every error of user code
                return Err(error, error.__traceback__)
        return Ok(self._returned)


class AsyncGenerating(Awaiting):
    """The verbs of an async generator's story."""

    yields = True

    def replay(self, context: RunContext, values: Sequence[Any], returned: Any) -> Any:
        """Suspend the story at each value."""
        return _Replay(context, values, returned)

    async def body(
        self,
        context: RunContext,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        fn: Callable[..., Any] | None = None,  # noqa: ARG002  the verb has it
    ) -> Outcome:
        """Iterate over the async generator that the function makes."""
        try:
            return await self._values(context, args, kwargs)
        finally:
            if context.slots is not None:
                context.slots.release()

    async def _values(
        self, context: RunContext, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Outcome:
        keeping = context.keeping
        if keeping is not None:
            keeping.attempt_begins()
        generator = context.spec.fn(*args, **kwargs)
        step, sent, count = generator.asend, None, 0
        while True:
            outcome = await super().body(context, (sent,), {}, step)
            if isinstance(outcome, Err):
                return _end_of(outcome)
            count += 1
            if keeping is not None and keeping.yielded is not None:
                keeping.yielded.add(outcome.value)
            try:
                with _Suspended(context, outcome):
                    step, sent = generator.asend, await Value(outcome.value)
            except _Closing:
                closed = await super().body(context, (), {}, generator.aclose)
                return closed if isinstance(closed, Err) else _closed_after(count)
            except BaseException as error:  # noqa: BLE001  what the caller throws in is the body's
                step, sent = generator.athrow, error


GENERATING = Generating()
ASYNC_GENERATING = AsyncGenerating()


def generate(story: Story, *args: Any) -> Generator[Any, Any, Any]:
    """Run a story from the first value asked for; give its values, return what it returns."""
    __tracebackhide__ = True
    told = _Told(story, *args)
    step: Callable[[Any], Any] = told.send
    sent: Any = None
    while True:
        try:
            request = step(sent)
        except StopIteration as stop:
            outcome = stop.value
            break  # what it raises is then no follower of this exception
        try:
            step, sent = told.send, (yield request.value)
        except GeneratorExit:
            step, sent = told.throw, _Closing()
        except BaseException as error:  # noqa: BLE001  what the caller throws in is the body's
            step, sent = told.throw, error
    return outcome.unwrap()


async def agenerate(story: Story, *args: Any) -> AsyncGenerator[Any, Any]:
    """Do what `generate` does, on the running loop; there is no value to return."""
    __tracebackhide__ = True
    told = _Told(story, *args)
    step: Callable[[Any], Any] = told.send
    sent: Any = None
    while True:
        try:
            request = step(sent)
        except StopIteration as stop:
            outcome = stop.value
            break
        try:
            if type(request) is Value:
                step, sent = told.send, (yield request.value)
            else:
                step, sent = told.send, await _hand_on(request)
        except GeneratorExit:
            step, sent = told.throw, _Closing()
        except BaseException as error:  # noqa: BLE001  what the caller throws in is the body's
            step, sent = told.throw, error
    outcome.unwrap()


class _Told:
    """A story that is current while it goes on, and not between its steps."""

    __slots__ = ("_run", "_story", "_tags", "_transaction")

    def __init__(self, story: Story, *args: Any) -> None:
        self._run, self._tags = current.get(), tags_around.get()
        self._transaction = transaction_around.get()
        self._story = story(*args)

    def send(self, value: Any) -> Any:
        return self._step(self._story.send, value)

    def throw(self, error: BaseException) -> Any:
        return self._step(self._story.throw, error)

    def _step(self, step: Callable[[Any], Any], value: Any) -> Any:
        __tracebackhide__ = True
        seat, run, tags = HERE.seat, current.get(), tags_around.get()
        transaction = transaction_around.get()
        scope, seat.scope = seat.scope, None
        current.set(self._run)
        tags_around.set(self._tags)
        transaction_around.set(self._transaction)
        try:
            if seat.sent:
                seat.settle()
            return step(value)
        finally:
            self._run, self._tags = current.get(), tags_around.get()
            self._transaction = transaction_around.get()
            current.set(run)
            tags_around.set(tags)
            transaction_around.set(transaction)
            seat.scope = scope


@coroutine
def _hand_on(request: Any) -> Generator[Any, Any, Any]:
    """Hand what the story waits for on to the loop."""
    return (yield request)


def _end_of(outcome: Err) -> Outcome:
    error = outcome.error
    if isinstance(error, StopIteration):
        return Ok(error.value)
    return Ok(None) if isinstance(error, StopAsyncIteration) else outcome


def _closed_after(count: int) -> Outcome:
    values = "value" if count == 1 else "values"
    return Ok(State("COMPLETED", message=f"Closed after {count} {values}."))
