from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.face.recorded import Recorded
from tests.homes import recording_in


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Record this test's runs in a home of its own."""
    with recording_in(tmp_path) as home:
        yield home


@pytest.fixture
def recorded(home: Path) -> Recorded:
    """What this test's runs left in their log."""
    return Recorded(home)
