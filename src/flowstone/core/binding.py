"""How the arguments of a call find the parameters of a function, worked out once a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from flowstone.exceptions import ParameterBindError, ReservedArgumentError

RESERVED = ("return_state", "wait_for")
_PLAIN = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Binding:
    """The signature of a function, ready to be asked whether arguments fit.

    Raises `ReservedArgumentError` for a parameter named `return_state` or `wait_for`.
    """

    __slots__ = ("_least", "_most", "signature")

    def __init__(self, fn: Callable[..., Any]) -> None:
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

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raise `ParameterBindError` where the arguments do not fit."""
        if kwargs or not self._least <= len(args) <= self._most:
            self._bind(args, kwargs)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters by name, defaults included.

        A variadic parameter is one tuple or one dict under its own name.
        """
        bound = self._bind(args, kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)

    def unbind(self, parameters: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments that give a function these parameters."""
        bound = inspect.BoundArguments(self.signature, parameters)
        return bound.args, bound.kwargs

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
        try:
            return self.signature.bind(*args, **kwargs)
        except TypeError as error:
            names = ", ".join(self.signature.parameters)
            message = f"{error}; the parameters are ({names})"
            raise ParameterBindError(message) from None


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
