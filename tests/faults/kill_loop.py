"""Ends processes that run flows, at random moments, and looks whether anything seen is missing.

    python tests/faults/kill_loop.py --kills 200 --kinds submit async-submit
    python tests/faults/kill_loop.py --kills 100 --signals INT TERM

A process that is not killed but asked (Ctrl-C, SIGTERM) must be gone within 6 s. After each one:
every call and every flow run that its caller saw return is in the store as Completed, the flow run
that was hit is Crashed (or Cancelled) and leaves no open task run, the database passes its
integrity check, and reading needed no help. Ends with 1 where that does not hold, or where the
kills were not worth much (too few hit while tasks ran, too few calls seen).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from flowstone.store.queries import Store, open_store
from flowstone.store.rows import FlowRunRow, RunFilter

VICTIM = Path(__file__).with_name("victim.py")
KINDS = ("sync", "async", "submit", "async-submit")
SIGNALS = ("KILL", "INT", "TERM")
SOON = 6.0
"""Seconds within which a process that was asked to end must be gone."""
STARTED = 30.0
"""Seconds that a busy machine may take to start a victim."""
GRACE = 0.5
"""Seconds that most victims give their tasks; each tenth has the usual five."""
TERMINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@dataclass(slots=True)
class Tally:
    """What a series of kills came to."""

    kills: int = 0
    hits: int = 0
    seen: int = 0
    runs: int = 0
    crashed: int = 0
    closed: int = 0
    violations: list[str] = field(default_factory=list)
    read_seconds: list[float] = field(default_factory=list)
    exit_seconds: list[float] = field(default_factory=list)


def kill_many(
    home: Path,
    kills: int,
    seed: int,
    longest: float,
    kinds: Sequence[str] = KINDS,
    signals: Sequence[str] = ("KILL",),
) -> Tally:
    """Kill that many victims, of each kind in turn, and check after each."""
    tally = Tally()
    chance = random.Random(seed)
    for number in range(kills):
        name = f"victim-{number}"
        seen_file = home.parent / f"{name}.seen"
        kind = kinds[number % len(kinds)]
        how = signals[(number // len(kinds)) % len(signals)]
        grace = GRACE if number % 10 else 5.0
        victim = start_one(home, seen_file, name, kind, grace)
        if number % 10 < 9:  # the others may be hit before their first call
            wait_for_call(seen_file, victim)
        time.sleep(chance.uniform(0.0, longest))
        tally.exit_seconds.append(kill_one(home, victim, name, how))
        tally.kills += 1
        before = len(tally.violations)
        if tally.exit_seconds[-1] > SOON:
            tally.violations.append(f"{name}: gone {tally.exit_seconds[-1]:.1f} s after {how}")
        check(home, name, read_seen(seen_file), tally)
        seen_file.unlink(missing_ok=True)
        if sys.stderr.isatty() or len(tally.violations) > before:
            print(f"{name} ({kind}, {how}): {tally.seen} calls seen", file=sys.stderr)
    return tally


def start_one(
    home: Path, seen_file: Path, name: str, kind: str, grace: float
) -> subprocess.Popen[bytes]:
    """Start a victim."""
    home_and_grace = {
        "FLOWSTONE_HOME": str(home),
        "FLOWSTONE_FLOWS_STOP_GRACE_SECONDS": str(grace),
    }
    with (home.parent / "said.txt").open("wb") as said:
        return subprocess.Popen(
            [sys.executable, VICTIM, seen_file, name, kind],
            env=os.environ | home_and_grace,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )


def wait_for_call(seen_file: Path, victim: subprocess.Popen[bytes]) -> None:
    """Wait until a victim has seen a call return, however long its start takes."""
    end = time.monotonic() + STARTED
    while not read_seen(seen_file) and victim.poll() is None and time.monotonic() < end:
        time.sleep(0.01)


def kill_one(home: Path, victim: subprocess.Popen[bytes], name: str, how: str) -> float:
    """Send a victim a signal; return the seconds until it was gone."""
    ended = victim.poll()
    if ended is not None:
        text = (home.parent / "said.txt").read_text(errors="replace")
        raise RuntimeError(f"the victim {name} ended by itself ({ended}): {text[-3000:]}")
    started = time.monotonic()
    victim.send_signal(signal.Signals[f"SIG{how}"])
    try:
        victim.wait(timeout=2 * SOON)
    except subprocess.TimeoutExpired:
        victim.kill()
        victim.wait()
    return time.monotonic() - started


def read_seen(path: Path) -> dict[str, set[str]]:
    """Return what callers saw, by flow run; a line without its end was not written down."""
    seen = defaultdict(set)
    text = path.read_text() if path.exists() else ""
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            run, what = line.split()
            seen[run].add(what)
    return seen


def check(home: Path, name: str, seen: dict[str, set[str]], tally: Tally) -> None:
    """Compare what a victim's callers saw with what the store has."""
    calls = sum(len(what - {"end"}) for what in seen.values())
    tally.seen += calls
    tally.hits += calls > 0
    started = time.perf_counter()
    with open_store(home) as store:
        rows = store.flow_runs(RunFilter(), limit=0 if calls == 0 else calls // 100 + 10)
        found = {row.name: row for row in rows if row.name.startswith(f"{name}-")}
        tally.read_seconds.append(time.perf_counter() - started)
        for run, what in seen.items():
            if run in found:
                check_flow_run(store, found[run], what, tally)
            else:
                tally.violations.append(f"{run}: {len(what)} calls seen, and no such flow run")
        for row in found.values():
            if row.name not in seen:
                check_flow_run(store, row, set(), tally)
    check_integrity(home, tally)


def check_flow_run(store: Store, row: FlowRunRow, seen: set[str], tally: Tally) -> None:
    """Check one flow run: nothing seen is missing, and nothing is left open."""
    tally.runs += 1
    say = tally.violations.append
    tasks = store.task_runs(RunFilter(flow_run=row.id), limit=0)
    kept = {one.name for one in tasks if one.state_type == "COMPLETED"}
    missing = {f"call-{n}" for n in seen - {"end"}} - kept
    if missing:
        say(f"{row.name}: {len(missing)} seen calls missing: {sorted(missing)[:5]}")
    names = [one.name for one in tasks]
    if len(names) != len(set(names)):
        say(f"{row.name}: {len(names) - len(set(names))} task runs are there twice")
    open_tasks = [one.name for one in tasks if one.state_type not in TERMINAL]
    if open_tasks:
        say(f"{row.name}: open task runs: {open_tasks[:5]}")
    if "end" in seen and row.state_type != "COMPLETED":
        say(f"{row.name}: was seen to end, and is {row.state_name}")
    if row.state_type not in {"COMPLETED", "CRASHED", "CANCELLED"}:
        say(f"{row.name}: its process is dead, and it is {row.state_name}")
    tally.crashed += row.state_type == "CRASHED"
    tally.closed += sum(one.state_type == "CRASHED" for one in tasks)


def check_integrity(home: Path, tally: Tally) -> None:
    """Let SQLite check the whole database."""
    path = home / "flowstone.db"
    if not path.exists():  # nobody had recorded anything
        return
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        answer = connection.execute("PRAGMA integrity_check").fetchall()
    if answer != [("ok",)]:
        tally.violations.append(f"integrity_check: {answer[:3]}")


def left_over(home: Path) -> list[str]:
    """Return the log files that reading left behind."""
    return sorted(path.name for path in (home / "logs").glob("*"))


def main() -> int:
    """Kill, check and print the tally."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="of victims")
    parser.add_argument("--signals", nargs="+", choices=SIGNALS, default=("KILL",))
    parser.add_argument("--seed", type=int, default=None, help="to see the same moments again")
    parser.add_argument("--longest", type=float, default=1.5, help="seconds of tasks before a kill")
    parser.add_argument("--least-seen", type=int, help="calls that must be seen (500 a kill)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the tally there too")
    options = parser.parse_args()
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    least_seen = 500 * options.kills if options.least_seen is None else options.least_seen
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="flowstone-kills-") as folder:
        tally = kill_many(
            Path(folder) / "home",
            options.kills,
            seed,
            options.longest,
            options.kinds,
            options.signals,
        )
        left = left_over(Path(folder) / "home")
    seconds = time.monotonic() - started
    reads, exits = sorted(tally.read_seconds), sorted(tally.exit_seconds)
    print(
        f"kills {tally.kills}, of them while tasks ran {tally.hits} (seed {seed}, {seconds:.0f} s)"
    )
    print(f"calls seen by their callers {tally.seen:,}, in {tally.runs:,} flow runs")
    print(f"flow runs marked Crashed {tally.crashed}, task runs {tally.closed}", end="")
    print(f"; log files left behind {len(left)}")
    print(f"reading after a kill: median {reads[len(reads) // 2]:.3f} s, most {reads[-1]:.3f} s")
    print(f"gone after a signal: median {exits[len(exits) // 2]:.3f} s, most {exits[-1]:.3f} s")
    print(f"violations {len(tally.violations)}")
    for violation in tally.violations[:50]:
        print(f"  {violation}")
    if options.json:
        found = {"kills": tally.kills, "seen": tally.seen, "violations": len(tally.violations)}
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    if tally.hits < 0.9 * tally.kills or tally.seen < least_seen:
        print(f"too little was hit: at least {0.9 * tally.kills:.0f} hits, {least_seen:,} calls")
        return 1
    return 1 if tally.violations else 0


if __name__ == "__main__":
    sys.exit(main())
