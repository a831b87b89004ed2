"""Runs a number of flows, one after another, beside others that do the same on one home.

    python tests/faults/crowd.py NAME FLOWS TASKS SECONDS

Each task run takes so many seconds. Started many times by `many_processes.py`.
"""

from __future__ import annotations

import sys
import time

from flowstone import flow, task


@task
def double(number, seconds):
    if seconds:
        time.sleep(seconds)
    return 2 * number


@flow(flow_run_name="{run}")
def doubles(run, tasks, seconds):
    return [double(number, seconds) for number in range(tasks)]


def main() -> None:
    name, flows, tasks, seconds = sys.argv[1], *map(int, sys.argv[2:4]), float(sys.argv[4])
    for number in range(flows):
        assert doubles(f"{name}-{number}", tasks, seconds) == [2 * n for n in range(tasks)]


if __name__ == "__main__":
    main()
