"""`flowstone server`: started, stopped, looked at."""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from flowstone.cli.command import Arguments, Command, CommandError
from flowstone.cli.home import home
from flowstone.cli.moments import local_in_full
from flowstone.cli.options import add_output, count
from flowstone.cli.output import print_json
from flowstone.server.addresses import is_loopback
from flowstone.server.background import log_path, start_server
from flowstone.server.presence import Presence, Running, running_servers, stop_server
from flowstone.settings import Settings, load
from flowstone.settings.profiles import masked
from flowstone.store.databases import open_database
from flowstone.store.errors import StoreError
from flowstone.store.tokens import has_tokens
from flowstone.version import __version__
from flowstone.wiring.homes import writable_home

START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_POLL = 0.1
_WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 - to be recognised, not bound to
_BACKLOG = 2048


def _start(arguments: Arguments) -> int:
    settings = _settings_of(arguments)
    place = Path(settings.home)
    url = settings.server.database.connection_url
    is_embedded = url is None or url.startswith("sqlite:")
    if arguments.workers > 1 and is_embedded:
        message = (
            "several workers need Postgres (--database-url postgresql://…): a home's own database "
            "is written by one server, which is enough for a machine"
        )
        raise CommandError(message)
    if arguments.background:
        return _start_in_background(arguments, place)
    presence = Presence(place, is_alone=is_embedded)
    about = Running(
        pid=os.getpid(),
        url="",
        database=str(masked("url", url)) if not is_embedded else str(place / "flowstone.db"),
        started=time.time_ns(),
        version=__version__,
    )
    if not presence.take(about):
        raise CommandError(_already(place))
    with _listener(settings, place) as listener:
        _check_access(settings)
        settings = _with_port(settings, listener)
        about = _at(about, settings)

        def listening() -> None:
            presence.tell(about)
            _greet(about, place)

        if arguments.workers > 1:
            listening()
        try:
            # Loaded for this command only: the framework takes half a second.
            serving = import_module("flowstone.server.serving")
            return 0 if serving.serve(settings, listener, arguments.workers, listening) else 1
        except StoreError as error:
            raise CommandError(str(error)) from error
        finally:
            print("Stopped.", file=sys.stderr)


def _settings_of(arguments: Arguments) -> Settings:
    settings = load(os.environ)
    given = {
        "server.api.host": arguments.host,
        "server.api.port": arguments.port,
        "server.database.connection_url": arguments.database_url,
        "server.api.ssl_certfile": arguments.tls_cert,
        "server.api.ssl_keyfile": arguments.tls_key,
    }
    updates: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    settings = settings.copy_with_update({**updates, "home": writable_home(settings.home)})
    api = settings.server.api
    if (api.ssl_certfile is None) != (api.ssl_keyfile is None):
        message = "TLS needs both --tls-cert and --tls-key"
        raise CommandError(message)
    for path in (api.ssl_certfile, api.ssl_keyfile):
        if path is not None and not os.access(path, os.R_OK):
            message = f"{path} is not there, or cannot be read"
            raise CommandError(message)
    return settings


def _check_access(settings: Settings) -> None:
    """Refuse to listen where others can reach it while nobody needs a token."""
    host = settings.server.api.host
    if is_loopback(host) and not settings.server.api.allowed_hosts:
        return
    try:
        database = open_database(Path(settings.home), settings.server.database.connection_url)
        with database.store() as store:
            is_safe = has_tokens(store.connection)
        database.close()
    except (StoreError, OSError, sqlite3.Error) as error:
        raise CommandError(str(error)) from error
    if not is_safe:
        place = " --database-url …" if settings.server.database.connection_url else ""
        message = (
            f"others can reach {host!r}, or the names of FLOWSTONE_SERVER_API_ALLOWED_HOSTS, and "
            "no token is needed yet. Make one first:\n"
            f"  flowstone token create --scope admin{place}\n"
            "or listen on 127.0.0.1 under no further name, where none is needed"
        )
        raise CommandError(message)


@contextmanager
def _listener(settings: Settings, place: Path) -> Iterator[socket.socket]:
    """Give the socket to serve on."""
    host, port = settings.server.api.host, settings.server.api.port
    try:
        family, _, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # With its protocol: only then asyncio sends each answer at once, not 40 ms later.
        listener = socket.socket(family, socket.SOCK_STREAM, protocol)
    except OSError as error:
        message = f"cannot listen on {host!r}: {error.strerror}"
        raise CommandError(message) from error
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError as error:
            raise CommandError(_why_not(error, host, port, place)) from error
        yield listener


def _why_not(error: OSError, host: str, port: int, place: Path) -> str:
    if error.errno != errno.EADDRINUSE:
        return f"cannot listen on {host}, port {port}: {error.strerror}"
    message = f"port {port} of {host} is in use"
    ours = [one for one in running_servers(place) if one.url.endswith(f":{port}")]
    if ours:
        message += f" by the server of this home (pid {ours[0].pid}, over {ours[0].database})"
    else:
        asking = import_module("flowstone.cli.asking")
        if asking.is_flowstone(_url_of(host, port, is_secure=False)):
            message += " by a Flowstone server of another home"
        else:
            message += " by another program"
    return f"{message}. Take another one: --port {port + 1}, or --port 0 for any that is free"


def _with_port(settings: Settings, listener: socket.socket) -> Settings:
    port = listener.getsockname()[1]
    return settings.copy_with_update({"server.api.port": port})


def _at(about: Running, settings: Settings) -> Running:
    api = settings.server.api
    url = _url_of(api.host, api.port, is_secure=api.ssl_certfile is not None)
    return msgspec.structs.replace(about, url=url)


def _url_of(host: str, port: int, *, is_secure: bool) -> str:
    """Return the address at which this machine can ask a server."""
    host = "127.0.0.1" if host in _WILDCARDS else host
    host = f"[{host}]" if ":" in host else host
    return f"{'https' if is_secure else 'http'}://{host}:{port}"


def _greet(about: Running, place: Path) -> None:
    print(f"Flowstone {about.version} serves at {about.url}")
    print(f"  database  {about.database}")
    print(f"  home      {place}")
    print("Runs of this home are shown as they are. To report from elsewhere:")
    print(f"  FLOWSTONE_API_URL={about.url}")
    print("Ctrl-C ends it.", flush=True)


def _already(place: Path) -> str:
    found = running_servers(place)
    if not found:
        return f"a server of {place} is just starting or ending; try again"
    return f"a server of {place} is running already at {found[0].url} (pid {found[0].pid})"


def _start_in_background(arguments: Arguments, place: Path) -> int:
    words = []
    for name in ("host", "port", "database_url", "tls_cert", "tls_key", "workers"):
        value = getattr(arguments, name)
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    try:
        server = start_server(place, words, START_SECONDS)
    except RuntimeError as error:
        raise CommandError(str(error)) from error
    print(f"Flowstone {server.version} serves at {server.url} (pid {server.pid}).")
    print(f"What it says is in {log_path(place)}. To end it: flowstone server stop")
    return 0


def _stop(_arguments: Arguments) -> int:
    found = running_servers(home())
    if not found:
        print(f"No server runs over {home()}.")
        return 0
    for one in found:
        try:
            is_over = stop_server(one, _STOP_SECONDS)
        except OSError as error:
            message = f"could not end the server of pid {one.pid}: {error.strerror}"
            raise CommandError(message) from error
        if not is_over:
            message = f"pid {one.pid} has not ended within {_STOP_SECONDS:g} s: kill {one.pid}"
            raise CommandError(message)
        print(f"Ended the server at {one.url} (pid {one.pid}).")
    return 0


def _status(arguments: Arguments) -> int:
    until = time.monotonic() + (arguments.wait or 0)
    found = _ready_servers()
    while arguments.wait is not None and not found and time.monotonic() < until:
        time.sleep(_POLL)
        found = _ready_servers()
    everything = running_servers(home())
    if arguments.output == "json":
        print_json([_object(one, is_ready=one in found) for one in everything])
    else:
        _print_servers(everything, found)
    return 0 if found else 1


def _print_servers(everything: list[Running], ready: list[Running]) -> None:
    if not everything:
        print(f"No server runs over {home()}. To start one: flowstone server start")
    for one in everything:
        word = "ready" if one in ready else "not ready"
        print(f"{one.url or '(starting)'}  {word}, pid {one.pid}, over {one.database}")
        print(f"  since {local_in_full(one.started)}, Flowstone {one.version}")


def _ready_servers() -> list[Running]:
    asking = import_module("flowstone.cli.asking")
    return [one for one in running_servers(home()) if one.url and asking.is_ready(one.url)]


def _object(one: Running, *, is_ready: bool) -> dict[str, Any]:
    return {
        "url": one.url,
        "pid": one.pid,
        "is_ready": is_ready,
        "database": one.database,
        "version": one.version,
    }


def _add_start(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", metavar="HOST", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", metavar="PORT", type=count, help="port to listen on (4840)")
    parser.add_argument(
        "--database-url", metavar="URL", help="a Postgres; without it the home's own database"
    )
    parser.add_argument(
        "--workers", metavar="N", type=count, default=1, help="processes, with Postgres (1)"
    )
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate, and those up to its root")
    parser.add_argument("--tls-key", metavar="FILE", help="key of the certificate")
    parser.add_argument(
        "--background", action="store_true", help="go on without this terminal, once it answers"
    )


def _add_status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=float,
        nargs="?",
        const=START_SECONDS,
        help=f"wait until one is ready, at most so long ({START_SECONDS:g})",
    )
    add_output(parser)


COMMANDS: dict[str, Command] = {
    "start": Command(
        "Serve the runs of this home, or of a Postgres, to browsers and to other machines.",
        "flowstone server start --background",
        _add_start,
        _start,
    ),
    "stop": Command(
        "End the servers of this home.", "flowstone server stop", lambda _parser: None, _stop
    ),
    "status": Command(
        "Say which servers run over this home, and whether they are ready. Exit code 1 where none "
        "is.",
        "flowstone server status --wait",
        _add_status,
        _status,
    ),
}
"""The commands of this family, by their second word."""
