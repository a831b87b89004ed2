"""Worker processes: each runs one body at a time, and lives on for the next.

A worker is started fresh (`python -c …`, not forked), so it has none of this process's threads and
locks; it imports what it is told to, never the script. It ends when this process does, however that
ends: the kernel kills it on Linux, and elsewhere a thread of it sees its socket close.
"""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from flowstone.core.stopping import Reach
from flowstone.drive.timers import TIMERS
from flowstone.exceptions import WorkerDied
from flowstone.results.buffers import Buffer
from flowstone.runners.channel import Channel, Message
from flowstone.runners.failures import unpacked_error
from flowstone.runners.remote import BROKEN, FORGET, KNOWN, READY

_HEARS = 0.2
"""Seconds in which a body hears that it is to end, also where the machine is busy."""
_GRACE = 1.0
"""Seconds that a body which was left behind gets before its process is killed."""
_LAST = 2.0
"""Seconds that workers get to end by themselves when this process ends."""
_REST = 60.0
"""Seconds that a worker without anything to do waits for another flow run."""
_MAIN = (
    "import sys; sys.path[:] = sys.argv[4:]; "
    "from flowstone.wiring.process_worker import main; main(*map(int, sys.argv[1:4]))"
)


class Worker:
    """One worker process. One thread at a time asks it; any may interrupt or end it.

    `told` are the numbers of what it knows already.
    """

    def __init__(self, start: Sequence[Buffer]) -> None:
        ours, self._theirs = socket.socketpair()
        control, self._their_control = socket.socketpair()
        self._calls, self._control = Channel(ours), Channel(control)
        self._process: subprocess.Popen[bytes] | None = None
        self._refusal: OSError | None = None
        self._ended = threading.Event()
        self._at_end: list[Callable[[], object]] = []
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self.is_left = False
        self.told: set[int] = set()
        LIVING.add(self)
        threading.Thread(target=self._attend, name="flowstone-worker", daemon=True).start()
        with suppress(OSError), self._asking:  # not started: as whoever asks it is told
            self._calls.send(KNOWN, b"", start)

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended, and is not about to."""
        return not self.is_left and not self._ended.is_set()

    @property
    def pid(self) -> int | None:
        """The process's id, once it is started."""
        return self._process.pid if self._process is not None else None

    def tell(self, number: int, body: Sequence[Buffer]) -> None:
        """Let it know something by a number. Raises `WorkerDied`."""
        if number not in self.told:
            self._send(KNOWN, number.to_bytes(8, "big"), body)
            self.told.add(number)

    def ask(self, kind: int, head: bytes, body: Sequence[Buffer]) -> Message:
        """Send a message and return the answer. Raises `WorkerDied` where there is none.

        Raises the initializer's own error where that failed.
        """
        try:
            with self._asking:
                self._calls.send(kind, head, body)
                first = self._calls.receive()
                if first.kind == READY:
                    first = self._calls.receive()
        except (EOFError, OSError):
            raise self._death() from None
        if first.kind == BROKEN:
            raise _broken(unpacked_error(first.body))
        return first

    def interrupt(self, run: bytes) -> None:
        """Interrupt the body of this run, where it still runs."""
        with suppress(OSError):  # the process has ended
            self._control.send(KNOWN, run)

    def leave(self) -> None:
        """Take no answer any more; kill the process if it does not end soon."""
        self.is_left = True
        self._calls.hang_up(socket.SHUT_RDWR)
        TIMERS.after(_GRACE, self.kill)

    def end(self) -> None:
        """Let the process end by itself, after what it does."""
        self._calls.hang_up(socket.SHUT_WR)

    def kill(self) -> None:
        """Kill the process, and those that it started."""
        if self._process is not None and not self._ended.is_set():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def make_room(self, most: int) -> None:
        """Let it forget what it knows where that is more than so many things."""
        if len(self.told) > most:
            self.forget()

    def forget(self) -> None:
        """Let it know nothing any more, and be where this process is. Raises `WorkerDied`."""
        self.told.clear()
        self._send(FORGET, b"", [pickle.dumps((os.getcwd(), _path()))])

    def wait(self, seconds: float) -> bool:
        """Wait for the process's end; return whether it has ended."""
        return self._ended.wait(seconds)

    def when_ended(self, call: Callable[[], object]) -> None:
        """Call when the process has ended; now if it has."""
        with self._lock:
            if not self._ended.is_set():
                self._at_end.append(call)
                return
        call()

    def disown(self) -> None:
        """Let go of it in a forked child: it is the parent's."""
        for one in (self._calls, self._control, self._theirs, self._their_control):
            one.close()

    def _attend(self) -> None:
        """Start the process and wait for its end.

        By a thread that lives as long: when the thread that started it is gone, the kernel takes
        this process for dead and kills the worker.
        """
        try:
            self._process = self._started()
            self._process.wait()
        except OSError as error:
            self._refusal = error
        LIVING.discard(self)
        with self._lock:
            self._ended.set()
        # A process that it forked may have the sockets still, so nobody would see them closed.
        self._calls.hang_up(socket.SHUT_RDWR)
        self._control.close()
        with self._asking:
            self._calls.close()
        for call in self._at_end:
            call()

    def _started(self) -> subprocess.Popen[bytes]:
        with self._theirs as calls, self._their_control as control:
            fds = calls.fileno(), control.fileno()
            arguments = [*map(str, (*fds, os.getpid())), *_path()]
            flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001  as multiprocessing does
            return subprocess.Popen(  # noqa: S603  our own program
                [sys.executable, *flags, "-c", _MAIN, *arguments],
                stdin=subprocess.DEVNULL,
                pass_fds=fds,
                # Ctrl-C reaches this process alone, which then decides; and a kill takes along
                # what the body started.
                process_group=0,
            )

    def _send(self, kind: int, head: bytes, body: Sequence[Buffer]) -> None:
        try:
            with self._asking:
                self._calls.send(kind, head, body)
        except OSError:
            raise self._death() from None

    def _death(self) -> WorkerDied:
        """Return what became of it; waits until that is known."""
        self._ended.wait(_GRACE if self.is_left else None)
        if self._refusal is not None or self._process is None:
            return WorkerDied(f"No worker process could be started: {self._refusal}")
        return WorkerDied(
            f"The worker process (pid {self._process.pid}) {_how(self._process.returncode)} before "
            "the task had ended."
        )


class RemoteReach(Reach):
    """How to get at a body that runs in a worker: interrupt it, then kill its process."""

    __slots__ = ("_is_over", "_lock", "_run", "_since", "_worker")

    def __init__(self, worker: Worker, run: bytes) -> None:
        self._worker, self._run = worker, run
        self._is_over = False
        self._since: float | None = None
        self._lock = threading.Lock()

    def interrupt(self) -> None:
        """Let the worker interrupt the body; it may not have begun when this is first called."""
        self._since = self._since or time.monotonic()
        self._worker.interrupt(self._run)

    def give_up(self) -> None:
        """Go on without the body; its process gets a moment, and is killed."""
        if self._since is None or time.monotonic() - self._since < _HEARS:
            return  # it is asked again soon, and a new process costs more than this moment
        with self._lock:
            if not self._is_over and not self._worker.is_left:
                self._worker.leave()

    def end(self) -> None:
        """Note that the body is over: the worker may run another one from now on."""
        with self._lock:
            self._is_over = True


LIVING: set[Worker] = set()
"""The workers whose processes have not ended."""
_RESTING: list[Worker] = []
"""Workers with nothing to do, for the next flow run."""
_rest_lock = threading.Lock()


def rest(worker: Worker) -> None:
    """Keep a worker warm for another flow run, for a while."""
    if not worker.is_alive:
        return
    with _rest_lock:
        _RESTING.append(worker)
    TIMERS.after(_REST, lambda: _end_if_resting(worker))


def rested() -> Worker | None:
    """Return a warm worker that knows nothing of other flow runs; None where there is none."""
    while True:
        with _rest_lock:
            if not _RESTING:
                return None
            worker = _RESTING.pop()
        if worker.is_alive:
            with suppress(WorkerDied):
                worker.forget()
                return worker


def _end_if_resting(worker: Worker) -> None:
    with _rest_lock:
        if worker not in _RESTING:
            return
        _RESTING.remove(worker)
    worker.end()


def _path() -> list[str]:
    return [*map(os.path.abspath, sys.path)]


def _broken(error: BaseException) -> WorkerDied:
    died = WorkerDied(f"The initializer of the worker process raised {error!r}.")
    died.__cause__ = error
    return died


def _how(code: int) -> str:
    """Return how a process ended, in words."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    hint = {signal.SIGKILL: ", maybe because memory ran out,", signal.SIGSEGV: " (a crash in C)"}
    return f"was killed by signal {-code} ({name}){hint.get(-code, '')}"  # type: ignore[call-overload]


def _end_all() -> None:
    """At the end of this process: let workers end, and kill those that do not."""
    workers, deadline = list(LIVING), time.monotonic() + _LAST
    for worker in workers:
        worker.end()
    for worker in workers:
        if not worker.wait(max(0.0, deadline - time.monotonic())):
            worker.kill()


def _renew() -> None:
    """Forget them in a forked child: they are its parent's."""
    global _rest_lock  # noqa: PLW0603  a lock that another thread held would never be free again
    _rest_lock = threading.Lock()
    for worker in list(LIVING):
        worker.disown()
    LIVING.clear()
    _RESTING.clear()


atexit.register(_end_all)
os.register_at_fork(after_in_child=_renew)
