/** Draws the timeline: only what is in view, and no bar twice on one pixel. */

import { drawBars } from "~/features/timeline/bars";
import { type Drawing, timeAt, xOf } from "~/features/timeline/drawing";
import { drawLabel } from "~/features/timeline/labels";
import { gutterOf, RULER, rowAt } from "~/features/timeline/scene";
import { ticks, tickText } from "~/model/ticks";
import { type BarClass, endedBetween, type Group, openBefore, type Row } from "~/model/timeline";

export function draw(canvas: CanvasRenderingContext2D, one: Drawing): void {
  const { view, width, height, palette, scene } = one;
  canvas.clearRect(0, 0, width, height);
  canvas.textBaseline = "middle";
  drawRuler(canvas, one);
  canvas.save();
  canvas.beginPath();
  canvas.rect(0, RULER, width, height - RULER);
  canvas.clip();
  const first = Math.max(0, rowAt(scene, view.top));
  for (let index = first; index < scene.rows.length; index += 1) {
    const top = (scene.tops[index] as number) - view.top + RULER;
    if (top > height) break;
    const size = (scene.tops[index + 1] as number) - (scene.tops[index] as number);
    const row = scene.rows[index] as Row;
    if (index === one.cursor) {
      canvas.fillStyle = palette.focus;
      canvas.fillRect(0, top, width, size);
    }
    if (row.kind === "group") drawBand(canvas, one, row.group, top, size);
    else drawBars(canvas, one, row.kind === "lane" ? row.runs : Uint32Array.of(row.run), top, size);
    drawLabel(canvas, one, row, top, size);
  }
  canvas.fillStyle = palette.line;
  canvas.fillRect(gutterOf(width), RULER, 1, height);
  canvas.restore();
}

function drawRuler(canvas: CanvasRenderingContext2D, one: Drawing): void {
  const { view, width, height, palette, now } = one;
  const gutter = gutterOf(width);
  const { at, step } = ticks(view.from, view.to, (width - gutter) / 110);
  canvas.font = `500 11px ${palette.font}`;
  canvas.textAlign = "left";
  for (const time of at) {
    const x = Math.round(xOf(one, time));
    if (x < gutter) continue;
    canvas.fillStyle = palette.line;
    canvas.fillRect(x, RULER - 5, 1, height);
    canvas.fillStyle = palette.muted;
    canvas.fillText(tickText(time, step), x + 5, RULER / 2);
  }
  const x = Math.round(xOf(one, now));
  if (one.isLive && now > view.from && now < view.to && x > gutter) {
    canvas.fillStyle = palette.accent;
    canvas.fillRect(x, RULER - 8, 1.5, height);
  }
  canvas.fillStyle = palette.line;
  canvas.fillRect(0, RULER - 1, width, 1);
}

const STACK: readonly BarClass[] = ["other", "fine", "active", "bad"];

/** All runs of a task in one row: how many were open at each pixel; above, when one failed. */
function drawBand(
  canvas: CanvasRenderingContext2D,
  one: Drawing,
  group: Group,
  top: number,
  size: number,
): void {
  const { width, palette } = one;
  const gutter = gutterOf(width);
  const bottom = top + size - 4;
  const full = size - 13;
  canvas.fillStyle = palette.band;
  canvas.fillRect(gutter + 1, top + 4, width - gutter, size - 8);
  const kinds = STACK.filter((kind) => group.starts[kind].at.length > 0);
  const before = kinds.map((kind) => openBefore(group, kind, timeAt(one, gutter + 1)));
  for (let x = gutter + 1; x < width; x += 1) {
    const from = timeAt(one, x);
    const to = timeAt(one, x + 1);
    let y = bottom;
    for (const [index, kind] of kinds.entries()) {
      const now = openBefore(group, kind, to);
      const open = (now - (before[index] as number)) / (to - from);
      before[index] = now;
      if (open < 1e-6) continue; // what is left of a sum of times, not a run
      const tall = Math.max((open / group.most) * full, 1);
      canvas.fillStyle = palette.bars[kind];
      canvas.fillRect(x, y - tall, 1, tall);
      y -= tall;
    }
    if (group.bad > 0 && endedBetween(group, "bad", from, to) > 0) {
      canvas.fillStyle = palette.bars.bad;
      canvas.fillRect(x - 0.5, top + 3, 2, 6);
    }
  }
}
