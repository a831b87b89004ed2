"""Whether a debugger holds a thread of this process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType

_MODULES = frozenset({"bdb", "pydevd"})
_FILES = ("/bdb.py", "/pdb.py", "/pydevd.py", "/pudb/debugger.py")
_DEEP = 10
"""Frames of a debugger that waits for a command, at most."""
_SUSPENDS = 0x20 | 0x80 | 0x200
"""The flags of the code of generators, coroutines and async generators."""


def is_debugged() -> bool:
    """Whether a debugger holds, or steps through, a thread of this process."""
    if _MODULES.isdisjoint(sys.modules):
        return False
    return any(
        frame.f_code.co_filename.endswith(_FILES)
        for top in sys._current_frames().values()  # noqa: SLF001  the documented use
        for frame in innermost(top)
    )


def innermost(frame: FrameType | None) -> Iterator[FrameType]:
    """Give the innermost frames of a thread, up to the first that can be suspended.

    Beyond such a frame, CPython 3.11 may lead to freed memory where the thread goes on meanwhile.
    """
    for _ in range(_DEEP):
        if frame is None:
            return
        yield frame
        if frame.f_code.co_flags & _SUSPENDS:
            return
        frame = frame.f_back
