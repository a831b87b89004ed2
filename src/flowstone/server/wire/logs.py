"""Logs that processes send here: the answer to each part, and how it stands with them."""

from __future__ import annotations

from typing import Literal

import msgspec


class Command(msgspec.Struct, frozen=True):
    """What the process that sends the log is asked: to cancel the run `run`."""

    kind: Literal["cancel"]
    run: str
    message: str


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """Up to which offset the log is here, and what its process is asked to do.

    `needs` is the version of Flowstone that knows the record before which the log stands still,
    null where it does not.
    """

    offset: int
    commands: list[Command]
    needs: str | None


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """One log: the process that writes it, and how much of it is here.

    `received` is when the process was heard of last, null for a log of the server's own home;
    `is_silent` that it was not for long. `ended` is when it was found dead. `needs` is the version
    of Flowstone that knows the record before which the log stands still. `damages` counts what
    could not be read of it, `lost_records` what its process could not write.
    """

    id: str
    pid: int
    host: str
    python: str
    version: str
    created: str
    offset: int
    received: str | None
    is_silent: bool
    ended: str | None
    needs: str | None
    damages: int
    lost_records: int


class Logs(msgspec.Struct, frozen=True, kw_only=True):
    """Logs, the newest first; `next` goes on behind the last of them, null where none is left."""

    items: list[Log]
    next: str | None
