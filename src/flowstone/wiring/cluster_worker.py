"""What runs on the workers of a cluster: bodies of task runs, recorded as far as they record.

Where the home of the process that submitted them can be seen, they record there; elsewhere in a
home of their own, whose log goes along with the answers.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from contextlib import nullcontext
from contextvars import Context, copy_context
from functools import cache, lru_cache
from threading import Lock
from typing import Any, Self

import msgspec

from flowstone.core.context import RunContext
from flowstone.core.final import final_state
from flowstone.drive.capture import flush_prints, redirect_print
from flowstone.drive.stopper import STOPPER
from flowstone.engine.ops import Env
from flowstone.results.buffers import Buffer
from flowstone.runners.failures import packed_error
from flowstone.runners.held import Delivered
from flowstone.runners.landing import Outgoing, Piece
from flowstone.runners.pickles import unpacked
from flowstone.runners.process_marks import Marked
from flowstone.runners.remote import (
    RAISED,
    RETURNED,
    Answer,
    Errand,
    flow_there,
    perform,
    task_there,
)
from flowstone.runners.usage import Meter
from flowstone.settings import Settings
from flowstone.wiring.process import PROCESS, Surroundings

_FOREVER = 1e9
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Errand).decode
_RUNNING: dict[bytes, RunContext] = {}
"""The runs whose bodies run in this process."""


def run(
    errand: bytes,
    body: Buffer,
    results: tuple[Buffer, ...],
    *,
    is_alone: bool,
    marks: bool = False,
) -> tuple[bytes, bytes]:
    """Run a body with these results of others; return the answer, and the packed result or error.

    `is_alone` tells that the process runs nothing else meanwhile, `marks` that it is to be marked.
    """
    call = _decode(errand)
    meter = _meter(is_alone)
    pieces: list[Piece] = []
    meter.begin()
    try:
        marking = Marked(call.call.run.key) if marks else nullcontext()
        with _around(call) as around, marking:
            kind, blob, nature = copy_context().run(_perform, call, body, results, around)
            pieces = around.pieces()
    except BaseException as error:  # noqa: BLE001  a module that cannot be imported here, say
        kind, nature = RAISED, (False, False)
        blob = b"".join(packed_error(error, error.__traceback__))
    usage = meter.end()
    flush_prints()
    return _encode(Answer(kind, nature[0], nature[1], usage, pieces)), blob


def interrupt(run: bytes) -> bool:
    """Interrupt the body of this run; return whether it runs in this process."""
    context = _RUNNING.get(run)
    if context is not None and context.request is None:
        STOPPER.cancel(context, "It was stopped by the process that submitted it.", _FOREVER)
    return context is not None


def _perform(
    errand: Errand, body: Buffer, results: tuple[Buffer, ...], around: _Around
) -> tuple[int, bytes, tuple[bool, bool]]:
    """Run a body; return the kind of the answer, its body, and whether it is a state, or None."""
    call, env = errand.call, around.start()
    spec = _known(errand.task)
    flow = flow_there(_known(errand.flow)) if errand.flow else None
    if call.log_prints:
        redirect_print()
    context = task_there(call.run, spec, flow, log_prints=call.log_prints)
    _RUNNING[call.run.key] = context
    seen: list[tuple[bool, bool]] = []

    def look(value: Any) -> None:
        seen.append((final_state(value) is not None, value is None))

    try:
        with Delivered(results):
            kind, parts = perform(call, context, body, env, look)
    finally:
        del _RUNNING[call.run.key]
    nature = seen[0] if seen and kind == RETURNED else (False, False)
    return kind, b"".join(parts), nature


class _Around:
    """What the bodies of one process, with one set of settings, record in and look things up in.

    It stands in from its first body on, for code that has none of its own too; the log is shared
    with the other settings of that process.
    """

    def __init__(self, errand: Errand) -> None:
        self.log = errand.log
        own = PROCESS.here.log
        self._surroundings: Surroundings | None = None
        self._outgoing: Outgoing | None = None
        self.bodies = 0
        if own is not None and own.id == errand.log:
            return  # a worker that is a thread of that process
        settings = unpacked(errand.settings)
        base = _base(errand, settings)
        home = base.own_settings.home
        here = Surroundings(msgspec.structs.replace(settings, home=home), beside=base)
        self._surroundings, self._standing = here, PROCESS.within(here)
        self._context = Context()
        self._context.run(self._standing.__enter__)
        written = self._context.run(PROCESS.start).log
        # With `api.url` a log ships itself.
        if home != os.path.dirname(errand.directory) and settings.api.url is None:
            self._outgoing = _outgoing(written.directory, written.id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Note that a body has ended."""
        with _LOCK:
            self.bodies -= 1

    def start(self) -> Env:
        """Let this context record there; return what its runs need."""
        if self._surroundings is not None:
            PROCESS.join(self._surroundings)
        return PROCESS.start().env

    def pieces(self) -> list[Piece]:
        """Return what was recorded that goes along with the answer."""
        return self._outgoing.take() if self._outgoing is not None else []

    def end(self) -> None:
        """Stand in no more."""
        if self._surroundings is not None:
            self._context.run(self._standing.__exit__, None, None, None)


_LOCK = Lock()
_AROUND: dict[tuple[bytes, bytes], _Around] = {}
"""By the log of a process and its settings; the last used come last."""
_BASES: dict[bytes, Surroundings] = {}
"""By the log of a process: what its bodies share here."""
_OUTGOING: dict[bytes, Outgoing] = {}
_MOST = 16
"""Processes, or settings, whose bodies ran here last, and whose next ones begin at once."""


def _around(errand: Errand) -> _Around:
    """Return what a body has around it, to be held while it runs."""
    key = errand.log, errand.settings
    with _LOCK:
        around = _AROUND.pop(key, None) or _Around(errand)
        _AROUND[key] = around
        around.bodies += 1
        if len(_AROUND) > _MOST:
            idle = [one for one, other in _AROUND.items() if not other.bodies]
            for one in idle[: len(_AROUND) - _MOST]:
                _forget(_AROUND.pop(one))
    return around


def _forget(around: _Around) -> None:
    """Let go of what was around bodies; of their log too, if it was the last of its process."""
    around.end()
    if any(other.log == around.log for other in _AROUND.values()):
        return
    base = _BASES.pop(around.log, None)
    if base is not None and base.log is not None:
        _OUTGOING.pop(base.log.id, None)
        base.log.abandon()


def _base(errand: Errand, settings: Settings) -> Surroundings:
    """Return what all bodies of a process share here: its home, or one that stands for it."""
    if errand.log not in _BASES:
        home = os.path.dirname(errand.directory)
        if not _sees(errand.directory, errand.log):
            home = tempfile.mkdtemp(prefix="flowstone-")
            atexit.register(shutil.rmtree, home, ignore_errors=True)
        _BASES[errand.log] = Surroundings(msgspec.structs.replace(settings, home=home, live=False))
    return _BASES[errand.log]


def _outgoing(directory: str, log: bytes) -> Outgoing:
    return _OUTGOING.setdefault(log, Outgoing(directory, log))


@cache
def _meter(is_alone: bool) -> Meter:  # noqa: FBT001  a key
    return Meter(is_alone=is_alone)


os.register_at_fork(after_in_child=_meter.cache_clear)


@lru_cache(maxsize=256)
def _known(blob: bytes) -> Any:
    return unpacked(blob)


def _sees(directory: str, log: bytes) -> bool:
    """Whether a log lies there: then this is the same directory, not one of the same name."""
    try:
        names = os.listdir(directory)
    except OSError:
        return False
    return any(name.startswith(log.hex()) for name in names)
