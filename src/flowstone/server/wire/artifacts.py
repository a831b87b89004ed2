"""Artifacts as they are listed and shown."""

from __future__ import annotations

from typing import Any

import msgspec

from flowstone.core.ids import id_text
from flowstone.server.wire.kinds import Id, Time, id_or_none
from flowstone.server.wire.times import time_text
from flowstone.store.artifacts import ArtifactRow


class ArtifactItem(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an artifact. `data` is its text, or JSON as text: in lists the beginning."""

    id: Id
    type: str
    key: str | None
    description: str | None
    flow_run: Id | None
    flow_run_name: str | None
    task_run: Id | None
    task_run_name: str | None
    created: Time
    updated: Time
    data: str | None


class ArtifactPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some artifacts, and the cursor of the next ones."""

    items: list[ArtifactItem]
    next: str | None


def artifact_item(row: ArtifactRow) -> ArtifactItem:
    """Return an artifact as it travels."""
    fields: dict[str, Any] = msgspec.structs.asdict(row) | {
        "id": id_text(row.id),
        "flow_run": id_or_none(row.flow_run),
        "task_run": id_or_none(row.task_run),
        "created": time_text(row.created),
        "updated": time_text(row.updated),
    }
    return ArtifactItem(**fields)
