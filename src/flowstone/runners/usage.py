"""What a body uses of its machine, where its process runs nothing else meanwhile."""

from __future__ import annotations

import os
import re
import resource
import sys
import time

import msgspec

_RESET_PEAK = b"5"
_PEAK = re.compile(rb"VmHWM:\s+(\d+) kB")


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

    def begin(self) -> None:
        """Note that a body begins."""
        if self._reset >= 0:
            os.write(self._reset, _RESET_PEAK)
        if self._is_alone:
            self._cpu = _cpu()
        self._began = time.perf_counter()

    def end(self) -> Usage:
        """Return what the body has used."""
        seconds = time.perf_counter() - self._began
        if not self._is_alone:
            return Usage(seconds)
        return Usage(seconds, _cpu() - self._cpu, self._memory())

    def _memory(self) -> int | None:
        # Not from `getrusage`: its peak is never under that of the process which started this one.
        if self._status < 0:
            return None
        found = _PEAK.search(os.pread(self._status, 4096, 0))
        return int(found[1]) << 10 if found else None


def _cpu() -> float:
    """Return the seconds of processors of this process and of those it started and waited for."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def _peak_files() -> tuple[int, int]:
    """Return descriptors by which the peak of memory is forgotten and told; -1 where none is."""
    if sys.platform != "linux":
        return -1, -1
    try:
        reset = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:  # a container without it: the peak would be that of the whole process
        return -1, -1
    return reset, os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
