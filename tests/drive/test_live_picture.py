"""How a view looks: at 80 columns, narrower, wider, and where there are few rows."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from flowstone.drive.live.lookout import FlowView, MapView, View
from flowstone.drive.live.picture import Painter, lines_of

NIGHTLY = FlowView(
    flow="nightly",
    name="calm-reef",
    depth=0,
    seconds=72.4,
    counts={"running": 8, "waiting": 312, "completed": 1680, "failed": 2},
    maps=(MapView(task="load", done=1682, total=2000, rate=142.3),),
)
CLEANING = FlowView(
    flow="clean up",
    name="odd-lark",
    depth=1,
    seconds=3.2,
    counts={"awaiting retry": 1, "running": 1, "cached": 12},
    inner={"completed": 3, "failed": 1},
    maps=(
        MapView(task="sweep", done=0, total=7),
        MapView(task="a task with quite a long name", done=40, total=40, rate=3.0),
    ),
)
VIEW = View(
    flows=(NIGHTLY, CLEANING),
    slowest=(("load-1201", 64.2), ("load-1207", 3.9), ("fetch-3", 2.04)),
    failures=(("load-12", "ValueError: no such day"), ("load-77", "TimeoutError: " + "x" * 90)),
)


def shown(view: View, columns: int = 80, rows: int = 40) -> list[str]:
    painted = Painter(colors=False).paint(lines_of(view, columns, rows), columns)
    return [line.rstrip() for line in painted]


def test_at_80_columns_there_are_runs_maps_what_runs_long_and_what_failed():
    assert shown(VIEW) == [
        "─" * 80,
        "nightly · calm-reef  1 m 12 s",
        "  8 running · 312 waiting · 1,680 completed · 2 failed",
        "  load  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━───────  1,682/2,000  142/s  2 s left",
        "└ clean up · odd-lark  3 s",
        "    1 running · 1 awaiting retry · 12 cached · 4 flow runs ended, 1 failed",
        "    sweep                 ────────────────────────────────────────  0/7",
        "    a task with quite a…  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  40/40",
        "longest: load-1201 1 m 04 s · load-1207 4 s · fetch-3 2 s",
        "failed: load-12  ValueError: no such day",
        "failed: load-77  TimeoutError: " + "x" * 48 + "…",
    ]


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 200])
@pytest.mark.parametrize("rows", [6, 9, 24, 60])
def test_no_line_is_wider_than_the_terminal_and_half_of_its_rows_stay_free(columns, rows):
    lines = shown(VIEW, columns, rows)
    assert max(cell_len(line) for line in lines) <= columns
    assert 2 <= len(lines) <= rows // 2


def test_where_there_is_room_names_and_counts_share_a_line():
    assert shown(VIEW, 120)[1] == (
        "nightly · calm-reef  1 m 12 s   8 running · 312 waiting · 1,680 completed · 2 failed"
    )


def test_at_60_columns_numbers_stay_whole_and_words_are_cut():
    assert shown(VIEW, 60)[1:] == [
        "nightly · calm-reef  1 m 12 s",
        "  8 running · 312 waiting · 1,680 completed · 2 failed",
        "  load  ━━━━━━━━━━━━━━━━━━────  1,682/2,000  142/s  2 s left",
        "└ clean up · odd-lark  3 s",
        "    1 running · 1 awaiting retry · 12 cached · 4 flow runs …",
        "    sweep            ────────────────────────────────  0/7",
        "    a task with qu…  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  40/40",
        "longest: load-1201 1 m 04 s · load-1207 4 s · fetch-3 2 s",
        "failed: load-12  ValueError: no such day",
        "failed: load-77  TimeoutError: xxxxxxxxxxxxxxxxxxxxxxxxxxxx…",
    ]


def test_wide_characters_are_measured_as_the_terminal_shows_them():
    wide = FlowView(flow="夜間" * 20, name="静", depth=0, seconds=1, counts={"running": 3})
    line = shown(View(flows=(wide,)))[1]
    assert cell_len(line) <= 80
    assert line.endswith("…  1 s   3 running")


def test_many_flow_runs_are_cut_with_a_word_on_how_many_there_are_more():
    many = tuple(
        FlowView(flow="inner", name=f"run-{n}", depth=n > 0, seconds=n, counts={"running": 1})
        for n in range(30)
    )
    lines = shown(View(flows=many, failures=VIEW.failures), rows=24)
    assert len(lines) == 12
    assert lines[-3:-2] == ["… and 22 more"]
    assert [line.split()[0] for line in lines[-2:]] == ["failed:", "failed:"]


def test_in_the_fewest_rows_there_is_the_first_flow_run_and_the_last_failure():
    assert shown(VIEW, 40, 8) == [
        "─" * 40,
        "nightly · calm-reef  1 m 12 s",
        "… and 4 more",
        "failed: load-77  TimeoutError: xxxxxxxx…",
    ]


def test_maps_that_are_over_give_way_first():
    maps = tuple(MapView(task=f"step-{n}", done=9, total=9 + (n == 19)) for n in range(20))
    flow = FlowView(flow="etl", name="a", depth=0, seconds=9, counts={"running": 1}, maps=maps)
    lines = shown(View(flows=(flow,)), rows=24)
    assert [line.split()[0] for line in lines[1:]] == ["etl", "step-19", "…"]
    assert lines[-1] == "… and 19 more"


@pytest.mark.parametrize(("columns", "rows"), [(80, 5), (19, 24), (0, 0)])
def test_a_terminal_without_room_shows_nothing(columns, rows):
    assert lines_of(VIEW, columns, rows) == []


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (1234.5, "1,234/s  3 s left"),
        (2.5, "2.5/s  26 m 40 s left"),
        (0.25, "15.0/min"),
        (0.002, "7.2/h"),
    ],
)
def test_a_rate_is_said_in_the_unit_that_makes_it_readable(rate, text):
    one = MapView(task="load", done=1000, total=5000, rate=rate)
    flow = FlowView(flow="etl", name="a", depth=0, seconds=9, counts={}, maps=(one,))
    assert text in shown(View(flows=(flow,)))[2]


def test_colours_are_those_of_the_terminals_own_palette_and_only_where_wanted(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    lines = lines_of(VIEW, 80, 40)
    colored = "\n".join(Painter(colors=True).paint(lines, 80))
    assert "\x1b[36m8 running" in colored
    assert "38;" not in colored  # no colours of ours: the palette is made for its background
    assert "\x1b" not in "\n".join(Painter(colors=False).paint(lines, 80))
