"""Log lines on the terminal: `12:00:00.123 | INFO    | Flow run 'calm-reef' - message`."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, TextIO

from flowstone.drive.tracebacks import user_traceback

_RESET = "\x1b[0m"
_DIM = "\x1b[2m"
_LEVELS = {
    logging.DEBUG: "\x1b[34m",
    logging.INFO: "\x1b[36m",
    logging.WARNING: "\x1b[33m",
    logging.ERROR: "\x1b[31m",
    logging.CRITICAL: "\x1b[1;31m",
}
_STATES = (
    ("Finished in state Completed(", "\x1b[32m"),
    ("Finished in state Cached(", "\x1b[32m"),
    ("Finished in state Failed(", "\x1b[31m"),
    ("Finished in state TimedOut(", "\x1b[31m"),
    ("Finished in state Crashed(", "\x1b[35m"),
)


class ConsoleFormatter(logging.Formatter):
    """Formats a record in one line: time, level, the run or the logger, the message.

    A traceback follows on lines of its own, without Flowstone's frames. `datefmt` gives the time
    another form. `flow_run_fmt`, `task_run_fmt` and `fmt` (what no run wrote) take the place of the
    usual line; they may name whatever is on the record (`%(flow_run_name)s`).
    """

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        flow_run_fmt: str | None = None,
        task_run_fmt: str | None = None,
    ) -> None:
        super().__init__(datefmt=datefmt)
        self._clock = 0, ""
        self._own = {
            kind: logging.PercentStyle(own)
            for kind, own in (("", fmt), ("Flow", flow_run_fmt), ("Task", task_run_fmt))
            if own is not None
        }

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without colours."""
        return self.render(record, colors=False)

    def render(self, record: logging.LogRecord, *, colors: bool, markup: bool = False) -> str:
        """Return the line, coloured or not; `markup` lets `[bold]…[/]` in the message mean bold."""
        text = text_of(record)
        if markup and "[" in text:
            text = import_module("flowstone.drive.markup").rendered(text, colors=colors)
        message = _with_details(record, text)
        kind, name = _speaker(record)
        if kind in self._own:
            record.message, record.asctime = message, self._time(record)
            return self._own[kind].format(record)
        stamp, level = self._time(record), f"{record.levelname:<7}"
        if colors:
            level = f"{_LEVELS.get(record.levelno, '')}{level}{_RESET}"
            stamp = f"{_DIM}{stamp}{_RESET}"
            for start, color in _STATES:
                if message.startswith(start):
                    message = f"{color}{message}{_RESET}"
        speaker = f"{kind} run {name!r}" if kind else name
        return f"{stamp} | {level} | {speaker} - {message}"

    def _time(self, record: logging.LogRecord) -> str:
        if self.datefmt is not None:
            return self.formatTime(record, self.datefmt)
        second, clock = self._clock
        if second != int(record.created):  # formatting it costs as much as the rest of the line
            second = int(record.created)
            clock = time.strftime("%H:%M:%S", time.localtime(second))
            self._clock = second, clock
        return f"{clock}.{int(record.msecs):03d}"


class ConsoleHandler(logging.Handler):
    """Writes to standard error as it is at the time of the line.

    It keeps quiet where the application's own root handler writes to a terminal stream already,
    so that no line is shown twice. `colors` is None where the terminal decides.
    """

    def __init__(self, *, colors: bool | None = None, markup: bool = False) -> None:
        super().__init__()
        self.colors = colors
        self.markup = markup

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; an error while doing so is handled as `logging` handles it."""
        if _root_shows():
            return
        try:
            stream: TextIO | None = sys.stderr
            if stream is None:  # a program without a console
                return
            stream.write(self._line(record, stream) + "\n")
            stream.flush()
        except Exception:  # noqa: BLE001  a console that broke must not break the run
            self.handleError(record)

    def _line(self, record: logging.LogRecord, stream: TextIO) -> str:
        formatter = self.formatter or _USUAL
        if not isinstance(formatter, ConsoleFormatter):
            return formatter.format(record)
        colors = self.colors if self.colors is not None else wants_color(stream)
        return formatter.render(record, colors=colors, markup=self.markup)


_USUAL = ConsoleFormatter()


def message_of(record: logging.LogRecord) -> str:
    """Return a record's message, with the traceback of its exception below it."""
    return _with_details(record, text_of(record))


def text_of(record: logging.LogRecord) -> str:
    """Return a record's message alone; where its arguments do not fit, what there is of it."""
    try:
        return record.getMessage()
    except Exception as broken:  # noqa: BLE001  the arguments of a log call are the user's
        why = f"its arguments do not fit: {_safely(str, broken)}"
        return f"{_safely(repr, record.msg)} ({why})"


def _with_details(record: logging.LogRecord, message: str) -> str:
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        message = f"{message}\n{user_traceback(error)}"
    if record.stack_info:
        message = f"{message}\n{record.stack_info}"
    return message


def _safely(write: Callable[[object], str], value: object) -> str:
    try:
        return write(value)
    except Exception:  # noqa: BLE001  a user's __str__ and __repr__ may raise anything
        return f"<{type(value).__name__}>"


def wants_color(stream: TextIO) -> bool:
    """Whether a stream is a terminal that shows colours; `NO_COLOR` says no."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # a replaced or a closed stream
        return False


def _root_shows() -> bool:
    streams: tuple[Any, ...] = (sys.stderr, sys.stdout, sys.__stderr__, sys.__stdout__)
    return any(
        getattr(handler, "stream", None) in streams for handler in logging.getLogger().handlers
    )


def _speaker(record: logging.LogRecord) -> tuple[str, str]:
    """Return who says it: `Task` or `Flow` and the run's name, or nothing and the logger's name."""
    if name := getattr(record, "task_run_name", None):
        return "Task", name
    if name := getattr(record, "flow_run_name", None):
        return "Flow", name
    return "", record.name
