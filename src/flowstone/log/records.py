"""What lies in a log beside the facts of runs; and `Record`, all that may lie in one.

Kinds 0-127 carry states, rows or results: a reader that meets one it does not know stops there.
Kinds from 128 may be skipped. Fields added at the end of a known kind are skipped by decoding.
"""

from __future__ import annotations

from flowstone.core.facts import (
    ArtifactChanged,
    ArtifactWritten,
    FlowDefined,
    FlowRunCarried,
    FlowRunChanged,
    FlowRunCreated,
    FlowRunNamed,
    InputsFound,
    LineLogged,
    ProgressMade,
    ResultNoted,
    TaskDefined,
    TaskRunCarried,
    TaskRunChanged,
    TaskRunCompleted,
    TaskRunCreated,
    TaskRunNamed,
    TransactionEnded,
    TransactionNoted,
    UsageMeasured,
    Written,
)

FORMAT = 1
SKIPPABLE = 128
"""The first kind that a reader may skip when it does not know it."""


class Header(Written, frozen=True, tag=0):
    """The first record of each segment: who writes this log, and how to tell whether they live.

    `base` is the logical offset where the segment begins: the sum of the lengths of those before
    it. `judged` is `lock` (a free lock proves the owner dead) or `lease`. `process_start` is the
    kernel's start time of the process (clock ticks since boot), 0 where it is not known.
    """

    format: int
    log: bytes
    segment: int
    base: int
    created: int
    boot: str
    pid: int
    process_start: int
    host: str
    python: str
    version: str
    destination: str | None
    judged: str


class Part(Written, frozen=True, tag=11):
    """One piece of a record over 1 MiB. The pieces lie one behind the other; `left` more follow."""

    left: int
    data: bytes


class Gap(Written, frozen=True, tag=12):
    """Records that had to be dropped here because the disk refused them and memory was full."""

    count: int
    lines: int
    first: int
    last: int


class Continued(Written, frozen=True, tag=13):
    """The last record of a segment: the log goes on in segment `segment`."""

    segment: int


Record = (
    Header
    | TaskDefined
    | FlowDefined
    | TaskRunCreated
    | TaskRunCompleted
    | TaskRunChanged
    | FlowRunCreated
    | FlowRunChanged
    | LineLogged
    | TaskRunCarried
    | FlowRunCarried
    | Part
    | Gap
    | Continued
    | InputsFound
    | TaskRunNamed
    | FlowRunNamed
    | ArtifactWritten
    | ArtifactChanged
    | ResultNoted
    | TransactionNoted
    | TransactionEnded
    | ProgressMade
    | UsageMeasured
)
