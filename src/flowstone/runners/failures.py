"""Errors on their way home from another process, with their causes and the lines they went through.

A pickle of an exception keeps neither its traceback nor its cause, and many exceptions cannot be
made again by calling their class. Here they arrive as if they had been raised in this process.
"""

from __future__ import annotations

import pickle
import sys
import traceback
from types import FrameType, TracebackType
from typing import Any

from flowstone.core.failures import error_text
from flowstone.exceptions import FailedRun, SerializationError
from flowstone.results.buffers import Buffer
from flowstone.runners.pickles import packed, unpacked

_DEEPEST = 20
"""Causes of causes that go along."""

Line = tuple[str, str, int]
"""A file, a function and a line that an error went through."""


def packed_error(error: BaseException, start: TracebackType | None) -> list[Buffer]:
    """Return an exception as bytes; `start` is where its traceback is to begin."""
    return packed(_told(error, start, _DEEPEST))


def unpacked_error(blob: Buffer) -> BaseException:
    """Return the exception, with its traceback."""
    return _made(unpacked(blob))


def no_way(what: str, error: BaseException) -> SerializationError:
    """Return the error of a value that cannot go to another process."""
    return SerializationError(
        f"{what} cannot go to another process: {error_text(error)}. Tasks that run in other "
        "processes take and return what can be pickled."
    )


def _told(error: BaseException, start: TracebackType | None, depth: int) -> tuple[Any, ...]:
    chain: list[Any] = [None, None]
    if depth:
        for place, other in enumerate((error.__cause__, error.__context__)):
            if other is not None:
                chain[place] = _told(other, other.__traceback__, depth - 1)
    return _sent(error), _lines(start), *chain, error.__suppress_context__


def _sent(error: BaseException) -> tuple[bytes, bytes]:
    """Return the pickle of an exception, or of its class, and of what it is made of."""
    try:
        whole = b"".join(packed(error))
        if type(unpacked(whole)) is type(error):
            return whole, b""
    except Exception:  # noqa: BLE001  an exception of others: how it fails is not known
        whole = b""
    try:
        parts = (type(error), error.args, dict(vars(error)))
        return b"", b"".join(packed(parts))
    except Exception:  # noqa: BLE001  as above
        return pickle.dumps(FailedRun(error_text(error))), b""


def _lines(start: TracebackType | None) -> list[Line]:
    summary = traceback.walk_tb(start)
    return [(at.f_code.co_filename, at.f_code.co_name, line) for at, line in summary]


def _made(told: tuple[Any, ...]) -> BaseException:
    (whole, parts), lines, cause, context, suppresses = told
    if whole:
        error: BaseException = unpacked(whole)
    else:
        kind, args, attributes = unpacked(parts)
        error = kind.__new__(kind, *args)
        error.args = args
        vars(error).update(attributes)
    error.__cause__ = _made(cause) if cause is not None else None
    error.__context__ = _made(context) if context is not None else None
    error.__suppress_context__ = suppresses
    return error.with_traceback(_traceback(lines))


def _traceback(lines: list[Line]) -> TracebackType | None:
    """Return a traceback that shows these lines; its frames hold no variables."""
    made: TracebackType | None = None
    for filename, function, line in reversed(lines):
        code = compile("keep()", filename, "exec").replace(co_name=function, co_firstlineno=line)
        frames: list[FrameType] = []
        exec(code, {"keep": lambda kept=frames: kept.append(sys._getframe(1))})  # noqa: S102, SLF001
        made = TracebackType(made, frames[0], -1, line)
    return made
