"""Variables: small named values that all programs of a home share, and can change at any time.

A variable is read and written where it lies, in the home or (`api.url`) on the server: what another
process has set is there at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from typing import Any, Self

import msgspec

from flowstone.face.old_names import find
from flowstone.store import variables as store
from flowstone.wiring.here import home_here
from flowstone.wiring.process import PROCESS

MOST_NAME = 255
MOST_VALUE = 5000
"""Characters of a value, written as JSON."""
_NAME = re.compile(r"[a-z0-9_-]+")


class Variable(msgspec.Struct, kw_only=True):
    """A variable as it was set: its name, value and tags."""

    name: str
    value: Any
    tags: list[str]

    def __await__(self) -> Generator[Any, None, Self]:
        return self
        yield  # type: ignore[unreachable]  # makes it a generator, as `await` needs

    @classmethod
    def set(
        cls,
        name: str,
        value: Any,
        tags: list[str] | None = None,
        overwrite: bool = False,  # noqa: FBT001, FBT002 - as users of Prefect call it
    ) -> Variable:
        """Set a variable to a value that JSON can carry; it is on the disk when this returns.

        Where it is overwritten without `tags`, it keeps those it has. Raises `ValueError` where it
        exists already, and for a name or a value that cannot be.
        """
        text, given = packed(name, value, tags)
        with _server() as server:
            if server is not None:
                kept = server.set_variable(name, text, tags=given, overwrite=overwrite)
            else:
                kept = store.set_variable(home_here(), name, text, tags=given, overwrite=overwrite)
        if kept is None:
            message = f"Variable {name!r} already exists. Use `overwrite=True` to replace it."
            raise ValueError(message)
        return cls(name=name, value=json.loads(kept.value), tags=list(kept.tags))

    @classmethod
    async def aset(
        cls,
        name: str,
        value: Any,
        tags: list[str] | None = None,
        overwrite: bool = False,  # noqa: FBT001, FBT002 - as users of Prefect call it
    ) -> Variable:
        """Set a variable, as `set` does."""
        import asyncio

        return await asyncio.to_thread(cls.set, name, value, tags, overwrite)

    @classmethod
    def get(cls, name: str, default: Any = None) -> Any:
        """Return the value of a variable as it is now; `default` where there is none."""
        with _server() as server:
            is_here = server is None
            found = store.variables(home_here(), name) if is_here else server.variables(name)
        return json.loads(found[0].value) if found else default

    @classmethod
    async def aget(cls, name: str, default: Any = None) -> Any:
        """Return the value of a variable as it is now; `default` where there is none."""
        import asyncio

        return await asyncio.to_thread(cls.get, name, default)

    @classmethod
    def unset(cls, name: str) -> bool:
        """Delete a variable; return whether there was one."""
        with _server() as server:
            if server is not None:
                return bool(server.unset_variable(name))
            return store.unset_variable(home_here(), name)

    @classmethod
    async def aunset(cls, name: str) -> bool:
        """Delete a variable; return whether there was one."""
        import asyncio

        return await asyncio.to_thread(cls.unset, name)


def packed(name: str, value: Any, tags: list[str] | None) -> tuple[str, list[str] | None]:
    """Return the JSON of a value and its tags, as they are kept.

    Raises `ValueError` for a name or a value that cannot be, `TypeError` for tags that are none.
    """
    _check_name(name)
    return _json_of(name, value), _checked_tags(tags)


@contextmanager
def _server() -> Iterator[Any]:
    """Give the server that the settings name, None where they name none."""
    settings = PROCESS.settings
    if settings.api.url is None:
        yield None
        return
    # By name: what speaks to servers costs 30 ms, and most have none.
    with closing(import_module("flowstone.client.place").place_of(settings)) as place:
        yield place


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        message = (
            "A variable's name has only lowercase letters, digits, dashes and underscores; got "
            f"{name!r}."
        )
        raise ValueError(message)
    if len(name) > MOST_NAME:
        message = f"A variable's name has at most {MOST_NAME} characters; got {len(name)}."
        raise ValueError(message)


def _json_of(name: str, value: Any) -> str:
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        message = (
            f"The value of variable {name!r} cannot be written as JSON: {error}. Set it to text, "
            "numbers, true, false, null, or lists and dicts of them."
        )
        raise ValueError(message) from error
    if len(text) > MOST_VALUE:
        message = (
            f"The value of variable {name!r} has {len(text):,} characters as JSON, of at most "
            f"{MOST_VALUE:,}. Keep large values in a file, and set the variable to its path."
        )
        raise ValueError(message)
    return text


def _checked_tags(tags: object) -> list[str] | None:
    if tags is None:
        return None
    if isinstance(tags, str) or not isinstance(tags, list | tuple | set | frozenset):
        message = f"The tags of a variable are a list of texts; got {tags!r}."
        raise TypeError(message)
    for tag in tags:
        if not isinstance(tag, str):
            message = f"A tag is a text; got {tag!r}."
            raise TypeError(message)
    return list(tags)


def __getattr__(name: str) -> Any:
    return find(__name__, name)


__all__ = ["Variable"]
