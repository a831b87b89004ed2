"""A server in this process, asked without a socket or with one."""

from __future__ import annotations

import gc
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from litestar.testing import TestClient

from flowstone.server.app import create_app
from flowstone.settings import Settings
from flowstone.store import tokens
from flowstone.store.databases import Database

HERE = "http://127.0.0.1:4840"


def settings_for(database: Database, **values: Any) -> Settings:
    """The settings of a server over a database; names have `__` for their dots."""
    given = {name.replace("__", "."): value for name, value in values.items()}
    return Settings(home=str(database.home)).copy_with_update(given)


@contextmanager
def served(database: Database, **values: Any) -> Iterator[TestClient[Any]]:
    """A client of a server over a database."""
    app = create_app(database, settings_for(database, **values))
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as client:
        yield client


@contextmanager
def listening(database: Database, **values: Any) -> Iterator[str]:
    """The address of a server that listens in a thread of this process."""
    app = create_app(database, settings_for(database, **values))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, lifespan="on", log_config=None, ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
            let_go()


def let_go() -> None:
    """Collect uvicorn's end of the connections of clients that came while it ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def made_token(database: Database, scope="admin", name=None, expires=None) -> str:
    """What the holder of a new token shows."""
    with database.transaction() as connection:
        return tokens.create_token(connection, name or scope, scope, expires)[1]


def bearer(secret: str) -> dict[str, str]:
    """The header that a token goes along in."""
    return {"Authorization": f"Bearer {secret}"}


def code_of(answer: Any) -> tuple[int, str]:
    """The status and the code of an error, which has the one shape that there is."""
    body = answer.json()
    assert list(body) == ["code", "message", "hint", "details"], body
    assert answer.headers["content-type"].startswith("application/json")
    return answer.status_code, body["code"]
