"""At the end of a process: a hand with collecting, where much waits for a reader."""

from __future__ import annotations

import logging
import os
from importlib import import_module

from flowstone.log.writer import LogWriter

_logger = logging.getLogger("flowstone")
_MANY_SEGMENTS = 4
_MANY_LOGS = 100
_LONG = 2.0


def tidy_up(log: LogWriter, lived: float) -> None:
    """Collect for an instant if much is there to collect, and nobody else does."""
    if not is_untidy(log.directory, log.id.hex(), lived):
        return
    # By its name, because the store lies above this layer and is loaded by few.
    collector = import_module("flowstone.store.collector")
    try:
        collector.tidy(os.path.dirname(log.directory))
        import_module("flowstone.store.retention").prune_lightly(os.path.dirname(log.directory))
    except Exception as error:  # noqa: BLE001  tidying is a courtesy; the records are safe
        _logger.debug("The logs in %s could not be collected: %s", log.directory, error)


def is_untidy(directory: str, own: str, lived: float) -> bool:
    """Whether many logs wait, or many segments of this process, which lived so many seconds."""
    try:
        names = os.listdir(directory)
    except OSError:
        return False
    own_segments = sum(name.startswith(own) for name in names)
    return own_segments >= _MANY_SEGMENTS or (lived > _LONG and len(names) > _MANY_LOGS)
