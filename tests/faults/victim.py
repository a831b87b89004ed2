"""Runs flows of no-op tasks for ever, and writes down, with fsync, what its callers saw.

    python tests/faults/victim.py SEEN NAME sync|async|submit|async-submit

Each line of SEEN is the name of a flow run and the number of a call that returned in it, or the
name and `end` once the flow run returned. The flows that submit keep one task run open from their
first moment to their last, so that a kill finds something to close. Killed by `kill_loop.py` at a
random moment.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from itertools import count

from flowstone import flow, task
from flowstone.futures import as_completed

CALLS = 400
BATCH = 40


class Notebook:
    """The file of what was seen; a line is on the disk before the next call begins."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def saw(self, run: str, what: str) -> None:
        os.write(self._fd, f"{run} {what}\n".encode())
        os.fsync(self._fd)


@task(task_run_name="call-{number}")
def noop(number):
    return number


@task(task_run_name="call-{number}")
async def anoop(number):
    return number


@flow(flow_run_name="{run}")
def calls_in_a_row(run, notebook):
    for number in range(CALLS):
        assert noop(number) == number
        notebook.saw(run, str(number))


@flow(flow_run_name="{run}")
async def awaits_in_a_row(run, notebook):
    for number in range(CALLS):
        assert await anoop(number) == number
        notebook.saw(run, str(number))


@task(task_run_name="lingering")
def linger(leave):
    leave.wait()


@task(task_run_name="lingering")
async def alinger(leave):
    # Not a thread of asyncio's: it would outlive the loop, and Python waits for those at its end.
    while not leave.is_set():  # noqa: ASYNC110  the event is one of threads
        await asyncio.sleep(0.01)


@flow(flow_run_name="{run}")
def submits_in_batches(run, notebook):
    leave = threading.Event()
    linger.submit(leave)
    for first in range(0, CALLS, BATCH):
        for future in as_completed(noop.map(range(first, first + BATCH))):
            notebook.saw(run, str(future.result()))
    leave.set()


@flow(flow_run_name="{run}")
async def submits_async_tasks(run, notebook):
    leave = threading.Event()
    alinger.submit(leave)
    for first in range(0, CALLS, BATCH):
        futures = [anoop.submit(number) for number in range(first, first + BATCH)]
        for number, future in enumerate(futures, first):
            assert await asyncio.to_thread(future.result) == number
            notebook.saw(run, str(number))
    leave.set()


FLOWS = {
    "sync": calls_in_a_row,
    "async": awaits_in_a_row,
    "submit": submits_in_batches,
    "async-submit": submits_async_tasks,
}


def main() -> None:
    notebook, name, kind = Notebook(sys.argv[1]), sys.argv[2], sys.argv[3]
    for number in count():
        run = f"{name}-{number}"
        returned = FLOWS[kind](run, notebook)
        if FLOWS[kind].isasync:
            asyncio.run(returned)
        notebook.saw(run, "end")


if __name__ == "__main__":
    main()
