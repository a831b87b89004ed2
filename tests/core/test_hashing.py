from __future__ import annotations

import _thread
import copyreg
import dataclasses
import datetime as dt
import enum
import re
import struct
import uuid
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import MappingProxyType, SimpleNamespace
from typing import ClassVar
from zoneinfo import ZoneInfo

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowstone.core.hashing import hash_objects, hash_value
from flowstone.exceptions import HashError


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    ONE = 1


class Bits(enum.Flag):
    A = 1
    B = 2


class Names(set):
    pass


class Row(dict):
    pass


@dataclasses.dataclass
class Point:
    x: int
    y: object = None


@dataclasses.dataclass
class Place:
    x: int
    y: object = None


class Wide(Point):
    """A plain subclass of a dataclass, which may have more than its fields."""


@attrs.define
class Box:
    x: int


class Model(pydantic.BaseModel):
    x: int
    names: set[str] = set()


class Record(msgspec.Struct):
    x: int


Pair = namedtuple("Pair", "x y")  # noqa: PYI024
Couple = namedtuple("Couple", "x y")  # noqa: PYI024
MOMENT = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)

DIFFERENT = [
    None,
    True,
    1,
    1.0,
    1 + 0j,
    "1",
    b"1",
    bytearray(b"1"),
    memoryview(b"1"),
    0,
    False,
    0.0,
    -0.0,
    float("inf"),
    -1,
    1 << 64,
    -(1 << 64),
    1 << 9000,
    "",
    "\ud800",
    "\ud801",
    b"",
    b"x" * 300,
    "x" * 300,
    [],
    (),
    {},
    set(),
    frozenset(),
    [1, "2"],
    ["1", 2],
    [1, 2],
    (1, 2),
    {1, 2},
    frozenset({1, 2}),
    deque([1, 2]),
    deque([1, 2], 2),
    [[1], 2],
    [[1, 2]],
    [1, [2]],
    [1 << 64, 2],
    {1: 2},
    [(1, 2)],
    {(1, 2)},
    {"1": 2},
    {1: "2"},
    {"a": {"b": 1}},
    {"a": 1, "b": 1},
    OrderedDict(a=1, b=2),
    OrderedDict(b=2, a=1),
    defaultdict(int, a=1),
    defaultdict(list, a=1),
    Counter("aab"),
    MappingProxyType({"a": 1}),
    Row(a=1),
    Names({1, 2}),
    range(3),
    range(0, 4, 2),
    slice(3),
    ...,
    NotImplemented,
    Color.RED,
    Color.BLUE,
    Level.ONE,
    Bits.A,
    Bits.A | Bits.B,
    MOMENT,
    MOMENT.replace(tzinfo=None),
    MOMENT.replace(tzinfo=ZoneInfo("UTC")),
    MOMENT.replace(fold=1),
    MOMENT.date(),
    MOMENT.timetz(),
    dt.timedelta(1),
    Decimal("1.0"),
    Decimal("1.00"),
    Fraction(1, 3),
    uuid.UUID(int=1),
    PurePosixPath("a"),
    PureWindowsPath("a"),
    Path("a"),
    re.compile("a"),
    re.compile("a", re.IGNORECASE),
    Point(1),
    Point(1, [2]),
    Place(1),
    Wide(1),
    Box(1),
    Model(x=1),
    Model(x=1, names={"a"}),
    Record(1),
    Pair(1, 2),
    Couple(1, 2),
    SimpleNamespace(x=1),
    ValueError("x"),
    len,
    max,
    str.upper,
    "x".upper,
    "y".upper,
    int,
    Point,
    struct,
    partial(max, 1),
    partial(max, 2),
]


def test_values_that_differ_in_type_or_structure_have_different_hashes():
    for shape in (lambda value: value, lambda value: [value], lambda value: {"k": value}):
        seen = {}
        for value in DIFFERENT:
            found = hash_value(shape(value))
            assert found not in seen, (value, seen[found])
            assert hash_value(shape(value)) == found
            seen[found] = value


@pytest.mark.parametrize("value", [ValueError("x"), str.upper])
def test_a_library_that_pickles_by_identity_does_not_change_hashes(monkeypatch, value):
    before = hash_value(value)
    by_identity = {type(value): lambda one: (id, (object(), id(one)))}
    monkeypatch.setattr(copyreg, "dispatch_table", {**copyreg.dispatch_table, **by_identity})
    assert hash_value(value) == before


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}),
        ({1: None, "x": 2}, {"x": 2, 1: None}),
        (Counter("ab"), Counter("ba")),
        (Model(x=1, names={"a", "b"}), Model(names={"b", "a"}, x=1)),
        (float("nan"), float("nan")),
        (SimpleNamespace(a=1, b=2), SimpleNamespace(b=2, a=1)),
    ],
)
def test_the_order_in_which_a_dict_or_object_was_filled_does_not_count(one, other):
    assert hash_value(one) == hash_value(other)


ATOMS = st.sampled_from(
    [None, True, False, 0, 1, 2, 0.0, -0.0, 1.0, "", "0", "1", "\ud800", b"", b"1", 1 << 70]
)
KEYS = ATOMS | st.tuples(ATOMS) | st.frozensets(ATOMS, max_size=2)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.sets(KEYS, max_size=3)
    ),
    max_leaves=6,
)


def model(value):
    """What a hash must tell apart, said in another way."""
    kind = type(value).__name__
    if isinstance(value, (set, frozenset)):
        return kind, frozenset(map(model, value))
    if isinstance(value, dict):
        return kind, frozenset((model(key), model(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return kind, tuple(map(model, value))
    return kind, repr(value)


@settings(max_examples=400, deadline=None)
@given(VALUES, VALUES)
def test_two_values_have_one_hash_only_if_they_are_equal_in_all_types(one, other):
    assert (hash_value(one) == hash_value(other)) == (model(one) == model(other))
    assert (hash_value([one, other]) == hash_value([other, one])) == (model(one) == model(other))


@settings(max_examples=100, deadline=None)
@given(st.lists(KEYS, max_size=8, unique_by=lambda key: key), st.randoms())
def test_the_order_of_sets_and_dicts_does_not_count(keys, random):
    shuffled = random.sample(keys, len(keys))
    assert hash_value(dict.fromkeys(keys)) == hash_value(dict.fromkeys(shuffled))
    assert hash_value(set(keys)) == hash_value(set(shuffled))


def test_circles_have_hashes():
    one, other, longer = [1], [1], [1]
    one.append(one)
    other.append(other)
    longer.append([1, longer])
    assert hash_value(one) == hash_value(other)
    assert hash_value(one) != hash_value(longer)
    around = {"name": "x"}
    around["self"] = {"me": around, "again": around}
    assert hash_value(around) == hash_value(around)


def test_an_object_that_refers_to_its_parent_has_a_hash():
    def tree(name):
        root = SimpleNamespace(name=name)
        root.children = [SimpleNamespace(parent=root, n=n) for n in range(3)]
        return root

    assert hash_value(tree("a")) == hash_value(tree("a"))
    assert hash_value(tree("a")) != hash_value(tree("b"))


def test_what_is_shared_counts_as_if_it_were_not():
    part = [1, "x" * 200]
    assert hash_value([part, part]) == hash_value([list(part), list(part)])


def test_a_structure_that_is_shared_on_every_level_is_looked_at_once():
    deep = ["a"]
    for _ in range(200):
        deep = [deep, deep]
    assert hash_value(deep)


def test_what_is_nested_too_deep_is_refused():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(HashError, match="nested too deep"):
        hash_value(deep)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((n for n in ()), "a generator cannot be hashed"),
        ({"pool": [1, _thread.allocate_lock()]}, "at ['pool'][1]: a lock cannot be hashed"),
        (Point(1, [iter, {2: _thread.allocate_lock()}]), "at .y[1][2]: a lock cannot be hashed"),
        (SimpleNamespace(a=_thread.allocate_lock()), "at .a: a lock cannot be hashed"),
        (object(), "an object() is known by its identity alone and cannot be hashed"),
    ],
)
def test_what_cannot_be_hashed_is_refused_with_the_path_to_it(value, text):
    with pytest.raises(HashError) as caught:
        hash_value(value)
    assert str(caught.value) == text


def test_hash_objects_gives_none_for_what_cannot_be_hashed_or_raises_where_asked():
    assert hash_objects(1, a=2) == hash_objects(1, a=2) != hash_objects(1, 2)
    assert hash_objects(_thread.allocate_lock()) is None
    with pytest.raises(HashError):
        hash_objects(_thread.allocate_lock(), raise_on_failure=True)


def test_fields_count_and_derived_attributes_of_dataclasses_do_not():
    one, other = Point(1), Point(1)
    other.derived = 5
    assert hash_value(one) == hash_value(other)
    wide = Wide(1)
    wide.derived = 5
    assert hash_value(wide) != hash_value(Wide(1))


def test_what_a_dataclass_has_beside_its_fields_does_not_count():
    @dataclasses.dataclass
    class Job:
        name: str
        seed: dataclasses.InitVar[int] = 0
        lock: ClassVar[object] = _thread.allocate_lock()  # which cannot be hashed

    assert hash_value(Job("a", 1)) == hash_value(Job("a", 2)) != hash_value(Job("b", 1))


def test_an_objects_state_counts():
    class Counter:
        def __init__(self, n):
            self.names, self.n = {"a", "b"}, n

    assert hash_value(Counter(1)) == hash_value(Counter(1)) != hash_value(Counter(2))
