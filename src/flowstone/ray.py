"""Ray: the task runner, and what to ask of Ray for single tasks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flowstone.runners.ray import options_around
from flowstone.task_runners import RayTaskRunner


@contextmanager
def remote_options(**options: Any) -> Iterator[None]:
    """Let tasks that are submitted in the block have these options of Ray's tasks.

    For instance `num_cpus`, `num_gpus`, `resources`, `max_retries`. Blocks in others add to them.
    """
    before = options_around.get()
    options_around.set({**before, **options})
    try:
        yield
    finally:
        options_around.set(before)


__all__ = ["RayTaskRunner", "remote_options"]
