"""Variables as they travel."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from flowstone.core.ids import id_text
from flowstone.server.wire.kinds import Id, Name, Time
from flowstone.server.wire.times import time_text
from flowstone.store.variables import VariableRow


class NewValue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The value to set a variable to, any JSON; without `tags` it keeps those it has."""

    value: Any
    tags: Annotated[tuple[Name, ...], Meta(max_length=100)] | None = None


class VariableItem(msgspec.Struct, frozen=True, kw_only=True):
    """A variable."""

    id: Id
    name: str
    value: Any
    tags: tuple[str, ...]
    created: Time
    updated: Time


class VariablePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some variables, and the cursor of the next ones."""

    items: list[VariableItem]
    next: str | None


def variable_item(row: VariableRow) -> VariableItem:
    """Return a variable as it travels."""
    return VariableItem(
        id=id_text(row.id),
        name=row.name,
        value=msgspec.json.decode(row.value),
        tags=row.tags,
        created=time_text(row.created),
        updated=time_text(row.updated),
    )
