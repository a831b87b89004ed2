"""Brings a database up to the logs of its home, whichever kind it is."""

from __future__ import annotations

import os
import time

from flowstone.store.applying import advance
from flowstone.store.databases import Database, EmbeddedDatabase
from flowstone.store.names import Names
from flowstone.store.queries import Store
from flowstone.store.segments import survey


def feed(database: Database) -> None:
    """Apply all that the logs of the database's home hold, and delete what is spent."""
    if isinstance(database, EmbeddedDatabase):
        database.collect()
        return
    seen = survey(database.home)
    for log in seen.logs:
        is_done = False
        while not is_done:
            with database.transaction() as connection:
                step = advance(
                    connection, log, Names(connection), seen.boot, time.monotonic(), None
                )
            is_done = step.is_done
        if log.is_alive is False:
            for segment in log.segments:
                os.unlink(segment.path)


def fed(database: Database) -> Store:
    """Return the database open to read, with all that the logs hold."""
    feed(database)
    return database.store()
