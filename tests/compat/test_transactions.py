"""Transactions around tasks: what takes effect when, what is undone, and in which order."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest

from flowstone import flow, task
from flowstone.results import ResultStore
from flowstone.states import Failed
from flowstone.transactions import (
    Transaction,
    get_transaction,
    transaction,
)
from tests.compat.diary import Diary
from tests.face.recorded import Recorded

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def diary() -> Diary:
    return Diary()


def told(recorded: Recorded) -> list[str]:
    """What the log says of hooks, without tracebacks."""
    return [line.partition("\n")[0] for line in recorded.lines if "hook" in line]


def bad_hook(_transaction: Any) -> None:
    raise RuntimeError("a hook failed")


def test_a_task_alone_commits_at_its_own_end(diary):
    assert diary.step("a")() == "a"
    assert diary.entries == ["+a"]


def test_tasks_in_a_transaction_commit_together_at_its_end_in_their_order(diary):
    with transaction() as outer:
        diary.step("a")()
        diary.step("b")()
        assert diary.entries == []
    assert diary.entries == ["+a", "+b"]
    assert outer.is_committed()


def test_an_exception_undoes_what_was_done_before_the_last_first_and_goes_on(diary):
    with pytest.raises(KeyError), transaction() as outer:
        diary.step("a")()
        diary.step("b")()
        raise KeyError("x")
    assert diary.entries == ["-b", "-a"]
    assert outer.is_rolled_back()


def test_a_failing_task_rolls_back_those_before_it_and_not_itself(diary):
    with pytest.raises(ValueError, match="no"), transaction():
        diary.step("a")()
        diary.step("f", ValueError("no"))()
    assert diary.entries == ["-a"]


def test_a_failing_task_rolls_back_the_transaction_also_where_its_error_is_caught(diary):
    with transaction() as outer:
        diary.step("a")()
        assert diary.step("f", ValueError("no"))(return_state=True).is_failed()
        assert diary.entries == ["-a"]
    assert outer.is_rolled_back()


def test_a_failed_state_that_a_task_returns_rolls_back_too(diary):
    @task
    def gives_up() -> Any:
        return Failed(message="no")

    with transaction() as outer:
        diary.step("a")()
        gives_up(return_state=True)
    assert outer.is_rolled_back()
    assert diary.entries == ["-a"]


def test_an_attempt_that_is_tried_again_rolls_nothing_back(diary):
    attempts: list[int] = []

    @task(retries=1)
    def flaky() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError("the first time")

    with transaction() as outer:
        diary.step("a")()
        flaky()
    assert len(attempts) == 2
    assert outer.is_committed()
    assert diary.entries == ["+a"]


def test_what_is_done_after_a_rollback_is_undone_at_once(diary):
    with transaction():
        diary.step("f", ValueError("no"))(return_state=True)
        diary.step("late")()
        assert diary.entries == ["-late"]


def test_a_nested_transaction_leaves_its_end_to_the_outer_one(diary):
    with transaction() as outer:
        with transaction() as inner:
            diary.step("a")()
        assert inner.get_parent() is outer
        assert diary.entries == []
    assert diary.entries == ["+a"]
    assert inner.is_committed()


def test_a_transaction_that_fails_inside_rolls_back_the_one_around_it(diary):
    with transaction() as outer:
        diary.step("a")()
        with contextlib.suppress(KeyError), transaction():
            diary.step("b")()
            raise KeyError("x")
        assert outer.is_rolled_back()
    assert diary.entries == ["-b", "-a"]


def test_hooks_of_a_transaction_run_after_those_inside_at_the_commit_and_before_at_a_rollback(
    diary,
):
    def run(error: Exception | None) -> None:
        with transaction() as outer:
            hooks = [diary.hook("-1"), diary.hook("-2")]
            outer.stage(None, on_rollback_hooks=hooks, on_commit_hooks=[diary.hook("+t")])
            diary.step("a")()
            if error is not None:
                raise error

    run(None)
    assert diary.entries == ["+a", "+t"]
    diary.entries.clear()
    with pytest.raises(KeyError):
        run(KeyError("x"))
    assert diary.entries == ["-2", "-1", "-a"]


def test_eager_takes_effect_at_each_tasks_end_and_stays(diary):
    with pytest.raises(KeyError), transaction(commit_mode="EAGER"):
        diary.step("a")()
        assert diary.entries == ["+a"]
        raise KeyError("x")
    assert diary.entries == ["+a"]


def test_off_is_undone_at_its_end_unless_it_was_committed(diary):
    with transaction(commit_mode="OFF") as off:
        diary.step("a")()
    assert off.is_rolled_back()
    with transaction(commit_mode="OFF") as off:
        diary.step("b")()
        assert off.commit()
        assert not off.commit()
    assert off.is_committed()
    assert diary.entries == ["-a", "+b"]


def test_a_commit_hook_that_fails_rolls_back_its_task_whose_run_stays_completed(diary, recorded):
    step = diary.step("a")
    step.on_commit(bad_hook)
    with transaction():
        state = step(return_state=True)
        diary.step("b")()
    assert state.is_completed()
    assert diary.entries == ["+a", "-a", "+b"]
    assert recorded.states("a")[-2:] == ["Completed", "RolledBack"]
    assert "An error was encountered while running commit hook 'bad_hook'" in told(recorded)


def test_a_rollback_hook_that_fails_keeps_no_other_from_running(diary, recorded):
    step = diary.step("a")
    step.on_rollback(bad_hook)
    with pytest.raises(KeyError), transaction():
        diary.step("b")()
        step()
        raise KeyError("x")
    assert diary.entries == ["-a", "-b"]
    assert "An error was encountered while running rollback hook 'bad_hook'" in told(recorded)


def test_a_run_that_was_undone_is_rolled_back_a_completed_state(diary, recorded):
    with pytest.raises(KeyError), transaction():
        diary.step("a")()
        raise KeyError("x")
    assert recorded.states("a") == ["Pending", "Running", "Completed", "RolledBack"]


def test_hooks_are_told_in_the_log(diary, recorded):
    @task(on_commit=[bad_hook])
    def a() -> None: ...

    @a.on_rollback
    def undo(_transaction: Any) -> None: ...

    a()
    assert told(recorded) == [
        "Running commit hook 'bad_hook'",
        "An error was encountered while running commit hook 'bad_hook'",
        "Running rollback hook 'undo'",
        "Rollback hook 'undo' finished running successfully",
    ]


def test_hooks_get_the_tasks_own_transaction_and_see_what_it_set():
    seen: list[Any] = []

    @task
    def a() -> None:
        own = get_transaction()
        assert own is not None
        own.set("path", "/tmp/a")
        seen.append(own)

    @a.on_commit
    def look(its: Transaction) -> None:
        seen.append((its is seen[0], its.get("path"), its.get("around"), its.is_staged()))

    with transaction() as outer:
        outer.set("around", 1)
        a()
        assert outer.get("path", "not here") == "not here"
    assert seen[1] == (True, "/tmp/a", 1, True)


def test_get_transaction_is_there_in_every_task_and_nowhere_outside():
    @task
    def plain() -> Any:
        return get_transaction()

    assert get_transaction() is None
    own = plain()
    assert isinstance(own, Transaction)
    assert own.is_committed()
    assert get_transaction() is None
    with transaction() as outer:
        assert get_transaction() is outer
        assert plain().get_parent() is outer
        assert get_transaction() is outer


def test_a_failing_task_undoes_the_tasks_with_hooks_that_it_called(diary):
    @task
    def outer() -> None:
        diary.step("a")()
        assert diary.entries == []
        raise ValueError("no")

    assert outer(return_state=True).is_failed()
    assert diary.entries == ["-a"]


def test_tasks_called_by_a_task_take_effect_with_it(diary):
    @task
    def outer() -> None:
        diary.step("a")()
        assert diary.entries == []

    outer()
    assert diary.entries == ["+a"]


def test_submitted_tasks_belong_to_the_transaction_around_them(diary):
    @flow
    def main() -> None:
        with pytest.raises(KeyError), transaction():
            diary.step("a").submit().result()
            diary.step("b").submit().result()
            raise KeyError("x")

    main()
    assert diary.entries == ["-b", "-a"]


def test_a_submitted_task_that_ends_after_its_transaction_comes_to_the_same_end(diary):
    go_on = threading.Event()

    @task
    def slow() -> None:
        assert go_on.wait(10)

    slow.on_commit(diary.hook("+slow"))
    slow.on_rollback(diary.hook("-slow"))

    @flow
    def main(error: Exception | None) -> None:
        go_on.clear()
        with contextlib.suppress(KeyError), transaction():
            future = slow.submit()
            if error is not None:
                raise error
        go_on.set()
        future.result()

    main(None)
    assert diary.entries == ["+slow"]
    main(KeyError("x"))
    assert diary.entries == ["+slow", "-slow"]


def test_many_threads_at_once_lose_no_hook(diary):
    steps = [diary.step(str(number)) for number in range(100)]

    @flow
    def main() -> None:
        with transaction():
            for one in [step.submit() for step in steps]:
                one.wait()

    main()
    assert sorted(diary.entries) == sorted(f"+{number}" for number in range(100))


def test_whenever_one_of_many_fails_all_that_completed_are_undone_exactly_once(diary):
    steps = [diary.step(str(number)) for number in range(40)]
    failing = diary.step("f", ValueError("no"))

    @flow
    def main(place: int) -> list[str]:
        with transaction() as outer:
            futures = [step.submit() for step in steps[:place]]
            futures += [failing.submit(), *(step.submit() for step in steps[place:])]
            futures[place].wait()  # the others may end before the transaction or after it
        for future in futures:
            future.wait()
        assert outer.is_rolled_back()
        return [future.result() for future in futures if future.state.is_completed()]

    for place in range(0, 40, 5):
        diary.entries.clear()
        completed = main(place)
        assert sorted(diary.entries) == sorted(f"-{name}" for name in completed)


def test_a_cached_result_has_nothing_to_undo_and_runs_no_hooks(diary, tmp_path):
    step = diary.step("a", persist_result=True, cache_key_fn=lambda *_: "key")
    step()
    diary.entries.clear()
    with pytest.raises(KeyError), transaction():
        assert step(return_state=True).name == "Cached"
        raise KeyError("x")
    assert diary.entries == []


def test_results_are_kept_at_the_outermost_commit_and_not_before():
    calls: list[int] = []

    @task(persist_result=True, cache_key_fn=lambda *_: "key")
    def one() -> int:
        calls.append(1)
        return len(calls)

    with pytest.raises(KeyError), transaction():
        one()
        raise KeyError("x")
    with transaction():
        assert [one(), one()] == [2, 3]
    assert one() == 3
    with transaction(commit_mode="EAGER"):
        assert one.with_options(refresh_cache=True)() == 4
        assert one() == 4


def test_with_a_generator_upstream_each_result_is_kept_when_its_task_finishes():
    kept: list[bool] = []

    @task
    def rows() -> Any:
        yield from range(3)

    @task(persist_result=True, cache_key_fn=lambda _, arguments: f"row-{arguments['row']}")
    def load(row: int) -> int:
        return row

    @flow
    def main() -> None:
        for row in rows():
            load(row)
            kept.append(ResultStore().exists(f"row-{row}"))

    main()
    assert kept == [True, True, True]


def test_a_result_that_cannot_be_written_undoes_nothing(diary, recorded):
    @task(persist_result=True, cache_key_fn=lambda *_: "key", result_serializer="json")
    def lock() -> Any:
        return threading.Lock()

    lock.on_rollback(diary.hook("-lock"))
    with transaction() as outer:
        assert lock(return_state=True).is_completed()
    assert outer.is_committed()
    assert diary.entries == []
    assert any("not kept" in line for line in recorded.lines)


def test_hooks_are_options_decorators_and_carried_by_with_options(diary):
    @task(on_commit=[diary.hook("+option")], on_rollback=[diary.hook("-option")])
    def a() -> None: ...

    def later(_transaction: Any) -> None:
        diary.entries.append("-decorator")

    assert a.on_rollback(later) is later
    other = a.with_options(name="other")
    with pytest.raises(KeyError), transaction():
        other()
        raise KeyError("x")
    assert diary.entries == ["-decorator", "-option"]
    a.with_options(on_commit=None)()
    assert "+option" not in diary.entries


def test_a_hook_that_is_none_is_refused_at_the_declaration():
    with pytest.raises(TypeError, match="on_rollback"):
        task(on_rollback=["undo"])(print)


def test_a_generator_tasks_transaction_does_not_reach_its_callers_code(diary):
    @task
    def numbers() -> Any:
        yield 1
        yield 2

    numbers.on_commit(diary.hook("+numbers"))

    def read() -> list[Any]:
        return [get_transaction() for _ in numbers()]

    assert read() == [None, None]
    assert diary.entries == ["+numbers"]


def test_an_interrupt_rolls_back(diary):
    with pytest.raises(KeyboardInterrupt), transaction():
        diary.step("a")()
        raise KeyboardInterrupt
    assert diary.entries == ["-a"]


def test_a_task_run_that_runs_out_of_time_rolls_back_what_is_around_it(diary):
    @task(timeout_seconds=0.05)
    def slow() -> None:
        threading.Event().wait(10)

    with pytest.raises(TimeoutError), transaction():
        diary.step("a")()
        slow()
    assert diary.entries == ["-a"]


def test_an_error_in_an_interrupted_task_with_a_transaction_of_its_own_still_undoes(diary):
    @task(timeout_seconds=0.05)
    def slow() -> None:
        with transaction() as own:
            own.stage(None, on_rollback_hooks=[diary.hook("-own")])
            threading.Event().wait(10)

    assert slow(return_state=True).name == "TimedOut"
    assert diary.entries == ["-own"]
