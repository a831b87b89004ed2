from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flowstone.settings import Settings
from flowstone.wiring import PROCESS
from tests.face.recorded import Recorded


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Record this test's runs in a home of its own."""
    before = PROCESS.engine, PROCESS.log, PROCESS._settings
    PROCESS.restart(Settings(home=str(tmp_path)))
    yield tmp_path
    PROCESS.engine, PROCESS.log, PROCESS._settings = before


@pytest.fixture
def recorded(home: Path) -> Recorded:
    """What this test's runs left in their log."""
    return Recorded(home)
