"""A home for tests: made when the `with` begins, gone when it ends."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Lock

import msgspec

from flowstone.settings import variable
from flowstone.wiring import PROCESS, Surroundings

_MEMORY = "/dev/shm"  # noqa: S108  the home is made with a name of its own, for its owner only
_ROOM = 256 << 20


@contextmanager
def flowstone_test_harness(server_startup_timeout: float | None = None) -> Iterator[Path]:
    """Record the runs of the `with` in a fresh home; gives its path, and deletes it at the end.

    The home lies in memory (`/dev/shm`) where there is room, unless `TMPDIR` says otherwise.
    All other settings stay as they are. Harnesses nest, and may be open in several threads at
    once: each keeps to the thread or async task that opened it and to what that submits; other
    threads, and child processes, use the newest. No server is started: `server_startup_timeout`
    has nothing to do.
    """
    del server_startup_timeout
    home = Path(tempfile.mkdtemp(prefix="flowstone-test-", dir=_in_memory()))
    owner = os.getpid()
    settings = msgspec.structs.replace(PROCESS.settings, home=str(home), live=False)
    try:
        with _VARIABLE.naming(str(home)), PROCESS.within(Surroundings(settings)):
            yield home
    finally:
        if os.getpid() == owner:  # a forked child leaves the home to its parent
            import_module("flowstone.drive.limits.local").forget(str(home / "limits"))
            # A body that was left behind may still write there; what it leaves does no harm.
            shutil.rmtree(home, ignore_errors=True)


def _in_memory() -> str | None:
    """Return a directory in memory, None where the usual one is to be taken.

    Making and deleting a home takes 0.5 ms there; on a disk that others write to, 15.
    """
    if os.environ.get("TMPDIR") or not os.access(_MEMORY, os.W_OK):
        return None
    found = os.statvfs(_MEMORY)
    return _MEMORY if found.f_bavail * found.f_frsize > _ROOM else None


class _HomeVariable:
    """The variable that tells child processes the home: that of the newest open harness."""

    def __init__(self) -> None:
        self._name = variable("home")
        self._open: list[str] = []
        self._before: str | None = None
        self._lock = Lock()

    @contextmanager
    def naming(self, home: str) -> Iterator[None]:
        """Name this home until the end of the `with`."""
        with self._lock:
            if not self._open:
                self._before = os.environ.get(self._name)
            self._open.append(home)
            self._set()
        try:
            yield
        finally:
            with self._lock:
                self._open.remove(home)
                self._set()

    def _set(self) -> None:
        home = self._open[-1] if self._open else self._before
        if home is None:
            os.environ.pop(self._name, None)
        else:
            os.environ[self._name] = home


_VARIABLE = _HomeVariable()
