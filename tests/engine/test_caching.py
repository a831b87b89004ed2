"""The story of a run whose result is kept, told without a clock, a thread or a disk."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from flowstone.core.keys import Ingredients
from flowstone.core.outcome import Err, Ok
from flowstone.core.policy import Keeping, Policy
from flowstone.core.runs import TaskRun
from flowstone.engine.task_run import task_run
from flowstone.exceptions import UnreadableResult
from flowstone.results.kept import Kept
from tests.engine.scripted import Notebook, Scripted, Spec, finish, name_of, surroundings


class Told(Notebook):
    def append(self, fact: Any) -> None:
        if type(fact).__name__ == "ResultNoted":
            self.told.append(("noted", fact.key, fact.is_hit, fact.is_kept, fact.reason))
        else:
            super().append(fact)

    def warned(self, context: Any, text: str) -> None:
        self.told.append(f"warned {text}")

    def uncached(self, context: Any, text: str) -> None:
        self.told.append(f"uncached {text}")


class Flight:
    at = 1

    def __init__(self, holder: Any) -> None:
        self.holder = holder
        self.is_done = False

    def would_hang(self, context: Any, *, blocks: bool) -> bool:
        return False

    def awaited_by(self, context: Any) -> Any:
        return self

    def end(self) -> None:
        self.is_done = True


class Shelf:
    """Gives what it was told to give, one answer a look, and then that there is nothing."""

    place = "there"
    refresh = False
    lock_manager = None

    def __init__(self, *found: Any, key: str | None = "k", error: Exception | None = None) -> None:
        self.found = list(found)
        self.saved: list[Any] = []
        self.failure: Exception | None = None
        self.policy = SimpleNamespace(ingredients=lambda *_: Ingredients(key, error=error))
        self.others: list[Flight] = []
        self.own: list[Flight] = []

    def load(self, key: str, now: int) -> Any:
        found = self.found.pop(0) if self.found else "Nothing was kept under its key."
        if isinstance(found, Exception):
            raise found
        return found

    def save(self, key: str, value: Any, origin: Any) -> int:
        if self.failure is not None:
            raise self.failure
        self.saved.append((key, value, *origin[3:]))
        return 1

    def begin(self, key: str, holder: Any) -> Flight:
        if self.others:
            return self.others.pop(0)
        self.own.append(Flight(holder))
        return self.own[-1]


class Ops(Scripted):
    async def load(self, shelf: Any, key: str, now: int) -> Any:
        self.log.append("load")
        return await self.call(shelf.load, (key, now), {})

    async def save(self, shelf: Any, *what: Any) -> Any:
        self.log.append("save")
        return await self.call(shelf.save, what, {})

    async def wait(self, context: Any, runs: Any, timeout: Any = None) -> None:
        self.log.append("wait")
        for run in runs:
            run.is_done = True


def kept(value: Any, seconds: float = 2.0) -> Any:
    return Kept(value, SimpleNamespace(seconds=seconds))  # type: ignore[arg-type]


def tell(shelf: Shelf, *outcomes: Any, **options: Any) -> Any:
    """Tell the life of a run; return the outcome, the notebook and the verbs that were used."""
    notebook, ops = Told(), Ops(*outcomes)
    env = surroundings(notebook)
    env = msgspec.structs.replace(env, results=SimpleNamespace(shelf=lambda context: shelf))
    spec = Spec(persists=True, **options)
    spec.keeping = Keeping(policy=shelf.policy, is_usual=False)
    outcome = finish(task_run(spec, TaskRun(), (), {}, ops, env))
    verbs = [verb for verb in ops.log if isinstance(verb, str)]
    return outcome, notebook, verbs


def states(notebook: Told) -> list[str]:
    return [name_of(fact) for fact in notebook.facts]


def test_a_result_that_is_found_is_given_without_the_body():
    outcome, notebook, verbs = tell(Shelf(kept(7)))
    assert outcome == Ok(7)
    assert verbs == ["load"]
    assert states(notebook) == ["Running", "Cached"]
    assert notebook.told == [("noted", "k", True, True, None), "ended Cached"]


def test_a_result_that_is_not_found_is_kept_before_the_run_is_completed():
    shelf = Shelf()
    outcome, notebook, verbs = tell(shelf, Ok(7))
    assert outcome == Ok(7)
    assert verbs == ["load", "load", "call", "save"]
    assert shelf.saved == [("k", 7, "add")]
    assert states(notebook) == ["Running", "Completed"]
    reason = "Nothing was kept under its key."
    assert notebook.told == [("noted", "k", False, True, reason), "ended Completed"]
    assert shelf.own[0].is_done


def test_what_was_kept_between_the_look_and_the_turn_is_found():
    shelf = Shelf("Nothing was kept under its key.", kept(7))
    outcome, _, verbs = tell(shelf)
    assert (outcome, verbs) == (Ok(7), ["load", "load"])
    assert shelf.own[0].is_done


def test_a_result_is_looked_for_before_any_slot_is_asked_for():
    outcome, _, verbs = tell(Shelf(kept(7)), tags=("db",))
    assert (outcome, verbs) == (Ok(7), ["load"])


def test_a_run_waits_for_an_identical_one_as_pending_and_is_given_its_result():
    shelf = Shelf("Nothing was kept under its key.", kept(7))
    shelf.others = [Flight(None)]
    outcome, notebook, verbs = tell(shelf)
    assert outcome == Ok(7)
    assert verbs == ["load", "wait", "load"]
    assert states(notebook) == ["Pending", "Pending", "Running", "Cached"]
    assert notebook.facts[1].message == "Queued: an identical call is under way"


def test_a_run_whose_twin_failed_takes_over():
    shelf = Shelf()
    shelf.others = [Flight(None)]
    outcome, notebook, verbs = tell(shelf, Ok(7))
    assert outcome == Ok(7)
    assert verbs == ["load", "wait", "load", "load", "call", "save"]
    assert states(notebook) == ["Pending", "Pending", "Running", "Completed"]


def test_a_result_that_cannot_be_saved_is_told_and_reaches_the_caller():
    shelf = Shelf()
    shelf.failure = OSError("the disk is full")
    outcome, notebook, _ = tell(shelf, Ok(7))
    assert outcome == Ok(7)
    assert states(notebook) == ["Running", "Completed"]
    assert notebook.told[0] == "warned The result was not kept: the disk is full"
    assert notebook.told[1][:4] == ("noted", "k", False, False)


def test_a_result_that_cannot_be_read_is_told_and_made_anew():
    shelf = Shelf(UnreadableResult("it is cut"), UnreadableResult("it is cut"))
    outcome, notebook, verbs = tell(shelf, Ok(7))
    assert (outcome, verbs) == (Ok(7), ["load", "load", "call", "save"])
    assert notebook.told[0] == "warned it is cut. It is computed again."
    assert notebook.told[-2] == ("noted", "k", False, True, "it is cut")


def test_a_call_without_a_key_runs_and_tells_why():
    outcome, notebook, verbs = tell(Shelf(key=None, error=ValueError("no")), Ok(7))
    assert (outcome, verbs) == (Ok(7), ["call"])
    reason = "Calls of task 'add' are not cached: its cache policy raised ValueError: no"
    assert notebook.told == [
        f"uncached {reason}", ("noted", None, False, False, reason), "ended Completed",
    ]  # fmt: skip


@pytest.mark.parametrize("retries", [0, 1])
def test_a_run_that_fails_keeps_its_error_by_its_id_and_lets_others_go_on(retries):
    shelf, errors = Shelf(), [ValueError("first"), ValueError("last")]
    outcomes = [Err(error) for error in errors[1 - retries :]]
    outcome, notebook, verbs = tell(shelf, *outcomes, policy=Policy(retries=retries))
    assert outcome.error is errors[1]
    [(key, value, _)] = shelf.saved
    assert (len(key), value) == (36, errors[1])
    assert states(notebook)[-1] == "Failed"
    assert shelf.own[0].is_done
    assert verbs.count("save") == 1


def test_a_run_that_is_interrupted_lets_others_go_on():
    shelf = Shelf()
    with pytest.raises(KeyboardInterrupt):
        tell(shelf, KeyboardInterrupt())
    assert shelf.own[0].is_done
    assert shelf.saved == []
