"""`flowstone run`: the flow meant is found and called as asked; its end is the exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowstone.cli import main as main_module
from flowstone.settings import load
from flowstone.wiring.process import PROCESS

ETL = """
from flowstone import flow
import beside

@flow
def nightly(day: str, /, retries=3, *, tables: list | None = None):
    print("nightly", repr(day), retries, tables, beside.HERE)
    return day

@flow(name="anything")
async def hourly(**rest):
    print("hourly", rest)
"""
BROKEN = """
from flowstone import flow

def deep():
    raise ValueError("no such day")

@flow
def fails():
    deep()
"""
YIELDS = """
from flowstone import flow

@flow
def counts(n):
    for i in range(n):
        print("at", i)
        yield i

@flow
async def acounts(n):
    for i in range(n):
        print("at", i)
        yield i
"""
TAKES = "Flow 'nightly' takes: day, retries, tables."


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, home):
    """Files with flows, a fresh log in this test's home, and modules that are gone afterwards."""
    (tmp_path / "etl.py").write_text(ETL)
    (tmp_path / "beside.py").write_text("HERE = 'beside'\n")
    (tmp_path / "broken.py").write_text(BROKEN)
    (tmp_path / "one.py").write_text(
        "from flowstone import flow\nfrom etl import hourly\n@flow\ndef only(): print('only')\n"
    )
    (tmp_path / "yields.py").write_text(YIELDS)
    (tmp_path / "none.py").write_text("x = 1\n")
    monkeypatch.setattr(sys, "path", list(sys.path))
    PROCESS.restart(load({"FLOWSTONE_HOME": str(home)}))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    PROCESS.restart()
    for name in {"etl", "beside", "broken", "one", "none", "yields", "bad", "away"} & set(
        sys.modules
    ):
        del sys.modules[name]


def test_a_flow_gets_its_parameters_as_json_or_text_and_sees_the_files_beside_it(cli):
    code, out, _ = cli(
        "run", "etl.py:nightly", "--param", "day=2026", "-p", "retries=5", "-p", 'tables=["a"]'
    )
    assert code == 0
    assert out == "nightly '2026' 5 ['a'] beside\n"


def test_an_async_flow_is_awaited_and_takes_any_name_if_it_says_so(cli):
    assert cli("run", "etl.py:hourly", "-p", "x=1", "-p", "y=a b")[:2] == (
        0,
        "hourly {'x': 1, 'y': 'a b'}\n",
    )


@pytest.mark.parametrize("name", ["counts", "acounts"])
def test_a_flow_that_is_a_generator_runs_to_its_end(cli, name):
    assert cli("run", f"yields.py:{name}", "-p", "n=2")[:2] == (0, "at 0\nat 1\n")


def test_a_module_is_found_from_the_working_directory(cli):
    assert cli("run", "etl:hourly")[:2] == (0, "hourly {}\n")


def test_without_a_name_the_only_flow_of_the_file_runs(cli):
    assert cli("run", "one.py")[:2] == (0, "only\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["etl.py"], "etl.py has 2 flows; say which: etl.py:hourly, etl.py:nightly"),
        (["none.py"], "none.py has no flow. Put @flow on a function in it."),
        (["none.py:x"], "none.py has 'x', but it is not a flow. Its flows: none."),
        (
            ["etl.py:nightl"],
            "etl.py has no 'nightl'. Did you mean 'nightly'? Its flows: hourly, nightly.",
        ),
        (["gone.py:x"], "there is no file 'gone.py' (looked for {folder}/gone.py)."),
        (["gone.mod:x"], "there is no module 'gone.mod'. For a file, write its path: FILE.py:flow"),
        (
            ["etl.py:nightly"],
            "missing parameters: day. Give them with --param day=…. {takes}",
        ),
        (
            ["etl.py:nightly", "-p", "retry=1"],
            "there is no parameter 'retry'. Did you mean 'retries'? {takes}",
        ),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line(cli, folder, words, message):
    code, out, err = cli("run", *words)
    assert (code, out) == (1, "")
    assert err == f"Error: {message.format(folder=folder, takes=TAKES)}\n"


def test_a_parameter_without_a_value_is_wrong_usage(cli):
    code, _, err = cli("run", "etl.py:hourly", "-p", "x")
    assert code == 2
    assert "'x' is not of the form name=value" in err


def test_a_failed_run_exits_with_1_and_its_error_is_shown_once_with_the_users_frames(cli):
    code, out, err = cli("run", "broken.py:fails")
    assert (code, out) == (1, "")
    assert err.count("Traceback") == 1
    assert 'raise ValueError("no such day")' in err
    assert "in deep" in err
    assert "flowstone/engine" not in err


def test_an_error_is_shown_too_where_the_console_is_quiet():
    done = subprocess.run(
        [sys.executable, "-m", "flowstone.cli", "run", "broken.py:fails"],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(main_module.__file__).parents[2]),
            "FLOWSTONE_LOGGING_LEVEL": "CRITICAL",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("ValueError: no such day") == 1
    assert done.stderr.count("  File ") == 2


def test_an_interrupted_run_exits_with_130_and_is_crashed(cli, folder):
    (folder / "one.py").write_text(
        "from flowstone import flow\n@flow\ndef stuck(): raise KeyboardInterrupt\n"
    )
    code, _, err = cli("run", "one.py")
    assert code == 130
    assert err.endswith("Interrupted.\n")
    assert "Crashed" in cli("flow-run", "ls")[1]


def test_a_file_that_does_not_import_shows_why_and_then_one_line(cli, folder):
    (folder / "bad.py").write_text("import away\n")
    (folder / "away.py").write_text("1 / 0\n")
    code, _, err = cli("run", "bad.py:x")
    assert code == 1
    assert "ZeroDivisionError" in err
    assert err.count("  File ") == 2
    assert err.splitlines()[-1] == "Error: 'bad.py:x' could not be imported (see above)."


def test_a_file_whose_name_is_taken_by_a_module_in_use_is_refused(cli, folder):
    (folder / "logging.py").write_text("")
    assert "Rename the file." in cli("run", "logging.py:x")[2]
