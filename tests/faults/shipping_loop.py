"""Processes report to a server that is killed, whose Postgres is, and whose connections are cut.

    python -m tests.faults.shipping_loop --kills 50
    python -m tests.faults.shipping_loop --kills 0 --stops 20 --postgres

At the end the processes are interrupted or killed, and what they left behind is sent by hand. Then
every call and every flow run that a caller saw return is in the database as Completed, once; no run
is open, nothing is damaged or was refused, and each roll-up equals its rows. Ends with 1 where that
does not hold.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flowstone.store.databases import Database, open_database
from flowstone.store.rows import RunFilter
from tests.faults.cutting_proxy import CuttingProxy
from tests.faults.kill_loop import VICTIM, Tally, check_flow_run, read_seen
from tests.postgres import PostgresServer, own_server

KINDS = ("sync", "submit", "async", "async-submit")
PATIENCE = 120.0


@dataclass(slots=True)
class Outcome:
    """What a series of outages came to."""

    kills: int = 0
    stops: int = 0
    cuts: dict[str, int] = field(default_factory=dict)
    seen: int = 0
    runs: int = 0
    violations: list[str] = field(default_factory=list)


class ServerProcess:
    """The server as users start it, in a process that can be killed."""

    def __init__(self, home: Path, url: str | None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as one:
            self.port: int = one.getsockname()[1]
        self._home = home
        self._words = ["server", "start", "--port", str(self.port)]
        if url is not None:
            self._words += ["--database-url", url]
        self.start()

    def start(self) -> None:
        """Start it, and return when it answers."""
        with (self._home / "server.txt").open("ab") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flowstone.cli", *self._words],
                env=os.environ | {"FLOWSTONE_HOME": str(self._home)},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        until = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                text = (self._home / "server.txt").read_text(errors="replace")
                raise RuntimeError(f"the server does not answer: {text[-3000:]}")
            time.sleep(0.05)

    def kill(self, how: int = signal.SIGKILL) -> None:
        """End it."""
        self._process.send_signal(how)
        self._process.wait(PATIENCE)

    def _answers(self) -> bool:
        address = f"http://127.0.0.1:{self.port}/api/health"
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
        return False


class Reporter:
    """A process that runs flows and reports them, in a home of its own."""

    def __init__(self, root: Path, name: str, kind: str, port: int) -> None:
        self.name, self.seen_file = name, root / f"{name}.seen"
        self._home = root / f"{name}-home"
        self._environ = os.environ | {
            "FLOWSTONE_HOME": str(self._home),
            "FLOWSTONE_API_URL": f"http://127.0.0.1:{port}",
            "FLOWSTONE_LOG_SEGMENT_BYTES": "1MiB",
            "FLOWSTONE_FLOWS_STOP_GRACE_SECONDS": "0.5",
            "FLOWSTONE_LOGGING_LEVEL": "WARNING",
        }
        self._said = root / f"{name}.txt"
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, VICTIM, self.seen_file, name, kind],
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    def end(self, how: int) -> str:
        """End it with a signal; return what is wrong if it had ended by itself."""
        ended = self._process.poll()
        self._process.send_signal(how)
        self._process.wait(PATIENCE)
        text = self._said.read_text(errors="replace")
        return "" if ended is None else f"{self.name} ended by itself ({ended}): {text[-2000:]}"

    def send_what_is_left(self) -> str:
        """Send what it left behind; return what is wrong."""
        command = [sys.executable, "-m", "flowstone.cli", "log", "ship"]
        done = subprocess.run(
            command, env=self._environ, capture_output=True, text=True, check=False
        )
        left = [path.name for path in (self._home / "logs").glob("*.log")]
        if done.returncode or left:
            return f"{self.name}: not all was sent: {done.stdout}{done.stderr} {left}"
        return ""


def disturb(
    root: Path,
    *,
    kills: int,
    seed: int,
    postgres: PostgresServer | None = None,
    stops: int = 0,
    longest: float = 1.5,
    kinds: tuple[str, ...] = KINDS,
) -> Outcome:
    """Kill the server and stop Postgres so often under load, cutting connections all the while."""
    outcome, chance = Outcome(), random.Random(seed)
    home = root / "server"
    home.mkdir()
    url = None if postgres is None else postgres.url
    server = ServerProcess(home, url)
    with CuttingProxy(server.port, seed) as proxy:
        reporters = [Reporter(root, f"reporter-{n}", k, proxy.port) for n, k in enumerate(kinds)]
        try:
            outages = ["kill"] * kills + ["stop"] * stops
            chance.shuffle(outages)
            for outage in outages:
                time.sleep(chance.uniform(0.2, longest))
                if outage == "kill":
                    server.kill()
                    time.sleep(chance.uniform(0.0, 0.4))
                    server.start()
                    outcome.kills += 1
                elif postgres is not None:
                    postgres.stop("immediate")
                    time.sleep(chance.uniform(0.0, 0.6))
                    postgres.start()
                    outcome.stops += 1
            time.sleep(longest)
            hows = [(signal.SIGINT, signal.SIGKILL)[n % 2] for n in range(len(reporters))]
            outcome.violations += [
                text for one, how in zip(reporters, hows, strict=True) if (text := one.end(how))
            ]
            proxy.is_honest = True
            outcome.violations += [text for one in reporters if (text := one.send_what_is_left())]
        finally:
            for one in reporters:
                one.end(signal.SIGKILL)
            server.kill(signal.SIGTERM)
        outcome.cuts = dict(proxy.cuts)
    with contextlib.closing(open_database(home, url)) as database:
        check(database, reporters, outcome)
    return outcome


def check(database: Database, reporters: list[Reporter], outcome: Outcome) -> None:
    """Compare what callers saw with what the database has."""
    tally = Tally()
    with database.store() as store:
        found = {row.name: row for row in store.flow_runs(RunFilter(), limit=0)}
        for one in reporters:
            seen = read_seen(one.seen_file)
            outcome.seen += sum(len(what - {"end"}) for what in seen.values())
            for run, what in seen.items():
                if run in found:
                    check_flow_run(store, found[run], what, tally)
                else:
                    tally.violations.append(f"{run}: {len(what)} calls seen, no such flow run")
    outcome.runs = tally.runs
    outcome.violations += tally.violations
    with database.transaction() as connection:
        for what in ("damage", "rejected", "gap"):
            rows = connection.execute(f"SELECT * FROM {what} LIMIT 5").fetchall()
            if rows:
                outcome.violations.append(f"{what}: {rows}")
        counted = connection.execute(
            "SELECT flow_run, state, cast(sum(runs) AS BIGINT) FROM task_count "
            "GROUP BY flow_run, state HAVING sum(runs) <> 0"
        ).fetchall()
        rows = connection.execute(
            "SELECT flow_run, shown, count(*) FROM task_run GROUP BY flow_run, shown"
        ).fetchall()
    wrong = set(map(tuple, counted)) ^ set(map(tuple, rows))
    if wrong:
        outcome.violations.append(f"the counts of task runs do not equal their rows: {wrong}")


@contextlib.contextmanager
def maybe_postgres(*, wanted: bool) -> Iterator[PostgresServer | None]:
    """Give a Postgres whose commits are on the disk, where one is wanted."""
    if not wanted:
        yield None
        return
    with own_server(fsync="on") as server:
        yield server


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--stops", type=int, default=0)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--longest", type=float, default=1.5)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    given = parser.parse_args()
    print(f"seed {given.seed}")
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name,
        maybe_postgres(wanted=given.postgres or given.stops > 0) as postgres,
    ):
        outcome = disturb(
            Path(name),
            kills=given.kills,
            stops=given.stops,
            postgres=postgres,
            longest=given.longest,
            seed=given.seed,
        )
    print(
        f"{outcome.kills} kills of the server, {outcome.stops} stops of Postgres, connections cut "
        f"{outcome.cuts}; {outcome.seen} calls seen in {outcome.runs} flow runs"
    )
    for text in outcome.violations:
        print(f"VIOLATION: {text}")
    return 1 if outcome.violations or not outcome.seen else 0


if __name__ == "__main__":
    sys.exit(main())
