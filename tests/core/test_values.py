from __future__ import annotations

import dataclasses
import gc
import sys
import traceback
import uuid
import weakref
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowstone.core.binding import Binding, parameter_names
from flowstone.core.ids import IdSource, id_text
from flowstone.core.naming import two_words
from flowstone.core.outcome import Err, Ok
from flowstone.core.plain import clean_text, json_text, plain, short_repr
from flowstone.exceptions import ParameterBindError, ReservedArgumentError


def caught() -> Err:
    try:
        raise ValueError("x")
    except ValueError as error:
        return Err(error, error.__traceback__)


def test_unwrap_raises_the_very_error():
    outcome = caught()
    with pytest.raises(ValueError, match="x") as info:
        outcome.unwrap()
    assert info.value is outcome.error


def test_unwrapping_twice_does_not_grow_the_traceback():
    outcome = caught()
    depths = []
    for _ in range(3):
        try:
            outcome.unwrap()
        except ValueError as error:
            depths.append(len(traceback.extract_tb(error.__traceback__)))
    assert depths[0] == depths[1] == depths[2]


def test_an_unwrapped_error_is_freed_without_a_garbage_collection():
    class Probe:
        """Something that a failed call held on to."""

    def fail(probe):
        raise ValueError("x")

    def call():
        probe = Probe()
        try:
            fail(probe)
        except ValueError as error:
            return weakref.ref(probe), Err(error, error.__traceback__)

    gc.disable()
    try:
        alive, outcome = call()
        try:
            outcome.unwrap()
        except ValueError:
            del outcome
        assert alive() is None
    finally:
        gc.enable()


def test_ok_unwraps_to_its_value():
    assert Ok(3).unwrap() == 3


def test_ids_are_version_7_and_in_order_of_time():
    source = IdSource(b"\xff" * 16)
    now = 1_700_000_000_000_000_000
    made = [source.new(now + i * 1_000_000) for i in range(1000)]
    assert made == sorted(made)
    assert len(set(made)) == 1000
    for raw in made:
        parsed = uuid.UUID(id_text(raw))
        assert parsed.version == 7
        assert parsed.variant == uuid.RFC_4122
    assert int.from_bytes(made[0][:6], "big") == now // 1_000_000


def test_ids_of_one_instant_are_different():
    source = IdSource(bytes(16))
    assert len({source.new(5) for _ in range(10_000)}) == 10_000


@given(st.binary(min_size=16, max_size=16), st.integers(0, 1 << 60))
def test_any_seed_makes_valid_ids(seed, now):
    raw = IdSource(seed).new(now)
    assert uuid.UUID(bytes=raw).version == 7


def test_two_word_names_are_words_for_any_number():
    names = {two_words(number) for number in range(10_000)}
    assert len(names) > 3000
    assert all(name.replace("-", "").isalpha() for name in names)


@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {}), ((1, 2, 3, 4), {}), ((1,), {"x": 2}), ((1, 2), {"nope": 1})]
)
def test_arguments_that_do_not_fit_are_said_with_the_parameters(args, kwargs):
    def fn(x, y=2, *, z=3): ...

    with pytest.raises(ParameterBindError, match=r"the parameters are \(x, y, z\)"):
        Binding(fn).check(args, kwargs)


@pytest.mark.parametrize(
    ("args", "kwargs"), [((1,), {}), ((1, 2), {}), ((), {"x": 1, "z": 5}), ((1,), {"y": 2})]
)
def test_arguments_that_fit_pass(args, kwargs):
    def fn(x, y=2, *, z=3): ...

    Binding(fn).check(args, kwargs)


def test_parameters_that_only_have_names_must_be_given():
    def fn(*, needed): ...

    with pytest.raises(ParameterBindError, match="needed"):
        Binding(fn).check((), {})


def test_variadic_arguments_are_one_parameter_each():
    def fn(x, *args, y=5, **kwargs): ...

    binding = Binding(fn)
    binding.check((1, 2, 3), {})
    bound = binding.bind((1, 2, 3), {"z": 4})
    assert bound == {"x": 1, "args": (2, 3), "y": 5, "kwargs": {"z": 4}}
    assert binding.unbind(bound) == ((1, 2, 3), {"y": 5, "z": 4})


@pytest.mark.parametrize("name", ["return_state", "wait_for"])
def test_a_reserved_parameter_name_is_refused(name):
    scope: dict = {}
    exec(f"def fn({name}): ...", scope)
    with pytest.raises(
        ReservedArgumentError, match=f"'{name}' is a reserved argument name and cannot be used"
    ):
        Binding(scope["fn"])


def test_a_callable_without_a_signature_has_no_parameter_names():
    assert parameter_names(dict) == ()


@dataclasses.dataclass
class Point:
    x: int


def test_known_values_become_plain_data():
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    assert plain({"a": (1, None, True), 2: {3}}) == {"a": [1, None, True], "2": [3]}
    assert plain(Point(1)) == {"x": 1}
    assert plain(moment) == "2026-01-02T00:00:00Z"


def test_what_cannot_be_carried_stands_as_text():
    class Thing: ...

    cycle: list = []
    cycle.append(cycle)
    assert plain(Thing()) == "<Thing>"
    assert plain(cycle) == ["..."]
    assert plain([float("nan"), float("-inf"), 1 << 64]) == ["nan", "-inf", str(1 << 64)]
    assert plain("a\0b\ud800") == "a\\x00b\\ud800"
    assert plain([10**5000]) == ["<int of 16610 bits>"]


def test_a_repr_that_raises_is_said():
    class Rude:
        def __repr__(self):
            raise RuntimeError("no")

    assert short_repr(Rude()) == "<Rude, whose repr raised RuntimeError>"
    assert len(short_repr("x" * 5000)) <= 1025


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.complex_numbers() | st.datetimes() | st.uuids() | st.characters(categories=["Cs"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner)
    | st.tuples(inner, inner),
    max_leaves=10,
)  # fmt: skip


@given(ANYTHING)
def test_anything_becomes_json_and_messagepack(value):
    data = plain(value)
    assert msgspec.json.decode(msgspec.json.encode(data)) == data
    msgspec.msgpack.encode(data)
    msgspec.json.decode(json_text({"value": value}))


@given(st.text() | st.characters(categories=["Cs"]))
def test_clean_text_can_be_encoded(text):
    assert b"\0" not in clean_text(text).encode()


def test_an_int_subclass_is_a_plain_int():
    class Number(int): ...

    assert type(plain(Number(5))) is int
    assert sys.getsizeof(plain(Number(5))) == sys.getsizeof(5)
