/** Puts boxes in ranks from what gives to what takes, with dagre, which is loaded when needed. */

import type { Picture } from "~/model/graph";

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** `x` and `y` are of the top left corner. */
export interface Place extends Point {
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly places: ReadonlyMap<string, Place>;
  /** The way of each link of the picture, in their order. */
  readonly ways: readonly (readonly Point[])[];
}

export async function layOut(
  picture: Picture,
  sizeOf: (box: string) => { width: number; height: number },
  direction: "LR" | "TB",
): Promise<Layout> {
  const { Graph, layout } = await import("@dagrejs/dagre");
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: direction, nodesep: 22, ranksep: 62, marginx: 16, marginy: 16 });
  for (const { id } of picture.boxes) graph.setNode(id, { ...sizeOf(id) });
  for (const { from, to, count, calls } of picture.links) {
    const weight = calls ? 1 : 1 + Math.log10(count + 1);
    graph.setEdge(from, to, { weight, width: 0, height: 0 }, calls ? "calls" : "gives");
  }
  layout(graph);
  const places = new Map<string, Place>();
  for (const { id } of picture.boxes) {
    const { x, y, width, height } = graph.node(id) as Place;
    places.set(id, { x: x - width / 2, y: y - height / 2, width, height });
  }
  const { width, height } = graph.graph() as { width: number; height: number };
  const ways = picture.links.map(({ from, to, calls }) => {
    const edge = graph.edge(from, to, calls ? "calls" : "gives") as { points: Point[] };
    const ends = [places.get(from) as Place, places.get(to) as Place] as const;
    return fromSideToSide(edge.points, ends, direction);
  });
  return { width, height, places, ways };
}

/** A way that begins and ends in the middle of sides; one that goes back stays as it is. */
function fromSideToSide(
  way: readonly Point[],
  [from, to]: readonly [Place, Place],
  direction: "LR" | "TB",
): readonly Point[] {
  const inner = way.slice(1, -1);
  if (direction === "LR" && from.x + from.width <= to.x) {
    const begin = { x: from.x + from.width, y: from.y + from.height / 2 };
    return [begin, ...inner, { x: to.x, y: to.y + to.height / 2 }];
  }
  if (direction === "TB" && from.y + from.height <= to.y) {
    const begin = { x: from.x + from.width / 2, y: from.y + from.height };
    return [begin, ...inner, { x: to.x + to.width / 2, y: to.y }];
  }
  return way;
}

/** A way as a path with round corners. */
export function pathOf(way: readonly Point[]): string {
  const [first, ...rest] = way;
  if (first === undefined) return "";
  let path = `M${first.x},${first.y}`;
  for (const [index, point] of rest.entries()) {
    const next = rest[index + 1];
    if (next === undefined) path += ` L${point.x},${point.y}`;
    else {
      const middle = { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
      path += ` Q${point.x},${point.y} ${middle.x},${middle.y}`;
    }
  }
  return path;
}
