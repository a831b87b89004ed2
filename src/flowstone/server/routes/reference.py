"""The document of the API as a page to read: plain HTML, which needs neither script nor style."""

from __future__ import annotations

from html import escape
from typing import Any

from litestar import Request, Router, get

_HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<title>Flowstone API</title></head><body><h1>Flowstone API</h1>
<p>Everything here is served as JSON. The same for programs:
<a href="/api/schema/openapi.json">openapi.json</a>.</p>"""


@get("/reference", sync_to_thread=True, media_type="text/html", include_in_schema=False)
def get_reference(request: Request[Any, Any, Any]) -> str:
    """Show all paths, with what each takes."""
    document = request.app.openapi_schema.to_schema()
    parts = [_HEAD]
    for path, methods in sorted(document["paths"].items()):
        for method, operation in sorted(methods.items()):
            parts.append(_operation(path, method, operation))
    return "".join([*parts, "</body></html>"])


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    parts = [
        f"<h2><code>{method.upper()} {escape(path)}</code></h2>",
        f"<p>{escape(operation.get('summary', ''))}.</p>",
    ]
    paragraphs = operation.get("description", "").split("\n\n")[1:]
    parts += [f"<p>{escape(' '.join(text.split()))}</p>" for text in paragraphs]
    parameters = operation.get("parameters", ())
    if parameters:
        rows = "".join(
            f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}</td>"
            f"<td>{escape(one.get('description', ''))}</td></tr>"
            for one in parameters
        )
        parts.append(f"<table><tr><th>name<th>in<th>meaning</tr>{rows}</table>")
    return "".join(parts)


ROUTES = [Router("/", route_handlers=[get_reference])]
