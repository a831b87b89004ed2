from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flowstone.drive.limits.local import LocalLimits, local_limits
from tests.homes import recording_in
from tests.limits.elsewhere import Elsewhere


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "limits"


@pytest.fixture
def limits(directory: Path) -> LocalLimits:
    """The limits of a folder of this test's own."""
    return local_limits(str(directory))


@pytest.fixture
def elsewhere(directory: Path) -> Iterator[Elsewhere]:
    """Another process that asks for slots."""
    with Elsewhere(directory) as process:
        yield process


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Record this test's runs in the home whose limits `limits` are."""
    with recording_in(tmp_path) as home:
        yield home
