"""Log lines of a run: listed, searched, followed, downloaded."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Annotated

from litestar import Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter
from litestar.response import Stream

from flowstone.server.cursors import cursor_of, place_of
from flowstone.server.errors import ApiError
from flowstone.server.routes.parameters import Cursor, IdText, Limit, Moment, refuse_unknown
from flowstone.server.wire.kinds import moment
from flowstone.server.wire.lines import LinePage, line_page
from flowstone.server.wire.narrowing import id_given
from flowstone.server.wire.times import time_text
from flowstone.store.databases import Database
from flowstone.store.following import Seen, newer
from flowstone.store.reading.lines import Line, LineKey, LinesPage, LinesWanted, list_lines

_AT_ONCE = 5000
_Newest = Annotated[bool, QueryParameter(description="The newest lines first.")]


def lines_wanted(
    flow_run: IdText = None,
    task_run: IdText = None,
    task: Annotated[
        str | None, QueryParameter(description="Only lines of runs of this task.")
    ] = None,
    level: Annotated[
        int, QueryParameter(ge=0, le=100, description="The lowest level, as numbers of `logging`.")
    ] = 0,
    text: Annotated[
        str,
        QueryParameter(
            max_length=500,
            description='Words that a line must hold, "phrases", and -words that it must not.',
        ),
    ] = "",
    at_after: Moment = None,
    at_before: Moment = None,
) -> LinesWanted:
    """Return which lines a query asks for."""
    if flow_run is None and task_run is None:
        message = "Lines are listed of one run: neither flow_run nor task_run is given."
        raise ApiError(400, "run_missing", message, "Give flow_run=ID or task_run=ID.")
    return LinesWanted(
        flow_run=id_given(flow_run),
        task_run=id_given(task_run),
        task=task,
        level=level,
        text=text,
        at_after=moment(at_after),
        at_before=moment(at_before),
    )


@get("/log-lines", sync_to_thread=True)
def list_log_lines(
    database: NamedDependency[Database],
    wanted: NamedDependency[LinesWanted],
    newest_first: _Newest = False,  # noqa: FBT002 - given by name
    limit: Limit = 50,
    cursor: Cursor = None,
) -> LinePage:
    """List the log lines of a run in the order of time.

    A page that is not full may go on behind `next`: what no index answers is looked for in a
    bounded number of lines, as far as `searched_to`.
    """
    after = None if cursor is None else place_of(cursor, LineKey)
    with database.store() as store:
        page = list_lines(
            store.connection, wanted, limit=limit, after=after, newest_first=newest_first
        )
    return line_page(page, cursor_of(Seen().with_lines(page.lines)))


@get("/log-lines/follow", sync_to_thread=True)
def follow_log_lines(
    database: NamedDependency[Database],
    wanted: NamedDependency[LinesWanted],
    since: Annotated[
        str | None,
        QueryParameter(description="`follow` of the answer before; none: from the start."),
    ] = None,
    limit: Limit = 1000,
) -> LinePage:
    """List the lines that came after those that were listed before, whichever process wrote them.

    Lines of several processes may arrive later than newer ones of others; none is passed over.
    A few more than `limit` may come.
    """
    known = Seen() if since is None else place_of(since, Seen)
    with database.store() as store:
        lines, seen = newer(store.connection, known, wanted, limit)
    return line_page(LinesPage(lines, None), cursor_of(seen))


@get(
    "/log-lines/download",
    sync_to_thread=True,
    media_type="text/plain",
    opt={"is_stream": True},
)
def download_log_lines(
    database: NamedDependency[Database], wanted: NamedDependency[LinesWanted]
) -> Stream:
    """Download the log lines of a run as text, one line each, in the order of time."""
    return Stream(
        _texts(database, wanted),
        media_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="log.txt"'},
    )


def _texts(database: Database, wanted: LinesWanted) -> Iterator[str]:
    after: LineKey | None = None
    while True:
        with database.store() as store:
            page = list_lines(store.connection, wanted, limit=_AT_ONCE, after=after)
        if page.lines:
            yield "".join(_text(line) for line in page.lines)
        after = page.after
        if after is None:
            return


def _text(line: Line) -> str:
    at, level = time_text(line.place.at), logging.getLevelName(line.level)
    run = line.task_run_name or line.flow_run_name or ""
    return f"{at} | {level:<8} | {run} | {line.message}\n"


_WANTED = {"wanted": Provide(lines_wanted, sync_to_thread=False)}
ROUTES = [
    Router(
        "/",
        route_handlers=[list_log_lines, follow_log_lines, download_log_lines],
        dependencies=_WANTED,
        guards=[refuse_unknown],
        tags=["log lines"],
    )
]
