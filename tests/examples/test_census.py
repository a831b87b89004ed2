from __future__ import annotations

import ast
import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from examples import census
from flowstone.store.queries import open_store
from flowstone.store.rows import RunFilter

PROGRAM = """
def flat(a):
    return a

def branching(a):
    if a:                     # 1
        return 1
    elif a is None:           # 1
        return [x for x in a if x]  # 2
    for b in a:               # 1
        try:
            b()
        except ValueError:    # 1
            return a and b or a  # 2
    def inner():
        while True:           # 1, of its own
            pass

class Thing:
    def method(self):
        return 1 if self else 2  # 1
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "thing.py"
    path.write_text(PROGRAM)
    return census.Source("pack/thing.py", path)


def test_a_module_is_counted(source):
    module = census.parse_module.fn(source)
    assert (module.functions, module.classes, module.branches) == (4, 1, 10)
    assert module.lines == PROGRAM.count("\n")
    assert module.depth == 3  # branching, for, try; and branching, inner, while


def test_a_functions_complexity_is_its_own_branches_and_one(source):
    module = census.parse_module.fn(source)
    found = {function.name: function.complexity for function in module.most_complex}
    assert found == {"branching": 9, "branching.inner": 2, "Thing.method": 2, "flat": 1}


def test_an_elif_is_as_deep_as_its_if_and_an_if_within_else_is_deeper():
    chain = ast.parse("if a:\n  pass\nelif b:\n  pass\nelif c:\n  pass\n")
    nested = ast.parse("if a:\n  pass\nelse:\n  if b:\n    pass\n")
    assert max(depth for *_, depth in census.walk(chain)) == 1
    assert max(depth for *_, depth in census.walk(nested)) == 2


def test_packages_are_added_up_and_sorted_by_size():
    modules = [
        census.Module(census.Source(name, Path(name)), lines, 1, 0, 2, depth, ())
        for name, lines, depth in [("a/x.py", 10, 3), ("b/y.py", 30, 1), ("a/z.py", 15, 4)]
    ]
    table = census.tabulate.fn(modules)
    assert [(p.name, p.modules, p.lines, p.depth) for p in table.packages] == [
        ("b", 1, 30, 1),
        ("a", 2, 25, 4),
    ]
    assert table.total.lines == 55


@pytest.mark.timeout(60)
def test_the_census_reports_what_it_counted_and_what_it_could_not_parse(tmp_path):
    home, output = tmp_path / "home", tmp_path / "report"
    ended = subprocess.run(
        [sys.executable, census.__file__, "--limit", "40", "--output", output],
        env=os.environ | {"FLOWSTONE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Could not be parsed, tried twice: 3" in ended.stdout
    assert str(output / "census.md") in ended.stdout
    assert max(map(len, ended.stdout.splitlines())) <= max(80, len(str(output)) + 30)

    page = (output / "census.md").read_text()
    with (output / "failures.csv").open() as file:
        failures = list(csv.DictReader(file))
    names = ["broken/bad_encoding.py", "broken/syntax_error.py", "broken/unterminated_string.py"]
    assert [failure["module"] for failure in failures] == names
    assert all(name in page for name in names)

    with open_store(home) as store:
        [run] = store.flow_runs(RunFilter())
        tasks = store.task_runs(RunFilter(), limit=0)
    assert (run.flow_name, run.state_name) == ("census", "Completed")
    assert len(tasks) == 1 + 43 + 1 + 1
    failed = [task for task in tasks if task.state_type == "FAILED"]
    assert {task.name for task in failed} == {f"parse {name}" for name in names}
    assert {task.attempt for task in failed} == {2}


def test_with_a_cache_a_file_is_parsed_again_only_when_its_content_changed(tmp_path):
    source = census.Source("thing.py", tmp_path / "thing.py")
    source.path.write_text("a = 1\n")

    def state():
        return census.parse_cached(source, return_state=True)

    assert [state().name, state().name] == ["Completed", "Cached"]
    source.path.touch()
    assert state().name == "Cached"
    source.path.write_text("a = 1\nb = 2\n")
    assert (state().name, state().result().lines) == ("Completed", 2)
