"""What every test has: a home of its own kind, and a closing line that tells what was not run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# No test may reach the home or the settings of whoever runs it.
for _name in [name for name in os.environ if name.startswith("FLOWSTONE_")]:
    if not _name.startswith("FLOWSTONE_TEST_"):
        del os.environ[_name]


@pytest.fixture(scope="session", autouse=True)
def session_home() -> Iterator[Path]:
    """Give all tests of a session a home that is gone when it ends."""
    with tempfile.TemporaryDirectory(prefix="flowstone-tests-", ignore_cleanup_errors=True) as name:
        home = Path(name) / "home"
        os.environ["FLOWSTONE_HOME"] = str(home)
        yield home


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
