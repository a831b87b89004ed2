"""Runs the application on a socket until a signal ends it: within two seconds, whatever is open."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import uvicorn
from litestar import Litestar
from uvicorn.supervisors import Multiprocess

from flowstone.server.app import create_app
from flowstone.settings import Settings, load
from flowstone.store.databases import open_database

_GRACE_SECONDS = 1
"""How long answers that are under way may go on, streams among them."""
_LAST_SECONDS = 1.8
"""When a process ends that was told to, whatever it still does: nothing is lost by that."""
_KEEP_ALIVE_SECONDS = 30
_FORMAT = "%(asctime)s %(levelname)-7s %(message)s"
_OURS = "flowstone.server"


class _Server(uvicorn.Server):
    """Says when it listens, and ends in time."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._listening()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        last = threading.Timer(_LAST_SECONDS, os._exit, (0,))
        last.daemon = True
        last.start()
        super().handle_exit(sig, frame)


def serve(
    settings: Settings, listener: socket.socket, workers: int, listening: Callable[[], None]
) -> bool:
    """Serve on a socket until SIGTERM or SIGINT; `listening` is called when it does.

    With several workers they are processes of their own. False where it could not begin.
    """
    set_up_logging()
    if workers > 1:
        os.environ.update(settings.to_environment_variables(exclude_unset=True))
        config = _config("flowstone.server.serving:worker_app", settings, workers)
        Multiprocess(config, [listener]).run()
        return True
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)  # what holds again once the server has ended
    server = _Server(_config(app_of(settings), settings, 1), listening)
    server.run([listener])
    return server.started


def app_of(settings: Settings) -> Litestar:
    """Return the application that these settings ask for. Raises `StoreError`."""
    database = open_database(Path(settings.home), settings.server.database.connection_url)
    return create_app(database, settings)


def worker_app() -> Litestar:
    """Return the application of one of several workers, which finds its settings around it."""
    set_up_logging()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the parent ends us
    return app_of(load(os.environ))


def set_up_logging() -> None:
    """Show what is worth a line on the terminal, and no more."""
    logging.basicConfig(level=logging.WARNING, format=_FORMAT, datefmt="%H:%M:%S")
    logging.getLogger(_OURS).setLevel(logging.INFO)
    logging.getLogger("uvicorn.error").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether it is worth a line: that requests were cut when the server ended is not."""
    error = record.exc_info[1] if record.exc_info else None
    is_cut = isinstance(error, asyncio.CancelledError)
    return not is_cut and not record.getMessage().startswith("Cancel ")


def _config(app: Litestar | str, settings: Settings, workers: int) -> uvicorn.Config:
    api = settings.server.api
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=workers,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ssl_certfile=api.ssl_certfile,
        ssl_keyfile=api.ssl_keyfile,
    )


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End the process: it has not begun to serve, or uvicorn has ended and hands the signal on."""
    sys.exit(0)
