"""What every test has: a home of its own kind, and a closing line that tells what was not run."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowstone.store.databases import Database, EmbeddedDatabase, open_database
from tests.postgres import empty, fresh_database, reused_database, session_server

# No test may reach the home or the settings of whoever runs it.
for _name in [name for name in os.environ if name.startswith("FLOWSTONE_")]:
    if not _name.startswith("FLOWSTONE_TEST_"):
        del os.environ[_name]


def pytest_configure(config: pytest.Config) -> None:
    """Give all tests of a session, and what they import, a home that is gone when it ends."""
    # What a test writes twice within a second would run as it was before.
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    place = tempfile.TemporaryDirectory(prefix="flowstone-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(place.cleanup)
    os.environ["FLOWSTONE_HOME"] = str(Path(place.name) / "home")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Give the URL of a Postgres for the whole session."""
    with session_server(os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """Give the URL of a database that is empty."""
    with fresh_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def reused_url(postgres_server: str) -> Iterator[str]:
    """Give the URL of the database that `any_database` uses again and again."""
    with reused_database(postgres_server) as url:
        yield url


@pytest.fixture(params=["embedded", "postgres"])
def any_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Give a database without runs, of each kind; its home is `tmp_path / "home"`."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    if request.param == "embedded":
        yield EmbeddedDatabase(home)
        return
    url = request.getfixturevalue("reused_url")
    database = open_database(home, url)
    try:
        yield database
    finally:
        database.close()
        empty(url)


def pytest_collection_finish() -> None:
    """Keep no bytecode of what tests write, as in child processes."""
    sys.dont_write_bytecode = True


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what needs a cluster begin: one worker has the beginning, others take from the end."""
    items.sort(key=lambda item: not {"dask", "ray"} & {mark.name for mark in item.iter_markers()})


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Count a skipped test as not run, by that name."""
    if report.skipped and not hasattr(report, "wasxfail"):
        return "not run", "n", "NOT RUN"
    return None


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail where all can be had (CI) when something was not run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and exitstatus == 0 and reporter and reporter.stats.get("not run"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
