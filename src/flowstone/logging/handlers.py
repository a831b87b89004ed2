"""What shows records, for configurations of one's own; recording them needs no handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowstone.drive.console import ConsoleHandler
from flowstone.face.old_names import find

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return find(__name__, name)


__all__ = ["ConsoleHandler"]
