"""A proxy that cuts connections: in the middle of a request, or before its answer came through."""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
import threading
from collections import Counter
from typing import Self

_PIECE = 16 << 10


class CuttingProxy:
    """Passes on what comes to `port`, in a `with`; `is_honest` lets everything through.

    Of each connection it is drawn what becomes of it: it is cut after some bytes of requests, or
    when the answer to one of its requests has come from the server (which has then committed), or
    not at all.
    """

    def __init__(self, target: int, seed: int) -> None:
        self.is_honest = False
        self.cuts: Counter[str] = Counter()
        self._target = target
        self._chance = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._is_over = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._is_over = True
        self._listener.close()

    def _accept(self) -> None:
        while not self._is_over:
            try:
                client, _ = self._listener.accept()
            except OSError:  # it was closed
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with (
            client,
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self._target), 5) as server,
            selectors.DefaultSelector() as both,
        ):
            both.register(client, selectors.EVENT_READ)
            both.register(server, selectors.EVENT_READ)
            self._pass_on(client, server, both)

    def _pass_on(
        self, client: socket.socket, server: socket.socket, both: selectors.BaseSelector
    ) -> None:
        how = self._chance.choice(("none", "request", "answer", "answer"))
        bytes_left = self._chance.randrange(1, 40_000)
        answers_left = self._chance.randrange(1, 5)
        was_request = False
        while True:
            for key, _ in both.select():
                one = client if key.fileobj is client else server
                data = one.recv(_PIECE)
                if not data:
                    return
                if one is client:
                    was_request = True
                    if how == "request" and not self.is_honest and len(data) >= bytes_left:
                        server.sendall(data[:bytes_left])
                        self.cuts[how] += 1
                        return
                    bytes_left -= len(data)
                    server.sendall(data)
                    continue
                answers_left -= was_request
                was_request = False
                if how == "answer" and not self.is_honest and answers_left == 0:
                    self.cuts[how] += 1
                    return
                client.sendall(data)
