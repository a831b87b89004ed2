"""Lines that are too long for the log: their beginning stands there, the whole in a file.

The files of a flow run, and of the task runs in it, lie in one folder of the home, so that they go
when it is deleted.
"""

from __future__ import annotations

import os
from itertools import count

from flowstone.core.ids import id_text

FOLDER = "long-lines"


class LongLines:
    """Cuts what is longer than `most` bytes, and keeps the whole in the folder of its run."""

    def __init__(self, home: str, most: int) -> None:
        self._folder = os.path.join(home, FOLDER)
        self._most = most
        self._numbers = count(1)

    def cut(self, text: str, run: bytes) -> str:
        """Return a text as it is to be recorded for a run; a longer one says where the whole is."""
        if len(text) * 4 <= self._most:  # no character takes more
            return text
        whole = text.encode()
        if len(whole) <= self._most:
            return text
        begin = whole[: self._most].decode(errors="ignore")
        folder = os.path.join(self._folder, id_text(run))
        path = os.path.join(folder, f"{os.getpid()}-{next(self._numbers)}.txt")
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            with open(path, "xb") as file:
                file.write(whole)
        except OSError as error:
            rest = f"The whole text of {len(whole):,} bytes could not be kept: {error}"
        else:
            rest = f"The whole text of {len(whole):,} bytes is in {path}"
        return f"{begin}... [truncated]\n{rest}"


def forget(home: str, run: bytes) -> None:
    """Delete the files of a run, if it has any. Raises `OSError` where one cannot be deleted."""
    folder = os.path.join(home, FOLDER, id_text(run))
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        os.remove(os.path.join(folder, name))
    os.rmdir(folder)
