from __future__ import annotations

import re

import pytest

from flowstone.core.states import StateType
from flowstone.graphs.graph import Graph, Node, StateCount
from flowstone.graphs.mermaid import mermaid, mermaid_key

COMPLETED = (StateCount("COMPLETED", "Completed", 1),)
KEY = r"[0-9A-Za-z_]+"
# A quoted text as Mermaid reads it: entities are decoded, a quote ends it.
TEXT = r"\"[^\"#<>`&*\\]*(?:(?:#\d+;|<br/>)[^\"#<>`&*\\]*)*\""
LINES = (
    r"flowchart TD",
    rf" +{KEY}\[{TEXT}\](:::[a-z]+)?",
    rf" +subgraph {KEY}\[{TEXT}\]",
    r" +end",
    rf" +class {KEY} [a-z]+",
    rf"    {KEY} --> {KEY}",
    r"    classDef [a-z]+ stroke:#[0-9a-f]{6}(,stroke-(width:3px|dasharray:4))?",
)


def assert_parses(text: str) -> None:
    for line in text.splitlines():
        assert any(re.fullmatch(pattern, line) for pattern in LINES), line
    assert text.count("subgraph ") == len(re.findall(r"^ +end$", text, re.MULTILINE))


def read_label(text: str) -> str:
    found = re.search(r"\[\"(.*)\"\]", text)
    assert found is not None
    return re.sub(r"#(\d+);", lambda code: chr(int(code[1])), found[1])


def one(label: str, **more) -> str:
    return mermaid(Graph("t", (Node(key="n0", label=label, **more),), ()))


LABELS = (
    'say "hi"',
    "a[b] (c) {d} | e",
    "<b>bold</b> & #quot; #35;",
    "`code` *star* \\ back",
    "- item",
    "1. first",
    "12) twelfth",
    "end",
    "%% no comment",
    "a --> b; c",
    "漢字 🎉 é",
    "graph TD",
    "x:::y",
    "",
)


@pytest.mark.parametrize("label", LABELS)
def test_any_label_parses_and_reads_as_it_is(label):
    text = one(label)
    assert_parses(text)
    assert read_label(text) == label


@pytest.mark.parametrize("label", ["- item", "+ item", "1. first", "12) twelfth", "# head", "> q"])
def test_no_label_begins_like_markdown_which_would_replace_it(label):
    shown = one(label).splitlines()[1].partition('["')[2]
    assert not re.match(r"[-+*#>] |\d+[.)]", shown)


@pytest.mark.parametrize("label", ["two\nlines", "tab\tbed", "nul\x00", "\x1b[31m", "\ud800"])
def test_what_has_no_place_in_a_line_is_made_visible(label):
    text = one(label)
    text.encode()
    assert_parses(text)
    assert all(line.isprintable() for line in text.splitlines())


def test_a_node_tells_its_states_and_time_and_has_the_colour_of_the_worst():
    states = (StateCount("COMPLETED", "Completed", 1790), StateCount("FAILED", "TimedOut", 3))
    assert one("parse × 1,793", count=1793, states=states, seconds=72).splitlines() == [
        "flowchart TD",
        '    n0["parse × 1,793<br/>1,790 Completed, 3 TimedOut · 1 m 12 s"]:::failed',
        "    classDef failed stroke:#e03131,stroke-width:3px",
    ]


def test_runs_that_are_all_in_one_state_are_not_counted_twice():
    states = (StateCount("COMPLETED", "Cached", 50),)
    assert '"load × 50<br/>Cached"' in one("load × 50", count=50, states=states)


@pytest.mark.parametrize("kind", list(StateType))
def test_every_type_of_state_has_a_style(kind):
    text = one("a", states=(StateCount(kind.value, "Any", 1), *COMPLETED))
    assert_parses(text)
    worst = "completed" if kind is StateType.COMPLETED else kind.value.lower()
    assert f"]:::{worst}\n" in text
    assert f"classDef {worst} " in text


def test_what_a_run_called_is_a_subgraph_of_it():
    inner = Node(key="n2", label="load-0", states=COMPLETED)
    outer = Node(key="n1", label="sub · fox", states=COMPLETED, inside=(inner,))
    first = Node(key="n0", label="first")
    text = mermaid(Graph("t", (first, outer), (("n0", "n1"),)))
    assert_parses(text)
    assert text.splitlines()[1:] == [
        '    n0["first"]',
        '    subgraph n1["sub · fox<br/>Completed"]',
        '        n2["load-0<br/>Completed"]:::completed',
        "    end",
        "    class n1 completed",
        "    n0 --> n1",
        "    classDef completed stroke:#2f9e44",
    ]


def test_a_key_has_nothing_but_letters_digits_and_underscores():
    assert mermaid_key("load the-day [x]-0") == "load_the_day__x__0"
