"""What the store raises.

FlowstoneError
└── StoreError
    ├── RunNotFound (LookupError)       no run answers to what was asked
    ├── AmbiguousRun (LookupError)      several runs answer to it
    ├── RunStillOpen (RuntimeError)     the run's owner is alive, so it cannot be deleted
    ├── RunEnded (RuntimeError)         the run is over, so it cannot be cancelled
    ├── WrongOffset                     bytes of a log do not follow those that are here
    ├── NotALog (ValueError)            bytes that were sent as a log's are none
    ├── NotADatabase                    the file is no database of ours
    ├── NotAnExport (ValueError)        the file holds no database, or not the whole of one
    ├── NotEmpty                        a database that is to be filled has something in it
    ├── NewerDatabase                   a newer Flowstone made the database
    ├── NetworkDatabase                 the database would lie on a network file system
    ├── WriterBusy (TimeoutError)       another process kept the writer's lock
    ├── BadDatabaseUrl (ValueError)     the URL of a database cannot be one
    ├── DatabaseAway (ConnectionError)  the database cannot be reached, or let nobody in
    ├── TookTooLong (TimeoutError)      the database was stopped at answering
    └── ValueRefused (ValueError)       the database cannot keep a value

Two more stand where they are raised: `TokenExists` and `TokenNotFound` in `tokens`.
"""

# ruff: noqa: N818 - they are named for what was found
from __future__ import annotations

from flowstone.exceptions import FlowstoneError


class StoreError(FlowstoneError):
    """The root of what the store raises."""


class RunNotFound(StoreError, LookupError):
    """No run has that id, that beginning of an id, or that name."""


class AmbiguousRun(StoreError, LookupError):
    """Several runs answer to what was asked; use more digits of the id."""


class RunStillOpen(StoreError, RuntimeError):
    """The run has not ended and the process that runs it is alive; end it first."""


class RunEnded(StoreError, RuntimeError):
    """The run has ended, so there is nothing to cancel."""


class WrongOffset(StoreError):
    """Bytes of a log do not follow those that are here; send it from `offset` on."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class NotALog(StoreError, ValueError):
    """What was sent as the beginning of a log is none, or is that of another one."""


class NotADatabase(StoreError):
    """The file that should be the database is none; move it away and read again."""


class NotAnExport(StoreError, ValueError):
    """The file holds no exported database, or not the whole of one; nothing was changed."""


class NotEmpty(StoreError):
    """A file can be imported into an empty database only; make a new one for it."""


class NewerDatabase(StoreError):
    """The database was made by a newer Flowstone; upgrade this one."""


class NetworkDatabase(StoreError):
    """The database would lie on a network file system; choose a home on a local disk."""


class WriterBusy(StoreError, TimeoutError):
    """Another process held the store's writer lock for too long; look at that process."""


class BadDatabaseUrl(StoreError, ValueError):
    """The URL of a database cannot be one; it is `postgresql://user:password@host:5432/name`."""


class DatabaseAway(StoreError, ConnectionError):
    """The database cannot be reached or refused; nothing was changed, so try again."""


class TookTooLong(StoreError, TimeoutError):
    """A question to the database took longer than it may; ask for less."""


class ValueRefused(StoreError, ValueError):
    """The database cannot keep a value: it is too large, holds a NUL, or is there already."""
