"""`flowstone flow-run graph`: a flow run as Mermaid text or as an SVG."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from flowstone.core.ids import id_text


@pytest.fixture
def otter(log) -> str:
    run = log.flow_run("brave-otter")
    load = log.retried_task_run("load-0", flow_run=run)
    for number in range(20):
        log.task_run(f"add-{number}", flow_run=run)
    log.waiting_task_run("sum-0", [("values", load)], flow_run=run)
    log.write()
    return id_text(run)


MERMAID = """\
flowchart TD
    n0["load-0<br/>Failed · 3.0 s"]:::failed
    n1["add × 20<br/>Completed · 1 ms"]:::completed
    n2["sum-0<br/>NotReady"]:::pending
    n0 --> n2
    classDef completed stroke:#2f9e44
    classDef failed stroke:#e03131,stroke-width:3px
    classDef pending stroke:#9c36b5
"""


def test_a_flow_run_is_shown_as_mermaid_text(cli, otter):
    assert cli("flow-run", "graph", otter) == (0, MERMAID, "")


def test_a_flow_run_is_found_by_its_name(cli, otter):
    assert cli("flow-run", "graph", "brave-otter")[1] == MERMAID


def test_svg_goes_where_a_pipe_takes_it(cli, otter):
    code, out, err = cli("flow-run", "graph", otter, "--format", "svg")
    assert (code, err) == (0, "")
    root = ET.fromstring(out)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "add × 20" in out


def test_the_name_of_the_file_tells_the_format(cli, otter, tmp_path):
    picture, text = tmp_path / "otter.SVG", tmp_path / "otter.mmd"
    assert cli("flow-run", "graph", otter, "-o", str(picture)) == (0, f"{picture}\n", "")
    assert ET.fromstring(picture.read_text(encoding="utf-8")) is not None
    assert cli("flow-run", "graph", otter, "--output", str(text)) == (0, f"{text}\n", "")
    assert text.read_text(encoding="utf-8") == MERMAID


def test_the_format_asked_for_beats_the_name_of_the_file(cli, otter, tmp_path):
    path = tmp_path / "otter.svg"
    cli("flow-run", "graph", otter, "--format", "mermaid", "-o", str(path))
    assert path.read_text(encoding="utf-8") == MERMAID


def test_a_file_that_cannot_be_written_is_named(cli, otter, tmp_path):
    path = tmp_path / "missing" / "otter.svg"
    code, out, err = cli("flow-run", "graph", otter, "-o", str(path))
    assert (code, out) == (1, "")
    assert err.startswith("Error: could not write the graph: ")
    assert str(path) in err
    assert err.count("\n") == 1


def test_a_run_that_is_not_there_is_said(cli, otter):
    code, out, err = cli("flow-run", "graph", "calm-heron")
    assert (code, out) == (1, "")
    assert "There is no flow run" in err


def test_a_flow_run_that_called_nothing_has_an_empty_graph(cli, log):
    log.flow_run("idle")
    log.write()
    assert cli("flow-run", "graph", "idle") == (0, "flowchart TD\n", "")
