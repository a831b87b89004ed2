"""Makes `written.log`: what this version's writer leaves behind, for later versions to receive.

    FLOWSTONE_HOME=$(mktemp -d) python tests/server/frozen/make_frozen.py FILE

It was made once, by version 0.1.0, and is never made again: what it holds is what old processes
send. A change of the format gets a further file.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

from flowstone import flow, get_run_logger, task
from flowstone.artifacts import create_markdown_artifact
from flowstone.log.files import list_segments
from flowstone.log.tail import Tail


class System(NamedTuple):
    sysname: str = "Linux"
    nodename: str = "frozen"
    release: str = "6.1"
    version: str = "1"
    machine: str = "x86_64"


@task(tags=["odd", "even"], retries=1, retry_delay_seconds=0)
def flaky(tries):
    tries.append(1)
    if len(tries) == 1:
        raise ValueError("the first try")
    get_run_logger().critical("the second try")
    return len(tries)


@task
def add(left, right):
    return left + right


@task
def fails():
    raise RuntimeError("as it should")


@flow(name="inner", version="2")
def inner(number):
    return add(number, number)


@flow(name="outer", version="1", description="All kinds of things.", flow_run_name="the-outer-run")
def outer(number=3):
    first = flaky([])
    futures = add.map([1, 2, 3], number)
    second = add.submit(futures[0], first)
    inner(second.result())
    create_markdown_artifact("# done", key="notes")
    fails(return_state=True)
    return second.result()


def main() -> None:
    os.uname = System
    assert outer() == 6
    logs = Path(os.environ["FLOWSTONE_HOME"]) / "logs"
    (segment,) = list_segments(logs)[0]
    tail = Tail(str(logs), segment.log, is_over=True)
    Path(sys.argv[1]).write_bytes(tail.read(0, 1 << 20).data)


if __name__ == "__main__":
    main()
