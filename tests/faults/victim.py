"""Runs flows of no-op tasks for ever, and writes down, with fsync, what its callers saw.

    python tests/faults/victim.py SEEN NAME sync|async

Each line of SEEN is the name of a flow run and the number of a call that returned in it, or the
name and `end` once the flow run returned. Killed by `kill_loop.py` at a random moment.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count

from flowstone import flow, task

CALLS = 400


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


def main() -> None:
    notebook, name, colour = Notebook(sys.argv[1]), sys.argv[2], sys.argv[3]
    for number in count():
        run = f"{name}-{number}"
        if colour == "sync":
            calls_in_a_row(run, notebook)
        else:
            asyncio.run(awaits_in_a_row(run, notebook))
        notebook.saw(run, "end")


if __name__ == "__main__":
    main()
