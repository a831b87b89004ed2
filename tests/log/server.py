"""A server that takes logs, in a thread of the test: it keeps bytes, and does as it is told."""

from __future__ import annotations

import json
import threading
import zlib
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from backports import zstd


class FakeServer:
    """Keeps what is sent; `trouble` is the status of every answer while it is not None."""

    def __init__(self) -> None:
        self.logs: dict[str, bytes] = defaultdict(bytes)
        self.requests: list[tuple[int, int, frozenset[str]]] = []
        self.headers: list[dict[str, str]] = []
        self.commands: list[dict[str, str]] = []
        self.trouble: int | None = None
        self.needs: str | None = None
        self.most = 1 << 40
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                coding = self.headers.get("Content-Encoding")
                if coding == "zstd":
                    body = zstd.decompress(body)
                elif coding == "gzip":
                    body = zlib.decompress(body, 31)
                status, answer = fake.take(self.path, body, dict(self.headers))
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_args: Any) -> None:
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.port = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def take(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(path)
        log = parts.path.rpartition("/")[2]
        query = parse_qs(parts.query)
        offset, flags = int(query.pop("offset")[0]), frozenset(query)
        self.requests.append((offset, len(body), flags))
        self.headers.append(headers)
        if self.trouble is not None:
            return self.trouble, {"code": "trouble", "message": "No.", "hint": "Wait."}
        have = len(self.logs[log])
        if offset > have and "gap" not in flags:
            return 409, {"message": "a gap", "details": {"offset": have}}
        if offset > have:
            self.logs[log] += bytes(offset - have)
        fresh = body[len(self.logs[log]) - offset :][: self.most]
        self.logs[log] += fresh
        answer = {"offset": len(self.logs[log]), "commands": self.commands, "needs": self.needs}
        return 200, answer
