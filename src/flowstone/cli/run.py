"""`flowstone run`: runs a flow that lies in a file or module."""

from __future__ import annotations

import argparse
import importlib
import inspect
import logging
import os
import sys
from typing import Any

import msgspec

from flowstone.cli.command import Arguments, Command, CommandError
from flowstone.cli.loading import load_flow
from flowstone.core.suggestion import suggestion
from flowstone.drive.coroutines import run_out
from flowstone.drive.reporting import TOLD
from flowstone.drive.tracebacks import user_traceback
from flowstone.flows import Flow
from flowstone.wiring.process import PROCESS

_MACHINERY = (
    "<frozen importlib",
    os.path.dirname(importlib.__file__) + os.sep,
    os.path.dirname(__file__) + os.sep,
)


def _run(arguments: Arguments) -> int:
    _choose_live(arguments.live)
    try:
        flow = load_flow(arguments.target)
    except CommandError:
        raise
    except Exception as error:  # whatever the user's file does when it is imported
        print(user_traceback(_without_import_machinery(error)), file=sys.stderr)
        message = f"{arguments.target!r} could not be imported (see above)."
        raise CommandError(message) from error
    args, kwargs = _arguments(flow, dict(arguments.param))
    try:
        _call(flow, args, kwargs)
    except Exception as error:  # noqa: BLE001 - whatever the flow raises
        if not hasattr(error, TOLD) or PROCESS.settings.logging.level > logging.ERROR:
            print(user_traceback(error), file=sys.stderr)
        return 1
    return 0


def _choose_live(asked: bool | None) -> None:  # noqa: FBT001  an option, as argparse has it
    """Show runs as they go on, unless the command's options or the settings say no."""
    settings = PROCESS.settings
    if settings.live is None or asked is not None:
        live = True if asked is None else asked
        PROCESS.restart(msgspec.structs.replace(settings, live=live))


def _without_import_machinery(error: Exception) -> Exception:
    """Return the error, its traceback beginning in the file that was imported."""
    entry = error.__traceback__
    while entry is not None and entry.tb_frame.f_code.co_filename.startswith(_MACHINERY):
        entry = entry.tb_next
    return error.with_traceback(entry)


def _call(flow: Flow[Any, Any], args: list[Any], kwargs: dict[str, Any]) -> None:
    """Run the flow to its end; of a generator all values are taken, which is what runs it."""
    answer: Any = flow(*args, **kwargs)
    if flow.isasync or flow.isgenerator:
        run_out(answer)


def _arguments(flow: Flow[Any, Any], given: dict[str, str]) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of the call, after checking that the flow takes them and misses none."""
    known = inspect.signature(flow.fn).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in known.values())
    named = {n: p for n, p in known.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    listed = f"Flow '{flow.name}' takes: {', '.join(named) or 'no parameters'}."
    for name in given:
        if name not in named and not takes_any:
            message = f"there is no parameter '{name}'.{suggestion(name, named)} {listed}"
            raise CommandError(message)
    missing = [n for n, p in named.items() if p.default is p.empty and n not in given]
    if missing:
        examples = " ".join(f"--param {name}=…" for name in missing)
        message = f"missing parameters: {', '.join(missing)}. Give them with {examples}. {listed}"
        raise CommandError(message)
    values = {name: _value(text, known.get(name)) for name, text in given.items()}
    by_place = [n for n, p in named.items() if p.kind is p.POSITIONAL_ONLY and n in values]
    return [values.pop(name) for name in by_place], values


def _value(text: str, parameter: inspect.Parameter | None) -> Any:
    """Return the value that a text stands for: JSON, else itself; for a `str` it is no number."""
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    wants_text = parameter is not None and parameter.annotation in (str, "str")
    return text if wants_text and not isinstance(value, str) else value


def _parameter(text: str) -> tuple[str, str]:
    """Return the name and the text in `name=text`."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        message = f"{text!r} is not of the form name=value"
        raise argparse.ArgumentTypeError(message)
    return name.strip(), value


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target",
        metavar="FILE.py:FLOW",
        help="the file (or package.module) and the flow in it; the name may be left out if the "
        "file has only one",
    )
    parser.add_argument(
        "-p",
        "--param",
        metavar="NAME=VALUE",
        type=_parameter,
        action="append",
        default=[],
        help="a parameter; its value is read as JSON, else taken as text (repeat for more)",
    )
    parser.add_argument(
        "--no-live",
        dest="live",
        action="store_const",
        const=False,
        help="print plain lines only; without it a run of more than a second shows its progress "
        "at the bottom of the terminal",
    )


COMMANDS = Command(
    "Run a flow that lies in a file or module.",
    "flowstone run etl.py:nightly --param day=2026-01-31 --param retries=3",
    _declare,
    _run,
)
