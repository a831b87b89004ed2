"""Many processes share a limit while those who hold its slots are killed at random.

    python -m tests.faults.limit_loop --processes 30 --tasks 100 --kills 30

Every task writes into one file when it is let in and before it lets go; the kernel puts these lines
in one order, and the limiter knows nothing of them. Ends with 1 where more tasks were inside than
the limit says, where a slot or a place in the queue is left over, where a task was overtaken by
more than one that came after it, or where waiters are woken too late.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flowstone import flow, task
from flowstone.drive.limits.local import LocalLimits, local_limits
from flowstone.drive.limits.requests import Request
from tests.limits.elsewhere import Elsewhere

LIMIT = "db"
ROOT = Path(__file__).parents[2]
SOON_WITHIN, SOON_ACROSS = 0.005, 0.050
"""Seconds in which the median waiter has to be awake, in one process and in another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many processes do how many tasks, how many of them are killed, of how many seconds."""

    processes: int = 30
    tasks: int = 100
    kills: int = 30
    limit: int = 3
    seconds: float = 0.004


@dataclass(frozen=True, slots=True)
class Turn:
    """When a task asked, stood in the queue, and was let in (ns); `queued` is 0 if it was not."""

    asked: int
    queued: int
    let_in: int


@dataclass(slots=True)
class Seen:
    """What a crowd came to."""

    most: int = 0
    tasks: int = 0
    kills: int = 0
    most_overtaken: int = 0
    overtaken: int = 0
    queued: int = 0
    violations: list[str] = field(default_factory=list)


def run_crowd(home: Path, load: Load, seed: int) -> Seen:
    """Run a crowd to its end; say what was wrong."""
    limits = local_limits(str(home / "limits"))
    limits.definitions.create(LIMIT, load.limit)
    witness = home.parent / "witness"
    witness.touch()
    crowd = {child.pid: child for child in (_start(home, load) for _ in range(load.processes))}
    kill_holders(crowd, home, load, seed)
    seen = Seen()
    for child in crowd.values():
        if child.wait() not in (0, -9):
            seen.violations.append(f"process {child.pid} ended with {child.returncode}")
    count_inside(witness, load.limit, seen)
    count_overtaken(witness, seen)
    look_for_leaks(limits, load.limit, seen)
    if seen.most_overtaken > 1:
        seen.violations.append(f"a task was overtaken by {seen.most_overtaken}")
    expected = (len(crowd) - seen.kills) * load.tasks
    if seen.tasks < expected:
        seen.violations.append(f"{seen.tasks} tasks were let in, of at least {expected}")
    return seen


def _start(home: Path, load: Load) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "tests.faults.limit_loop", "--holder", str(home)]
    words += [str(load.tasks), str(load.seconds)]
    environ = {**os.environ, "FLOWSTONE_LOGGING_LEVEL": "ERROR", "FLOWSTONE_HOME": str(home)}
    return subprocess.Popen(words, env=environ, cwd=ROOT)


def kill_holders(
    crowd: dict[int, subprocess.Popen[bytes]], home: Path, load: Load, seed: int
) -> None:
    """Kill processes while they are inside, each time starting another one in its place."""
    chance = random.Random(seed)
    witness = os.open(home.parent / "witness", os.O_WRONLY | os.O_APPEND)
    left = load.kills
    while left:
        time.sleep(chance.uniform(0.01, 0.2))
        alive = {str(pid) for pid, child in crowd.items() if child.poll() is None}
        if not alive:
            break
        inside = holders_now(home.parent / "witness") & alive
        if not inside:
            continue
        pid = int(chance.choice(sorted(inside)))
        os.write(witness, f"x {pid}\n".encode())  # before: the slot is free the instant it dies
        crowd[pid].kill()
        left -= 1
        replacement = _start(home, load)
        crowd[replacement.pid] = replacement
    os.close(witness)


def holders_now(witness: Path) -> set[str]:
    """Return the processes that have a task inside."""
    inside: dict[str, int] = {}
    for line in witness.read_text().splitlines():
        sign, pid, *_ = line.split()
        inside[pid] = {"+": 1, "-": -1, "x": -1000}[sign] + inside.get(pid, 0)
    return {pid for pid, count in inside.items() if count > 0}


def count_inside(witness: Path, limit: int, seen: Seen) -> None:
    """Go through what the tasks wrote, in the order in which they wrote it."""
    inside: dict[str, int] = {}
    dead: set[str] = set()
    for number, line in enumerate(witness.read_text().splitlines()):
        sign, pid, *_ = line.split()
        if sign == "x":
            dead.add(pid)
            inside.pop(pid, None)
            seen.kills += 1
        elif pid not in dead:
            inside[pid] = inside.get(pid, 0) + (1 if sign == "+" else -1)
            seen.tasks += sign == "+"
        seen.most = max(seen.most, sum(inside.values()))
        if sum(inside.values()) > limit:
            seen.violations.append(f"line {number}: {sum(inside.values())} inside, {inside}")


def count_overtaken(witness: Path, seen: Seen) -> None:
    """Count for each task that queued how many asked after that, and were let in before it."""
    turns = [
        Turn(*map(int, line.split()[2:]))
        for line in witness.read_text().splitlines()
        if line.startswith("+")
    ]
    turns.sort(key=lambda turn: turn.let_in)
    for place, turn in enumerate(turns):
        if not turn.queued:
            continue
        seen.queued += 1
        before = turns[max(0, place - 2000) : place]
        count = sum(other.asked > turn.queued for other in before)
        seen.overtaken += count > 0
        seen.most_overtaken = max(seen.most_overtaken, count)


def look_for_leaks(limits: LocalLimits, limit: int, seen: Seen) -> None:
    """Find slots or places that nobody alive could have, and take all slots at once."""
    usage = limits.definitions.usage(LIMIT)
    if usage.used or usage.waiting:
        seen.violations.append(f"left over: {usage.used} slots, {usage.waiting} places")
    request = Request([LIMIT], limit)
    limits.limiter.ask(request)
    if not request.is_done:
        seen.violations.append("not all slots can be had")
    limits.limiter.release(request)


def hold(home: Path, tasks: int, seconds: float) -> None:
    """Be one of the crowd: half of the tasks one after the other, half of them at once."""
    limits = local_limits(str(home / "limits"))
    witness = os.open(home.parent / "witness", os.O_WRONLY | os.O_APPEND)
    me = os.getpid()

    @task
    def inside() -> None:
        with let_in(limits) as turn:
            line = f"+ {me} {turn.asked} {turn.queued} {turn.let_in}\n"
            os.write(witness, line.encode())
            time.sleep(random.uniform(0, seconds))
            os.write(witness, f"- {me}\n".encode())

    @flow
    def crowd() -> None:
        for _ in range(tasks // 2):
            inside()
        for future in [inside.submit() for _ in range(tasks - tasks // 2)]:
            future.result()

    crowd()


@contextmanager
def let_in(limits: LocalLimits) -> Iterator[Turn]:
    """Hold a slot; tell when it was asked for and given (by the clock that all processes share)."""
    request = Request([LIMIT])
    asked = time.time_ns()
    try:
        limits.limiter.ask(request)
        queued = time.time_ns() if not request.is_done and request.tickets else 0
        done = threading.Event()
        request.when_done(lambda _: done.set())
        done.wait()
        [[slot]] = request.slots.values()
        holders = limits.definitions.usage(LIMIT).holders
        yield Turn(asked, queued, next(one.since for one in holders if one.slot == slot))
    finally:
        limits.limiter.release(request)


def wakes_within(limits: LocalLimits, rounds: int) -> list[float]:
    """Return the seconds from a release until a waiting thread of the same process goes on."""
    taken = []
    holder = Request([LIMIT])
    limits.limiter.ask(holder)
    for _ in range(rounds):
        waiter, awake, ready = Request([LIMIT]), [], threading.Event()

        def wait(waiter: Request = waiter, awake: list[float] = awake) -> None:
            done = threading.Event()
            limits.limiter.ask(waiter)
            waiter.when_done(lambda _: done.set())
            ready.set()  # noqa: B023  joined within the round
            done.wait()
            awake.append(time.perf_counter())

        thread = threading.Thread(target=wait)
        thread.start()
        ready.wait()
        time.sleep(0.001)
        released = time.perf_counter()
        limits.limiter.release(holder)
        thread.join()
        taken.append(awake[0] - released)
        holder = waiter
    limits.limiter.release(holder)
    return taken


def wakes_across(limits: LocalLimits, directory: Path, rounds: int) -> list[float]:
    """Return the seconds from a release until a waiter of another process goes on."""
    taken = []
    with Elsewhere(directory) as other:
        for number in range(rounds):
            mine = Request([LIMIT])
            limits.limiter.ask(mine)
            other.tell("ask", str(number), LIMIT)
            time.sleep(random.uniform(0.002, 0.010))
            released = time.monotonic_ns()
            limits.limiter.release(mine)
            taken.append((int(other.tell("awake", str(number))) - released) / 1e9)
            other.tell("release", str(number))
    return taken


def measure(folder: Path, rounds: int) -> tuple[float, float]:
    """Return the medians of both kinds of waking, in seconds."""
    limits = local_limits(str(folder / "limits"))
    limits.definitions.create(LIMIT, 1)
    within = statistics.median(wakes_within(limits, rounds))
    return within, statistics.median(wakes_across(limits, folder / "limits", rounds))


def main() -> int:
    """Run the crowd, measure, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, default=30)
    parser.add_argument("--tasks", type=int, default=100, help="of each process")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--limit", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.004, help="of a task, at most")
    load = Load(**vars(parser.parse_args()))
    seed = random.randrange(1 << 32)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="flowstone-limits-") as folder:
        within, across = measure(Path(folder) / "quiet", 100)
        seen = run_crowd(Path(folder) / "home", load, seed)
    if within > SOON_WITHIN or across > SOON_ACROSS:
        seen.violations.append("waiters are woken too late")
    print(f"{load.processes} processes, {seen.tasks:,} tasks, {seen.kills} killed inside, ", end="")
    print(f"in {time.monotonic() - began:.1f} s (seed {seed})")
    print(f"most inside {seen.most} of {load.limit}; {seen.queued:,} queued, ", end="")
    print(f"{seen.overtaken} overtaken, by {seen.most_overtaken} at most")
    print(
        f"woken after {within * 1e3:.2f} ms in one process, {across * 1e3:.2f} ms across (median)"
    )
    print(f"violations {len(seen.violations)}")
    for violation in seen.violations[:20]:
        print(f"  {violation}")
    return 1 if seen.violations else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--holder"]:
        hold(Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    else:
        sys.exit(main())
