"""The limits of a home as this process sees them: one set of open files for each folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from threading import Lock

from flowstone.drive.limits.definitions import Definitions
from flowstone.drive.limits.folder import Folder
from flowstone.drive.limits.limiter import Limiter
from flowstone.drive.limits.requests import Request
from flowstone.drive.limits.tags import TagLimits


class LocalLimits:
    """Asks for slots, knows the tags that have a limit, and changes what limits there are."""

    def __init__(self, directory: str) -> None:
        self.folder = Folder(directory)
        self.limiter = Limiter(self.folder)
        self.definitions = Definitions(self.folder)
        self.tags = TagLimits(self.folder)

    def holding(self, tags: Sequence[str], label: str = "") -> Request | None:
        """Ask for a slot of each limit that these tags have; None where they have none.

        What it gives may not be done yet; `limiter.release` must follow in any case.
        """
        names = self.tags.limited(tags)
        if not names:
            return None
        request = Request(names, label=label)
        self.limiter.ask(request)
        return request


_ALL: dict[str, LocalLimits] = {}
_LOCK = Lock()


def local_limits(directory: str) -> LocalLimits:
    """Return the limits in a directory: always the same object, by whatever path.

    Two would each open the files, and what one closes would free what the other holds.
    """
    known = _ALL.get(directory)
    if known is not None:
        return known
    path = os.path.realpath(directory)
    with _LOCK:
        if path not in _ALL:
            _ALL[path] = LocalLimits(path)
        _ALL[directory] = _ALL[path]
        return _ALL[path]


def forget(directory: str) -> None:
    """Close the files of the limits in a directory that is about to go; who holds any, loses it."""
    with _LOCK:
        limits = _ALL.pop(os.path.realpath(directory), None)
        for name in [name for name, one in _ALL.items() if one is limits]:
            del _ALL[name]
    if limits is not None:
        limits.folder.close()


def _forget_in_child() -> None:
    global _LOCK  # noqa: PLW0603  another thread may have held it
    _LOCK = Lock()
    for limits in set(_ALL.values()):
        limits.folder.forget_in_child()
        limits.limiter.forget_in_child()


os.register_at_fork(after_in_child=_forget_in_child)
