"""Artifacts: what a run leaves for people to see: text, tables, links, images, how far it is.

Making one appends a record to the log, and is over in microseconds; whoever reads collects first.
Artifacts of one key are versions of one thing. Outside of a run they belong to none.
"""

from __future__ import annotations

import functools
import logging
import math
import re
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib import import_module
from os import PathLike, fspath
from typing import Any, ParamSpec, Self, TypeVar
from uuid import UUID

import msgspec

from flowstone.core.facts import ArtifactChanged, ArtifactWritten
from flowstone.core.plain import clean_text, plain, short_repr
from flowstone.drive.seats import Lowered
from flowstone.wiring.here import engine_here, home_here, runs_here
from flowstone.wiring.process import PROCESS
from flowstone.wiring.shipping import flush

P = ParamSpec("P")
R = TypeVar("R")
Table = dict[str, list[Any]] | list[dict[str, Any]] | list[list[Any]]
_MOST_DEPTH = 32
_SENT = 5.0
"""Seconds that a read waits until the server has what this process recorded."""
_KEY = re.compile(r"[a-z0-9-]+")
_logger = logging.getLogger("flowstone.artifacts")


class ArtifactId(UUID):
    """The id of an artifact: a UUID, which `await` gives as it is."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, Self]:
        return self
        yield  # type: ignore[unreachable]  # makes it a generator, as `await` needs


class Artifact(msgspec.Struct, kw_only=True):
    """Something to be recorded with `create()`, or one version of it as it was recorded.

    `data` is anything that JSON can carry; what it cannot carry is written as text, NaN as null. As
    it is read it is JSON as text; Markdown and URLs are the text that they are, progress a number.
    `id` and what follows is known of what was read or created. Raises `ValueError` for a bad key.
    """

    type: str | None = None
    key: str | None = None
    description: str | None = None
    data: Any = None
    id: ArtifactId | None = None
    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None
    created: datetime | None = None
    updated: datetime | None = None

    def __post_init__(self) -> None:
        if self.key is not None:
            check_key(self.key)

    def __await__(self) -> Generator[Any, None, Self]:
        return self
        yield  # type: ignore[unreachable]  # makes it a generator, as `await` needs

    def format(self) -> str | float | None:
        """Return the data as it is recorded and read."""
        return None if self.data is None else json_text(self.data)

    async def aformat(self) -> str | float | None:
        """Return the data as it is recorded and read."""
        return self.format()

    def create(self) -> Artifact:
        """Record it, as a version of its key if it has one; return it as it is read."""
        made = self._write()
        runs, times = (made.flow_run, made.task_run), (made.at, made.at)
        return _as_read(
            made.artifact, made.type, made.key, made.data, made.description, runs, times
        )

    def _write(self) -> ArtifactWritten:
        data = self.format()
        text = data if data is None or isinstance(data, str) else json_text(data)
        kind, key = clean_text(self.type or ""), self.key
        description = None if self.description is None else _text("description", self.description)
        env = engine_here().env
        flow_run, task_run = runs_here()
        with Lowered():
            now = env.now()
            made = ArtifactWritten(
                env.new_id(now), kind, key, now, text, description, flow_run, task_run
            )
            env.log.append(made)
        return made

    async def acreate(self) -> Artifact:
        """Record it, as a version of its key if it has one; return it as it is read."""
        return self.create()

    @classmethod
    def get(cls, key: str) -> Artifact | None:
        """Return the newest version of a key, None where there is none."""
        with _opened_store() as store:
            if store.as_of is not None:
                _logger.warning("Artifact %r may be out of date: %s", key, store.collected.reason)
            for row in store.artifacts(key=key, limit=1):
                runs, times = (row.flow_run, row.task_run), (row.created, row.updated)
                return _as_read(row.id, row.type, row.key, row.data, row.description, runs, times)
        return None

    @classmethod
    async def aget(cls, key: str) -> Artifact | None:
        """Return the newest version of a key, None where there is none."""
        import asyncio

        return await asyncio.to_thread(cls.get, key)

    @classmethod
    def get_or_create(
        cls, key: str | None = None, description: str | None = None, data: Any = None, **more: Any
    ) -> tuple[Artifact, bool]:
        """Return the newest version of a key, or else make one; and whether it was made now."""
        found = None if key is None else cls.get(key)
        if found is not None:
            return found, False
        given = more if data is None else {"data": data, **more}
        return cls(key=key, description=description, **given).create(), True

    @classmethod
    async def aget_or_create(
        cls, key: str | None = None, description: str | None = None, data: Any = None, **more: Any
    ) -> tuple[Artifact, bool]:
        """Return the newest version of a key, or else make one; and whether it was made now."""
        import asyncio

        return await asyncio.to_thread(cls.get_or_create, key, description, data, **more)


class MarkdownArtifact(Artifact, kw_only=True):
    """Markdown text."""

    markdown: str
    type: str | None = "markdown"

    def format(self) -> str:
        """Return the text."""
        return _text("markdown", self.markdown)


class LinkArtifact(Artifact, kw_only=True):
    """A link, recorded as Markdown; `link_text` is what is shown of it."""

    link: str
    link_text: str | None = None
    type: str | None = "markdown"

    def format(self) -> str:
        """Return the link in Markdown."""
        link = _text("link", self.link)
        return f"[{_text('link_text', self.link_text) if self.link_text else link}]({link})"


class ImageArtifact(Artifact, kw_only=True):
    """An image that lies somewhere else."""

    image_url: str
    type: str | None = "image"

    def format(self) -> str:
        """Return where the image lies."""
        return _text("image_url", self.image_url)


class TableArtifact(Artifact, kw_only=True):
    """A table: a list of dicts, a list of lists, or a dict of lists."""

    table: Table
    type: str | None = "table"

    def format(self) -> str:
        """Return the table as JSON. Raises `TypeError` for what is no table."""
        if not _is_table(self.table):
            message = (
                "A table is a list of dicts, a list of lists, or a dict of lists; got "
                f"{short_repr(self.table)}. A data frame has one: `df.to_dict('records')`."
            )
            raise TypeError(message)
        return json_text(self.table)


class ProgressArtifact(Artifact, kw_only=True):
    """How much of something is done, in percent."""

    progress: float
    type: str | None = "progress"

    def format(self) -> float:
        """Return the percentage, moved to the nearest of 0 to 100 with a warning."""
        return _percentage(self.progress)


def create_link_artifact(
    link: str,
    link_text: str | None = None,
    key: str | None = None,
    description: str | None = None,
    client: object = None,
) -> ArtifactId:
    """Record a link and return its artifact's id. `client` is taken and not used."""
    del client
    return _id_of(LinkArtifact(link=link, link_text=link_text, key=key, description=description))


def create_markdown_artifact(
    markdown: str, key: str | None = None, description: str | None = None
) -> ArtifactId:
    """Record Markdown and return its artifact's id."""
    return _id_of(MarkdownArtifact(markdown=markdown, key=key, description=description))


def create_table_artifact(
    table: Table, key: str | None = None, description: str | None = None
) -> ArtifactId:
    """Record a table and return its artifact's id. Raises `TypeError` for what is no table."""
    return _id_of(TableArtifact(table=table, key=key, description=description))


def create_image_artifact(
    image_url: str, key: str | None = None, description: str | None = None
) -> ArtifactId:
    """Record where an image lies and return its artifact's id."""
    return _id_of(ImageArtifact(image_url=image_url, key=key, description=description))


def create_progress_artifact(
    progress: float, key: str | None = None, description: str | None = None
) -> ArtifactId:
    """Record how many percent are done and return the artifact's id, for updates."""
    return _id_of(ProgressArtifact(progress=progress, key=key, description=description))


def update_progress_artifact(
    artifact_id: UUID, progress: float, description: str | None = None
) -> ArtifactId:
    """Record how many percent are done now, in the same artifact; return its id.

    Nobody looks whether there is such an artifact: that is for readers to find out.
    """
    given: object = artifact_id
    if not isinstance(given, UUID):
        message = f"An artifact's id is a UUID, as `create_progress_artifact` gives; got {given!r}."
        raise TypeError(message)
    data = json_text(_percentage(progress))
    text = None if description is None else _text("description", description)
    env = engine_here().env
    with Lowered():
        env.log.append(ArtifactChanged(artifact_id.bytes, env.now(), data, text))
    return ArtifactId(bytes=artifact_id.bytes)


def _twin(fn: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Return what awaits nothing, and is there so that all async code reads alike."""

    @functools.wraps(fn)
    async def twin(*args: P.args, **kwargs: P.kwargs) -> R:
        return fn(*args, **kwargs)

    twin.__name__ = twin.__qualname__ = f"a{fn.__name__}"
    return twin


acreate_image_artifact = _twin(create_image_artifact)
acreate_link_artifact = _twin(create_link_artifact)
acreate_markdown_artifact = _twin(create_markdown_artifact)
acreate_progress_artifact = _twin(create_progress_artifact)
acreate_table_artifact = _twin(create_table_artifact)
aupdate_progress_artifact = _twin(update_progress_artifact)


def check_key(key: object) -> None:
    """Raise `ValueError` where this is no key of an artifact."""
    if isinstance(key, str) and _KEY.fullmatch(key):
        return
    likely = re.sub(r"[^a-z0-9]+", "-", str(key).lower()).strip("-")
    try_this = f" Try {likely!r}." if likely else ""
    message = f"An artifact's key has only lowercase letters, digits and dashes; got {key!r}."
    raise ValueError(message + try_this)


def json_text(value: Any) -> str:
    """Return any value as JSON: what JSON cannot carry as text, NaN and infinities as null."""
    try:
        return _to_json(value).decode()
    except Exception:  # noqa: BLE001  cycles, huge integers, lone surrogates, keys of other types
        return _to_json(_carried(value)).decode()


def _stand_in(value: Any) -> Any:
    """Return a value for what JSON does not know: a number of numpy's, a path, else its text."""
    if hasattr(value, "dtype") and not getattr(value, "shape", None):
        return value.item()
    if isinstance(value, PathLike):
        return fspath(value)
    return plain(value) if hasattr(value, "model_dump") else clean_text(str(value))


_to_json = msgspec.json.Encoder(enc_hook=_stand_in).encode


def _carried(value: Any, above: tuple[int, ...] = ()) -> Any:
    """Return a value as data that can be encoded, whatever is in it; a cycle is "..."."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict | list | tuple | set | frozenset):
        if id(value) in above or len(above) > _MOST_DEPTH:
            return "..."
        above = (*above, id(value))
        if isinstance(value, dict):
            return {clean_text(str(key)): _carried(item, above) for key, item in value.items()}
        return [_carried(item, above) for item in value]
    if value is None or isinstance(value, str | int):
        return plain(value)
    return plain(_stand_in(value))


def _is_table(table: object) -> bool:
    if isinstance(table, dict):
        return all(isinstance(column, list | tuple) for column in table.values())
    return isinstance(table, list | tuple) and any(
        all(isinstance(row, kind) for row in table) for kind in (dict, list | tuple)
    )


def _text(what: str, value: object) -> str:
    if not isinstance(value, str):
        message = f"The {what} of an artifact is text; got {type(value).__name__}."
        raise TypeError(message)
    return clean_text(value)


def _percentage(progress: float) -> float:
    given: object = progress
    if not isinstance(given, int | float) or math.isnan(given):
        message = f"Progress is a number from 0 to 100; got {given!r}."
        raise TypeError(message)
    nearest = float(min(max(progress, 0.0), 100.0))
    if nearest != progress:
        _logger.warning("Progress is from 0 to 100; got %s.", progress)
        _logger.warning("It is recorded as %s.", nearest)
    return nearest


def _id_of(artifact: Artifact) -> ArtifactId:
    return ArtifactId(bytes=artifact._write().artifact)  # noqa: SLF001 - of this module


@contextmanager
def _opened_store() -> Iterator[Any]:
    """Give the store of the home, or of the server that the settings name."""
    settings = PROCESS.settings
    if settings.api.url is None:
        queries = import_module("flowstone.store.queries")  # with `sqlite3`: recording needs none
        with queries.open_store(home_here()) as store:
            yield store
        return
    flush(_SENT)  # so that what this process made is there
    place = import_module("flowstone.client.place").place_of(settings)
    with closing(place), place.opened() as store:
        yield store


def _as_read(
    raw_id: bytes,
    kind: str,
    key: str | None,
    data: str | None,
    description: str | None,
    runs: tuple[bytes | None, bytes | None],
    times: tuple[int, int],
) -> Artifact:
    flow_run_id, task_run_id = (UUID(bytes=run) if run else None for run in runs)
    created, updated = (datetime.fromtimestamp(at / 1e9, UTC) for at in times)
    return Artifact(
        type=kind or None,
        key=key,
        description=description,
        data=float(data) if kind == "progress" and data is not None else data,
        id=ArtifactId(bytes=raw_id),
        flow_run_id=flow_run_id,
        task_run_id=task_run_id,
        created=created,
        updated=updated,
    )


__all__ = [
    "Artifact",
    "ArtifactId",
    "ImageArtifact",
    "LinkArtifact",
    "MarkdownArtifact",
    "ProgressArtifact",
    "TableArtifact",
    "acreate_image_artifact",
    "acreate_link_artifact",
    "acreate_markdown_artifact",
    "acreate_progress_artifact",
    "acreate_table_artifact",
    "aupdate_progress_artifact",
    "create_image_artifact",
    "create_link_artifact",
    "create_markdown_artifact",
    "create_progress_artifact",
    "create_table_artifact",
    "update_progress_artifact",
]
