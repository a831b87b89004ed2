"""Where runs are recorded: the home, or a private place where the home cannot be written."""

from __future__ import annotations

import errno
import os
import stat
import warnings


def writable_home(home: str) -> str:
    """Return the directory to record in: `home`, or where that cannot be written a private one.

    Makes the directory (mode 0700) where it is missing; warns once where it falls back.
    """
    try:
        _make_home(home)
    except OSError as error:
        fallback = fallback_home()
        try:
            _make_home(fallback)
            _check_private(fallback)
        except OSError:
            return home  # the log says that it cannot be written, and keeps records in memory
        warnings.warn(
            f"The home {home} cannot be written ({error.strerror}); runs are recorded in "
            f"{fallback}. To see them: FLOWSTONE_HOME={fallback} flowstone flow-run ls",
            RuntimeWarning,
            stacklevel=2,
        )
        return fallback
    return home


def fallback_home() -> str:
    """Return where is recorded what a home that cannot be written does not take."""
    temporary = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108  made private and checked
    return os.path.join(temporary, f"flowstone-{os.getuid()}")


def _make_home(home: str) -> None:
    logs = os.path.join(home, "logs")
    os.makedirs(home, mode=0o700, exist_ok=True)
    os.makedirs(logs, mode=0o700, exist_ok=True)
    if not os.access(logs, os.W_OK | os.X_OK):
        is_read_only = os.statvfs(logs).f_flag & os.ST_RDONLY
        why = errno.EROFS if is_read_only else errno.EACCES
        raise OSError(why, os.strerror(why), logs)


def _check_private(path: str) -> None:
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(errno.EACCES, "Somebody else could write there", path)
