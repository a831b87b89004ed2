"""Messages between this process and a worker, over a Unix socket.

A message is a kind, a head (what it says) and a body (pickled values). A large body lies in memory
that both processes map: it is not copied through the socket, and is gone with the last who has it.
"""

from __future__ import annotations

import mmap
import os
import socket
import struct
from array import array
from collections.abc import Sequence
from typing import NamedTuple

from flowstone.results.buffers import Buffer

_HEADER = struct.Struct("<B?IQ")
"""Kind, whether the body is shared, length of the head, length of the body."""
_LARGE = 1 << 20
"""Bytes from which on a body is shared."""
_READ = 1 << 16
_FDS = 4
_ANCILLARY = socket.CMSG_SPACE(_FDS * array("i").itemsize)
_CAN_SHARE = hasattr(os, "memfd_create")


class Message(NamedTuple):
    """What was received."""

    kind: int
    head: bytes
    body: Buffer


class Channel:
    """One end of a socket. Either end is used by one thread at a time, `close` aside."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._read = bytearray()
        self._fds: list[int] = []

    def send(self, kind: int, head: bytes = b"", body: Sequence[Buffer] = ()) -> None:
        """Send a message. Raises `OSError` where the other end is gone."""
        length = sum(map(len, body))
        if length < _LARGE or not _CAN_SHARE:
            header = _HEADER.pack(kind, False, len(head), length)
            self._socket.sendall(b"".join((header, head, *body)))
            return
        fd = _shared(body)
        try:
            header = _HEADER.pack(kind, True, len(head), length)
            sent = socket.send_fds(self._socket, [header], [fd])
            self._socket.sendall(header[sent:] + head)
        finally:
            os.close(fd)

    def receive(self) -> Message:
        """Return the next message, waiting for it. Raises `EOFError` where there will be none."""
        read = self._read
        while len(read) < _HEADER.size:
            self._fill(_READ)
        kind, is_shared, head_length, body_length = _HEADER.unpack_from(read)
        start = _HEADER.size + head_length
        end = start if is_shared else start + body_length
        while len(read) < end:
            self._fill(max(_READ, end - len(read)))
        head = bytes(read[_HEADER.size : start])
        body = _mapped(self._fds.pop(0), body_length) if is_shared else read[start:end]
        del read[:end]
        return Message(kind, head, body)

    def hang_up(self, how: int) -> None:
        """End one direction, or both (`socket.SHUT_…`): whoever waits there gets `EOFError`."""
        try:
            self._socket.shutdown(how)
        except OSError:  # the other end is gone already
            return

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def _fill(self, most: int) -> None:
        try:
            data, ancillary, _, _ = self._socket.recvmsg(most, _ANCILLARY)
        except ConnectionError as error:
            raise EOFError(str(error)) from None
        for level, kind, fds in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._fds += array("i", fds[: len(fds) - len(fds) % array("i").itemsize])
        if not data:
            raise EOFError("the other process has ended")
        self._read += data


def _shared(body: Sequence[Buffer]) -> int:
    """Return a descriptor of memory that holds these pieces."""
    fd = os.memfd_create("flowstone", os.MFD_CLOEXEC)
    try:
        for piece in body:
            left = memoryview(piece)
            while left:
                left = left[os.write(fd, left) :]
    except BaseException:
        os.close(fd)
        raise
    return fd


def _mapped(fd: int, length: int) -> memoryview:
    """Return the memory behind a descriptor; what is written into it stays here."""
    try:
        return memoryview(mmap.mmap(fd, length, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE))
    finally:
        os.close(fd)
