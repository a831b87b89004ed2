"""A result that was kept: its value, and what is known of it."""

from __future__ import annotations

from typing import Any

import msgspec

from flowstone.results.records import Header


class Kept(msgspec.Struct, frozen=True, gc=False):
    """A value from a storage, and its header."""

    value: Any
    header: Header
