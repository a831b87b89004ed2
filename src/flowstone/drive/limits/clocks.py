"""The clock that all processes of a machine share, and the boot in which it began."""

from __future__ import annotations

import time

from flowstone.log.machine import boot_id

_BOOT: list[bytes] = []


def clock() -> int:
    """Return nanoseconds of the clock that all processes share and that sleep does not stop."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def this_boot() -> bytes:
    """Return the 16 bytes that name this boot of the machine."""
    if not _BOOT:
        _BOOT.append(bytes.fromhex(boot_id().replace("-", "")).ljust(16, b"\0")[:16])
    return _BOOT[0]
