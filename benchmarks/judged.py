"""The budgets, each beside what was measured: one line a budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from cache import MOST_OF_JOBLIB

from rows import GROWN, HELD
from table import seconds_text

MOST_BYTES = 400
"""Of the database, a task run with its indexes."""
COLLECTED = {"collector": 40_000, "collector-full": 25_000, "collector-postgres": 25_000}
"""Task runs a second, at least: bare; with an input and a log line each; bare into Postgres."""
BARS = {
    "live": 200,
    "usable": 1_500,
    "log_usable": 1_500,
    "zoom_frame_p95": 20,
    "change": 500,
    "home_first_view": 1_000,
}
"""Milliseconds at most, until something is seen."""
BARE = {"processes": "the process pool", "dask": "bare Dask", "ray": "bare Ray"}


class Line(NamedTuple):
    """One budget: what was measured, and whether it holds; None where it was not measured.

    `ratio` is that of ours to the peer's, `most` what it may be at most.
    """

    what: str
    measurement: str
    budget: str = ""
    ours: str = ""
    theirs: str = ""
    peer: str = ""
    ratio: float | None = None
    most: float | None = None
    is_met: bool | None = None


def lines(known: dict[str, Any]) -> Iterator[Line]:
    """Give the lines of all budgets, those that were not measured too."""
    for measurement, (what, judge) in _JUDGES.items():
        figures = known["figures"].get(measurement)
        if figures is None:
            yield Line(what, measurement)
        else:
            yield from judge(measurement, figures)


def _overhead(measurement: str, figures: Any) -> Iterator[Line]:
    for row in figures["rows"]:
        ours = seconds_text(row["ours_seconds"])
        for most, seconds, peer in (
            (row["of_prefect"], row["prefect_seconds"], "Prefect"),
            (row["of_base"], row["base_seconds"], row["base"]),
        ):
            if most:
                yield _compared(_title(row), measurement, ours, row, (most, seconds, peer))
    if memory := figures["memory"]:
        for what, bytes_, limit in (
            ("memory of a mapped run while its future is held", memory["held"], HELD),
            ("memory that each adds when as many are mapped again", memory["grown"], GROWN),
        ):
            yield _bounded(what, measurement, bytes_, limit, "bytes")


def _title(row: Any) -> str:
    titles = {
        "beside": "the same call beside a computing thread",
        "alone": "`python hello.py` where no server of Prefect's runs",
        "hello": "`python hello.py`: one flow, one task",
        "import": "`from flowstone import flow, task`",
        "version": "`flowstone version`",
        "ls": "`flowstone flow-run ls`, 100 runs",
    }
    return titles.get(row["row"], str(row["title"]))


def _compared(
    what: str, measurement: str, ours: str, row: Any, beside: tuple[float, float | None, str]
) -> Line:
    most, seconds, peer = beside
    budget = _at_most(most, peer)
    if not seconds or row["wrong"]:
        return Line(what, measurement, budget, ours)
    ratio = row["ours_seconds"] / seconds
    theirs = seconds_text(seconds)
    return Line(what, measurement, budget, ours, theirs, peer, ratio, most, ratio <= most)


def _bounded(what: str, measurement: str, figure: float, most: float, unit: str) -> Line:
    budget = f"≤ {most:,.0f} {unit}"
    return Line(what, measurement, budget, f"{figure:,.0f} {unit}", is_met=figure <= most)


def _cache(measurement: str, figures: Any) -> Iterator[Line]:
    (row,) = (one for one in figures["calls"] if one["row"] == "hit 1024")
    ratio, most = row["ratio_to_joblib"], MOST_OF_JOBLIB
    what = "a cached result of 1 KiB, key included"
    ours, theirs = (seconds_text(row[f"{side}_seconds"]) for side in ("ours", "joblib"))
    budget = _at_most(most, "joblib")
    yield Line(what, measurement, budget, ours, theirs, "joblib", ratio, most, ratio <= most)


def _collected(measurement: str, figures: Any) -> Iterator[Line]:
    least, rate = COLLECTED[measurement], figures["runs per second"]
    what, size = _JUDGES[measurement][0], figures["database bytes per run"]
    ours = f"{rate:,.0f} a second"
    yield Line(what, measurement, f"≥ {least:,} a second", ours, is_met=rate >= least)
    if measurement != "collector-full":
        where = "Postgres" if measurement == "collector-postgres" else "SQLite"
        about = f"disk of a bare task run in {where}, with indexes"
        yield _bounded(about, measurement, size, MOST_BYTES, "bytes")


def _queries(measurement: str, figures: Any) -> Iterator[Line]:
    most, slowest = figures["budget"], max(figures["p95"].values())
    over = [name for name, p95 in figures["p95"].items() if p95 > most]
    what = f"{_JUDGES[measurement][0]}: the slowest of {len(figures['p95'])}, p95"
    ours = seconds_text(slowest) + (f"; over: {', '.join(over)}" if over else "")
    budget = f"≤ {most * 1e3:.0f} ms"
    yield Line(what, measurement, budget, ours, is_met=not over)
    where = "Postgres" if measurement == "queries-postgres" else "SQLite"
    about = f"disk of each of 10 million task runs in {where}, with all that belongs to them"
    yield _bounded(about, measurement, figures["bytes_a_run"], MOST_BYTES, "bytes")


def _runners(measurement: str, figures: Any) -> Iterator[Line]:
    for row in figures["rows"]:
        if row["budget"]:
            peer, most = BARE[row["engine"]], row["budget"]
            ratio = row["ours"] / row["bare"]
            what = f"{_ENGINES[row['engine']]}: {row['title']}"
            ours, theirs = (seconds_text(row[side] / 1e6) for side in ("ours", "bare"))
            budget = _at_most(most, peer)
            yield Line(what, measurement, budget, ours, theirs, peer, ratio, most, ratio <= most)

    for one in figures["scales"]:
        what = f"{_ENGINES[one['engine']]}: two workers that compute, to one"
        ours, budget = f"{one['faster']:.2f} × as fast", f"≥ {one['least']} ×"
        yield Line(what, measurement, budget, ours, is_met=one["faster"] >= one["least"])


def _live(measurement: str, figures: Any) -> Iterator[Line]:
    what = _JUDGES[measurement][0]
    yield _bounded(what, measurement, figures["median_ms"], BARS["live"], "ms")


def _page(measurement: str, figures: Any) -> Iterator[Line]:
    for name, what in _ON_THE_PAGE.items():
        if name in figures:
            yield _bounded(what, measurement, figures[name], BARS[name], "ms")


def _home(measurement: str, figures: Any) -> Iterator[Line]:
    name, what = "home_first_view", _JUDGES[measurement][0]
    yield _bounded(what, measurement, figures[name], BARS[name], "ms")


def _kills(measurement: str, figures: Any) -> Iterator[Line]:
    what = f"lost or left open after {figures['kills']:,} × `kill -9` at a random moment"
    ours = f"{figures['violations']} ({figures['seen']:,} calls seen)"
    yield Line(what, measurement, "0", ours, is_met=not figures["violations"])


def times(ratio: float) -> str:
    """Write a ratio as 1/n where it is small, else as n ×."""
    return f"1/{1 / ratio:.3g}" if ratio < 0.5 else f"{ratio:.2f} ×"


def _at_most(most: float, peer: str) -> str:
    return f"≤ 1/{1 / most:g} of {peer}" if most < 0.5 else f"≤ {most:g} × {peer}"


_ENGINES = {"processes": "processes", "dask": "Dask", "ray": "Ray"}
_ON_THE_PAGE = {
    "usable": "the page of a run of 100,000 task runs, until it is usable",
    "log_usable": "its log of 1,000,000 lines, until it is usable",
    "zoom_frame_p95": "main thread for a frame while its timeline is zoomed, p95",
    "change": "a change of state, until the page shows it",
}
_JUDGES: dict[str, tuple[str, Callable[[str, Any], Iterator[Line]]]] = {
    "overhead": ("calls and whole processes", _overhead),
    "cache": ("cached results", _cache),
    "collector": ("collecting bare task runs into SQLite", _collected),
    "collector-full": ("collecting those that have an input and a log line each", _collected),
    "collector-postgres": ("collecting bare task runs into Postgres", _collected),
    "queries": ("questions over 10 million task runs in SQLite", _queries),
    "queries-postgres": ("questions over 10 million task runs in Postgres", _queries),
    "runners": ("tasks in processes, on Dask and on Ray", _runners),
    "live": ("a run that begins, until the stream of changes tells of it", _live),
    "page": ("the page in Chromium", _page),
    "home": ("the home page over 10 million task runs in SQLite, first view", _home),
    "home-postgres": ("the home page over 10 million task runs in Postgres, first view", _home),
    "kills": ("`kill -9` at a random moment", _kills),
}
