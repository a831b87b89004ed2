"""What this process's lines look like and where they go, put in force: as the settings say, or as a
configuration file does."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from importlib import import_module
from typing import Protocol

from flowstone.drive.console import ConsoleHandler

PREFIX = "FLOWSTONE_LOGGING_"
"""What variables begin with that give one place of the configuration another value."""
_SECTIONS = tuple(
    f"{PREFIX}{name}_" for name in ("FILTERS", "FORMATTERS", "HANDLERS", "LOGGERS", "ROOT")
)
_NAMES = ("logging.yml", "logging.yaml", "logging.toml", "logging.json")


class Wishes(Protocol):
    """The settings of logging."""

    @property
    def level(self) -> int: ...
    @property
    def colors(self) -> bool | None: ...
    @property
    def markup(self) -> bool: ...
    @property
    def json(self) -> bool: ...
    @property
    def extra_loggers(self) -> tuple[str, ...]: ...
    @property
    def config_path(self) -> str | None: ...


class _InForce:
    """What was set up last, so that it is neither done twice nor left behind by other settings."""

    wishes: tuple[Wishes, str] | None = None
    handler: ConsoleHandler | None = None
    heard: tuple[logging.Logger, ...] = ()
    level = logging.NOTSET
    lock = threading.Lock()


def set_up(wishes: Wishes, home: str, environ: Mapping[str, str]) -> None:
    """Make what is logged look as wished; nothing the second time.

    A configuration file, the one of `config_path` or the home's, takes the place of the usual
    set-up. Raises `LoggingConfigError` where it cannot be read or means nothing.
    """
    with _InForce.lock:
        if _InForce.wishes == (wishes, home):
            return
        _take_back()
        file = wishes.config_path or _file_in(home)
        if file is not None or any(name.startswith(_SECTIONS) for name in environ):
            import_module("flowstone.drive.logging_config").configure(wishes, file, environ)
        else:
            _install(wishes)
        _InForce.wishes = wishes, home


def outermost(names: tuple[str, ...]) -> list[str]:
    """Return the names without those below another one, or below ours: those are heard anyway."""
    above = {"flowstone", *names}
    return [
        name
        for name in dict.fromkeys(names)
        if name != "flowstone"
        and not any(name.startswith(f"{other}.") for other in above if other != name)
    ]


def _install(wishes: Wishes) -> None:
    """Give the `flowstone` logger its level and the console handler, unless it has handlers."""
    logger = logging.getLogger("flowstone")
    if logger.level == logging.NOTSET:
        logger.setLevel(wishes.level)
        _InForce.level = wishes.level
    handler = ConsoleHandler(colors=wishes.colors, markup=wishes.markup)
    if wishes.json:
        handler.setFormatter(import_module("flowstone.drive.json_lines").JsonFormatter())
    extra = tuple(logging.getLogger(name) for name in outermost(wishes.extra_loggers))
    _InForce.handler = handler
    _InForce.heard = (*([] if logger.handlers else [logger]), *extra)
    for heard in _InForce.heard:
        heard.addHandler(handler)


def _take_back() -> None:
    """Undo the usual set-up of before, where nobody has changed it since."""
    logger = logging.getLogger("flowstone")
    # Who changed the level may put ours back later: it is remembered until we take it back.
    if logger.level == _InForce.level:
        logger.setLevel(logging.NOTSET)
        _InForce.level = logging.NOTSET
    if _InForce.handler is not None:
        for heard in _InForce.heard:
            heard.removeHandler(_InForce.handler)
    _InForce.handler, _InForce.heard = None, ()


def _file_in(home: str) -> str | None:
    for name in _NAMES:
        path = os.path.join(home, name)
        if os.path.exists(path):
            return path
    return None
