from __future__ import annotations

import collections
import dataclasses
from types import SimpleNamespace
from typing import Any, NamedTuple

import pydantic
import pytest

from flowstone.annotations import allow_failure, opaque, quote, unmapped
from flowstone.core.inputs import Search, Upstreams, find, resolve
from flowstone.core.upstream import Upstream
from flowstone.states import Completed


class Source(Upstream):
    """A run that has ended with a value."""

    def __init__(self, value: Any = None) -> None:
        self.value = value


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclasses.dataclass(frozen=True)
class Point:
    x: Any
    y: Any = dataclasses.field(init=False, default=None)


@dataclasses.dataclass
class Sum:
    parts: Any
    total: Any = None

    def __post_init__(self) -> None:
        if not find(self.parts):
            self.total = sum(self.parts)


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True, extra="allow")
    x: Any
    _private: int = pydantic.PrivateAttr(default=7)


class Row(dict):
    def __init__(self, table: str, **columns: Any) -> None:
        super().__init__(columns)
        self.table = table


def deliver(found: Any) -> Any:
    return found.source.value


def resolved(value: Any) -> Any:
    return resolve(value, deliver)


@pytest.mark.parametrize(
    "value",
    [
        [1, Source("a")],
        (Source("a"), 1),
        Pair(1, Source("a")),
        {1, Source("a")},
        frozenset({Source("a")}),
        {"k": Source("a")},
        {Source("a"): 1},
        collections.OrderedDict(k=Source("a")),
        collections.defaultdict(list, k=Source("a")),
        Point(Source("a")),
        Model(x=Source("a")),
        Model(x=1, more=[Source("a")]),
        [[{"deep": (Source("a"),)}]],
        allow_failure([Source("a")]),
    ],
)
def test_every_container_is_looked_into(value):
    [found] = find(value)
    assert found.source.value == "a"
    after = resolved(value)
    assert "'a'" in repr(after)
    assert not find(after)


@pytest.mark.parametrize(
    "value",
    [
        iter([Source()]),
        SimpleNamespace(x=Source()),
        quote([Source()]),
        opaque([Source()]),
        Point,
        "text",
        None,
    ],
)
def test_nothing_else_is_looked_into(value):
    assert find(value) == []


def test_a_container_keeps_its_type_and_what_else_it_carries():
    row = Row("people", a=Source(1))
    counted = collections.defaultdict(list, a=Source(1))
    model = Model(x=Source(1), more=Source(2))
    model._private = 9

    assert resolved(row) == {"a": 1}
    assert resolved(row).table == "people"
    assert resolved(counted)["missing"] == []
    after = resolved(model)
    assert (after.x, after.more, after._private) == (1, 2, 9)
    assert isinstance(row["a"], Source)  # the caller's own are as they were
    assert isinstance(model.x, Source)


def test_a_dataclass_is_made_anew_with_the_values_of_its_fields():
    point = Point(Source(1))
    object.__setattr__(point, "y", Source(2))
    after = resolved(point)
    assert (after.x, after.y) == (1, 2)
    assert resolved(Sum([Source(1), Source(2)])).total == 3


def test_what_holds_no_future_is_the_same_object():
    value = {"a": [1, (2, {3}), Point(4), Model(x=5)], "b": {"c": None}}
    assert resolved([Source(1), value])[1] is value


def test_a_ring_ends():
    ring: list[Any] = [1]
    ring.append(ring)
    ring.append(Source("a"))
    assert len(find(ring)) == 1


def test_futures_are_found_in_order_as_often_as_they_stand_there():
    one, two = Source(1), Source(2)
    assert [found.source for found in find([one, [two], {"k": one}])] == [one, two, one]


def test_failure_is_allowed_for_what_stands_inside_the_mark_only():
    inside, outside = Source(), Source()
    may = {found.source: found.may_fail for found in find([allow_failure([[inside]]), outside])}
    assert may == {inside: True, outside: False}


def test_an_opaque_future_is_found_but_what_it_gives_is_not_looked_into():
    inner = Source("inner")
    assert resolved(opaque(Source([inner]))) == [inner]


@pytest.mark.parametrize("mark", [quote, opaque, allow_failure, unmapped])
def test_marks_are_taken_off_where_nothing_is_resolved(mark):
    value = object()
    assert resolved(mark(value)) is value
    assert resolved([mark(value)]) == [value]
    assert Search([mark(value)]).is_marked


def test_a_list_of_futures_becomes_a_plain_list():
    futures = Upstreams([Source(1), Source(2)])
    assert [found.source for found in find(futures)] == futures
    assert type(resolved(futures)) is list
    assert resolved([futures]) == [[1, 2]]


def test_what_else_was_put_into_a_list_of_futures_is_found_too():
    mixed: Upstreams[Any] = Upstreams([Source(1)])
    mixed.append([Completed(data=2)])
    assert len(find(mixed)) == 2


def test_the_search_counts_what_there_was_to_look_at():
    assert Search([1] * 1000).nodes == 1001
    assert Search([[1, 2], {"a": 3}]).nodes == 1 + 2 + 2 + 2
    assert Search("text").nodes == 1
