"""How long the questions of a page take over the history that `make_history.py` made.

Each is asked of the API in this process (so with its framework and JSON, without a socket), so
many rounds, in turns; prints p50 and p95 in milliseconds, the slowest first, and the p50 of this
process's processor time (with the client's, without that of Postgres): what is left where nobody
else works on the machine. The budget is 100 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from litestar.testing import TestClient
from make_history import history_database

from flowstone.core.ids import id_text
from flowstone.server.app import create_app
from flowstone.settings import Settings
from flowstone.store.databases import Database, EmbeddedDatabase

BUDGET = 0.1
HERE = "http://127.0.0.1:4840"
_LARGEST = "SELECT flow_run FROM task_count GROUP BY flow_run ORDER BY sum(runs) DESC LIMIT 1"
_USUAL = "SELECT id FROM flow_run ORDER BY id DESC LIMIT 1 OFFSET 50"


def questions(database: Database) -> dict[str, str]:
    """Return what is asked, by a name: each list, filter, count, graph, timeline, dashboard."""
    with database.store() as store:
        ask = store.connection.execute
        large, usual = (id_text(ask(query).fetchone()[0]) for query in (_LARGEST, _USUAL))
        (task_run,) = ask("SELECT id FROM task_run ORDER BY id DESC LIMIT 1 OFFSET 5000").fetchone()
    day = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - 30 * 86_400))
    found = {
        "flow runs": "/flow-runs",
        "flow runs, 200 of them": "/flow-runs?limit=200",
        "flow runs, failed": "/flow-runs?state=failed",
        "flow runs, of a flow": "/flow-runs?flow=flow_7",
        "flow runs, by name": "/flow-runs?name=otter-17",
        "flow runs, tag": "/flow-runs?tag=team-3",
        "flow runs, in a time": f"/flow-runs?created_before={day}",
        "flow runs, long ones": "/flow-runs?min_seconds=3600",
        "task runs": "/task-runs",
        "task runs, failed": "/task-runs?state=failed",
        "task runs, crashed": "/task-runs?state=crashed",
        "task runs, running": "/task-runs?state=running",
        "task runs, failed, of a task": "/task-runs?state=failed&task=task_199",
        "task runs, of a rare task": "/task-runs?task=task_199",
        "task runs, of a usual task": "/task-runs?task=task_0",
        "task runs, tag": "/task-runs?tag=tag-3",
        "task runs, two tags": "/task-runs?any_tag=tag-3&any_tag=tag-4",
        "task runs, without a tag": "/task-runs?no_tag=tag-3",
        "task runs, a name that is rare": "/task-runs?name=task_19-777",
        "task runs, a name that is nowhere": "/task-runs?name=nowhere",
        "task runs, in a time": f"/task-runs?created_before={day}",
        "task runs, failed, in a time": f"/task-runs?state=failed&created_before={day}",
        "task runs, long ones": "/task-runs?min_seconds=60",
        "task runs, of a flow": "/task-runs?flow=flow_7",
        "task run": f"/task-runs/{id_text(task_run)}",
        "log lines of a usual run": f"/log-lines?flow_run={usual}",
        "flows": "/flows?days=90",
        "flow": "/flows/flow_7?days=90",
        "tasks": "/tasks?days=90",
        "tasks, 1000 of them": "/tasks?days=90&limit=1000",
        "task": "/tasks/task_0?days=90",
        "artifacts": "/artifacts",
        "artifacts, newest": "/artifacts/newest",
        "dashboard, a day": "/dashboard",
        "dashboard, 90 days": f"/dashboard?hours={90 * 24}",
        "logs": "/logs",
    }
    for kind, run in (("large", large), ("usual", usual)):
        found |= {
            f"{kind} flow run": f"/flow-runs/{run}",
            f"{kind} flow run, its task runs": f"/task-runs?flow_run={run}",
            f"{kind} flow run, failed ones": f"/task-runs?flow_run={run}&state=failed",
            f"{kind} flow run, of a task": f"/task-runs?flow_run={run}&task=task_3",
            f"{kind} flow run, a name": f"/task-runs?flow_run={run}&name=-777",
            f"{kind} flow run, its graph": f"/flow-runs/{run}/graph",
            f"{kind} flow run, its timeline": f"/flow-runs/{run}/timeline",
            f"{kind} flow run, its lines": f"/log-lines?flow_run={run}",
            f"{kind} flow run, its errors": f"/log-lines?flow_run={run}&level=40",
            f"{kind} flow run, text in lines": f"/log-lines?flow_run={run}&text=nowhere",
            f"{kind} flow run, its newest lines": f"/log-lines?flow_run={run}&newest_first=true",
        }
    return found


def measured(
    client: TestClient[Any], asked: dict[str, str], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Return how many seconds each question took, and how many of the processor, each time."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in asked}
    for number in range(rounds + 1):
        for name, path in asked.items():
            before, cpu = time.perf_counter(), time.process_time()
            answer = client.get(f"/api{path}")
            if number:  # the first round warms up
                times[name].append((time.perf_counter() - before, time.process_time() - cpu))
            if answer.status_code != 200:
                sys.exit(f"{path}: {answer.status_code} {answer.text[:300]}")
    return times


def bytes_a_run(database: Database) -> float:
    """Return the size of the database for each of its task runs, all that belongs to it counted."""
    size = "page_count * page_size FROM pragma_page_count, pragma_page_size"
    if not isinstance(database, EmbeddedDatabase):
        size = "pg_database_size(current_database())"
    with database.store() as store:
        ask = store.connection.execute
        (total,) = ask(f"SELECT {size}").fetchone()
        (runs,) = ask("SELECT sum(runs) FROM task_count").fetchone()
    return float(total) / float(runs)


def main() -> int:
    """Measure, print, and return 1 where a question is over its budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres"), required=True)
    parser.add_argument("--url", help="where the history is, on a Postgres that runs already")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    given = parser.parse_args()
    with history_database(given.database, given.url) as database:
        asked = questions(database)
        app = create_app(database, Settings(home=str(database.home)))
        with TestClient(app, base_url=HERE) as client:
            times = measured(client, asked, given.rounds)
        size = bytes_a_run(database)
    rows = sorted(((_p95([wall for wall, _ in some]), name) for name, some in times.items()))[::-1]
    print(f"{given.database}, load {os.getloadavg()[0]:.1f}; ms:   p50    p95  processor")
    for slowest, name in rows:
        middle, cpu = (statistics.median(parts) * 1e3 for parts in zip(*times[name], strict=True))
        over = " !" * (slowest > BUDGET)
        print(f"{name:40} {middle:7.1f} {slowest * 1e3:7.1f} {cpu:7.1f}{over}")
    if given.json:
        figures = {
            "budget": BUDGET,
            "p95": {name: slowest for slowest, name in rows},
            "bytes_a_run": size,
        }
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    return int(any(slowest > BUDGET for slowest, _ in rows))


def _p95(times: list[float]) -> float:
    return sorted(times)[max(0, int(len(times) * 0.95) - 1)]


if __name__ == "__main__":
    sys.exit(main())
