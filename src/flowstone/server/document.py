"""Completes the OpenAPI document: a line for each path, and the one shape of every error."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import (
    OpenAPI,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Reference,
    Schema,
)
from litestar.openapi.spec.enums import OpenAPIType

_METHODS = ("get", "put", "post", "patch", "delete")
_TEXT = Schema(type=OpenAPIType.STRING)
ERROR = Schema(
    title="Error",
    description="What went wrong: a word for programs, what was asked and found, what to do.",
    type=OpenAPIType.OBJECT,
    required=["code", "message", "hint", "details"],
    properties={"code": _TEXT, "message": _TEXT, "hint": _TEXT, "details": Schema()},
    examples=[
        {
            "code": "run_not_found",
            "message": "There is no flow run with the id 0199a3c2-6f31-7c1a-9d2e-5b0f4a7c8e11.",
            "hint": "Look for it: GET /api/flow-runs, /api/task-runs.",
            "details": None,
        }
    ],
)
_ERRORS = {
    "4XX": "The request cannot be done: it does not fit, or what it is about is not so.",
    "503": "The database is away or busy; try again.",
}


class DocumentConfig(OpenAPIConfig):
    """Makes the document when it is first asked for, and completes it: a second of work."""

    def to_openapi_schema(self) -> OpenAPI:
        """Return the document, still without paths."""
        empty = super().to_openapi_schema()
        return _Document(**{one.name: getattr(empty, one.name) for one in fields(empty)})


class _Document(OpenAPI):
    def to_schema(self) -> dict[str, Any]:
        """Return the document as JSON."""
        _complete_all(self)
        schema: dict[str, Any] = _any_of(super().to_schema())
        return schema


def _any_of(part: Any) -> Any:
    """Return a document whose unions may overlap: an integer is a number too."""
    if isinstance(part, dict):
        return {("anyOf" if key == "oneOf" else key): _any_of(one) for key, one in part.items()}
    return [_any_of(one) for one in part] if isinstance(part, list) else part


def _complete_all(document: OpenAPI) -> None:
    """Give each operation a summary (the first sentence of what it says) and its errors."""
    components = document.components
    for one in components if isinstance(components, list) else [components]:
        if one is not None:
            one.schemas["Error"] = ERROR
    for item in (document.paths or {}).values():
        for method in _METHODS:
            operation: Operation | None = getattr(item, method)
            if operation is not None:
                _complete(operation)


def _complete(operation: Operation) -> None:
    text = " ".join((operation.description or "").split("\n\n")[0].split())
    if text:
        operation.summary = text.rstrip(".")
    responses = {
        status: answer
        for status, answer in (operation.responses or {}).items()
        if not status.startswith(("4", "5"))
    }
    for status, meaning in _ERRORS.items():
        content = {
            "application/json": OpenAPIMediaType(schema=Reference(ref="#/components/schemas/Error"))
        }
        responses[status] = OpenAPIResponse(description=meaning, content=content)
    operation.responses = responses
