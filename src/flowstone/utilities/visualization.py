"""The error of `Flow.visualize` under the name that users import."""

from __future__ import annotations

from flowstone.exceptions import VisualizationUnsupportedError

__all__ = ["VisualizationUnsupportedError"]
