"""The program of a worker process: takes calls of task functions, one at a time, and answers."""

from __future__ import annotations

import os
import signal
import socket
import sys
from _thread import start_new_thread
from contextlib import suppress
from contextvars import copy_context
from typing import Any

import msgspec

from flowstone.core.context import RunContext
from flowstone.drive.capture import flush_prints, redirect_print
from flowstone.drive.stopper import STOPPER
from flowstone.results.buffers import Buffer
from flowstone.runners.channel import Channel, Message
from flowstone.runners.failures import packed_error
from flowstone.runners.pickles import unpacked
from flowstone.runners.remote import (
    BROKEN,
    CALL,
    FORGET,
    KNOWN,
    RAISED,
    READY,
    Call,
    flow_there,
    perform,
    task_there,
)
from flowstone.runners.usage import Meter
from flowstone.wiring.process import PROCESS

_FOREVER = 1e9
_SET_DEATH_SIGNAL = 1
_decode = msgspec.msgpack.Decoder(Call).decode
_encode = msgspec.msgpack.Encoder().encode


class Server:
    """What this process knows, and what it does just now."""

    def __init__(self, calls: Channel) -> None:
        self._calls = calls
        self._packed: dict[int, Buffer] = {}
        self._known: dict[int, Any] = {}
        self._settings = self._environment = 0
        self._variables = dict(os.environb)
        self._meter = Meter()
        self.context: RunContext | None = None

    def serve(self) -> None:
        """Answer calls until the other end hangs up."""
        while True:
            message = self._calls.receive()
            if message.kind == KNOWN:
                self._packed[int.from_bytes(message.head, "big")] = message.body
            elif message.kind == FORGET:
                self._forget(unpacked(message.body))
            elif message.kind == CALL:
                self._meter.begin()
                kind, body = copy_context().run(self._perform, message)
                used = _encode(self._meter.end())
                flush_prints()
                self._calls.send(kind, used, body)
            del message

    def _perform(self, message: Message) -> tuple[int, list[Buffer]]:
        call = _decode(message.head)
        try:
            self._adapt(call)
            spec = self._thing(call.task)
            flow = flow_there(self._thing(call.flow)) if call.flow else None
        except BaseException as error:  # noqa: BLE001  a module that cannot be imported here, say
            return packed_failure(error)
        if call.log_prints:
            redirect_print()
        context = task_there(call.run, spec, flow, log_prints=call.log_prints)
        self.context = context
        try:
            return perform(call, context, message.body, (PROCESS.engine or PROCESS.start()).env)
        finally:
            self.context = None

    def interrupt(self, run: bytes) -> None:
        """Interrupt the body of this run, if it still runs. Called by another thread."""
        context = self.context
        if context is not None and context.run.key == run and context.request is None:
            STOPPER.cancel(context, "It was stopped by the process that submitted it.", _FOREVER)

    def _thing(self, number: int) -> Any:
        if number not in self._known:
            self._known[number] = unpacked(self._packed[number])
            del self._packed[number]
        return self._known[number]

    def _adapt(self, call: Call) -> None:
        """Let the settings and the environment be those of where the run was submitted."""
        if call.environment != self._environment:
            wanted = self._thing(call.environment)
            _change_environment(self._variables, wanted)
            self._environment, self._variables = call.environment, wanted
        if call.settings != self._settings:
            settings = self._thing(call.settings)
            if settings != PROCESS.settings:
                PROCESS.restart(settings)
            PROCESS.start()
            self._settings = call.settings

    def _forget(self, place: tuple[str, list[str]]) -> None:
        directory, sys.path[:] = place
        with suppress(OSError):  # it is gone: relative names mean nothing there either
            os.chdir(directory)
        self._packed.clear()
        self._known.clear()
        self._settings = self._environment = 0


def main(calls_fd: int, control_fd: int, parent: int) -> None:
    """Be a worker of the process `parent`, which has the other ends of these sockets."""
    for fd in (calls_fd, control_fd):
        os.set_inheritable(fd, False)  # nothing that a body starts needs them
    calls, control = (Channel(socket.socket(fileno=fd)) for fd in (calls_fd, control_fd))
    _die_with(parent)
    server = Server(calls)
    start_new_thread(_listen, (control, server))
    with suppress(EOFError, OSError):  # the other end hung up
        sys.argv[:], settings, initializer, initargs = unpacked(calls.receive().body)
        PROCESS.restart(settings)
        PROCESS.start()
        try:
            if initializer is not None:
                initializer(*initargs)
        except Exception as error:  # noqa: BLE001  told to whoever waits for this worker
            calls.send(BROKEN, b"", packed_failure(error)[1])
            return
        calls.send(READY)
        server.serve()


def packed_failure(error: BaseException) -> tuple[int, list[Buffer]]:
    """Return the answer for what failed before the body began."""
    return RAISED, packed_error(error, error.__traceback__)


def _listen(control: Channel, server: Server) -> None:
    """Hear what is to be interrupted; end when the other process has, whatever runs here."""
    try:
        while True:
            server.interrupt(control.receive().head)
    except (EOFError, OSError):
        if server.context is not None:
            os._exit(1)


def _die_with(parent: int) -> None:
    """Let the kernel kill this process when the one that started it ends; on Linux it can."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before that line
        os._exit(1)


def _change_environment(before: dict[bytes, bytes], wanted: dict[bytes, bytes]) -> None:
    """Do what changed there; what was changed here, by an initializer for instance, stays."""
    for name in before.keys() - wanted.keys():
        os.environb.pop(name, None)
    for name, value in wanted.items():
        if before.get(name) != value:
            os.environb[name] = value
