"""Another process that asks for slots: it reads commands, a line each, and answers each in a line.

python tests/limits/elsewhere.py DIRECTORY
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

from flowstone.drive.limits.local import local_limits
from flowstone.drive.limits.requests import Request


class Elsewhere:
    """A process to be told what to do."""

    def __init__(self, directory: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, *words: str) -> str:
        """Have it do something, and return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(*words, file=self._process.stdin, flush=True)
        return self._process.stdout.readline().strip()

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def until_done(request: Request) -> int:
    """Return when a request was let in, in nanoseconds of the clock that processes share."""
    moments: list[int] = []
    done = threading.Event()
    request.when_done(lambda _: (moments.append(time.monotonic_ns()), done.set()))
    done.wait()
    return moments[0]


def main(directory: str) -> None:
    limiter = local_limits(directory).limiter
    requests: dict[str, Request] = {}
    for line in sys.stdin:
        verb, key, *names = line.split()
        if verb == "ask":  # ask KEY NAME …
            requests[key] = Request(names)
            limiter.ask(requests[key])
        elif verb == "gate":  # gate KEY NAME: keep all others from deciding
            file = local_limits(directory).folder.file(*names)
            print(file is not None and file.enter(), flush=True)
            continue
        elif verb == "awake":  # answers with when it was let in
            print(until_done(requests[key]), flush=True)
            continue
        elif verb == "use":  # of a rate
            requests[key] = Request(names, is_rate=True)
            limiter.ask(requests[key])
            print("done" if requests[key].is_done else "waiting", flush=True)
            continue
        elif verb == "wait":
            until_done(requests[key])
        elif verb == "release":
            limiter.release(requests[key])
        print("in" if requests[key].slots else "out", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
