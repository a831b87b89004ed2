"""Checks a flow's arguments against its annotations: scalars by a look, the rest with pydantic."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from flowstone.exceptions import ParameterTypeError

_SCALARS = frozenset({int, float, str, bool, bytes, type(None)})
_EMPTY = inspect.Parameter.empty


def validate(
    fn: Callable[..., Any], signature: inspect.Signature, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the parameters, each made to fit its annotation.

    A value fits as it is where there is no annotation, or `Any`, or the value's own plain type;
    only for others is pydantic loaded and asked. Raises `ParameterTypeError` naming each
    parameter that does not fit, what was given and why.
    """
    checked = dict(given)
    wrong: list[str] = []
    for name, value in given.items():
        parameter = signature.parameters[name]
        annotation = parameter.annotation
        if annotation is _EMPTY or annotation is Any or value is parameter.default:
            continue
        if isinstance(annotation, str):
            annotation = _evaluate(fn, annotation)
        if annotation is Any or (type(value) is annotation and annotation in _SCALARS):
            continue
        try:
            checked[name] = _convert(annotation, value, parameter.kind)
        except ValueError as error:  # pydantic's ValidationError is one
            wrong.append(_explain(name, value, error))
    if wrong:
        message = f"Flow {fn.__name__!r} received invalid parameters:\n" + "\n".join(wrong)
        raise ParameterTypeError(message)
    return checked


def _evaluate(fn: Callable[..., Any], annotation: str) -> Any:
    fn = inspect.unwrap(fn)
    closure = inspect.getclosurevars(fn).nonlocals if getattr(fn, "__closure__", None) else {}
    try:
        return eval(annotation, getattr(fn, "__globals__", {}), closure)  # noqa: S307  the user's source
    except (NameError, AttributeError, TypeError, SyntaxError):
        return Any  # a name only known to type checkers: nothing to hold the value against


def _convert(annotation: Any, value: Any, kind: inspect._ParameterKind) -> Any:
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter

    if kind is inspect.Parameter.VAR_POSITIONAL:
        annotation = tuple[annotation, ...]
    elif kind is inspect.Parameter.VAR_KEYWORD:
        annotation = dict[str, annotation]
    try:
        adapter = TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:  # models and dataclasses bring a configuration of their own
        adapter = TypeAdapter(annotation)
    return adapter.validate_python(value)


def _explain(name: str, value: Any, error: ValueError) -> str:
    found = f"{value!r} of type {type(value).__name__}"
    if len(found) > 200:
        found = f"{found[:200]}…"
    problems = getattr(error, "errors", None)
    if problems is None:
        return f"  {name}: {error} (got {found})"
    lines = [
        f"{'.'.join(map(str, (name, *problem['loc'])))}: {problem['msg']}"
        for problem in problems(include_url=False)
    ]
    return f"  {'; '.join(lines)} (got {found})"
