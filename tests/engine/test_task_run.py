from __future__ import annotations

from typing import Any

import pytest

from flowstone.core.context import current
from flowstone.core.facts import TaskRunCarried
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.policy import Policy
from flowstone.core.runs import TaskRun
from flowstone.engine.task_run import task_run
from flowstone.exceptions import FailedRun
from flowstone.states import Cancelled, Completed, Failed, Pending, State
from tests.engine.scripted import Notebook, Scripted, Spec, finish, surroundings


class Told:
    """One task run, told by scripted surroundings."""

    def __init__(self, *outcomes: Any, draw: float = 0.5, args: tuple = (), **options: Any) -> None:
        self.ops, self.notebook, self.run = Scripted(*outcomes), Notebook(), TaskRun()
        self.spec = Spec(**options)
        env = surroundings(self.notebook, draw)
        self.story = task_run(self.spec, self.run, args, {}, self.ops, env)

    def outcome(self) -> Outcome:
        return finish(self.story)

    @property
    def states(self) -> list[str]:
        return self.notebook.states


def test_a_plain_successful_run_is_two_facts():
    told = Told(Ok(7))
    assert told.outcome() == Ok(7)
    assert told.states == ["Running", "Completed"]
    assert told.ops.log == ["call"]
    assert [fact.at for fact in told.notebook.facts] == [1000, 1001]
    assert not told.notebook.open


def test_a_failed_attempt_waits_then_runs_again():
    told = Told(Err(ValueError()), Ok(7), policy=Policy(retries=1, delays=(60.0,)))
    assert told.outcome() == Ok(7)
    assert told.states == ["Running", "AwaitingRetry", "Retrying", "Completed"]
    assert told.ops.log == ["call", ("sleep", 60.0), "call"]
    assert told.run.run_count == 2
    assert [fact.sequence for fact in told.notebook.facts[1:]] == [2, 3, 4]


def test_a_retry_without_a_delay_does_not_wait():
    told = Told(Err(ValueError()), Err(ValueError()), Ok(1), policy=Policy(retries=2))
    assert told.outcome() == Ok(1)
    assert told.states == ["Running", "Retrying", "Retrying", "Completed"]
    assert told.ops.log == ["call"] * 3


def test_a_run_whose_retries_are_exhausted_fails_with_the_last_error():
    last = ValueError("second")
    told = Told(Err(ValueError("first")), Err(last), policy=Policy(retries=1))
    assert told.outcome().error is last
    assert told.states == ["Running", "Retrying", "Failed"]
    message = "Task run encountered an exception ValueError: second"
    assert told.run.message == told.notebook.facts[-1].message == message
    assert told.notebook.told == [
        "failed ValueError('first') - Retry 1/1 will start immediately",
        "failed ValueError('second') - Retries are exhausted",
        "ended Failed",
    ]


def test_without_retries_the_message_has_no_suffix():
    told = Told(Err(ValueError("x")))
    told.outcome()
    assert told.notebook.told[0] == "failed ValueError('x')"


def test_delays_go_in_order_and_the_last_repeats():
    errors = [Err(ValueError())] * 3
    told = Told(*errors, Ok(1), policy=Policy(retries=3, delays=(1.0, 5.0)))
    told.outcome()
    assert [entry[1] for entry in told.ops.log if entry != "call"] == [1.0, 5.0, 5.0]


def test_an_awaited_retry_is_scheduled_for_its_time():
    told = Told(Err(ValueError()), Ok(1), policy=Policy(retries=1, delays=(2.0,)))
    told.outcome()
    fact = told.notebook.facts[1]
    assert fact.scheduled == fact.at + 2_000_000_000


@pytest.mark.parametrize("answer", [False, 0, ""])
def test_a_condition_that_says_no_ends_the_run(answer):
    policy = Policy(retries=3, condition=lambda task, run, state: answer)
    told = Told(Err(ValueError()), policy=policy)
    assert isinstance(told.outcome(), Err)
    assert told.states == ["Running", "Failed"]


def test_a_condition_sees_the_failed_state_with_the_exception():
    seen = []
    error = ValueError("x")
    policy = Policy(retries=1, condition=lambda *given: seen.append(given) or True)
    told = Told(Err(error), Ok(1), policy=policy)
    told.outcome()
    [(task, run, state)] = seen
    assert task is told.spec
    assert run is told.run
    assert state.is_failed()
    assert state.data is error


def test_a_condition_that_raises_means_no_retry():
    def broken(task, run, state):
        raise KeyError("oops")

    told = Told(Err(ValueError()), policy=Policy(retries=3, condition=broken))
    told.outcome()
    assert told.states == ["Running", "Failed"]
    assert "condition failed KeyError('oops')" in told.notebook.told


@pytest.mark.parametrize(
    ("factor", "drawn", "delay"),
    [
        (0.5, 0.0, 5.0),
        (0.5, 0.5, 10.0),
        (1.0, 0.999, 19.98),
        (3.0, 0.5, 10 * 4 * (1 - 0.5 ** (1 / 3))),
    ],
)
def test_jitter_is_drawn_for_each_retry(factor, drawn, delay):
    policy = Policy(retries=1, delays=(10.0,), jitter=factor)
    told = Told(Err(ValueError()), Ok(1), policy=policy, draw=drawn)
    told.outcome()
    assert told.ops.log[1] == ("sleep", pytest.approx(delay))


@pytest.mark.parametrize(
    ("interrupt", "message"),
    [
        (KeyboardInterrupt(), "Execution was aborted by an interrupt signal."),
        (SystemExit(3), "Execution was aborted by Python system exit call."),
        (GeneratorExit(), "Execution was cancelled by the runtime environment."),
    ],
)
def test_what_is_no_exception_crashes_the_run_and_goes_on(interrupt, message):
    told = Told(interrupt, policy=Policy(retries=5))
    with pytest.raises(type(interrupt)):
        told.outcome()
    assert told.states == ["Running", "Crashed"]
    assert told.notebook.facts[-1].message == message
    assert not told.notebook.open


def test_an_interrupt_before_the_first_record_leaves_all_that_is_known_of_the_run():
    told = Told(Ok(1))

    def opened(run, fact):
        told.notebook.open.add(run.key)
        raise KeyboardInterrupt

    told.notebook.opened = opened
    with pytest.raises(KeyboardInterrupt):
        told.outcome()
    carried, crashed = told.notebook.facts
    assert isinstance(carried, TaskRunCarried)
    assert carried.created.run == crashed.run == told.run.key
    assert (carried.sequence, crashed.sequence) == (1, 2)


def test_an_interrupt_while_waiting_to_retry_is_a_crash():
    told = Told(Err(ValueError()), policy=Policy(retries=1, delays=(60.0,)))

    def interrupted(context, seconds):
        raise KeyboardInterrupt

    told.ops.sleep = interrupted
    with pytest.raises(KeyboardInterrupt):
        told.outcome()
    assert told.states == ["Running", "AwaitingRetry", "Crashed"]


def test_an_error_of_the_engines_own_is_recorded_as_a_crash():
    told = Told(RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        told.outcome()
    assert told.states == ["Running", "Crashed"]
    assert told.run.message == (
        "Execution was interrupted by an unexpected exception: RuntimeError: a bug"
    )


def test_a_returned_state_is_the_final_state():
    told = Told(Ok(Completed(name="Checked", message="all good", data=5)))
    assert told.outcome() == Ok(5)
    assert told.states == ["Running", "Checked"]
    assert told.notebook.facts[-1].message == "all good"


def test_a_returned_failed_state_is_retried_and_raises_its_message():
    failed = Failed(message="not today")
    told = Told(Ok(failed), Ok(failed), policy=Policy(retries=1))
    outcome = told.outcome()
    assert told.states == ["Running", "Retrying", "Failed"]
    with pytest.raises(FailedRun, match="not today"):
        outcome.unwrap()


def test_a_returned_cancelled_state_is_not_retried():
    told = Told(Ok(Cancelled()), policy=Policy(retries=1))
    told.outcome()
    assert told.states == ["Running", "Cancelled"]


@pytest.mark.parametrize(
    ("states", "name", "message"),
    [
        ([Completed(), Completed()], "Completed", "All states completed."),
        ([Completed(), Failed(), Failed()], "Failed", "2/3 states failed."),
        ((Failed(), Cancelled()), "Cancelled", "1/2 states cancelled."),
        ([Completed(), Pending()], "Failed", "1/2 states are not final."),
    ],
)
def test_returned_states_are_summed_up(states, name, message):
    told = Told(Ok(states))
    told.outcome()
    assert told.states[-1] == name
    assert told.run.message == message


def test_states_among_other_values_are_just_a_value():
    value = [Failed(), 1]
    told = Told(Ok(value))
    assert told.outcome() == Ok(value)
    assert told.states == ["Running", "Completed"]


def test_hooks_fire_in_order_with_the_state_that_was_entered():
    calls: list[tuple[str, str, Any]] = []

    def note(which):
        def hook(task, run, state: State):
            calls.append((which, state.name, state.data))

        return hook

    told = Told(
        Err(ValueError("x")),
        Ok(3),
        policy=Policy(retries=1),
        on_running=[note("running")],
        on_completion=[note("first"), note("second")],
        on_failure=[note("failure")],
    )
    told.outcome()
    assert calls == [
        ("running", "Running", None),
        ("running", "Retrying", None),
        ("first", "Completed", 3),
        ("second", "Completed", 3),
    ]


def test_a_hook_that_raises_changes_nothing():
    def broken(task, run, state):
        raise KeyError("oops")

    told = Told(Ok(3), on_running=[broken], on_completion=[broken])
    assert told.outcome() == Ok(3)
    assert told.notebook.told.count("hook failed KeyError('oops')") == 2


def test_failure_hooks_do_not_fire_for_crashes():
    fired = []
    told = Told(KeyboardInterrupt(), on_failure=[lambda *given: fired.append(given)])
    with pytest.raises(KeyboardInterrupt):
        told.outcome()
    assert not fired


def test_a_name_template_is_filled_with_the_parameters():
    told = Told(Ok(1), args=(5,), signature=lambda x, y=2: 0, run_name="x={x} y={y:03d}")
    told.outcome()
    assert told.run.name == "x=5 y=002"


def test_a_name_function_may_take_the_parameters():
    def name(parameters):
        return f"got {parameters}"

    told = Told(Ok(1), args=(5,), signature=lambda x: 0, run_name=name)
    told.outcome()
    assert told.run.name == "got {'x': 5}"


@pytest.mark.parametrize(
    ("name", "error"),
    [("{nope}", KeyError), (lambda: None, TypeError), (lambda: 1 / 0, ZeroDivisionError)],
)
def test_a_name_that_cannot_be_made_fails_the_run_without_a_retry(name, error):
    fired = []
    told = Told(
        run_name=name, policy=Policy(retries=3), on_failure=[lambda *given: fired.append(given)]
    )
    outcome = told.outcome()
    assert isinstance(outcome.error, error)
    assert told.states == ["Pending", "Failed"]
    assert "call" not in told.ops.log
    assert len(fired) == 1


def test_the_run_is_current_while_the_body_runs_and_not_after():
    seen = []

    def look():
        seen.append(current.get())

    told = Told(fn=look)
    told.outcome()
    assert seen[0].run is told.run
    assert current.get() is None


def test_a_story_dropped_in_another_context_leaves_that_contexts_run_alone():
    told = Told(Ok(1))
    told.story.close()
    assert current.get() is None
    assert told.states == []
