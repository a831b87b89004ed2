"""A client of a home, and of a server over the same home, with runs in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flowstone.client import Client, get_client
from flowstone.settings import temporary_settings
from flowstone.store.databases import EmbeddedDatabase
from tests.server.serving import listening
from tests.server.stories import Story, mixed


@pytest.fixture
def database(tmp_path: Path) -> EmbeddedDatabase:
    home = tmp_path / "home"
    home.mkdir()
    return EmbeddedDatabase(home)


@pytest.fixture
def story(database: EmbeddedDatabase) -> Story:
    return mixed(database)


@pytest.fixture(params=["home", "server"])
def client(request: pytest.FixtureRequest, database: EmbeddedDatabase) -> Iterator[Client]:
    """Each test is of a home, and of a server."""
    home = str(database.home)
    if request.param == "home":
        with temporary_settings({"home": home}), get_client() as made:
            yield made
        return
    with (
        listening(database) as url,
        temporary_settings({"home": home, "api.url": url}),
        get_client() as made,
    ):
        yield made
