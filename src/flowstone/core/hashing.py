"""Hashes of values: the same in every process, for every hash seed, on every Python.

A value is turned into bytes by what it is made of (`core.codes`), and those are hashed with
xxh3-128. Sets and dicts count without their order; dataclasses, attrs classes, pydantic models and
structs by their fields; arrays and frames by their memory; functions and classes by their code.
Any other object counts as what `pickle` would take of it, looked into in the same way: no bytes of
`pickle` are ever hashed, because sets in them have an order. What `pickle` refuses is refused.
"""

from __future__ import annotations

import copyreg
import dataclasses
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib import import_module
from operator import itemgetter
from types import MethodDescriptorType
from typing import Any

from msgspec import Struct

from flowstone.core.arrays import ARRAY_FAMILIES, ARRAYS
from flowstone.core.codes import LONGEST, digest, of_buffer, pack, short, tagged
from flowstone.core.naming import entry_name, importable
from flowstone.core.plain import short_repr
from flowstone.exceptions import HashError

_LIGHT = frozenset({type(None), bool, int, float, str})
"""Types of which MessagePack tells any two values apart, and a list of which it writes at once."""
_ATOMS = _LIGHT | {bytes}
_OWN_WAY = (BaseException, MethodDescriptorType)
"""What libraries teach `pickle` other ways of (tblib: by identity), once they are loaded."""
_NO_CIRCLE = 1 << 62
_MOST_KEPT = 100_000


def hash_objects(*args: Any, raise_on_failure: bool = False, **kwargs: Any) -> str | None:
    """Return one hash of all arguments, 32 hexadecimal digits; None where one cannot be hashed.

    With `raise_on_failure` that is a `HashError`, which names the part.
    """
    try:
        return hash_value((args, kwargs))
    except HashError:
        if raise_on_failure:
            raise
        return None


def hash_value(value: Any) -> str:
    """Return the hash of one value, 32 hexadecimal digits. Raises `HashError`."""
    return digest(encode(value)).hex()


def encode(value: Any) -> bytes:
    """Return a code of a value, at most 128 bytes. Raises `HashError` where it has none."""
    if type(value) in _ATOMS:
        return _atom(value)
    try:
        return Encoder().encode(value)
    except RecursionError:
        raise HashError("it is nested too deep to be hashed") from None


def pack_light(values: dict[str, Any]) -> bytes | None:
    """Return one code for named values, None where any of them has to be looked into."""
    if not _LIGHT.issuperset(map(type, values.values())):
        return None
    try:
        return pack(sorted(values.items()))  # by their names, no two of which are the same
    except (OverflowError, UnicodeEncodeError):
        return None


class Encoder:
    """Gives the codes of values; one object for one value, which it may meet many times."""

    __slots__ = ("_above", "_done", "_met", "_nearest")

    def __init__(self) -> None:
        self._above: dict[int, int] = {}
        # With their objects, so that no other one can get the same `id()` meanwhile.
        self._done: dict[int, tuple[Any, bytes]] = {}
        self._met: dict[int, tuple[Any, int]] = {}
        self._nearest = _NO_CIRCLE  # how far up the parts of the present object refer

    def encode(self, value: Any) -> bytes:
        """Return the code of a value. Raises `HashError` where it has none."""
        kind = type(value)
        if kind in _ATOMS:
            return _atom(value)
        name = id(value)
        if (done := self._done.get(name)) is not None:
            return done[1]
        if (met := self._met.get(name)) is not None:
            return tagged("=", pack(met[1]))
        if (depth := self._above.get(name)) is not None:
            self._nearest = min(self._nearest, depth)
            return tagged("^", pack(len(self._above) - depth))
        return self._encode_once(value, name, _way_of(kind))

    def _encode_once(self, value: Any, name: int, way: Callable[[Any, Any], bytes]) -> bytes:
        """Return the code of an object; where it refers to itself or one above, by how far up."""
        outer, self._nearest = self._nearest, _NO_CIRCLE
        own = self._above[name] = len(self._above)
        try:
            whole = way(self, value)
        finally:
            del self._above[name]
        code = short(whole)
        if self._nearest < own:  # it means something here only: what meets it again says so
            self._met[name] = value, len(self._met)
            self._nearest = min(self._nearest, outer)
            return code
        self._nearest = outer
        if len(whole) > LONGEST:  # a small one is made again sooner than it is kept
            if len(self._done) >= _MOST_KEPT:
                self._done.clear()
            self._done[name] = value, code
        return code

    def each(self, values: Iterable[Any], step: Callable[[int], str]) -> list[bytes]:
        """Return the codes of parts; `step(n)` is the path to the n-th, for an error."""
        codes: list[bytes] = []
        try:
            for value in values:
                codes.append(self.encode(value))  # noqa: PERF401  an error tells where it stopped
        except HashError as error:
            error.path = step(len(codes)) + error.path
            raise
        return codes

    def unordered(self, values: Iterable[Any]) -> list[bytes]:
        """Return the codes of parts that come in any order: none may refer to another."""
        codes, met = [], self._met
        try:
            for value in values:
                self._met = dict(met)
                codes.append(self.encode(value))
        except HashError as error:
            error.path = "{…}" + error.path
            raise
        finally:
            self._met = met
        return codes

    def fields(self, letter: str, kind: type, fields: Iterable[tuple[str, Any]]) -> bytes:
        """Return the code of an object of a class with these attributes, by name."""
        found = sorted(fields, key=itemgetter(0))
        codes = self.each((value for _, value in found), lambda n: f".{found[n][0]}")
        names = (_atom(name) for name, _ in found)
        pairs = zip(names, codes, strict=True)
        return tagged(letter, class_code(kind), *(code for pair in pairs for code in pair))

    def of_sequence(self, value: list[Any] | tuple[Any, ...]) -> bytes:
        letter = "l" if type(value) is list else "t"
        items = list(value)
        if _LIGHT.issuperset(map(type, items)):
            try:
                return tagged(letter, pack(items))
            except (OverflowError, UnicodeEncodeError):
                pass
        return tagged(letter, *self.each(items, lambda n: f"[{n}]"))

    def of_dict(self, value: dict[Any, Any]) -> bytes:
        items = list(value.items())
        if _is_light(items):
            try:
                return tagged("D", pack(sorted(items)))
            except (OverflowError, UnicodeEncodeError):
                pass
        keys = self.unordered(key for key, _ in items)
        found = sorted(zip(keys, items, strict=True), key=lambda pair: pair[0])
        codes = self.each(
            (item for _, (_, item) in found), lambda n: f"[{short_repr(found[n][1][0])}]"
        )
        pairs = sorted(zip(sorted(keys), codes, strict=True))
        return tagged("d", *(code for pair in pairs for code in pair))

    def of_set(self, value: Any) -> bytes:
        letter = "s" if isinstance(value, set) else "z"
        attributes = self.encode(getattr(value, "__dict__", None))
        members = sorted(self.unordered(list(value)))
        return tagged(letter, class_code(type(value)), attributes, *members)

    def of_ordered_dict(self, value: Any) -> bytes:
        return tagged("o", class_code(type(value)), self.encode(list(value.items())))

    def of_proxy(self, value: Any) -> bytes:
        return tagged("m", self.encode(dict(value)))

    def of_complex(self, value: complex) -> bytes:
        return tagged("c", pack(value.real), pack(value.imag))

    def of_memory(self, value: bytearray | memoryview) -> bytes:
        if isinstance(value, bytearray):
            return of_buffer("b", value)
        data = value if value.c_contiguous else value.tobytes()
        return of_buffer("w", data, value.format, value.shape)

    def of_range(self, value: range | slice) -> bytes:
        steps = (value.start, value.stop, value.step)
        return tagged("r", class_code(type(value)), *map(self.encode, steps))

    def of_singleton(self, value: Any) -> bytes:
        return tagged("0", class_code(type(value)))

    def of_enum(self, value: Any) -> bytes:
        # Flags put together have names that Python's versions make in different ways.
        name = None if hasattr(value, "_flag_mask_") else value.name
        return tagged("e", class_code(type(value)), pack(name), self.encode(value.value))

    def of_path(self, value: Any) -> bytes:
        return tagged("/", pack(type(value).__name__), _atom(str(value)))

    def of_module(self, value: Any) -> bytes:
        return tagged("M", pack(importable(value.__name__)))

    def of_function(self, value: Any) -> bytes:
        return tagged("f", pack(entry_name(value)), pack(_fingerprint(value)))

    def of_wrapper(self, value: Any) -> bytes:
        return tagged("W", class_code(type(value)), self.encode(value.__wrapped__))

    def of_builtin(self, value: Any) -> bytes:
        owner = value.__self__
        if owner is None or type(owner) is type(copyreg):
            return tagged("B", pack(entry_name(value)))
        return tagged("B", pack(value.__name__), *self.each([owner], lambda _: ".__self__"))

    def of_method(self, value: Any) -> bytes:
        function = self.encode(value.__func__)
        return tagged("q", function, *self.each([value.__self__], lambda _: ".__self__"))

    def of_class(self, value: type) -> bytes:
        return tagged("C", class_code(value), pack(_fingerprint(value)))

    def of_declared(self, value: Any) -> bytes:
        return tagged("D", pack(value.name), self.encode(value.fn))

    def of_bound_declared(self, value: Any) -> bytes:
        instance = self.each([value.instance], lambda _: ".instance")
        return tagged("D", self.encode(value.declared), *instance)

    def of_dataclass(self, value: Any) -> bytes:
        names = [field.name for field in dataclasses.fields(value)]
        return self.fields("O", type(value), _set_attributes(value, names))

    def of_attrs(self, value: Any) -> bytes:
        names = [field.name for field in type(value).__attrs_attrs__]
        return self.fields("O", type(value), _set_attributes(value, names))

    def of_struct(self, value: Struct) -> bytes:
        return self.fields("O", type(value), _set_attributes(value, value.__struct_fields__))

    def of_model(self, value: Any) -> bytes:
        kind = type(value)
        names = getattr(kind, "__pydantic_fields__", None) or kind.model_fields
        extra = value.__pydantic_extra__ or {}
        return self.fields("O", type(value), [*_set_attributes(value, names), *extra.items()])

    def of_fraction(self, value: Any) -> bytes:
        return self.fields("O", type(value), _set_attributes(value, ("numerator", "denominator")))

    def of_object(self, value: Any) -> bytes:
        """Return the code of what `pickle` would take of an object."""
        kind = type(value)
        if kind is object:
            raise HashError("an object() is known by its identity alone and cannot be hashed")
        try:
            is_own = isinstance(value, _OWN_WAY)
            reduce = None if is_own else copyreg.dispatch_table.get(kind)
            taken = reduce(value) if reduce is not None else value.__reduce_ex__(4)
        except RecursionError:
            raise
        except Exception as error:
            raise refusal(value) from error
        if isinstance(taken, str):
            return tagged("g", class_code(kind), pack(taken))
        make, args, state, items, pairs = (*taken, None, None, None)[:5]
        others = [arg for arg in args if arg is not kind]
        return tagged(
            "p",
            class_code(kind),
            pack(entry_name(make)),
            pack([n for n, arg in enumerate(args) if arg is kind]),
            tagged("t", *self.each(others, lambda _: "")),
            self._of_state(kind, state),
            self.encode(None if items is None else list(items)),
            self.encode(None if pairs is None else dict(pairs)),
        )

    def _of_state(self, kind: type, state: Any) -> bytes:
        if type(state) is dict and all(type(name) is str for name in state):
            return self.fields("v", kind, state.items())
        return self.encode(state)


def refusal(value: Any) -> HashError:
    """Return the error for a value that cannot be hashed."""
    name = type(value).__name__
    return HashError(f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name} cannot be hashed")


def _class_code(kind: type) -> bytes:
    return pack(entry_name(kind))


class_code: Callable[[type], bytes] = lru_cache(maxsize=1024)(_class_code)
"""The code of a class by its name."""


def _is_light(items: list[tuple[Any, Any]]) -> bool:
    """Whether the keys of a dict are texts, and its values need no look."""
    return all(type(key) is str and type(value) in _LIGHT for key, value in items)


def _atom(value: Any) -> bytes:
    try:
        if type(value) is bytes and len(value) > LONGEST:
            return of_buffer("y", value)
        code = pack(value)
        return code if len(code) <= LONGEST else short(code)
    except OverflowError:
        size = value.bit_length() // 8 + 1
        return short(tagged("i", pack(value.to_bytes(size, "big", signed=True))))
    except UnicodeEncodeError:
        return short(tagged("u", pack(value.encode("utf-8", "surrogatepass"))))


def _set_attributes(value: Any, names: Iterable[str]) -> list[tuple[str, Any]]:
    """Return the attributes that are there, with their names."""
    unset = object()
    found = ((name, getattr(value, name, unset)) for name in names)
    return [(name, each) for name, each in found if each is not unset]


def _fingerprint(value: Any) -> str:
    """Return the fingerprint of a function's or class's code."""
    # Looked up here because reading code needs `ast` and `dis`, and most values hold none.
    digest_of_all: str = import_module("flowstone.core.fingerprints").fingerprint(value).digest
    return digest_of_all


def _late(name: str) -> Callable[[Any, Any], bytes]:
    """Return the method of the encoder at hand: fingerprints do these in ways of their own."""

    def encode_by(encoder: Encoder, value: Any) -> bytes:
        code: bytes = getattr(encoder, name)(value)
        return code

    return encode_by


_EXACT: dict[str, Callable[[Any, Any], bytes]] = {
    **ARRAYS,
    "builtins.NotImplementedType": Encoder.of_singleton,
    "builtins.builtin_function_or_method": Encoder.of_builtin,
    "builtins.bytearray": Encoder.of_memory,
    "builtins.complex": Encoder.of_complex,
    "builtins.dict": Encoder.of_dict,
    "builtins.ellipsis": Encoder.of_singleton,
    "builtins.function": _late("of_function"),
    "builtins.list": Encoder.of_sequence,
    "builtins.mappingproxy": Encoder.of_proxy,
    "builtins.memoryview": Encoder.of_memory,
    "builtins.method": Encoder.of_method,
    "builtins.module": Encoder.of_module,
    "builtins.range": Encoder.of_range,
    "builtins.slice": Encoder.of_range,
    "builtins.tuple": Encoder.of_sequence,
    "fractions.Fraction": Encoder.of_fraction,
    "functools._lru_cache_wrapper": Encoder.of_wrapper,
}
_FAMILIES: dict[str, Callable[[Any, Any], bytes]] = {
    **ARRAY_FAMILIES,
    "builtins.frozenset": Encoder.of_set,
    "builtins.set": Encoder.of_set,
    "builtins.type": _late("of_class"),
    "collections.OrderedDict": Encoder.of_ordered_dict,
    "enum.Enum": Encoder.of_enum,
    "flowstone.Bound": Encoder.of_bound_declared,
    "flowstone.Declaration": _late("of_declared"),
    "msgspec.Struct": Encoder.of_struct,
    "pathlib.PurePath": Encoder.of_path,
    "pydantic.BaseModel": Encoder.of_model,
}
"""By the package and the name of a class: the libraries need not be loaded to be known."""
_MARKED: dict[str, Callable[[Any, Any], bytes]] = {
    "__dataclass_fields__": Encoder.of_dataclass,
    "__attrs_attrs__": Encoder.of_attrs,
}
"""By an attribute that a class has of its own: a plain subclass may have attributes besides."""
_OTHERWISE = _late("of_object")


def _find_way(kind: type) -> Callable[[Any, Any], bytes]:
    """Return how values of a class are encoded."""
    if (way := _EXACT.get(_known_name(kind))) is not None:
        return way
    for base in kind.__mro__:
        if (way := _FAMILIES.get(_known_name(base))) is not None:
            return way
    for mark, way in _MARKED.items():
        if mark in vars(kind):
            return way
    return _OTHERWISE


def _known_name(kind: type) -> str:
    return f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}"


_way_of: Callable[[type], Callable[[Any, Any], bytes]] = lru_cache(maxsize=1024)(_find_way)
