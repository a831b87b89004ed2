"""Which tags have a limit: an answer that costs next to nothing where they have none."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from flowstone.drive.limits.folder import Folder

PREFIX = "tag:"
"""What the name of a tag's limit begins with."""
_FRESH = 0.5
"""Seconds until it is looked again whether any definition has changed."""


class TagLimits:
    """The tags with a limit, as they were at most half a second ago; one's own changes at once."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._tags: frozenset[str] = frozenset()
        self._until = 0.0
        self._changed: int | None = -1
        self._changes = 0

    def limited(self, tags: Iterable[str]) -> tuple[str, ...]:
        """Return the names of the limits that these tags have."""
        moment = time.monotonic()
        if moment > self._until or self._changes != self._folder.changes:
            self._look(moment)
        if self._tags.isdisjoint(tags):
            return ()
        return tuple(PREFIX + tag for tag in tags if tag in self._tags)

    def all(self) -> tuple[str, ...]:
        """Return the tags that have a limit, in order."""
        self._look(time.monotonic())
        return tuple(sorted(self._tags))

    def _look(self, moment: float) -> None:
        self._changes = self._folder.changes
        try:
            changed = os.stat(self._folder.directory).st_mtime_ns
        except FileNotFoundError:
            changed = None
        if changed != self._changed:
            limits = self._folder.defined(PREFIX).values()
            self._tags = frozenset(one.name.removeprefix(PREFIX) for one in limits if one.active)
            self._changed = changed  # as it was before the look: a later change is another one
        self._until = moment + _FRESH
