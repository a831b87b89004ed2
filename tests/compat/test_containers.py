"""Where futures and states are found, and what stands there afterwards: reference section 4.3."""

from __future__ import annotations

import collections
import configparser
import dataclasses
import shelve
import types
from typing import Any, NamedTuple
from unittest import mock

import attrs
import msgspec
import pydantic
import pydantic.dataclasses
import pytest

from flowstone import flow, task
from flowstone.core.inputs import find, resolve
from flowstone.core.upstream import Upstream
from flowstone.exceptions import FlowstoneError
from flowstone.states import Completed, State


class Source(Upstream):
    """A run that has ended with a value."""

    def __init__(self, value: Any = None) -> None:
        self.value = value


def resolved(value: Any) -> Any:
    """Return a value with those of its sources."""
    return resolve(value, lambda found: found.source.value)


class Pair(NamedTuple):
    left: Any
    right: Any = None


class Tagged(tuple):  # noqa: SLOT001  it has a place for more
    tag = ""


class Names(list):
    owner = None


class Fixed(collections.abc.Mapping):
    """A mapping of the user's own that cannot be changed."""

    def __init__(self, items):
        self._items = dict(items)

    def __getitem__(self, key):
        return self._items[key]

    def __iter__(self):
        return iter(self._items)

    def __len__(self):
        return len(self._items)

    def __repr__(self):
        return f"Fixed({self._items})"


@dataclasses.dataclass
class Plain:
    x: Any
    y: Any = dataclasses.field(init=False, default=None)


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    x: Any


@attrs.define
class Defined:
    x: Any
    _private: Any = None


@attrs.frozen(slots=False)
class FrozenAttrs:
    x: Any = attrs.field(alias="ex")


class Struct(msgspec.Struct, frozen=True):
    x: Any


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True, extra="allow", frozen=True)
    x: Any
    _hidden: Any = pydantic.PrivateAttr(default=None)


@pydantic.dataclasses.dataclass
class Checked:
    x: Any


CONTAINERS = [
    lambda x: [0, x],
    lambda x: (0, x),
    lambda x: Pair(0, x),
    lambda x: Tagged([0, x]),
    lambda x: {0, x},
    lambda x: frozenset({0, x}),
    lambda x: collections.deque([0, x], maxlen=2),
    lambda x: {"k": x},
    lambda x: {x: "v"},
    lambda x: collections.OrderedDict(a=0, k=x),
    lambda x: collections.defaultdict(list, k=x),
    lambda x: collections.ChainMap({"k": x}, {"other": 0}),
    lambda x: collections.UserDict({"k": x}),
    lambda x: types.MappingProxyType({"k": x}),
    lambda x: Fixed({"k": x}),
    lambda x: Names([0, x]),
    Plain,
    Frozen,
    Defined,
    lambda x: Defined(0, x),
    lambda x: FrozenAttrs(ex=x),
    Struct,
    lambda x: Model(x=x),
    lambda x: Model(x=0, more=x),
    Checked,
    lambda x: [[{"deep": (x,)}]],
]


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gets_the_value_in_place_of_the_future(container):
    before = container(Source(5))
    after = resolved(before)
    assert type(after) is type(before)
    assert repr(after) == repr(container(5))
    assert len(find(before)) == 1  # the caller's own is as it was
    assert find(after) == []


@pytest.mark.parametrize("container", CONTAINERS)
def test_what_holds_no_future_is_the_same_object(container):
    value = container(5)
    after = resolved([value, Source(1)])
    assert after == [value, 1]
    assert after[0] is value


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("submitted", [False, True])
def test_no_task_ever_sees_a_future(home, container, submitted):
    @task
    def one():
        return 5

    @task
    def show(x):
        return repr(x)

    @flow
    def outer():
        future = one.submit()
        if submitted:
            return show.submit(container(future)).result()
        return show(container(future))

    assert outer() == repr(container(5))


@pytest.mark.parametrize("container", CONTAINERS)
def test_states_are_resolved_like_futures(home, container):
    @task
    def show(x):
        return repr(x)

    assert show(container(Completed(data=5))) == repr(container(5))


class Closeable(Fixed):
    def close(self):
        pass


def test_generators_mocks_files_and_other_objects_are_passed_as_they_are(tmp_path):
    with shelve.open(str(tmp_path / "shelf")) as shelf:
        for value in (
            (one for one in [Source()]),
            mock.Mock(x=Source()),
            mock.MagicMock(spec=State),
            mock.Mock(spec=Plain, x=Source()),
            types.SimpleNamespace(x=Source()),
            "text",
            shelf,
            Closeable({"k": Source()}),
        ):
            assert find(value) == []
            assert resolved([value, Source(1)])[0] is value


def test_a_mapping_that_cannot_be_read_is_passed_as_it_is():
    config = configparser.ConfigParser()
    config.read_string("[a]\nx = %(missing)s")
    assert resolved([config, Source(1)])[0] is config


def test_containers_keep_what_else_they_carry():
    names, tagged = Names([Source(1)]), Tagged([Source(1)])
    names.owner, tagged.tag = "me", "t"
    counted = collections.defaultdict(list, k=Source(1))
    queue = collections.deque([Source(1)], maxlen=3)
    model = Model(x=Source(1), more=2)
    assert resolved(names).owner == "me"
    assert resolved(tagged).tag == "t"
    assert resolved(counted)["missing"] == []
    assert resolved(queue).maxlen == 3
    assert resolved(model).model_fields_set == {"x", "more"}


def test_private_attributes_of_models_are_resolved_too():
    model = Model(x=1)
    model._hidden = [Source(2)]
    assert resolved(model)._hidden == [2]
    assert isinstance(model._hidden[0], Source)


def test_what_stands_in_two_places_is_one_object_afterwards():
    shared = [Source(1)]
    first, second = resolved((shared, {"again": shared}))
    assert first == [1]
    assert second["again"] is first


def test_a_list_in_itself_is_a_list_in_itself_afterwards():
    ring: list[Any] = [Source(1)]
    ring.append(ring)
    after = resolved(ring)
    assert after[0] == 1
    assert after[1] is after
    assert isinstance(ring[0], Source)


@pytest.mark.parametrize("make", [Plain, Defined, lambda x: Model(x=x)])
def test_objects_that_point_at_each_other_do_so_afterwards(make):
    parent = make([Source("payload")])
    child = make(parent)
    parent.x.append(child)
    after = resolved(parent)
    payload, new_child = after.x
    assert payload == "payload"
    assert new_child.x is after
    assert new_child is not child


@pytest.mark.parametrize("entry", ["tuple", "list", "dict"])
def test_a_ring_through_a_tuple_is_closed_wherever_it_is_entered(entry):
    inside: dict[str, Any] = {}
    pair = (Source(1), [inside])
    inside["up"] = pair
    if entry == "tuple":
        after = resolved(pair)
    elif entry == "list":
        after = resolved(pair[1])[0]["up"]
    else:
        after = resolved(inside)["up"]
    assert after[0] == 1
    assert after[1][0]["up"] is after


def test_a_ring_without_a_future_is_the_same_object_beside_one():
    ring: list[Any] = []
    ring.append({"ring": ring})
    after = resolved({"ring": ring, "x": Source(1)})
    assert after["ring"] is ring
    assert after["x"] == 1


MADE: list[Any] = []


@dataclasses.dataclass
class Noted:
    x: Any
    path: Any = dataclasses.field(init=False)

    def __post_init__(self):
        MADE.append(self.x)
        self.path = f"/{self.x}"


class NotedStruct(msgspec.Struct):
    x: Any
    path: str = ""

    def __post_init__(self):
        MADE.append(self.x)
        self.path = f"/{self.x}"


@pytest.mark.parametrize("kind", [Noted, NotedStruct])
def test_post_init_runs_again_for_what_changed_only(kind):
    unchanged = kind("same")
    changed = kind(Source("new"))
    MADE.clear()
    first, second = resolved([unchanged, changed])
    assert MADE == ["new"]
    assert first is unchanged
    assert second.path == "/new"


@dataclasses.dataclass
class Opened:
    x: Any
    mode: dataclasses.InitVar[str]
    flags: Any = dataclasses.field(init=False, default=None)

    def __post_init__(self, mode):
        self.flags = [mode]


def test_a_dataclass_that_was_made_of_more_than_its_fields_keeps_what_it_made_of_it():
    after = resolved(Opened(Source(1), "w"))
    assert (after.x, after.flags) == (1, ["w"])


@dataclasses.dataclass(init=False)
class Custom:
    x: Any

    def __init__(self, *, source):
        self.x = source


def test_a_dataclass_with_an_init_of_its_own_is_not_made_by_it():
    assert resolved(Custom(source=Source(1))).x == 1


def test_fields_that_init_does_not_take_are_resolved_too():
    plain = Plain(1)
    plain.y = Source(2)
    assert (resolved(plain).x, resolved(plain).y) == (1, 2)


CHECKED: list[Any] = []


@attrs.define
class Careful:
    x: Any = attrs.field(validator=lambda *_: CHECKED.append("attrs x"))
    parts: Any = attrs.field(converter=lambda text: text.split(","), default="a,b")

    def __attrs_post_init__(self):
        CHECKED.append("attrs made")


class CarefulModel(pydantic.BaseModel):
    x: Any
    parts: Any = "a,b"

    @pydantic.field_validator("parts", mode="before")
    @classmethod
    def split(cls, text):
        CHECKED.append("pydantic")
        return text.split(",")


@pytest.mark.parametrize(
    "make", [lambda: Careful(Source(1)), lambda: CarefulModel(x=Source(1), parts="a,b")]
)
def test_validators_and_converters_do_not_run_again(make):
    before = make()
    CHECKED.clear()
    after = resolved(before)
    assert (after.x, after.parts) == (1, ["a", "b"])
    assert CHECKED == []


def test_fields_that_were_never_set_stay_so():
    plain = Plain.__new__(Plain)
    plain.y = Source(2)
    after = resolved(plain)
    assert after.y == 2
    assert not hasattr(after, "x")


class Picky(tuple):
    __slots__ = ()

    def __new__(cls, left, right):
        return super().__new__(cls, (left, right))


def test_a_tuple_of_ones_own_is_not_made_by_its_constructor():
    assert resolved(Picky(Source(1), 2)) == (1, 2)
    assert type(resolved(Picky(Source(1), 2))) is Picky


def test_a_value_that_its_container_cannot_hold_fails_the_run_and_says_where(home):
    @task
    def gives_a_list():
        return [1]

    @task
    def same(x):
        return x

    @flow
    def outer():
        return same({gives_a_list.submit()})

    with pytest.raises(FlowstoneError, match="Failed to resolve inputs in parameter 'x'") as info:
        outer()
    assert isinstance(info.value.__cause__, TypeError)


def test_a_container_far_inside_others_is_reached():
    value: Any = [Source(1)]
    for _ in range(200):
        value = [value]
    after = resolved(value)
    for _ in range(200):
        [after] = after
    assert after == [1]


def test_temporary_items_of_a_mapping_are_all_looked_at():
    class Made(Fixed):
        def __getitem__(self, key):
            return [self._items[key]]

    made = Made({number: Source(number) for number in range(100)})
    assert [found.source.value for found in find(made)] == list(range(100))
    assert find(resolved(made)) == []
