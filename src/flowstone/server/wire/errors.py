"""The one shape of every error that the server answers with."""

from __future__ import annotations

from typing import Any

import msgspec


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong: a word for programs, what was asked and found, and what to do."""

    code: str
    message: str
    hint: str = ""
    details: Any = None
