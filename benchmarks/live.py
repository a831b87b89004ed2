"""How long until a run that has just begun is seen through a server, and what an idle server costs.

Starts a server over an empty home and a process that begins N flow runs, each at a moment that it
tells. Measured from there: until the stream of changes (`/api/live`) tells of the run, and until a
client that asked again and again would have found it in the list (with `--poll`). Then the server
is left alone for `--idle` seconds: its CPU time and memory.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

_BEGIN = """
import sys, time
from flowstone import flow

@flow
def seen():
    print(time.time(), flush=True)
    sys.stdin.readline()

for line in sys.stdin:
    seen()
"""
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--idle", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--poll", action="store_true", help="ask for the list, no stream")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flowstone-live-") as home, server(home) as found:
        pid, address = found
        look = polled if arguments.poll else streamed
        times = sorted(latencies(home, look(address), arguments.runs))
        how = "the list" if arguments.poll else "the stream of changes"
        print(
            f"from the beginning of a run to {how}: median {statistics.median(times):.0f} ms, "
            f"90 % {times[int(len(times) * 0.9)]:.0f} ms, longest {times[-1]:.0f} ms ({len(times)})"
        )
        figures = {"median_ms": statistics.median(times), "longest_ms": times[-1]}
        if arguments.idle:
            figures |= measure_idle(pid, arguments.idle)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def latencies(home: str, sightings: Iterator[set[str]], runs: int) -> Iterator[float]:
    """Give for each run how many milliseconds passed until it was seen."""
    environ = {**os.environ, "FLOWSTONE_HOME": home, "FLOWSTONE_LOGGING_LEVEL": "CRITICAL"}
    next(sightings)
    known: set[str] = set()
    with subprocess.Popen(
        [sys.executable, "-c", _BEGIN],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(runs):
            time.sleep(0.3 + number % 7 * 0.013)  # so that no period is met each time
            process.stdin.write("begin\n")
            process.stdin.flush()
            began = float(process.stdout.readline())
            while not (new := next(sightings) - known):
                pass
            yield (time.time() - began) * 1000
            known |= new
            process.stdin.write("end\n")
            process.stdin.flush()
        process.stdin.close()


def streamed(address: tuple[str, int]) -> Iterator[set[str]]:
    """Give the flow runs that each event of the stream tells of."""
    connection = http.client.HTTPConnection(*address)
    connection.request("GET", "/api/live?topics=runs")
    answer = connection.getresponse()
    assert answer.status == 200, answer.status
    for line in answer:
        kind, _, data = line.decode().strip().partition(": ")
        if kind == "data":
            yield set(json.loads(data).get("flow_runs", ()))


def polled(address: tuple[str, int]) -> Iterator[set[str]]:
    """Give the flow runs of the list, asked for every 10 ms."""
    connection = http.client.HTTPConnection(*address)
    while True:
        connection.request("GET", "/api/flow-runs?limit=100")
        answer = connection.getresponse()
        yield {run["id"] for run in json.load(answer)["items"]}
        time.sleep(0.01)


def measure_idle(pid: int, seconds: float) -> dict[str, float]:
    """Print what the server uses while nothing happens, and return it."""
    before = cpu(pid)
    time.sleep(seconds)
    used = cpu(pid) - before
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    memory = {
        name: int(rest.split()[0]) / 1024
        for name, _, rest in (line.partition(":") for line in status)
        if name in ("VmRSS", "RssAnon")
    }
    print(
        f"idle for {seconds:g} s: {used / seconds:.2%} of a core, "
        f"{memory['VmRSS']:.0f} MiB resident, {memory['RssAnon']:.0f} MiB of them its own"
    )
    return {"idle_share_of_a_core": used / seconds, "resident_mib": memory["VmRSS"]}


def cpu(pid: int) -> float:
    """Return the seconds of CPU time that a process used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def server(home: str) -> Iterator[tuple[int, tuple[str, int]]]:
    """Start a server; give its process and where it listens."""
    environ = {**os.environ, "FLOWSTONE_HOME": home}
    words = [sys.executable, "-m", "flowstone.cli", "server"]
    subprocess.run(
        [*words, "start", "--port", "0", "--background"],
        env=environ,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        status = subprocess.run(
            [*words, "status", "-o", "json"], env=environ, check=True, capture_output=True
        )
        one = json.loads(status.stdout)[0]
        url = urlsplit(one["url"])
        yield one["pid"], (str(url.hostname), int(url.port or 0))
    finally:
        subprocess.run([*words, "stop"], env=environ, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
