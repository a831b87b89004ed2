from __future__ import annotations

import pytest

from flowstone.core import states as core
from flowstone.core.runs import TaskRun
from flowstone.core.states import DEFAULT_NAMES, MOVES, NAMES, TERMINAL, TYPES, UNKEPT
from flowstone.exceptions import (
    CancelledRun,
    CrashedRun,
    FailedRun,
    IllegalMove,
    MissingResult,
    PausedRun,
    UnfinishedRun,
)
from flowstone.states import (
    AwaitingRetry,
    Cancelled,
    Completed,
    Crashed,
    Failed,
    Pending,
    Running,
    Scheduled,
    State,
    StateDetails,
    get_state_exception,
    raise_state_exception,
)


def test_every_type_has_a_default_name_and_a_row_of_moves():
    assert len(TYPES) == len(DEFAULT_NAMES) == len(MOVES) == len(NAMES) == 9
    assert [names[0] for names in NAMES.values()] == list(DEFAULT_NAMES)


def test_the_numbers_on_the_wire_are_the_order_of_the_types():
    numbers = [getattr(core, kind.value) for kind in TYPES]
    assert numbers == list(range(9))


@pytest.mark.parametrize("start", sorted(TERMINAL))
@pytest.mark.parametrize("target", range(9))
def test_a_terminal_run_goes_nowhere_but_from_completed_to_rolled_back(start, target):
    run = TaskRun()
    run.key, run.name = b"k" * 16, "a"
    run.create(1, 0, None, None, running=True)
    run.enter(start, 2)
    if start == target == core.COMPLETED:
        run.enter(target, 3, "RolledBack")
        assert run.state_name == "RolledBack"
    else:
        with pytest.raises(IllegalMove, match="cannot become"):
            run.enter(target, 3)


def test_a_run_of_plain_facts_has_a_sequence_without_gap_or_repeat():
    run = TaskRun()
    run.key, run.name = b"k" * 16, "a"
    run.create(1, 0, None, None, running=False)
    facts = [run.enter(core.RUNNING, 2), run.await_retry(3, 1.0), run.retry(4), run.complete(5)]
    assert [fact.sequence for fact in facts] == [1, 2, 3, 4]
    assert run.run_count == 2
    assert run.total_run_time.total_seconds() == pytest.approx(2e-9, abs=1e-6)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (Completed(), "Completed()"),
        (Completed(name="Cached"), "Cached(type=COMPLETED)"),
        (Failed(message="msg"), "Failed('msg')"),
        (Failed(name="TimedOut", message="late"), "TimedOut('late', type=FAILED)"),
    ],
)
def test_a_state_as_text(state, text):
    assert str(state) == text


def test_the_repr_shows_message_type_and_result():
    assert repr(Completed(data=5)) == "Completed(message=None, type=COMPLETED, result=5)"


def test_the_result_of_a_completed_state_is_its_data():
    assert Completed(data=5).result() == 5
    assert Completed().result() is None


def test_a_value_that_was_not_kept_is_a_missing_result():
    with pytest.raises(MissingResult):
        Completed(data=UNKEPT).result()


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (Failed(data=ValueError("own")), ValueError, "own"),
        (Failed(data="text"), FailedRun, "text"),
        (Failed(message="msg"), FailedRun, "msg"),
        (Failed(), FailedRun, "Run failed."),
        (Crashed(), CrashedRun, "Run crashed."),
        (Cancelled(message="by me"), CancelledRun, "by me"),
        (Failed(data=Failed(data=KeyError("k"))), KeyError, "k"),
        (Failed(data=[Completed(), Failed(message="inner")]), FailedRun, "inner"),
        (Failed(data=5), TypeError, "of type int"),
        (State("PAUSED"), PausedRun, "paused"),
        (Pending(), UnfinishedRun, "Run is in PENDING state, its result is not available."),
        (Running(), UnfinishedRun, "RUNNING"),
    ],
)
def test_the_result_of_any_other_state_raises(state, error, message):
    with pytest.raises(error, match=message):
        state.result()


def test_without_raising_the_exception_is_the_result():
    error = ValueError("x")
    assert Failed(data=error).result(raise_on_failure=False) is error
    assert isinstance(Failed(message="m").result(raise_on_failure=False), FailedRun)


def test_scheduled_states_have_a_time():
    assert Scheduled().state_details.scheduled_time is not None
    moment = Scheduled().timestamp
    assert AwaitingRetry(moment).state_details.scheduled_time == moment


def test_a_scheduled_time_is_given_once():
    moment = Completed().timestamp
    with pytest.raises(ValueError, match="extra scheduled_time"):
        Scheduled(moment, state_details=StateDetails(scheduled_time=moment))


def test_copies_are_states_of_their_own():
    state = Failed(message="m", data=1)
    fresh = state.fresh_copy()
    assert fresh.id != state.id
    assert (fresh.message, fresh.data, fresh.name) == ("m", 1, "Failed")
    renamed = state.model_copy(update={"name": "Other"})
    assert (renamed.name, state.name) == ("Other", "Failed")


def test_raising_the_exception_of_a_good_state_does_nothing():
    raise_state_exception(Completed())
    with pytest.raises(FailedRun):
        raise_state_exception(Failed())
    with pytest.raises(ValueError, match="not a failure"):
        get_state_exception(Completed())
