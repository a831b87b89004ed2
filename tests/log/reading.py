"""What lies in a directory of logs, read the way a collector reads it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from flowstone.log import files
from flowstone.log.frames import seed_of
from flowstone.log.reader import Reading, read


def read_segment(path: str, log: bytes, *, free: bool = True) -> tuple[list[Any], list[Reading]]:
    """Return all records of a segment, and the readings that gave them."""
    fd = os.open(path, os.O_RDONLY)
    try:
        at, records, readings = 0, [], []
        while True:
            reading = read(fd, at, seed_of(log), free=free)
            readings.append(reading)
            records += [record for _, record in reading.records]
            at = reading.next
            if reading.ended:
                return records, readings
    finally:
        os.close(fd)


def read_logs(directory: Path | str) -> list[Any]:
    """Return the records of all segments in order."""
    segments, _ = files.list_segments(directory)
    return [record for one in segments for record in read_segment(one.path, one.log)[0]]
