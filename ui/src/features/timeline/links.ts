/** Whose results a run takes, and who takes its: curves from bar to bar, for one run at a time. */

import { type Drawing, xOf } from "~/features/timeline/drawing";
import { gutterOf, RULER, type Scene } from "~/features/timeline/scene";
import { beginOf, endOf } from "~/model/timeline";

/** The result of one run goes to another; runs by their place in the columns. */
export interface RunLink {
  readonly from: number;
  readonly to: number;
}

/** The middles of the rows in which linked runs are, in pixels from the first row. */
export function middlesOf(scene: Scene, links: readonly RunLink[]): ReadonlyMap<number, number> {
  const wanted = new Set(links.flatMap(({ from, to }) => [from, to]));
  const found = new Map<number, number>();
  for (const [index, row] of scene.rows.entries()) {
    const runs = row.kind === "run" ? [row.run] : row.kind === "lane" ? row.runs : row.group.runs;
    const middle = ((scene.tops[index] as number) + (scene.tops[index + 1] as number)) / 2;
    // A lane comes after its group's row: what is unfolded is found in its lane in the end.
    for (const run of runs) if (wanted.has(run)) found.set(run, middle);
  }
  return found;
}

export function drawLinks(
  canvas: CanvasRenderingContext2D,
  one: Drawing,
  links: readonly RunLink[],
  middles: ReadonlyMap<number, number>,
): void {
  const { columns, now, view, palette } = one;
  if (links.length === 0) return;
  canvas.save();
  canvas.beginPath();
  canvas.rect(gutterOf(one.width), RULER, one.width, one.height - RULER);
  canvas.clip();
  canvas.strokeStyle = palette.text;
  canvas.globalAlpha = Math.max(0.2, 0.75 - links.length * 0.01);
  canvas.lineWidth = 1.25;
  canvas.beginPath();
  for (const { from, to } of links) {
    const top = middles.get(from);
    const bottom = middles.get(to);
    if (top === undefined || bottom === undefined) continue;
    const x = xOf(one, endOf(columns, from, now));
    const end = xOf(one, beginOf(columns, to));
    const y = top - view.top + RULER;
    const below = bottom - view.top + RULER;
    const bend = Math.max(18, Math.abs(end - x) / 2);
    canvas.moveTo(x, y);
    canvas.bezierCurveTo(x + bend, y, end - bend, below, end, below);
    canvas.moveTo(end - 4, below - 3);
    canvas.lineTo(end, below);
    canvas.lineTo(end - 4, below + 3);
  }
  canvas.stroke();
  canvas.restore();
}
