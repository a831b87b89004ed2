"""The progress of a run's loops, as `inspect` shows it."""

from __future__ import annotations

from typing import Any

from flowstone.cli.moments import iso, local_in_full
from flowstone.cli.terminal import printable
from flowstone.store.queries import Store


def progress_objects(store: Store, run: bytes) -> list[dict[str, Any]]:
    """Return how far the tracked loops of a run are, as JSON objects."""
    return [
        {
            "description": one.description,
            "done": one.done,
            "total": one.total,
            "updated": iso(one.updated),
        }
        for one in store.progress(run)
    ]


def print_progress(store: Store, run: bytes) -> None:
    """Print how far the tracked loops of a run are; nothing where it has none."""
    loops = store.progress(run)
    if loops:
        print("\nProgress")
    for one in loops:
        total = "" if one.total is None else f" of {one.total:,}"
        share = f" ({100 * one.done // one.total} %)" if one.total else ""
        name = f"  {printable(one.description)}" if one.description else ""
        print(f"  {local_in_full(one.updated)}  {one.done:,}{total}{share}{name}")
