from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.shape import house

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(100)
def test_the_package_keeps_to_its_layers_lengths_and_lists():
    assert house.violations(ROOT / "src") == []


def test_the_top_of_the_package_holds_what_users_import_and_nothing_else():
    found = {path.stem for path in (ROOT / "src" / house.PACKAGE).glob("*.py")}
    assert found == house.PUBLIC


def test_tests_benchmarks_and_examples_keep_to_the_lengths():
    found = []
    for folder in ("tests", "benchmarks", "examples"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.parent.name != "broken":
                found += house.length_violations(path, str(path.relative_to(ROOT)))
    assert found == []


PLANTED = {
    "a lower row imports a higher one": (
        "core/runs.py",
        "from flowstone.log import frames",
        "row 1 imports flowstone.log.frames of row 2",
    ),
    "the log imports the public face": (
        "log/writer.py",
        "import flowstone.tasks",
        "row 2 imports flowstone.tasks of row 9",
    ),
    "the server imports the command line": (
        "server/app.py",
        "from flowstone.cli.main import main",
        "row 10 imports flowstone.cli.main of row 11",
    ),
    "a module imports from the face": (
        "tasks.py",
        "from flowstone import flow",
        "imports from the face",
    ),
    "core looks at the clock": ("core/states.py", "import time", "pure layer core imports time"),
    "the engine waits in a class": (
        "engine/task_run.py",
        "class C:\n    import threading",
        "pure layer engine imports threading",
    ),
    "a function imports what is not lazy": (
        "tasks.py",
        "def f():\n    if True:\n        import json",
        "imports json inside a function",
    ),
    "a method imports a neighbour": (
        "tasks.py",
        "class C:\n    async def f(self):\n        from flowstone.core import ids",
        "imports flowstone.core.ids inside a function",
    ),
    "a heavy module is imported at the top": (
        "flows.py",
        "from pydantic import BaseModel",
        "imports pydantic, which is lazy, at the top",
    ),
    "a relative import": ("log/reader.py", "from .frames import scan", "by a relative name"),
    "a list of names that is not sorted": (
        "tasks.py",
        '__all__ = ["task", "Task"]',
        "__all__ is not sorted",
    ),
    "a list of names that is computed": (
        "tasks.py",
        "__all__: list[str] = [n for n in dir()]",
        "not a plain list",
    ),
    "a file that is no Python": ("tasks.py", "def f(", "was never closed"),
    "a drawer": ("log/utils.py", "", "a module is named for its noun"),
    "a drawer with modules in it": ("common/times.py", "", "a module is named for its noun"),
    "a file of 501 lines": ("tasks.py", "\n" * 501, "501 lines"),
    "a function of 61 lines": ("tasks.py", "def f():\n" + "    x = 1\n" * 60, "f has 61 lines"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_breaks_a_rule_of_the_house_is_found(name, tmp_path):
    where, text, expected = PLANTED[name]
    for module in ("log/frames.py", "core/ids.py", "cli/main.py", where):
        path = tmp_path / "flowstone" / module
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if module == where else "")
    found = house.violations(tmp_path)
    assert len(found) == 1
    assert expected in found[0]
    assert where in found[0]


ALLOWED = {
    "a lazy module inside a function": ("tasks.py", "def f():\n    import asyncio"),
    "the clock in a driver": ("drive/blocking.py", "import time"),
    "a row above": ("engine/task_run.py", "from flowstone.core import ids"),
    "its own row": ("tasks.py", "from flowstone.flows import flow"),
    "a higher row for the type checker alone": (
        "core/runs.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import flowstone.tasks",
    ),
    "a sorted list": ("tasks.py", '__all__ = ["Task", "task"]'),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_the_rules_allow_is_not_found(name, tmp_path):
    where, text = ALLOWED[name]
    path = tmp_path / "flowstone" / where
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert house.violations(tmp_path) == []


@pytest.mark.parametrize("layer", sorted(house.PURE))
def test_the_tests_of_the_pure_layers_import_no_clock_no_thread_and_no_loop(layer):
    found = []
    for path in (ROOT / "tests" / layer).glob("*.py"):
        for one in house.imports_of(ast.parse(path.read_bytes()), ROOT):
            if one.module.partition(".")[0] in house.WAITING or "drive" in one.module:
                found.append(f"{path.name}:{one.line}: {one.module}")
    assert found == []
