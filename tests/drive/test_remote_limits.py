"""The limits of a server, with a server that is made up."""

from __future__ import annotations

import atexit
import threading
import time
from uuid import uuid4

import msgspec

from flowstone.drive.limits.messages import Acquired
from flowstone.drive.limits.remote_limiter import RemoteLimiter


class Mistaken:
    """A server before which something else answers at first: a proxy with a page of its own."""

    def __init__(self):
        self.asked = 0
        told = Acquired(registration=uuid4(), settled=(), waiting=(), version="1", tags=("db",))
        self.told = msgspec.json.encode(told)

    def call(self, method, path, data):
        self.asked += 1
        if self.asked == 1:
            return b"<html>Please log in</html>"
        threading.Event().wait(0.05)
        return self.told

    def close(self): ...


def test_an_answer_that_cannot_be_read_is_asked_for_again():
    server = Mistaken()
    limiter = RemoteLimiter("http://x", lambda: server, lambda: server)
    try:
        until = time.monotonic() + 10
        while limiter.tags() != {"db"} and time.monotonic() < until:
            threading.Event().wait(0.01)
        assert limiter.tags() == {"db"}
    finally:
        limiter.forget_in_child()  # which ends its threads
        atexit.unregister(limiter.finish)
