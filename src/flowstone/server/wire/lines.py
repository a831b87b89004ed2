"""Log lines as they are listed."""

from __future__ import annotations

import msgspec

from flowstone.server.cursors import cursor_of
from flowstone.server.wire.kinds import Id, Time, id_or_none, time_or_none
from flowstone.server.wire.times import time_text
from flowstone.store.reading.lines import Line, LinesPage


class LineItem(msgspec.Struct, frozen=True, kw_only=True):
    """One log line. `id` is unique here; `level` is the number of Python's `logging`."""

    id: str
    at: Time
    level: int
    logger: str
    message: str
    flow_run: Id | None
    flow_run_name: str | None
    task_run: Id | None
    task_run_name: str | None
    task: str | None


class LinePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some lines. `searched_to` is set where the page is not full though more may follow.

    `follow` asks for what comes after all that was listed so far, also where this was the end.
    """

    items: list[LineItem]
    next: str | None
    searched_to: Time | None
    follow: str


def line_item(line: Line) -> LineItem:
    """Return a line as lists show it."""
    return LineItem(
        id=f"{line.place.log}-{line.place.position}",
        at=time_text(line.place.at),
        level=line.level,
        logger=line.logger,
        message=line.message,
        flow_run=id_or_none(line.flow_run),
        flow_run_name=line.flow_run_name,
        task_run=id_or_none(line.task_run),
        task_run_name=line.task_run_name,
        task=line.task,
    )


def line_page(page: LinesPage, follow: str) -> LinePage:
    """Return a page of lines."""
    return LinePage(
        items=[line_item(line) for line in page.lines],
        next=None if page.after is None else cursor_of(page.after),
        searched_to=time_or_none(None if page.searched_to is None else page.searched_to.at),
        follow=follow,
    )
