"""Whether a live display has a place in this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

_DEBUGGERS = ("debugpy", "pydevd")
_OTHERS = ("pytest", "ipykernel")
"""What shows output in its own way: tests and notebooks."""
_NO = ("", "0", "false", "no")


def terminal_of(stream: Any, environ: Mapping[str, str]) -> int | None:
    """Return the descriptor of a stream where a live display may be shown on it, else None.

    That needs a terminal that moves its cursor, with a person before it: no CI, no test, no
    notebook, no debugger.
    """
    try:
        descriptor: int = stream.fileno()
        if not stream.isatty() or not os.isatty(descriptor):
            return None
    except (AttributeError, OSError, ValueError):  # a replaced, a closed or no stream
        return None
    if environ.get("TERM", "dumb") == "dumb" or environ.get("CI", "").lower() not in _NO:
        return None
    if any(name in sys.modules for name in _OTHERS) or _is_traced():
        return None
    return descriptor


def _is_traced() -> bool:
    """Whether a debugger, or a measurement of coverage, looks at this thread."""
    monitoring = getattr(sys, "monitoring", None)  # since Python 3.12
    return (
        sys.gettrace() is not None
        or any(name in sys.modules for name in _DEBUGGERS)
        or (monitoring is not None and monitoring.get_tool(monitoring.DEBUGGER_ID) is not None)
    )
