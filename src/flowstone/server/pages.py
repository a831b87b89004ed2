"""The files of the web page, known before the first request: what is not among them is not there.

A path of a browser is only ever looked up in that table, so none can lead out of the directory.
Every other path without a dot, or of a flow or task by its name, is a place within the page, which
its script understands.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from flowstone.server.errors import ApiError

_STATIC = os.path.join(os.path.dirname(__file__), "static")
_FOREVER = "public, max-age=31536000, immutable"
_INDEX = "index.html"
_NAMED = ("flows/", "tasks/")
"""How places begin that end in a name which people gave: dots may stand in it."""


class PageFile(msgspec.Struct, frozen=True):
    """One file of the page; `tag` changes with what is in it."""

    path: str
    media_type: str
    tag: str
    caching: str


def page_directory() -> str:
    """Return where the page lies: as it was built, or the plain one where none was."""
    built = os.path.join(_STATIC, "app")
    return built if os.path.exists(os.path.join(built, _INDEX)) else os.path.join(_STATIC, "plain")


def files_of(directory: str) -> dict[str, PageFile]:
    """Return the files in a directory by their paths in it."""
    found = {}
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, directory).replace(os.sep, "/")
            with open(path, "rb") as file:
                digest = hashlib.sha256(file.read()).hexdigest()[:32]
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            # What a build puts there has a hash in its name.
            caching = _FOREVER if relative.startswith("assets/") else "no-cache"
            found[relative] = PageFile(path, kind, f'"{digest}"', caching)
    return found


@get(
    ["/", "/{path:path}"],
    opt={"scope": "none"},
    sync_to_thread=False,  # a file of some kB, which is in the page cache
    include_in_schema=False,
)
def page(
    request: Request[Any, Any, Any],
    page_files: NamedDependency[dict[str, PageFile]],
    path: FromPath[str] = "",
) -> Response[bytes]:
    """Give a file of the page; the page itself for every place within it."""
    name = path.strip("/")
    file = page_files.get(name)
    if file is None and ("." not in name or name.startswith(_NAMED)):
        file = page_files.get(_INDEX)
    if file is None:
        raise ApiError(404, "path_not_found", f"There is nothing at {request.url.path}.")
    headers = {"ETag": file.tag, "Cache-Control": file.caching}
    if file.tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers, media_type=file.media_type)
    with open(file.path, "rb") as opened:
        return Response(opened.read(), headers=headers, media_type=file.media_type)
