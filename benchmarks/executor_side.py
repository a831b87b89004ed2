"""The standard library's thread pool in the shape of the libraries: what it costs bare.

`workload.py` runs the same rows against it; nothing is tracked, kept or told.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

THREADS = 8
"""As many as ours takes for short bodies."""
POOL = ThreadPoolExecutor(THREADS)


class task:  # noqa: N801  stands where the libraries have their decorator
    """A function that can be submitted."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.fn = fn

    def submit(self, *args: Any) -> Future[Any]:
        """Run the function in the pool."""
        return POOL.submit(self.fn, *args)


def flow(*, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what leaves a function as it is."""
    del name
    return lambda fn: fn
