"""A server as users run it, within the process of a test: over a socket, in a thread."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any, Self

import uvicorn

from flowstone.server.app import create_app
from flowstone.settings import Settings
from flowstone.store.databases import Database
from tests.server.serving import let_go


class Listening:
    """A server over a database, in a `with`; `url` is where it is, also after a restart."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self._database = database
        self._settings = Settings(home=str(database.home), **settings)
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port: int = one.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to listen."""
        app = create_app(self._database, self._settings)
        config = uvicorn.Config(
            app,
            host="127.0.0.1",
            port=self.port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        until = time.monotonic() + 10
        while not self._server.started:
            assert time.monotonic() < until
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop to listen, and let go of every connection."""
        self._server.should_exit = True
        self._thread.join(10)
        let_go()
