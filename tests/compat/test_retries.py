"""How often a run is tried, when, and what is said of it: reference section 9.1."""

from __future__ import annotations

import asyncio
import functools
import statistics
import time
from datetime import UTC, datetime, timedelta

import pytest

from flowstone import flow, task
from flowstone.context import get_run_context
from flowstone.runtime import task_run
from flowstone.states import Cancelled, Completed, Failed
from flowstone.tasks import exponential_backoff

WAYS = ["direct", "submitted", "async", "async submitted"]


def failing(times, way="direct", error=ValueError, **options):
    """Return a task that fails so many times, and then says how often it was called."""
    calls = []

    def body():
        calls.append(time.monotonic())
        if len(calls) <= times:
            raise error(f"call {len(calls)}")
        return len(calls)

    async def abody():
        return body()

    made = task(abody if "async" in way else body, name="failing", **options)
    made.calls_seen = calls
    return made


def run(made, way="direct"):
    """Call a task in a flow run, in this way, and return its state."""
    if way == "async":

        @flow
        async def outer():
            return [await made(return_state=True)]

        return asyncio.run(outer(return_state=True)).data[0]

    @flow
    def outer():
        return [made.submit(return_state=True) if way != "direct" else made(return_state=True)]

    return outer(return_state=True).data[0]


@pytest.mark.parametrize("way", WAYS)
def test_n_retries_are_n_and_one_attempts(home, way):
    made = failing(9, way, retries=2)
    state = run(made, way)
    assert len(made.calls_seen) == 3
    assert str(state.result(raise_on_failure=False)) == "call 3"


@pytest.mark.parametrize("way", WAYS)
def test_without_a_delay_the_states_are_running_and_retrying(recorded, way):
    assert run(failing(2, way, retries=3), way).result() == 3
    assert recorded.states("failing-0") == [
        "Pending",
        "Running",
        "Retrying",
        "Retrying",
        "Completed",
    ]


@pytest.mark.parametrize("way", WAYS)
def test_with_a_delay_the_run_awaits_each_retry(recorded, way):
    state = run(failing(9, way, retries=2, retry_delay_seconds=0.01), way)
    assert state.name == "Failed"
    assert recorded.states("failing-0") == [
        "Pending",
        "Running",
        "AwaitingRetry",
        "Retrying",
        "AwaitingRetry",
        "Retrying",
        "Failed",
    ]


def test_a_run_that_awaits_its_retry_says_until_when(home):
    seen = []

    @task(retries=1, retry_delay_seconds=0.5)
    def once():
        if not seen:
            seen.append(get_run_context().task_run)
            raise ValueError

    @flow
    def outer():
        before = datetime.now(UTC)
        future = once.submit()
        while not (seen and future.state.is_scheduled()):
            time.sleep(0.01)
        state = future.state
        assert state.name == "AwaitingRetry"
        return [before, state.state_details.scheduled_time, datetime.now(UTC)]

    before, due, after = outer()
    half = timedelta(seconds=0.5)
    assert before + half <= due <= after + half


def waits(made):
    """Return the seconds between the calls of a task."""
    return [
        later - sooner for sooner, later in zip(made.calls_seen, made.calls_seen[1:], strict=False)
    ]


def test_delays_go_in_order_and_the_last_repeats(home):
    made = failing(4, retries=4, retry_delay_seconds=[0, 0.05, 0.2])
    assert run(made).result() == 5
    first, second, third, fourth = waits(made)
    assert first >= 0
    assert second >= 0.05
    assert third >= 0.2
    assert fourth >= 0.2


def test_a_function_of_delays_is_called_once_at_the_declaration(home):
    asked = []

    def delays(retries):
        asked.append(retries)
        return [0.01] * retries

    made = failing(2, retries=2, retry_delay_seconds=delays)
    assert run(made).result() == 3
    assert asked == [2]


def test_exponential_backoff_doubles_up_to_fifty_delays():
    assert exponential_backoff(0.5)(4) == [0.5, 1, 2, 4]
    assert len(exponential_backoff(1)(60)) == 50


def test_jitter_spreads_the_delays_around_their_mean(home):
    made = failing(100, retries=100, retry_delay_seconds=0.01, retry_jitter_factor=1)
    assert run(made).result() == 101
    spread = waits(made)
    assert min(spread) < 0.008
    assert max(spread) > 0.012
    assert statistics.mean(spread) >= 0.008


class Refuses:
    """Conditions of every kind: only the first failure may be tried again."""

    def method(self, task, run, state):
        return str(state.data) == "call 1"

    def __call__(self, task, run, state):
        return self.method(task, run, state)

    @classmethod
    def of_the_class(cls, task, run, state):
        return cls().method(task, run, state)


class RefusesAsync:
    async def __call__(self, task, run, state):
        return Refuses().method(task, run, state)


def plain(task, run, state):
    return Refuses().method(task, run, state)


async def asynchronous(task, run, state):
    await asyncio.sleep(0)
    return Refuses().method(task, run, state)


def with_more(word, task, run, state):
    return str(state.data) == word


CONDITIONS = [
    plain,
    asynchronous,
    lambda task, run, state: plain(task, run, state),  # noqa: PLW0108  it is the kind that counts
    Refuses(),
    RefusesAsync(),
    Refuses().method,
    Refuses.of_the_class,
    functools.partial(with_more, "call 1"),
    functools.partial(asynchronous),
]


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("way", WAYS)
def test_a_condition_may_be_any_callable(home, condition, way):
    made = failing(9, way, retries=5, retry_condition_fn=condition)
    assert run(made, way).is_failed()
    assert len(made.calls_seen) == 2


def test_a_condition_gets_the_task_its_run_and_the_failed_state(home):
    seen = []

    def condition(task, run, state):
        seen.append((task.name, run.run_count, state.name, type(state.data), state.message))
        return True

    run(failing(2, retries=2, retry_condition_fn=condition))
    message = "Task run encountered an exception ValueError: call {}"
    assert seen == [
        ("failing", 1, "Failed", ValueError, message.format(1)),
        ("failing", 2, "Failed", ValueError, message.format(2)),
    ]


def test_a_condition_gets_the_state_that_the_body_returned(home):
    returned, seen = Failed(message="not yet", data=7), []

    @task(retries=1, retry_condition_fn=lambda task, run, state: seen.append(state))
    def fails():
        return returned

    assert run(fails).name == "Failed"
    assert seen == [returned]


def test_a_condition_that_raises_is_told_and_means_no_retry(home, caplog):
    def condition(task, run, state):
        raise LookupError("in the condition")

    made = failing(9, retries=5, retry_condition_fn=condition)
    assert run(made).name == "Failed"
    assert len(made.calls_seen) == 1
    [record] = [record for record in caplog.records if "retry_condition_fn" in record.message]
    assert record.levelname == "ERROR"
    assert isinstance(record.exc_info[1], LookupError)


def test_a_condition_whose_answer_has_no_truth_means_no_retry(home, caplog):
    class Unsure:
        def __bool__(self):
            raise LookupError("neither")

    made = failing(9, retries=5, retry_condition_fn=lambda *given: Unsure())
    state = run(made)
    assert state.name == "Failed"
    assert not isinstance(state.data, LookupError)
    assert len(made.calls_seen) == 1
    assert "retry_condition_fn" in caplog.text


def test_a_condition_is_not_asked_when_no_retry_is_left(home):
    asked = []
    run(failing(9, retries=1, retry_condition_fn=lambda *given: asked.append(1) or True))
    assert len(asked) == 1


def test_a_returned_failed_state_is_tried_again_and_a_cancelled_one_is_not(home):
    calls = []

    @task(retries=2)
    def returns(make):
        calls.append(1)
        return make() if len(calls) < 3 else Completed(data="good")

    assert returns(Failed) == "good"
    assert len(calls) == 3
    calls.clear()
    assert returns(Cancelled, return_state=True).is_cancelled()
    assert len(calls) == 1


@pytest.mark.parametrize("way", WAYS)
def test_an_attempt_that_exceeds_its_time_is_tried_again(home, way):
    calls = []

    def body():
        calls.append(1)
        if len(calls) == 1:
            time.sleep(5)
        return "in time"

    async def abody():
        calls.append(1)
        if len(calls) == 1:
            await asyncio.sleep(5)
        return "in time"

    made = task(abody if "async" in way else body, retries=1, timeout_seconds=0.1)
    assert run(made, way).result() == "in time"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_crash_is_not_tried_again(recorded, error):
    made = failing(9, retries=3, error=error)
    with pytest.raises(error):
        made()
    assert len(made.calls_seen) == 1
    assert recorded.states("failing") == ["Pending", "Running", "Crashed"]


def test_each_retry_is_announced_with_its_number_and_when_it_starts(recorded):
    run(failing(9, retries=2, retry_delay_seconds=[0.01, 0]))
    first, second, last = [
        line for line in recorded.lines if line.startswith("Task run failed with exception: ")
    ]
    told = "Task run failed with exception: ValueError('call {}')"
    assert first.startswith(told.format(1) + " - Retry 1/2 will start 0.01 second(s) from now")
    assert second.startswith(told.format(2) + " - Retry 2/2 will start immediately")
    assert last.splitlines()[0] == told.format(3) + " - Retries are exhausted"


def test_without_retries_nothing_is_said_of_them(recorded):
    run(failing(9))
    [line] = [line for line in recorded.lines if line.startswith("Task run failed")]
    assert line.splitlines()[0] == "Task run failed with exception: ValueError('call 1')"


def test_each_attempt_sees_its_own_count_and_state(home):
    seen = []

    @task(retries=2)
    def looks():
        own = get_run_context().task_run
        seen.append((own.run_count, own.state_name, task_run.run_count))
        if len(seen) < 3:
            raise ValueError

    run(looks)
    assert seen == [(1, "Running", 1), (2, "Retrying", 2), (3, "Retrying", 3)]


def test_the_name_is_made_once_and_not_again_for_a_retry(recorded):
    named = []

    def name():
        named.append(1)
        return f"try {len(named)}"

    made = failing(2, retries=2, task_run_name=name)
    run(made)
    assert len(named) == 1
    assert recorded.states("try 1")[-1] == "Completed"


def test_a_retry_is_the_same_run(recorded):
    ids = []

    @task(retries=2)
    def same():
        ids.append(task_run.id)
        if len(ids) < 3:
            raise ValueError

    run(same)
    assert len(set(ids)) == 1
    assert len([fact for fact in recorded.facts if type(fact).__name__ == "TaskRunCreated"]) == 1


def test_the_time_between_attempts_is_not_run_time(home):
    seen = []

    @task(
        retries=1,
        retry_delay_seconds=0.3,
        on_completion=[lambda task, run, state: seen.append(run)],
    )
    def once():
        if task_run.run_count == 1:
            raise ValueError

    run(once)
    [ended] = seen
    assert (ended.end_time - ended.start_time).total_seconds() >= 0.3
    assert ended.total_run_time.total_seconds() < 0.3


def test_a_flow_is_tried_again_as_the_same_run_with_delays(recorded):
    ids = []

    @flow(name="again", flow_run_name="again", retries=2, retry_delay_seconds=0.01)
    def again():
        ids.append(get_run_context().flow_run.id)
        if len(ids) < 3:
            raise ValueError
        return len(ids)

    assert again() == 3
    assert len(set(ids)) == 1
    assert recorded.states("again") == [
        "Pending",
        "Running",
        "AwaitingRetry",
        "Retrying",
        "AwaitingRetry",
        "Retrying",
        "Completed",
    ]


def test_a_task_run_knows_the_attempt_of_its_flow_run(home):
    seen = []

    @task
    def counts():
        seen.append(get_run_context().task_run.flow_run_run_count)

    @flow(retries=1)
    def runs():
        counts()
        counts.submit().result()
        if len(seen) < 4:
            raise ValueError

    runs()
    counts()
    assert seen == [1, 1, 2, 2, 0]
