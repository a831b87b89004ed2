"""How logging is configured: by the settings, by a file, by variables."""

from __future__ import annotations

import os
from typing import Any

from flowstone.drive.logging_config import load
from flowstone.drive.logging_setup import set_up
from flowstone.exceptions import LoggingConfigError
from flowstone.wiring.process import PROCESS


def setup_logging() -> None:
    """Put the configuration of logging in force; the first run, or logger, does it otherwise.

    Raises `LoggingConfigError` where it cannot be.
    """
    settings = PROCESS.settings
    set_up(settings.logging, settings.home, os.environ)


def load_logging_config(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the configuration in a file (YAML, TOML or JSON, by its suffix).

    Raises `LoggingConfigError` where there is none.
    """
    return load(os.fspath(path))


__all__ = ["LoggingConfigError", "load_logging_config", "setup_logging"]
