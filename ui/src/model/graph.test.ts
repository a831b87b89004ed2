import { expect, test } from "vitest";
import type { GraphNode, RunGraph } from "~/api/shapes";
import { foldedPicture, runsOf, singlePicture } from "~/model/graph";

function node(
  id: string,
  task: string,
  type = "COMPLETED",
  parent: string | null = null,
): GraphNode {
  return {
    id,
    kind: "task",
    of: task,
    group: `task-${task}`,
    name: `${task}-${id}`,
    state: { type, name: type.toLowerCase(), message: null },
    created: "2026-01-01T00:00:00Z",
    started: "2026-01-01T00:00:01Z",
    ended: `2026-01-01T00:00:0${Number(id) + 2}Z`,
    parent,
  };
}

const GRAPH: RunGraph = {
  runs: 4,
  is_whole: true,
  groups: [],
  nodes: [
    node("0", "load"),
    node("1", "parse"),
    node("2", "parse", "FAILED"),
    node("3", "sum", "COMPLETED", "0"),
  ],
  edges: [
    { source: "0", target: "1", count: 1 },
    { source: "0", target: "2", count: 2 },
    { source: "1", target: "2", count: 1 },
    { source: "2", target: "3", count: 1 },
    { source: "gone", target: "3", count: 1 },
  ],
};

test("runs of a task are one box, with their states, and their edges together", () => {
  const { boxes, links, loops } = foldedPicture(GRAPH);
  expect(boxes.map(({ name, runs }) => [name, runs])).toEqual([
    ["load", 1],
    ["parse", 2],
    ["sum", 1],
  ]);
  expect(boxes[1]?.states).toHaveLength(2);
  expect(links).toContainEqual({ from: "task-load", to: "task-parse", count: 3, calls: false });
  expect(loops.get("task-parse")).toBe(1);
});

test("who calls whom is a link of its own", () => {
  const { links } = foldedPicture(GRAPH);
  expect(links).toContainEqual({ from: "task-load", to: "task-sum", count: 1, calls: true });
});

test("with a box for each run, edges to runs that are not there are left out", () => {
  const { boxes, links } = singlePicture(GRAPH);
  expect(boxes).toHaveLength(4);
  expect(links.filter(({ calls }) => !calls)).toHaveLength(4);
  expect(boxes[2]).toMatchObject({ name: "parse-2", run: { id: "2" } });
});

test("a graph that the server folded is taken as it is", () => {
  const group = { id: "task-7", kind: "task", of: "parse", runs: 5_000, states: [] };
  const folded: RunGraph = {
    ...GRAPH,
    nodes: [],
    groups: [{ ...group, started: null, ended: null }],
    edges: [{ source: "task-7", target: "task-7", count: 9 }],
  };
  const { boxes, links, loops } = foldedPicture(folded);
  expect(boxes[0]).toMatchObject({ id: "task-7", name: "parse", runs: 5_000, began: null });
  expect([links.length, loops.get("task-7")]).toEqual([0, 9]);
});

test("the runs of a box are found by its task, or by itself", () => {
  expect(runsOf(GRAPH, "task-parse").map(({ id }) => id)).toEqual(["1", "2"]);
  expect(runsOf(GRAPH, "3").map(({ id }) => id)).toEqual(["3"]);
});
