"""What makes a line of a record, for configurations of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowstone.drive.console import ConsoleFormatter
from flowstone.drive.json_lines import JsonFormatter
from flowstone.face.old_names import find

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return find(__name__, name)


__all__ = ["ConsoleFormatter", "JsonFormatter"]
