"""A flow's parameters as a JSON schema, for forms and for checks elsewhere."""

from __future__ import annotations

import inspect
import re
from typing import Any

import msgspec

from flowstone.core.binding import Binding
from flowstone.core.parameters import annotation_of, model_of
from flowstone.core.plain import plain

_SECTION = re.compile(r"^(?:Args|Arguments|Parameters):\s*$", re.MULTILINE)
_ENTRY = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)$")
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class ParameterSchema(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON schema of a flow's parameters, in its parts."""

    title: str = "Parameters"
    type: str = "object"
    properties: dict[str, Any]
    required: list[str]
    definitions: dict[str, Any]


def parameter_schema(binding: Binding, docstring: str) -> ParameterSchema:
    """Return the schema: types of the annotations, descriptions of a Google-style docstring."""
    told = descriptions(docstring)
    properties: dict[str, Any] = {}
    definitions: dict[str, Any] = {}
    required = []
    for position, (name, parameter) in enumerate(binding.signature.parameters.items()):
        if name in ("self", "cls") and position == 0:
            continue
        shown = _schema_of(binding, parameter, definitions)
        shown |= {"title": name, "position": position}
        if name in told:
            shown["description"] = told[name]
        if parameter.default is not inspect.Parameter.empty:
            shown["default"] = plain(parameter.default)
        elif parameter.kind not in _VARIADIC:
            required.append(name)
        properties[name] = shown
    return ParameterSchema(properties=properties, required=required, definitions=definitions)


def descriptions(docstring: str) -> dict[str, str]:
    """Return what a docstring's `Args:` section says of each parameter."""
    found: dict[str, str] = {}
    section = _SECTION.search(docstring)
    if section is None:
        return found
    name, margin = "", None
    for line in docstring[section.end() :].splitlines():
        text, indent = line.strip(), len(line) - len(line.lstrip())
        if not text:
            continue
        if not indent:
            break  # the next section
        margin = indent if margin is None else margin
        entry = _ENTRY.match(text) if indent == margin else None
        if entry is not None:
            name = entry[1]
            found[name] = entry[2]
        elif name:
            found[name] += f"\n{text}"
    return found


def _schema_of(
    binding: Binding, parameter: inspect.Parameter, definitions: dict[str, Any]
) -> dict[str, Any]:
    """Return the schema of one annotation, empty for what JSON has no type for."""
    if parameter.annotation is inspect.Parameter.empty:
        return {}
    from pydantic.errors import PydanticInvalidForJsonSchema

    model = model_of(annotation_of(binding, parameter))
    if model is None:
        return {}
    try:
        schema = model.model_json_schema(ref_template="#/definitions/{model}")
    except PydanticInvalidForJsonSchema:
        return {}
    definitions.update(schema.get("$defs", {}))
    shown: dict[str, Any] = schema["properties"]["value"]
    return shown
