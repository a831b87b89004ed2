from __future__ import annotations

from pathlib import Path

import pytest

from flowstone.store.databases import Database
from tests.store.segments import LogBuilder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir(exist_ok=True)
    return path


@pytest.fixture
def database(any_database: Database) -> Database:
    return any_database


@pytest.fixture
def log(home: Path) -> LogBuilder:
    return LogBuilder(home)
