/** The words left of the bars. */

import type { Drawing } from "~/features/timeline/drawing";
import { gutterOf } from "~/features/timeline/scene";
import { classOf, type Group, type Row } from "~/model/timeline";
import { duration } from "~/model/times";

/** What a row is called, left of its bars. */
export function drawLabel(
  canvas: CanvasRenderingContext2D,
  one: Drawing,
  row: Row,
  top: number,
  size: number,
): void {
  if (row.kind === "lane") return;
  const { palette } = one;
  const gutter = gutterOf(one.width);
  const y = top + size / 2;
  canvas.textAlign = "left";
  if (row.kind === "run") {
    canvas.font = `450 12px ${palette.font}`;
    canvas.fillStyle = classOf(one.columns, row.run) === "bad" ? palette.failed : palette.text;
    const left = leftOf(row.group);
    canvas.fillText(clip(canvas, one.nameOf(row.run), gutter - left - 8), left, y);
    if (row.unfolded !== null) {
      canvas.fillStyle = palette.muted;
      chevron(canvas, left - 9, y, row.unfolded);
    }
    return;
  }
  const { group, unfolded } = row;
  canvas.fillStyle = palette.muted;
  const left = leftOf(group);
  chevron(canvas, left - 9, y, unfolded);
  const isNarrow = gutter < 200;
  const count = `×${group.runs.length.toLocaleString("en")}`;
  canvas.font = `600 12px ${palette.font}`;
  canvas.fillStyle = palette.text;
  const name = clip(canvas, group.name, gutter - left - (isNarrow ? 6 : 72));
  canvas.fillText(name, left, y - 6);
  canvas.fillStyle = palette.muted;
  if (!isNarrow) canvas.fillText(count, left + 6 + canvas.measureText(name).width, y - 6);
  canvas.font = `450 11px ${palette.font}`;
  const bad = group.bad > 0 ? `${group.bad.toLocaleString("en")} failed ` : "";
  canvas.fillStyle = palette.failed;
  canvas.fillText(bad, left, y + 8);
  canvas.fillStyle = palette.muted;
  const indent = canvas.measureText(bad).width;
  const again = group.retried > 0 ? ` · ↻ ${group.retried.toLocaleString("en")}` : "";
  const more = isNarrow ? count : `p50 ${duration(group.median)}`;
  const rest = `${bad ? "· " : ""}${more}${again}`;
  canvas.fillText(clip(canvas, rest, gutter - left - indent - 6), left + indent, y + 8);
}

const DEEPEST = 6;

function leftOf(group: Group): number {
  return 18 + 12 * Math.min(group.depth, DEEPEST);
}

function chevron(canvas: CanvasRenderingContext2D, x: number, y: number, open: boolean): void {
  canvas.beginPath();
  if (open) {
    canvas.moveTo(x - 4, y - 2);
    canvas.lineTo(x + 4, y - 2);
    canvas.lineTo(x, y + 3.5);
  } else {
    canvas.moveTo(x - 2, y - 4);
    canvas.lineTo(x + 3.5, y);
    canvas.lineTo(x - 2, y + 4);
  }
  canvas.fill();
}

const clipped = new Map<string, string>();

/** A text as far as it fits, remembered: measuring is what costs a frame. */
function clip(canvas: CanvasRenderingContext2D, text: string, width: number): string {
  const key = `${width}|${canvas.font}|${text}`;
  const known = clipped.get(key);
  if (known !== undefined) return known;
  let found = text;
  if (canvas.measureText(text).width > width) {
    let length = text.length;
    while (length > 1 && canvas.measureText(`${text.slice(0, length)}…`).width > width) length -= 1;
    found = `${text.slice(0, length)}…`;
  }
  if (clipped.size > 5_000) clipped.clear();
  clipped.set(key, found);
  return found;
}
