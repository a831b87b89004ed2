"""What stands in for something else while a `with` lasts, each context seeing its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Generic, TypeVar

T = TypeVar("T")


class StandIns(Generic[T]):
    """Those that stand in now. False while there are none."""

    def __init__(self, name: str) -> None:
        self._here: ContextVar[T | None] = ContextVar(name, default=None)
        self.open: list[T] = []
        self._everywhere: list[T] = []

    def __bool__(self) -> bool:
        return bool(self.open)

    def get(self) -> T | None:
        """Return this context's own; else the newest of those that are everywhere."""
        here = self._here.get()
        if here is not None and any(one is here for one in self.open):
            return here
        try:
            return self._everywhere[-1]
        except IndexError:
            return None

    def join(self, one: T) -> None:
        """Let one that stands in already be this context's own."""
        self._here.set(one)

    @contextmanager
    def standing(self, one: T, *, everywhere: bool = True) -> Iterator[None]:
        """Let it stand in until the end of the `with`: in this context, or `everywhere`.

        Everywhere is also where a context has none of its own: threads know no context of others.
        """
        before = self._here.get()
        self.open.append(one)
        if everywhere:
            self._everywhere.append(one)
        self._here.set(one)
        try:
            yield
        finally:
            # Not by a token: the `with` of a fixture may end in another context than it began in.
            self._here.set(before)
            self.open = [other for other in self.open if other is not one]
            self._everywhere = [other for other in self._everywhere if other is not one]
