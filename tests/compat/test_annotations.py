"""Marks on arguments: reference section 3.5."""

from __future__ import annotations

import copy
import pickle

import pytest

from flowstone import allow_failure, flow, task, unmapped
from flowstone.annotations import Annotation, freeze, opaque, quote
from flowstone.exceptions import FailedRun, UpstreamTaskError
from flowstone.states import Cancelled, Completed, Crashed, Failed, Pending
from flowstone.utilities import annotations as old_place

MARKS = [unmapped, allow_failure, quote, opaque, freeze]


@task
def one():
    return 1


@task
def bad():
    raise ValueError("bad")


@task
def same(x=None, **more):
    return x


def in_a_flow(call):
    """Return what a call gives in a flow run."""
    return flow(call)()


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_that_was_copied_or_pickled_has_the_same_value(mark):
    marked = mark([1])
    for again in (copy.copy(marked), copy.deepcopy(marked), pickle.loads(pickle.dumps(marked))):
        assert type(again) is mark
        assert again == marked
        assert again.value == [1]


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_is_a_tuple_of_its_value(mark):
    marked = mark([1])
    assert isinstance(marked, tuple)
    assert marked.value == marked.unwrap() == [1]
    assert marked.rewrap([2]) == mark([2])
    assert type(marked.rewrap(3)) is mark
    assert repr(marked) == f"{mark.__name__}([1])"
    assert bool(mark(None))  # it is not empty


def test_marks_are_equal_where_type_and_value_are():
    assert quote(1) == quote(1)
    assert quote(1) != quote(2)
    assert quote(1) != opaque(1)
    assert quote(1) != (1,)
    assert len({quote(1), quote(1), opaque(1)}) == 2


def test_unmapped_stands_for_as_many_values_as_are_asked_for():
    assert unmapped(7)[0] == unmapped(7)[99] == 7


def test_a_quoted_value_is_unquoted():
    assert quote([1]).unquote() == [1]


def test_a_frozen_value_is_plain_data():
    value = {"a": [1, None, 2.5, "x"]}
    assert freeze(value).unfreeze() is value
    ring: list = []
    ring.append(ring)
    for wrong in (object(), {"a": print}, ring):
        with pytest.raises(ValueError, match="JSON serializable"):
            freeze(wrong)


def test_marks_are_found_where_users_import_them_from():
    assert old_place.quote is quote
    assert old_place.freeze is freeze
    assert issubclass(old_place.NotSet, object)
    assert not issubclass(old_place.NotSet, Annotation)


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("submitted", [False, True])
def test_the_function_gets_the_value_without_its_mark(home, mark, submitted):
    value = ["x"]

    def call():
        if submitted:
            return same.submit(mark(value)).result(), same.submit([mark(value)]).result()
        return same(mark(value)), same([mark(value)])

    plain, inside = in_a_flow(call)
    assert plain is value
    assert inside == [["x"]]


@pytest.mark.parametrize("submitted", [False, True])
def test_allow_failure_delivers_the_exception_in_place_of_the_future(home, submitted):
    def call():
        run = same.submit if submitted else same
        got = [
            run(allow_failure(bad.submit())),
            run(allow_failure([bad.submit(), {"k": one.submit()}])),
            run([allow_failure(bad.submit()), one.submit()]),
        ]
        return [future.result() for future in got] if submitted else got

    single, all_inside, some_inside = in_a_flow(call)
    assert isinstance(single, ValueError)
    assert repr(all_inside) == "[ValueError('bad'), {'k': 1}]"
    assert repr(some_inside) == "[ValueError('bad'), 1]"


def test_allow_failure_holds_for_what_it_stands_around_only(home):
    def call():
        future = bad.submit()
        return same.submit([allow_failure(future), future], return_state=True).name

    assert in_a_flow(call) == "NotReady"


def test_a_list_inside_and_outside_of_allow_failure_is_both(home):
    def call(first):
        shared = [bad.submit()]
        marked = [allow_failure(shared), shared] if first else [shared, allow_failure(shared)]
        return same.submit(marked, return_state=True).name

    assert in_a_flow(lambda: call(first=True)) == "NotReady"
    assert in_a_flow(lambda: call(first=False)) == "NotReady"


def test_marks_inside_of_marks_all_count(home):
    def call():
        mapped = same.map(allow_failure([bad.submit()])), same.map([allow_failure(bad.submit())])
        return [
            repr(same(allow_failure(unmapped(bad.submit())))),
            *(repr(futures.result()) for futures in mapped),
        ]

    assert in_a_flow(call) == ["ValueError('bad')", "[ValueError('bad')]", "[ValueError('bad')]"]


def test_allow_failure_in_wait_for_lets_the_run_go_on(home):
    def call():
        held = same(3, wait_for=[bad.submit()], return_state=True)
        return [same(4, wait_for=[allow_failure(bad.submit())]), held.name]

    assert in_a_flow(call) == [4, "NotReady"]


def test_allow_failure_works_for_subflows(home):
    @flow
    def inner(x):
        return repr(x)

    assert in_a_flow(lambda: inner(allow_failure(bad.submit()))) == "ValueError('bad')"


def test_allow_failure_delivers_none_for_a_run_that_was_never_ready(home):
    def call():
        never = same.submit(bad.submit())
        return [same(allow_failure(never))]

    assert in_a_flow(call) == [None]


def test_allow_failure_delivers_an_exception_of_the_message_of_a_state_without_data(home):
    error = same(allow_failure(Failed(message="not today")))
    assert (type(error), str(error)) == (FailedRun, "not today")


@pytest.mark.parametrize("make", [Crashed, Cancelled, Pending])
def test_allow_failure_does_not_allow_anything_else(home, make):
    with pytest.raises(UpstreamTaskError, match="did not reach a 'Completed' state"):
        same(allow_failure(make()))


def test_nothing_in_a_quoted_value_is_resolved(home):
    def call():
        future = one.submit()
        alone, inside = same(quote(future)), same([quote([future]), future])
        return [alone is future, inside[0][0] is future, inside[1]]

    assert in_a_flow(call) == [True, True, 1]


def test_a_quoted_future_makes_no_edge_and_may_fail(recorded):
    def call():
        return [same.submit(quote([bad.submit()])).result()[0] is not None]

    assert in_a_flow(call) == [True]
    assert not [fact for fact in recorded.facts if type(fact).__name__ == "InputsFound"]


def test_an_opaque_future_is_resolved_and_its_result_not_looked_into(home):
    inner = Completed(data=5)

    @task
    def gives_a_state_in_a_list():
        return [inner, "x"]

    def call():
        future = gives_a_state_in_a_list.submit()
        return [same(opaque(future))[0] is inner, same(opaque(Completed(data=[inner])))[0] is inner]

    assert in_a_flow(call) == [True, True]


def test_an_opaque_container_is_left_as_it_is(home):
    def call():
        future = one.submit()
        container = [future]
        left, resolved = same([opaque(container), future])
        return [left is container, left[0] is future, resolved]

    assert in_a_flow(call) == [True, True, 1]
