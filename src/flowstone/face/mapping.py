"""How the arguments of `map` become the arguments of its runs."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from flowstone.annotations import Annotation, allow_failure, opaque, quote, unmapped
from flowstone.core.binding import Binding
from flowstone.core.context import FlowContext, current
from flowstone.core.inputs import resolve
from flowstone.core.states import State
from flowstone.core.upstream import Input, Upstream
from flowstone.drive.waiting import wait_all
from flowstone.engine.inputs import Inputs, input_of, value_of
from flowstone.exceptions import MappingLengthMismatch, MappingMissingIterable

_WHOLE = (str, bytes, bytearray, io.IOBase)


class Split:
    """The arguments of each run of a `map`, and the inputs that all of them share.

    What can be iterated over is taken apart, anything else goes to every run, and so does what
    is `unmapped`. Defaults are never taken apart. A future or a state that stands for a whole
    argument is waited for first, and is an input of each run. Raises `MappingMissingIterable` where
    nothing can be iterated over, `MappingLengthMismatch` where lengths differ.
    """

    def __init__(
        self,
        binding: Binding,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        flow: FlowContext | None = None,
    ) -> None:
        binding.check(args, kwargs)
        self._flow = flow
        self._inputs: dict[str, tuple[Input, ...]] = {}
        names = [*binding.signature.parameters][: len(args)]
        names += [f"argument {number}" for number in range(len(names), len(args))]
        self._args = [self._parts(*pair) for pair in zip(names, args, strict=True)]
        self._kwargs = {name: self._parts(name, value) for name, value in kwargs.items()}
        self._length = _length([*zip(names, self._args, strict=True), *self._kwargs.items()])

    @property
    def inputs(self) -> Inputs:
        """The runs whose whole results were taken apart, by parameter."""
        return self._inputs

    def __len__(self) -> int:
        """How many runs there are."""
        return self._length

    def __iter__(self) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
        """Give the arguments of each run."""
        for index in range(self._length):
            yield (
                tuple(_part(parts, index) for parts in self._args),
                {name: _part(parts, index) for name, parts in self._kwargs.items()},
            )

    def _parts(self, name: str, value: Any) -> list[Any] | _Same:
        """Return what each run gets of an argument."""
        if isinstance(value, unmapped):
            return _Same(value.value)
        if isinstance(value, allow_failure):
            return _marked(value, self._parts(name, value.value))
        if isinstance(value, (quote, opaque)):
            return _marked(value, _whole(value.value))
        origin = None
        if isinstance(value, (Upstream, State)):
            origin, value = input_of(value), _resolved(value)
        elif self._flow is not None:
            origin = self._flow.origins.whole(value)
        parts = _whole(value)
        if origin is not None and isinstance(parts, list):
            self._inputs[name] = (origin,)
        return parts


class _Same:
    """A value that every run gets."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _length(parts: list[tuple[str, list[Any] | _Same]]) -> int:
    lengths = {name: len(part) for name, part in parts if isinstance(part, list)}
    if not lengths:
        given = ", ".join(name for name, _ in parts) or "none"
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
    return next(iter(lengths.values()))


def _marked(mark: Annotation[Any], parts: list[Any] | _Same) -> list[Any] | _Same:
    if isinstance(parts, _Same):
        return _Same(mark)
    return [mark.rewrap(item) for item in parts]


def _whole(value: Any) -> list[Any] | _Same:
    if isinstance(value, (*_WHOLE, Annotation)):
        return _Same(value)
    try:
        return list(value)
    except TypeError:
        return _Same(value)


def _resolved(value: Upstream | State) -> Any:
    if isinstance(value, Upstream):
        wait_all([value], None, current.get())
    return resolve(value, value_of)


def _part(parts: list[Any] | _Same, index: int) -> Any:
    return parts.value if isinstance(parts, _Same) else parts[index]
