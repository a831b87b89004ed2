"""A story told in one step: for stories whose every verb has its answer at once."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Done(Generic[T]):
    """An awaitable whose answer is already here."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __await__(self) -> Generator[Any, None, T]:
        return self.value
        yield  # type: ignore[unreachable]  # makes it a generator, as `await` needs


def finish(story: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, without an event loop.

    Raises `RuntimeError` naming the coroutine where it does suspend.
    """
    __tracebackhide__ = True
    try:
        story.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    else:
        message = f"{story!r} suspended in a synchronous run"
        raise RuntimeError(message)
    finally:
        story.close()
