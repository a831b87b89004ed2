"""One line of `flowstone doctor`."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["ok", "warning", "problem"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at: what was seen, and what to do where that is not well."""

    check: str
    level: Level
    text: str
    advice: str = ""
