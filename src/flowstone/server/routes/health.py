"""Whether the server is up and ready, what it is, and what it counted."""

from __future__ import annotations

import platform
import time

from litestar import Response, get
from litestar.di import NamedDependency

from flowstone.server.metrics import CONTENT_TYPE, Metrics, size_of
from flowstone.server.services import Services
from flowstone.server.wire.health import (
    Health,
    Readiness,
    ServerShown,
    ServiceHealth,
    ServiceShown,
    Version,
)
from flowstone.server.wire.times import time_text
from flowstone.store import tokens
from flowstone.store.databases import Database, EmbeddedDatabase
from flowstone.store.schema import VERSION
from flowstone.version import __version__


@get("/health", opt={"scope": "none"}, sync_to_thread=False, tags=["server"])
def health() -> Health:
    """Say that the process answers; it looks at nothing else."""
    return Health()


@get("/ready", opt={"scope": "none"}, sync_to_thread=True, tags=["server"])
def ready(
    database: NamedDependency[Database], services: NamedDependency[Services]
) -> Response[Readiness]:
    """Say whether the database answers and every service keeps its deadline: 503 where not."""
    states = services.states
    late = [state.name for state in states if state.is_late]
    found = _database(database)
    is_ready = found == "ok" and not late
    answer = Readiness(
        is_ready=is_ready,
        database=found,
        services=[
            ServiceHealth(name=one.name, is_late=one.is_late, age=round(one.age, 3))
            for one in states
        ],
        late=late,
    )
    headers = None if is_ready else {"Retry-After": "1"}
    return Response(answer, status_code=200 if is_ready else 503, headers=headers)


@get("/version", sync_to_thread=False, tags=["server"])
def version(database: NamedDependency[Database]) -> Version:
    """Say which versions are running, and what time it is here."""
    return Version(
        flowstone=__version__,
        python=platform.python_version(),
        schema=VERSION,
        database=_kind(database),
        time=time_text(time.time_ns()),
    )


@get("/server", opt={"scope": "admin"}, sync_to_thread=True, tags=["server"])
def server(database: NamedDependency[Database], services: NamedDependency[Services]) -> ServerShown:
    """Show how the server is: its services with their last errors, and the database's size."""
    return ServerShown(
        database=_kind(database),
        database_bytes=int(size_of(database)),
        services=[
            ServiceShown(
                name=one.name,
                is_late=one.is_late,
                age=round(one.age, 3),
                runs=one.runs,
                failures=one.failures,
                error=one.error,
            )
            for one in services.states
        ],
    )


@get("/metrics", sync_to_thread=True, media_type=CONTENT_TYPE, include_in_schema=False)
def metrics(
    database: NamedDependency[Database],
    services: NamedDependency[Services],
    metrics: NamedDependency[Metrics],
) -> str:
    """Give what is counted, as Prometheus reads it."""
    return metrics.text(database, services.states, services.records)


def _kind(database: Database) -> str:
    return "sqlite" if isinstance(database, EmbeddedDatabase) else "postgres"


def _database(database: Database) -> str:
    """Return `ok`, or the kind of error that the database gives."""
    try:
        with database.store() as store:
            tokens.has_tokens(store.connection)
    except Exception as error:  # noqa: BLE001 - whatever it is, that is the answer
        return type(error).__name__
    return "ok"


ROUTES = [health, ready, version, server]
