"""What a body's return value makes of its run: a value, or a state that the user built.

A returned `State` that the user built is the run's final state. The state of another run, or a
list, tuple or set of states and nothing else, is summed up, and the caller gets it as it is: all
completed is Completed; else any cancelled is Cancelled, any paused is Paused, and anything else is
Failed.
"""

from __future__ import annotations

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
    return Err(exception_of(state))


def state_after(run: Any, outcome: Outcome) -> State:
    """Return the state that a run ended in, with its value or its exception."""
    if run.returned is not None:
        data = run.returned.data
    else:
        data = outcome.error if isinstance(outcome, Err) else outcome.value
    state: State = run.state_with(data)
    return state


def _sum_up(states: list[State]) -> State:
    total = len(states)
    failed = next((state for state in states if not state.is_completed()), None)
    if failed is None:
        return State(StateType.COMPLETED, message="All states completed.", data=states)
    for kind, verb in ((StateType.CANCELLED, "cancelled"), (StateType.PAUSED, "paused")):
        if hits := sum(state.type is kind for state in states):
            return State(kind, message=f"{hits}/{total} states {verb}.", data=states)
    open_states = sum(not state.is_final() for state in states)
    if open_states:
        message = f"{open_states}/{total} states are not final."
    else:
        message = f"{sum(not state.is_completed() for state in states)}/{total} states failed."
    return State(StateType.FAILED, message=message, data=states)
