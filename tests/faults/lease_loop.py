"""Two servers on one Postgres share a limit while its holders are killed and stopped at random.

    python -m tests.faults.lease_loop --processes 30 --tasks 100 --kills 15 --stops 15

Every task writes into one file when it is let in and before it lets go; the kernel puts these lines
in one order, and the limiter knows nothing of them. A process that is stopped keeps its slots for a
lease, and no longer: it may then run beside others, and only it may. Ends with 1 where more were
inside than the limit says without such a one among them, where a slot or a place is left over,
where a task was overtaken by more than one that came after it, or where waiters are woken too late.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psycopg

from flowstone.drive.limits.remote import RemoteLimits, Server, remote_limits
from flowstone.drive.limits.requests import Request
from flowstone.store.databases import open_database
from tests.postgres import own_server

LIMIT = "db"
ROOT = Path(__file__).parents[2]
LEASE = 2.0
NOTE_GRANTS = """
    CREATE TABLE granted (number bigint GENERATED ALWAYS AS IDENTITY, pid bigint, ticket bigint);
    CREATE FUNCTION note_grant() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO granted (pid, ticket) SELECT p.pid, NEW.ticket
        FROM slot_request r JOIN slot_process p ON p.id = r.process WHERE r.id = NEW.request;
        RETURN NULL;
    END $$;
    CREATE TRIGGER note_grant AFTER UPDATE ON slot_claim FOR EACH ROW
    WHEN (OLD.until IS NULL AND NEW.until IS NOT NULL AND NEW.limit_name = 'db')
    EXECUTE FUNCTION note_grant();
"""
"""Writes down the order in which slots are given, in the transaction that gives them."""
SOON = 0.050
"""Seconds in which the median waiter has to be awake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many processes do how many tasks; how many are killed, and stopped, inside."""

    processes: int = 30
    tasks: int = 100
    kills: int = 15
    stops: int = 15
    limit: int = 3
    seconds: float = 0.004


@dataclass(slots=True)
class Seen:
    """What a crowd came to."""

    most: int = 0
    tasks: int = 0
    kills: int = 0
    stops: int = 0
    overlaps: int = 0
    told: int = 0
    granted: int = 0
    overtaken: int = 0
    most_overtaken: int = 0
    wakes: list[float] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


@contextmanager
def servers(url: str, home: Path, count: int = 2) -> Iterator[list[str]]:
    """Run servers on one database, each a process; give their addresses."""
    with ExitStack() as stack:
        addresses = []
        for _ in range(count):
            words = [sys.executable, "-m", "tests.faults.lease_server", url, str(home)]
            process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
            stack.callback(process.wait)
            stack.callback(process.kill)
            assert process.stdout is not None
            stack.callback(process.stdout.close)
            addresses.append(process.stdout.readline().strip())
        yield addresses


def run_crowd(addresses: list[str], folder: Path, load: Load, seed: int) -> Seen:
    """Run a crowd to its end; say what was wrong."""
    limits = remote_limits(Server(url=addresses[0]))
    limits.definitions.create(LIMIT, load.limit)
    witness = folder / "witness"
    witness.touch()
    crowd: dict[int, subprocess.Popen[bytes]] = {}
    for number in range(load.processes):
        _start(crowd, addresses[number % len(addresses)], folder, load)
    seen = Seen()
    trouble_holders(crowd, addresses, folder, load, seed)
    for child in crowd.values():
        if child.wait() not in (0, -signal.SIGKILL):
            seen.violations.append(f"process {child.pid} ended with {child.returncode}")
    read_witness(witness, load, seen)
    look_for_leaks(limits, load.limit, seen)
    seen.told = limits.definitions.usage(LIMIT).overlaps
    expected = (len(crowd) - seen.kills) * load.tasks
    if seen.tasks < expected:
        seen.violations.append(f"{seen.tasks} tasks were let in, of at least {expected}")
    return seen


def _start(
    crowd: dict[int, subprocess.Popen[bytes]], address: str, folder: Path, load: Load
) -> None:
    words = [sys.executable, "-m", "tests.faults.lease_loop", "--holder", address, str(folder)]
    words += [str(load.tasks), str(load.seconds)]
    child = subprocess.Popen(words, cwd=ROOT)
    crowd[child.pid] = child


def trouble_holders(
    crowd: dict[int, subprocess.Popen[bytes]],
    addresses: list[str],
    folder: Path,
    load: Load,
    seed: int,
) -> None:
    """Kill processes, or stop them for longer than a lease, while they are inside."""
    chance = random.Random(seed)
    witness = os.open(folder / "witness", os.O_WRONLY | os.O_APPEND)
    todo = ["kill"] * load.kills + ["stop"] * load.stops
    chance.shuffle(todo)
    stopped: dict[int, threading.Timer] = {}
    while todo:
        time.sleep(chance.uniform(0.05, 0.3))
        alive = {str(pid) for pid, child in crowd.items() if child.poll() is None}
        free = alive - {str(pid) for pid, timer in stopped.items() if timer.is_alive()}
        if not free:
            break
        inside = holders_now(folder / "witness") & free
        if not inside:
            continue
        pid = int(chance.choice(sorted(inside)))
        if todo.pop() == "kill":
            os.write(witness, f"x {pid}\n".encode())
            crowd[pid].kill()
            _start(crowd, chance.choice(addresses), folder, load)
        else:
            os.write(witness, f"s {pid}\n".encode())
            crowd[pid].send_signal(signal.SIGSTOP)
            seconds = chance.uniform(0.5 * LEASE, 4 * LEASE)
            stopped[pid] = threading.Timer(seconds, go_on, (crowd[pid], folder / "witness"))
            stopped[pid].start()
    for timer in stopped.values():
        timer.join()
    os.close(witness)


def go_on(child: subprocess.Popen[bytes], witness: Path) -> None:
    """Let a process that was stopped go on."""
    with witness.open("a") as file:
        file.write(f"c {child.pid}\n")
    child.send_signal(signal.SIGCONT)


def holders_now(witness: Path) -> set[str]:
    """Return the processes that have a task inside."""
    inside: dict[str, int] = {}
    for line in witness.read_text().splitlines():
        sign, pid, *_ = line.split()
        inside[pid] = {"+": 1, "-": -1, "x": -1000}.get(sign, 0) + inside.get(pid, 0)
    return {pid for pid, count in inside.items() if count > 0}


class Inside:
    """Who is inside, as the witness has it; `late` are those that may be there beside others.

    A process that was stopped is late with what it had inside, and with what it was let in to just
    before and writes down only now: at most `limit` in all.
    """

    def __init__(self, limit: int) -> None:
        self.now: Counter[str] = Counter()
        self.late: Counter[str] = Counter()
        self._limit = limit
        self._about_to: Counter[str] = Counter()
        self._dead: set[str] = set()

    def read(self, sign: str, pid: str) -> None:
        """Take one line."""
        if pid in self._dead:
            return
        if sign == "x":
            self._dead.add(pid)
            del self.now[pid]
            del self.late[pid]
        elif sign == "s":
            self.late[pid] = self.now[pid]
        elif sign == "c":
            self._about_to[pid] = self._limit - self.now[pid]
        elif sign == "+":
            self.now[pid] += 1
            if self._about_to[pid] > 0:
                self._about_to[pid] -= 1
                self.late[pid] += 1
        else:
            self.now[pid] -= 1
            self.late[pid] = max(0, self.late[pid] - 1)


def read_witness(witness: Path, load: Load, seen: Seen) -> None:
    """Go through what the tasks wrote, in the order in which they wrote it."""
    inside = Inside(load.limit)
    signs: Counter[str] = Counter()
    for number, line in enumerate(witness.read_text().splitlines()):
        sign, pid = line.split()
        inside.read(sign, pid)
        signs[sign] += 1
        count = inside.now.total()
        seen.most = max(seen.most, count)
        if sign == "+" and count > load.limit:
            seen.overlaps += 1
            if count - inside.late.total() > load.limit:
                seen.violations.append(f"line {number}: inside {+inside.now}, late {+inside.late}")
    seen.tasks, seen.kills, seen.stops = signs["+"], signs["x"], signs["s"]


def count_overtaken(url: str, troubled: set[int], seen: Seen) -> None:
    """Count for each request how many drew a later ticket, and were let in before it.

    Processes that were killed or stopped are passed over, and take up again what they held.
    """
    with psycopg.connect(url) as connection:
        granted = connection.execute("SELECT pid, ticket FROM granted ORDER BY number").fetchall()
    seen.granted = len(granted)
    for place, (pid, ticket) in enumerate(granted):
        before = granted[max(0, place - 2000) : place]
        later = [one for other, one in before if one > ticket and other not in troubled]
        count = 0 if pid in troubled else len(later)
        seen.overtaken += count > 0
        seen.most_overtaken = max(seen.most_overtaken, count)


def look_for_leaks(limits: RemoteLimits, limit: int, seen: Seen) -> None:
    """Wait until the leases of the dead are over; then nobody holds or waits, all can be had."""
    until = time.monotonic() + 3 * LEASE + 40  # places of the dead
    usage = limits.definitions.usage(LIMIT)
    while (usage.used or usage.waiting) and time.monotonic() < until:
        time.sleep(0.1)
        usage = limits.definitions.usage(LIMIT)
    if usage.used or usage.waiting:
        seen.violations.append(f"left over: {usage.used} slots, {usage.waiting} places")
    request = Request([LIMIT], limit)
    limits.limiter.ask(request)
    if not _done(request).wait(5):
        seen.violations.append("not all slots can be had")
    request.release()


def hold(address: str, folder: Path, tasks: int, seconds: float) -> None:
    """Be one of the crowd: half of the tasks one after the other, half of them at once."""
    limits = remote_limits(Server(url=address))
    witness = os.open(folder / "witness", os.O_WRONLY | os.O_APPEND)
    me = os.getpid()

    def inside() -> None:
        with let_in(limits):
            os.write(witness, f"+ {me}\n".encode())
            time.sleep(random.uniform(0, seconds))
            os.write(witness, f"- {me}\n".encode())

    for _ in range(tasks // 2):
        inside()
    threads = [threading.Thread(target=inside) for _ in range(tasks - tasks // 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def let_in(limits: RemoteLimits) -> Iterator[None]:
    """Hold a slot."""
    request = Request([LIMIT])
    request.lease_seconds = LEASE
    try:
        limits.limiter.ask(request)
        _done(request).wait()
        yield
    finally:
        limits.limiter.release(request)


def _note(moments: list[float], _request: object) -> None:
    moments.append(time.perf_counter())


def _done(one: object) -> threading.Event:
    done = threading.Event()
    one.when_done(lambda _: done.set())  # type: ignore[attr-defined]
    return done


def wakes_across(addresses: list[str], rounds: int) -> list[float]:
    """Return the seconds from a release at one server until a waiter at the other one goes on."""
    here, there = (remote_limits(Server(url=address)) for address in addresses[:2])
    here.definitions.create("quiet", 1)
    taken = []
    for _ in range(rounds):
        mine, other = Request(["quiet"]), Request(["quiet"])
        here.limiter.ask(mine)
        _done(mine).wait()
        there.limiter.ask(other)
        assert other.answer is not None
        _done(other.answer).wait()
        moments: list[float] = []
        other.when_done(partial(_note, moments))
        time.sleep(random.uniform(0.002, 0.050))
        released = time.perf_counter()
        here.limiter.release(mine)
        _done(other).wait()
        taken.append(moments[0] - released)
        there.limiter.release(other)
    return taken


def run(load: Load, seed: int, rounds: int) -> Seen:
    """Run two servers and a crowd, and measure how soon waiters are awake."""
    with tempfile.TemporaryDirectory(prefix="flowstone-leases-") as name, own_server() as database:
        folder = Path(name)
        open_database(folder, database.url).close()  # made before two want to
        with psycopg.connect(database.url) as connection:
            connection.execute(NOTE_GRANTS)
        with servers(database.url, folder) as addresses:
            wakes = wakes_across(addresses, rounds)
            seen = run_crowd(addresses, folder, load, seed)
        words = (line.split() for line in (folder / "witness").read_text().splitlines())
        troubled = {int(pid) for sign, pid in words if sign in "sx"}
        count_overtaken(database.url, troubled, seen)
    if seen.most_overtaken > 1:
        seen.violations.append(f"a task was overtaken by {seen.most_overtaken}")
    seen.wakes = wakes
    if statistics.median(wakes) > SOON:
        seen.violations.append("waiters are woken too late")
    return seen


def main() -> int:
    """Run the crowd, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, default=30)
    parser.add_argument("--tasks", type=int, default=100, help="of each process")
    parser.add_argument("--kills", type=int, default=15)
    parser.add_argument("--stops", type=int, default=15)
    parser.add_argument("--limit", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.004, help="of a task, at most")
    load = Load(**vars(parser.parse_args()))
    seed = random.randrange(1 << 32)
    began = time.monotonic()
    seen = run(load, seed, 100)
    print(f"{load.processes} processes, {seen.tasks:,} tasks, {seen.kills} killed and ", end="")
    print(f"{seen.stops} stopped inside, in {time.monotonic() - began:.1f} s (seed {seed})")
    print(f"most inside {seen.most} of {load.limit}; {seen.overlaps} let in beside a stopped one, ")
    print(f"{seen.told} lapsed leases taken up above the limit; {seen.granted:,} grants, ", end="")
    print(f"{seen.overtaken} overtaken, by {seen.most_overtaken} at most")
    print(f"woken after {statistics.median(seen.wakes) * 1e3:.1f} ms at the other server (median)")
    print(f"violations {len(seen.violations)}")
    for violation in seen.violations[:20]:
        print(f"  {violation}")
    return 1 if seen.violations else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--holder"]:
        hold(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
    else:
        sys.exit(main())
