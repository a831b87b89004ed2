"""What a generator yielded, kept so that it can be given again without calling its function."""

from __future__ import annotations

from typing import Any

from flowstone.engine.ops import Shelf

MOST_VALUES = 10_000
MOST_BYTES = 64 << 20
_VALUES, _RETURNED = "flowstone:values", "flowstone:returned"


class Yielded:
    """The values of one attempt, as they were when they were yielded.

    They are given up where one cannot be written down, or where they are too many or too large.
    """

    __slots__ = ("_shelf", "_size", "_values")

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._size = 0
        self._values: list[Any] | None = []

    def add(self, value: Any) -> None:
        """Take a value."""
        if self._values is None:
            return
        try:
            copied, size = self._shelf.copied(value)
        except Exception:  # noqa: BLE001  a value that cannot be written down: see above
            self._values = None
            return
        self._size += size
        self._values.append(copied)
        if self._size > MOST_BYTES or len(self._values) > MOST_VALUES:
            self._values = None

    def recording(self, returned: Any) -> dict[str, Any] | None:
        """Return what to keep of a generator that ended, None where they were given up."""
        return None if self._values is None else recording_of(self._values, returned)


def recording_of(values: Any, returned: Any = None) -> dict[str, Any] | None:
    """Return what to keep of a generator's values, None where there are too many of them."""
    if not isinstance(values, list) or len(values) > MOST_VALUES:
        return None
    return {_VALUES: values, _RETURNED: returned}


def is_recording(value: Any) -> bool:
    """Whether a kept value is what a generator yielded."""
    return isinstance(value, dict) and value.keys() == {_VALUES, _RETURNED}


def values_in(recording: dict[str, Any]) -> tuple[list[Any], Any]:
    """Return the values, and what the generator returned at its end."""
    return recording[_VALUES], recording[_RETURNED]
