from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.segments import LogBuilder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture
def log(home: Path) -> LogBuilder:
    return LogBuilder(home)
