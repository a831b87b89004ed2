"""How the arguments of a call find the parameters of a function, worked out once a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import zip_longest
from typing import Any

from flowstone.exceptions import ParameterBindError, ReservedArgumentError

RESERVED = ("return_state", "wait_for")
_PLAIN = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Binding:
    """The signature of a function, ready to be asked whether arguments fit.

    `annotations` and `converters` are what `core.parameters` found out of each parameter's
    annotation. Raises `ReservedArgumentError` for a parameter named `return_state` or `wait_for`.
    """

    __slots__ = (
        "_is_simple",
        "_least",
        "_most",
        "_names",
        "_others",
        "annotations",
        "converters",
        "fn",
        "signature",
    )

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.fn = fn
        self.annotations: dict[str, Any] = {}
        self.converters: dict[str, Callable[[Any], Any]] = {}
        self.signature = _signature(fn)
        for name in RESERVED:
            if name in self.signature.parameters:
                message = f"{name!r} is a reserved argument name and cannot be used."
                raise ReservedArgumentError(message)
        parameters = self.signature.parameters.values()
        plain = [parameter for parameter in parameters if parameter.kind in _PLAIN]
        empty = inspect.Parameter.empty
        others = [
            parameter
            for parameter in parameters
            if parameter.kind not in _PLAIN and parameter.default is empty
        ]
        # -1 where counting the positional arguments does not tell whether they fit.
        self._most = -1 if others else len(plain)
        self._least = sum(parameter.default is empty for parameter in plain)
        self._names = [parameter.name for parameter in plain]
        self._is_simple = len(plain) == len(parameters)
        self._others = {parameter.kind: parameter.name for parameter in parameters}

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raise `ParameterBindError` where the arguments do not fit."""
        if kwargs or not self._least <= len(args) <= self._most:
            self._bind(args, kwargs)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters by name, defaults included.

        A variadic parameter is one tuple or one dict under its own name.
        """
        if self._is_simple and not kwargs and len(args) == self._most:
            return dict(zip(self._names, args, strict=True))  # a tenth of the time
        bound = self._bind(args, kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)

    def named(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """Give each argument that was given with the name of its parameter.

        What goes into a variadic parameter has that parameter's name.
        """
        rest = self._others.get(inspect.Parameter.VAR_POSITIONAL, "")
        yield from zip_longest(self._names[: len(args)], args, fillvalue=rest)
        for name, value in kwargs.items():
            known = name in self.signature.parameters
            yield name if known else self._others[inspect.Parameter.VAR_KEYWORD], value

    def unbind(self, parameters: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments that give a function these parameters."""
        bound = inspect.BoundArguments(self.signature, parameters)
        return bound.args, bound.kwargs

    def replace(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], parameters: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a call with the values that their parameters have now.

        What was given by position stays there, and what was not given stays so: a wrapper that
        shows the signature of another function need not take all of it in the same way.
        """
        values = [parameters[name] for name in self._names[: len(args)]]
        others = {}
        for name, parameter in self.signature.parameters.items():
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                values += parameters[name]
            elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
                others.update(parameters[name])
            elif name in kwargs and parameter.kind is not inspect.Parameter.POSITIONAL_ONLY:
                others[name] = parameters[name]
        return tuple(values), others

    def __reduce__(self) -> tuple[Any, ...]:
        return Binding, (self.fn,)

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
        try:
            return self.signature.bind(*args, **kwargs)
        except TypeError as error:
            names = list(self.signature.parameters)
            unknown = next((name for name in kwargs if name not in names), None)
            hint = "" if unknown is None else _suggestion(unknown, names)
            called = getattr(self.fn, "__name__", type(self.fn).__name__)
            message = f"{called}() {error}; the parameters are ({', '.join(names)}){hint}"
            raise ParameterBindError(message) from None


def _suggestion(word: str, known: list[str]) -> str:
    # Loaded on the way to an error only: 2 ms of `difflib` else.
    hint = str(import_module("flowstone.core.suggestion").suggestion(word, known))
    return f".{hint}" if hint else ""


def _signature(fn: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(fn)
    except ValueError:  # some C functions have none: whatever fits, they say themselves
        return inspect.signature(_anything)


def _anything(*args: Any, **kwargs: Any) -> None:
    """Take any arguments."""


def parameter_names(fn: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a callable's parameters; none where it has no signature."""
    try:
        return tuple(inspect.signature(fn).parameters)
    except (TypeError, ValueError):  # some C functions have none
        return ()
