"""What JSON has no form for, as objects of two names: the class, and what it is made of.

The class is imported to read such an object, and made only where it is one of these kinds: times,
decimals, UUIDs, paths, bytes, sets, enumerations, exceptions, dataclasses, msgspec structs and
pydantic models.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import enum
import sys
from decimal import Decimal
from importlib import import_module
from pathlib import PurePath
from typing import Any
from uuid import UUID

MARK = "__flowstone_class__"
"""Not a name that values come with by chance; one that does is read as a class."""
_TEXTS = (UUID, Decimal, PurePath)
_TIMES = (dt.datetime, dt.date, dt.time)


def encode_object(obj: Any) -> dict[str, Any]:
    """Return a JSON object for a value. Raises `TypeError` where it is of no known kind."""
    cls = type(obj)
    if "<locals>" in cls.__qualname__:
        raise TypeError(
            f"{cls.__qualname__} is declared in a function, so it cannot be found again"
        )
    return {MARK: f"{cls.__module__}:{cls.__qualname__}", "data": _parts(obj)}


def decode_object(found: dict[str, Any]) -> Any:
    """Return the value that a JSON object stands for, or the object where it is a plain one."""
    if len(found) != 2 or MARK not in found or "data" not in found:
        return found
    module, _, qualname = found[MARK].partition(":")
    cls: Any = import_module(module)
    for part in qualname.split("."):
        cls = getattr(cls, part)
    if not isinstance(cls, type):
        raise TypeError(f"{found[MARK]} is no class")
    return _made(cls, found["data"])


def _parts(obj: Any) -> Any:
    cls = type(obj)
    if issubclass(cls, BaseException):
        return list(obj.args)
    if issubclass(cls, enum.Enum):
        return obj.value
    if issubclass(cls, _TEXTS):
        return str(obj)
    if issubclass(cls, _TIMES):
        return obj.isoformat()
    if issubclass(cls, dt.timedelta):
        return [obj.days, obj.seconds, obj.microseconds]
    if issubclass(cls, bytes | bytearray):
        return base64.b64encode(obj).decode()
    if issubclass(cls, set | frozenset):
        return list(obj)
    if issubclass(cls, complex):
        return [obj.real, obj.imag]
    if _is_pydantic(cls):
        return obj.model_dump(mode="json")
    return {name: getattr(obj, name) for name in _fields(cls)}


def _made(cls: type[Any], data: Any) -> Any:
    if issubclass(cls, BaseException):
        return _error(cls, data)
    if issubclass(cls, enum.Enum | set | frozenset) or issubclass(cls, _TEXTS):
        return cls(data)
    if issubclass(cls, _TIMES):
        return cls.fromisoformat(data)
    if issubclass(cls, dt.timedelta | complex):
        return cls(*data)
    if issubclass(cls, bytes | bytearray):
        return cls(base64.b64decode(data))
    if _is_pydantic(cls):
        return cls.model_validate(data)
    missing = [name for name in _fields(cls) if name not in data]
    if missing:
        raise TypeError(f"{cls.__qualname__} has fields that the result has not: {missing}")
    if hasattr(cls, "__struct_fields__"):
        return cls(**data)
    made: Any = object.__new__(cls)
    for name, value in data.items():  # as they were: __init__ may take others, or check again
        object.__setattr__(made, name, value)
    return made


def _error(cls: type[Any], args: list[Any]) -> BaseException:
    error: BaseException
    try:
        error = cls(*args)
    except TypeError:  # its __init__ takes something else than what it hands on
        error = cls.__new__(cls, *args)
        error.args = tuple(args)
    return error


def _fields(cls: type[Any]) -> list[str]:
    if dataclasses.is_dataclass(cls):
        return [field.name for field in dataclasses.fields(cls)]
    names = getattr(cls, "__struct_fields__", None)
    if names is None:
        raise TypeError(
            f"JSON has no form for a {cls.__qualname__}; choose another result_serializer "
            "('pickle'), or give JSONSerializer an object_encoder and object_decoder"
        )
    return list(names)


def _is_pydantic(cls: type[Any]) -> bool:
    pydantic = sys.modules.get("pydantic")  # where nobody loaded it, nothing is a model of it
    return pydantic is not None and issubclass(cls, pydantic.BaseModel)
