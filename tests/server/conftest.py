from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from litestar.testing import TestClient

from flowstone.store.databases import EmbeddedDatabase, open_database
from tests.postgres import migrated_database
from tests.server.serving import served
from tests.server.stories import Story, mixed


@pytest.fixture(scope="module", params=["embedded", "postgres"])
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[TestClient[Any], Story]]:
    """Give a client of a server, and the story in its database; for tests that change nothing."""
    home = tmp_path_factory.mktemp("home")
    with ExitStack() as stack:
        if request.param == "embedded":
            database: Any = EmbeddedDatabase(home)
        else:
            server = request.getfixturevalue("postgres_server")
            database = open_database(home, stack.enter_context(migrated_database(server)))
            stack.callback(database.close)
        story = mixed(database)
        yield stack.enter_context(served(database)), story
