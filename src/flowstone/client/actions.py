"""What a client is given to make or change."""

from __future__ import annotations

from typing import Any

import msgspec


class GlobalConcurrencyLimitCreate(msgspec.Struct, frozen=True, kw_only=True):
    """A limit to make. With a decay it is good as a rate."""

    name: str
    limit: int
    active: bool = True
    slot_decay_per_second: float = 0.0


class GlobalConcurrencyLimitUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be changed of a limit."""

    limit: int | None = None
    active: bool | None = None
    slot_decay_per_second: float | None = None


class VariableCreate(msgspec.Struct, frozen=True, kw_only=True):
    """A variable to make; its value is anything that JSON can carry."""

    name: str
    value: Any
    tags: list[str] = []


class VariableUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be changed of a variable; without `tags` it keeps those it has."""

    name: str
    value: Any
    tags: list[str] | None = None
