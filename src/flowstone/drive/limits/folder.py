"""The files of a folder of limits, each opened once a process, and the mutex over all of them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import RLock

from flowstone.drive.limits.files import SUFFIX, Limit, LimitFile, file_name, open_high

_TRIES = 6
_FIRST_PAUSE = 30e-6
"""Seconds before the second try to enter a gate, doubled for each further one: 1 ms in all."""


class Folder:
    """A directory of limits. `lock` is held for every use of its files.

    `changes` counts those that this process made to what limits there are.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.lock = RLock()
        self.files: dict[str, LimitFile] = {}
        self.changes = 0

    def file(self, name: str, *, make: bool = False) -> LimitFile | None:
        """Return the open file of a limit; None where there is none and none is to be made."""
        file = self.files.get(name)
        if file is not None:
            file.keep_open()
            return file
        path = os.path.join(self.directory, file_name(name))
        if make:
            os.makedirs(self.directory, mode=0o700, exist_ok=True)
        try:
            fd = open_high(path, os.O_RDWR | (os.O_CREAT if make else 0))
        except FileNotFoundError:
            return None
        self.files[name] = file = LimitFile(path, fd)
        return file

    def defined(self, prefix: str = "") -> dict[str, Limit]:
        """Return the limits that there are, by name; only those whose name begins so.

        Raises `OSError` where one of the files cannot be read.
        """
        try:
            entries = os.listdir(self.directory)
        except FileNotFoundError:
            return {}
        start = file_name(prefix).removesuffix(SUFFIX)
        found = {}
        with self.lock:
            in_use = {file.path: file for file in self.files.values()}
            for entry in entries:
                if not entry.startswith(start) or not entry.endswith(SUFFIX):
                    continue
                path = os.path.join(self.directory, entry)
                limit = in_use[path].read() if path in in_use else _read(path)
                if limit is not None and limit.name.startswith(prefix):
                    found[limit.name] = limit
        return dict(sorted(found.items()))

    def touch(self) -> None:
        """Let everybody see, by the directory's time, that a definition has changed."""
        self.changes += 1
        moment = time.time_ns()
        os.utime(self.directory, ns=(moment, moment))

    @contextmanager
    def entered(self, files: Sequence[LimitFile]) -> Iterator[bool]:
        """Hold the gates of these files, or none; gives whether they were had within a ms."""
        held: list[LimitFile] = []
        pause = _FIRST_PAUSE
        try:
            for _ in range(_TRIES):
                for file in files:
                    if not file.enter():
                        break
                    held.append(file)
                if len(held) == len(files):
                    break
                while held:
                    held.pop().leave()
                time.sleep(pause)
                pause *= 2
            yield len(held) == len(files)
        finally:
            for file in held:
                file.leave()

    def close(self) -> None:
        """Close the files, and so give up what this process holds of them."""
        with self.lock:
            files, self.files = self.files, {}
            for file in files.values():
                file.close()

    def forget_in_child(self) -> None:
        """Begin anew in a forked child, which holds nothing."""
        self.lock = RLock()
        self.close()


def _read(path: str) -> Limit | None:
    """Read a definition from a file that is not in use here: closing it would free its locks."""
    file = LimitFile(path, os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    try:
        return file.read()
    finally:
        os.close(file.fd)
