"""What an import may load: counted, not timed, so that it holds on any machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = frozenset(
    {
        "argparse",
        "asyncio",
        "cloudpickle",
        "concurrent.futures",
        "email",
        "fsspec",
        "http",
        "httpx",
        "json",
        "multiprocessing",
        "numpy",
        "pathlib",
        "pydantic",
        "rich",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "tempfile",
        "unittest",
        "urllib.request",
    }
)
FACE = "import flowstone; flowstone.task; flowstone.flow"
HELLO = """
import logging
from flowstone import flow, task

@task
def double(n):
    return 2 * n

@flow
def hello():
    return double(21)

assert hello() == 42
"""


def loaded_by(program: str, tmp_path) -> set[str]:
    """Return the modules that a process has loaded when it has run a program."""
    ended = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint('\\n' + ' '.join(sys.modules))"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "", "FLOWSTONE_HOME": str(tmp_path / "home"), **_python_path()},
    )
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.splitlines()[-1].split())


def _python_path() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(path for path in sys.path if path.endswith("src"))}


def test_the_decorators_load_nothing_that_a_script_may_not_use(tmp_path):
    loaded = loaded_by(FACE, tmp_path)
    assert "flowstone.tasks" in loaded
    assert HEAVY & loaded == set()
    assert not {"dataclasses", "logging", "flowstone.engine", "flowstone.log"} & loaded


def test_the_decorators_load_neither_store_nor_command_line(tmp_path):
    loaded = loaded_by(FACE, tmp_path)
    rows = ("flowstone.store", "flowstone.cli", "flowstone.server", "flowstone.testing")
    assert [name for name in loaded if name.startswith(rows)] == []


def test_the_name_of_the_package_alone_loads_nothing_of_it(tmp_path):
    loaded = loaded_by("import flowstone", tmp_path)
    assert [name for name in loaded if name.startswith("flowstone.")] == []


def test_a_synchronous_run_loads_nothing_that_waits_or_validates(tmp_path):
    assert HEAVY & loaded_by(HELLO, tmp_path) == set()


@pytest.mark.parametrize("heavy", ["json", "asyncio"])
def test_a_module_that_a_program_loads_is_seen(heavy, tmp_path):
    assert heavy in loaded_by(f"import {heavy}", tmp_path)


def test_the_core_and_the_engine_load_no_loop_no_log_and_no_driver(tmp_path):
    engine = "import flowstone.engine.task_run, flowstone.engine.flow_run, flowstone.states"
    loaded = loaded_by(engine, tmp_path)
    assert "flowstone.core.runs" in loaded
    assert not [name for name in loaded if name.startswith(("flowstone.drive", "flowstone.log"))]
    assert not {"asyncio", "sqlite3", "socket", "subprocess", "threading"} & set(loaded)
