"""Tells people what their runs do, through standard `logging`."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol

from flowstone.core.context import FlowContext, RunContext
from flowstone.core.durations import duration
from flowstone.core.naming import hook_name
from flowstone.core.runs import FlowRun
from flowstone.core.states import COMPLETED
from flowstone.core.upstream import Upstream
from flowstone.drive.capture import redirect_print
from flowstone.drive.run_logger import log_for
from flowstone.drive.tracebacks import is_installed, user_frames

SHOWN = 20
"""Closing lines of a task's completed runs that one flow run shows; the rest would drown others."""

TOLD = "__flowstone_told__"
"""On an exception: the flow run whose lines show its traceback already."""


class Onlooker(Protocol):
    """Whoever is told of runs besides the logger: the live display."""

    def began(self, context: FlowContext) -> None:
        """A flow run began."""

    def ended(self, context: RunContext) -> None:
        """A run ended."""


class LoggingReporter:
    """Writes to the run's logger. Nothing here raises but what a user's own handler raises."""

    def __init__(self, onlooker: Onlooker | None = None) -> None:
        self._onlooker = onlooker
        self._searched: set[tuple[str, str]] = set()
        self._uncached: set[tuple[str, str]] = set()

    def began(self, context: FlowContext) -> None:
        """Say which flow run begins."""
        run, spec = context.run, context.spec
        if context.log_prints:
            redirect_print()  # somebody may have put back the `print` of before
        if self._onlooker is not None:
            self._onlooker.began(context)
        log_for(context).info("Beginning flow run %r for flow %r", run.name, spec.name)

    def ended(self, context: RunContext) -> None:
        """Write the closing line; of a task's completed runs only the first ones of a flow run."""
        if self._onlooker is not None:
            self._onlooker.ended(context)
        run, flow = context.run, context.flow
        good = run.state_number == COMPLETED
        if flow is not None and flow is not context:
            flow.tally["Completed" if good and run.titled is None else run.state_name] += 1
            task = context.spec.name
            if good and (flow.shown[task] > SHOWN or not self._is_shown(task, flow)):
                return
        level = logging.INFO if good else logging.ERROR
        logger = log_for(context)
        if logger.isEnabledFor(level):
            keep = not good or isinstance(run, FlowRun)
            logger.log(level, "%s", _closing(context), extra={"send_to_api": keep})

    def _is_shown(self, task: str, flow: FlowContext) -> bool:
        """Whether one more completed run of a task has a line of its own."""
        shown = flow.shown[task]
        flow.shown[task] = shown + 1
        if shown == SHOWN:
            self._go_quiet(flow, task)
        return shown < SHOWN

    def failed(self, context: RunContext, error: BaseException, suffix: str) -> None:
        """Say what failed: with its place if it is tried again, with its traceback if it is not.

        An error that goes up through several runs of a flow run shows its traceback once.
        """
        logger, theirs = log_for(context), user_frames(error.__traceback__)
        message = "%s run failed with exception: %s%s"
        if " will start " in suffix:
            logger.info(message, context.spec.kind, _short(error), suffix + _place(theirs))
            return
        flow = context.flow.run.key if context.flow is not None else None
        exc_info = None
        if theirs is not None and (flow is None or _told(error) != flow):
            exc_info = (type(error), error, theirs)
        _remember_told(error, flow)
        logger.error(message, context.spec.kind, _short(error), suffix, exc_info=exc_info)

    def waiting(self, context: FlowContext, children: list[Upstream]) -> None:
        """Say that the body is over and what is waited for."""
        oldest = min(children, key=lambda child: child.key)
        name = getattr(getattr(oldest, "run", None), "name", "?")
        log_for(context).info(
            "Waiting for %d submitted task run%s to end; %r has run longest",
            len(children),
            "s" if len(children) > 1 else "",
            name,
        )

    def unseen(self, context: FlowContext, children: list[Upstream]) -> None:
        """Say in one line which runs failed without anybody having looked."""
        names = [getattr(getattr(child, "run", None), "name", "?") for child in children]
        shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        log_for(context).warning(
            "%d submitted task run%s failed, and nobody asked for the result: %s",
            len(names),
            "s" if len(names) > 1 else "",
            shown,
        )

    def searched(self, context: RunContext, argument: str, nodes: int, seconds: float) -> None:
        """Say once a task or flow which argument is worth a mark that keeps the search out."""
        spec = context.spec
        if (spec.kind, spec.name) in self._searched:
            return
        self._searched.add((spec.kind, spec.name))
        log_for(context).warning(
            "Looking for futures in argument %r of %s %r took %.2f seconds: %s values, and none is "
            "a future. Where there never is one, pass quote(value).",
            argument,
            spec.kind.lower(),
            spec.name,
            seconds,
            f"{nodes:,}",
        )

    def warned(self, context: RunContext, text: str) -> None:
        """Say what is wrong with a run's result."""
        log_for(context).warning("%s", text)

    def uncached(self, context: RunContext, text: str) -> None:
        """Say once a task or flow why its results cannot be kept, or found again."""
        which = (context.spec.kind, context.spec.name)
        if which not in self._uncached:
            self._uncached.add(which)
            log_for(context).warning("%s", text)

    def hook_ran(self, context: RunContext, hook: Any, state: str) -> None:
        """Say which hook runs."""
        name = hook_name(hook)
        log_for(context).info("Running hook %r in response to entering state %r", name, state)

    def hook_ended(self, context: RunContext, hook: Any, error: BaseException | None) -> None:
        """Say how a hook ended."""
        logger, name = log_for(context), hook_name(hook)
        if error is None:
            logger.info("Hook %r finished running successfully", name)
        else:
            logger.error("An error was encountered while running hook %r", name, exc_info=error)

    def condition_failed(self, context: RunContext, error: BaseException) -> None:
        """Say that the retry condition raised, which counts as a no."""
        log_for(context).error(
            "An error was encountered while running `retry_condition_fn`; no retry", exc_info=error
        )

    def _go_quiet(self, around: RunContext, task: str) -> None:
        log_for(around).info(
            "%d runs of task %r completed; further ones are recorded but not shown one by one",
            SHOWN,
            task,
            extra={"send_to_api": False},
        )


def _closing(context: RunContext) -> str:
    run = context.run
    parts = [f"Finished in state {run.state!s}"]
    if run.seconds:
        parts.append(duration(run.seconds))
    if run.run_count > 1:
        parts.append(f"{run.run_count} attempts")
    if run.tags:
        parts.append(f"tags: {', '.join(run.tags)}")
    if isinstance(context, FlowContext) and context.tally:
        total = sum(context.tally.values())
        counts = ", ".join(f"{count:,} {name}" for name, count in context.tally.items())
        parts.append(f"{total:,} task run{'s' if total > 1 else ''}: {counts}")
    return " · ".join(parts)


def _short(error: BaseException) -> str:
    try:
        text = repr(error)
    except Exception:  # noqa: BLE001  a user's exception may have any __repr__
        return type(error).__name__
    return text if len(text) <= 500 else f"{text[:500]}…"


def _place(start: TracebackType | None) -> str:
    """Return where an error was raised, in a few words: the innermost frame of the user's own."""
    inner = own = None
    while start is not None:
        inner = start
        if not is_installed(start.tb_frame.f_code.co_filename):
            own = start
        start = start.tb_next
    shown = own or inner
    if shown is None:
        return ""
    code = shown.tb_frame.f_code
    return f" (at {os.path.basename(code.co_filename)}:{shown.tb_lineno}, in {code.co_name})"


def _told(error: BaseException) -> Any:
    """Return the flow run whose lines show the traceback already; None where there is none."""
    with suppress(Exception):  # a user's exception may have any __getattr__
        return getattr(error, TOLD, None)
    return None


def _remember_told(error: BaseException, flow: bytes | None) -> None:
    with suppress(Exception):  # one with slots, or that refuses: its traceback is shown twice
        setattr(error, TOLD, flow)
