"""The entry point: finds the command that the first words name and runs it.

What goes wrong becomes one line on stderr and an exit code: 1 failed, 2 wrong usage, 130
interrupted, 141 the reader of the output went away.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import TextIO

from flowstone.cli.command import (
    Command,
    CommandError,
    UsageError,
    overview,
    parser_of,
)
from flowstone.exceptions import LoggingConfigError
from flowstone.settings import SettingsError

FAMILIES = {
    "run": "Run a flow that lies in a file.",
    "flow-run": "Flow runs: ls, inspect, logs, watch, graph, cancel, rollback, delete.",
    "task-run": "Look at task runs, or end them: ls, inspect, logs, cancel.",
    "open": "Show runs in a browser.",
    "server": "Serve runs to browsers and other machines: start, stop, status.",
    "token": "Who may ask the server: create, ls, revoke.",
    "database": "Where runs are kept: status, upgrade, downgrade, prune, vacuum, export, import.",
    "log": "The logs that runs are recorded in: status, ship (send what dead processes left).",
    "cache": "What is kept so that it need not be done again: ls, why, stats, clear.",
    "artifact": "What runs leave to be looked at: ls, inspect, delete.",
    "variable": "Small named values of this home: ls, get, set, inspect, unset.",
    "gcl": "Global limits: create, ls, inspect, update, enable, disable, delete.",
    "concurrency-limit": "Limits of tags: create, ls, inspect, reset, delete.",
    "config": "Look at the settings, or change them: view, set, unset, validate.",
    "profile": "Named sets of settings: ls, create, use, inspect, rename, delete.",
    "migrate": "Rewrite programs that were written for Prefect.",
    "doctor": "Look whether all is well with this installation and its home.",
    "completion": "Print what lets a shell complete commands: bash, zsh, fish.",
    "version": "Show the versions in use.",
}
"""The first words, each with a module of its name, in the order to show them."""
_EXAMPLES = """\
flowstone run etl.py:nightly --param day=2026-01-31
  flowstone flow-run ls --state failed --since 2h
  flowstone doctor"""
ABOUT = "Flowstone runs Python functions as tracked tasks and flows. No server is needed."
_PROFILE = "FLOWSTONE_PROFILE"
_OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep
FAILED, MISUSED, INTERRUPTED, PIPE_CLOSED = 1, 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that these words name, and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    warnings.showwarning = _show_warning
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name may not fit the encoding
    try:
        code = _dispatch_in_profile(words)
        sys.stdout.flush()
    except UsageError as error:
        print(f"Error: {error}", file=sys.stderr)
        return MISUSED
    except (CommandError, LoggingConfigError, SettingsError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # What is still buffered would raise again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return code


_show_usually = warnings.showwarning


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning of ours in a line, without the place in our code that it comes from."""
    if category.__module__.startswith("flowstone") or filename.startswith(_OURS):
        print(f"Warning: {message}", file=sys.stderr)
    else:
        _show_usually(message, category, filename, lineno, file, line)


def _dispatch_in_profile(words: list[str]) -> int:
    option, is_joined, name = words[0].partition("=") if words else ("", "", "")
    if option not in ("--profile", "-p"):
        return _dispatch(words)
    rest = words[1:] if is_joined else words[2:]
    name = name if is_joined else "".join(words[1:2])
    if not name:
        message = f"'{option}' needs the name of a profile. 'flowstone profile ls' lists them."
        raise UsageError(message)
    before = {key: os.environ[key] for key in (_PROFILE,) if key in os.environ}
    os.environ[_PROFILE] = name  # so that the processes that the command starts have it too
    try:
        return _dispatch(rest)
    finally:
        del os.environ[_PROFILE]
        os.environ.update(before)


def _dispatch(words: list[str]) -> int:
    first = words[0] if words else "--help"
    if first in ("--help", "-h", "help"):
        print(overview("flowstone COMMAND …", ABOUT, FAMILIES.items()))
        print("\nFor one command in a profile: flowstone --profile NAME COMMAND …")
        print(f"\nexamples:\n  {_EXAMPLES}\n\n'flowstone COMMAND --help' says more about each.")
        return 0 if words else MISUSED
    if first in ("--version", "-V"):
        first, words = "version", ["version", "--short"]
    if first not in FAMILIES:
        message = f"there is no command '{first}'.{_suggestion(first, FAMILIES)}"
        raise UsageError(message + " 'flowstone --help' lists the commands.")
    commands = import_module("flowstone.cli." + first.replace("-", "_")).COMMANDS
    if isinstance(commands, Command):
        return _run(commands, first, words[1:])
    return _dispatch_within(first, commands, words[1:])


def _dispatch_within(family: str, commands: dict[str, Command], words: list[str]) -> int:
    second = words[0] if words else "--help"
    if second in ("--help", "-h", "help"):
        entries = [(name, command.about) for name, command in commands.items()]
        print(overview(f"flowstone {family} COMMAND …", FAMILIES[family], entries))
        print(f"\n'flowstone {family} COMMAND --help' says more, with an example.")
        return 0 if words else MISUSED
    if second not in commands:
        message = f"'{family}' has no command '{second}'.{_suggestion(second, commands)}"
        raise UsageError(f"{message} It has: {', '.join(commands)}.")
    return _run(commands[second], f"{family} {second}", words[1:])


def _run(command: Command, words: str, rest: list[str]) -> int:
    parser = parser_of(command, words)
    try:
        arguments = parser.parse_args(rest)
    except UsageError as error:
        message = f"{error}\n{parser.format_usage().strip()}"
        raise UsageError(message) from error
    except SystemExit:  # argparse leaves so after --help
        return 0
    return command.do(arguments)


def _suggestion(word: str, known: Iterable[str]) -> str:
    # Loaded on the way to an error only, as the families are: 2 ms of `difflib` else.
    return str(import_module("flowstone.core.suggestion").suggestion(word, known))
