"""The figures of the documentation: made of what was measured, and judged as it was."""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
COLLECTED = {"runs per second": 30_000, "database bytes per run": 200}
ASKED = {"budget": 0.1, "p95": {"flows": 0.02, "tasks": 0.12}, "bytes_a_run": 442.0}
RUN = {"engine": "ray", "title": "no-op", "ours": 1500.0, "bare": 1000.0, "budget": 1.3}
MEASURED = {
    "collector": (COLLECTED, [False, True]),
    "collector-full": (COLLECTED, [True]),
    "collector-postgres": (COLLECTED, [True, True]),
    "queries": (ASKED, [False, False]),
    "queries-postgres": (ASKED | {"p95": {"flows": 0.1}}, [True, False]),
    "runners": (
        {
            "rows": [RUN, RUN | {"ours": 1300.0}, RUN | {"budget": None}],
            "scales": [{"engine": "dask", "faster": 1.8, "bare_faster": 1.9, "least": 1.9}],
        },
        [False, True, False],
    ),
    "live": ({"median_ms": 90.0, "longest_ms": 300.0}, [True]),
    "page": ({"usable": 1501.0, "zoom_frame_p95": 20.0, "change": 80.0}, [False, True, True]),
    "home": ({"home_first_view": 1200.0}, [False]),
    "home-postgres": ({"home_first_view": 700.0}, [True]),
    "kills": ({"kills": 1000, "seen": 500_000, "violations": 0}, [True]),
}
"""What the other measurements leave, and how that is judged."""


@pytest.fixture(scope="module")
def report():
    """Give the module that writes the pages."""
    known = set(sys.modules)
    sys.path.insert(0, str(BENCHMARKS))
    yield import_module("report")
    sys.path.remove(str(BENCHMARKS))
    for name in set(sys.modules) - known:
        if str(BENCHMARKS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def kept(report):
    return json.loads(report.KEPT.read_text())


def test_pages_and_picture_say_what_the_kept_figures_say(report, kept):
    for path, text in report.texts(kept).items():
        assert path.read_text() == text, f"{path}: benchmarks/report.py --kept writes it anew"


def test_a_budget_that_is_not_kept_is_counted_and_marked(report, kept):
    overhead = kept["figures"]["overhead"]
    met = verdict(report, kept)
    (direct,) = (row for row in overhead["rows"] if row["row"] == "direct")
    direct["ours_seconds"] = direct["prefect_seconds"] / 100
    lines = list(report.lines(kept))
    assert verdict(report, kept) == met - 1
    assert "1/100 | ≤ 1/250 of Prefect | **not met** |" in report.page(kept, lines)
    assert "1/100, over" in "".join(ET.fromstring(report.picture(lines)).itertext())
    assert "| 1/100 |" in report.in_short(kept)


def test_what_was_not_measured_is_no_budget_that_is_met(report, kept):
    met, whole = verdict(report, kept), len(list(report.lines(kept)))
    kept["figures"] = {}
    lines = list(report.lines(kept))
    assert met > 0
    assert whole > len(lines) == len(report.COMMANDS)
    assert verdict(report, kept) == 0
    assert f"{len(lines)} were not measured" in report.page(kept, lines)
    assert "Not measured yet" in report.in_short(kept)


def test_what_is_measured_anew_leaves_the_rest_as_it_was(report, kept, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["measurements"], "BUILD", tmp_path)
    kept["machine"] = report.joined(kept)["machine"]
    assert report.joined(kept) == kept
    (tmp_path / "kills.json").write_text('{"kills": 3}')
    assert report.joined(kept)["figures"] == kept["figures"] | {"kills": {"kills": 3}}
    kept["machine"] = kept["machine"] | {"processors": 64}
    assert report.joined(kept)["figures"] == {"kills": {"kills": 3}}


@pytest.mark.parametrize("name", MEASURED)
def test_each_measurement_is_judged_by_its_budgets(report, kept, name):
    figures, answers = MEASURED[name]
    kept["figures"] = {name: figures}
    lines = [line for line in report.lines(kept) if line.measurement == name]
    assert [line.is_met for line in lines] == answers
    assert report.page(kept, lines)
    assert ET.fromstring(report.picture(lines)).tag.endswith("svg")


def test_every_measurement_is_one_that_is_judged(report):
    assert set(report.COMMANDS) == {"overhead", "cache", *MEASURED}


def test_why_a_budget_is_missed_stands_only_where_it_is(report, kept):
    (what, why), *_ = report.WHY.items()
    row = next(row for row in kept["figures"]["overhead"]["rows"] if row["row"] == "import")
    for seconds, is_told in (
        (row["prefect_seconds"] / 2, True),
        (row["base_seconds"] / 100, False),
    ):
        row["ours_seconds"] = seconds
        lines = list(report.lines(kept))
        assert any(line.what == what and not line.is_met for line in lines) is is_told
        assert (why in report.page(kept, lines)) is is_told


def test_every_command_of_the_page_is_there_and_can_write_its_figures(report):
    for command in report.COMMANDS.values():
        script = report.ROOT / command.split()[0]
        assert '"--json"' in script.read_text(), command


def verdict(report, kept):
    found = re.search(r"\*\*(\d+) of \d+ budgets", report.page(kept, list(report.lines(kept))))
    return int(found[1])
