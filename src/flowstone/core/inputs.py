"""Futures and states inside arguments: finding them, and putting their values in their place.

What is looked into stands in `containers`, and the annotations are. What holds nothing of the kind
is passed as it is, never copied.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from flowstone.annotations import Annotation, allow_failure, opaque, quote
from flowstone.core.containers import is_container, items_of, shell_of, with_items
from flowstone.core.states import State
from flowstone.core.upstream import Upstream

U = TypeVar("U", bound=Upstream)

ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray, range})
"""Types of values that hold nothing; most arguments are of one of them."""
_SOURCES = (Upstream, State)


class Found(msgspec.Struct, frozen=True):
    """A future or a state in an argument; `may_fail` where `allow_failure` stands around it."""

    source: Upstream | State
    may_fail: bool = False


class Upstreams(list[U]):
    """A list of nothing but futures, which is taken as it is, not searched."""


class Search:
    """The futures and states in a value, in order, each as often as it stands there.

    `nodes` is how much there was to look at; `is_marked` tells of annotations, which are taken
    off before the function gets the value.
    """

    __slots__ = ("found", "is_marked", "nodes")

    def __init__(self, value: Any) -> None:
        self.found: list[Found] = []
        self.is_marked = False
        self.nodes = 1
        # Two: what stands inside `allow_failure` and outside too is both.
        seen: tuple[dict[int, Any], dict[int, Any]] = ({}, {})
        todo: list[tuple[Any, bool]] = [(value, False)] if may_hold(type(value)) else []
        while todo:
            one, may_fail = todo.pop()
            if issubclass(type(one), _SOURCES):
                self.found.append(Found(one, may_fail))
            elif id(one) not in seen[may_fail]:
                seen[may_fail][id(one)] = one  # kept, so that its id stays its own
                self._enter(one, todo, may_fail=may_fail)

    def _enter(self, one: Any, todo: list[tuple[Any, bool]], *, may_fail: bool) -> None:
        """Put the items that may hold something on the list of what is to be looked at."""
        items = _held(one)
        self.nodes += len(items)
        if isinstance(one, Annotation):
            self.is_marked = True
            may_fail = may_fail or isinstance(one, allow_failure)
        kinds = _kinds(items)
        if not kinds:
            return
        if isinstance(one, Upstreams) and all(issubclass(kind, Upstream) for kind in kinds):
            self.found += [Found(item, may_fail) for item in items]
        else:
            todo += [(item, may_fail) for item in reversed(items) if type(item) in kinds]


def find(value: Any) -> list[Found]:
    """Return the futures and states in a value, in order, each as often as it stands there."""
    return Search(value).found


def _may_hold(kind: type) -> bool:
    return is_container(kind) or issubclass(kind, _SOURCES)


may_hold: Callable[[type], bool] = lru_cache(maxsize=1024)(_may_hold)
"""Whether a value of this type is a future or a state, or may hold one."""


def resolve(
    value: Any, deliver: Callable[[Found], Any], sources: tuple[type, ...] = _SOURCES
) -> Any:
    """Return the value with what `deliver` gives in place of each future and state.

    Annotations around them are taken off; containers are made again only where something changed,
    and what stood in two places, or in itself, does so afterwards. With `sources`, only what is of
    one of these types is replaced.
    """
    return _Resolving(value, deliver, sources).value(value)


class _Resolving:
    """One pass over a value.

    `changing` are the containers that something changes in, by id, with what they hold; `made` what
    stands in their place, by id and whether failure is allowed; `open` those that are being made,
    with the shell that what they hold refers to, where it does.
    """

    def __init__(
        self, value: Any, deliver: Callable[[Found], Any], sources: tuple[type, ...]
    ) -> None:
        self.deliver = deliver
        self.sources = sources
        self.changing = _changing(value, sources)
        self.made: dict[tuple[int, bool], Any] = {}
        self.open: dict[tuple[int, bool], Any] = {}

    def value(self, value: Any, *, may_fail: bool = False) -> Any:
        kind = type(value)
        if kind in ATOMS:
            return value
        if issubclass(kind, self.sources):
            return self.deliver(Found(value, may_fail))
        if issubclass(kind, Annotation):
            inner = value.value
            if not _is_looked_into(value):
                return inner
            return self.value(inner, may_fail=may_fail or issubclass(kind, allow_failure))
        if id(value) not in self.changing:
            return value
        place = id(value), may_fail
        if place in self.made:
            return self.made[place]
        if place in self.open and (shell := self._shell(value, place)) is not None:
            return shell
        return self._made(value, place)

    def _shell(self, value: Any, place: tuple[int, bool]) -> Any:
        """Return what stands for a container that holds itself while it is being made."""
        if self.open[place] is None:
            self.open[place] = shell_of(value)
        return self.open[place]

    def _made(self, value: Any, place: tuple[int, bool]) -> Any:
        """Return a container like this one, with the values in it.

        One that cannot be filled later, a tuple, is begun again where it holds itself, by a list in
        it, which then has a shell; the inner one is the one that both are.
        """
        self.open.setdefault(place, None)
        new = [self.value(item, may_fail=place[1]) for item in self.changing[place[0]]]
        if place not in self.made:
            if isinstance(value, Upstreams):
                self.made[place] = new  # a list of futures is a plain list once they are resolved
            else:
                self.made[place] = with_items(value, new, self.open.pop(place, None))
        return self.made[place]


def _changing(value: Any, sources: tuple[type, ...]) -> dict[int, list[Any]]:
    """Return what those containers hold, by id, that hold a source or an annotation somewhere.

    A mapping may make its values when they are asked for, so they are asked for once.
    """
    holders: dict[int, list[int]] = {id(value): []}
    held: dict[int, list[Any]] = {}  # which also keeps what is in it, so that ids stay their own
    todo = [value] if is_container(type(value)) else []
    changing: list[int] = []
    changes = (*sources, Annotation)
    for one in todo:  # it grows while it is gone through
        items = held[id(one)] = _held(one)
        kinds = _kinds(items)
        if kinds and any(issubclass(kind, changes) for kind in kinds):
            changing.append(id(one))
        containers = {kind for kind in kinds if is_container(kind)}
        for item in items if containers else ():
            if type(item) in containers:
                if id(item) not in holders:
                    holders[id(item)] = []
                    todo.append(item)
                holders[id(item)].append(id(one))
    found: dict[int, list[Any]] = {}
    while changing:
        one = changing.pop()
        if one not in found:
            found[one] = held[one]
            changing += holders[one]
    return found


def _kinds(items: list[Any]) -> set[type]:
    """Return the types of items that are or may hold something: decided once for a million."""
    return {kind for kind in set(map(type, items)) - ATOMS if may_hold(kind)}


def _held(value: Any) -> list[Any]:
    """Return what a container or an annotation holds that is to be looked at."""
    if isinstance(value, Annotation):
        return [value.value] if _is_looked_into(value) else []
    return items_of(value)


def _is_looked_into(mark: Annotation[Any]) -> bool:
    """Whether what an annotation marks is searched and resolved."""
    if isinstance(mark, opaque):
        return issubclass(type(mark.value), _SOURCES)
    return not isinstance(mark, quote)
