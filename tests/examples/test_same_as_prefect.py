from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

from examples.expected.remake import CHECKSUMS, HERE, PROGRAMS, as_prefect, checksum

LIMIT = "gcl create trainer --limit 2".split()


@pytest.fixture
def run(tmp_path):
    environ = os.environ | {"FLOWSTONE_HOME": str(tmp_path / "home")}

    def run(*command):
        ended = subprocess.run(
            [sys.executable, *command],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout, ended.stderr

    return run


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_differs_from_its_text_for_prefect_in_the_imports_alone(program):
    text = (HERE.parent / f"{program}.py").read_text()
    assert "prefect" not in text.lower()  # so that changing the word back gives the same text
    tree = ast.parse(text)
    imports = {
        node.lineno
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module.startswith("flowstone")
    }
    in_docstring = range(1, tree.body[0].end_lineno + 1)
    lines = {number for number, line in enumerate(text.splitlines(), 1) if "flowstone" in line}
    assert imports
    assert lines - set(in_docstring) == imports
    ast.parse(as_prefect(program))


def test_the_kept_output_is_that_of_the_programs_as_they_are():
    assert CHECKSUMS.read_text().splitlines() == [checksum(program) for program in PROGRAMS]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_prints_what_it_prints_under_prefect(program, run):
    run("-m", "flowstone.cli", *LIMIT)
    printed, _ = run(HERE.parent / f"{program}.py")
    assert printed == (HERE / f"{program}.txt").read_text()


@pytest.mark.timeout(120)
def test_without_its_limit_the_training_sees_that_too_many_train_at_once(run):
    printed, logged = run(HERE.parent / "training.py")
    assert "Within the limit: False" in printed
    assert "trainer" in logged  # the limit that is not there is named


@pytest.mark.timeout(120)
def test_what_flows_with_log_prints_print_is_in_the_log(run):
    _, logged = run(HERE.parent / "pipeline.py")
    for shop, count in {"berlin": "2 of 3", "london": "2 of 2", "zurich": "2 of 3"}.items():
        assert f"Flow run 'shop-{shop}' - {count} orders" in logged
