"""What the store raises.

FlowstoneError
└── StoreError
    ├── RunNotFound (LookupError)       no run answers to what was asked
    ├── AmbiguousRun (LookupError)      several runs answer to it
    ├── RunStillOpen (RuntimeError)     the run's owner is alive, so it cannot be deleted
    ├── RunEnded (RuntimeError)         the run is over, so it cannot be cancelled
    ├── NotADatabase                    the file is no database of ours
    ├── NewerDatabase                   a newer Flowstone made the database
    ├── NetworkDatabase                 the database would lie on a network file system
    └── WriterBusy (TimeoutError)       another process kept the writer's lock
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


class NotADatabase(StoreError):
    """The file that should be the database is none; move it away and read again."""


class NewerDatabase(StoreError):
    """The database was made by a newer Flowstone; upgrade this one."""


class NetworkDatabase(StoreError):
    """The database would lie on a network file system; choose a home on a local disk."""


class WriterBusy(StoreError, TimeoutError):
    """Another process held the store's writer lock for too long; look at that process."""
