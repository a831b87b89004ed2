"""The harness, by the name of the module that users know."""

from typing import TYPE_CHECKING, Any

from flowstone.face.old_names import find
from flowstone.testing.harness import flowstone_test_harness

if TYPE_CHECKING:
    prefect_test_harness = flowstone_test_harness
else:

    def __getattr__(name: str) -> Any:
        return find(__name__, name)


__all__ = ["flowstone_test_harness"]
