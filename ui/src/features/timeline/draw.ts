/** Draws the timeline: only what is in view, and no bar twice on one pixel. */

import { drawLabel } from "~/features/timeline/labels";
import type { Palette } from "~/features/timeline/palette";
import { gutterOf, RULER, rowAt, type Scene } from "~/features/timeline/scene";
import type { View } from "~/features/timeline/view";
import { ticks } from "~/model/ticks";
import {
  type BarClass,
  beginOf,
  CLASSES,
  classOf,
  endedBetween,
  endOf,
  firstAfter,
  type Group,
  openBefore,
  type Row,
  type RunColumns,
} from "~/model/timeline";
import { duration } from "~/model/times";

export interface Drawing {
  readonly columns: RunColumns;
  readonly scene: Scene;
  readonly view: View;
  readonly now: number;
  readonly isLive: boolean;
  readonly width: number;
  readonly height: number;
  readonly palette: Palette;
  readonly nameOf: (run: number) => string;
  /** The run that is selected or pointed at, -1 for none. */
  readonly marked: number;
}

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
    if (row.kind === "group") drawBand(canvas, one, row.group, top, size);
    else drawBars(canvas, one, row.kind === "lane" ? row.runs : Uint32Array.of(row.run), top, size);
    drawLabel(canvas, one, row, top, size);
  }
  canvas.fillStyle = palette.line;
  canvas.fillRect(gutterOf(width), RULER, 1, height);
  canvas.restore();
}

/** Where a time lies on the canvas. */
export function xOf(one: Pick<Drawing, "view" | "width">, time: number): number {
  const { from, to } = one.view;
  const gutter = gutterOf(one.width);
  return gutter + ((time - from) / (to - from)) * (one.width - gutter);
}

/** The time at a place on the canvas. */
export function timeAt(one: Pick<Drawing, "view" | "width">, x: number): number {
  const { from, to } = one.view;
  const gutter = gutterOf(one.width);
  return from + ((x - gutter) / (one.width - gutter)) * (to - from);
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
    canvas.fillText(label(time, step), x + 5, RULER / 2);
  }
  const x = Math.round(xOf(one, now));
  if (one.isLive && now > view.from && now < view.to && x > gutter) {
    canvas.fillStyle = palette.accent;
    canvas.fillRect(x, RULER - 8, 1.5, height);
  }
  canvas.fillStyle = palette.line;
  canvas.fillRect(0, RULER - 1, width, 1);
}

function label(time: number, step: number): string {
  if (Math.abs(time) < step / 2) return "0";
  if (step >= 1) return duration(time);
  const digits = Math.max(0, Math.ceil(-Math.log10(step)));
  return Math.abs(time) < 1 && step < 0.1
    ? `${(time * 1000).toFixed(Math.max(0, digits - 3))} ms`
    : `${time.toFixed(digits)} s`;
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

/** Runs that do not overlap, in order: bars that share a pixel become one, of the worst class. */
function drawBars(
  canvas: CanvasRenderingContext2D,
  one: Drawing,
  runs: Uint32Array,
  top: number,
  size: number,
): void {
  const { columns, view, width, now, palette, marked } = one;
  const gutter = gutterOf(width);
  const tall = Math.max(size - (size > 20 ? 10 : 3), 2);
  const y = top + (size - tall) / 2;
  let done = Number.NEGATIVE_INFINITY;
  let worst: BarClass = "other";
  for (let at = firstAfter(columns, runs, view.from, now); at < runs.length; at += 1) {
    const run = runs[at] as number;
    const begin = beginOf(columns, run);
    if (begin > view.to) break;
    const kind = classOf(columns, run);
    const x = Math.max(xOf(one, begin), gutter + 1);
    const end = Math.min(Math.max(xOf(one, endOf(columns, run, now)), x + 1), width);
    if (end - done < 0.5 && CLASSES.indexOf(kind) <= CLASSES.indexOf(worst)) continue;
    worst = end - done < 0.5 || kind === "bad" ? kind : "other";
    drawWait(canvas, one, run, done, y + tall / 2);
    canvas.fillStyle = palette.bars[kind];
    const wide = Math.max(end - x - (end - x > 3 ? 1 : 0), 1);
    if (kind !== "bad" && Number.isNaN(columns.start[run])) {
      canvas.fillRect(x, y + tall / 2, wide, 1); // it waited, and never began
    } else {
      bar(canvas, x, y, wide, tall);
    }
    if (run === marked) {
      canvas.strokeStyle = palette.text;
      canvas.lineWidth = 1.5;
      canvas.strokeRect(x - 1, y - 1, end - x + 1, tall + 2);
    }
    done = end;
  }
}

/** From creation to start: the time that the run waited, from where its row is `free` on. */
function drawWait(
  canvas: CanvasRenderingContext2D,
  one: Drawing,
  run: number,
  free: number,
  y: number,
): void {
  const created = one.columns.created[run] as number;
  const start = one.columns.start[run] as number;
  if (Number.isNaN(start)) return;
  const from = Math.max(xOf(one, created), gutterOf(one.width) + 1, free);
  const to = xOf(one, start);
  if (to - from < 3) return;
  canvas.fillStyle = one.palette.muted;
  canvas.fillRect(from, y, to - from, 1);
}

function bar(
  canvas: CanvasRenderingContext2D,
  x: number,
  y: number,
  wide: number,
  tall: number,
): void {
  if (wide < 6) {
    canvas.fillRect(x, y, wide, tall);
    return;
  }
  canvas.beginPath();
  canvas.roundRect(x, y, wide, tall, Math.min(3, tall / 2));
  canvas.fill();
}
