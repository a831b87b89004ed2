"""Which run a value came from: how the results of direct calls make edges.

A result is known by identity, never by a bare `id()`, which another object may have later: by a
weak reference or, where it cannot have one and is small, by a strong one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import Enum
from gc import get_referents
from sys import getrefcount, getsizeof
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any
from weakref import ref

from flowstone.annotations import allow_failure, opaque, unmapped
from flowstone.core.inputs import ATOMS
from flowstone.core.upstream import Input

if TYPE_CHECKING:
    from flowstone.core.outcome import Ok
    from flowstone.core.runs import FlowRun, TaskRun

MOST = 10_000
"""Values that one flow run remembers; also the items of one argument that are looked up."""
_SMALL = 1024
_FEW = 16
"""Items of a result that are remembered one by one: what is usually unpacked."""
_SUSPENDED = 0
"""The key that shows that a generator was suspended; no object has this `id()`."""
_EVERYWHERE = frozenset({FunctionType, BuiltinFunctionType, ModuleType})
"""Beside classes and enum members: what no run made, although one may have returned it."""
_CONTAINERS = (list, tuple, dict)
_OPEN = frozenset({*_CONTAINERS, allow_failure, opaque, unmapped})
"""Types of arguments whose items are looked up too, one level deep."""
_OURS = 3
"""References to a value that nobody but its outcome, or its container, holds: that, a variable
here, and the question."""


class Origins(dict[int, tuple[Any, Any, str]]):
    """What the tasks and subflows of one flow run returned, and which run each came from.

    By `id()`: the value itself or a weak reference to it, which proves the identity; the run; the
    name of its task or flow. Any thread may add and look up at any time; each is a step of a dict.
    """

    __slots__ = ("_held", "_last")

    def __init__(self) -> None:
        super().__init__()
        self._held: deque[int] = deque()
        # What suspended generators yielded last, where it has no identity: by `id()` and run.
        self._last: dict[int, dict[bytes, tuple[Any, Any, str]]] = {}

    def add(self, outcome: Ok, run: TaskRun | FlowRun, name: str) -> None:
        """Remember what a run of the task or flow `name` returned, and what is unpacked from it."""
        value = outcome.value
        kind: Any = type(value)
        if kind in ATOMS:
            # What others hold as it is returned is a constant, a small number, an interned text:
            # the same object everywhere.
            if getrefcount(value) <= _OURS + (id(value) in self):
                self._hold(value, run, name)
        elif kind.__weakrefoffset__:
            self._note(value, run, name)
        else:
            self._hold_all(value, run, name)

    def suspend(self, outcome: Ok, run: TaskRun | FlowRun, name: str) -> None:
        """Remember what a generator yielded; what has no identity until the generator goes on."""
        if outcome.value is not None:
            self.add(outcome, run, name)  # before anything else here holds the value
        value = outcome.value
        known = self.whole(value)
        if known is None or known.run != run.key:
            self.setdefault(_SUSPENDED, (None, run, name))  # nobody looks where there is nothing
            self._last.setdefault(id(value), {})[run.key] = value, run, name

    def resume(self, value: Any, run: TaskRun | FlowRun) -> None:
        """Forget that a value was the last one that a generator yielded."""
        last = self._last.get(id(value))
        if last is not None:
            last.pop(run.key, None)
            if not last:
                self._last.pop(id(value), None)

    def whole(self, value: Any) -> Input | None:
        """Return the run that a value came from."""
        known = self.get(id(value))
        if known is None:
            return None
        holder, run, name = known
        if holder is value or (type(holder) is ref and holder() is value):
            return _input(run, name)
        return None

    def of(self, value: Any) -> tuple[Input, ...]:
        """Return the run that a value came from, or else those that its items came from."""
        own = self._sources(value)
        if own or type(value) not in _OPEN or len(value) > MOST:
            return tuple(own)
        return tuple(dict.fromkeys(one for item in _items(value) for one in self._sources(item)))

    def may_know(self, values: Iterable[Any]) -> bool:
        """Whether any of these, or an item of one, may have come from a run: a quick look."""
        if self._held:
            self._let_go()
        if self._last:
            return True
        for value in values:
            if id(value) in self or (
                type(value) in _OPEN
                and len(value) <= MOST
                and not self.keys().isdisjoint(map(id, _items(value)))
            ):
                return True
        return False

    def _sources(self, value: Any) -> list[Input]:
        """Return the run that made a value, and those of generators that yielded it last."""
        whole = self.whole(value)
        found = [] if whole is None else [whole]
        if last := self._last.get(id(value)):
            found += [_input(run, name) for _, run, name in list(last.values())]
        return found

    def _note(self, value: Any, run: TaskRun | FlowRun, name: str) -> None:
        """Remember a value by a weak reference."""
        kind = type(value)
        if kind in _EVERYWHERE or issubclass(kind, type) or len(self) >= MOST:
            return
        if type(kind) is type or not issubclass(kind, Enum):
            self[id(value)] = ref(value), run, name

    def _hold(self, value: Any, run: TaskRun | FlowRun, name: str) -> None:
        """Remember a value by holding it, if it is small and holds nothing that could be large."""
        if (
            getsizeof(value) < _SMALL
            and len(self) < MOST
            and (type(value) in ATOMS or _is_light(value))
        ):
            self[id(value)] = value, run, name
            self._held.append(id(value))

    def _hold_all(self, value: Any, run: TaskRun | FlowRun, name: str) -> None:
        """Remember what has no weak reference, and what is usually unpacked from it."""
        kind = type(value)
        # Lists and dicts are changed in place and passed on, so others may hold them.
        if kind is list or kind is dict or getrefcount(value) <= _OURS + 1 + (id(value) in self):
            self._hold(value, run, name)
        if kind in _CONTAINERS and len(value) <= _FEW:
            for item in _items(value):
                if self.whole(item) is not None:  # given to the run and handed on: whose it was
                    continue
                if type(item) not in ATOMS:
                    (self._note if type(item).__weakrefoffset__ else self._hold)(item, run, name)
                elif kind is tuple and getrefcount(item) <= _OURS + (id(item) in self):
                    self._hold(item, run, name)

    def _let_go(self) -> None:
        """Let go of values that nobody else has any more: from the oldest, to the first in use."""
        try:
            while self._held:
                key = self._held.popleft()
                known = self.get(key)
                if known is not None and getrefcount(known[0]) > 2:  # the entry's, the question's
                    self._held.append(key)
                    return
                self.pop(key, None)
        except IndexError:  # another thread took the last one
            return


def _input(run: TaskRun | FlowRun, name: str) -> Input:
    return Input(run.key, run.name, name, run.state_name)


def _is_light(value: Any) -> bool:
    """Whether a value holds nothing that has a weak reference: that may be large, and is known."""
    kinds: set[Any] = set(map(type, get_referents(value)))
    for kind in kinds:
        if kind not in ATOMS and kind.__weakrefoffset__ and not issubclass(kind, type):
            return False
    return True


def _items(value: Any) -> Any:
    return list(value.values()) if type(value) is dict else value
