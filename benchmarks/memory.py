"""How much memory a process has in use."""

from __future__ import annotations


def resident() -> int:
    """Return the bytes of memory of its own that this process has in use (Linux).

    Pages of the mapped log belong to the page cache, and are left out. `/proc/self/statm` would be
    too coarse: the kernel keeps its counts in batches.
    """
    with open("/proc/self/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("Anonymous:"))
