"""The orders in which a client lists things."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any


class FlowRunSort(StrEnum):
    """Orders of flow runs; ids are in the order of creation."""

    ID_DESC = "ID_DESC"
    START_TIME_ASC = "START_TIME_ASC"
    START_TIME_DESC = "START_TIME_DESC"
    EXPECTED_START_TIME_ASC = "EXPECTED_START_TIME_ASC"
    EXPECTED_START_TIME_DESC = "EXPECTED_START_TIME_DESC"
    NAME_ASC = "NAME_ASC"
    NAME_DESC = "NAME_DESC"
    NEXT_SCHEDULED_START_TIME_ASC = "NEXT_SCHEDULED_START_TIME_ASC"
    END_TIME_DESC = "END_TIME_DESC"


class TaskRunSort(StrEnum):
    """Orders of task runs; ids are in the order of creation."""

    ID_DESC = "ID_DESC"
    EXPECTED_START_TIME_ASC = "EXPECTED_START_TIME_ASC"
    EXPECTED_START_TIME_DESC = "EXPECTED_START_TIME_DESC"
    NAME_ASC = "NAME_ASC"
    NAME_DESC = "NAME_DESC"
    NEXT_SCHEDULED_START_TIME_ASC = "NEXT_SCHEDULED_START_TIME_ASC"
    END_TIME_DESC = "END_TIME_DESC"


class FlowSort(StrEnum):
    """Orders of flows."""

    NAME_ASC = "NAME_ASC"
    NAME_DESC = "NAME_DESC"


class LogSort(StrEnum):
    """Orders of log lines."""

    TIMESTAMP_ASC = "TIMESTAMP_ASC"
    TIMESTAMP_DESC = "TIMESTAMP_DESC"


class ArtifactSort(StrEnum):
    """Orders of artifacts."""

    CREATED_DESC = "CREATED_DESC"
    ID_DESC = "ID_DESC"


_FAR = 1 << 62
_KEYS: dict[str, Callable[[Any], Any]] = {
    "START_TIME": lambda row: row.start or row.scheduled or row.created,
    "EXPECTED_START_TIME": lambda row: row.scheduled or row.created,
    "NEXT_SCHEDULED_START_TIME": lambda row: row.scheduled or _FAR,
    "NAME": lambda row: row.name,
    "END_TIME": lambda row: row.end or 0,
}


def key_of(sort: FlowRunSort | TaskRunSort) -> tuple[Callable[[Any], Any] | None, bool]:
    """Return what runs are sorted by, None for their ids, and whether the largest comes first."""
    field, _, direction = sort.value.rpartition("_")
    return _KEYS.get(field), direction == "DESC"
