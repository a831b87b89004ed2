"""Log lines for machines: one JSON object a line."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import msgspec

from flowstone.core.context import current
from flowstone.core.plain import clean_text, plain
from flowstone.drive.console import text_of
from flowstone.drive.run_logger import marks_of
from flowstone.drive.tracebacks import user_traceback

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {
    "asctime",
    "message",
    "send_to_api",
    "taskName",
}
_to_json = msgspec.json.Encoder().encode


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON: time, level, logger, message, place, the run's ids and
    names, what the call added, and the traceback if there is one.

    The time is UTC. What JSON cannot carry stands as text.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": clean_text(text_of(record)),
            "file": record.pathname,
            "line": record.lineno,
        }
        added = {
            name: value
            for name, value in record.__dict__.items()
            if name not in _STANDARD and not name.startswith("_")
        }
        context = current.get()
        if context is not None and "flow_run_id" not in added and "task_run_id" not in added:
            line.update(marks_of(context))
        line.update(added)
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            line["traceback"] = user_traceback(error)
        if record.stack_info:
            line["stack"] = record.stack_info
        return _to_json(plain(line)).decode()
