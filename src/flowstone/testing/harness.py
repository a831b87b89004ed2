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

from flowstone.settings import variable
from flowstone.wiring.process import PROCESS, Surroundings

_MEMORY = "/dev/shm"  # noqa: S108  the home is made with a name of its own, for its owner only
_ROOM = 256 << 20
_IN_THE_HOME = ("api.url", "results.default_storage", "results.local_storage_path")
"""What would lie elsewhere by a setting, and is a test's own."""


@contextmanager
def flowstone_test_harness(server_startup_timeout: float | None = None) -> Iterator[Path]:
    """Record the runs of the `with` in a fresh home; gives its path, and deletes it at the end.

    The home lies in memory (`/dev/shm`) where there is room, unless `TMPDIR` says otherwise.
    Results are kept in it, and no server is told of the runs, whatever `api.url` says; all other
    settings stay as they are. Harnesses nest, and may be open in several threads at once: each
    keeps to the thread or async task that opened it and to what that submits; other threads, and
    child processes, use the newest. No server is started: `server_startup_timeout` has nothing to
    do.
    """
    del server_startup_timeout
    home = Path(tempfile.mkdtemp(prefix="flowstone-test-", dir=_in_memory()))
    owner = os.getpid()
    around = PROCESS.settings
    settings = around.copy_with_update({"home": str(home), "live": False}, None, _IN_THE_HOME)
    # Where profiles lie is a matter of the home too, and they are to hold as before.
    profiles = around.profiles_path or os.path.join(around.home, "profiles.toml")
    named = {"home": str(home), "profiles_path": profiles, "api.url": None}
    try:
        with _VARIABLES.naming(named), PROCESS.within(Surroundings(settings)):
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


class _Variables:
    """What tells child processes of the home: variables, as the newest open harness has them."""

    def __init__(self) -> None:
        self._open: list[dict[str, str | None]] = []
        self._before: dict[str, str | None] = {}
        self._lock = Lock()

    @contextmanager
    def naming(self, values: dict[str, str | None]) -> Iterator[None]:
        """Have the variables of these settings say so until the end of the `with`; None: unset."""
        with self._lock:
            if not self._open:
                self._before = {name: os.environ.get(variable(name)) for name in values}
            self._open.append(values)
            self._set()
        try:
            yield
        finally:
            with self._lock:
                self._open = [one for one in self._open if one is not values]
                self._set()

    def _set(self) -> None:
        for name, value in (self._open[-1] if self._open else self._before).items():
            if value is None:
                os.environ.pop(variable(name), None)
            else:
                os.environ[variable(name)] = value


_VARIABLES = _Variables()
