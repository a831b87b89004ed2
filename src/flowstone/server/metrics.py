"""What is counted of a server, in the text format that Prometheus reads.

Written by hand: the format is a line a number, and the usual client costs 6 MB of memory.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from threading import Lock

from litestar.types import Message, Scope

from flowstone.server.services import ServiceState
from flowstone.store.database import database_path
from flowstone.store.databases import Database, EmbeddedDatabase
from flowstone.store.schema import VERSION
from flowstone.version import __version__

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BEGUN = "flowstone_begun"
"""Where a request keeps when it was let in (`time.perf_counter`)."""
Labels = tuple[tuple[str, str], ...]
Sample = tuple[Labels, float]
Family = tuple[str, str, str, list[Sample]]


class Metrics:
    """Counters of requests, by the path's pattern: so there are only so many, whoever asks."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._started = time.time()
        self._answers: Counter[Labels] = Counter()
        self._seconds: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._count: Counter[str] = Counter()

    async def see(self, message: Message, scope: Scope) -> None:
        """Count an answer as it begins."""
        if message["type"] != "http.response.start":
            return
        method = str(dict(scope).get("method"))
        path = str(scope.get("path_template") or "(none)")
        begun = scope["state"].get(BEGUN)
        length = dict(scope["headers"]).get(b"content-length", b"0")
        labels = (
            ("method", method),
            ("path", path),
            ("status", str(message["status"])),
        )
        with self._lock:
            self._answers[labels] += 1
            if begun is not None:
                self._seconds[path] += time.perf_counter() - begun
                self._count[path] += 1
                self._bytes[path] += int(length) if length.isdigit() else 0

    def text(self, database: Database, services: list[ServiceState], records: int) -> str:
        """Return everything that is counted."""
        families: list[Family] = [
            *self._of_process(),
            *self._of_requests(),
            *_of_services(services),
            ("flowstone_collected_records", "counter", "Records taken from logs.", [((), records)]),
            (
                "flowstone_database_bytes",
                "gauge",
                "Size of the database.",
                [((), size_of(database))],
            ),
        ]
        return "".join(line for family in families for line in _lines(*family))

    def _of_process(self) -> Iterator[Family]:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        about = (("version", __version__), ("schema", str(VERSION)))
        yield "flowstone_info", "gauge", "What is running.", [(about, 1)]
        cpu = usage.ru_utime + usage.ru_stime
        yield "process_cpu_seconds", "counter", "CPU time used.", [((), cpu)]
        memory = _memory(usage.ru_maxrss)
        yield "process_resident_memory_bytes", "gauge", "Memory in use.", [((), memory)]
        started = self._started
        yield "process_start_time_seconds", "gauge", "When it began.", [((), started)]

    def _of_requests(self) -> Iterator[Family]:
        with self._lock:
            answers = list(self._answers.items())
            by_path = [
                ("flowstone_http_request_seconds", "Until the answer began.", dict(self._seconds)),
                ("flowstone_http_request_bytes", "Bytes that were sent.", dict(self._bytes)),
                ("flowstone_http_handled", "Requests that were let in.", dict(self._count)),
            ]
        samples: list[Sample] = [(labels, count) for labels, count in answers]
        yield "flowstone_http_answers", "counter", "Answers, by status.", samples
        for name, about, counts in by_path:
            values: list[Sample] = [((("path", path),), count) for path, count in counts.items()]
            yield name, "counter", about, values


def _of_services(states: list[ServiceState]) -> Iterator[Family]:
    def samples(field: str) -> list[Sample]:
        return [((("service", state.name),), float(getattr(state, field))) for state in states]

    yield "flowstone_service_age_seconds", "gauge", "Since it was last done.", samples("age")
    yield "flowstone_service_late", "gauge", "1: past its deadline.", samples("is_late")
    yield "flowstone_service_runs", "counter", "Times done.", samples("runs")
    yield "flowstone_service_failures", "counter", "Times failed.", samples("failures")


def _lines(name: str, kind: str, about: str, samples: Iterable[Sample]) -> Iterator[str]:
    name = f"{name}_total" if kind == "counter" else name
    yield f"# HELP {name} {about}\n# TYPE {name} {kind}\n"
    for labels, value in samples:
        inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
        yield f"{name}{{{inner}}} {value:.17g}\n" if inner else f"{name} {value:.17g}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _memory(most: int) -> float:
    """Return the memory in use; where the machine does not tell, the most that ever was."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return most * (1 if sys.platform == "darwin" else 1024)


def size_of(database: Database) -> float:
    """Return the bytes that a database takes on its disk."""
    if isinstance(database, EmbeddedDatabase):
        path = database_path(database.home)
        names = (path, f"{path}-wal")
        return sum(os.stat(name).st_size for name in names if os.path.exists(name))
    with database.store() as store:
        query = "SELECT pg_database_size(current_database())"
        (size,) = store.connection.execute(query).fetchone()
        return float(size)
