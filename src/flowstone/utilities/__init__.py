"""Names under which users know modules of ours."""

from flowstone.utilities import annotations

__all__ = ["annotations"]
