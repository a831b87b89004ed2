"""Where a live display has a place, and where it has none."""

from __future__ import annotations

import io
import os
import pty
import sys
import types

import pytest

from flowstone.drive.live.switch import terminal_of

TERMINAL = {"TERM": "xterm"}


@pytest.fixture
def stream(monkeypatch):
    """A stream that is a terminal, where nobody tests."""
    master, slave = pty.openpty()
    stream = os.fdopen(slave, "w")
    for name in ("pytest", "ipykernel", "debugpy", "pydevd"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "gettrace", lambda: None)
    yield stream
    stream.close()
    os.close(master)


@pytest.mark.parametrize("environ", [TERMINAL, {**TERMINAL, "CI": "false"}, {**TERMINAL, "CI": ""}])
def test_on_a_terminal_there_is_a_place(stream, environ):
    assert terminal_of(stream, environ) == stream.fileno()


@pytest.mark.parametrize("environ", [{}, {"TERM": "dumb"}, {**TERMINAL, "CI": "1"}])
def test_a_terminal_without_a_moving_cursor_and_ci_have_none(stream, environ):
    assert terminal_of(stream, environ) is None


@pytest.mark.parametrize("module", ["pytest", "ipykernel", "debugpy", "pydevd"])
def test_under_tests_notebooks_and_debuggers_there_is_none(stream, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, types.ModuleType(module))
    assert terminal_of(stream, TERMINAL) is None


def test_where_this_thread_is_traced_there_is_none(stream, monkeypatch):
    monkeypatch.setattr(sys, "gettrace", lambda: print)
    assert terminal_of(stream, TERMINAL) is None


def test_where_a_debugger_monitors_there_is_none(stream, monkeypatch):
    monitoring = types.SimpleNamespace(DEBUGGER_ID=0, get_tool={0: "a debugger"}.get)
    monkeypatch.setattr(sys, "monitoring", monitoring, raising=False)
    assert terminal_of(stream, TERMINAL) is None


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("other", [None, io.StringIO(), closed(), object()])
def test_a_stream_that_is_no_terminal_has_none(stream, other):
    assert terminal_of(other, TERMINAL) is None


def test_a_file_has_none(stream, tmp_path):
    with (tmp_path / "out").open("w") as file:
        assert terminal_of(file, TERMINAL) is None
