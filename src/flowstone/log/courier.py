"""Carries bytes of logs to a server, one request after the other on one connection."""

from __future__ import annotations

import os
import ssl
import sys
import zlib
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import msgspec

from flowstone.core.ids import id_text

_WORTH_IT = 256
"""Bytes from which compressing pays."""
_AWAY = (408, 425, 429)


class Command(msgspec.Struct, frozen=True):
    """What the server asks of this process: to cancel the run `run` (a UUID as text)."""

    kind: str
    run: str = ""
    message: str = ""


class Answer(msgspec.Struct, frozen=True):
    """How far the server has the log, and what it asks.

    `needs` is the version of Flowstone that the server would need to go on, None where it goes on.
    """

    offset: int
    commands: tuple[Command, ...] = ()
    needs: str | None = None


class ServerAway(Exception):  # noqa: N818 - it is waited for
    """The server cannot be reached, or not now; `seconds` is when it wants to be asked again.

    `status` is that of its answer, 0 where there was none.
    """

    def __init__(self, reason: str, seconds: float = 0.0, status: int = 0) -> None:
        super().__init__(reason)
        self.seconds = seconds
        self.status = status


class ServerRefused(Exception):  # noqa: N818 - as above
    """The server does not take what is sent: `status` says why, and `code` where it has a word."""

    def __init__(self, status: int, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.code = code


class _Error(msgspec.Struct, frozen=True, kw_only=True):
    code: str = ""
    message: str = ""
    hint: str = ""
    details: Any = None


# Made before there are threads: msgspec crashes where two are the first to decode a type.
_answer = msgspec.json.Decoder(Answer).decode
_error = msgspec.json.Decoder(_Error).decode


class Courier:
    """A connection to the server at a URL, made when it is needed and kept.

    `cert_file` has the certificates to trust beside the usual ones.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        cert_file: str | None = None,
        timeout: float = 20.0,
    ) -> None:
        self.url = url
        self._parts = urlsplit(url)
        self._cert_file = cert_file
        self._timeout = timeout
        self._connection: HTTPConnection | None = None
        parts = self._parts
        self._proxy = _proxy_for(parts.scheme, parts.hostname or "")
        is_told_all = self._proxy is not None and parts.scheme == "http"
        self._prefix = f"http://{parts.netloc}" if is_told_all else ""
        self._prefix += parts.path.rstrip("/")
        self._compress, coding = _compression()
        self._coding = {"Content-Encoding": coding}
        self._headers = {"Content-Type": "application/octet-stream"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    def put(self, log: bytes, offset: int, data: bytes, *flags: str) -> Answer:
        """Send bytes of a log that lie at an offset, which may be none, and return the answer.

        `flags`: `gap`, `dead`, `over`, `torn`, `durable`, as the server's document has them. Raises
        `ServerAway`, `ServerRefused`.
        """
        query = "".join(f"&{flag}=true" for flag in flags)
        path = f"{self._prefix}/api/logs/{id_text(log)}?offset={offset}{query}"
        headers = self._headers
        if len(data) >= _WORTH_IT:
            data, headers = self._compress(data), headers | self._coding
        status, body, after = self._ask(path, data, headers)
        if status == 200:
            try:
                return _answer(body)
            except msgspec.DecodeError as error:
                raise ServerRefused(status, f"its answer cannot be read: {error}") from error
        told = _told(body)
        if status == 409 and isinstance(told.details, dict) and "offset" in told.details:
            return Answer(int(told.details["offset"]))
        raise _refusal(status, told, after)

    def call(self, method: str, path: str, data: bytes = b"") -> bytes:
        """Send JSON to a path, and return the JSON that it answers; it may be sent twice.

        Raises `ServerAway`, `ServerRefused`.
        """
        headers = self._headers | {"Content-Type": "application/json"}
        status, body, after = self._ask(f"{self._prefix}{path}", data, headers, method)
        if status < 300:
            return body
        raise _refusal(status, _told(body), after)

    def close(self) -> None:
        """Let go of the connection; the next request makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _ask(
        self, path: str, data: bytes, headers: dict[str, str], method: str = "PUT"
    ) -> tuple[int, bytes, str | None]:
        """Send a request, on a new connection where the server closed the one there was."""
        is_fresh = self._connection is None
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.request(method, path, data, headers)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, HTTPException) as error:
            self.close()
            if is_fresh or isinstance(error, TimeoutError):
                raise ServerAway(str(error) or type(error).__name__) from error
            return self._ask(path, data, headers, method)  # twice is harmless
        if response.will_close:
            self.close()
        return response.status, body, response.getheader("Retry-After")

    def _connect(self) -> HTTPConnection:
        parts = self._parts
        host, is_secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if is_secure else 80)
        proxy = self._proxy
        if proxy is not None and not is_secure:
            return HTTPConnection(proxy.hostname or "", proxy.port or 80, timeout=self._timeout)
        if not is_secure:
            return HTTPConnection(host, port, timeout=self._timeout)
        trust = ssl.create_default_context()
        if self._cert_file is not None:
            trust.load_verify_locations(self._cert_file)
        if proxy is None:
            return HTTPSConnection(host, port, timeout=self._timeout, context=trust)
        connection = HTTPSConnection(
            proxy.hostname or "", proxy.port or 80, timeout=self._timeout, context=trust
        )
        connection.set_tunnel(host, port)
        return connection


def _compression() -> tuple[Callable[[bytes], bytes], str]:
    try:  # by name: it comes with Python from 3.14 on, and may be missing before
        name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
        compress = import_module(name).compress
    except ImportError:
        return _gzip, "gzip"
    return (lambda data: compress(data, 1)), "zstd"


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def _proxy_for(scheme: str, host: str) -> Any:
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    request = import_module("urllib.request")  # 10 ms, and few need it
    proxy = request.getproxies_environment().get(scheme)
    if not proxy or request.proxy_bypass_environment(host):
        return None
    return urlsplit(proxy if "//" in proxy else f"//{proxy}")


def _told(body: bytes) -> _Error:
    try:
        return _error(body)
    except msgspec.DecodeError:  # something between here and the server answered
        return _Error(message=body[:200].decode("utf-8", "replace").strip())


def _refusal(status: int, told: _Error, after: str | None) -> ServerAway | ServerRefused:
    reason = f"{status} {told.message} {told.hint}".strip()
    if status >= 500 or status in _AWAY:
        return ServerAway(reason, _seconds(after), status)
    return ServerRefused(status, reason, told.code)


def _seconds(after: str | None) -> float:
    try:
        return min(float(after or 0), 30.0)
    except ValueError:  # a date: rare, and its clock is not ours
        return 1.0
