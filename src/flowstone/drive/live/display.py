"""The live display: a thread that looks at the open flow runs and draws what it sees."""

from __future__ import annotations

import builtins
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from flowstone.core.context import FlowContext, RunContext
from flowstone.drive.live.guard import Guard
from flowstone.drive.live.lookout import Lookout, OpenRuns
from flowstone.drive.live.picture import Painter, lines_of
from flowstone.drive.live.screen import Screen
from flowstone.drive.seats import Lowered

LOOK = 0.05
LOOKS = 5
"""Each so many looks at the terminal, or when its size has changed, the display is drawn anew."""
STOPPED = 1.0
"""Seconds after which a look is so late that the process was stopped: others had the terminal."""
PATIENCE = 1.0
"""Seconds that a flow run lasts before it is shown."""
_logger = logging.getLogger("flowstone")


class Display:
    """Shows the open flow runs on a terminal as long as there are any."""

    def __init__(self, screen: Screen, open_runs: OpenRuns, *, colors: bool) -> None:
        self._screen = screen
        self._lookout = Lookout(open_runs)
        self._colors = colors
        self._lock = threading.RLock()  # a signal handler may ask for input in any place
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._painter: Painter | None = None
        self._guard: Guard | None = None
        self._askers: set[int] = set()  # threads that wait for an answer
        self._is_off = False
        os.register_at_fork(after_in_child=self._forked)

    def began(self, context: FlowContext) -> None:
        """Take note of a flow run that begins."""
        if self._is_off:
            return
        self._lookout.began(context)
        if self._thread is None:
            self._start()
        self._wake.set()

    def ended(self, context: RunContext) -> None:
        """Take note of a run that ended; with the last flow run the display is gone."""
        if self._is_off:
            return
        self._lookout.ended(context)
        if isinstance(context, FlowContext) and self._lookout.is_empty:
            self._finish()

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Take the display away for as long as this lasts."""
        asker = threading.get_ident()
        try:
            with Lowered():  # the body of a run asks, which may be interrupted at any moment
                self._take_away(asker)
            yield
        finally:
            self._askers.discard(asker)

    def _take_away(self, asker: int) -> None:
        with self._lock, suppress(OSError):  # a terminal that is gone needs no cleaning
            self._askers.add(asker)
            if not self._is_off:
                self._screen.erase()

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            self._thread = threading.Thread(target=self._run, name="flowstone-live", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the system has no more threads for us: the run needs them more
                self._is_off = True

    def _run(self) -> None:
        try:
            while not self._is_off:
                if self._lookout.is_empty:
                    self._wake.clear()
                    if self._lookout.is_empty:  # still, now that whoever begins wakes us
                        self._wake.wait()
                self._rest()
                if self._lookout.seconds >= PATIENCE:
                    self._look()
        except OSError as error:  # the terminal is gone
            self._is_off = True
            _logger.debug("No live display any more: %s", error)
        except Exception:
            self._is_off = True
            _logger.exception("The live display failed; the runs go on without it")
        self._finish()

    def _rest(self) -> None:
        for _ in range(LOOKS):
            began = time.monotonic()
            time.sleep(LOOK)
            if time.monotonic() - began > STOPPED:
                self._screen.leave()
            if self._screen.is_resized:
                return

    def _look(self) -> None:
        if self._painter is None:
            self._painter = Painter(colors=self._colors)
        size = self._screen.size
        view = self._lookout.view()
        lines = self._painter.paint(lines_of(view, size.columns, size.lines), size.columns)
        with self._lock:
            if self._askers or self._lookout.is_empty or self._is_off:
                return
            if not self._screen.take():
                self._screen.leave()
                return
            if self._guard is None:
                self._guard = Guard(self._screen.fd)
            self._screen.draw(lines)

    def _finish(self) -> None:
        """Leave the terminal as it was."""
        with self._lock:
            guard, self._guard = self._guard, None
            with suppress(OSError):  # a terminal that is gone needs no cleaning
                self._screen.give_back()
            if guard is not None:
                guard.dismiss()

    def _forked(self) -> None:
        """Leave the display to the parent."""
        self._is_off = True
        self._lock = threading.RLock()
        self._lookout.forget()
        self._screen.close()
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.close()


def pause_for_input(display: Display) -> None:
    """Take the display away while `input` waits for its answer; a debugger's prompt is one too."""
    original = builtins.input

    def input_without_display(prompt: object = "", /) -> str:
        with display.pause():
            return original(prompt)

    input_without_display.__doc__ = original.__doc__
    builtins.input = input_without_display


def start(terminal: int, open_runs: OpenRuns, *, colors: bool) -> Display | None:
    """Return the display on the terminal of this descriptor; None where it cannot be opened."""
    try:
        screen = Screen(terminal)
    except OSError as error:
        _logger.debug("No live display: the terminal cannot be opened (%s)", error)
        return None
    display = Display(screen, open_runs, colors=colors)
    pause_for_input(display)
    return display
