"""The control file of a log: what others ask of the process that writes the log.

`<log id>.ctl` lies beside the segments. Anybody may append to it, the log's owner reads it: so a
request needs no connection, and outlives an owner that dies before it acts. `docs/log-format.md`.
"""

from __future__ import annotations

import errno
import os

import msgspec

from flowstone.core.facts import Written
from flowstone.core.plain import clean_text
from flowstone.log.frames import Damage, frame, scan, seed_of


class CancelAsked(Written, frozen=True, tag=128):
    """Somebody asked to cancel a run; `message` says who."""

    run: bytes
    at: int
    message: str


class Requests(msgspec.Struct, frozen=True):
    """What a control file holds from some offset up to `next`.

    `damages` are bytes that are no request. `tail` says what is wrong with bytes that lie behind
    `next`, "" where none do: the beginning of a request that is being written, or damage too.
    """

    found: list[CancelAsked]
    damages: list[Damage]
    next: int
    tail: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(CancelAsked).decode


def control_path(directory: str, log: bytes) -> str:
    """Return where the control file of a log lies, in the directory of the logs."""
    return os.path.join(directory, f"{log.hex()}.ctl")


def ask(directory: str, log: bytes, request: CancelAsked) -> None:
    """Leave a request for the owner of a log. Raises `OSError` where it cannot be written."""
    request = msgspec.structs.replace(request, message=clean_text(request.message))
    data = frame(_encode(request), seed_of(log))
    path = control_path(directory, log)
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # One write, so that several who ask at once never mix.
        if os.write(fd, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    finally:
        os.close(fd)


def size_of(directory: str, log: bytes) -> int:
    """Return how many bytes the control file of a log has, 0 where there is none."""
    try:
        return os.stat(control_path(directory, log)).st_size
    except FileNotFoundError:
        return 0


def read_requests(directory: str, log: bytes, at: int) -> Requests:
    """Return what a control file holds from offset `at` on, nothing where there is no file.

    Raises `OSError` where it cannot be read.
    """
    try:
        fd = os.open(control_path(directory, log), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return Requests([], [], at)
    try:
        data = os.pread(fd, max(os.fstat(fd).st_size - at, 0), at)
    finally:
        os.close(fd)
    scanned = scan(data, seed_of(log), at)
    found, damages = [], list(scanned.damages)
    for offset, payload in scanned.payloads:
        try:
            found.append(_decode(payload))
        except (msgspec.DecodeError, RecursionError) as error:
            damages.append(Damage(offset, len(payload) + 8, f"it is no request: {error}"))
    return Requests(found, damages, scanned.stop, scanned.tail)
