"""Saved filters as they travel."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from flowstone.core.ids import id_text
from flowstone.server.wire.kinds import Id, Name, Time
from flowstone.server.wire.times import time_text
from flowstone.store.saved_filters import SavedFilter

View = Literal["flow-runs", "task-runs", "log-lines", "artifacts", "flows", "tasks"]


class NewFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A filter to save: the parameters of the list that it is for. It replaces one of its name."""

    view: View
    name: Name
    query: dict[str, Any]


class FilterItem(msgspec.Struct, frozen=True, kw_only=True):
    """A saved filter."""

    id: Id
    view: str
    name: str
    query: dict[str, Any]
    created: Time
    updated: Time


class FilterPage(msgspec.Struct, frozen=True, kw_only=True):
    """All saved filters that were asked for."""

    items: list[FilterItem]
    next: None


def filter_item(row: SavedFilter) -> FilterItem:
    """Return a saved filter as it travels."""
    return FilterItem(
        id=id_text(row.id),
        view=row.view,
        name=row.name,
        query=msgspec.json.decode(row.query),
        created=time_text(row.created),
        updated=time_text(row.updated),
    )
