"""The pytest plugin, in projects of its users: other processes, with files of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

pytestmark = pytest.mark.timeout(60)  # each starts up to three interpreters with pytest in them
FLOWS = """
import asyncio, os
import pytest
from flowstone import flow, task
from flowstone.testing import recorded_runs

@task(retries=1, retry_delay_seconds=60)
def fails():
    raise ValueError("no")

@flow
def pipeline():
    fails(return_state=True)

@flow
async def apipeline():
    fails(return_state=True)
"""

QUICK = ("-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "no:faker")
"""Plugins that say nothing here and take two seconds to load."""


@pytest.fixture
def project(tmp_path):
    """Runs pytest in a project of one file; answers with the outcome and what was printed."""

    def run(tests: str, *arguments: str, code: int = 0, **files: str) -> str:
        (tmp_path / "test_mine.py").write_text(FLOWS + tests)
        (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
        for name, text in files.items():
            (tmp_path / name.replace("__", ".")).write_text(text)
        environ = {name: os.environ[name] for name in os.environ if not name.startswith("PYTEST")}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *QUICK, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
            env=environ | {"FLOWSTONE_HOME": str(tmp_path / "own")},
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return run


def test_without_asking_for_anything_nothing_changes(project, tmp_path):
    project(
        """
def test_it():
    pipeline.with_options(name="plain")
    assert os.environ["FLOWSTONE_HOME"].endswith("own")
"""
    )
    assert not (tmp_path / "own").exists()


def test_a_test_that_asks_for_a_home_has_one_of_its_own(project, tmp_path):
    project(
        """
@pytest.mark.parametrize("again", range(3))
def test_it(again, flowstone_home, flowstone_clock):
    pipeline()
    assert [run.state_name for run in recorded_runs()] == ["Completed", "Failed"]
    assert str(flowstone_home) == os.environ["FLOWSTONE_HOME"]
    assert flowstone_clock.waits == [60]
"""
    )
    assert not (tmp_path / "own").exists()


ISOLATED = """
@flow
def plain():
    pass

@pytest.mark.parametrize("again", range(4))
def test_sync(again):
    plain()
    assert [run.of for run in recorded_runs()] == ["plain"]

def test_async():
    @flow
    async def aplain():
        plain()
    asyncio.run(aplain())
    assert [run.of for run in recorded_runs()] == ["aplain", "plain"]

class TestClass:
    def setup_method(self):
        plain()
    def test_method(self):
        assert len(recorded_runs()) == 1
"""
INI = "[pytest]\nfilterwarnings = error\nflowstone_isolate = true\n"


def test_the_setting_gives_every_test_a_home(project, tmp_path):
    project(ISOLATED, pytest__ini=INI)
    assert not (tmp_path / "own").exists()


def test_the_option_gives_every_test_a_home(project, tmp_path):
    project(ISOLATED, "--flowstone-isolate")
    assert not (tmp_path / "own").exists()


@pytest.mark.skipif(find_spec("xdist") is None, reason="pytest-xdist is not installed")
def test_every_test_has_a_home_under_xdist(project, tmp_path):
    out = project(ISOLATED, "-n", "2", pytest__ini=INI)
    assert "6 passed" in out
    assert not (tmp_path / "own").exists()


def test_a_home_for_the_whole_session_is_a_fixture_of_three_lines(project, tmp_path):
    conftest = """
import pytest
from flowstone.testing.utilities import prefect_test_harness

@pytest.fixture(autouse=True, scope="session")
def harness():
    with prefect_test_harness(server_startup_timeout=60):
        yield
"""
    project(
        """
@flow
def plain(): pass

def test_first():
    plain()
    assert len(recorded_runs()) == 1

def test_second():
    plain()
    assert len(recorded_runs()) == 2

def test_third(flowstone_home):
    assert recorded_runs() == []
""",
        "-p",
        "no:randomly",
        conftest__py=conftest,
    )
    assert not (tmp_path / "own").exists()


def test_no_file_is_left_behind(project, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    project(ISOLATED, pytest__ini=INI)
    assert os.listdir(tmp_path / "temporary") == []


def test_the_fixtures_are_told_by_pytest(project):
    out = project("", "--fixtures")
    assert "flowstone_home" in out
    assert "flowstone_clock" in out


def test_a_project_without_flows_pays_nothing_for_the_plugin():
    script = "import flowstone.testing.plugin, sys; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    ours = {name for name in loaded if name.startswith("flowstone")}
    assert ours == {"flowstone", "flowstone.testing", "flowstone.testing.plugin"}
    assert not {"sqlite3", "msgspec"} & loaded


def test_pytest_leaves_the_asserts_of_the_package_alone(project):
    project(
        """
import flowstone.flows, flowstone.drive.blocking

def test_it():
    assert "assertion" not in type(flowstone.flows.__loader__).__module__
    assert "assertion" not in type(flowstone.drive.blocking.__loader__).__module__
    assert "assertion" in type(__loader__).__module__
"""
    )
