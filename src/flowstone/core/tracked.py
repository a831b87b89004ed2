"""Loops of a run that are tracked: where each is, and where a further attempt may go on."""

from __future__ import annotations

from typing import Any, Protocol
from weakref import WeakValueDictionary


class Shown(Protocol):
    """A loop, as who shows it sees it.

    It began at `began` (monotonic seconds) with item `first`, in a flow run if that is not None.
    """

    label: str
    done: int
    total: int | None
    first: int
    began: float

    @property
    def flow_run(self) -> bytes | None:
        """The key of the flow run."""


OPEN: WeakValueDictionary[tuple[bytes, str], Shown] = WeakValueDictionary()
"""The loops that run now in this process, by run and description.

Weakly, because what interrupts a loop may land where it takes itself out.
"""


class Cursor:
    """What an attempt leaves of a loop for the next one.

    `done` items were handled of a loop of `length`, where that was known. `source` is the iterator
    that gave them, where the caller owns it, and `pending` what it gave and nobody handled.
    `children` are the cursors of loops inside.
    """

    __slots__ = ("children", "done", "length", "pending", "source")

    def __init__(self) -> None:
        self.done = 0
        self.length: int | None = None
        self.source: Any = None
        self.pending: list[Any] = []
        self.children: dict[tuple[int, str, int], Cursor] = {}


class LoopScope:
    """A loop, or a run's body, as what begins inside it sees it.

    A loop is told from others by where it begins: the loop around it, the item that this one is at,
    its description, and how many of that description began there before.
    """

    __slots__ = ("_begun", "_begun_at", "_cursor", "_key", "_outer", "done")

    def __init__(
        self, outer: LoopScope | None, description: str, cursor: Cursor | None = None
    ) -> None:
        self.done = 0
        self._outer = outer
        self._cursor = cursor
        self._begun: dict[str, int] = {}
        self._begun_at = 0
        self._key = (0, "", 0) if outer is None else outer.next_key(description)

    @property
    def cursor(self) -> Cursor:
        """The loop's cursor, made when it is first asked for: few loops need one."""
        if self._cursor is None:
            assert self._outer is not None
            around = self._outer.cursor.children
            self._cursor = around.get(self._key) or around.setdefault(self._key, Cursor())
        return self._cursor

    def next_key(self, description: str) -> tuple[int, str, int]:
        """Return what tells a loop that begins here now from others."""
        if self._begun_at != self.done:
            self._begun, self._begun_at = {}, self.done
        number = self._begun.get(description, 0)
        self._begun[description] = number + 1
        return self.done, description, number


class Loops:
    """The tracked loops of one run. A further attempt begins at the top, with the old cursors."""

    __slots__ = ("_attempt", "_open", "_root", "told_at")

    def __init__(self) -> None:
        self._attempt = 0
        self._root = LoopScope(None, "", Cursor())
        self._open: list[LoopScope] = []
        self.told_at = float("-inf")

    def innermost(self, attempt: int) -> LoopScope:
        """Return the place in which a loop begins now."""
        if attempt != self._attempt:
            self._attempt, self._open = attempt, []
            self._root = LoopScope(None, "", self._root.cursor)
        return self._open[-1] if self._open else self._root

    def began(self, loop: LoopScope) -> None:
        """Take note of a loop that begins."""
        self._open.append(loop)

    def ended(self, loop: LoopScope, attempt: int) -> bool:
        """Take note of a loop that ends; return whether that is still the same attempt."""
        if attempt == self._attempt and loop in self._open:
            self._open.remove(loop)
        return attempt == self._attempt
