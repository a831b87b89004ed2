"""Prefect's task runners, measured in its own environment; prints seconds of a call as JSON.

    python benchmarks/runners_prefect.py dask 3

Started by `runners.py`, with Prefect's server running.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

WORKERS = 2
CALLS = 60


def nothing(value: int) -> int:
    return value


def made(engine: str) -> Any:
    """Return the task runner for an engine."""
    if engine == "processes":
        return import_module("prefect.task_runners").ProcessPoolTaskRunner(max_workers=WORKERS)
    if engine == "dask":
        options = {"n_workers": WORKERS, "threads_per_worker": 1, "dashboard_address": ":0"}
        return import_module("prefect_dask").DaskTaskRunner(cluster_kwargs=options)
    options = {"num_cpus": WORKERS, "include_dashboard": False, "log_to_driver": False}
    return import_module("prefect_ray").RayTaskRunner(init_kwargs=options)


def at_once(submit: Callable[[int], Any], calls: int) -> float:
    """Return the seconds of one of these calls, all submitted before the first is waited for."""
    began = time.perf_counter()
    for future in [submit(number) for number in range(calls)]:
        future.result()
    return (time.perf_counter() - began) / calls


def in_turn(submit: Callable[[int], Any], calls: int) -> float:
    """Return the seconds of one of these calls, each waited for before the next."""
    began = time.perf_counter()
    for number in range(calls):
        submit(number).result()
    return (time.perf_counter() - began) / calls


def main() -> None:
    """Measure one engine, so many rounds in one flow run, its workers warm; print the medians."""
    engine, rounds = sys.argv[1], int(sys.argv[2])
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    prefect: Any = import_module("prefect")
    task = prefect.task(nothing)

    @prefect.flow(task_runner=made(engine), log_prints=False)  # type: ignore[untyped-decorator]
    def measures() -> dict[str, float]:
        at_once(task.submit, 20)
        once = [at_once(task.submit, CALLS) for _ in range(rounds)]
        turn = [in_turn(task.submit, CALLS // 3) for _ in range(rounds)]
        return {"at once": statistics.median(once), "in turn": statistics.median(turn)}

    print(json.dumps(measures()))


if __name__ == "__main__":
    main()
