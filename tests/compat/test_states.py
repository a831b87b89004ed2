"""What users know of states: reference section 3.1 to 3.3."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from flowstone import states
from flowstone.core.states import NAMES
from flowstone.core.stopping import TerminationSignal
from flowstone.states import (
    Completed,
    Crashed,
    Failed,
    Paused,
    Pending,
    Scheduled,
    State,
    StateDetails,
    StateGroup,
    StateType,
    Suspended,
    exception_to_crashed_state,
    exception_to_failed_state,
    format_exception,
    is_state_iterable,
    return_value_to_state,
)

MOMENT = datetime(2030, 1, 2, tzinfo=UTC)
MADE = {kind: [name for name in names if hasattr(states, name)] for kind, names in NAMES.items()}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in MADE.items() for name in names]
)
def test_each_name_makes_a_state_of_its_type(kind, name):
    state = getattr(states, name)(message="m", data=1)
    assert (state.type, state.name, state.message, state.data) == (kind, name, "m", 1)


def test_only_names_that_the_engine_gives_have_no_function():
    without = {name for names in NAMES.values() for name in names} - {
        name for names in MADE.values() for name in names
    }
    assert without == {"NotReady", "Cached", "RolledBack", "TimedOut", "Resuming"}


@pytest.mark.parametrize("kind", list(StateType))
def test_a_state_answers_for_its_own_type_only(kind):
    state = State(kind)
    said = {other for other in StateType if getattr(state, f"is_{other.value.lower()}")()}
    assert said == {kind}
    ended = {StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED, StateType.CRASHED}
    assert state.is_final() == (kind in ended)


@pytest.mark.parametrize("kind", list(StateType))
def test_without_a_name_a_state_is_called_as_its_type(kind):
    assert State(kind).name == kind.value.capitalize()
    assert str(State(kind)) == f"{kind.value.capitalize()}()"


def test_a_state_may_have_any_name():
    state = State(type="COMPLETED", name="Mostly done")
    assert (state.type, state.name) == (StateType.COMPLETED, "Mostly done")
    assert str(state) == "Mostly done(type=COMPLETED)"
    assert Failed(name="Too big", message="1 TB").is_failed()
    assert str(Failed(name="Too big", message="1 TB")) == "Too big('1 TB', type=FAILED)"


def test_a_type_that_is_none_is_refused():
    with pytest.raises(ValueError, match="NOPE"):
        State(type="NOPE")


def test_a_state_knows_when_it_began_in_utc():
    before = datetime.now(UTC)
    assert before <= Completed().timestamp <= datetime.now(UTC)
    assert Completed().timestamp.tzinfo is UTC


def test_every_state_has_an_id_of_its_own():
    assert Completed().id != Completed().id
    assert Completed() != Completed()


@pytest.mark.parametrize("name", ["Scheduled", "Late", "AwaitingRetry", "AwaitingConcurrencySlot"])
def test_scheduled_states_take_the_time_by_its_name(name):
    state = getattr(states, name)(scheduled_time=MOMENT)
    assert state.state_details.scheduled_time == MOMENT


def test_a_scheduled_state_without_a_time_is_due_now():
    before = datetime.now(UTC)
    for state in (Scheduled(), State(type="SCHEDULED")):
        assert before <= state.state_details.scheduled_time <= datetime.now(UTC)


def test_a_scheduled_time_may_stand_in_the_details_but_not_twice():
    details = StateDetails(scheduled_time=MOMENT)
    assert Scheduled(state_details=details).state_details.scheduled_time == MOMENT
    with pytest.raises(ValueError, match="An extra scheduled_time was provided in state_details"):
        Scheduled(scheduled_time=MOMENT, state_details=details)


def test_a_pause_has_an_end_a_key_and_may_be_rescheduled():
    before = datetime.now(UTC)
    details = Paused(timeout_seconds=60, reschedule=True, pause_key="k").state_details
    end = details.pause_timeout - timedelta(seconds=60)
    assert before <= end <= datetime.now(UTC)
    assert (details.pause_reschedule, details.pause_key) == (True, "k")
    at = Paused(pause_expiration_time=MOMENT).state_details
    assert (at.pause_timeout, at.pause_reschedule, at.pause_key) == (MOMENT, False, None)


def test_a_pause_without_a_time_has_no_end():
    assert Paused().state_details.pause_timeout is None


def test_both_times_of_a_pause_are_refused():
    with pytest.raises(ValueError, match=r"timeout_seconds .* pause_expiration_time"):
        Paused(timeout_seconds=5, pause_expiration_time=MOMENT)


@pytest.mark.parametrize("make", [Paused, Suspended])
def test_a_pause_timeout_in_the_details_is_refused(make):
    with pytest.raises(ValueError, match="An extra pause timeout was provided in state_details"):
        make(timeout_seconds=5, state_details=StateDetails(pause_timeout=MOMENT))


def test_a_suspended_run_is_paused_to_be_scheduled_again():
    state = Suspended(timeout_seconds=5, pause_key="k")
    assert str(state) == "Suspended(type=PAUSED)"
    assert (state.state_details.pause_reschedule, state.state_details.pause_key) == (True, "k")


def test_a_fresh_copy_is_the_same_state_entered_again():
    run = uuid.uuid4()
    state = Scheduled(scheduled_time=MOMENT, message="m", data=1)
    state.state_details.task_run_id = run
    fresh = state.fresh_copy()
    assert fresh.id != state.id
    assert fresh.timestamp >= state.timestamp
    assert (fresh.message, fresh.data) == ("m", 1)
    assert fresh.state_details == state.state_details
    fresh.state_details.task_run_id = None
    assert state.state_details.task_run_id == run


def test_a_model_copy_has_the_time_of_now_and_what_is_updated():
    state = State("FAILED", timestamp=MOMENT, message="m")
    copy = state.model_copy(update={"name": "Other"})
    assert (copy.name, copy.message, copy.id) == ("Other", "m", state.id)
    assert copy.timestamp < MOMENT


def test_states_are_counted_by_type():
    group = StateGroup([Completed(), Failed(), Crashed(), Pending(), Paused()])
    assert group.type_counts[StateType.FAILED] == 1
    assert (group.total_count, group.final_count, group.not_final_count) == (5, 3, 2)
    assert (group.fail_count, group.cancelled_count, group.paused_count) == (2, 0, 1)
    assert (group.any_failed(), group.any_cancelled(), group.any_paused()) == (True, False, True)
    assert (group.all_completed(), group.all_final()) == (False, False)
    assert group.counts_message() == (
        "total=5, not_final=2, COMPLETED=1, FAILED=1, CRASHED=1, PENDING=1, PAUSED=1"
    )
    assert StateGroup([Completed()]).all_completed()


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ([Completed()], True),
        ((Completed(), Failed()), True),
        ({Completed()}, True),
        ([], False),
        ([Completed(), 1], False),
        ({"a": Completed()}, False),
        (Completed(), False),
        (iter([Completed()]), False),
    ],
)
def test_states_and_nothing_else_are_iterable_states(value, answer):
    assert is_state_iterable(value) is answer


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyboardInterrupt(), "Execution was aborted by an interrupt signal."),
        (TerminationSignal(), "Execution was aborted by a termination signal."),
        (SystemExit(3), "Execution was aborted by Python system exit call."),
        (
            asyncio.CancelledError(),
            "Execution was cancelled by the runtime environment.",
        ),
        (
            ValueError("q"),
            "Execution was interrupted by an unexpected exception: ValueError: q",
        ),
    ],
)
def test_a_crashed_state_says_in_words_what_crashed_it(error, message):
    state = exception_to_crashed_state(error)
    assert (state.name, state.message, state.data) == ("Crashed", message, error)


def test_a_failed_state_is_made_of_an_exception():
    error = ValueError("q")
    state = exception_to_failed_state(error)
    assert (state.name, state.message, state.data) == ("Failed", "ValueError: q", error)
    named = exception_to_failed_state(error, message="While loading:", name="Broken")
    assert str(named) == "Broken('While loading: ValueError: q', type=FAILED)"


def test_a_failed_state_is_made_of_the_exception_being_handled():
    try:
        raise KeyError("z")
    except KeyError:
        state = exception_to_failed_state()
    assert repr(state.data) == "KeyError('z')"
    with pytest.raises(ValueError, match="No exception was given"):
        exception_to_failed_state()


def test_an_exception_is_formatted_with_its_places_where_they_are_given():
    with pytest.raises(ValueError, match="x") as info:
        raise ValueError("x")
    assert format_exception(info.value) == "ValueError: x"
    long = format_exception(info.value, info.tb)
    assert long.startswith("Traceback")
    assert 'raise ValueError("x")' in long


def test_a_return_value_makes_the_state_that_its_run_would_get():
    assert return_value_to_state(5).result() == 5
    state = Failed()
    assert return_value_to_state(state) is state
    assert return_value_to_state([Completed(), state]).message == "1/2 states failed."
