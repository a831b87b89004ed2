"""The pytest plugin: fixtures that give a test a home, a clock, or both.

It comes with the installation and does nothing by itself. `flowstone_isolate = true` in pytest's
configuration, or `--flowstone-isolate`, gives every test a home of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from flowstone.testing.clock import HandClock

_ISOLATE = "give every test a Flowstone home of its own"


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the option and the setting that isolate every test."""
    # Pytest rewrites the asserts of all packages that bring a plugin. Ours are no tests, and where
    # no bytecode may be written that costs 0.6 s at each start. Where this cannot be had, it does.
    getattr(pluginmanager.rewrite_hook, "_must_rewrite", set()).discard("flowstone")
    parser.addini("flowstone_isolate", _ISOLATE, type="bool", default=False)
    group = parser.getgroup("flowstone")
    group.addoption("--flowstone-isolate", action="store_true", help=_ISOLATE)


def pytest_configure(config: pytest.Config) -> None:
    """Isolate every test, where that is asked for."""
    if config.getini("flowstone_isolate") or config.getoption("--flowstone-isolate"):
        config.pluginmanager.register(_Isolation(), "flowstone-isolation")


@pytest.fixture
def flowstone_home() -> Iterator[Path]:
    """Record this test's runs in a fresh home, which is gone after it; gives its path."""
    # By its name: pytest loads this plugin in every project, and few of them run flows.
    with import_module("flowstone.testing.harness").flowstone_test_harness() as home:
        yield home


@pytest.fixture
def flowstone_clock(flowstone_home: Path) -> Iterator[HandClock]:  # noqa: ARG001  its runs go there
    """Give this test's runs a clock that stands still; their retry delays take no time.

    `flowstone_clock.waits` are the delays in seconds, `.turn(seconds)` lets time go by, and `.time`
    is what time it is.
    """
    with import_module("flowstone.testing.clock").hand_turned_clock() as clock:
        yield clock


class _Isolation:
    """The plugin that is there where every test is to be isolated."""

    @pytest.fixture(autouse=True)
    def _flowstone_isolated(self, flowstone_home: Path) -> None:
        """Use a home of its own in this test."""
