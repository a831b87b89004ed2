"""Tracebacks as people want them: their own frames, not ours."""

from __future__ import annotations

import os
import traceback
from types import TracebackType

_LIBRARY = os.path.dirname(os.__file__) + os.sep
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def is_ours(filename: str) -> bool:
    """Whether a file belongs to Flowstone itself."""
    return filename.startswith(_OURS)


def is_installed(filename: str) -> bool:
    """Whether a file belongs to Python or to an installed package, and not to the program."""
    return filename.startswith((_LIBRARY, "<")) or "site-packages" in filename


def user_traceback(error: BaseException) -> str:
    """Return an exception's traceback as text, without Flowstone's own frames.

    Where nothing else is left, or printing fails, the frames stay.
    """
    try:
        shown = traceback.TracebackException(type(error), error, error.__traceback__, compact=True)
        _hide_ours(shown)
        return "".join(shown.format()).rstrip("\n")
    except Exception as broken:  # noqa: BLE001  a user's exception may break while it is printed
        return f"{type(error).__name__} (its traceback cannot be shown: {type(broken).__name__})"


def user_frames(start: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the first frame on that is not Flowstone's."""
    entry = start
    while entry is not None and is_ours(entry.tb_frame.f_code.co_filename):
        entry = entry.tb_next
    return entry


def _hide_ours(shown: traceback.TracebackException) -> None:
    seen: set[int] = set()
    todo: list[traceback.TracebackException | None] = [shown]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        theirs = [frame for frame in one.stack if not is_ours(frame.filename)]
        if theirs:
            one.stack = traceback.StackSummary.from_list(theirs)
        todo += [one.__cause__, one.__context__, *(one.exceptions or ())]
