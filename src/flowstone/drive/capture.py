"""What is logged and printed within a run becomes part of its record.

Hooks on `logging` and on `print`, each put in once a process, with the first run or with the first
that has `log_prints`. They look at the current run; outside of one they do nothing. What a handler,
a formatter or a `__str__` of others raises within a run is told as `logging` tells it, and the run
goes on.
"""

from __future__ import annotations

import builtins
import logging
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from flowstone.core.context import current
from flowstone.core.facts import LineLogged
from flowstone.core.plain import clean_text
from flowstone.drive.console import message_of
from flowstone.drive.long_lines import LongLines
from flowstone.drive.run_logger import KEYS, keys_of, log_for
from flowstone.drive.seats import Lowered
from flowstone.engine.ops import Recorder

_DEBUGGERS = frozenset({"IPython", "bdb", "cmd", "code", "ipdb", "pdb", "pdbpp", "pudb"})
"""What these print is meant for the person at the terminal, whatever the run wants."""


class _Here(threading.local):
    """Whether this thread is handing a record to handlers: what those print is not the run's."""

    is_telling = False


_HERE = _Here()
_TELLER = logging.Handler()
"""Tells of errors as all handlers do: on standard error, unless `logging.raiseExceptions` is off"""


class Capture:
    """Takes what is logged within runs, where the hooks are."""

    def __init__(self, recorder: Callable[[], Recorder | None], long_lines: LongLines) -> None:
        self._recorder = recorder
        self._long_lines = long_lines

    def take(self, record: logging.LogRecord) -> None:
        """Record what is logged within a run, or by the logger of one."""
        context = current.get()
        keys = getattr(record, KEYS, None)
        if keys is None and context is not None:
            keys = keys_of(context)
        log = self._recorder()
        if keys is None or log is None or getattr(record, "send_to_api", True) is False:
            return
        flow_run, task_run = keys
        message, run = clean_text(message_of(record)), flow_run or task_run or b""
        with Lowered():
            log.append(
                LineLogged(
                    flow_run,
                    task_run,
                    int(record.created * 1e9),
                    record.levelno,
                    clean_text(record.name),
                    self._long_lines.cut(message, run),
                )
            )


class _Hooks:
    """Whether the hooks are in, and what they hand records to."""

    capture: Capture | None = None


def capture_logging(capture: Capture) -> None:
    """Let this take every standard `logging` record that is written within a run.

    The hook sits where a logger hands a record to its handlers: behind levels and filters, and
    without a handler on the root logger, which would silence `basicConfig`.
    """
    is_first = _Hooks.capture is None
    _Hooks.capture = capture
    if is_first:
        _hook_call_handlers()
        _hook_handle()


def _hook_call_handlers() -> None:
    original = logging.Logger.callHandlers

    def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        if _Hooks.capture is not None:
            _Hooks.capture.take(record)
        original(self, record)

    logging.Logger.callHandlers = call_handlers  # type: ignore[method-assign]


def _hook_handle() -> None:
    original = logging.Logger.handle

    def handle(self: logging.Logger, record: logging.LogRecord) -> None:
        if current.get() is None and not hasattr(record, KEYS):
            original(self, record)
            return
        outer, _HERE.is_telling = _HERE.is_telling, True
        try:
            original(self, record)
        except Exception:  # noqa: BLE001  a handler or a filter of others may raise anything
            with suppress(Exception):  # where standard error is broken there is no place to tell it
                _TELLER.handleError(record)
        finally:
            _HERE.is_telling = outer

    logging.Logger.handle = handle  # type: ignore[method-assign]


def redirect_print() -> None:
    """Send what `print` writes to the terminal to the run's logger, where the run wants that."""
    original = builtins.print
    if getattr(original, "redirects", False):
        return

    def print_to_run(*values: Any, **options: Any) -> None:
        context = current.get()
        if (
            context is None
            or not context.log_prints
            or not _is_for_the_run(options)
            or _module_of(sys._getframe(1)) in _DEBUGGERS  # noqa: SLF001
        ):
            original(*values, **options)
            return
        separator = options.get("sep")
        text = (" " if separator is None else separator).join(map(_text_of, values))
        log_for(context).info("%s", text, stacklevel=2)

    print_to_run.__doc__ = original.__doc__
    print_to_run.redirects = True  # type: ignore[attr-defined]
    builtins.print = print_to_run


def flush_prints() -> None:
    """Let what was printed be seen, in a process that may be ended at any moment."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # a stream that a body closed or replaced
            stream.flush()


_OPTIONS = frozenset({"end", "file", "flush", "sep"})


def _is_for_the_run(options: dict[str, Any]) -> bool:
    """Whether a print is one to the terminal; a wrong one is for `print` itself to refuse."""
    file = options.get("file")
    return (
        (file is None or file is sys.stdout or file is sys.stderr)
        and not _HERE.is_telling
        and options.keys() <= _OPTIONS
        and isinstance(options.get("sep"), str | None)
    )


def _text_of(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001  a user's __str__ may raise anything
        return f"<{type(value).__name__}, whose text raised {type(error).__name__}>"


def _module_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
