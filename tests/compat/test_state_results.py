"""What a state's `result` gives, and which states runs end in: reference sections 3.4 and 2.7."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from flowstone import flow, task
from flowstone.core.states import UNKEPT
from flowstone.exceptions import (
    CancelledRun,
    CrashedRun,
    FailedRun,
    MissingResult,
    PausedRun,
    UnfinishedRun,
)
from flowstone.states import (
    Cancelled,
    Cancelling,
    Completed,
    Crashed,
    Failed,
    Paused,
    Pending,
    Running,
    Scheduled,
    aget_state_exception,
    araise_state_exception,
    get_state_exception,
)


@pytest.mark.parametrize("make", [Pending, Running, Scheduled, Cancelling])
@pytest.mark.parametrize("raises", [True, False])
def test_a_run_that_has_not_ended_has_no_result(make, raises):
    state = make()
    message = f"Run is in {state.type.value} state, its result is not available."
    with pytest.raises(UnfinishedRun) as info:
        state.result(raise_on_failure=raises)
    assert str(info.value) == message


@pytest.mark.parametrize("raises", [True, False])
def test_a_paused_run_has_no_result(raises):
    with pytest.raises(PausedRun, match="paused"):
        Paused().result(raise_on_failure=raises)


@pytest.mark.parametrize(
    ("make", "wrapper", "default"),
    [
        (Failed, FailedRun, "Run failed."),
        (Crashed, CrashedRun, "Run crashed."),
        (Cancelled, CancelledRun, "Run cancelled."),
    ],
)
def test_each_bad_end_raises_its_own_error(make, wrapper, default):
    error = KeyError("own")
    with pytest.raises(KeyError) as info:
        make(data=error).result()
    assert info.value is error
    for state, text in ((make(), default), (make(message="m"), "m"), (make(data="text"), "text")):
        with pytest.raises(wrapper) as wrapped:
            state.result()
        assert str(wrapped.value) == text


def test_the_states_in_a_failed_state_stand_for_it():
    with pytest.raises(FailedRun, match="inner"):
        Failed(data=Failed(message="inner")).result()
    states = [Completed(data=1), Pending(), Failed(message="first"), Crashed(message="second")]
    for data in (states, tuple(states)):
        with pytest.raises(FailedRun, match="first"):
            Failed(data=data).result()
    with pytest.raises(CrashedRun, match="second"):
        Failed(data={states[0], states[3]}).result()
    with pytest.raises(CancelledRun, match="stop"):
        Failed(data=[Pending(), Cancelled(message="stop")][1:]).result()


def test_a_failed_state_of_completed_ones_has_no_exception():
    with pytest.raises(ValueError, match="all of them are completed"):
        Failed(data=[Completed(data=1)]).result()
    with pytest.raises(ValueError, match="no exception"):
        Failed(data=Completed(data=1)).result()


@pytest.mark.parametrize("data", [5, [], {"a": 1}])
def test_other_data_cannot_be_raised_but_can_be_had(data):
    with pytest.raises(TypeError, match=f"of type {type(data).__name__}"):
        Failed(data=data).result()
    assert Failed(data=data).result(raise_on_failure=False) is data


def test_without_raising_the_data_is_given_as_it_is():
    error, states = ValueError("x"), [Failed()]
    assert Failed(data=error).result(raise_on_failure=False) is error
    assert Crashed(data="text").result(raise_on_failure=False) == "text"
    assert Failed(data=states).result(raise_on_failure=False) is states


def test_without_raising_and_data_the_error_is_made_of_the_message():
    error = Cancelled(message="by me").result(raise_on_failure=False)
    assert (type(error), str(error)) == (CancelledRun, "by me")


def test_a_value_that_was_not_kept_is_a_missing_result():
    with pytest.raises(MissingResult, match="not kept"):
        Completed(data=UNKEPT).result()


def test_a_completed_state_that_was_made_without_data_gives_none():
    assert Completed(message="nothing to do").result() is None


def test_results_and_exceptions_can_be_awaited():
    async def ask():
        assert await Completed(data=5).aresult() == 5
        assert isinstance(await Failed().aresult(raise_on_failure=False), FailedRun)
        assert str(await aget_state_exception(Failed(message="m"))) == "m"
        await araise_state_exception(Completed())
        with pytest.raises(FailedRun, match="m"):
            await araise_state_exception(Failed(message="m"))

    asyncio.run(ask())


def test_the_exception_of_a_state_is_the_one_that_its_run_raised(home):
    error = ValueError("x")

    @task
    def fail():
        raise error

    assert get_state_exception(fail(return_state=True)) is error


@pytest.mark.parametrize("make", [task, flow])
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyboardInterrupt, "Execution was aborted by an interrupt signal."),
        (SystemExit, "Execution was aborted by Python system exit call."),
        (
            asyncio.CancelledError,
            "Execution was cancelled by the runtime environment.",
        ),
        (
            type("Odd", (BaseException,), {}),
            "Execution was interrupted by an unexpected exception: Odd: why",
        ),
    ],
)
def test_what_is_no_failure_of_its_own_crashes_a_run(recorded, make, error, message):
    @make(name="crashing")
    def crashing():
        raise error("why")

    with pytest.raises(error):
        crashing()
    *_, last = [fact for fact in recorded.facts if type(fact).__name__.endswith("RunChanged")]
    assert last.message == message


@pytest.mark.parametrize("make", [task, flow])
def test_a_cancelled_async_run_is_a_crash(recorded, make):
    @make(name="waiting")
    async def waiting():
        await asyncio.sleep(60)

    async def cancel():
        running = asyncio.ensure_future(waiting())
        await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancel())
    *_, last = [fact for fact in recorded.facts if type(fact).__name__.endswith("RunChanged")]
    assert last.message == "Execution was cancelled by the runtime environment."


def test_sigterm_crashes_the_flow_run_and_then_goes_to_the_handler_that_was_there(recorded):
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    seen = []

    @flow(flow_run_name="ended", on_crashed=[lambda flow, run, state: seen.append(state.message)])
    def ended():
        os.kill(os.getpid(), signal.SIGTERM)
        while not seen:
            pass

    try:
        with pytest.raises(BaseException) as info:
            ended()
        assert signal.getsignal(signal.SIGTERM).__name__ == "<lambda>"
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not isinstance(info.value, Exception)
    assert seen == ["Execution was aborted by a termination signal."]
    assert heard == [signal.SIGTERM]
    assert recorded.states("ended")[-1] == "Crashed"


@pytest.mark.parametrize("make", [task, flow])
def test_a_returned_state_is_the_runs_own_with_its_name_message_and_data(home, make):
    @make
    def checked():
        return Completed(name="Checked", message="all good", data=[1])

    state = checked(return_state=True)
    assert str(state) == "Checked('all good', type=COMPLETED)"
    assert state.result() == checked() == [1]


@pytest.mark.parametrize("make", [task, flow])
def test_a_returned_failed_state_raises_what_it_carries(home, make):
    error = LookupError("mine")

    @make
    def failed():
        return Failed(data=error)

    assert failed(return_state=True).is_failed()
    with pytest.raises(LookupError) as info:
        failed()
    assert info.value is error


@pytest.mark.parametrize("make", [task, flow])
@pytest.mark.parametrize(("data", "error"), [(7, TypeError), ([Completed(data=1)], ValueError)])
def test_a_returned_failed_state_that_carries_no_exception_is_failed(home, make, data, error):
    @make
    def failed():
        return Failed(message="odd", data=data)

    state = failed(return_state=True)
    assert str(state) == "Failed('odd')"
    assert state.result(raise_on_failure=False) is data
    with pytest.raises(error, match=r"Failed\('odd'\)"):
        failed()


def test_a_flow_that_returns_paused_raises_so(home):
    @flow
    def paused():
        return Paused(message="waiting for a signature")

    assert str(paused(return_state=True)) == "Paused('waiting for a signature')"
    with pytest.raises(PausedRun):
        paused()


@pytest.mark.parametrize(
    ("states", "summed_up"),
    [
        ([Completed(), Completed()], "Completed('All states completed.')"),
        ([Completed(), Failed()], "Failed('1/2 states failed.')"),
        ((Completed(), Crashed()), "Failed('1/2 states failed.')"),
        ([Failed(), Pending()], "Failed('1/2 states failed.')"),
        ([Completed(), Pending()], "Failed('1/2 states are not final.')"),
        ([Cancelled(), Failed()], "Cancelled('1/2 states cancelled.')"),
        ([Paused(), Failed()], "Paused('1/2 states paused.')"),
        ([Cancelled(), Paused()], "Cancelled('1/2 states cancelled.')"),
    ],
)
def test_returned_states_are_summed_up(home, states, summed_up):
    @flow
    def several():
        return states

    assert str(several(return_state=True)) == summed_up


@pytest.mark.parametrize("value", [{"a": Failed()}, (Failed(), 1), [Failed(), None], []])
def test_states_among_other_values_are_just_a_value(home, value):
    @flow
    def mixed():
        return value

    assert mixed(return_state=True).is_completed()
    assert mixed() == value


def test_returned_good_states_come_back_as_the_list_that_they_are_in(home):
    states = [Completed(data=1), Completed(data=2)]

    @flow
    def several():
        task(lambda: None).submit()
        return states

    assert several() is states
