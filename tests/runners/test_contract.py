"""What holds for every task runner."""

from __future__ import annotations

import threading
import time

import pytest

from flowstone import flow, tags, task, unmapped
from flowstone.cache_policies import INPUTS
from flowstone.context import FlowRunContext
from flowstone.exceptions import CancelledRun, UpstreamTaskError
from flowstone.states import State
from flowstone.wiring.process import PROCESS
from tests.runners import bodies


def within(runner, body, **options):
    """Run a function as a flow with this runner."""
    return flow(body, task_runner=runner, **options)()


def wait_for_file(path, seconds=10):
    end = time.monotonic() + seconds
    while not path.exists() or not path.read_text():
        assert time.monotonic() < end, f"{path} was not written"
        time.sleep(0.01)
    return path.read_text()


def test_results_come_back_in_the_order_of_the_futures(home, runner):
    assert within(runner, lambda: bodies.double.map(range(20)).result()) == [*range(0, 40, 2)]


def test_futures_go_into_arguments_and_wait_for(home, runner, recorded):
    def body():
        one = bodies.double.submit(1)
        many = bodies.double.map([one, one])
        return bodies.add.submit([one, many[1]], y=[3], wait_for=[many]).result()

    assert within(runner, body) == [2, 4, 3]
    assert recorded.states("add-0") == ["Pending", "Running", "Completed"]


def test_unmapped_and_lists_of_futures_are_mapped_over(home, runner):
    def body():
        firsts = bodies.double.map([1, 2])
        return bodies.add.map(firsts, y=unmapped(10)).result()

    assert within(runner, body) == [12, 14]


def test_a_callback_may_wait_for_a_run_that_ends_later(home, runner):
    def body():
        for number in range(5):  # what is known to be short may be waited for differently
            bodies.double.submit(number).result()
        told = []
        later = threading.Event()
        first = bodies.double.submit(1)

        def waits(_):
            assert later.wait(10)
            told.append(second.result(timeout=10))

        first.add_done_callback(waits)
        second = bodies.double.submit(2)
        later.set()
        end = time.monotonic() + 20
        while not told and time.monotonic() < end:
            time.sleep(0.01)
        return told

    assert within(runner, body) == [4]


def test_callbacks_have_been_called_when_the_flow_has_ended(home, runner):
    told = []

    def tells(future):
        time.sleep(0.2)
        told.append(future.result())

    def body():
        future = bodies.double.submit(2)
        future.add_done_callback(tells)
        future.wait()

    within(runner, body)
    assert told == [4]


def test_an_error_is_the_users_own_with_its_lines_and_its_cause(home, runner):
    def body():
        future = bodies.fails_in_its_own_way.submit()
        with pytest.raises(bodies.OwnError, match="code 3") as raised:
            future.result()
        return raised.value, future.state

    error, state = within(runner, body)
    assert (error.code, error.hint) == (3, "try again")
    assert isinstance(error.__cause__, ValueError)
    assert state.is_failed()
    lines = []
    place = error.__traceback__
    while place is not None:
        lines.append((place.tb_frame.f_code.co_name, place.tb_frame.f_code.co_filename))
        place = place.tb_next
    assert ("fails_in_its_own_way", bodies.__file__) in lines


def test_the_log_of_a_failure_shows_the_line_of_the_users_code(home, runner, capfd):
    within(runner, lambda: bodies.fails.submit("with a place").wait())
    shown = capfd.readouterr().err
    assert "raise ValueError(text)" in shown


def test_a_failed_upstream_makes_a_run_not_ready(home, runner, recorded):
    def body():
        down = bodies.double.submit(bodies.fails.submit())
        with pytest.raises(UpstreamTaskError):
            down.result()

    within(runner, body)
    assert recorded.states("double-0") == ["Pending", "NotReady"]


def test_retries_run_the_body_again(home, runner, recorded, tmp_path):
    marks = str(tmp_path / "marks")
    assert within(runner, lambda: bodies.succeeds_at_last.submit(marks).result()) == 3
    assert recorded.states("succeeds_at_last-0") == [
        *("Pending", "Running", "Retrying", "Retrying", "Completed")
    ]


def test_states_that_a_body_returns_are_its_end(home, runner):
    def body():
        good, bad = bodies.completed.submit([1]), bodies.failed.submit()
        bad.wait()
        return good.state.message if good.wait() is None else "", good.result(), bad.state

    message, data, bad = within(runner, body)
    assert (message, data) == ("done", [1])
    assert bad.is_failed()
    assert bad.message == "on purpose"


def test_a_submitted_generator_gives_a_list(home, runner):
    assert within(runner, lambda: bodies.counts.submit(3).result()) == [0, 1, 2]


def test_async_tasks_run_too(home, runner):
    assert within(runner, lambda: bodies.apid.submit().result()) > 0


def test_a_body_that_exits_crashes_its_run_and_no_other(home, runner):
    def body():
        future = bodies.leaves.submit()
        with pytest.raises(SystemExit):
            future.result()
        return future.state, bodies.double.submit(1).result()

    state, other = within(runner, body)
    assert state.is_crashed()
    assert other == 2


def test_a_task_sees_where_it_was_submitted(home, runner):
    @flow(task_runner=runner, flow_run_name="it", name="of it")
    def body(given):
        before = bodies.double.submit(1)
        with tags("b", "a"):
            return bodies.sees.submit(wait_for=[before]).result()

    seen = body(7)
    assert seen.pop("colour") == "none"
    assert seen == {
        "tags": ["a", "b"],
        "flow": "it",
        "flow of": "of it",
        "parameters": {"given": 7},
        "task": "sees",
        "name": "sees-0",
        "mine": {},
        "upstream": {"wait_for": ["double-0"]},
    }


def test_tags_of_a_block_that_begins_later_are_seen(home, runner):
    def body():
        first = bodies.sees.submit().result()
        with tags("later"):
            return first["tags"], bodies.sees.submit().result()["tags"]

    assert within(runner, body) == ([], ["later"])


def test_what_a_task_logs_and_prints_is_in_its_log(home, runner, recorded):
    within(runner, lambda: bodies.tells.submit("it").wait())
    assert {"printed it", "logged it"} <= set(recorded.lines)


def test_tasks_inside_of_tasks_are_runs_of_their_own(home, runner, recorded):
    assert within(runner, lambda: bodies.nests.submit(3).result()) == (6, 6, [0, 2, 4])
    outer = recorded.created("nests-0")
    inner = [fact for fact in recorded.facts if getattr(fact, "parent", None) == outer.run]
    assert len(inner) == 5
    assert {fact.flow_run for fact in inner} == {outer.flow_run}
    assert len({fact.name for fact in inner}) == 5
    assert max(fact.tags for fact in inner) == ("inner",)


def test_recursive_submits_come_back(home, runner):
    assert within(runner, lambda: bodies.recurs.submit(10).result()) == 10


def test_a_flow_ends_when_what_its_tasks_submitted_has_ended(home, runner, tmp_path):
    path = tmp_path / "late"
    within(runner, lambda: bodies.leaves_behind.submit(str(path)).wait())
    assert path.read_text() == "done"


def test_what_a_function_declares_can_be_submitted(home, runner):
    offset = 5

    class Local:
        def __init__(self, value):
            self.value = value

    @task
    def local(x):
        assert isinstance(x, Local)
        return Local(x.value + offset)

    result = within(runner, lambda: local.submit(Local(1)).result())
    assert isinstance(result, Local)
    assert result.value == 6


def test_a_timeout_ends_a_body_and_the_next_one_runs(home, runner, tmp_path):
    path = tmp_path / "sleeper"

    def body():
        slow = bodies.sleeps.with_options(timeout_seconds=0.5).submit(30, str(path))
        with pytest.raises(TimeoutError):
            slow.result()
        return slow.state, bodies.double.submit(1).result()

    state, other = within(runner, body)
    assert state.name == "TimedOut"
    assert other == 2
    assert wait_for_file(path) == "interrupted"


def test_cancelling_a_future_ends_its_body(home, runner, tmp_path):
    path = tmp_path / "sleeper"

    def body():
        future = bodies.sleeps.submit(30, str(path))
        wait_for_file(path)
        began = time.monotonic()
        assert future.cancel()
        with pytest.raises(CancelledRun):
            future.result()
        return future.state, time.monotonic() - began

    state, seconds = within(runner, body)
    assert state.is_cancelled()
    assert seconds < 5
    assert path.read_text() == "interrupted"


def test_a_cancelled_run_that_has_not_begun_never_does(home, runner, tmp_path):
    path = tmp_path / "never"

    def body():
        gates = [bodies.sleeps.submit(0.5) for _ in range(2)]
        future = bodies.writes.submit(str(path), wait_for=gates)
        assert future.cancel()
        future.wait()
        return future.state.name, [gate.is_done for gate in gates]

    assert within(runner, body) == ("Cancelled", [False, False])
    assert not path.exists()


def test_a_flow_that_exceeds_its_time_ends_its_tasks(home, runner, tmp_path):
    path = tmp_path / "sleeper"

    def body():
        bodies.sleeps.submit(30, str(path))
        wait_for_file(path)
        time.sleep(30)

    state = flow(body, task_runner=runner, timeout_seconds=2)(return_state=True)
    assert state.name == "TimedOut"
    assert path.read_text() == "interrupted"


def test_the_flow_that_is_around_a_task_is_not_the_callers(home, runner):
    inner = flow(lambda: bodies.sees.submit().result()["flow"], name="inner", task_runner=runner)

    @flow
    def outer():
        return inner(), FlowRunContext.get().flow_run.name

    seen, own = outer()
    assert seen != own


def test_a_runner_can_be_used_by_itself(home, runner):
    with runner:
        future = runner.submit(bodies.add, {"x": 1})
        assert runner.submit(bodies.add, {"x": future, "y": 5}).result() == 7
        assert runner.map(bodies.double, {"x": [1, 2]}).result() == [2, 4]


def test_a_state_tells_its_result_elsewhere_too(home, runner):
    def body():
        state = bodies.double.submit(2, return_state=True)
        assert isinstance(state, State)
        return bodies.add.submit(state).result()

    assert within(runner, body) == 5


def test_a_kept_result_is_not_made_again(home, runner, recorded, tmp_path):
    kept = bodies.adds_a_mark.with_options(cache_policy=INPUTS, persist_result=True)

    def body():
        first = kept.submit(str(tmp_path / "marks")).result()
        return first, kept.submit(str(tmp_path / "marks")).result()

    assert within(runner, body) == (1, 1)
    assert recorded.states("adds_a_mark-1")[-1] == "Cached"


def test_the_limit_of_a_tag_holds_wherever_bodies_run(home, runner, tmp_path):
    PROCESS.limits.definitions.create("tag:narrow", 1)
    narrow = bodies.occupies.with_options(tags=["narrow"])
    assert within(runner, lambda: narrow.map([str(tmp_path / "mark")] * 5).result()) == [True] * 5


def test_hooks_that_cannot_be_pickled_do_not_keep_a_task_from_running(home, runner):
    lock, seen = threading.Lock(), []

    def hook(_task, run, _state):
        with lock:
            seen.append(run.name)

    @task(on_completion=[hook])
    def local():
        return 1

    assert within(runner, lambda: local.submit().result()) == 1
    assert seen == ["local-0"]
