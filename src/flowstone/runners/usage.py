"""What a body uses of its machine, where its process runs nothing else meanwhile."""

from __future__ import annotations

import os
import re
import resource
import sys
import time

import msgspec

_RESET_PEAK = b"5"
_MEMORY = re.compile(rb"VmHWM:\s+(\d+) kB\s+VmRSS:\s+(\d+) kB")


class Usage(msgspec.Struct, frozen=True, array_like=True):
    """The seconds that a body took, those of processors, and the most bytes of memory there were.

    The last two are None where they are not known.
    """

    seconds: float
    cpu: float | None = None
    memory: int | None = None


class Meter:
    """Measures one body at a time; `is_alone` tells that the process does nothing else."""

    def __init__(self, *, is_alone: bool = True) -> None:
        self._is_alone = is_alone
        self._reset, self._status = _peak_files() if is_alone else (-1, -1)
        self._began = self._cpu = 0.0
        self._faults = -1
        self._left: int | None = None  # the bytes that there are between bodies, where it is known

    def begin(self) -> None:
        """Note that a body begins."""
        if self._reset >= 0:
            os.write(self._reset, _RESET_PEAK)
        if self._is_alone:
            self._cpu, _ = _spent()
        self._began = time.perf_counter()

    def end(self) -> Usage:
        """Return what the body has used."""
        seconds = time.perf_counter() - self._began
        if not self._is_alone:
            return Usage(seconds)
        cpu, faults = _spent()
        return Usage(seconds, cpu - self._cpu, self._memory(faults))

    def _memory(self, faults: int) -> int | None:
        # Not from `getrusage`: its peak is never under that of the process which started this one.
        if self._status < 0:
            return None
        # Reading it takes longer than a body that does nothing: not where no page has come since.
        has_pages = faults != self._faults
        self._faults = faults
        if self._left is not None and not has_pages:
            return self._left
        found = _MEMORY.search(os.pread(self._status, 4096, 0))
        if found is None:
            return None
        # What a body made may go only after its end: what it leaves is known from the next one.
        self._left = None if has_pages else int(found[2]) << 10
        return int(found[1]) << 10


def _spent() -> tuple[float, int]:
    """Return the seconds of processors of this process and of those it started and waited for, and
    how often a page of memory came to this one."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime
    return seconds, own.ru_minflt + own.ru_majflt


def _peak_files() -> tuple[int, int]:
    """Return descriptors by which the peak of memory is forgotten and told; -1 where none is."""
    if sys.platform != "linux":
        return -1, -1
    try:
        reset = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:  # a container without it: the peak would be that of the whole process
        return -1, -1
    return reset, os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
