"""Results as JSON, with the types that JSON has not written as an object that names their class."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from flowstone.results.serializers import ZSTD, CompressedSerializer, Serializer, library

_OWN = "flowstone.results.json_values"
ENCODER = f"{_OWN}.encode_object"
DECODER = f"{_OWN}.decode_object"


class JSONSerializer(Serializer):
    """JSON, by any module with `dumps` and `loads`.

    `object_encoder` and `object_decoder` name functions for what JSON has no form for; None for
    none.
    """

    type = "json"
    jsonlib: str
    object_encoder: str | None
    object_decoder: str | None
    dumps_kwargs: dict[str, Any]
    loads_kwargs: dict[str, Any]

    def __init__(
        self,
        *,
        jsonlib: str = "json",
        object_encoder: str | None = ENCODER,
        object_decoder: str | None = DECODER,
        dumps_kwargs: dict[str, Any] | None = None,
        loads_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.jsonlib = jsonlib
        self.object_encoder = object_encoder
        self.object_decoder = object_decoder
        self.dumps_kwargs = dict(dumps_kwargs or {})
        self.loads_kwargs = dict(loads_kwargs or {})
        self._library = library(jsonlib, "JSON library", ("dumps", "loads"))
        if "default" in self.dumps_kwargs:
            raise ValueError("dumps_kwargs has 'default'; give the function as object_encoder")
        if "object_hook" in self.loads_kwargs:
            raise ValueError("loads_kwargs has 'object_hook'; give the function as object_decoder")
        self._default = {"default": _function(object_encoder)} if object_encoder else {}
        self._hook = {"object_hook": _function(object_decoder)} if object_decoder else {}

    def dumps(self, obj: Any) -> bytes:
        made = self._library.dumps(obj, **self._default, **self.dumps_kwargs)
        return made if isinstance(made, bytes) else made.encode()

    def loads(self, blob: bytes) -> Any:
        return self._library.loads(bytes(blob).decode(), **self._hook, **self.loads_kwargs)

    def options(self) -> dict[str, Any]:
        return {
            name: getattr(self, name)
            for name, default in _DEFAULTS.items()
            if getattr(self, name) != default
        }


_DEFAULTS: dict[str, Any] = {
    "jsonlib": "json",
    "object_encoder": ENCODER,
    "object_decoder": DECODER,
    "dumps_kwargs": {},
    "loads_kwargs": {},
}


class CompressedJSONSerializer(CompressedSerializer):
    """Compressed JSON."""

    type = "compressed/json"

    def __init__(
        self, *, serializer: Serializer | str = "json", compressionlib: str = ZSTD
    ) -> None:
        super().__init__(serializer=serializer, compressionlib=compressionlib)


def _function(path: str) -> Callable[[Any], Any]:
    module, _, name = path.rpartition(".")
    try:
        found: Callable[[Any], Any] = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"there is no {path!r}: {error}; give the dotted name of a function"
        ) from error
    return found
