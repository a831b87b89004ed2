"""Loggers of runs: `get_run_logger()` and its kin."""

from __future__ import annotations

from flowstone.logging.loggers import disable_run_logger, get_logger, get_run_logger

__all__ = ["disable_run_logger", "get_logger", "get_run_logger"]
