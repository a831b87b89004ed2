"""How values become bytes and come back.

Unpickling runs what the bytes say: a pickle is code. So results are read from the storage that was
configured and from nowhere else, and whoever can write there can run code in those who read it. The
checksums of records find damage, not forgery. Where others can write to a storage, `json`, `arrow`
and `parquet` keep to data.

An own serializer is a subclass with a `type`; `result_serializer="its type"` finds it from then on:

    class Csv(Serializer):
        type = "csv"

        def dumps(self, obj): ...
        def loads(self, blob): ...
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from flowstone.core.suggestion import suggestion
from flowstone.exceptions import SerializationError, UnreadableResult
from flowstone.results.buffers import Buffer, dumps_parts, is_joined, joined, loads_joined
from flowstone.results.script_pickles import names_a_script, script_dumps

PROTOCOL = 5
ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
_ELSEWHERE = {
    "json": "flowstone.results.json_serializer",
    "compressed/json": "flowstone.results.json_serializer",
    "arrow": "flowstone.results.frames",
    "parquet": "flowstone.results.frames",
}
"""Where the serializers are that are loaded when they are first asked for."""


class Serializer:
    """Turns values into bytes and back; subclass it with a `type`, `dumps` and `loads`.

    What a subclass is made with are its annotated attributes, by keyword.
    """

    type: str = ""
    reads_views: bool = False
    """Whether `loads` takes a memoryview too, which spares large results a copy."""

    def __init__(self, **options: Any) -> None:
        known = _annotated(type(self))
        for name, value in options.items():
            if name not in known:
                raise TypeError(
                    f"{type(self).__name__} has no option {name!r}.{suggestion(name, known)}"
                )
            setattr(self, name, value)
        if self.type != type(self).type:
            raise TypeError(
                f"the type of {type(self).__name__} is {type(self).type!r}, not {self.type!r}; "
                "get a serializer by its type from serializer_of(...)"
            )

    def dumps(self, obj: Any) -> bytes:
        """Return the bytes for a value."""
        raise NotImplementedError(f"{type(self).__name__} has no `dumps`")

    def loads(self, blob: bytes) -> Any:
        """Return the value for bytes."""
        raise NotImplementedError(f"{type(self).__name__} has no `loads`")

    def parts(self, obj: Any) -> list[Buffer]:
        """Return the bytes for a value in pieces, which spares large ones a copy."""
        return [self.dumps(obj)]

    def options(self) -> dict[str, Any]:
        """What to keep beside a result, so that another process can make this serializer again.

        Numbers, texts, lists and dictionaries; nothing secret. Without any, the reader uses its own
        serializer of this type, or one made without options.
        """
        return {}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # its options may be lists and dictionaries

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({options})"


class PickleSerializer(Serializer):
    """Pickles; what plain pickle cannot write by reference goes through cloudpickle.

    Another `picklelib` is any module with `dumps` and `loads`.
    """

    type = "pickle"
    reads_views = True
    picklelib: str

    def __init__(self, *, picklelib: str = "cloudpickle") -> None:
        self.picklelib = picklelib
        self._library: ModuleType | None = None
        if picklelib not in {"cloudpickle", "pickle"}:
            self._library = library(picklelib, "pickle library", ("dumps", "loads"))

    def dumps(self, obj: Any) -> bytes:
        if self._library is not None:
            made: bytes = self._library.dumps(obj)
            return made
        if self.picklelib == "pickle":
            return pickle.dumps(obj, PROTOCOL)
        return b"".join(self.parts(obj))

    def parts(self, obj: Any) -> list[Buffer]:
        if self.picklelib != "cloudpickle":
            return [self.dumps(obj)]
        try:
            plain, aside = dumps_parts(obj, PROTOCOL)
        except (pickle.PicklingError, AttributeError, TypeError):
            return [script_dumps(obj)]
        if names_a_script(plain):
            return [script_dumps(obj)]
        return joined([plain, *aside]) if aside else [plain]

    def loads(self, blob: bytes) -> Any:
        if self._library is not None:
            return self._library.loads(bytes(blob))
        if is_joined(blob):
            return loads_joined(blob)
        return pickle.loads(blob)  # noqa: S301  what that means is said on top

    def options(self) -> dict[str, Any]:
        return {} if self.picklelib == "cloudpickle" else {"picklelib": self.picklelib}


class CompressedSerializer(Serializer):
    """Another serializer's bytes, compressed: by zstd, or any module with both functions."""

    type = "compressed"
    serializer: Serializer
    compressionlib: str

    def __init__(self, *, serializer: Serializer | str, compressionlib: str = ZSTD) -> None:
        self.serializer = serializer_of(serializer)
        self.compressionlib = ZSTD if compressionlib == "zstd" else compressionlib
        self._library = library(
            self.compressionlib, "compression library", ("compress", "decompress")
        )

    def dumps(self, obj: Any) -> bytes:
        made: bytes = self._library.compress(self.serializer.dumps(obj))
        return made

    def loads(self, blob: bytes) -> Any:
        return self.serializer.loads(self._library.decompress(blob))

    def options(self) -> dict[str, Any]:
        inner = {"type": self.serializer.type, **self.serializer.options()}
        return {"serializer": inner, **self._compression()}

    def _compression(self) -> dict[str, Any]:
        # By the short name, because the module's is another one on another Python.
        return {} if self.compressionlib == ZSTD else {"compressionlib": self.compressionlib}


class CompressedPickleSerializer(CompressedSerializer):
    """Compressed pickles."""

    type = "compressed/pickle"

    def __init__(
        self, *, serializer: Serializer | str = "pickle", compressionlib: str = ZSTD
    ) -> None:
        super().__init__(serializer=serializer, compressionlib=compressionlib)


def serializer_of(spec: str | Serializer) -> Serializer:
    """Return the serializer of a type, or the one that was given.

    Raises `ValueError` for a type that is not known, `TypeError` for what is no serializer.
    """
    if isinstance(spec, Serializer):
        return spec
    if not isinstance(spec, str):
        raise TypeError(f"a serializer is a Serializer or the type of one ('pickle'), not {spec!r}")
    found = _class_of(spec)
    if found is None:
        known = [*_classes(), *_ELSEWHERE]
        raise ValueError(
            f"there is no serializer {spec!r}.{suggestion(spec, known)} There are "
            f"{', '.join(sorted(known))}; an own one is a subclass of Serializer with that `type`"
        )
    made: Serializer = found()
    return made


def restored(type_name: str, options: dict[str, Any], own: Serializer) -> Serializer:
    """Return what reads a record that the serializer of that type and options wrote.

    Raises `UnreadableResult` where this process has none of that type.
    """
    if type_name == own.type and (not options or options == own.options()):
        return own
    found = _class_of(type_name)
    if found is None:
        raise UnreadableResult(
            f"Serializer {type_name!r} is not available in this environment; import the module "
            "that declares it before results are read"
        )
    try:
        inner = options.get("serializer")
        if isinstance(inner, dict):
            rest = {name: value for name, value in inner.items() if name != "type"}
            options = {**options, "serializer": restored(inner["type"], rest, own)}
        made: Serializer = found(**options)
    except (TypeError, ValueError, KeyError) as error:
        raise UnreadableResult(
            f"the serializer {type_name!r} cannot be made with {options!r} here: {error}"
        ) from error
    return made


def library(name: str, kind: str, functions: tuple[str, ...]) -> ModuleType:
    """Return a module by name. Raises `ValueError` where it is missing or lacks a function."""
    try:
        module = import_module(name)
    except ImportError as error:
        raise ValueError(f"the {kind} {name!r} cannot be imported: {error}") from error
    missing = [function for function in functions if not hasattr(module, function)]
    if missing:
        raise ValueError(f"the {kind} {name!r} has no {' and no '.join(map(repr, missing))}")
    return module


def written(serializer: Serializer, value: Any) -> list[Buffer]:
    """Return the bytes for a value, in pieces. Raises `SerializationError`, whatever goes wrong."""
    try:
        parts = serializer.parts(value)
    except Exception as error:  # user code: how it may fail is not known
        raise SerializationError(
            f"the serializer {serializer.type!r} cannot write a {type(value).__qualname__}: "
            f"{type(error).__name__}: {error}. Return something else, or choose another "
            "result_serializer"
        ) from error
    if not all(isinstance(part, Buffer) for part in parts):
        raise SerializationError(
            f"`dumps` of the serializer {serializer.type!r} must return bytes, and returned "
            f"{type(parts[0]).__qualname__}"
        )
    return parts


def _class_of(type_name: str) -> type[Any] | None:
    if type_name in _ELSEWHERE:
        import_module(_ELSEWHERE[type_name])
    return _classes().get(type_name)


def _classes() -> dict[str, type[Any]]:
    """Return the serializers that there are, by type; the newest of a type wins."""
    found = {}
    for one in _below(Serializer):
        if one.type:
            found[one.type] = one
    return found


def _below(parent: type[Serializer]) -> Iterator[type[Serializer]]:
    for child in parent.__subclasses__():
        yield child
        yield from _below(child)


def _annotated(cls: type) -> set[str]:
    return {name for one in cls.__mro__ for name in vars(one).get("__annotations__", ())}
