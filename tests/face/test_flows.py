from __future__ import annotations

import asyncio

import msgspec
import pydantic
import pytest

from flowstone import flow, task
from flowstone.exceptions import (
    InvalidNameError,
    ParameterBindError,
    ParameterTypeError,
    ReservedArgumentError,
    UnfinishedRun,
)
from flowstone.flows import FlowOptions
from flowstone.states import Cancelled, Completed, Failed, Pending, State


@task
def double(x):
    return 2 * x


@task
def fail():
    raise ValueError("x")


class Thing: ...


class Person(pydantic.BaseModel):
    name: str
    age: int = 0


def test_a_flow_is_called_like_its_function(recorded):
    @flow(flow_run_name="it")
    def simple(x: int, y: int = 1):
        return double(x) + y

    assert simple(2) == 5
    assert recorded.states("it") == ["Pending", "Running", "Completed"]
    assert recorded.states("double-0") == ["Pending", "Running", "Completed"]


def test_names_have_dashes_and_lambdas_a_name():
    @flow
    def my_own_flow(): ...

    assert my_own_flow.name == "my-own-flow"
    assert flow(lambda: 1).name == "unknown-lambda"


def test_the_version_is_a_checksum_of_the_source_file():
    @flow
    def one(): ...

    @flow
    def two(): ...

    assert one.version == two.version
    assert len(one.version) == 8
    scope: dict = {}
    exec("def typed_in(): ...", scope)
    assert flow(scope["typed_in"]).version is None


def test_an_async_flow_of_sync_and_async_tasks(recorded):
    @task
    async def later(x):
        await asyncio.sleep(0)
        return x

    @flow(flow_run_name="it")
    async def both():
        return double(2) + await later(3)

    assert asyncio.run(both()) == 7
    assert recorded.states("later-0") == ["Pending", "Running", "Completed"]


def test_values_are_converted_to_their_annotations(home):
    @flow
    def takes(n: int, person: Person, many: list[float]):
        return n, person, many

    n, person, many = takes("3", {"name": "Ada"}, ("1", 2))
    assert (n, many) == (3, [1.0, 2.0])
    assert person == Person(name="Ada")


def test_values_that_cannot_be_converted_fail_the_run(recorded):
    @flow(flow_run_name="never", retries=2)
    def takes(n: int, person: Person):
        return n

    with pytest.raises(ParameterTypeError) as info:
        takes("x", {"age": 1})
    message = str(info.value)
    assert "n: Input should be a valid integer" in message
    assert "person.name: Field required" in message
    created = [fact for fact in recorded.facts if type(fact).__name__ == "FlowRunCreated"]
    assert recorded.states(created[0].name) == ["Pending", "Failed"]
    state = takes("x", {"name": "a"}, return_state=True)
    assert state.is_failed()
    with pytest.raises(ParameterTypeError):
        state.result()


def test_foreign_annotations_are_held_against_the_type(home):
    @flow
    def takes(thing: Thing):
        return thing

    thing = Thing()
    assert takes(thing) is thing
    with pytest.raises(ParameterTypeError, match="thing"):
        takes(5)


def test_without_validation_nothing_is_touched(home):
    @flow(validate_parameters=False)
    def takes(n: int):
        return n

    assert takes("x") == "x"


def test_names_only_known_to_type_checkers_are_not_held_against_values(home):
    @flow
    def takes(n: NotKnownAtRunTime):  # noqa: F821
        return n

    assert takes(3) == 3


def test_variadic_parameters_are_checked_each(home):
    @flow
    def takes(*numbers: int, **names: str):
        return numbers, names

    assert takes("1", 2, a="b") == ((1, 2), {"a": "b"})
    with pytest.raises(ParameterTypeError):
        takes("x")


def test_a_parameter_may_be_called_keys(home):
    @flow
    def takes(keys: list):
        return keys

    assert takes(["a"]) == ["a"]


def test_arguments_that_do_not_fit_make_no_run(recorded):
    @flow
    def takes(x): ...

    with pytest.raises(ParameterBindError):
        takes()
    assert recorded.facts == []


def test_the_parameters_are_recorded(recorded):
    @flow(flow_run_name="it")
    def takes(x, y=None, *more): ...

    takes(1, object(), "a")
    assert msgspec.json.decode(recorded.created("it").parameters) == {
        "x": 1,
        "y": "<object>",
        "more": ["a"],
    }


def test_a_failing_task_fails_the_flow_with_the_same_exception(recorded):
    @flow(flow_run_name="it")
    def calls():
        fail()

    with pytest.raises(ValueError, match="x"):
        calls()
    assert recorded.states("it")[-1] == "Failed"
    assert recorded.states("fail-0")[-1] == "Failed"


def test_a_failed_task_that_nobody_raises_does_not_fail_the_flow(home):
    @flow
    def calls():
        fail(return_state=True)
        return "fine"

    assert calls() == "fine"


def test_returned_states_decide_the_final_state(home):
    @flow
    def calls():
        return [double(1, return_state=True), fail(return_state=True)]

    state = calls(return_state=True)
    assert state.is_failed()
    assert state.message == "1/2 states failed."
    with pytest.raises(ValueError, match="x"):
        calls()


def test_returned_good_states_come_back_as_states(home):
    @flow
    def calls():
        return [double(1, return_state=True), double(2, return_state=True)]

    assert [state.result() for state in calls()] == [2, 4]


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (Completed(message="done"), "Completed"),
        (Failed(name="Odd"), "Odd"),
        (Cancelled(), "Cancelled"),
        (State("PAUSED"), "Paused"),
    ],
)
def test_a_returned_state_is_used_as_it_is(recorded, state, name):
    @flow(flow_run_name="it")
    def returns():
        return state

    final = returns(return_state=True)
    assert (final.name, final.message) == (name, state.message)
    assert recorded.states("it")[-1] == name


def test_a_flow_that_returns_an_unfinished_state_raises_so(home):
    @flow
    def returns():
        return Pending()

    with pytest.raises(UnfinishedRun):
        returns()


def test_a_flow_is_retried_as_one_run(recorded):
    attempts = []

    @flow(retries=2, flow_run_name="it")
    def flaky():
        attempts.append(1)
        double(1)
        if len(attempts) < 3:
            raise ValueError("again")
        return "good"

    assert flaky() == "good"
    assert recorded.states("it") == ["Pending", "Running", "Retrying", "Retrying", "Completed"]
    created = [fact for fact in recorded.facts if type(fact).__name__ == "TaskRunCreated"]
    assert [fact.name for fact in created] == ["double-0", "double-1", "double-2"]


def test_on_failure_fires_after_the_last_attempt_only(home):
    fired = []

    @flow(retries=2, on_failure=[lambda f, run, state: fired.append(run.run_count)])
    def fails():
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fails()
    assert fired == [3]


def test_subflows_nest_and_are_linked(recorded):
    @flow(flow_run_name="child")
    def child(x):
        return double(x)

    @task
    def calls_child():
        return child(4)

    @flow(flow_run_name="parent")
    def parent():
        return calls_child()

    assert parent() == 8
    created = recorded.created("child")
    assert created.parent_flow_run == recorded.created("parent").run
    assert created.parent == recorded.created("calls_child-0").run
    assert recorded.created("double-0").flow_run == created.run


def test_async_subflows_can_be_gathered(recorded):
    @flow(flow_run_name="child-{n}")
    async def child(n):
        await asyncio.sleep(0)
        return n

    @flow(flow_run_name="parent")
    async def parent():
        return await asyncio.gather(*(child(n) for n in range(3)))

    assert asyncio.run(parent()) == [0, 1, 2]
    for n in range(3):
        assert recorded.created(f"child-{n}").parent_flow_run == recorded.created("parent").run


def test_a_sync_flow_that_returns_an_async_childs_coroutine_gets_its_value(home):
    @flow
    async def child():
        await asyncio.sleep(0)
        return 7

    @flow
    def parent():
        return child()

    assert parent() == 7


def test_flow_recursion_works(home):
    @flow
    def count(n: int):
        return 0 if n == 0 else count(n - 1) + 1

    assert count(20) == 20


@pytest.mark.parametrize("template", ["{x}-{y:03d}", lambda: "5-002"])
def test_run_names_are_templates_or_functions(recorded, template):
    @flow(flow_run_name=template)
    def named(x, y=2): ...

    named(5)
    assert recorded.states("5-002")[-1] == "Completed"


def test_a_bad_name_template_fails_the_run(recorded):
    @flow(flow_run_name="{nope}")
    def named(x): ...

    with pytest.raises(KeyError, match="the parameters are: x"):
        named(1)


def test_a_name_function_that_returns_no_text_fails_the_run(home):
    @flow(flow_run_name=lambda: None)
    def named(): ...

    with pytest.raises(TypeError, match="returned type NoneType but a string is required"):
        named()


@pytest.mark.parametrize("character", list("/%&<>"))
def test_banned_characters_in_a_name(character):
    with pytest.raises(InvalidNameError, match="contains an invalid character"):
        flow(lambda: 1, name=f"a{character}b")


def test_a_name_must_be_text():
    def get_name(): ...

    with pytest.raises(TypeError, match=r"got int instead"):
        flow(lambda: 1, name=3)
    with pytest.raises(TypeError, match=r"Perhaps you meant to call it\? e\.g\. '@flow\(name=get"):
        flow(lambda: 1, name=get_name)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"on_running": 3}, TypeError, "@flow(on_running=[hook1, hook2])\ndef my_flow()"),
        ({"flow_run_name": 3}, TypeError, "Expected string or callable for 'flow_run_name'"),
        ({"timeout": 3}, TypeError, "flow() got an unexpected keyword argument 'timeout'"),
        ({"retry_delay_seconds": -1}, ValueError, "cannot be negative"),
    ],
)
def test_a_wrong_option_is_refused_at_the_declaration(options, error, message):
    with pytest.raises(error) as info:
        flow(lambda: 1, **options)
    assert message in str(info.value)


def test_reserved_parameter_names_are_refused():
    def fn(wait_for): ...

    with pytest.raises(ReservedArgumentError, match="'wait_for' is a reserved argument name"):
        flow(fn)


def test_with_options_makes_a_new_flow_and_carries_the_rest():
    made = flow(lambda: 1, name="a", tags=["t"], retries=3)
    other = made.with_options(name="b", retries=0)
    assert (other.name, other.retries, other.tags) == ("b", 0, {"t"})
    assert (made.name, made.retries) == ("a", 3)


def test_every_option_is_spelled_in_the_docstring():
    for option in FlowOptions.__annotations__:
        assert f"`{option}" in flow.__doc__


def test_a_crash_of_the_flow_is_recorded_and_goes_on(recorded):
    @flow(flow_run_name="it")
    def exits():
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        exits()
    assert recorded.states("it")[-1] == "Crashed"


def test_tags_are_recorded(recorded):
    @flow(tags=["b", "a"], flow_run_name="it")
    def tagged(): ...

    tagged()
    assert recorded.created("it").tags == ("a", "b")


def test_flow_hooks_see_flow_run_and_state(home):
    seen = []

    @flow(on_completion=[lambda f, run, state: seen.append((f.name, run.parameters, state.data))])
    def hooked(x):
        return x + 1

    hooked(1)
    assert seen == [("hooked", {"x": 1}, 2)]
