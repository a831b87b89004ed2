"""Slots that a server gives: asked for, renewed and given back by two threads a process.

One speaks: it sends what is asked for and what is given back, all that came together in one
request, and renews the leases. The other one listens: it keeps one request open, which the server
answers when somebody has its slots, or when other tags have limits. Both end when nobody holds,
wants or asks about slots.
"""

from __future__ import annotations

import atexit
import logging
import os
import socket
import time
from collections.abc import Callable
from threading import Condition, Thread
from typing import TypeVar
from uuid import UUID, uuid4

import msgspec

from flowstone.core.context import get_current
from flowstone.drive.limits.messages import (
    LONGEST_NAME,
    SECONDS,
    Acquire,
    Acquired,
    Ask,
    Client,
    Renew,
    Renewed,
    Settled,
)
from flowstone.drive.limits.notes import FIRST
from flowstone.drive.limits.requests import Request
from flowstone.exceptions import ConcurrencySlotAcquisitionError
from flowstone.log.courier import Courier, ServerAway, ServerRefused

T = TypeVar("T")
_LOGGER = logging.getLogger("flowstone")
_FIRST_LOOK = 2.0
"""Seconds that the first run with a tag waits to hear which tags have a limit."""
_IDLE = 60.0
"""Seconds after the last use of tags or slots in which the server is still listened to."""
_QUIET = 5.0
"""Seconds without anything to say after which the thread that speaks ends."""
_LISTENING = 25.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_EXIT = 2.0
"""Seconds that the end of a process waits until its slots are given back."""
_AT_ONCE = 1000
"""Asks in one request."""
_encode = msgspec.json.Encoder().encode
# Made before there are threads: msgspec crashes where two are the first to decode a type.
_acquired = msgspec.json.Decoder(Acquired).decode
_renewed = msgspec.json.Decoder(Renewed).decode


class _Answer:
    """Whether the server has answered; what `Slots.answer` is."""

    def __init__(self) -> None:
        self.is_done = False
        self._calls: list[Callable[[object], object]] = []

    def when_done(self, call: Callable[[object], object]) -> None:
        self._calls.append(call)
        if self.is_done:
            self.tell()

    def tell(self) -> None:
        self.is_done = True
        while self._calls:
            try:
                call = self._calls.pop()
            except IndexError:  # another thread tells
                return
            call(self)


class _Asked:
    """A request of this process: what was asked, and as of when its slots are leased."""

    def __init__(self, request: Request, ask: Ask) -> None:
        self.request = request
        self.ask = ask
        self.answer = _Answer()
        self.reason = ""
        self.is_held = False
        self.renew_at = self.until = 0.0
        self.is_told = self.is_sent = False

    def lease(self, seconds: float) -> None:
        """Note that the slots are leased for so many seconds from now."""
        now = time.monotonic()
        self.is_held, self.is_told = True, False
        self.renew_at, self.until = now + seconds / 3, now + seconds


class RemoteLimiter:
    """Lets requests in as a server says. Its methods may be called from any thread."""

    def __init__(
        self,
        url: str,
        speaking: Callable[[], Courier],
        listening: Callable[[], Courier],
        *,
        lets_pass: bool = False,
    ) -> None:
        self._url = url
        self._speaking, self._listening = speaking, listening
        self._lets_pass = lets_pass
        atexit.register(self.finish)
        self.forget_in_child()

    def forget_in_child(self) -> None:
        """Begin anew: in a forked child, where nobody holds or wants anything."""
        self._client = Client(id=uuid4(), host=socket.gethostname()[:200], pid=os.getpid())
        self._condition = Condition()
        self._asked: dict[UUID, _Asked] = {}
        self._keys: dict[Request, UUID] = {}
        self._to_ask: dict[UUID, Ask] = {}
        self._to_return: list[UUID] = []
        self._late: dict[UUID, Request] = {}
        self._registration: UUID | None = None
        self._version: str | None = None
        self._settled = 0
        self._tags: frozenset[str] = frozenset()
        self._trouble = ""
        self._speaks = self._listens = self._has_looked = False
        self._is_speaking = False
        self._used_at = 0.0

    def ask(self, request: Request) -> None:
        """Ask for slots; `request.answer` is done when the server has answered."""
        context = get_current()
        ask = Ask(
            id=uuid4(),
            names=request.names,
            occupy=request.occupy,
            is_rate=request.is_rate,
            lease_seconds=request.lease_seconds or SECONDS,
            label=request.label.replace("\0", "")[:LONGEST_NAME],
            run=None if context is None else UUID(bytes=context.run.key),
        )
        asked = _Asked(request, ask)
        request.limiter, request.answer = self, asked.answer
        if not request.names:
            request.is_done = True
            asked.answer.tell()
            return
        with self._condition:
            self._asked[ask.id] = asked
            self._keys[request] = ask.id
            self._to_ask[ask.id] = ask
            self._use()
            trouble = self._trouble
            self._condition.notify_all()
        if trouble:
            self._hold_back([asked])

    def release(self, request: Request) -> None:
        """Give back what a request holds, or its place in the queues."""
        with self._condition:
            key = self._keys.pop(request, None)
            asked = self._asked.pop(key, None) if key is not None else None
            if asked is not None:
                self._to_ask.pop(asked.ask.id, None)
                if asked.is_held and time.monotonic() > asked.until:
                    self._late[asked.ask.id] = request  # so that it is counted, and told
                    self._to_ask[asked.ask.id] = msgspec.structs.replace(asked.ask, is_running=True)
                    self._use()
                    self._condition.notify_all()
                elif asked.is_sent:
                    self._to_return.append(asked.ask.id)
                    self._use()
                    self._condition.notify_all()
        request.is_done = True
        request.calls.clear()

    def waiting_for(self, request: Request) -> str:
        """Return what a request waits for: `limit db (3 of 3), position 2`; "" once it is done."""
        with self._condition:
            if request.is_done:
                return ""
            key = self._keys.get(request)
            asked = self._asked.get(key) if key is not None else None
            words = asked.reason if asked is not None else ""
            return words or f"limit {', '.join(request.names)}"

    def seconds_to_room(self, request: Request) -> float:
        """Return 0: only the server knows."""
        del request
        return 0.0

    def tags(self) -> frozenset[str]:
        """Return the tags that have a limit, as the server last said."""
        self._used_at = time.monotonic()
        if not self._listens or not self._has_looked:
            with self._condition:
                self._use()
                self._condition.wait_for(lambda: self._has_looked, _FIRST_LOOK)
        return self._tags

    def finish(self) -> None:
        """Give everything back, at the end of the process."""
        with self._condition:
            self._to_return += [key for key, one in self._asked.items() if one.is_sent]
            self._to_ask.clear()
            self._asked.clear()
            if self._to_return and not self._trouble:
                self._use()
                self._condition.notify_all()
                self._condition.wait_for(
                    lambda: not (self._to_return or self._is_speaking) or bool(self._trouble), _EXIT
                )

    def _use(self) -> None:
        """Have the threads run. The condition is held."""
        self._used_at = time.monotonic()
        if not self._listens:
            self._listens, self._has_looked = True, False
            Thread(target=self._listen, name="flowstone-limit-news", daemon=True).start()
        if not self._speaks and (self._to_ask or self._to_return or self._asked):
            self._speaks = True
            Thread(target=self._speak, name="flowstone-limit-asks", daemon=True).start()

    def _listen(self) -> None:
        condition, courier, pause = self._condition, self._listening(), _FIRST_PAUSE
        while condition is self._condition:
            with condition:
                waits = any(not one.is_held for one in self._asked.values())
                if not waits and time.monotonic() - self._used_at > _IDLE:
                    self._listens = False
                    break
                seconds = _LISTENING if self._has_looked else 0.0
                message = self._message(wait_seconds=seconds)
            try:
                self._hear(_acquire(courier, message))
                pause = _FIRST_PAUSE
            except (ServerAway, ServerRefused) as error:
                self._note_trouble(error)
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        courier.close()

    def _speak(self) -> None:
        condition, courier, pause = self._condition, self._speaking(), _FIRST_PAUSE
        most = _AT_ONCE
        while condition is self._condition:
            with condition:
                if not self._wait_for_something():
                    self._speaks = False
                    break
                asks = dict(list(self._to_ask.items())[:most])
                returns, self._to_return = self._to_return, []
                for key in asks:
                    del self._to_ask[key]
                    if (asked := self._asked.get(key)) is not None:
                        asked.is_sent = True
                message = self._message(asks=tuple(asks.values()), release=tuple(returns))
                self._is_speaking = True
            try:
                if asks or returns:
                    self._hear(_acquire(courier, message))
                self._renew(courier)
                pause, most = _FIRST_PAUSE, _AT_ONCE if not self._to_ask else most
            except ServerRefused as error:
                if len(asks) > 1:
                    most = 1  # one of them cannot be; the others are none the worse for it
                    self._take_back(asks, returns)
                else:
                    self._refuse(list(asks), error)
                    time.sleep(_FIRST_PAUSE)
            except ServerAway as error:
                self._take_back(asks, returns)
                self._note_trouble(error)
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            finally:
                with condition:
                    self._is_speaking = False
                    condition.notify_all()
        courier.close()

    def _message(
        self, *, asks: tuple[Ask, ...] = (), release: tuple[UUID, ...] = (), wait_seconds: float = 0
    ) -> Acquire:
        return Acquire(
            client=self._client,
            asks=asks,
            release=release,
            registration=self._registration,
            settled=self._settled,
            version=self._version,
            wait_seconds=wait_seconds,
        )

    def _wait_for_something(self) -> bool:
        """Wait until there is something to send; False where there is none for long."""
        until = time.monotonic() + _QUIET
        while not self._to_ask and not self._to_return:
            held = [one.renew_at for one in self._asked.values() if one.is_held]
            now = time.monotonic()
            if held and min(held) <= now:
                return True
            if not self._asked and now > until:
                return False
            self._condition.wait(max(0.0, min([*held, max(until, now + _QUIET)]) - now))
        return True

    def _hear(self, told: Acquired) -> None:
        """Take what the server says."""
        calls: list[Callable[[], object]] = []
        with self._condition:
            is_back, self._trouble, self._has_looked = bool(self._trouble), "", True
            if self._registration != told.registration:
                if self._registration is not None:  # it knows nothing of us: ask again
                    self._settled = 0
                    self._ask_again(lambda one: not one.is_held)
                self._registration = told.registration
            for waiting in told.waiting:
                if (asked := self._asked.get(waiting.id)) is not None:
                    asked.reason, asked.request.missing = waiting.reason, waiting.missing
                    calls.append(asked.answer.tell)
            for settled in told.settled:
                self._settled = max(self._settled, settled.number)
                calls += self._settle(settled)
            if told.tags is not None:
                self._tags, self._version = frozenset(told.tags), told.version
            self._condition.notify_all()
        if is_back:
            _LOGGER.info("The server at %s gives slots again.", self._url)
        for call in calls:
            call()

    def _settle(self, settled: Settled) -> list[Callable[[], object]]:
        """Note what was decided; return who is to be told. The condition is held."""
        asked = self._asked.get(settled.id)
        if asked is None:  # nobody wants it any more
            if settled.error is None:
                self._to_return.append(settled.id)
            late = self._late.pop(settled.id, None)
            return [] if late is None else _over(late, settled)
        request = asked.request
        self._to_ask.pop(settled.id, None)
        if asked.is_held:  # it had lapsed, and was taken up again
            asked.lease(asked.ask.lease_seconds)
            return _over(request, settled)
        request.missing = settled.missing
        if settled.error is not None:
            request.error = ConcurrencySlotAcquisitionError(settled.error)
        if settled.error is not None or request.is_rate:
            del self._asked[settled.id]
            self._keys.pop(request, None)
        else:
            asked.lease(min(asked.ask.lease_seconds, FIRST))
        request.is_done = True
        return [asked.answer.tell, request.tell]

    def _renew(self, courier: Courier) -> None:
        """Renew the leases that are due; take up again those that are over."""
        now = time.monotonic()
        with self._condition:
            due = [key for key, one in self._asked.items() if one.is_held and one.renew_at <= now]
        if not due:
            return
        body = _encode(Renew(client=self._client, ids=tuple(due)))
        answer = courier.call("POST", "/api/limits/renew", body)
        lapsed = set(_read(_renewed, answer).lapsed)
        with self._condition:
            for key in due:
                asked = self._asked.get(key)
                if asked is not None and key not in lapsed:
                    asked.lease(asked.ask.lease_seconds)
            self._ask_again(lambda one: one.ask.id in lapsed)

    def _ask_again(self, which: Callable[[_Asked], bool]) -> None:
        for key, asked in self._asked.items():
            if which(asked):
                self._to_ask[key] = msgspec.structs.replace(asked.ask, is_running=asked.is_held)

    def _take_back(self, asks: dict[UUID, Ask], returns: list[UUID]) -> None:
        """Keep for later what could not be sent."""
        with self._condition:
            kept = {key: ask for key, ask in asks.items() if key in self._asked}
            gone = [key for key in asks if key not in self._asked]  # it may have come through
            self._to_ask = kept | self._to_ask
            self._to_return = returns + gone + self._to_return

    def _note_trouble(self, error: Exception) -> None:
        """Tell who waits that the server is away, and who holds slots past their lease."""
        calls: list[Callable[[], object]] = []
        with self._condition:
            is_new = not self._trouble and bool(self._asked)
            self._trouble, self._has_looked = str(error), True
            waiting = [one for one in self._asked.values() if not one.is_held]
            for one in self._asked.values():
                if one.is_held and not one.is_told and time.monotonic() > one.until:
                    one.is_told = True
                    calls += self._lapse(one)
            self._condition.notify_all()
        if is_new:
            _LOGGER.warning("The server at %s gives no slots: %s", self._url, error)
        self._hold_back(waiting)
        for call in calls:
            call()

    def _lapse(self, asked: _Asked) -> list[Callable[[], object]]:
        lapsed = asked.request.lapsed
        if lapsed is None:
            return []
        text = (
            f"Its lease of {_names(asked.request)} is over and cannot be renewed: the server at "
            f"{self._url} cannot be reached ({self._trouble})."
        )
        return [lambda: lapsed(text)]

    def _hold_back(self, waiting: list[_Asked]) -> None:
        """Let those who wait know that the server is away; or let them pass, where that is set."""
        for asked in waiting:
            request = asked.request
            asked.reason = (
                f"limit {', '.join(request.names)} (the server at {self._url} cannot be reached)"
            )
            if self._lets_pass and not request.is_done:
                request.is_done = True
                _LOGGER.warning(
                    "%s goes on without a slot of %s: the server at %s cannot be reached.",
                    request.label or "This process",
                    _names(request),
                    self._url,
                )
                request.tell()
            asked.answer.tell()

    def _refuse(self, keys: list[UUID], error: ServerRefused) -> None:
        """Let what was asked for fail: the server will not have it, now or later."""
        with self._condition:
            refused = [one for key in keys if (one := self._asked.pop(key, None)) is not None]
        for asked in refused:
            words = f"The server at {self._url} gives no slots: {error}"
            asked.request.error = ConcurrencySlotAcquisitionError(words)
            asked.request.is_done = True
            asked.answer.tell()
            asked.request.tell()


def _acquire(courier: Courier, message: Acquire) -> Acquired:
    return _read(_acquired, courier.call("POST", "/api/limits/acquire", _encode(message)))


def _read(decode: Callable[[bytes], T], answer: bytes) -> T:
    """Return what the server says. Raises `ServerAway` where something else answered for it."""
    try:
        return decode(answer)
    except msgspec.DecodeError as error:
        raise ServerAway(f"its answer cannot be read: {error}") from error


def _over(request: Request, settled: Settled) -> list[Callable[[], object]]:
    """Return who is to be told where others were let in beside a request whose lease lapsed."""
    lapsed = request.lapsed
    if lapsed is None or not settled.is_over:
        return []
    text = f"Its lease of {_names(request)} lapsed, and others were let in beside it."
    return [lambda: lapsed(text)]


def _names(request: Request) -> str:
    kind = "limit" if len(request.names) == 1 else "limits"
    return f"{kind} {', '.join(request.names)}"
