"""How fast logs come into the store over HTTP: those of several processes at once, on one core.

Makes `--logs` logs of `--runs` bare task runs each (as `collector.py` does), sends them at once
with the client that processes use, in requests of 1 MiB, and prints the task runs a second until
the last is in the database, and the server's processor time. `--servers 2` starts two servers on
one Postgres and sends to each in turn.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from collector import Shape, make_log

from flowstone.log.courier import Courier, ServerAway
from flowstone.log.files import list_segments
from flowstone.log.tail import Tail
from flowstone.store.databases import open_database

from throwaway import cpu_of, postgres

_REQUEST = 1 << 20


class Server:
    """A server in a process of its own, on one core."""

    def __init__(self, home: Path, url: str | None, core: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as one:
            port = one.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        words = ["server", "start", "--port", str(port)]
        home.mkdir()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "flowstone.cli",
                *words,
                *(["--database-url", url] if url else []),
            ],
            env=os.environ | {"FLOWSTONE_HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.sched_setaffinity(self.process.pid, {core})
        courier = Courier(self.url)
        for _ in range(400):
            with contextlib.suppress(ServerAway):
                courier.put(bytes(15) + b"\1", 0, b"")
                return
            time.sleep(0.05)
        raise TimeoutError(self.url)

    def seconds(self) -> float:
        """Return the processor time that it has used."""
        return cpu_of(self.process.pid)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def send(url: str, log: bytes, data: bytes) -> None:
    courier, offset = Courier(url), 0
    while offset < len(data):
        offset = courier.put(log, offset, data[offset : offset + _REQUEST]).offset
    courier.close()


def measure(shape: Shape, logs: int, servers: int, *, postgres: bool) -> dict[str, float]:
    with (
        tempfile.TemporaryDirectory(prefix="flowstone-bench-") as name,
        maybe(wanted=postgres) as url,
    ):
        root = Path(name)
        streams = [stream_of(root / f"client-{n}", shape) for n in range(logs)]
        up = [Server(root / f"server-{n}", url, n) for n in range(servers)]
        try:
            begun, cpu = time.perf_counter(), sum(one.seconds() for one in up)
            with ThreadPoolExecutor(logs) as pool:
                targets = [up[n % servers].url for n in range(logs)]
                list(pool.map(send, targets, *zip(*streams, strict=True)))
            took = time.perf_counter() - begun
            cpu = sum(one.seconds() for one in up) - cpu
        finally:
            for one in up:
                one.stop()
        database = open_database(root / "server-0", url)
        with database.transaction() as connection:
            found = connection.execute("SELECT count(*) FROM task_run").fetchone()[0]
        database.close()
    runs = shape.runs * logs
    if found != runs:
        sys.exit(f"the database has {found} task runs, the logs had {runs}")
    return {"runs per second": runs / took, "runs per CPU second of the servers": runs / cpu}


def stream_of(home: Path, shape: Shape) -> tuple[bytes, bytes]:
    make_log(home, shape)
    (segment,) = list_segments(home / "logs")[0]
    tail = Tail(str(home / "logs"), segment.log, is_over=True)
    return segment.log, tail.read(0, 1 << 30).data


@contextlib.contextmanager
def maybe(*, wanted: bool) -> Iterator[str | None]:
    if not wanted:
        yield None
        return
    with postgres() as url:
        yield url


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50_000, help="task runs in each log")
    parser.add_argument("--logs", type=int, default=4)
    parser.add_argument("--servers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lines", action="store_true", help="a log line in each task run")
    parser.add_argument("--edges", action="store_true", help="an input of each task run")
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    args = parser.parse_args()
    shape = Shape(runs=args.runs, lines=args.lines, edges=args.edges)
    rounds = [
        measure(shape, args.logs, args.servers, postgres=args.database == "postgres")
        for _ in range(args.rounds)
    ]
    figures = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    for name, figure in figures.items():
        print(f"{name:40} {figure:12,.0f}")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
