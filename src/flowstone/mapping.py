"""How the arguments of `map` become the arguments of its runs."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from flowstone.annotations import Annotation, allow_failure, opaque, quote, unmapped
from flowstone.core.binding import Binding
from flowstone.core.inputs import find, resolve
from flowstone.core.states import State
from flowstone.core.upstream import Upstream
from flowstone.drive.waiting import wait_all
from flowstone.exceptions import MappingLengthMismatch, MappingMissingIterable

_WHOLE = (str, bytes, bytearray, io.IOBase)


def split(
    binding: Binding, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Give the arguments of each run of a `map`.

    What can be iterated over is taken apart, anything else goes to every run, and so does what
    is `unmapped`. Defaults are never taken apart. Raises `MappingMissingIterable` where nothing
    can be iterated over, `MappingLengthMismatch` where lengths differ.
    """
    binding.check(args, kwargs)
    positional = [_parts(value) for value in args]
    named = {name: _parts(value) for name, value in kwargs.items()}
    names = [*binding.signature.parameters][: len(args)]
    names += [f"argument {number}" for number in range(len(names), len(args))]
    lengths = {
        name: len(parts)
        for name, parts in [*zip(names, positional, strict=True), *named.items()]
        if isinstance(parts, list)
    }
    if not lengths:
        given = ", ".join([*names, *kwargs]) or "none"
        message = (
            f"No iterable parameters were received. Parameters for map: {given}. Give at least "
            "one list, or call the task."
        )
        raise MappingMissingIterable(message)
    if len(set(lengths.values())) > 1:
        message = (
            "Expected iterable parameters to be of the same length; got "
            f"{', '.join(f'{name}: {length}' for name, length in lengths.items())}. "
            "unmapped(value) passes a value whole to every run."
        )
        raise MappingLengthMismatch(message)
    for index in range(next(iter(lengths.values()))):
        yield (
            tuple(_part(parts, index) for parts in positional),
            {name: _part(parts, index) for name, parts in named.items()},
        )


class _Same:
    """A value that every run gets."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _parts(value: Any) -> list[Any] | _Same:
    """Return what each run gets of an argument."""
    if isinstance(value, unmapped):
        return _Same(value.value)
    if isinstance(value, (quote, opaque, allow_failure)):
        inner = _parts(value.value) if isinstance(value, allow_failure) else _whole(value.value)
        if isinstance(inner, _Same):
            return _Same(value)
        return [value.rewrap(item) for item in inner]
    if isinstance(value, (Upstream, State)):
        value = _resolved(value)
    return _whole(value)


def _whole(value: Any) -> list[Any] | _Same:
    if isinstance(value, (*_WHOLE, Annotation)):
        return _Same(value)
    try:
        return list(value)
    except TypeError:
        return _Same(value)


def _resolved(value: Any) -> Any:
    wait_all([one.source for one in find(value) if isinstance(one.source, Upstream)])

    def deliver(found: Any) -> Any:
        source = found.source
        if isinstance(source, Upstream):
            source.touch()
            source = source.final_state()
        return source.result()

    return resolve(value, deliver)


def _part(parts: list[Any] | _Same, index: int) -> Any:
    return parts.value if isinstance(parts, _Same) else parts[index]
