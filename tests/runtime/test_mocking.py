from __future__ import annotations

from datetime import datetime

import pytest

from flowstone import flow
from flowstone.runtime import deployment, flow_run, task_run

MOCKS = {
    "a text": (task_run, "NAME", "mine", "mine"),
    "a text of another module": (deployment, "ID", "d", "d"),
    "a whole number": (task_run, "RUN_COUNT", "7", 7),
    "a moment": (
        flow_run,
        "SCHEDULED_START_TIME",
        "2024-01-02T03:04:05+00:00",
        datetime.fromisoformat("2024-01-02T03:04:05+00:00"),
    ),
    "a name that there is not": (flow_run, "INVENTED", "x", "x"),
}


def variable(module, name):
    return f"FLOWSTONE__RUNTIME__{module.__name__.rpartition('.')[2].upper()}__{name}"


@pytest.mark.parametrize("what", MOCKS)
def test_a_variable_stands_in_for(what, monkeypatch):
    module, name, text, expected = MOCKS[what]
    monkeypatch.setenv(variable(module, name), text)
    assert getattr(module, name.lower()) == expected


@pytest.mark.parametrize(("name", "kind"), [("TAGS", "list"), ("PARAMETERS", "dict")])
def test_no_variable_stands_in_for_many_values(name, kind, monkeypatch):
    monkeypatch.setenv(variable(flow_run, name), "x")
    with pytest.raises(ValueError, match=f"is of type {kind}, which no variable can stand in for"):
        getattr(flow_run, name.lower())


@pytest.mark.parametrize("name", ["RUN_COUNT", "SCHEDULED_START_TIME"])
def test_a_variable_of_the_wrong_kind_is_an_error_that_names_it(name, monkeypatch):
    monkeypatch.setenv(variable(flow_run, name), "soon")
    with pytest.raises(ValueError, match=rf"flow_run\.{name.lower()} is of type .*says 'soon'"):
        getattr(flow_run, name.lower())


def test_a_variable_wins_over_the_run(home, monkeypatch):
    @flow
    def outer():
        monkeypatch.setenv(variable(flow_run, "NAME"), "mocked")
        return flow_run.name

    assert outer() == "mocked"


def test_the_variables_of_one_module_are_not_those_of_another(monkeypatch):
    monkeypatch.setenv(variable(flow_run, "NAME"), "mocked")
    assert task_run.name is None
