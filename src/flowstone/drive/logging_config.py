"""Logging as a file of the user's configures it, and as variables change single places of it.

The file is what `logging.config.dictConfig` takes, in YAML, TOML or JSON. This is loaded only where
there is such a file or variable.
"""

from __future__ import annotations

import json
import logging
import logging.config
import os
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from flowstone.drive.logging_setup import PREFIX, Wishes, outermost
from flowstone.exceptions import LoggingConfigError


def configure(wishes: Wishes, file: str | None, environ: Mapping[str, str]) -> None:
    """Put a configuration in force: the file's, or the usual one, changed by the variables.

    The handlers of an application's root logger stay. Raises `LoggingConfigError`.
    """
    config = usual(wishes) if file is None else load(file)
    config = _changed(config, environ, PREFIX.rstrip("_"))
    config.setdefault("version", 1)
    config.setdefault("disable_existing_loggers", False)
    if logging.getLogger().handlers:
        config.pop("root", None)
    _put_in_force(config, file or "the usual configuration of logging, changed by variables")
    ours = logging.getLogger("flowstone")
    if ours.level == logging.NOTSET and "root" not in config:
        ours.setLevel(wishes.level)


def load(path: str) -> dict[str, Any]:
    """Return the configuration in a file. Raises `LoggingConfigError` where there is none."""
    suffix = os.path.splitext(path)[1].lower()
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        config = _reader(suffix, path)(text)
    except LoggingConfigError:
        raise
    except Exception as error:
        message = f"The logging configuration {path} cannot be read: {error}"
        raise LoggingConfigError(message) from error
    if not isinstance(config, dict):
        message = (
            f"The logging configuration {path} is {type(config).__name__}; it must be a mapping "
            "with the keys of logging.config.dictConfig (version, formatters, handlers, loggers)."
        )
        raise LoggingConfigError(message)
    return config


def usual(wishes: Wishes) -> dict[str, Any]:
    """Return what is in force without a file, as a configuration."""
    console = {
        "()": "flowstone.drive.console.ConsoleHandler",
        "level": logging.NOTSET,
        "formatter": "json" if wishes.json else "standard",
        "colors": wishes.colors,
        "markup": wishes.markup,
    }
    formats = dict.fromkeys(("fmt", "datefmt", "flow_run_fmt", "task_run_fmt"))
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "standard": {"()": "flowstone.drive.console.ConsoleFormatter", **formats},
            "json": {"()": "flowstone.drive.json_lines.JsonFormatter"},
        },
        "handlers": {"console": console},
        "loggers": {
            "flowstone": {"level": wishes.level, "handlers": ["console"]},
            "flowstone.flow_runs": {"level": logging.NOTSET},
            "flowstone.task_runs": {"level": logging.NOTSET},
            **{name: {"handlers": ["console"]} for name in outermost(wishes.extra_loggers)},
        },
    }


def _reader(suffix: str, path: str) -> Callable[[str], Any]:
    if suffix == ".json":
        return json.loads
    if suffix == ".toml":
        import tomllib

        return tomllib.loads
    if suffix not in (".yml", ".yaml"):
        message = f"The logging configuration {path} must end in .yml, .yaml, .toml or .json."
        raise LoggingConfigError(message)
    try:
        read: Callable[[str], Any] = import_module("yaml").safe_load
    except ImportError as error:
        message = (
            f"The logging configuration {path} is YAML, and PyYAML is not installed: "
            "`pip install pyyaml`, or write it as logging.toml or logging.json."
        )
        raise LoggingConfigError(message) from error
    return read


def _changed(config: dict[str, Any], environ: Mapping[str, str], above: str) -> dict[str, Any]:
    """Return the configuration with the values of variables that are named for their places."""
    changed = {}
    for key, value in config.items():
        name = f"{above}_{re.sub('[^A-Z0-9]+', '_', str(key).upper())}"
        if isinstance(value, dict):
            changed[key] = _changed(value, environ, name)
        elif name in environ:
            changed[key] = _like(value, environ[name])
        else:
            changed[key] = value
    return changed


def _like(value: Any, text: str) -> Any:
    """Return a variable's text as the kind of value whose place it takes."""
    if isinstance(value, list):
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(value, bool) or text.lower() in ("true", "false"):
        return text.lower() in ("1", "true", "yes", "on")
    return int(text) if isinstance(value, int) and text.lstrip("-").isdecimal() else text


def _put_in_force(config: dict[str, Any], source: str) -> None:
    """Configure, without closing the handlers that the application has, as `dictConfig` would."""
    theirs = logging._handlerList[:]  # type: ignore[attr-defined]  # noqa: SLF001
    logging._handlerList.clear()  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        logging.config.dictConfig(config)
    except Exception as error:
        cause = f": {error.__cause__}" if error.__cause__ is not None else ""
        message = f"Logging cannot be configured by {source}: {error}{cause}"
        raise LoggingConfigError(message) from error
    finally:
        logging._handlerList[:0] = theirs  # type: ignore[attr-defined]  # noqa: SLF001
