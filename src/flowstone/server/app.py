"""The server as an ASGI application: what is served, by whom it may be asked, in which shape."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request, Router
from litestar.config.compression import CompressionConfig
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler
from litestar.openapi.plugins import JsonRenderPlugin

from flowstone.server import headers
from flowstone.server.answers import TaggedCompression
from flowstone.server.audit import Audit
from flowstone.server.auth import Gate
from flowstone.server.desks.open import close_desk
from flowstone.server.document import DocumentConfig
from flowstone.server.errors import HANDLERS
from flowstone.server.metrics import BEGUN, Metrics
from flowstone.server.pages import files_of, page, page_directory
from flowstone.server.routes import ROUTES
from flowstone.server.routes.health import metrics
from flowstone.server.services import Services
from flowstone.settings import Settings
from flowstone.store.databases import Database
from flowstone.version import __version__

LARGEST_BODY = 1 << 20
"""Bytes of a request's body; a route that takes more says so (`request_max_body_size`)."""
_THREADS = 32
"""Requests that are worked on at once; the others wait."""


def create_app(database: Database, settings: Settings) -> Litestar:
    """Return the server over a database, as an ASGI application.

    Handlers get what `_Parts.by_name` returns by their names, as `database` or `gate`. What a
    route says of itself in `opt`: `scope`, who may ask (`none`, `read`, `run`, `admin`; without it
    GET is for `read`, the rest for `run`); `is_audited=False`, that a change by it is no news;
    `is_stream`, that its answer is not to be compressed.
    """
    parts = _Parts(database, settings)
    return Litestar(
        [Router("/api", route_handlers=ROUTES), metrics, page],
        lifespan=[parts.running],
        guards=[parts.let_in],
        before_send=[headers.add, parts.counted.see],
        after_response=parts.note,
        dependencies=parts.by_name(),
        exception_handlers=HANDLERS,
        request_max_body_size=LARGEST_BODY,
        compression_config=CompressionConfig(
            backend="gzip",
            gzip_compress_level=4,
            exclude_opt_key="is_stream",
            middleware_class=TaggedCompression,
        ),
        openapi_config=DocumentConfig(
            title="Flowstone",
            version=__version__,
            path="/api/schema",
            use_handler_docstrings=True,
            render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
        ),
        logging_config=None,
    )


class _Parts:
    """What one application is made of, beside its routes."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.settings = settings
        self.gate = Gate(database, settings)
        self.counted = Metrics()
        self.audit = Audit(database, self.gate.used)
        self.services = Services(database, self.audit, settings.retention)
        self.page_files = files_of(page_directory())

    def by_name(self) -> dict[str, Provide]:
        """Return what handlers may ask for by its name."""
        parts = {
            "database": self.database,
            "settings": self.settings,
            "gate": self.gate,
            "audit": self.audit,
            "services": self.services,
            "metrics": self.counted,
            "page_files": self.page_files,
        }
        return {name: _provided(part) for name, part in parts.items()}

    async def let_in(
        self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
    ) -> None:
        """Let a request pass, or raise `ApiError`."""
        assert isinstance(connection, Request)
        connection.scope["state"][BEGUN] = time.perf_counter()
        await self.gate.check(connection, handler)

    async def note(self, request: Request[Any, Any, Any]) -> None:
        """Note what a request changed, once it is answered."""
        self.audit.note(request, request.scope["state"].get(headers.STATUS, 0))

    @asynccontextmanager
    async def running(self, app: Litestar) -> AsyncIterator[None]:
        """Do what a server does by itself, for as long as it serves."""
        executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="flowstone-request")
        asyncio.get_running_loop().set_default_executor(executor)
        self.services.start()
        try:
            yield
        finally:
            self.services.stop()
            close_desk(app.state)


def _provided(part: object) -> Provide:
    return Provide(lambda: part, sync_to_thread=False)
