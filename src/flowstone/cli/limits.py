"""What the two families of limits share: the limits of the home or a server, and how one looks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from flowstone.cli.command import CommandError
from flowstone.cli.moments import iso, local, local_in_full
from flowstone.cli.output import print_fields, print_table
from flowstone.cli.table import Column, Row
from flowstone.core.ids import id_text
from flowstone.drive.limits.definitions import Book, Usage
from flowstone.drive.limits.notes import Holder, Waiter
from flowstone.exceptions import LimitExists, LimitNotFound
from flowstone.settings import load
from flowstone.wiring.limits import limits_of

_HOLDERS = (
    Column(title="SLOT", right=True),
    Column(title="PROCESS", right=True),
    Column(title="HOST", drop=2),
    Column(title="SINCE"),
    Column(title="HOLDER", least=12, drop=1),
)
_WAITERS = (
    Column(title="PLACE", right=True),
    Column(title="PROCESS", right=True),
    Column(title="HOST", drop=2),
    Column(title="WAITER", least=12, drop=1),
)
_FEW = 20
"""Waiters that are shown."""


@contextmanager
def opened_limits() -> Iterator[Book]:
    """Give the limits of the server that the settings name, else those of the home.

    What goes wrong with them becomes a `CommandError`.
    """
    settings = load(os.environ)
    directory = os.path.join(settings.home, "limits")
    try:
        yield limits_of(settings, directory).definitions
    except LimitNotFound as error:
        message = f"{error} 'flowstone gcl ls' lists them."
        raise CommandError(message) from error
    except (LimitExists, ValueError, TimeoutError) as error:
        raise CommandError(str(error)) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        if settings.api.url is not None:
            message = f"{error}. Is it running? 'flowstone doctor' says more."
        else:
            message = (
                f"could not use the limits in {directory}: {error}. Check that it can be read and "
                "written, or set FLOWSTONE_HOME to another directory."
            )
        raise CommandError(message) from error


def limit_object(usage: Usage) -> dict[str, Any]:
    """Return a limit as JSON has it."""
    limit = usage.limit
    return {
        "id": str(UUID(bytes=limit.id)),
        "name": limit.name,
        "limit": limit.limit,
        "active": limit.active,
        "active_slots": usage.used,
        "waiting": usage.waiting,
        "slot_decay_per_second": limit.slot_decay_per_second,
        "level": usage.level,
        "overlaps": usage.overlaps,
        "created": iso(limit.created),
        "updated": iso(limit.updated),
        "holders": [_holder_object(one) for one in usage.holders],
        "waiters": [_waiter_object(*one) for one in enumerate(usage.waiters, 1)],
    }


def print_limit(usage: Usage, title: str, name: str) -> None:
    """Print a limit as a block of text, and who holds its slots."""
    limit = usage.limit
    print_fields(
        [
            (title, name),
            ("ID", str(UUID(bytes=limit.id))),
            ("Limit", str(limit.limit)),
            ("Active", active_text(usage)),
            ("In use", str(usage.used)),
            ("Waiting", str(usage.waiting)),
            ("Decay", decay_text(usage)),
            ("Level", level_text(usage)),
            ("Created", local_in_full(limit.created)),
            ("Updated", local_in_full(limit.updated)),
        ]
    )
    if usage.holders:
        print()
        print_table(_HOLDERS, [Row(_holder_cells(one)) for one in usage.holders])
    if usage.waiters:
        print()
        shown = enumerate(usage.waiters[:_FEW], 1)
        print_table(_WAITERS, [Row(_waiter_cells(*one)) for one in shown])
        if usage.waiting > _FEW:
            print(f"{usage.waiting} wait in all.")


def active_text(usage: Usage) -> str:
    """Return whether a limit is enforced, in a word."""
    return "yes" if usage.limit.active else "no"


def decay_text(usage: Usage) -> str:
    """Return how many slots become free each second, for a rate."""
    decay = usage.limit.slot_decay_per_second
    return f"{decay:g}/s" if decay else ""


def level_text(usage: Usage) -> str:
    """Return how many slots of a rate are used up now."""
    return f"{usage.level:.1f} of {usage.limit.limit}" if usage.limit.slot_decay_per_second else ""


def _holder_object(holder: Holder) -> dict[str, Any]:
    return {
        "slot": holder.slot,
        "pid": holder.pid or None,
        "host": holder.host or None,
        "since": iso(holder.since),
        "until": None if holder.until is None else iso(holder.until),
        "run": None if holder.run is None else id_text(holder.run),
        "holder": holder.label,
    }


def _waiter_object(position: int, waiter: Waiter) -> dict[str, Any]:
    return {
        "position": position,
        "pid": waiter.pid or None,
        "host": waiter.host or None,
        "run": None if waiter.run is None else id_text(waiter.run),
        "waiter": waiter.label,
    }


def _holder_cells(holder: Holder) -> tuple[str, ...]:
    pid = str(holder.pid) if holder.pid else "?"
    return str(holder.slot), pid, holder.host, local(holder.since), holder.label


def _waiter_cells(position: int, waiter: Waiter) -> tuple[str, ...]:
    return str(position), str(waiter.pid) if waiter.pid else "?", waiter.host, waiter.label
