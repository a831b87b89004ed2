"""`flowstone open`: a run, or all of them, in a browser; starts a server where none runs."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from pathlib import Path

from flowstone.cli.command import Arguments, Command, CommandError
from flowstone.cli.home import opened_store
from flowstone.cli.server import START_SECONDS
from flowstone.core.ids import id_text
from flowstone.server.background import start_server
from flowstone.server.presence import running_servers
from flowstone.settings import Settings, load
from flowstone.store.errors import RunNotFound
from flowstone.wiring.homes import writable_home


def _open(arguments: Arguments) -> int:
    settings = load(os.environ)
    path = _path_of(arguments.run) if arguments.run else ""
    url = f"{_server(settings)}/{path}"
    print(url)
    if not _has_browser() or not webbrowser.open(url):
        print("There is no browser here to show it: open that address in yours.", file=sys.stderr)
    return 0


def _server(settings: Settings) -> str:
    """Return the address of the server to look at; one is started where none runs."""
    if settings.api.url is not None:
        return settings.api.url
    home = Path(writable_home(settings.home))
    running = [one for one in running_servers(home) if one.url]
    if running:
        return running[0].url
    try:
        server = start_server(home, [], START_SECONDS)
    except RuntimeError as error:
        message = f"could not start a server: {error}"
        raise CommandError(message) from error
    print(f"Started a server (pid {server.pid}); to end it: flowstone server stop", file=sys.stderr)
    return server.url


def _path_of(text: str) -> str:
    """Return the page of a run, which is found as by other commands: pages know whole ids only."""
    with opened_store() as store:
        try:
            return f"flow-runs/{id_text(store.find_flow_run(text).id)}"
        except RunNotFound as error:
            try:
                return f"task-runs/{id_text(store.find_task_run(text).id)}"
            except RunNotFound:
                raise RunNotFound(str(error).replace("flow run", "flow run or task run")) from None


def _has_browser() -> bool:
    """Whether a browser with a window can be had: one of text would take this terminal."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return sys.platform == "darwin" or any(os.environ.get(name) for name in names)


def _add_open(parser: argparse.ArgumentParser) -> None:
    text = "id of a flow run or task run, the start of it, or its name; without it all runs"
    parser.add_argument("run", metavar="RUN", nargs="?", help=text)


COMMANDS = Command(
    "Show runs in a browser. Starts a server of this home where none runs, and prints the address.",
    "flowstone open",
    _add_open,
    _open,
)
