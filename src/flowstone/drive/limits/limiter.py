"""Who may go on: slots are given in the order of arrival, over all processes of a home.

Within the process a mutex and tables do the excluding, between processes locks on bytes (`files`).
Who waits draws a ticket, and only the lowest ticket of a limit may take; a request for several
limits takes all or nothing. A release wakes the next one of its own process at once; one thread
looks every 5 ms for what other processes freed, as long as somebody waits.

No request may keep slots from others that it cannot use: where it is the first of one limit's queue
but not of another's, it lets others pass, and also after a second (doubled each time, so that it
comes to its turn) where another limit has no room for it. It keeps its ticket meanwhile, and takes
its place again when that limit is all it lacks.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from flowstone.drive.limits.definitions import reason, refusal
from flowstone.drive.limits.files import SLOTS, Limit, LimitFile
from flowstone.drive.limits.folder import Folder
from flowstone.drive.limits.requests import Request
from flowstone.exceptions import ConcurrencySlotAcquisitionError

_LOOK = 0.005
_MOST_PATIENCE = 60.0
_CLOSE = 1e-9
"""How far a level may be off by rounding."""

Enforced = list[tuple[LimitFile, Limit]]


class Limiter:
    """Lets requests in. Its methods may be called from any thread, and take a ms at most."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._is_deciding = False
        self._waiting: set[Request] = set()
        self._undrawn: deque[Request] = deque()
        self._settled: deque[Request] = deque()
        self._looks = False

    def ask(self, request: Request) -> None:
        """Give a request its slots, or a place in the queues.

        `request.is_done` tells which; `request.when_done` calls later, `release` ends either.
        """
        request.limiter = self
        with self._section() as is_first:
            self._waiting.add(request)
            self._undrawn.append(request)
            if is_first:
                self._draw()
            if not request.is_done:
                for file, _ in _enforced(self._files(request)):
                    file.queue.setdefault(request)
        self._tell()

    def release(self, request: Request) -> None:
        """Free what a request holds, or take it out of the queues; others go on."""
        with self._section() as is_first:
            files = {*request.slots, *request.tickets}
            self._leave_queues(request)
            for file in list(request.slots):
                file.free_slots(request)
            request.is_done = True
            request.calls.clear()
            if is_first:
                self._look(files)
        self._tell()

    def resume(self, request: Request) -> bool:
        """Give a request slots for what runs already: those of its lease, else any free ones.

        Also above the limit. False where another process decides just now: then try again.
        """
        assert request.lease is not None
        request.limiter = self
        with self._section():
            enforced = _enforced(self._files(request))
            with self._folder.entered([file for file, _ in enforced]) as is_entered:
                for file, limit in enforced if is_entered else ():
                    taken_back = [
                        file.take_back(request, slot)
                        for slot, _, lease in file.leases()
                        if lease.id == request.lease.id
                    ]
                    if not any(taken_back):
                        file.take_slots(request, request.occupy, SLOTS)
                        if file.used() > limit.limit:
                            file.count_overlap()
        request.is_done = is_entered
        return is_entered

    def renew(self, request: Request) -> None:
        """Note until when the lease of a request is now. Raises `OSError`."""
        with self._section():
            for file in list(request.slots):
                file.renew(request)

    def waiting_for(self, request: Request) -> str:
        """Return what a request waits for: `limit db (3 of 3), position 2`; "" once it is done."""
        with self._section():
            if request.is_done:
                return ""
            enforced = _enforced(self._files(request))
            if not enforced:  # deleted just now: the next look lets it in
                return f"limit {', '.join(request.names)}"
            full = [one for one in enforced if not self._is_ready(request, *one)]
            return _words(request, *(full or enforced)[0])

    def seconds_to_room(self, request: Request) -> float:
        """Return after how long the rates have room for a request, 0 where it is not its turn."""
        with self._section():
            enforced = _enforced(self._files(request))
            if request.is_done or any(self._is_behind(request, file) for file, _ in enforced):
                return 0.0
            lacking = [
                (file.level(limit) + request.occupy - limit.limit) / limit.slot_decay_per_second
                for file, limit in enforced
                if limit.slot_decay_per_second > 0
            ]
            return max(0.0, *lacking) if lacking else 0.0

    def forget_in_child(self) -> None:
        """Begin anew in a forked child, where nobody waits."""
        self._is_deciding = self._looks = False
        for requests in (self._waiting, self._undrawn, self._settled):
            requests.clear()

    @contextmanager
    def _section(self) -> Iterator[bool]:
        """Hold the mutex; gives False where this thread was in a section already.

        That happens when a collected generator or a signal handler releases in the middle of one:
        then nothing is decided here, the outer section or the next look does it.
        """
        with self._folder.lock:
            was_deciding, self._is_deciding = self._is_deciding, True
            try:
                yield not was_deciding
            finally:
                self._is_deciding = was_deciding
                if self._waiting and not self._looks:
                    self._start_looking()

    def _start_looking(self) -> None:
        self._looks = True
        try:
            threading.Thread(
                target=self._keep_looking, name="flowstone-limits", daemon=True
            ).start()
        except RuntimeError:  # the system has no more threads for us
            self._looks = False
            raise

    def _keep_looking(self) -> None:
        try:
            while self._looks:
                time.sleep(_LOOK)
                with self._section():
                    self._draw()
                    for file in list(self._folder.files.values()):
                        if file.queue:
                            file.beat()
                            self._look([file])
                    self._looks = bool(self._waiting)
                self._tell()
        except BaseException:
            self._looks = False  # the next request that comes or goes starts another thread
            raise

    def _tell(self) -> None:
        while self._settled:
            try:
                request = self._settled.popleft()
            except IndexError:  # another thread tells it
                return
            request.tell()

    def _draw(self) -> None:
        """Decide on those who have just come, in their order, as far as the gates are free."""
        while self._undrawn and self._decide(self._undrawn[0]):
            self._undrawn.popleft()

    def _look(self, files: Iterable[LimitFile]) -> None:
        """Let the first ones in these queues in, as long as it goes on."""
        for file in files:
            while (request := _first(file)) is not None:
                self._look_at(request)
                if _first(file) is request:
                    break

    def _look_at(self, request: Request) -> None:
        """Decide on a request if it may be its turn; else only note what stands in its way."""
        try:
            enforced = _enforced(self._files(request))
            if (
                _refusal(request, enforced) is None
                and request.tickets.keys() >= dict(enforced).keys()
            ):
                ready = {file for file, limit in enforced if self._is_ready(request, file, limit)}
                if len(ready) < len(enforced):
                    self._stand(request, [file for file, _ in enforced], ready)
                    return
        except OSError as error:
            self._settle(request, error)
            return
        self._decide(request)

    def _decide(self, request: Request) -> bool:
        """Settle a request or give it its tickets; False where somebody else decides just now."""
        if request.is_done:
            return True
        try:
            files = self._files(request)
            with self._folder.entered(files) as is_entered:
                if is_entered:
                    self._judge(request, _enforced(files))
        except OSError as error:
            self._settle(request, error)
            return True
        return is_entered

    def _judge(self, request: Request, enforced: Enforced) -> None:
        request.missing = self._missing(request)
        refusal = _refusal(request, enforced)
        if refusal is not None:
            self._settle(request, refusal)
            return
        ready = {file for file, limit in enforced if self._is_ready(request, file, limit)}
        if len(ready) == len(enforced):
            if _take(request, enforced):
                self._settle(request, None)
                return
            ready.clear()
        for file, _ in enforced:
            if file not in request.tickets:
                request.tickets[file] = file.draw()
                file.queue.setdefault(request)
        self._stand(request, [file for file, _ in enforced], ready)

    def _stand(self, request: Request, files: list[LimitFile], ready: set[LimitFile]) -> None:
        """Stand in the queues, but let others pass where a slot is free and cannot be used yet."""
        for file in set(request.tickets).difference(files):
            _leave(request, file)  # the limit was deleted or switched off meanwhile
        lacking = [file for file in files if file not in ready]
        moment = time.monotonic()
        for file in files:
            if all(other is file for other in lacking):  # the others have room: this one is next
                _step(request, file, aside=False)
                request.idle.pop(file, None)
            elif file in ready and file not in request.aside:
                is_early = any(self._is_behind(request, other) for other in lacking)
                idle = moment - request.idle.setdefault(file, moment)
                if is_early or idle > request.patience:
                    _step(request, file, aside=True)
                    request.patience = min(
                        (1 if is_early else 2) * request.patience, _MOST_PATIENCE
                    )
        if lacking and request.aside.issuperset(lacking):  # somewhere it must be seen
            _step(request, lacking[0], aside=False)

    def _settle(self, request: Request, error: Exception | None) -> None:
        self._leave_queues(request)
        request.error = error
        request.is_done = True
        self._settled.append(request)

    def _leave_queues(self, request: Request) -> None:
        self._waiting.discard(request)
        for file in map(self._folder.files.get, request.names):
            if file is not None and request in file.queue:
                _leave(request, file)

    def _files(self, request: Request) -> list[LimitFile]:
        files = (self._folder.file(name) for name in request.names)
        return [file for file in files if file is not None]

    def _missing(self, request: Request) -> tuple[str, ...]:
        files = ((name, self._folder.file(name)) for name in request.names)
        return tuple(name for name, file in files if file is None or file.read() is None)

    def _is_ready(self, request: Request, file: LimitFile, limit: Limit) -> bool:
        """Whether it is the request's turn, and there is room for it."""
        if self._is_behind(request, file):
            return False
        used = file.level(limit) if request.is_rate else file.used()
        return used + request.occupy <= limit.limit + _CLOSE

    def _is_behind(self, request: Request, file: LimitFile) -> bool:
        for other in file.queue:
            if other is request:
                break
            if file not in other.aside:
                return True
        return file.is_behind(request.tickets.get(file))


def _enforced(files: list[LimitFile]) -> Enforced:
    limits = [(file, file.read()) for file in files]
    return [(file, limit) for file, limit in limits if limit is not None and limit.active]


def _first(file: LimitFile) -> Request | None:
    return next((request for request in file.queue if file not in request.aside), None)


def _take(request: Request, enforced: Enforced) -> bool:
    """Take all or nothing; the gates are held."""
    for file, limit in enforced:
        if request.is_rate:
            file.set_level(file.level(limit) + request.occupy)
        elif not file.take_slots(request, request.occupy, limit.limit):
            for taken in list(request.slots):
                taken.free_slots(request)
            return False
    return True


def _leave(request: Request, file: LimitFile) -> None:
    file.queue.pop(request, None)
    ticket = request.tickets.pop(file, None)
    if ticket is not None:
        file.hold_ticket(ticket, held=False)
    request.aside.discard(file)
    request.idle.pop(file, None)


def _step(request: Request, file: LimitFile, *, aside: bool) -> None:
    """Let others pass in this queue, or take up one's place in it again."""
    if aside == (file in request.aside):
        return
    file.hold_ticket(request.tickets[file], held=not aside)
    (request.aside.add if aside else request.aside.discard)(file)


def _refusal(request: Request, enforced: Enforced) -> ConcurrencySlotAcquisitionError | None:
    """Return why a request can never be let in, as the limits are now."""
    limits = [limit for _, limit in enforced]
    why = refusal(limits, request.occupy, is_rate=request.is_rate)
    return None if why is None else ConcurrencySlotAcquisitionError(why)


def _words(request: Request, file: LimitFile, limit: Limit) -> str:
    ticket = request.tickets.get(file)
    position = 1
    for other in file.queue:
        if other is request:
            break
        position += file not in other.aside
    if ticket is not None:
        position += file.count_tickets(ticket)
    used = file.level(limit) if request.is_rate else file.used()
    return reason(limit, used, position, is_rate=request.is_rate)
