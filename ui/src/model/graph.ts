/**
 * The graph of a flow run as boxes and links: a box for each task (or flow) that it called, or one
 * for each run. Pure; what is where is told by `features/graph/layout.ts`.
 */

import type { GraphNode, RunGraph, StateRuns } from "~/api/shapes";

/** All runs of a task or flow, or (`run`) a single one. */
export interface Box {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly runs: number;
  readonly states: readonly StateRuns[];
  /** From the first start to the last end, milliseconds; null where nothing started. */
  readonly began: number | null;
  readonly ended: number | null;
  readonly run: GraphNode | null;
}

/** Results go from one box to another, or (`calls`) runs of the one call runs of the other. */
export interface Link {
  readonly from: string;
  readonly to: string;
  readonly count: number;
  readonly calls: boolean;
}

export interface Picture {
  readonly boxes: readonly Box[];
  readonly links: readonly Link[];
  /** How often runs of a box take results of runs of the same one. */
  readonly loops: ReadonlyMap<string, number>;
}

/** A box for each task and each flow. */
export function foldedPicture(graph: RunGraph): Picture {
  if (graph.groups.length > 0) {
    const boxes = graph.groups.map((group): Box => {
      const { id, kind, of: name, runs, states } = group;
      const [began, ended] = [timeOf(group.started), timeOf(group.ended)];
      return { id, kind, name, runs, states, began, ended, run: null };
    });
    return { boxes, ...linksOf(graph.edges, (id) => id, []) };
  }
  const groupOf = new Map(graph.nodes.map((node) => [node.id, node.group]));
  const members = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) {
    const found = members.get(node.group);
    if (found) found.push(node);
    else members.set(node.group, [node]);
  }
  const boxes = [...members].map(([id, nodes]) => boxOf(id, nodes));
  return { boxes, ...linksOf(graph.edges, (id) => groupOf.get(id), graph.nodes) };
}

/** A box for each run. */
export function singlePicture(graph: RunGraph): Picture {
  const boxes = graph.nodes.map((node) => ({
    ...boxOf(node.id, [node]),
    name: node.name,
    run: node,
  }));
  const known = new Set(graph.nodes.map(({ id }) => id));
  return { boxes, ...linksOf(graph.edges, (id) => (known.has(id) ? id : undefined), graph.nodes) };
}

/** The runs of a box, as far as a graph holds them: the oldest first. */
export function runsOf(graph: RunGraph, box: string): readonly GraphNode[] {
  return graph.nodes.filter(({ id, group }) => group === box || id === box);
}

function boxOf(id: string, nodes: readonly GraphNode[]): Box {
  const first = nodes[0] as GraphNode;
  const counts = new Map<string, StateRuns>();
  for (const { state } of nodes) {
    const key = `${state.type} ${state.name}`;
    const runs = (counts.get(key)?.runs ?? 0) + 1;
    counts.set(key, { type: state.type, name: state.name, runs });
  }
  const starts = nodes.flatMap(({ started }) => timeOf(started) ?? []);
  const ends = nodes.flatMap(({ ended }) => timeOf(ended) ?? []);
  return {
    id,
    kind: first.kind,
    name: first.of,
    runs: nodes.length,
    states: [...counts.values()],
    began: starts.length > 0 ? Math.min(...starts) : null,
    ended: ends.length > 0 ? Math.max(...ends) : null,
    run: null,
  };
}

function linksOf(
  edges: RunGraph["edges"],
  boxOfRun: (run: string) => string | undefined,
  nodes: readonly GraphNode[],
): { links: readonly Link[]; loops: ReadonlyMap<string, number> } {
  const found = new Map<string, Link>();
  const loops = new Map<string, number>();
  const add = (from: string | undefined, to: string | undefined, count: number, calls: boolean) => {
    if (from === undefined || to === undefined) return;
    if (from === to) {
      if (!calls) loops.set(from, (loops.get(from) ?? 0) + count);
      return;
    }
    const key = `${from} ${to} ${calls}`;
    const before = found.get(key)?.count ?? 0;
    found.set(key, { from, to, calls, count: before + count });
  };
  for (const { source, target, count } of edges)
    add(boxOfRun(source), boxOfRun(target), count, false);
  for (const { id, parent } of nodes) {
    if (parent !== null) add(boxOfRun(parent), boxOfRun(id), 1, true);
  }
  return { links: [...found.values()], loops };
}

function timeOf(text: string | null): number | null {
  return text === null ? null : Date.parse(text);
}
