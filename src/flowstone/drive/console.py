"""Log lines on the terminal: `12:00:00.123 | INFO    | Flow run 'calm-reef' - message`."""

from __future__ import annotations

import logging
import os
import sys
import time
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

    A traceback follows on lines of its own, without Flowstone's frames.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without colours."""
        return self.render(record, colors=False)

    def render(self, record: logging.LogRecord, *, colors: bool) -> str:
        """Return the line, coloured or not."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        stamp = f"{clock}.{int(record.msecs):03d}"
        message = message_of(record)
        level = f"{record.levelname:<7}"
        if colors:
            level = f"{_LEVELS.get(record.levelno, '')}{level}{_RESET}"
            stamp = f"{_DIM}{stamp}{_RESET}"
            for start, color in _STATES:
                if message.startswith(start):
                    message = f"{color}{message}{_RESET}"
        return f"{stamp} | {level} | {_speaker(record)} - {message}"


class ConsoleHandler(logging.Handler):
    """Writes to standard error as it is at the time of the line.

    It keeps quiet where the application's own root handler writes to a terminal stream already,
    so that no line is shown twice.
    """

    def __init__(self, *, colors: bool | None = None) -> None:
        super().__init__()
        self.colors = colors
        self._line = ConsoleFormatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; an error while doing so is handled as `logging` handles it."""
        if _root_shows():
            return
        try:
            stream: TextIO | None = sys.stderr
            if stream is None:  # a program without a console
                return
            colors = self.colors if self.colors is not None else wants_color(stream)
            stream.write(self._line.render(record, colors=colors) + "\n")
            stream.flush()
        except Exception:  # noqa: BLE001  a console that broke must not break the run
            self.handleError(record)


def message_of(record: logging.LogRecord) -> str:
    """Return a record's message, with the traceback of its exception below it."""
    try:
        message = record.getMessage()
    except Exception as broken:  # noqa: BLE001  the arguments of a log call are the user's
        message = f"{record.msg!r} (its arguments do not fit: {broken})"
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        message = f"{message}\n{user_traceback(error)}"
    if record.stack_info:
        message = f"{message}\n{record.stack_info}"
    return message


def wants_color(stream: TextIO) -> bool:
    """Whether a stream is a terminal that shows colours; `NO_COLOR` says no."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # a replaced or a closed stream
        return False


def install(level: int, *, colors: bool | None) -> None:
    """Give the `flowstone` logger its level and the console handler, unless it has handlers."""
    logger = logging.getLogger("flowstone")
    if logger.level == logging.NOTSET:
        logger.setLevel(level)
    if not logger.handlers:
        logger.addHandler(ConsoleHandler(colors=colors))


def _root_shows() -> bool:
    streams: tuple[Any, ...] = (sys.stderr, sys.stdout, sys.__stderr__, sys.__stdout__)
    return any(
        getattr(handler, "stream", None) in streams for handler in logging.getLogger().handlers
    )


def _speaker(record: logging.LogRecord) -> str:
    if name := getattr(record, "task_run_name", None):
        return f"Task run {name!r}"
    if name := getattr(record, "flow_run_name", None):
        return f"Flow run {name!r}"
    return record.name
