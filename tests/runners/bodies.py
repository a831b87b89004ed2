"""Tasks that workers import by name."""

from __future__ import annotations

import os
import signal
import time
from contextvars import ContextVar
from pathlib import Path

from flowstone import runtime, tags, task
from flowstone.context import FlowRunContext, TaskRunContext, get_run_context
from flowstone.logging import get_run_logger
from flowstone.states import Completed, Failed

COLOUR: ContextVar[str] = ContextVar("COLOUR", default="none")


class OwnError(Exception):
    """An exception that calling its class with its args does not make again."""

    def __init__(self, code, *, hint):
        super().__init__(f"code {code}")
        self.code, self.hint = code, hint


@task
def double(x):
    return 2 * x


@task
def add(x, y=1):
    return x + y


@task
def fails(text="no"):
    raise ValueError(text)


@task
def fails_in_its_own_way():
    try:
        fails.fn("inner")
    except ValueError as error:
        raise OwnError(3, hint="try again") from error


@task
def pid():
    return os.getpid()


@task
def rests(seconds):
    time.sleep(seconds)
    return os.getpid()


@task
async def apid():
    return os.getpid()


@task
def counts(n):
    yield from range(n)


@task
def completed(data):
    return Completed(message="done", data=data)


@task
def failed():
    return Failed(message="on purpose")


@task
def leaves():
    raise SystemExit(3)


@task(retries=2)
def succeeds_at_last(marks):
    """Fail until there are two marks."""
    path = Path(marks)
    path.write_text(path.read_text() + "x" if path.exists() else "x")
    if len(path.read_text()) < 3:
        raise ValueError(path.read_text())
    return runtime.task_run.run_count


@task
def adds_a_mark(marks):
    """Return how many marks there are with this one."""
    with Path(marks).open("a") as file:
        file.write("x")
    return len(Path(marks).read_text())


@task
def occupies(mark):
    """Return whether nobody else was here meanwhile."""
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    time.sleep(0.05)
    os.unlink(mark)
    return True


@task(log_prints=True)
def tells(text):
    print(f"printed {text}")
    get_run_logger().warning("logged %s", text)


@task
def sees():
    """Return what a task sees of where it was submitted."""
    task_run, flow_run = TaskRunContext.get(), FlowRunContext.get()
    return {
        "colour": COLOUR.get(),
        "tags": sorted(task_run.task_run.tags),
        "flow": flow_run and flow_run.flow_run.name,
        "flow of": flow_run and flow_run.flow.name,
        "parameters": dict(flow_run.parameters) if flow_run else None,
        "task": get_run_context().task.name,
        "name": runtime.task_run.name,
        "mine": runtime.task_run.parameters,
        "upstream": {k: [i.name for i in v] for k, v in task_run.task_run.task_inputs.items()},
    }


@task
def nests(n):
    """Call, submit and map tasks inside of a task."""
    with tags("inner"):
        direct = double(n)
    later = double.submit(n)
    return direct, later.result(), double.map(range(n)).result()


@task
def leaves_behind(path):
    """Submit what nobody waits for."""
    writes.submit(path, 0.3)


@task
def writes(path, seconds=0.0):
    time.sleep(seconds)
    Path(path).write_text("done")


@task
def recurs(n):
    return 0 if n == 0 else recurs.submit(n - 1).result() + 1


@task
def sleeps(seconds, path=None):
    """Sleep in small steps; the file says that it began, and how it ended."""
    try:
        if path:
            Path(path).write_text(str(os.getpid()))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.01)
    except BaseException:
        if path:
            Path(path).write_text("interrupted")
        raise


@task
def dies(how, mark=None):
    """Die, by a signal or an exit code; with a mark only the first time."""
    if mark is not None:
        if Path(mark).exists():
            return os.getpid()
        Path(mark).write_text("")
    if how < 0:
        os.kill(os.getpid(), -how)
        time.sleep(5)
    os._exit(how)


def kill(number):
    os.kill(number, signal.SIGKILL)
