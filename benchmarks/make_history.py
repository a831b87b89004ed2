"""Makes a database with the history of 90 days, as a busy team would have it after a while.

Writes the rows straight into the schema, with all roll-ups, and prints the size. `--database
sqlite` makes a home in `build/history/sqlite`, `postgres` a server of its own in
`build/history/postgres` (or takes `--url`, an empty database); `benchmarks/queries.py` measures
what is there. One flow run has a tenth of the task runs, at most 100,000.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flowstone.core.ids import IdSource
from flowstone.core.states import CANCELLED, COMPLETED, CRASHED, FAILED, RUNNING
from flowstone.store import maintenance, partitions
from flowstone.store.connection import Connection
from flowstone.store.counts import Counts
from flowstone.store.databases import Database, EmbeddedDatabase, open_database
from flowstone.store.names import Names

from throwaway import kept_postgres

FOLDER = Path(__file__).parent.parent / "build" / "history"
SECOND = 1_000_000_000
DAYS = 90
LARGEST = 100_000
_FLOWS, _TASKS, _LOGS, _TAGS = 30, 200, 200, 20
_AT_ONCE = 20_000
_RUN = (
    "id, log, {of}, {parents}, name, tags, created, started, at, state, shown, is_open, fence, "
    "sequence, attempt, message"
)
_TASK_RUN = _RUN.format(of="task", parents="flow_run, parent")
_FLOW_RUN = _RUN.format(of="flow", parents="parent_flow_run, parent") + ", parameters"


def _insert(table: str, columns: str) -> str:
    marks = ", ".join("?" * len(columns.split(",")))
    return f"INSERT INTO {table} ({columns}) VALUES ({marks})"


INSERTS = {
    "task_run": _insert("task_run", _TASK_RUN),
    "task_run_tag": _insert("task_run_tag", "tag, run"),
    "edge": _insert("edge", "run, upstream, name"),
    "log_line": _insert(
        "log_line", "log, position, flow_run, task_run, at, level, logger, message"
    ),
    "flow_run": _insert("flow_run", _FLOW_RUN),
    "flow_run_tag": _insert("flow_run_tag", "tag, run"),
    "artifact": _insert(
        "artifact", "id, log, type, key, flow_run, task_run, created, updated, data"
    ),
}


class History:
    """Invents runs and writes them, in the order of their creation."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.random = random.Random(seed)
        self.ids = IdSource(self.random.randbytes(10))
        self.rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in INSERTS}
        self.counts = Counts()
        self.position = 0
        self.cached = 0
        self.written = 0

    def make(self, task_runs: int, flow_runs: int) -> None:
        """Make it all, in transactions of some ten thousand rows."""
        now = time.time_ns()
        first = now - DAYS * 86_400 * SECOND
        with _writing(self.database) as connection:
            self._define(connection, first)
            if not isinstance(self.database, EmbeddedDatabase):
                partitions.make_weeks(connection, first, now + partitions.WEEK)
        sizes = self._sizes(task_runs, flow_runs)
        began = time.monotonic()
        for number, size in enumerate(sizes):
            at = first + number * (now - first) // len(sizes)
            self._flow_run(number, at, size, is_last=number + 1 == len(sizes))
            if len(self.rows["task_run"]) >= _AT_ONCE:
                self._write()
                rate = self.written / (time.monotonic() - began)
                print(f"\r{self.written:,} task runs, {rate:,.0f} a second", end="", flush=True)
        self._write()
        print()

    def _sizes(self, task_runs: int, flow_runs: int) -> list[int]:
        """Return how many task runs each flow run has: many have few, some have many."""
        largest = min(LARGEST, task_runs // 10)
        shares = [self.random.lognormvariate(0, 1) for _ in range(flow_runs - 1)]
        scale = (task_runs - largest) / sum(shares)
        sizes = [int(share * scale) for share in shares]
        sizes[0] += task_runs - largest - sum(sizes)
        sizes.insert(len(sizes) * 9 // 10, largest)
        return sizes

    def _define(self, connection: Connection, at: int) -> None:
        columns = "ref, id, pid, host, boot, process_start, python, version, judged, created"
        for number in range(1, _LOGS + 1):
            row = (
                number + 1000,
                self.ids.new(at),
                number,
                "worker",
                "boot",
                1,
                "3.11",
                "1",
                "lock",
                at,
            )
            connection.execute(
                _insert("log", f"{columns}, last_at, ended"), (*row, at, at + SECOND)
            )
        for number in range(_TASKS):
            task = number + 1000, f"task_{number}-0", f"task_{number}", "", 0
            connection.execute(_insert("task", "ref, key, name, version, retries"), task)
        for number in range(_FLOWS):
            flow = number + 1000, f"flow_{number}", "1", 0
            connection.execute(_insert("flow", "ref, name, version, retries"), flow)
        self.cached = Names(connection).state(COMPLETED, "Cached")

    def _flow_run(self, number: int, at: int, size: int, *, is_last: bool) -> None:
        chance = self.random
        run, log, flow = self.ids.new(at), 1001 + number % _LOGS, 1000 + number * 7 % _FLOWS
        clock, longest, runs = at + SECOND // 10, at, list[tuple[bytes, int]]()
        for index in range(size):
            clock += int(chance.expovariate(1) * 20_000_000)
            is_open = is_last and index > size - 20
            longest = max(longest, self._task_run(run, log, clock, index, runs, is_open=is_open))
        state = RUNNING if is_last else chance.choices((COMPLETED, FAILED), (95, 5))[0]
        ended = None if is_last else longest + SECOND
        tags = [f"team-{number % 5}"] if number % 3 == 0 else []
        self._run(
            "flow_run", (run, log, flow, None, None, f"quiet-otter-{number}"), tags, at, at,
            ended, state, ('{"day":"2026-01-31"}',),
        )  # fmt: skip
        self.counts.add_flow(run, flow, at, at, ended, state)
        self._line(log, run, None, at, 20, f"Beginning flow run {number}")
        if number % 10 == 0:
            made = self.ids.new(longest), log, "markdown", f"report-{flow}", run, None
            self.rows["artifact"].append((*made, longest, longest, "# Report\n" * 20))

    def _task_run(
        self,
        flow_run: bytes,
        log: int,
        at: int,
        index: int,
        before: list[tuple[bytes, int]],
        *,
        is_open: bool,
    ) -> int:
        chance = self.random.random()
        run, task = self.ids.new(at), 1000 + int(self.random.random() ** 2 * _TASKS)
        started = at + int(self.random.expovariate(1) * 5_000_000)
        ended = started + int(self.random.lognormvariate(0, 1.5) * 100_000_000)
        state = COMPLETED if chance < 0.95 else self.cached if chance < 0.97 else FAILED
        state = CRASHED if chance > 0.997 else CANCELLED if chance > 0.995 else state
        tags = [f"tag-{int(chance * 1000) % _TAGS}"] if chance < 0.1 else []
        end = None if is_open else ended
        state = RUNNING if is_open else state
        first = run, log, task, flow_run, None, f"task_{task - 1000}-{index}"
        self._run("task_run", first, tags, at, started, end, state, ())
        self.counts.add(flow_run, task, at, started, end, state)
        if before and chance < 0.3:
            upstream, giver = before[int(self.random.random() * len(before))]
            self.rows["edge"].append((run, upstream, "x"))
            self.counts.folds.take(flow_run, task, giver)
        before.append((run, task))
        if state == FAILED or chance < 0.05:
            level = 40 if state == FAILED else 20
            self._line(log, flow_run, run, ended, level, "Finished what there was to do with it")
        return ended

    def _run(
        self,
        table: str,
        first: tuple[Any, ...],
        tags: list[str],
        created: int,
        started: int,
        ended: int | None,
        state: int,
        more: tuple[Any, ...],
    ) -> None:
        text = f'["{tags[0]}"]' if tags else None
        message = "Task run encountered an exception: ValueError: no" if state == FAILED else None
        at = started if ended is None else ended
        rest = state, state, int(ended is None), 0, 2, 1, message
        self.rows[table].append((*first, text, created, started, at, *rest, *more))
        self.rows[f"{table}_tag"] += [(tag, first[0]) for tag in tags]

    def _line(
        self, log: int, flow_run: bytes, run: bytes | None, at: int, level: int, text: str
    ) -> None:
        self.position += 100
        row = log, self.position, flow_run, run, at, level, "flowstone.task_runs", text
        self.rows["log_line"].append(row)

    def _write(self) -> None:
        with _writing(self.database) as connection:
            for table, rows in self.rows.items():
                if rows:
                    connection.executemany(INSERTS[table], rows)
            self.counts.write(connection)
        self.written += len(self.rows["task_run"])
        self.rows = {table: [] for table in INSERTS}


@contextlib.contextmanager
def _writing(database: Database) -> Iterator[Connection]:
    with database.transaction() as connection:
        if isinstance(database, EmbeddedDatabase):
            connection.execute("PRAGMA cache_size = -262144")
        yield connection


@contextlib.contextmanager
def history_database(kind: str, url: str | None = None) -> Iterator[Database]:
    """Give the database with the history, or the empty one that is to get it."""
    home = FOLDER / "sqlite"
    home.mkdir(parents=True, exist_ok=True)
    if kind == "sqlite":
        yield EmbeddedDatabase(home)
        return
    with contextlib.ExitStack() as stack:
        place = url or stack.enter_context(kept_postgres(FOLDER / "postgres"))
        database = open_database(home, place)
        try:
            yield database
        finally:
            database.close()


def check(database: Database) -> None:
    """Say whether roll-ups equal rows, of a sample."""
    with database.store() as store:
        ask = store.connection.execute
        (run,) = ask("SELECT id FROM flow_run ORDER BY id DESC LIMIT 1 OFFSET 10").fetchone()
        for counted, rows in (
            ("SELECT sum(runs) FROM task_hour", "SELECT count(*) FROM task_run"),
            ("SELECT sum(runs) FROM task_day WHERE day >= 0", "SELECT count(*) FROM task_run"),
            ("SELECT sum(runs) FROM flow_day WHERE day >= 0", "SELECT count(*) FROM flow_run"),
        ):
            assert ask(counted).fetchone() == ask(rows).fetchone(), counted
        of_run = "SELECT state, sum(runs) FROM task_count WHERE flow_run = ? GROUP BY 1 ORDER BY 1"
        rows = "SELECT shown, count(*) FROM task_run WHERE flow_run = ? GROUP BY 1 ORDER BY 1"
        assert ask(of_run, (run,)).fetchall() == ask(rows, (run,)).fetchall()


def main() -> int:
    """Make it, check it, and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres"), required=True)
    parser.add_argument("--url", help="an empty database on a Postgres that runs already")
    parser.add_argument("--task-runs", type=int, default=1_000_000)
    parser.add_argument("--flow-runs", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.url is None:
        shutil.rmtree(FOLDER / given.database, ignore_errors=True)
    began = time.monotonic()
    with history_database(given.database, given.url) as database:
        History(database, given.seed).make(given.task_runs, given.flow_runs)
        made = time.monotonic() - began
        if given.database == "sqlite":
            with database.transaction() as connection:
                connection.execute("PRAGMA optimize")
        else:
            database.tend()
            maintenance.vacuum(database)
        check(database)
        found = maintenance.status(database)
    print(
        f"{given.database}: {found.task_runs:,} task runs in {made:.0f} s; {found.size / 1e6:,.0f} "
        f"MB, {found.size / found.task_runs:.0f} bytes a task run; load {os.getloadavg()[0]:.1f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
