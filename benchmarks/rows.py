"""The rows of the comparison: what each is called, how much is done for it, what it may cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table and its budgets: of Prefect's time, and of what `base` takes."""

    title: str
    of_prefect: float | None = None
    of_base: float | None = None
    base: str = "base"
    calls: int = 5000
    prefect_calls: int = 100
    of_row: str = ""
    """The row whose seconds of Prefect count here too."""

    @property
    def is_long(self) -> bool:
        """Whether it does so much that two rounds are enough."""
        return self.calls > 10_000


IN_PROCESS = {
    "direct": Row("direct call of a no-op task", of_prefect=1 / 250),
    "beside": Row("the same beside a computing thread", of_prefect=1 / 250),
    "sequence": Row("awaited call of an async one", of_prefect=1 / 250),
    "submit": Row("submit many, then all results", of_base=1.5, base="executor"),
    "turns": Row(
        "submit and result, in turn", of_base=1.5, base="executor", calls=2000, prefect_calls=0
    ),
    "map": Row("map over 2,000", of_prefect=1 / 200, calls=2000, prefect_calls=300),
    "twice": Row(
        "map over 100,000, twice",
        of_prefect=1 / 200,
        calls=100_000,
        prefect_calls=0,
        of_row="map",
    ),
    "gather": Row("gather of 10,000", of_prefect=1 / 200, calls=10_000, prefect_calls=300),
}
"""Done by `workload.py`, in a process that measures itself."""
WHOLE = {
    "hello": Row("python hello.py", of_base=1.6),
    "import": Row("import flow, task", of_prefect=1 / 25, of_base=1.25),
    "version": Row("flowstone version", of_base=1.25),
    "ls": Row("flow-run ls, 100 runs", of_base=3),
}
"""Whole processes."""
ROWS = IN_PROCESS | WHOLE
ALONE = Row("the same where no server runs", of_prefect=1 / 60)
"""As people meet it: Prefect then starts a temporary server in each process."""
BASE = "import msgspec, logging, dataclasses"

HELD = 1536
"""Bytes of memory that a run may take while its future is held."""
GROWN = 150
"""Bytes that each may add to the peak when as many are mapped again: noise, but no kept future."""
