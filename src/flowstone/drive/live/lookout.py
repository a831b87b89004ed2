"""What there is to see of the open flow runs: counts, maps, what runs longest, what failed last."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from flowstone.core.context import FlowContext, RunContext
from flowstone.core.runs import TaskRun
from flowstone.core.states import CRASHED, FAILED, PENDING, RUNNING
from flowstone.core.tracked import OPEN

OpenRuns = Callable[[int, int], tuple[int, Sequence[Any], Sequence[Any]]]
"""Asked for so many of the oldest and newest open runs: how many there are, and those."""
SHOWN = 3
"""How many of the longest running and of the failed runs are shown."""
_OLDEST, _NEWEST = 2000, 500
"""Open runs that are looked at: what a look costs does not grow with the number of runs."""
_AGED = 50
"""Running ones, from the oldest, among which those that run longest are looked for."""
_WINDOW = 10.0
"""Seconds over which a rate is taken, or longer where little ends."""
_LONG = 300
_LOOPS = 5
"""Tracked loops of a flow run that are shown, the oldest."""
_BAD = frozenset({FAILED, CRASHED})


class MapView(msgspec.Struct, frozen=True, kw_only=True):
    """One `map`, or one tracked loop: how much of it is done, and how much in a second.

    `total` and `rate` are None where they are not known.
    """

    task: str
    done: int
    total: int | None
    rate: float | None = None


class FlowView(msgspec.Struct, frozen=True, kw_only=True):
    """One open flow run. `counts` are of its task runs, `inner` of its ended flow runs."""

    flow: str
    name: str
    depth: int
    seconds: float
    counts: dict[str, int]
    inner: dict[str, int] = {}
    maps: tuple[MapView, ...] = ()


class View(msgspec.Struct, frozen=True, kw_only=True):
    """All that is shown at a moment. Flow runs stand behind the one that they were called in."""

    flows: tuple[FlowView, ...]
    slowest: tuple[tuple[str, float], ...] = ()
    failures: tuple[tuple[str, str], ...] = ()


class _Watched:
    """An open flow run, with what is remembered between two looks at it."""

    def __init__(self, context: FlowContext) -> None:
        self.context = context
        self.began = time.monotonic()
        self.inner: Counter[str] = Counter()
        self.paces: dict[str, deque[tuple[float, int]]] = {}


class Lookout:
    """Knows the open flow runs, and what is to be seen of them."""

    def __init__(self, open_runs: OpenRuns) -> None:
        self._open_runs = open_runs
        self._watched: dict[bytes, _Watched] = {}
        self._failures: deque[tuple[str, str]] = deque(maxlen=SHOWN)

    @property
    def is_empty(self) -> bool:
        """Whether no flow run is open."""
        return not self._watched

    @property
    def seconds(self) -> float:
        """How long the oldest flow run is open; 0 where none is."""
        for watched in list(self._watched.values()):
            return time.monotonic() - watched.began
        return 0.0

    def began(self, context: FlowContext) -> None:
        """Take note of a flow run that begins."""
        self._watched[context.run.key] = _Watched(context)

    def ended(self, context: RunContext) -> None:
        """Take note of a run that ended."""
        run, flow = context.run, context.flow
        if flow is None:
            return
        number = run.state_number
        if number in _BAD:
            self._failures.append((_printable(run.name), _error_of(run.message or run.state_name)))
        if isinstance(context, FlowContext):
            self._flow_run_ended(context)
            return
        task, ended = context.spec.name, flow.ended
        try:
            ended[task] += 1  # no call in between, at which threads change: none is lost
        except KeyError:
            ended.setdefault(task, 0)
            ended[task] += 1

    def _flow_run_ended(self, context: FlowContext) -> None:
        run = context.run
        self._watched.pop(run.key, None)
        around = self._watched.get(_key_around(context))
        if around is not None:
            around.inner[run.state_name] += 1
        if not self._watched:
            self._failures.clear()

    def forget(self) -> None:
        """Forget all flow runs: a forked child has none of its parent's."""
        self._watched.clear()

    def view(self) -> View:
        """Return what there is to see now."""
        counts, running = _census(self._open_runs)
        return View(
            flows=tuple(self._flows(counts)),
            slowest=_slowest(running),
            failures=tuple(self._failures),
        )

    def _flows(self, counts: dict[tuple[bytes | None, int], int]) -> Iterable[FlowView]:
        below: dict[bytes, list[_Watched]] = {}
        for watched in list(self._watched.values()):
            below.setdefault(_key_around(watched.context), []).append(watched)
        known = {one.context.run.key for several in below.values() for one in several}
        todo = [(0, one) for key, several in below.items() if key not in known for one in several]
        todo.reverse()
        while todo:
            depth, watched = todo.pop()
            yield _flow_view(watched, depth, counts)
            inner = below.get(watched.context.run.key, [])
            todo += [(depth + 1, one) for one in reversed(inner)]


def _key_around(context: FlowContext) -> bytes:
    around = context.outer.flow if context.outer is not None else None
    return around.run.key if around is not None else b""


def _census(
    open_runs: OpenRuns,
) -> tuple[dict[tuple[bytes | None, int], int], list[TaskRun]]:
    """Count the open task runs that have begun, by flow run and state; give the oldest running.

    Where very many are open, the newest stand for those in the middle: a queue begins at its
    front, so what runs is there, or all of them run.
    """
    counts: dict[tuple[bytes | None, int], int] = {}
    running: list[TaskRun] = []
    number, oldest, newest = open_runs(_OLDEST, _NEWEST)
    share = (number - len(oldest)) / len(newest) if newest else 0
    for weight, runs in ((1, oldest), (share, newest)):
        part: dict[tuple[bytes | None, int], int] = {}
        for run in runs:
            if run.state_number == PENDING or type(run) is not TaskRun:
                continue
            key = run.flow_run_key, run.state_number
            part[key] = part.get(key, 0) + 1
            if run.state_number == RUNNING and len(running) < _AGED:
                running.append(run)
        for key, found in part.items():
            counts[key] = counts.get(key, 0) + round(weight * found)
    return counts, running


def _slowest(running: list[TaskRun]) -> tuple[tuple[str, float], ...]:
    now = datetime.now(UTC)
    ages = [
        (_printable(r.name), (now - r.start_time).total_seconds()) for r in running if r.start_time
    ]
    ages.sort(key=lambda age: -age[1])
    return tuple(age for age in ages[:SHOWN] if age[1] >= 1)


def _flow_view(
    watched: _Watched, depth: int, counts: dict[tuple[bytes | None, int], int]
) -> FlowView:
    context, run = watched.context, watched.context.run
    ended = dict(context.tally)
    begun = {number: n for (key, number), n in counts.items() if key == run.key}
    running = begun.pop(RUNNING, 0)
    retrying = sum(begun.values())
    waiting = sum(list(context.names.values())) - sum(ended.values()) - running - retrying
    shown = {"running": running, "waiting": max(0, waiting), "awaiting retry": retrying}
    shown |= {name.lower(): number for name, number in ended.items()}
    return FlowView(
        flow=_printable(context.spec.name),
        name=_printable(run.name),
        depth=depth,
        seconds=time.monotonic() - watched.began,
        counts={name: number for name, number in shown.items() if number},
        inner={name.lower(): number for name, number in list(watched.inner.items())},
        maps=(*(_map_view(watched, task) for task in list(context.maps)), *_loop_views(run.key)),
    )


def _map_view(watched: _Watched, task: str) -> MapView:
    total, before = watched.context.maps[task]
    done = min(total, max(0, watched.context.ended.get(task, 0) - before))
    return MapView(
        task=_printable(task), done=done, total=total, rate=_rate(watched.paces, task, done)
    )


def _loop_views(flow_run: bytes) -> list[MapView]:
    now = time.monotonic()
    found = (one() for one in OPEN.valuerefs())  # a list: other threads begin loops meanwhile
    loops = [loop for loop in found if loop is not None and loop.flow_run == flow_run]
    return [
        MapView(
            task=_printable(loop.label),
            done=loop.done,
            total=loop.total,
            rate=(loop.done - loop.first) / (now - loop.began) if loop.done > loop.first else None,
        )
        for loop in loops[:_LOOPS]
    ]


def _rate(paces: dict[str, deque[tuple[float, int]]], task: str, done: int) -> float | None:
    """Return how many ended in a second of late; None until one has."""
    now = time.monotonic()
    pace = paces.setdefault(task, deque())
    if pace and done < pace[-1][1]:  # the task is mapped anew
        pace.clear()
    if not pace or done > pace[-1][1]:
        pace.append((now, done))
    while len(pace) > 2 and now - pace[1][0] > _WINDOW and done - pace[1][1] >= 5:
        pace.popleft()
    since, first = pace[0]
    return (done - first) / (now - since) if done > first and now > since else None


def _error_of(message: str) -> str:
    """Return the error in a state's message, without the words around it, on one line."""
    before, found, after = message.partition(" run encountered an exception")
    text = after.lstrip(": ") if found and before in ("Task", "Flow") else message
    return _printable(" ".join(text[:_LONG].split()))


def _printable(text: str) -> str:
    """Return text that moves no cursor."""
    return "".join(c if c.isprintable() else "·" for c in text[:_LONG])
