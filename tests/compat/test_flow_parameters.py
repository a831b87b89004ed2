"""Section 2.3: how a flow's parameters are checked, converted, recorded and described."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import json
import pathlib
import types
import typing
import uuid
from typing import Annotated, Any, Literal, Optional, Union

import pydantic
import pydantic.v1
import pytest

from flowstone import flow, task
from flowstone.exceptions import ParameterBindError, ParameterTypeError
from flowstone.runtime import flow_run

if typing.TYPE_CHECKING:
    from elsewhere import Unknown


class Person(pydantic.BaseModel):
    name: str
    age: int = 0


class Thing:
    def __repr__(self):
        return "Thing()"


@dataclasses.dataclass
class Point:
    x: int
    thing: Thing | None = None


class Colour(enum.Enum):
    RED = "red"


class Aliased(pydantic.BaseModel):
    value: Annotated[int, pydantic.Field(alias="v")]


class Odd(pydantic.BaseModel):
    n: int

    @pydantic.field_validator("n")
    @classmethod
    def refuse(cls, _value):
        raise KeyError("odd")


class Old(pydantic.v1.BaseModel):
    n: int


def taking(annotation):
    """Return a flow of one parameter with this annotation, which returns what it gets."""

    def takes(x):
        return x

    takes.__annotations__ = {"x": annotation}
    return flow(takes)


THING = Thing()
FITS = [
    (int, "1", 1),
    (int, True, 1),
    (int, 1.0, 1),
    (float, 1, 1.0),
    (bool, "yes", True),
    (bytes, "a", b"a"),
    (Optional[int], "1", 1),  # noqa: UP045
    (int | None, None, None),
    (Union[Person, str], "x", "x"),  # noqa: UP007
    (Colour, "red", Colour.RED),
    (Literal["a"], "a", "a"),
    (dt.date, "2020-01-02", dt.date(2020, 1, 2)),
    (pathlib.Path, "a/b", pathlib.Path("a/b")),
    (uuid.UUID, str(uuid.UUID(int=1)), uuid.UUID(int=1)),
    (set[int], ["1", 2], {1, 2}),
    (tuple[int, str], ["1", "b"], (1, "b")),
    (dict[str, int], {"a": "1"}, {"a": 1}),
    (list["Person"], [{"name": "a"}], [Person(name="a")]),
    (Person, {"name": "a"}, Person(name="a")),
    (Aliased, {"v": "1"}, Aliased(v=1)),
    (Annotated[int, pydantic.Field(gt=0, alias="other")], "1", 1),
    (Point, {"x": "1"}, Point(1)),
    (Point, Point(1, THING), Point(1, THING)),
    (list[Thing], [THING], [THING]),
    (Thing | None, THING, THING),
    (Any, THING, THING),
    (typing.Callable, len, len),
    (typing.TypeVar("Q"), 1, 1),
]
DOES_NOT_FIT = [
    (int, "x", "Input should be a valid integer"),
    (int, 1.5, "fractional part"),
    (int, None, "Input should be a valid integer"),
    (str, 1, "Input should be a valid string"),
    (Literal["a"], "b", "Input should be 'a'"),
    (Annotated[int, pydantic.Field(gt=0)], -1, "greater than 0"),
    (Thing, 3, "instance of Thing"),
    (Person, 5, "instance of Person"),
    (Person, {"age": 1}, "x.name: Field required"),
    (list[int], [1, "x"], "x.1: "),
]


@pytest.mark.parametrize(("annotation", "given", "expected"), FITS, ids=repr)
def test_a_value_is_converted_to_its_annotation(home, annotation, given, expected):
    got = taking(annotation)(given)
    assert got == expected
    assert type(got) is type(expected)


@pytest.mark.parametrize(("annotation", "given", "why"), DOES_NOT_FIT, ids=repr)
def test_a_value_that_does_not_fit_is_refused_with_the_reason(home, annotation, given, why):
    with pytest.raises(ParameterTypeError) as info:
        taking(annotation)(given)
    assert why in str(info.value)
    assert f"(got {given!r} of type {type(given).__name__})" in str(info.value)


def test_annotations_may_be_texts_as_in_this_module(home):
    @flow
    def takes(n: int, people: list[Person], colour: "Colour" = Colour.RED):  # noqa: UP037
        return n, people, colour

    assert takes("1", [{"name": "a"}]) == (1, [Person(name="a")], Colour.RED)


def test_names_of_a_function_around_are_understood(home):
    class Local(pydantic.BaseModel):
        n: int

    @flow
    def takes(local: Local):
        return type(local) is Local

    assert takes({"n": 1}) is True


def test_a_model_or_object_is_passed_by_identity(home):
    person = Person(name="a")
    assert taking(Person)(person) is person
    assert taking(Thing)(THING) is THING
    assert taking(int | Thing)(THING) is THING


@pytest.mark.parametrize("annotation", ["Unknown", "list[Unknown]", "no annotation at all", 3])
@pytest.mark.filterwarnings("ignore:3 is not a Python type")
def test_annotations_that_say_nothing_are_not_held_against_values(home, annotation):
    assert taking(annotation)(THING) is THING


def test_a_name_that_only_type_checkers_know_leaves_the_other_parameters_checked(home):
    @flow
    def takes(a: Unknown, n: int):
        return a, n

    assert takes(THING, "1") == (THING, 1)


def test_defaults_are_not_checked(home):
    @flow
    def takes(n: int = None, text: str = 5):  # noqa: RUF013
        return n, text

    assert takes() == (None, 5)
    assert takes(None) == (None, 5)
    assert takes("3") == (3, 5)


def test_a_default_is_the_functions_own_object(home):
    default: list = []

    @flow
    def takes(x: list[int] = default):
        return x is default

    assert takes() is True


def test_every_parameter_that_does_not_fit_is_named(home):
    @flow
    def takes(a: int, b: int, c: int): ...

    with pytest.raises(ParameterTypeError) as info:
        takes("x", 1, "z")
    assert [line.split(":")[0].strip() for line in str(info.value).splitlines()[1:]] == ["a", "c"]


def test_a_validator_that_raises_anything_is_the_cause(recorded):
    @flow(flow_run_name="it")
    def takes(x: Odd): ...

    with pytest.raises(ParameterTypeError, match="x: KeyError: 'odd'") as info:
        takes({"n": 1})
    assert isinstance(info.value.__cause__, KeyError)


def test_models_of_pydantic_1_are_parameters_too(home):
    @flow
    def takes(old: Old, person: Person):
        return old, person

    old, person = takes({"n": "1"}, {"name": "a"})
    assert (old.n, person.name) == (1, "a")
    with pytest.raises(ParameterTypeError, match=r"old.n: "):
        takes({"n": "x"}, {"name": "a"})


def test_invalid_parameters_fail_the_run_once_before_it_runs(home):
    fired = []

    @flow(retries=3, on_failure=[lambda flow, run, state: fired.append((run, state))])
    def takes(n: int):
        pytest.fail("the body ran")

    state = takes("x", return_state=True)
    assert state.is_failed()
    with pytest.raises(ParameterTypeError):
        state.result()
    [(run, seen)] = fired
    assert seen.name == "Failed"
    assert (run.run_count, run.start_time is not None, run.end_time is not None) == (0, True, True)


def test_invalid_parameters_of_a_subflow_fail_its_parent(recorded):
    @flow
    def child(n: int): ...

    @flow(flow_run_name="parent")
    def parent():
        child("x")

    with pytest.raises(ParameterTypeError):
        parent()
    assert recorded.states("parent")[-1] == "Failed"


def test_without_validation_values_pass_as_they_are(home):
    @flow(validate_parameters=False)
    def takes(n: int, person: Person):
        return n, person

    assert takes("x", THING) == ("x", THING)


def test_results_of_tasks_are_checked_when_they_are_there(home):
    text = task(lambda: "3")

    @flow
    def child(n: int):
        return n

    @flow
    def parent():
        return child(text.submit()), child(n=text.submit())

    assert parent() == (3, 3)


def test_positional_only_and_variadic_parameters_are_checked(home):
    @flow
    def takes(a: int, /, b: int, *more: int, c: int = 0, **named: int):
        return a, b, more, c, named

    assert takes("1", "2", "3", c="4", a="5") == (1, 2, (3,), 4, {"a": 5})
    assert takes("1", b="2") == (1, 2, (), 0, {})


@pytest.mark.parametrize(
    "name",
    [
        "keys",
        "args",
        "kwargs",
        "v__args",
        "v__kwargs",
        "model_config",
        "copy",
        "json",
        "_x",
        "self_",
    ],
)
def test_a_parameter_may_have_any_name(home, name):
    scope: dict = {}
    exec(f"def takes({name}: int): return {name}", scope)
    made = flow(scope["takes"])
    assert made("1") == made(**{name: "1"}) == 1


@pytest.mark.parametrize("args", [(), ("2",)])
@pytest.mark.parametrize("kwargs", [{}, {"z": "3"}])
def test_arguments_reach_the_function_as_they_were_given(home, args, kwargs):
    def shown(x: int = 1, *, z: int = 2): ...

    @functools.wraps(shown)
    def wrapper(*given, **named):
        return given, named

    assert flow(wrapper)(*args, **kwargs) == (
        tuple(map(int, args)),
        {name: int(value) for name, value in kwargs.items()},
    )


def test_a_wrapper_that_takes_less_than_it_shows_is_given_what_the_caller_gave(home):
    def shown(x: int, y: int = 5): ...

    @functools.wraps(shown)
    def wrapper(x):
        return x

    assert flow(wrapper)("1") == 1


def test_validate_parameters_gives_all_parameters(home):
    @flow(validate_parameters=False)
    def takes(n: int, person: Person, m: int = 2, *rest, **named): ...

    given = {"n": "1", "person": {"name": "a"}}
    assert takes.validate_parameters(given) == {
        "n": 1,
        "person": Person(name="a"),
        "m": 2,
        "rest": (),
        "named": {},
    }
    assert given == {"n": "1", "person": {"name": "a"}}


def test_validate_parameters_refuses_what_does_not_fit_is_missing_or_unknown():
    @flow
    def takes(n: int): ...

    with pytest.raises(ParameterTypeError, match="n: Input should be a valid integer"):
        takes.validate_parameters({"n": "x"})
    with pytest.raises(ParameterTypeError, match="no value for: n"):
        takes.validate_parameters({})
    with pytest.raises(ParameterBindError, match="no parameter 'm'; the parameters are: n"):
        takes.validate_parameters({"n": 1, "m": 2})


class Secret(pydantic.BaseModel):
    word: pydantic.SecretStr


LOOP: list = []
LOOP.append(LOOP)
SHOWN = [
    (None, None),
    ({1}, [1]),
    ((1, "a"), [1, "a"]),
    (dt.datetime(2020, 1, 2, tzinfo=dt.UTC), "2020-01-02T00:00:00Z"),
    (pathlib.Path("a/b"), "a/b"),
    (Colour.RED, "red"),
    (Person(name="a"), {"name": "a", "age": 0}),
    ([Person(name="a")], [{"name": "a", "age": 0}]),
    (Point(1, THING), {"x": 1, "thing": "<Thing>"}),
    (Point(1, Person(name="a")), {"x": 1, "thing": {"name": "a", "age": 0}}),
    (Secret(word="abc"), {"word": "**********"}),
    (THING, "<Thing>"),
    ({"a": [THING]}, {"a": ["<Thing>"]}),
    (Person, "<ModelMetaclass>"),
    (len, "<builtin_function_or_method>"),
    (types.SimpleNamespace(a=1), "<SimpleNamespace>"),
    (LOOP, ["..."]),
]


@pytest.mark.parametrize(("value", "shown"), SHOWN, ids=lambda value: repr(value)[:30])
def test_parameters_are_shown_and_recorded_as_json(recorded, value, shown):
    @flow(flow_run_name="it")
    def takes(x): ...

    assert takes.serialize_parameters({"x": value}) == {"x": shown}
    takes(value)
    assert json.loads(recorded.created("it").parameters) == {"x": shown}


def test_self_is_not_recorded_as_a_parameter(recorded):
    class Thing:
        @flow(flow_run_name="it")
        def run(self, x): ...

    Thing().run(1)
    assert json.loads(recorded.created("it").parameters) == {"x": 1}


def test_a_run_tells_the_parameters_that_the_body_got(home):
    @flow
    def takes(n: int, m: int = 2):
        return flow_run.parameters

    assert takes("1") == {"n": 1, "m": 2}


def described(a: int, b: str = "q", *rest: float, who: Person | None = None, **named):
    """Do it.

    Args:
        a: the first
            of all
        b (str): the second
        **named: the others

    Returns:
        nothing: at all
    """


def test_the_schema_has_types_defaults_descriptions_and_definitions():
    schema = flow(described).parameters
    assert (schema.title, schema.type) == ("Parameters", "object")
    assert schema.required == ["a"]
    assert schema.properties["a"] == {
        "title": "a",
        "position": 0,
        "type": "integer",
        "description": "the first\nof all",
    }
    assert schema.properties["b"] == {
        "title": "b",
        "position": 1,
        "type": "string",
        "default": "q",
        "description": "the second",
    }
    assert schema.properties["who"]["anyOf"][0] == {"$ref": "#/definitions/Person"}
    assert schema.definitions["Person"]["required"] == ["name"]
    assert schema.properties["named"]["description"] == "the others"


def test_the_schema_has_a_place_for_what_json_has_no_type_for():
    @flow
    def takes(thing: Thing, unknown: Unknown, plain, value: object = THING): ...

    schema = takes.parameters
    assert [*schema.properties] == ["thing", "unknown", "plain", "value"]
    assert schema.properties["thing"] == {"title": "thing", "position": 0}
    assert schema.properties["value"]["default"] == "<Thing>"
    assert schema.required == ["thing", "unknown", "plain"]


def test_the_schema_of_a_method_leaves_its_instance_out():
    class Holder:
        @flow
        def run(self, x: int): ...

    assert [*Holder().run.parameters.properties] == ["x"]


def test_a_parameter_whose_repr_raises_is_refused_by_its_name():
    class Rude:
        def __repr__(self):
            raise RuntimeError("no")

    @flow
    def count(n: int):
        raise AssertionError

    with pytest.raises(ParameterTypeError, match=r"n: .*whose repr raised.* of type Rude"):
        count(Rude())


def test_a_number_of_many_digits_is_a_parameter_like_others(home):
    @flow
    def bits(n: int):
        return n.bit_length()

    assert bits(10**5000) == 16610
