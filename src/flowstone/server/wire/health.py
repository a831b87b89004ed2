"""How the server is: alive, ready, of which version."""

from __future__ import annotations

import msgspec


class Health(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str = "ok"


class ServiceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One of the things that the server does by itself; `age` is seconds since it was done."""

    name: str
    is_late: bool
    age: float


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the server can do its work.

    `database` is `ok` or the kind of error that it gives; `late` names the services that missed
    their deadline. What exactly went wrong is in the server's log: anybody may ask this.
    """

    is_ready: bool
    database: str
    services: list[ServiceHealth]
    late: list[str]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """What is running, and the server's time, against which clients judge their clocks."""

    flowstone: str
    python: str
    schema: int
    database: str
    time: str


class ServiceShown(ServiceHealth, frozen=True, kw_only=True):
    """How it goes with a service: `error` is what went wrong last time, empty where nothing did."""

    runs: int
    failures: int
    error: str


class ServerShown(msgspec.Struct, frozen=True, kw_only=True):
    """How the server is: its services, and the database with its size in bytes."""

    database: str
    database_bytes: int
    services: list[ServiceShown]
