"""What tests of tasks and flows use: a home of their own, a clock turned by hand, what ran."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowstone.testing.clock import HandClock, hand_turned_clock
    from flowstone.testing.harness import flowstone_test_harness
    from flowstone.testing.recorded import RecordedRun, recorded_runs

_WHERE = {
    "HandClock": "flowstone.testing.clock",
    "RecordedRun": "flowstone.testing.recorded",
    "flowstone_test_harness": "flowstone.testing.harness",
    "hand_turned_clock": "flowstone.testing.clock",
    "recorded_runs": "flowstone.testing.recorded",
}

if not TYPE_CHECKING:  # pytest loads the plugin, and with it this, in every project

    def __getattr__(name: str) -> Any:
        if name not in _WHERE:
            message = f"module 'flowstone.testing' has no attribute {name!r}"
            raise AttributeError(message)
        value = globals()[name] = getattr(import_module(_WHERE[name]), name)
        return value


__all__ = [
    "HandClock",
    "RecordedRun",
    "flowstone_test_harness",
    "hand_turned_clock",
    "recorded_runs",
]
