"""What users submit to a `ThreadPoolExecutor` of theirs belongs to the run that submits it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from flowstone.core.context import current, tags_around, within

_MODULE = "concurrent.futures.thread"


def carry_runs() -> None:
    """Let the executors of this process carry runs, also where they are imported later."""
    if _MODULE in sys.modules:
        _wrap(sys.modules[_MODULE])
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Waits for the import of the executors; importing them here would cost each run's start."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Let the usual finder find them, and see to it that they are wrapped once loaded."""
        if name != _MODULE:
            return None
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                load(module)
                _wrap(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _wrap(module: Any) -> None:
    submit: Callable[..., Any] = module.ThreadPoolExecutor.submit
    if getattr(submit, "carries_runs", False):
        return

    @functools.wraps(submit)
    def submit_within(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        run, tags = current.get(), tags_around.get()
        if run is None and not tags:
            return submit(self, fn, *args, **kwargs)
        return submit(self, _call_within, run, tags, fn, args, kwargs)

    submit_within.carries_runs = True  # type: ignore[attr-defined]
    module.ThreadPoolExecutor.submit = submit_within


def _call_within(
    run: Any, tags: tuple[str, ...], fn: Callable[..., Any], args: Any, kwargs: Any
) -> Any:
    __tracebackhide__ = True
    with within(run, tags):
        return fn(*args, **kwargs)
