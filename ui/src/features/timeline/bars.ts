/** Draws the bars of runs: each by itself, with its wait and its attempts. */

import { type Drawing, xOf } from "~/features/timeline/drawing";
import { gutterOf } from "~/features/timeline/scene";
import { attemptsOf } from "~/model/attempts";
import { type BarClass, beginOf, CLASSES, classOf, endOf, firstAfter } from "~/model/timeline";

const LEAST_APART = 6; // pixels from which on attempts are told apart

/** Runs that do not overlap, in order: bars that share a pixel become one, of the worst class. */
export function drawBars(
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
    if (columns.tries.has(run)) {
      drawAttempts(canvas, one, run, { x, y, wide, tall });
    } else if (kind !== "bad" && Number.isNaN(columns.start[run])) {
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

/** A run that was tried again: what was in vain is paler, and a line is where nothing ran. */
function drawAttempts(
  canvas: CanvasRenderingContext2D,
  one: Drawing,
  run: number,
  box: { x: number; y: number; wide: number; tall: number },
): void {
  const { columns, now, palette, width } = one;
  const { x, y, wide, tall } = box;
  if (wide < LEAST_APART) {
    canvas.fillRect(x, y, wide, tall);
    canvas.fillStyle = palette.text;
    canvas.fillRect(x, y, wide, 2);
    return;
  }
  const last = canvas.fillStyle;
  canvas.fillStyle = palette.muted;
  canvas.fillRect(x, y + tall / 2, wide, 1);
  const attempts = attemptsOf(columns, run, now);
  for (const [place, { from, to }] of attempts.entries()) {
    const begin = Math.max(xOf(one, from), gutterOf(width) + 1);
    const end = Math.min(xOf(one, to), width);
    if (end < begin) continue; // out of view
    const isLast = place === attempts.length - 1;
    canvas.fillStyle = isLast ? last : palette.again;
    bar(canvas, begin, y, Math.max(end - begin - 1, 1.5), tall);
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
