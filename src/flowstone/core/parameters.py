"""Checks a flow's arguments against its annotations: scalars by a look, the rest with pydantic."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from flowstone.core.binding import Binding
from flowstone.core.failures import error_text
from flowstone.core.plain import short_repr
from flowstone.exceptions import ParameterBindError, ParameterTypeError

_SCALARS = frozenset({int, float, str, bool, bytes, type(None)})
_EMPTY = inspect.Parameter.empty
_LONGEST = 200
"""Characters of a value that a message shows."""
Converter = Callable[[Any], Any]


def validate(flow: str, binding: Binding, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters, each made to fit its annotation.

    A value fits as it is where it is the default, where there is no annotation, or `Any`, or one
    that cannot be understood (a name that only type checkers know), and where it has the very
    plain type asked for; only for others is pydantic loaded and asked. Raises `ParameterTypeError`
    naming each parameter that does not fit, what was given and why.
    """
    checked = dict(given)
    wrong: list[str] = []
    cause: Exception | None = None
    for name, value in given.items():
        parameter = binding.signature.parameters[name]
        if parameter.annotation is _EMPTY or value is parameter.default:
            continue
        annotation = annotation_of(binding, parameter)
        if annotation is Any or (type(value) is annotation and annotation in _SCALARS):
            continue
        try:
            checked[name] = _converter(binding, name, annotation)(value)
        except Exception as error:  # noqa: BLE001  a user's validator may raise anything
            cause = error if getattr(error, "errors", None) is None else cause
            wrong.append(_explain(name, value, error))
    if wrong:
        message = f"Flow {flow!r} received invalid parameters:\n" + "\n".join(wrong)
        raise ParameterTypeError(message) from cause
    return checked


def complete(flow: str, binding: Binding, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters by name, made to fit, with the defaults of those that are not given.

    Raises `ParameterBindError` for a name that is none, `ParameterTypeError` as `validate` does
    and for a parameter without a value.
    """
    known = binding.signature.parameters
    unknown = [name for name in given if name not in known]
    if unknown:
        message = (
            f"Flow {flow!r} has no parameter {unknown[0]!r}; the parameters are: {', '.join(known)}"
        )
        raise ParameterBindError(message)
    bound = inspect.BoundArguments(binding.signature, dict(given))
    bound.apply_defaults()
    missing = [name for name in known if name not in bound.arguments]
    if missing:
        message = f"Flow {flow!r} was given no value for: {', '.join(missing)}"
        raise ParameterTypeError(message)
    return validate(flow, binding, bound.arguments)


def annotation_of(binding: Binding, parameter: inspect.Parameter) -> Any:
    """Return what a parameter's value has to be; `Any` where its annotation says nothing to us."""
    if parameter.name in binding.annotations:
        return binding.annotations[parameter.name]
    annotation: Any = _evaluate(binding.fn, parameter.annotation)
    if annotation is None:
        return Any  # not kept: the name may be there at the next call
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        annotation = tuple[annotation, ...]
    elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
        annotation = dict[str, annotation]
    binding.annotations[parameter.name] = annotation
    return annotation


def model_of(annotation: Any) -> Any:
    """Return a pydantic model whose only field, `value`, has the annotation.

    None where pydantic cannot make one, e.g. of an annotation that is no type.
    """
    from pydantic import ConfigDict, PydanticUserError, create_model

    configuration = ConfigDict(arbitrary_types_allowed=True, populate_by_name=True)
    try:
        return create_model("Parameter", __config__=configuration, value=(annotation, ...))
    except PydanticUserError:
        return None


def _evaluate(fn: Any, annotation: Any) -> Any:
    """Return what the texts in an annotation stand for, None where they have names unknown here."""
    fn = inspect.unwrap(fn)
    names = getattr(fn, "__globals__", None) or vars(sys.modules[fn.__module__])
    code, cells = getattr(fn, "__code__", None), getattr(fn, "__closure__", None) or ()
    closure = {}
    for name, cell in zip(code.co_freevars if code else (), cells, strict=False):
        try:
            closure[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    holder = types.SimpleNamespace(__annotations__={"value": annotation})
    try:
        return get_type_hints(holder, names, closure, include_extras=True)["value"]
    except (NameError, AttributeError, TypeError, SyntaxError):
        return None


def _converter(binding: Binding, name: str, annotation: Any) -> Converter:
    """Return the function that makes a value fit; made once for each parameter of a flow."""
    known = binding.converters.get(name)
    if known is None:
        known = binding.converters[name] = _make_converter(annotation)
    return known


def _make_converter(annotation: Any) -> Converter:
    if isinstance(annotation, type) and hasattr(annotation, "__get_validators__"):
        old_model: Any = annotation  # of pydantic 1, which pydantic 2 does not take
        convert: Converter = old_model.validate
        return convert
    model = model_of(annotation)
    return _unchanged if model is None else lambda value: model(value=value).value


def _unchanged(value: Any) -> Any:
    return value


def _explain(name: str, value: Any, error: Exception) -> str:
    shown = short_repr(value)
    if len(shown) > _LONGEST:
        shown = f"{shown[:_LONGEST]}…"
    found = f"{shown} of type {type(value).__name__}"
    problems = getattr(error, "errors", None)
    if problems is None:
        return f"  {name}: {error_text(error)} (got {found})"
    try:
        listed = problems(include_url=False)
    except TypeError:  # pydantic 1
        listed = problems()
    lines = [
        f"{'.'.join(map(str, (name, *_place(problem['loc']))))}: {problem['msg']}"
        for problem in listed
    ]
    return f"  {'; '.join(lines)} (got {found})"


def _place(location: tuple[Any, ...]) -> tuple[Any, ...]:
    return location[1:] if location[:1] == ("value",) else location
