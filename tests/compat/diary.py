"""A diary for hooks: what committed and what was undone, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowstone import task
from flowstone.tasks import Task


class Diary:
    """What hooks did, in order."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    def step(self, name: str, error: Exception | None = None, **options: Any) -> Task[[], str]:
        """A task whose hooks write into the diary."""

        @task(name=name, **options)
        def body() -> str:
            if error is not None:
                raise error
            return name

        body.on_commit(self.hook(f"+{name}"))
        body.on_rollback(self.hook(f"-{name}"))
        return body

    def hook(self, entry: str) -> Callable[[Any], None]:
        def note(_transaction: Any) -> None:
            self.entries.append(entry)

        return note
