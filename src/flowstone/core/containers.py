"""What containers hold, and how they are made again with something else in them.

Containers are lists, tuples (named ones too), sets, frozensets, deques, mappings of any class
(with their keys), dataclasses, `msgspec` structs, and attrs classes and pydantic models, which are
known by their attributes: neither library is loaded for it.
"""

from __future__ import annotations

import copy
import dataclasses
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from inspect import signature
from typing import Any

from msgspec import Struct, structs

_MARKS = ("__dataclass_fields__", "__attrs_attrs__", "__pydantic_extra__")
_MADE_OF_ITEMS = frozenset({list, tuple, set, frozenset})
_BUILT_IN = (list, tuple, set, frozenset, dict, deque, Struct)


def _is_container(kind: type) -> bool:
    if issubclass(kind, _BUILT_IN) or any(hasattr(kind, mark) for mark in _MARKS):
        return True
    return issubclass(kind, Mapping) and not hasattr(kind, "close")


is_container: Callable[[type], bool] = lru_cache(maxsize=1024)(_is_container)
"""Whether values of this type are looked into.

A mapping that can be closed is not: it reads from a file (`shelve`, HDF5), where no future is.
"""


def items_of(value: Any) -> list[Any]:
    """Return what a container holds, in a list of its own: another thread may change it.

    A mapping's keys come first, then their values; of an object the values of its fields.
    """
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        return list(value)
    if isinstance(value, Mapping):
        held = value if type(value) is dict else _snapshot(value)
        values = held.values()
        return [*held, *values]  # without a call in between, which is where threads switch
    return list(_fields(value).values())


def shell_of(value: Any) -> Any:
    """Return a copy to be filled later, or None for a container that cannot be filled."""
    if isinstance(value, (tuple, frozenset)) or not _can_be_copied(type(value)):
        return None
    return copy.copy(value)


def with_items(value: Any, items: list[Any], shell: Any = None) -> Any:
    """Return a container like `value` that holds these items, in the order of `items_of`.

    With `shell`, one that `shell_of` gave, it is that. What a class does when an object is made is
    done again for dataclasses and structs that have a `__post_init__`, and for nothing else.
    """
    kind: Any = type(value)
    if shell is None and kind in _MADE_OF_ITEMS:
        return kind(items)
    if isinstance(value, tuple):
        like = tuple.__new__(kind, items)
        if hasattr(value, "__dict__"):
            vars(like).update(vars(value))
        return like
    if isinstance(value, frozenset):
        return kind(items)
    if (kind is dict and shell is None) or not _can_be_copied(kind):
        return kind(_paired(items))
    if isinstance(value, (Mapping, list, set, deque)):
        return _fill(copy.copy(value) if shell is None else shell, items)
    changes = {
        name: new
        for (name, old), new in zip(_fields(value).items(), items, strict=True)
        if new is not old
    }
    if shell is None and isinstance(value, Struct):
        return structs.replace(value, **changes)
    if shell is None and dataclasses.is_dataclass(value) and _is_made_by_fields(kind):
        init = {field.name for field in dataclasses.fields(value) if field.init}
        given = {name: changes.pop(name) for name in init & changes.keys()}
        shell = dataclasses.replace(value, **given)  # type: ignore[type-var]
    return _set_fields(copy.copy(value) if shell is None else shell, changes)


def _snapshot(value: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the items of a mapping; none of one that cannot be read, which is passed as it is."""
    try:
        return dict(value)
    except Exception:  # noqa: BLE001  a configuration that lacks a value, a source that is closed
        return {}


def _fields(value: Any) -> dict[str, Any]:
    """Return the values of an object's fields by name; those that are not set are left out."""
    kind = type(value)
    if hasattr(kind, "__pydantic_extra__"):
        return {name: each for part in _parts(value) for name, each in part.items()}
    if isinstance(value, Struct):
        names = value.__struct_fields__
    else:
        is_attrs = hasattr(kind, "__attrs_attrs__")
        fields = kind.__attrs_attrs__ if is_attrs else dataclasses.fields(value)
        names = tuple(field.name for field in fields)
    unset = object()
    found = ((name, getattr(value, name, unset)) for name in names)
    return {name: each for name, each in found if each is not unset}


def _parts(model: Any) -> list[dict[str, Any]]:
    """Return where a pydantic model keeps its fields, what else it was given, what is private."""
    return [
        vars(model),
        model.__pydantic_extra__ or {},
        getattr(model, "__pydantic_private__", None) or {},
    ]


def _set_fields(like: Any, changes: dict[str, Any]) -> Any:
    """Set fields of an object, also of a frozen one, without what its class does at that."""
    if hasattr(type(like), "__pydantic_extra__"):
        for name, new in changes.items():
            next(part for part in _parts(like) if name in part)[name] = new
        return like
    setter = structs.force_setattr if isinstance(like, Struct) else object.__setattr__
    for name, new in changes.items():
        setter(like, name, new)
    return like


def _fill(like: Any, items: list[Any]) -> Any:
    """Put other items into a copy of a container."""
    if isinstance(like, Mapping):
        return _fill_mapping(like, _paired(items))
    like.clear()
    if isinstance(like, set):
        like.update(items)
    else:
        like.extend(items)
    return like


def _fill_mapping(like: Any, items: dict[Any, Any]) -> Any:
    """Put other items into a copy of a mapping: where its keys are the same, only what changed."""
    if any(key not in items for key in like):
        like.clear()
        like.update(items)
        return like
    for key, new in items.items():
        if like[key] is not new:
            like[key] = new
    return like


def _paired(items: list[Any]) -> dict[Any, Any]:
    half = len(items) // 2
    return dict(zip(items[:half], items[half:], strict=True))


def _can_be_copied(kind: type) -> bool:
    """Whether a copy of a mapping has items of its own: others than dicts must see to it."""
    return not issubclass(kind, Mapping) or issubclass(kind, dict) or hasattr(kind, "__copy__")


def _makes_itself(kind: Any) -> bool:
    """Whether a dataclass does something when it is made, for which its fields are enough."""
    is_made = kind.__dataclass_params__.init and hasattr(kind, "__post_init__")
    # A `__post_init__` with parameters gets what is not kept (`InitVar`); pydantic would
    # check fields again that did not change.
    is_own = not hasattr(kind, "__pydantic_validator__")
    return is_made and is_own and len(signature(kind.__post_init__).parameters) == 1


_is_made_by_fields: Callable[[type], bool] = lru_cache(maxsize=1024)(_makes_itself)
