"""What a command says of a server that is none of ours."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from flowstone.cli.asking import asked, is_flowstone, is_ready


@pytest.fixture
def url() -> Iterator[str]:
    """The address of a program that speaks first, and not HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_greet_everybody, args=(listener,))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _greet_everybody(listener: socket.socket) -> None:
    while True:
        try:
            caller, _ = listener.accept()
        except OSError:  # the test is over
            return
        with caller:
            caller.recv(1 << 16)
            caller.sendall(b"SSH-2.0-other\r\n")


def test_what_speaks_another_protocol_is_no_server_of_ours(url):
    assert not is_flowstone(url)
    assert not is_ready(url)
    with pytest.raises(ValueError, match="does not speak HTTP"):
        asked(url, "health")
