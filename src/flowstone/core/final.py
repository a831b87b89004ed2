"""What a body's return value makes of its run: a value, or a state that the user built.

A returned `State` that the user built is the run's final state. The state of another run, or a
list, tuple or set of states and nothing else, is summed up, and the caller gets it as it is: all
completed is Completed; else any cancelled is Cancelled, any paused is Paused, and anything else is
Failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from flowstone.annotations import Annotation
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.states import State, StateType, exception_of, is_state_iterable

CARRIERS = (State, list, tuple, set)
"""The types of return values that may carry states; a value of no other type needs a look."""


def final_state(value: Any) -> State | None:
    """Return the state that a return value asks for, or None where it is just a value."""
    if isinstance(value, State):
        details = value.state_details
        is_of_a_run = details.task_run_id is not None or details.flow_run_id is not None
        return _sum_up([value]) if is_of_a_run else value
    if isinstance(value, Annotation):  # a tuple too, and what is quoted is just a value
        return None
    return _sum_up(list(value)) if is_state_iterable(value) else None


def outcome_of(value: Any, state: State) -> Outcome:
    """Return what the caller of a run gets, whose body returned `value` and that ended as `state`.

    A summed-up list of states comes back as it is; a single state's data is the value.
    """
    if state.is_completed():
        return Ok(state.data if value is state else value)
    try:
        return Err(exception_of(state))
    except (TypeError, ValueError) as error:  # its data is no exception, and this says so
        return Err(error)


def state_after(run: Any, outcome: Outcome) -> State:
    """Return the state that a run ended in, with its value or its exception."""
    if run.returned is not None:
        data = run.returned.data
    else:
        data = outcome.error if isinstance(outcome, Err) else outcome.value
    state: State = run.state_with(data)
    return state


class StateGroup:
    """How many states of each type there are among some."""

    def __init__(self, states: Iterable[State]) -> None:
        self.states = list(states)
        self.type_counts = Counter(state.type for state in self.states)
        self.total_count = len(self.states)
        self.final_count = sum(state.is_final() for state in self.states)
        self.not_final_count = self.total_count - self.final_count
        self.cancelled_count = self.type_counts[StateType.CANCELLED]
        self.paused_count = self.type_counts[StateType.PAUSED]

    @property
    def fail_count(self) -> int:
        """How many have failed or crashed."""
        return self.type_counts[StateType.FAILED] + self.type_counts[StateType.CRASHED]

    def all_completed(self) -> bool:
        """Whether all are completed."""
        return self.type_counts[StateType.COMPLETED] == self.total_count

    def all_final(self) -> bool:
        """Whether all have ended."""
        return self.not_final_count == 0

    def any_cancelled(self) -> bool:
        """Whether one is cancelled."""
        return self.cancelled_count > 0

    def any_failed(self) -> bool:
        """Whether one has failed or crashed."""
        return self.fail_count > 0

    def any_paused(self) -> bool:
        """Whether one is paused."""
        return self.paused_count > 0

    def counts_message(self) -> str:
        """Return the counts as text: `total=3, COMPLETED=2, FAILED=1`."""
        counts = {kind.value: count for kind, count in self.type_counts.items() if count}
        if self.not_final_count:
            counts = {"not_final": self.not_final_count, **counts}
        return ", ".join(f"{name}={n}" for name, n in {"total": self.total_count, **counts}.items())


def _sum_up(states: list[State]) -> State:
    group = StateGroup(states)
    total = group.total_count
    if group.all_completed():
        return State(StateType.COMPLETED, message="All states completed.", data=states)
    if group.any_cancelled():
        message = f"{group.cancelled_count}/{total} states cancelled."
        return State(StateType.CANCELLED, message=message, data=states)
    if group.any_paused():
        message = f"{group.paused_count}/{total} states paused."
        return State(StateType.PAUSED, message=message, data=states)
    if group.any_failed():
        message = f"{group.fail_count}/{total} states failed."
    else:
        message = f"{group.not_final_count}/{total} states are not final."
    return State(StateType.FAILED, message=message, data=states)
