"""A server that is away for a moment is asked again, and never twice for what may be done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flowstone.client import get_client
from flowstone.client.remote_store import RemoteStore
from flowstone.client.server import Server
from flowstone.exceptions import ServerRefused, ServerUnreachable
from flowstone.settings import Settings, temporary_settings
from flowstone.store.queries import Store


class Scripted:
    """A server that gives the answers of a list, one after the other; 0 cuts the connection."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.asked: list[str] = []
        self.body = b"{}"
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                scripted.asked.append(f"{self.command} {self.path}")
                status = scripted.answers.pop(0)
                if not status:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Retry-After", "0")
                self.send_header("Content-Length", str(len(scripted.body)))
                self.end_headers()
                self.wfile.write(scripted.body)

            do_GET = do_POST = answer

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def server(self, retries: int = 3) -> Server:
        given = {"api.url": self.url, "client.max_retries": retries}
        return Server(Settings().copy_with_update(given))


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    made = Scripted()
    thread = threading.Thread(target=made.http.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()
    thread.join()


@pytest.mark.parametrize("away", [[503], [429], [502], [503, 429]])
def test_what_is_read_is_asked_for_again(scripted, away):
    scripted.answers = [*away, 200]
    server = scripted.server()
    assert server.ask("GET", "/x", dict[str, int]) == {}
    assert len(scripted.asked) == len(away) + 1
    server.close()


def test_what_was_surely_not_begun_is_asked_for_again(scripted):
    scripted.answers = [503, 200]
    server = scripted.server()
    assert server.ask("POST", "/x", dict[str, int]) == {}
    server.close()


@pytest.mark.parametrize("answer", [502, 500, 504, 0])
def test_what_may_have_been_done_is_not_asked_for_twice(scripted, answer):
    scripted.answers = [answer, 200]
    server = scripted.server()
    with pytest.raises(ServerUnreachable, match=scripted.url):
        server.ask("POST", "/x", dict[str, int])
    assert len(scripted.asked) == 1
    server.close()


def test_a_server_that_stays_away_is_given_up(scripted):
    scripted.answers = [503] * 3
    server = scripted.server(retries=2)
    with pytest.raises(ServerUnreachable, match="503"):
        server.ask("GET", "/x", dict[str, int])
    assert len(scripted.asked) == 3
    server.close()


def test_an_answer_that_is_none_of_ours_is_refused(scripted):
    scripted.answers, scripted.body = [200, 404], b"<html>nothing here</html>"
    server = scripted.server()
    with pytest.raises(ServerRefused, match="cannot be read"):
        server.ask("GET", "/x", dict[str, int])
    with pytest.raises(ServerRefused, match="nothing here") as caught:
        server.ask("GET", "/x", dict[str, int])
    assert caught.value.status == 404
    server.close()


def test_a_server_that_is_not_there_is_named():
    with (
        temporary_settings({"api.url": "http://127.0.0.1:9", "client.max_retries": 0}),
        get_client() as client,
        pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:9"),
    ):
        client.read_flow_runs()


def test_the_store_of_a_server_answers_all_that_a_store_is_asked():
    asked = {name for name in vars(Store) if not name.startswith("_")} - {"as_of"}
    assert asked <= set(vars(RemoteStore))
