"""Futures and states inside arguments: finding them, and putting their values in their place.

Looked into: list, tuple (named ones too), set, frozenset, dict (keys too), dataclasses, and the
annotations. What holds nothing of the kind is passed as it is, never copied.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from flowstone.annotations import Annotation, allow_failure, opaque, quote
from flowstone.core.states import State
from flowstone.core.upstream import Upstream

ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray, range})
"""Types of values that hold nothing; most arguments are of one of them."""


class Found(msgspec.Struct, frozen=True):
    """A future or a state in an argument; `may_fail` where `allow_failure` stands around it."""

    source: Upstream | State
    may_fail: bool = False


def find(value: Any) -> list[Found]:
    """Return the futures and states in a value, each as often as it stands there."""
    if type(value) in ATOMS:
        return []
    found: list[Found] = []
    seen: set[int] = set()
    todo: list[tuple[Any, bool]] = [(value, False)]
    while todo:
        one, may_fail = todo.pop()
        if type(one) in ATOMS:
            continue
        if isinstance(one, (Upstream, State)):
            found.append(Found(one, may_fail))
        elif id(one) not in seen:
            seen.add(id(one))
            inside = may_fail or isinstance(one, allow_failure)
            todo += [(item, inside) for item in _items(one)]
    return found


def resolve(value: Any, deliver: Callable[[Found], Any]) -> Any:
    """Return the value with what `deliver` gives in place of each future and state.

    Annotations around them are taken off; containers are rebuilt only where something changed.
    """
    return _Resolving(deliver).value(value)


class _Resolving:
    """One pass over a value; `open` are the containers that are being rebuilt, so cycles end."""

    def __init__(self, deliver: Callable[[Found], Any]) -> None:
        self.deliver = deliver
        self.open: set[int] = set()

    def value(self, value: Any, *, may_fail: bool = False) -> Any:
        if type(value) in ATOMS:
            return value
        if isinstance(value, (Upstream, State)):
            return self.deliver(Found(value, may_fail))
        if isinstance(value, Annotation):
            if isinstance(value, quote):
                return value.value
            inside = may_fail or isinstance(value, allow_failure)
            return self.value(value.value, may_fail=inside)
        if id(value) in self.open:
            return value
        self.open.add(id(value))
        try:
            return self._container(value, may_fail=may_fail)
        finally:
            self.open.discard(id(value))

    def _container(self, value: Any, *, may_fail: bool) -> Any:
        if isinstance(value, dict):
            pairs = [
                (self.value(key, may_fail=may_fail), self.value(item, may_fail=may_fail))
                for key, item in value.items()
            ]
            same = all(
                new is old and value[old] is item
                for (new, item), old in zip(pairs, value, strict=True)
            )
            return value if same else _remake(value, pairs)
        if isinstance(value, (list, tuple, set, frozenset)):
            items = [self.value(item, may_fail=may_fail) for item in value]
            same = all(new is old for new, old in zip(items, value, strict=True))
            return value if same else _remake(value, items)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            changes = {}
            for field in dataclasses.fields(value):
                old = getattr(value, field.name, None)
                new = self.value(old, may_fail=may_fail)
                if new is not old:
                    changes[field.name] = new
            return dataclasses.replace(value, **changes) if changes else value
        return value


def _items(value: Any) -> Iterator[Any] | list[Any]:
    if isinstance(value, (quote, opaque)):
        inner = value.value
        is_source = isinstance(value, opaque) and isinstance(inner, (Upstream, State))
        return [inner] if is_source else []
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    return []


def _remake(value: Any, items: Any) -> Any:
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make(items)
    # A list of futures is a plain list once they are resolved.
    return getattr(type(value), "resolves_to", type(value))(items)
