import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { GraphNode, RunInput } from "~/api/shapes";
import { taskRun } from "~/api/taskRun";
import { type Layout, type Point, pathOf } from "~/features/graph/layout";
import { cellMiddle, cellsOf } from "~/features/graph/sizes";
import type { Link, Picture } from "~/model/graph";

interface Props {
  readonly picture: Picture;
  readonly layout: Layout;
  readonly unfolded: ReadonlyMap<string, readonly GraphNode[]>;
  readonly selected: string | undefined;
}

/** The links between boxes, as wide as much goes along them; faint where a run is selected. */
export function LinkLines({
  picture,
  layout,
  isFaint,
}: {
  picture: Picture;
  layout: Layout;
  isFaint: boolean;
}) {
  return (
    <svg
      className={isFaint ? "graph-links is-faint" : "graph-links"}
      width={layout.width}
      height={layout.height}
      aria-hidden="true"
    >
      <defs>
        <marker
          id="graph-arrow"
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="8"
          markerHeight="8"
          markerUnits="userSpaceOnUse"
          orient="auto"
        >
          <path d="M0,0.5 L7.5,4 L0,7.5 z" />
        </marker>
      </defs>
      {picture.links.map((link, place) => (
        <LinkLine
          key={`${link.from} ${link.to} ${link.calls}`}
          link={link}
          way={layout.ways[place] ?? []}
        />
      ))}
    </svg>
  );
}

/** The links of the selected run, above the boxes: to the runs, or to what they are folded into. */
export function OwnLines({ picture, layout, unfolded, selected }: Props) {
  const found = useQuery({ ...taskRun(selected ?? ""), enabled: selected !== undefined });
  const middles = useMemo(() => middlesOf(picture, layout, unfolded), [picture, layout, unfolded]);
  const at = selected ? middles.get(selected) : undefined;
  if (!at || !found.data) return null;
  const placeOf = (end: RunInput) => middles.get(end.run) ?? middles.get(`${end.kind} ${end.of}`);
  const ways = [
    ...found.data.upstream.map((end) => ({ end, from: placeOf(end), to: at })),
    ...found.data.downstream.map((end) => ({ end, from: at, to: placeOf(end) })),
  ];
  return (
    <svg
      className="graph-links graph-own"
      width={layout.width}
      height={layout.height}
      aria-hidden="true"
    >
      {ways.map(({ end, from, to }) =>
        from && to ? <path key={`${end.run} ${end.name}`} d={bow(from, to)} /> : null,
      )}
    </svg>
  );
}

function LinkLine({ link, way }: { link: Link; way: readonly Point[] }) {
  const middle = way[Math.floor(way.length / 2)];
  const count = `×${link.count.toLocaleString("en")}`;
  return (
    <g className={link.calls ? "graph-calls" : undefined}>
      <path
        d={pathOf(way)}
        markerEnd="url(#graph-arrow)"
        style={{ strokeWidth: link.calls ? 1.25 : Math.min(6, 1.25 + Math.log10(link.count)) }}
      />
      {middle && (link.count > 1 || link.calls) ? (
        <text x={middle.x} y={middle.y - 6} textAnchor="middle">
          {link.calls ? "calls" : count}
        </text>
      ) : null}
    </g>
  );
}

/** The middle of a run's place, and how far it reaches to both sides. */
interface Spot extends Point {
  readonly half: number;
}

/** Where runs lie: in the middle of their cell, or of the box that they are folded into. */
function middlesOf(
  picture: Picture,
  layout: Layout,
  unfolded: ReadonlyMap<string, readonly GraphNode[]>,
): ReadonlyMap<string, Spot> {
  const found = new Map<string, Spot>();
  for (const { id, kind, name, run } of picture.boxes) {
    const place = layout.places.get(id);
    if (!place) continue;
    const half = place.width / 2;
    const middle = { x: place.x + half, y: place.y + place.height / 2, half };
    found.set(run ? run.id : `${kind} ${name}`, middle);
    const runs = unfolded.get(id) ?? [];
    const cell = cellsOf(runs.length).width / 2;
    for (const [at, one] of runs.entries()) {
      const { x, y } = cellMiddle(at, runs.length);
      found.set(one.id, { x: place.x + x, y: place.y + y, half: cell });
    }
  }
  return found;
}

function bow(from: Spot, to: Spot): string {
  const [begin, end] = [from.x + from.half, to.x - to.half];
  const bend = Math.max(30, Math.abs(end - begin) / 2);
  return `M${begin},${from.y} C${begin + bend},${from.y} ${end - bend},${to.y} ${end},${to.y}`;
}
