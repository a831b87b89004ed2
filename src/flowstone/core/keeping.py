"""What a task or flow asks of the keeping of its results."""

from __future__ import annotations

from typing import Any

import msgspec


class Keeping(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a task or flow that say how its results are kept.

    `policy` makes the key under which other runs find a result; with `is_usual` nobody chose one,
    and `DEFAULT` does; with `by_id` a result without a key is kept too, under its run's id.
    `expires_after` is in nanoseconds. None means that the surroundings decide.
    """

    policy: Any = None
    is_usual: bool = True
    by_id: bool = False
    expires_after: int | None = None
    refresh: bool | None = None
    storage: Any = None
    storage_key: str | None = None
    serializer: Any = None
    in_memory: bool = True


AS_USUAL = Keeping()
"""Of what was declared without any of these options."""
