"""Kill programs with worker processes, and their workers, and look at what is left.

    python -m tests.faults.process_kill_loop --kills 100
    python -m tests.faults.process_kill_loop --kills 10 --runner ray

Each program has a worker of it killed, and goes on with another one; then it is killed itself.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from flowstone.store.queries import open_store

RUNNERS = ("processes", "dask", "ray")
PROGRAM = """
import os, sys, time
from flowstone import flow, task
from flowstone.task_runners import DaskTaskRunner, ProcessPoolTaskRunner, RayTaskRunner

RUNNERS = {
    "processes": lambda: ProcessPoolTaskRunner(max_workers=2),
    "dask": lambda: DaskTaskRunner(
        cluster_kwargs=dict(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    ),
    "ray": lambda: RayTaskRunner(
        init_kwargs=dict(
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=100 << 20,
            log_to_driver=False,
        )
    ),
}

def tell(text):
    with open(os.environ["OUT"], "ab", buffering=0) as file:
        file.write(f"{text}\\n".encode())

@task
def inner(n):
    return n

@task
def works(n):
    tell(os.getpid())
    time.sleep(0.002)
    return inner(n)

def main():
    for future in works.map(range(20_000)):
        future.wait()
        if future.state.is_completed():
            tell(f"seen {future.task_run_id.hex}")

if __name__ == "__main__":
    flow(main, task_runner=RUNNERS[sys.argv[1]]())()
"""
BEGIN = 180
"""Seconds in which a cluster has begun, on a machine that has a lot to do."""
GOES_ON = 1000
"""Results that are seen of a program that goes on with fewer workers."""
TELL = 20
"""Programs after which it is told how far it is."""
END = 90
"""Seconds in which all processes of a program have ended that was killed: a worker that Ray is just
starting looks for its node for 25 s."""


@dataclass(slots=True)
class Tally:
    """What was killed, what had been seen before that, and what is left."""

    programs: int = 0
    workers: int = 0
    seen: int = 0


def disturb(folder: Path, runner: str, *, workers: int, driver_after: float = 0.5) -> Tally:
    """Run a program, kill so many of its workers and then itself; raise `AssertionError` where
    something is lost or left."""
    script, out, home = folder / "script.py", folder / "out", folder / "home"
    script.write_text(PROGRAM)
    out.touch()
    environ = {**os.environ, "FLOWSTONE_HOME": str(home), "FLOWSTONE_LOGGING_LEVEL": "CRITICAL"}
    environ |= {"OUT": str(out), "RAY_AUTH_MODE": "disabled"}
    with (
        (folder / "errors").open("wb") as told,
        subprocess.Popen(
            [sys.executable, str(script), runner],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=told,
            start_new_session=True,
        ) as program,
    ):
        others: set[int] = set()
        try:
            wait_until(lambda: len(workers_in(out)) >= 2, BEGIN, "no two workers came to work")
            wait_until(lambda: seen_in(out), BEGIN, "nothing was seen")
            for _ in range(workers):
                time.sleep(random.random() * driver_after)
                kill_worker(out, runner)
            time.sleep(random.random() * driver_after)
            others = set(session_of(program))
        except AssertionError as error:
            error.add_note((folder / "errors").read_text())
            for pid in session_of(program):
                os.kill(pid, signal.SIGKILL)
            raise
        finally:
            program.kill()
    check_processes(set(workers_in(out)), others)
    return Tally(1, workers, check_home(home, seen_in(out)))


def kill_worker(out: Path, runner: str) -> None:
    """Kill a worker that lives, and wait for the one that comes instead.

    On Dask that is Dask's affair: on a machine with too much to do it may give up a worker that
    begins too slowly. Then the program goes on with the one that is left.
    """
    before, seen = set(workers_in(out)), len(seen_in(out))
    os.kill(next(pid for pid in workers_in(out) if lives(pid)), signal.SIGKILL)

    def goes_on() -> bool:
        is_left = runner == "dask" and len(seen_in(out)) > seen + GOES_ON
        return is_left or not before.issuperset(workers_in(out))

    wait_until(goes_on, BEGIN, "no other worker came")


def check_processes(workers: set[int], others: set[int]) -> None:
    """Check that none of these processes outlives its program."""
    for pids, what in ((workers, "a worker"), (others, "a process")):
        try:
            wait_until(
                lambda pids=pids: not any(map(lives, pids)), END, f"{what} outlived its program"
            )
        except AssertionError as error:
            for pid in filter(lives, pids):
                error.add_note(f"{pid}: {command_of(pid)}")
            raise


def check_home(home: Path, seen: set[str]) -> int:
    """Check that all that was seen is on record, and all has ended; return how much was seen."""
    with open_store(home) as store:
        rows = store.task_runs(limit=0)
        states = [run.state_type for run in store.flow_runs(limit=0)]
    assert states == ["CRASHED"], f"the flow run is {states}"
    found = {row.state_type for row in rows}
    assert found <= {"COMPLETED", "CRASHED"}, f"task runs are {found}"
    lost = seen - {row.id.hex() for row in rows if row.state_type == "COMPLETED"}
    assert not lost, f"seen, and not on record as completed: {lost}"
    return len(seen)


def lives(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def workers_in(path: Path) -> list[int]:
    """Return the processes that ran bodies, in the order in which they first did."""
    lines = path.read_text().split("\n")[:-1]
    return list(dict.fromkeys(int(line) for line in lines if line.isdigit()))


def seen_in(path: Path) -> set[str]:
    """Return the runs that the program has seen completed."""
    lines = path.read_text().split("\n")[:-1]
    return {line.split()[1] for line in lines if line.startswith("seen")}


def wait_until(is_so, seconds, what):
    """Wait until something is so; raise `AssertionError` after so many seconds."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def session_of(program: subprocess.Popen[bytes]) -> list[int]:
    """Return the processes that a program has begun, and those that they did."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if belongs(pid, program.pid)]


def command_of(pid: int) -> str:
    """Return the command that a process was started with, nothing where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def belongs(pid: int, session: int) -> bool:
    """Whether a process is of a session, those aside that Ray gives a minute to end."""
    try:
        return os.getsid(pid) == session and "Agent" not in command_of(pid)
    except OSError:
        return False


def kill_many(runner: str, kills: int, most_seconds: float) -> int:
    """Disturb so many programs, print the tally; return how many went wrong."""
    began, total, wrong = time.monotonic(), Tally(), 0
    for number in range(kills):
        if time.monotonic() - began > most_seconds:
            print(f"{runner}: the time is over before {kills} programs were killed")
            break
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            try:
                one = disturb(Path(name), runner, workers=1)
            except AssertionError as error:
                wrong += 1
                told = "\n".join([str(error), *getattr(error, "__notes__", [])])
                print(f"VIOLATION in program {number} on {runner}: {told}", flush=True)
                continue
        if (number + 1) % TELL == 0:
            passed = time.monotonic() - began
            print(f"{runner}: {number + 1} of {kills} after {passed:.0f} s", flush=True)
        total.programs += one.programs
        total.workers += one.workers
        total.seen += one.seen
    seconds = time.monotonic() - began
    print(
        f"{runner}: {total.programs} programs and {total.workers} workers killed in {seconds:.0f} "
        f"s; {total.seen:,} results seen, all kept; {wrong} violations",
        flush=True,
    )
    return wrong


def main() -> int:
    """Kill on each task runner; return 1 where something was lost or left."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--runner", choices=RUNNERS, action="append")
    parser.add_argument("--seconds", type=float, default=1e9, help="for one runner at most")
    given = parser.parse_args()
    runners = given.runner or RUNNERS
    return 1 if sum(kill_many(runner, given.kills, given.seconds) for runner in runners) else 0


if __name__ == "__main__":
    sys.exit(main())
