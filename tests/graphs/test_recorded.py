from __future__ import annotations

from pathlib import Path

import pytest

from flowstone import flow, task
from flowstone.graphs import recorded
from flowstone.graphs.graph import Graph, Node, StateCount
from flowstone.graphs.recorded import MOST_NODES, graph_of
from flowstone.store.queries import open_store


@pytest.fixture
def drawn(home: Path):
    """Gives the graph of the flow run of this name, or of the only one without a parent."""

    def graph(name: str | None = None) -> Graph:
        with open_store(home) as store:
            rows = [row for row in store.flow_runs(limit=0) if row.parent_flow_run is None]
            row = store.find_flow_run(name) if name else rows[0]
            assert name or len(rows) == 1
            return graph_of(store, row)

    return graph


@task
def load(n):
    return [n]


@task
def check(values):
    if values[0] % 17 == 3:
        raise ValueError
    return values


@task
def total(lists):
    return [len(lists)]


def labels(nodes: tuple[Node, ...]) -> list[str]:
    return [node.label for node in nodes]


def edges(graph: Graph) -> set[tuple[str, str]]:
    """The edges by the labels of their ends."""
    names: dict[str, str] = {}
    todo = list(graph.nodes)
    while todo:
        node = todo.pop()
        assert node.key not in names
        names[node.key] = node.label
        todo += node.inside
    return {(names[a], names[b]) for a, b in graph.edges}


def size(nodes: tuple[Node, ...]) -> int:
    return sum(1 + size(node.inside) for node in nodes)


def test_a_map_of_many_is_one_node_with_the_states_of_its_runs(drawn):
    @flow
    def main():
        loaded = load.map(range(50))
        checked = check.map(loaded, return_state=True)
        total([state.result() for state in checked if state.is_completed()])

    main()
    graph = drawn()
    assert labels(graph.nodes) == ["load × 50", "check × 50", "total-0"]
    assert edges(graph) == {("load × 50", "check × 50"), ("check × 50", "total-0")}
    many = graph.nodes[1]
    assert many.states == (
        StateCount("COMPLETED", "Completed", 47),
        StateCount("FAILED", "Failed", 3),
    )
    assert (many.count, many.worst) == (50, "FAILED")
    assert many.seconds is not None
    assert many.seconds > 0


def test_a_map_of_a_few_shows_each_run_and_where_its_value_went(drawn):
    @flow
    def main():
        return total(check.map(load.map([1, 2])))

    main()
    assert edges(drawn()) == {
        ("load-0", "check-0"),
        ("load-1", "check-1"),
        ("check-0", "total-0"),
        ("check-1", "total-0"),
    }


def test_runs_of_one_task_with_other_inputs_are_another_node(drawn):
    @flow
    def main():
        load.map(range(20))
        start = total([])
        load.map(range(20), wait_for=[start])

    main()
    graph = drawn()
    assert labels(graph.nodes) == ["load × 20", "total-0", "load × 20"]
    assert graph.edges == (("n1", "n2"),)


def test_a_subflow_holds_its_runs_and_edges_end_at_its_rim(drawn):
    @flow(flow_run_name="inner-run")
    def inner(values):
        return total([check(values)])

    @flow
    def main():
        return total([inner(load(1))])

    main()
    graph = drawn()
    assert labels(graph.nodes) == ["load-0", "inner · inner-run", "total-0"]
    assert labels(graph.nodes[1].inside) == ["check-0", "total-0"]
    assert ("n0", "n1") in graph.edges
    assert ("n2", "n3") in graph.edges
    assert labels(drawn("inner-run").nodes) == ["check-0", "total-0"]


def test_runs_that_many_mapped_runs_called_are_one_node_within_theirs(drawn):
    @task
    def outer(n):
        return [check(load(part)) for part in range(2)]

    @flow
    def main():
        outer.map(range(30))

    main()
    graph = drawn()
    assert labels(graph.nodes) == ["outer × 30"]
    assert labels(graph.nodes[0].inside) == ["load × 60", "check × 60"]
    assert edges(graph) == {("load × 60", "check × 60")}


def test_a_long_chain_of_one_task_is_a_node_with_an_edge_to_itself(drawn):
    @flow
    def main():
        value = 0
        for _ in range(MOST_NODES + 1):
            value = load([value])

    main()
    graph = drawn()
    assert labels(graph.nodes) == [f"load × {MOST_NODES + 1}"]
    assert graph.edges == (("n0", "n0"),)


def test_a_chain_that_can_be_looked_at_is_shown_whole(drawn):
    @flow
    def main():
        value = 0
        for _ in range(30):
            value = load([value])

    main()
    graph = drawn()
    assert labels(graph.nodes) == [f"load-{n}" for n in range(30)]
    assert len(graph.edges) == 29


def test_a_flow_run_of_very_many_tasks_keeps_its_graph_small(drawn):
    @flow
    def main():
        value = []
        for n in range(3 * MOST_NODES):
            value = task(lambda given: [given], name=f"step {n}")(value)

    main()
    graph = drawn()
    rest = 2 * MOST_NODES + 1
    assert labels(graph.nodes)[-2:] == [f"step {MOST_NODES - 2}-0", f"{rest} others × {rest}"]
    assert size(graph.nodes) == MOST_NODES
    assert sum(node.count for node in graph.nodes) == 3 * MOST_NODES


def test_deep_nesting_is_shown_down_to_a_level(drawn):
    @flow
    def main(depth):
        return main(depth - 1) if depth else load(1)

    main(20)
    graph, depth = drawn(), 0
    nodes = graph.nodes
    while nodes:
        depth += 1
        nodes = nodes[0].inside
    assert depth == 9


def test_a_run_that_is_too_large_shows_its_newest_runs_and_says_so(drawn, monkeypatch):
    @flow
    def main():
        for n in range(40):
            load(n)

    main()
    monkeypatch.setattr(recorded, "MOST_RUNS", 30)
    graph = drawn()
    assert labels(graph.nodes) == ["load × 30"]
    assert graph.title.endswith(" · the newest 30 runs")


def test_the_title_tells_the_flow_its_run_its_state_and_its_time(drawn):
    @flow(name="nightly", flow_run_name="tuesday")
    def main():
        load(1)

    main()
    parts = drawn().title.split(" · ")
    assert parts[:3] == ["nightly", "tuesday", "Completed"]
    assert parts[3].endswith(("µs", " ms", " s"))


def test_a_flow_run_that_called_nothing_has_no_nodes(drawn):
    flow(lambda: None, name="idle")()
    assert drawn().nodes == ()
